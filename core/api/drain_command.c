// SPDX-License-Identifier: MIT
#include "api/drain_command.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "api/client.h"
#include "config/commands.h"
#include "config/config.h"
#include "protocol/json.h"
#include "util/buf.h"

enum { EXIT_DONE = 0, EXIT_FAILED = 1, EXIT_WRONG = 2 };

enum {
    TIMEOUT_MS = 10000,
    LOOK_MS = 1000,  // between two looks at how it goes
    DOUBTS_MAX = 10, // in a row that something else than "nobody listens" ends one
};

static const char path[] = "/api/drain";

struct task {
    const struct drain_command *command;
    struct client client;
    char *key;
    char where[ADDRESS_TEXT_SIZE];
    struct json_reader *reader;
    FILE *out, *err;
};

// What an answer says.
enum said {
    SAID_STATUS,
    SAID_PHASE,
    SAID_CONNECTIONS,
    SAID_CLOSED,
    SAID_FORCED,
    SAID_UNSETTLED,
    SAID_REMAINING,
    SAID_INSTANCE,
    SAID_STARTED,
    SAID
};
static const char *const said_names[SAID] = {"status",    "phase",        "connections", "closed", "forced",
                                             "unsettled", "remaining_ms", "instance",    "started"};

struct state {
    bool draining;
    char phase[16];
    uint64_t numbers[SAID];
    char who[96]; // the process, so that its successor is not taken for it
};

static void complain(const struct task *task, const char *sentence) {
    fprintf(task->err, "wshub drain: %s: %s\n", task->where, sentence);
}

// ---- answers ----

static void copy(char *out, size_t size, const struct json_member *member) {
    snprintf(out, size, "%.*s", member->text ? (int)member->text_length : 0,
             member->text ? member->text : "");
}

static bool read_state(const struct task *task, const struct buf *body, struct state *state) {
    struct json_member members[SAID];
    if (json_read(task->reader, body->data, strlen(body->data), said_names, SAID, members) != JSON_OK ||
        members[SAID_STATUS].type != JSON_STRING) {
        complain(task, "what answers there is no wshub that knows of drains");
        return false;
    }
    *state = (struct state){0};
    char status[16], instance[65];
    copy(status, sizeof status, &members[SAID_STATUS]);
    copy(state->phase, sizeof state->phase, &members[SAID_PHASE]);
    copy(instance, sizeof instance, &members[SAID_INSTANCE]);
    state->draining = strcmp(status, "draining") == 0;
    for (int i = 0; i < SAID; i++) {
        if (members[i].type == JSON_NUMBER) {
            state->numbers[i] = strtoull(members[i].raw, NULL, 10); // a body is terminated
        }
    }
    snprintf(state->who, sizeof state->who, "%s@%" PRIu64, instance, state->numbers[SAID_STARTED]);
    return true;
}

// {"error":{"code":"...","message":"..."}}
static void tell_refusal(const struct task *task, int status, const struct buf *body) {
    static const char *const outer[] = {"error"}, *const inner[] = {"message"};
    struct json_member error, message;
    struct buf text = {0};
    buf_printf(&text, "refused with %d", status);
    if (json_read(task->reader, body->data, strlen(body->data), outer, 1, &error) == JSON_OK &&
        error.type == JSON_OBJECT &&
        json_read(task->reader, error.raw, error.raw_length, inner, 1, &message) == JSON_OK && message.text) {
        buf_printf(&text, ": %.*s", (int)message.text_length, message.text);
    }
    buf_append(&text, "", 1);
    complain(task, text.failed ? "refused" : text.data);
    buf_free(&text);
}

// ---- asking ----

// The exit code; EXIT_DONE: *state is what it says.
static int order(const struct task *task, const char *method, struct state *state) {
    struct buf body = {0}, why = {0};
    int status = 0, code = EXIT_FAILED;
    if (client_ask(&task->client, method, path, &status, &body, &why) != CLIENT_OK) {
        buf_append(&why, "", 1);
        complain(task, why.failed ? "out of memory" : why.data);
    } else if (status / 100 != 2) {
        tell_refusal(task, status, &body);
    } else if (read_state(task, &body, state)) {
        code = EXIT_DONE;
    }
    buf_free(&body);
    buf_free(&why);
    return code;
}

static void tell_state(const struct task *task, const struct state *state) {
    const uint64_t *numbers = state->numbers;
    if (!state->draining) {
        fprintf(task->out, "serving %" PRIu64 " connections\n", numbers[SAID_CONNECTIONS]);
        return;
    }
    fprintf(task->out,
            "draining (%s): %" PRIu64 " connections left, %" PRIu64 " closed, %" PRIu64
            " of them cut, %" PRIu64 " unsettled, %" PRIu64 " s left\n",
            state->phase, numbers[SAID_CONNECTIONS], numbers[SAID_CLOSED], numbers[SAID_FORCED],
            numbers[SAID_UNSETTLED], (numbers[SAID_REMAINING] + 999) / 1000);
    fflush(task->out);
}

static void pause_between(void) {
    const struct timespec pause = {LOOK_MS / 1000, LOOK_MS % 1000 * 1000000};
    nanosleep(&pause, NULL);
}

enum look { LOOK_DRAINING, LOOK_GONE, LOOK_SERVING, LOOK_DOUBTFUL };

static enum look look(const struct task *task, const struct state *first) {
    struct buf body = {0}, why = {0};
    struct state state;
    int status = 0;
    enum look seen = LOOK_DOUBTFUL;
    enum client_result result = client_ask(&task->client, "GET", path, &status, &body, &why);
    if (result == CLIENT_REFUSED) {
        seen = LOOK_GONE;
    } else if (result == CLIENT_OK && status == 200 && read_state(task, &body, &state)) {
        if (strcmp(state.who, first->who) != 0) {
            seen = LOOK_GONE; // and this is who came after it
        } else if (!state.draining) {
            seen = LOOK_SERVING;
        } else {
            tell_state(task, &state);
            seen = LOOK_DRAINING;
        }
    }
    buf_free(&body);
    buf_free(&why);
    return seen;
}

static int wait_until_gone(const struct task *task, const struct state *first) {
    for (int doubts = 0; doubts < DOUBTS_MAX;) {
        pause_between();
        switch (look(task, first)) {
        case LOOK_DRAINING:
            doubts = 0;
            break;
        case LOOK_GONE:
            fputs("gone\n", task->out);
            return EXIT_DONE;
        case LOOK_SERVING:
            complain(task, "the drain was cancelled: it serves again");
            return EXIT_FAILED;
        case LOOK_DOUBTFUL:
            doubts++; // it may just be going
            break;
        }
    }
    complain(task, "it does not say any more how it goes");
    return EXIT_FAILED;
}

static int run(const struct task *task) {
    struct state state;
    int code = order(task, task->command->cancel ? "DELETE" : "POST", &state);
    if (code != EXIT_DONE) {
        return code;
    }
    tell_state(task, &state);
    return task->command->wait && !task->command->cancel ? wait_until_gone(task, &state) : EXIT_DONE;
}

// ---- where to, and with which key ----

static int take_key(struct task *task, const struct config *config) {
    const char *key = task->command->key_env ? getenv(task->command->key_env) : NULL;
    if (task->command->key_env && (!key || !*key)) {
        fprintf(task->err, "wshub drain: found no key in the environment variable %s\n",
                task->command->key_env);
        return EXIT_WRONG;
    }
    if (!key && config->api.keys.count == 0) {
        fputs("wshub drain: found no `api.keys` in the configuration, expected one: without keys there is no "
              "API. SIGTERM drains as well\n",
              task->err);
        return EXIT_WRONG;
    }
    key = key ? key : config->api.keys.items[0];
    if (key[strcspn(key, "\r\n")] != '\0') {
        fputs("wshub drain: found a key of several lines, expected one\n", task->err);
        return EXIT_WRONG;
    }
    task->key = strdup(key);
    task->client.key = task->key;
    return task->key ? EXIT_DONE : EXIT_FAILED;
}

static int take_address(struct task *task, const struct config *config) {
    const char *url = task->command->url ? task->command->url : config->listen.items[0];
    struct buf why = {0};
    const char *reason = NULL;
    bool found = task->command->url ? client_find(&task->client.address, url, &why)
                                    : address_parse(&task->client.address, url, &reason);
    if (!found) {
        buf_append(&why, "", 1);
        fprintf(task->err, "wshub drain: %s: %s\n", url,
                reason       ? reason
                : why.failed ? "out of memory"
                             : why.data);
    } else {
        client_approach(&task->client.address);
        address_format(&task->client.address, task->where, sizeof task->where);
    }
    buf_free(&why);
    return found ? EXIT_DONE : EXIT_WRONG;
}

// What plugins make of it does not matter here.
static bool no_more(const struct config *config, const char *name, struct buf *errors) {
    (void)config;
    (void)name;
    (void)errors;
    return true;
}

static int prepare(struct task *task) {
    struct config config;
    struct buf errors = {0};
    const char *file = task->command->config;
    if (!config_load_usual(&config, &file, no_more, &errors)) {
        fprintf(task->err, "%.*s", (int)errors.length, errors.data ? errors.data : "out of memory\n");
        buf_free(&errors);
        return EXIT_WRONG;
    }
    int code = take_key(task, &config);
    code = code == EXIT_DONE ? take_address(task, &config) : code;
    config_free(&config);
    buf_free(&errors);
    return code;
}

int drain_command(const struct drain_command *command, FILE *out, FILE *err) {
    struct task task = {.command = command, .client.timeout_ms = TIMEOUT_MS, .out = out, .err = err};
    int code = prepare(&task);
    if (code == EXIT_DONE) {
        task.reader = json_reader_new();
        code = task.reader ? run(&task) : EXIT_FAILED;
    }
    json_reader_free(task.reader);
    if (task.key) {
        explicit_bzero(task.key, strlen(task.key));
    }
    free(task.key);
    return code;
}
