/* SPDX-License-Identifier: MIT
 * Asks the user's own backend who a client is: each question is a POST with JSON, each answer is JSON.
 * README.md. */
#define _POSIX_C_SOURCE 200809L
#include <stdio.h>
#include <stdlib.h>

#include "answer.h"
#include "cache.h"
#include "client.h"
#include "clock.h"
#include "question.h"
#include "settings.h"
#include "verbs.h"

enum {
    EVERY_VERB =
        WSHUB_VERB_SUBSCRIBE | WSHUB_VERB_PUBLISH | WSHUB_VERB_PRESENCE | WSHUB_VERB_HISTORY | WSHUB_VERB_SEND
};

enum { TOKEN_MOST = 64 * 1024 }; /* all of it is hashed, on the hub thread */

struct http {
    const struct wshub_host *host;
    struct settings settings;
    struct client *client;
    struct cache *cache;
    bool failing;  /* the backend, as was told in the log */
    uint64_t told; /* and when */
    unsigned long long asked, known;
};

/* A question that is under way. */
struct ask {
    struct call call; /* first, so that this is found from it */
    struct http *http;
    wshub_token token;
    enum question_kind kind;
    struct question question;
    struct cache_key key;
    bool keep; /* the answer, under this key */
};

static void ask_free(struct ask *ask) {
    question_free(&ask->question);
    free(ask);
}

/* ---- answers ---- */

/* What the token is to be completed with, once it is told who it is. */
static int decide(const struct http *http, enum question_kind kind, const struct answer *answer,
                  wshub_token token) {
    const struct wshub_host *host = http->host;
    int status = answer_status(answer);
    if (status != WSHUB_OK) {
        host->explain(host->self, token, answer_explanation(answer));
        return status;
    }
    return kind == QUESTION_AUTHORIZE ? WSHUB_OK : host->identify(host->self, token, answer_identity(answer));
}

/* A yes is not kept beyond its own end. */
static uint64_t ttl_of(const struct http *http, const struct answer *answer) {
    if (answer_status(answer) != WSHUB_OK) {
        return http->settings.refusal_ttl;
    }
    uint64_t left = answer_left(answer);
    return left < http->settings.cache_ttl ? left : http->settings.cache_ttl;
}

static void keep(struct http *http, const struct ask *ask, struct answer *answer) {
    uint64_t ttl = ttl_of(http, answer);
    if (ask->keep && ttl > 0) {
        cache_put(http->cache, &ask->key, answer, ttl);
    } else {
        answer_free(answer);
    }
}

/* A line when it begins, and one when it is over; not more often than a person can read. */
static void note(struct http *http, const char *why) {
    enum { PAUSE = 10000 };
    uint64_t now = clock_ms();
    char text[256];
    if (!why == !http->failing || (why && now < http->told + PAUSE)) {
        return;
    }
    http->failing = why != NULL;
    http->told = now;
    snprintf(text, sizeof text, "%s%s", why ? "the backend fails: " : "the backend answers again",
             why ? why : "");
    http->host->log(http->host->self, why ? WSHUB_LOG_WARN : WSHUB_LOG_INFO, text);
}

static void on_answer(struct call *call, long status, const char *body, size_t length, const char *why) {
    struct ask *ask = (struct ask *)call;
    struct http *http = ask->http;
    const struct wshub_host *host = http->host;
    wshub_token token = ask->token;
    int result = WSHUB_UNAVAILABLE;
    if (status == -1) { /* closing */
        ask_free(ask);
        return;
    }
    struct answer *answer =
        status > 0 ? answer_new(status, body, length, http->settings.authorize ? EVERY_VERB : 0, &why) : NULL;
    note(http, why);
    if (answer) {
        result = decide(http, ask->kind, answer, token);
        keep(http, ask, answer);
    } else {
        host->explain(host->self, token, why);
    }
    ask_free(ask);
    host->complete(host->self, token, result); /* last: it may call a slot */
}

/* ---- questions ---- */

static struct ask *ask_new(struct http *http, enum question_kind kind, wshub_token token) {
    struct ask *ask = calloc(1, sizeof *ask);
    if (ask) {
        ask->call.fn = on_answer;
        ask->http = http;
        ask->token = token;
        ask->kind = kind;
    }
    return ask;
}

/* The answer that is known already, NULL: there is none. A refresh is always asked anew. */
static const struct answer *look_up(struct ask *ask) {
    const struct http *http = ask->http;
    const struct question *question = &ask->question;
    ask->keep =
        ask->kind != QUESTION_REFRESH && cache_key(http->cache, question->text, question->stable, &ask->key);
    return ask->keep ? cache_find(http->cache, &ask->key) : NULL;
}

/* Takes the ask; `formed`: there was memory for its question. */
static int ask_start(struct ask *ask, bool formed) {
    struct http *http = ask->http;
    const struct wshub_host *host = http->host;
    const struct answer *known = formed ? look_up(ask) : NULL;
    wshub_token token = ask->token;
    int status = WSHUB_NO_MEMORY;
    if (known) {
        http->known++;
        status = decide(http, ask->kind, known, token);
    } else if (formed) {
        ask->call.body = ask->question.text;
        ask->call.length = ask->question.length;
        status = client_post(http->client, &ask->call);
        if (status == WSHUB_OK) {
            http->asked++;
            return WSHUB_OK;
        }
        host->explain(host->self, token, "too many questions are in flight: see in_flight");
    }
    ask_free(ask);
    if (status == WSHUB_OK) {
        host->complete(host->self, token, WSHUB_OK);
    }
    return status;
}

static int ask_who(struct http *http, enum question_kind kind, const struct wshub_request *request,
                   wshub_token token) {
    if (request->token.length > TOKEN_MOST || !question_is_utf8(request->token)) {
        http->host->explain(http->host->self, token, "a token that is larger than 64 KiB, or not UTF-8");
        return WSHUB_DENIED;
    }
    struct ask *ask = ask_new(http, kind, token);
    return ask ? ask_start(ask, question_connect(&ask->question, kind, &http->settings.chosen, request))
               : WSHUB_NO_MEMORY;
}

static int http_authenticate(void *self, const struct wshub_request *request, wshub_token token) {
    struct http *http = self;
    const struct settings *settings = &http->settings;
    if (request->token.length == 0 && !settings->ask_anonymous &&
        !question_has_cookie(&settings->chosen, request)) {
        return WSHUB_PASS;
    }
    return ask_who(http, QUESTION_AUTHENTICATE, request, token);
}

static int http_refresh(void *self, const struct wshub_request *request, wshub_token token) {
    return ask_who(self, QUESTION_REFRESH, request, token);
}

static int http_authorize(void *self, const struct wshub_operation *operation, wshub_token token) {
    if (!verb_name(operation->verb)) {
        return WSHUB_DENIED; /* of a later ABI: the backend cannot mean it */
    }
    struct ask *ask = ask_new(self, QUESTION_AUTHORIZE, token);
    return ask ? ask_start(ask, question_operation(&ask->question, operation)) : WSHUB_NO_MEMORY;
}

/* ---- life ---- */

static void tell_counts(const struct http *http) {
    char text[128];
    snprintf(text, sizeof text, "asked the backend %llu times, knew the answer %llu times", http->asked,
             http->known);
    http->host->log(http->host->self, WSHUB_LOG_INFO, text);
}

/* SIGHUP: what the backend has said before is forgotten. */
static void http_reload(void *self) {
    struct http *http = self;
    tell_counts(http);
    cache_clear(http->cache);
}

static void http_free(struct http *http) {
    client_free(http->client);
    cache_free(http->cache);
    free(http);
}

static void http_close(void *self) {
    tell_counts(self);
    http_free(self);
}

static int http_open(const struct wshub_host *host, void **self) {
    struct http *http = calloc(1, sizeof *http);
    if (!http) {
        return WSHUB_NO_MEMORY;
    }
    http->host = host;
    int status = settings_read(&http->settings, host);
    if (status == WSHUB_OK) {
        http->cache = cache_new(http->settings.cache_size);
        http->client = client_new(host, &http->settings);
        status = http->cache && http->client ? WSHUB_OK : WSHUB_NO_MEMORY;
    }
    if (status != WSHUB_OK) {
        http_free(http);
        return status;
    }
    if (settings_in_clear(&http->settings)) {
        host->log(host->self, WSHUB_LOG_WARN,
                  "url is http:// to another machine: tokens go there for anybody to read");
    }
    *self = http;
    return WSHUB_OK;
}

static int http_check(const struct wshub_host *host) {
    struct settings settings;
    return settings_read(&settings, host);
}

static const struct wshub_auth auth = {
    .struct_size = sizeof auth,
    .check = http_check,
    .open = http_open,
    .close = http_close,
    .authenticate = http_authenticate,
    .refresh = http_refresh,
    .authorize = http_authorize,
    .reload = http_reload,
};

static const struct wshub_plugin plugin = {
    .magic = WSHUB_PLUGIN_MAGIC,
    .abi_major = 1,
    .abi_minor = 2,
    .struct_size = sizeof plugin,
    .name = "http",
    .version = "0.1",
    .summary = "asks your backend over HTTP who a client is",
    .options = settings_options,
    .option_count = SETTINGS_OPTIONS,
    .option_size = sizeof settings_options[0],
    .auth = &auth,
};

const struct wshub_plugin *wshub_plugin_entry(void) {
    return &plugin;
}
