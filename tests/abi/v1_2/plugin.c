/* SPDX-License-Identifier: MIT
 * A plugin written against ABI 1.2. NEVER EDIT THIS FILE: like v1_0 it stands for plugins that nobody will
 * edit either. If it does not compile without a warning, or does not run, the ABI is broken, not the plugin.
 *
 * An auth plugin with every slot, which uses what 1.2 has added to 1.1. A token is WAY:USER, and the way says
 * how it is decided: `now` and `old` within the slot, `later` by a timer, `post` by a post, `never`. Who
 * comes in shows, in `info`, what the plugin has seen of the request: names and counts, and nothing that is
 * secret. It is a doorman for tests, and believes everybody. */
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "wshub/wshub.h"

struct doorman;

/* A decision under way. */
struct decision {
    struct decision *next;
    struct doorman *doorman;
    struct wshub_timer *timer; /* or NULL */
    wshub_token token;
    char info[512];
    struct wshub_bytes user; /* stands behind */
};

struct doorman {
    const struct wshub_host *host;
    struct decision *decisions;
    unsigned long reloads;
};

/* ---- small things ---- */

static int is_text(struct wshub_bytes bytes, const char *text) {
    size_t length = strlen(text);
    return bytes.length == length && (length == 0 || memcmp(bytes.data, text, length) == 0);
}

/* Appends NAME=BYTES and a blank, but for bytes that would have to be escaped in JSON. */
static void show(char *info, size_t size, const char *name, struct wshub_bytes bytes) {
    const char *from = bytes.data;
    size_t end = strlen(info), i;
    end += (size_t)snprintf(info + end, size - end, "%s=", name);
    for (i = 0; i < bytes.length && end + 2 < size; i++) {
        if (from[i] > ' ' && from[i] < 127 && from[i] != '"' && from[i] != '\\') {
            info[end++] = from[i];
        }
    }
    info[end++] = ' ';
    info[end] = '\0';
}

static void show_number(char *info, size_t size, const char *name, uint64_t number) {
    char text[24];
    struct wshub_bytes bytes;
    snprintf(text, sizeof text, "%lu", (unsigned long)number);
    bytes.data = text;
    bytes.length = strlen(text);
    show(info, size, name, bytes);
}

/* ---- what it says of a client ---- */

static void describe(const struct doorman *doorman, const struct wshub_request *request, char *info,
                     size_t size) {
    snprintf(info, size, "\"");
    show_number(info, size, "source", request->token_source);
    show(info, size, "method", request->method);
    show(info, size, "path", request->path);
    show_number(info, size, "query", request->query.length);
    show_number(info, size, "headers", request->header_count);
    if (request->header_count > 0) {
        show(info, size, "header", request->headers[request->header_count - 1].name);
    }
    show_number(info, size, "cookies", request->cookie_count);
    if (request->cookie_count > 0) {
        show(info, size, "cookie", request->cookies[request->cookie_count - 1].name);
    }
    show_number(info, size, "subprotocols", request->subprotocol_count);
    if (request->subprotocol_count > 0) {
        show(info, size, "subprotocol", request->subprotocols[0]);
    }
    show(info, size, "address", request->address);
    show(info, size, "connection", request->connection_id);
    show(info, size, "protocol", request->protocol);
    show_number(info, size, "reloads", doorman->reloads);
    snprintf(info + strlen(info) - 1, 2, "\"");
}

static int let_in(const struct decision *decision) {
    static const struct wshub_grant grants[] = {
        {{"room:*", 6}, WSHUB_VERB_SUBSCRIBE | WSHUB_VERB_PRESENCE | WSHUB_VERB_HISTORY, 0},
        {{"user:{user}", 11}, WSHUB_VERB_SUBSCRIBE | WSHUB_VERB_PUBLISH, 0},
        {{"as:*{user}", 10}, WSHUB_VERB_SUBSCRIBE, WSHUB_GRANT_EXACT},
        {{"*", 1}, WSHUB_VERB_SEND, 0},
    };
    const struct wshub_host *host = decision->doorman->host;
    struct wshub_identity identity = {0};
    int status;
    identity.struct_size = sizeof identity;
    identity.ask = WSHUB_VERB_PUBLISH;
    identity.user = decision->user;
    identity.token_id.data = "v1_2";
    identity.token_id.length = 4;
    identity.info.data = decision->info;
    identity.info.length = strlen(decision->info);
    identity.issued = 1;
    identity.expires = UINT64_C(4102444800000); /* 2100 */
    identity.grants = grants;
    identity.grant_count = sizeof grants / sizeof *grants;
    status = host->identify(host->self, decision->token, &identity);
    host->explain(host->self, decision->token, "everybody is welcome");
    return status;
}

/* ---- decisions under way ---- */

static void drop(struct decision *decision) {
    struct doorman *doorman = decision->doorman;
    struct decision **place = &doorman->decisions;
    while (*place != decision) {
        place = &(*place)->next;
    }
    *place = decision->next;
    doorman->host->timer_free(doorman->host->self, decision->timer);
    free(decision);
}

/* A post, and a timer. */
static void decide(void *context) {
    struct decision *decision = context;
    const struct wshub_host *host = decision->doorman->host;
    int status = let_in(decision);
    wshub_token token = decision->token;
    drop(decision);
    host->complete(host->self, token, status);
}

static struct decision *decision_new(struct doorman *doorman, const struct wshub_request *request,
                                     struct wshub_bytes user, wshub_token token) {
    struct decision *decision = calloc(1, sizeof *decision + user.length);
    if (!decision) {
        return NULL;
    }
    memcpy(decision + 1, user.data, user.length);
    decision->user.data = decision + 1;
    decision->user.length = user.length;
    decision->doorman = doorman;
    decision->token = token;
    decision->next = doorman->decisions;
    doorman->decisions = decision;
    describe(doorman, request, decision->info, sizeof decision->info);
    return decision;
}

static int decide_later(struct decision *decision) {
    const struct wshub_host *host = decision->doorman->host;
    decision->timer = host->timer_new(host->self, decide, decision);
    if (!decision->timer) {
        drop(decision);
        return WSHUB_NO_MEMORY;
    }
    host->timer_start(host->self, decision->timer, host->option_number(host->self, "delay"));
    return WSHUB_OK;
}

static int decide_by_post(struct decision *decision) {
    const struct wshub_host *host = decision->doorman->host;
    int status = host->post(host->self, decide, decision);
    if (status != WSHUB_OK) {
        drop(decision);
    }
    return status;
}

/* ---- slots ---- */

static int start(struct doorman *doorman, const struct wshub_request *request, struct wshub_bytes way,
                 struct wshub_bytes user, wshub_token token) {
    struct decision *decision = decision_new(doorman, request, user, token);
    if (!decision) {
        return WSHUB_NO_MEMORY;
    }
    if (is_text(way, "later")) {
        return decide_later(decision);
    }
    if (is_text(way, "post")) {
        return decide_by_post(decision);
    }
    if (is_text(way, "now")) {
        decide(decision);
    }
    return WSHUB_OK; /* never */
}

static int authenticate(void *self, const struct wshub_request *request, wshub_token token) {
    struct doorman *doorman = self;
    const struct wshub_host *host = doorman->host;
    const char *text = request->token.data;
    const char *colon = request->token.length > 0 ? memchr(text, ':', request->token.length) : NULL;
    struct wshub_bytes way, user;
    if (!colon) {
        return WSHUB_PASS;
    }
    way.data = text;
    way.length = (size_t)(colon - text);
    user.data = colon + 1;
    user.length = request->token.length - way.length - 1;
    if (is_text(way, "old")) {
        host->explain(host->self, token, "it was good once");
        host->complete(host->self, token, WSHUB_EXPIRED);
        return WSHUB_OK;
    }
    if (!is_text(way, "now") && !is_text(way, "later") && !is_text(way, "post") && !is_text(way, "never")) {
        host->explain(host->self, token, "there is no such way");
        return WSHUB_DENIED;
    }
    return start(doorman, request, way, user, token);
}

static int refresh(void *self, const struct wshub_request *request, wshub_token token) {
    int status = authenticate(self, request, token);
    return status == WSHUB_PASS ? WSHUB_DENIED : status;
}

/* Whoever has a name may publish to what begins with it, as long as it is not too much. */
static int authorize(void *self, const struct wshub_operation *operation, wshub_token token) {
    struct doorman *doorman = self;
    const struct wshub_host *host = doorman->host;
    struct wshub_bytes user = operation->user;
    int fits = user.length > 0 && operation->name.length > user.length &&
               memcmp(operation->name.data, user.data, user.length) == 0;
    if (operation->verb != WSHUB_VERB_PUBLISH || !is_text(operation->token_id, "v1_2") ||
        operation->connection_id.length == 0) {
        return WSHUB_INTERNAL;
    }
    if (!fits || operation->data.length > 100) {
        host->explain(host->self, token, fits ? "it is too much" : "it is not theirs");
        return WSHUB_DENIED;
    }
    host->complete(host->self, token, WSHUB_OK);
    return WSHUB_OK;
}

static void reload(void *self) {
    struct doorman *doorman = self;
    doorman->reloads++;
    doorman->host->log(doorman->host->self, WSHUB_LOG_INFO, "there is nothing to read");
}

/* ---- its life ---- */

static int check(const struct wshub_host *host) {
    const char *title = host->option_text(host->self, "title");
    if (!title || title[0] == '\0') {
        host->option_refuse(host->self, "title", "a text that is not empty");
        return WSHUB_INVALID;
    }
    return WSHUB_OK;
}

static int open_doorman(const struct wshub_host *host, void **self) {
    struct doorman *doorman;
    char line[64];
    if (check(host) != WSHUB_OK) {
        return WSHUB_INVALID;
    }
    doorman = calloc(1, sizeof *doorman);
    if (!doorman) {
        return WSHUB_NO_MEMORY;
    }
    doorman->host = host;
    *self = doorman;
    host->log(host->self, WSHUB_LOG_INFO, host->option_text(host->self, "title"));
    snprintf(line, sizeof line, "the hub waits %lu ms", (unsigned long)host->timeout);
    host->log(host->self, WSHUB_LOG_INFO, line);
    return WSHUB_OK;
}

static void close_doorman(void *self) {
    struct doorman *doorman = self;
    while (doorman->decisions) {
        drop(doorman->decisions);
    }
    free(doorman);
}

static const struct wshub_option options[] = {
    {"title", "what it logs when it is opened", "a doorman of 1.2", NULL, WSHUB_OPTION_TEXT, 0, 0, 0},
    {"delay", "how late `later` is", "1ms", NULL, WSHUB_OPTION_DURATION, 0, 0, 60000},
};

static const struct wshub_auth table = {
    .struct_size = sizeof table,
    .check = check,
    .open = open_doorman,
    .close = close_doorman,
    .authenticate = authenticate,
    .refresh = refresh,
    .authorize = authorize,
    .reload = reload,
};

static const struct wshub_plugin plugin = {
    .magic = WSHUB_PLUGIN_MAGIC,
    .abi_major = 1,
    .abi_minor = 2,
    .struct_size = sizeof plugin,
    .name = "v1_2",
    .version = "1.2",
    .summary = "a doorman who believes everybody, written against ABI 1.2",
    .options = options,
    .option_count = sizeof options / sizeof *options,
    .option_size = sizeof *options,
    .auth = &table,
};

const struct wshub_plugin *wshub_plugin_entry(void) {
    return &plugin;
}
