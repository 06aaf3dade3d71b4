/* SPDX-License-Identifier: MIT */
#include "base.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { AT_ONCE = 32 }; /* works that one call of the timer does */

/* ---- works ---- */

static struct wshub_bytes take(char **at, struct wshub_bytes bytes) {
    struct wshub_bytes copy = {*at, bytes.length};
    if (bytes.length > 0) {
        memcpy(*at, bytes.data, bytes.length);
    }
    *at += bytes.length + 1;
    return copy;
}

static struct work *work_new(struct instance *instance, enum slot slot, wshub_token token,
                             struct wshub_bytes shown, struct wshub_bytes user, struct wshub_bytes name) {
    size_t size = shown.length + user.length + name.length + 3;
    struct work *work = calloc(1, sizeof *work + size);
    if (work) {
        char *at = work->bytes;
        work->instance = instance;
        work->slot = slot;
        work->token = token;
        work->fd = -1;
        work->size = size;
        work->shown = take(&at, shown);
        work->user = take(&at, user);
        work->name = take(&at, name);
    }
    return work;
}

/* What cannot be left out by a compiler. */
void base_forget(struct work *work) {
    volatile char *at = work->bytes;
    for (size_t i = 0; i < work->size; i++) {
        at[i] = 0;
    }
    free(work);
}

static struct work *next_work(struct instance *instance) {
    struct work *work = instance->works;
    if (work) {
        instance->works = work->next;
        if (!work->next) {
            instance->end = &instance->works;
        }
    }
    return work;
}

void base_queue(struct instance *instance, struct work *work) {
    if (!instance->works) {
        instance->host->timer_start(instance->host->self, instance->timer, 0);
    }
    work->next = NULL;
    *instance->end = work;
    instance->end = &work->next;
}

static int start(struct instance *instance, struct work *work) {
    if (!work) {
        return WSHUB_NO_MEMORY;
    }
    if (instance->host->option_text(instance->host->self, "backend")[0]) {
        int status = backend_ask(instance, work);
        if (status != WSHUB_OK) {
            ways.forget(work);
        }
        return status;
    }
    base_queue(instance, work);
    return WSHUB_OK;
}

void base_complete(struct instance *instance, struct work *work, int status) {
    instance->host->complete(instance->host->self, work->token, status);
}

void base_run(struct instance *instance) {
    for (int i = 0; i < AT_ONCE; i++) {
        struct work *work = next_work(instance);
        if (!work) {
            return;
        }
        ways.complete(instance, work, work->answer != WSHUB_OK ? work->answer : ways.decide(instance, work));
        ways.forget(work);
    }
    if (instance->works) {
        instance->host->timer_start(instance->host->self, instance->timer, 0);
    }
}

static void on_timer(void *context) {
    base_run(context);
}

static void on_answer(struct work *work, int status) {
    work->answer = status;
    base_queue(work->instance, work);
}

/* ---- decisions ---- */

static int authorize(const struct work *work) {
    bool may =
        work->verb == WSHUB_VERB_PUBLISH && base_is(work->user, "bob") && base_is(work->name, "room:1");
    return may ? WSHUB_OK : WSHUB_DENIED;
}

int base_identify_as(struct instance *instance, struct work *work, const struct entry *entry,
                     void (*change)(struct wshub_identity *identity)) {
    const struct wshub_grant grants[] = {
        {base_bytes("room:*"), WSHUB_VERB_SUBSCRIBE | WSHUB_VERB_HISTORY, 0},
        {base_bytes("inbox:{user}"), WSHUB_VERB_SUBSCRIBE | WSHUB_VERB_PUBLISH, 0},
    };
    struct wshub_identity identity = {
        .struct_size = sizeof identity,
        .ask = entry->ask,
        .user = base_bytes(entry->user),
        .token_id = base_bytes("id-of-a-token"),
        .info = base_bytes("{\"of\":\"the table\"}"),
        .expires = ((uint64_t)time(NULL) + 3600) * 1000,
        .grants = grants,
        .grant_count = 2,
    };
    if (change) {
        change(&identity);
    }
    return instance->host->identify(instance->host->self, work->token, &identity);
}

int base_identify(struct instance *instance, struct work *work, const struct entry *entry) {
    return base_identify_as(instance, work, entry, NULL);
}

int base_decide(struct instance *instance, struct work *work) {
    if (work->slot == AUTHORIZE) {
        return authorize(work);
    }
    if (work->shown.length == 0) {
        return work->slot == AUTHENTICATE ? WSHUB_PASS : WSHUB_DENIED;
    }
    const struct entry *entry = ways.find(instance, work->shown);
    if (!entry) {
        instance->host->explain(instance->host->self, work->token, "the token is not in the table");
        return WSHUB_DENIED;
    }
    return entry->status == WSHUB_OK ? ways.identify(instance, work, entry) : entry->status;
}

/* ---- the slots ---- */

/* `realm` means nothing to it, but a plugin that takes any text for a name is a bad one. */
int base_check(const struct wshub_host *host) {
    const char *realm = host->option_text(host->self, "realm");
    size_t length = strspn(realm, "abcdefghijklmnopqrstuvwxyz");
    if (length == 0 || length > 32 || realm[length]) {
        host->option_refuse(host->self, "realm", "1 to 32 of a-z");
        return WSHUB_INVALID;
    }
    if (strlen(host->option_text(host->self, "file")) > 1024) {
        host->option_refuse(host->self, "file", "a path of at most 1024 letters");
        return WSHUB_INVALID;
    }
    const char *backend = host->option_text(host->self, "backend");
    if (backend[0] && !backend_is_address(backend)) {
        host->option_refuse(host->self, "backend", "ADDRESS:PORT, such as 127.0.0.1:8080");
        return WSHUB_INVALID;
    }
    return WSHUB_OK;
}

int base_open(const struct wshub_host *host, void **self) {
    if (base_check(host) != WSHUB_OK) {
        return WSHUB_INVALID;
    }
    struct instance *instance = calloc(1, sizeof *instance);
    if (!instance) {
        return WSHUB_NO_MEMORY;
    }
    instance->host = host;
    instance->end = &instance->works;
    instance->timer = host->timer_new(host->self, on_timer, instance);
    int status = instance->timer ? ways.read(instance) : WSHUB_NO_MEMORY;
    if (status != WSHUB_OK) {
        host->timer_free(host->self, instance->timer);
        free(instance);
        return status;
    }
    *self = instance;
    return WSHUB_OK;
}

void base_close(void *self) {
    struct instance *instance = self;
    struct work *work;
    while ((work = instance->asking)) {
        instance->asking = work->next;
        backend_end(work);
        base_forget(work);
    }
    while ((work = next_work(instance))) {
        base_forget(work);
    }
    table_free(instance);
    instance->host->timer_free(instance->host->self, instance->timer);
    free(instance);
}

static const struct wshub_bytes none = {NULL, 0};

int base_authenticate(void *self, const struct wshub_request *request, wshub_token token) {
    return start(self, work_new(self, AUTHENTICATE, token, request->token, none, none));
}

int base_refresh(void *self, const struct wshub_request *request, wshub_token token) {
    return start(self, work_new(self, REFRESH, token, request->token, none, none));
}

int base_authorize(void *self, const struct wshub_operation *operation, wshub_token token) {
    struct work *work = work_new(self, AUTHORIZE, token, none, operation->user, operation->name);
    if (work) {
        work->verb = operation->verb;
    }
    return start(self, work);
}

void base_reload(void *self) {
    ways.read(self);
}

/* ---- for others ---- */

struct wshub_bytes base_bytes(const char *text) {
    return (struct wshub_bytes){text, strlen(text)};
}

bool base_is(struct wshub_bytes bytes, const char *text) {
    return bytes.length == strlen(text) && (bytes.length == 0 || memcmp(bytes.data, text, bytes.length) == 0);
}

void base_sleep(unsigned milliseconds) {
    struct timespec left = {milliseconds / 1000, (long)(milliseconds % 1000) * 1000000};
    while (nanosleep(&left, &left) < 0 && errno == EINTR) {
    }
}

void base_log(struct instance *instance, const char *text) {
    instance->host->log(instance->host->self, WSHUB_LOG_INFO, text);
}

/* ---- the ways, and what they are made of ---- */

struct ways ways = {
    .find = table_find,
    .decide = base_decide,
    .identify = base_identify,
    .complete = base_complete,
    .forget = base_forget,
    .read = table_read,
    .on_answer = on_answer,
    .patience = 75,
};

struct wshub_option base_options[5] = {
    {"realm", "what it is for", "kit", NULL, WSHUB_OPTION_TEXT, 0, 0, 0},
    {"file", "more tokens: one line each, TOKEN USER", "", NULL, WSHUB_OPTION_TEXT, 0, 0, 0},
    {"backend", "who is asked before anyone is let in", "", NULL, WSHUB_OPTION_TEXT, 0, 0, 0},
    {"salt", "what nobody may see", "a grain of salt", NULL, WSHUB_OPTION_TEXT, WSHUB_OPTION_SECRET, 0, 0},
    {"lines", "that the file may have", "100", NULL, WSHUB_OPTION_NUMBER, 0, 1, 1000},
};

struct wshub_auth base_auth = {
    .struct_size = sizeof base_auth,
    .check = base_check,
    .open = base_open,
    .close = base_close,
    .authenticate = base_authenticate,
    .refresh = base_refresh,
    .authorize = base_authorize,
    .reload = base_reload,
};

struct wshub_plugin base_plugin = {
    .magic = WSHUB_PLUGIN_MAGIC,
    .abi_major = 1,
    .abi_minor = 2,
    .struct_size = sizeof base_plugin,
    .version = "1.0.0",
    .summary = "a table of tokens",
    .options = base_options,
    .option_count = sizeof base_options / sizeof *base_options,
    .option_size = sizeof *base_options,
    .auth = &base_auth,
};
