/* SPDX-License-Identifier: MIT */
#include "login.h"

#include <jansson.h>
#include <openssl/crypto.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "endpoint.h"
#include "judge.h"
#include "pool.h"
#include "setup.h"

enum { LINE = 512 };

struct login {
    const struct wshub_host *host;
    struct settings settings;
    struct pool *pool;
    struct endpoint *endpoint; /* NULL: there is no jwks_url */
    pthread_mutex_t mutex;     /* of: */
    struct keys *keys;         /* those at hand */
};

/* A token to be judged, or, with none, files to be read again. */
struct work {
    struct job job; /* first */
    wshub_token token;
    uint64_t since;             /* ms */
    bool has_waited, was_found; /* for the endpoint; and its fetch was good */
    size_t length;
    char text[]; /* secret */
};

static struct work *work_new(const void *text, size_t length, wshub_token token) {
    struct work *work = malloc(sizeof *work + length + 1);
    if (work) {
        *work = (struct work){.token = token, .since = clock_ms(), .length = length};
        if (length > 0) {
            memcpy(work->text, text, length);
        }
        work->text[length] = 0;
    }
    return work;
}

static void work_free(struct work *work) {
    OPENSSL_cleanse(work->text, work->length);
    free(work);
}

static void free_all(struct job *jobs) {
    while (jobs) {
        struct job *next = jobs->next;
        work_free((struct work *)jobs);
        jobs = next;
    }
}

/* ---- answers ---- */

static void complete(struct login *login, struct work *work, int status, const char *why) {
    const struct wshub_host *host = login->host;
    if (status != WSHUB_OK && why) {
        host->explain(host->self, work->token, why);
    }
    host->complete(host->self, work->token, status);
    work_free(work);
}

static void complete_verdict(struct login *login, struct work *work, const struct verdict *verdict) {
    const struct wshub_host *host = login->host;
    int status = verdict->status;
    if (status == WSHUB_OK) {
        status = host->identify(host->self, work->token, &verdict->mapping.identity);
    }
    complete(login, work, status == WSHUB_INVALID ? WSHUB_INTERNAL : status, verdict->why);
}

/* ---- on the threads of the pool ---- */

static struct keys *keys_at_hand(struct login *login) {
    pthread_mutex_lock(&login->mutex);
    struct keys *keys = keys_ref(login->keys);
    pthread_mutex_unlock(&login->mutex);
    return keys;
}

/* The key is not known: may the endpoint have it? True: judge again. Else the work was taken care of. */
static bool ask_endpoint(struct login *login, struct work *work, const struct verdict *verdict,
                         const struct keys *fetched) {
    if (work->has_waited && !work->was_found) {
        complete(login, work, WSHUB_UNAVAILABLE, "the keys at jwks_url could not be had");
        return false;
    }
    if (work->has_waited && verdict->id) {
        endpoint_miss(login->endpoint, verdict->id);
    }
    switch (work->has_waited ? ENDPOINT_ABSENT
                             : endpoint_ask(login->endpoint, fetched, verdict->id, &work->job)) {
    case ENDPOINT_AGAIN:
        return true;
    case ENDPOINT_ABSENT:
        complete_verdict(login, work, verdict);
        break;
    case ENDPOINT_UNAVAILABLE:
        complete(login, work, WSHUB_UNAVAILABLE,
                 fetched
                     ? "the token names a key that is not known, and jwks_url was asked within jwks_cooldown"
                     : "the keys at jwks_url were not had yet");
        break;
    case ENDPOINT_WAIT: /* it may be gone by now */
        break;
    }
    return false;
}

static bool judge_once(struct login *login, struct work *work) {
    struct keys *sets[2] = {keys_at_hand(login), login->endpoint ? endpoint_keys(login->endpoint) : NULL};
    struct verdict verdict;
    bool again = false;
    judge(&verdict, &login->settings, (const struct keys *const *)sets, work->text, work->length,
          clock_wall_ms());
    if (verdict.unknown && login->endpoint && verdict.status == WSHUB_DENIED) {
        again = ask_endpoint(login, work, &verdict, sets[1]);
    } else {
        complete_verdict(login, work, &verdict);
    }
    verdict_free(&verdict);
    keys_unref(sets[0]);
    keys_unref(sets[1]);
    return again;
}

static void reload(struct login *login) {
    struct sources_result result;
    char line[LINE];
    struct keys *keys = setup_read_keys(&result, &login->settings), *old = NULL;
    if (keys) {
        pthread_mutex_lock(&login->mutex);
        old = login->keys;
        login->keys = keys;
        snprintf(line, sizeof line, "read the keys again: %zu at hand", keys->count);
        pthread_mutex_unlock(&login->mutex);
    } else {
        snprintf(line, sizeof line, "the keys stay as they were: %s: expected %s",
                 result.option ? result.option : "files", result.option ? result.why : "more memory");
    }
    keys_unref(old);
    login->host->log(login->host->self, keys ? WSHUB_LOG_INFO : WSHUB_LOG_WARN, line);
}

static void run(void *context, struct job *job) {
    struct login *login = context;
    struct work *work = (struct work *)job;
    if (work->token == 0) {
        reload(login);
        work_free(work);
    } else if (clock_ms() - work->since >= login->host->timeout) {
        work_free(work); /* the hub has given it up */
    } else {
        while (judge_once(login, work)) {
        }
    }
}

/* On the endpoint's thread. */
static void give_back(void *context, struct job *job, bool fetched) {
    struct login *login = context;
    struct work *work = (struct work *)job;
    work->has_waited = true;
    work->was_found = fetched;
    if (!pool_push(login->pool, job)) {
        complete(login, work, WSHUB_UNAVAILABLE, "too many tokens wait to be checked");
    }
}

/* ---- slots ---- */

int login_check(const struct wshub_host *host) {
    struct settings settings;
    struct keys *keys = NULL;
    int status = setup_read(host, &settings, &keys);
    keys_unref(keys);
    return status;
}

static struct endpoint *open_endpoint(struct login *login) {
    const struct settings *settings = &login->settings;
    const struct endpoint_setup setup = {
        .host = login->host,
        .fetch = {settings->jwks_url, settings->jwks_ca_file, settings->jwks_proxy, settings->jwks_timeout},
        .refresh = settings->jwks_refresh,
        .cooldown = settings->jwks_cooldown,
        .give_back = give_back,
        .context = login,
    };
    return endpoint_new(&setup);
}

static void stop(struct login *login) {
    if (login->endpoint) { /* first: it gives work to the pool */
        free_all(endpoint_stop(login->endpoint));
    }
    if (login->pool) {
        free_all(pool_stop(login->pool));
    }
    endpoint_free(login->endpoint);
    pool_free(login->pool);
    keys_unref(login->keys);
    pthread_mutex_destroy(&login->mutex);
    free(login);
}

int login_open(const struct wshub_host *host, void **self) {
    struct login *login = calloc(1, sizeof *login);
    if (!login) {
        return WSHUB_NO_MEMORY;
    }
    login->host = host;
    pthread_mutex_init(&login->mutex, NULL);
    json_object_seed(0); /* here, before there are threads */
    int status = setup_read(host, &login->settings, &login->keys);
    if (status == WSHUB_OK) {
        login->pool = pool_new(login->settings.threads, run, login);
        login->endpoint = login->pool && login->settings.jwks_url ? open_endpoint(login) : NULL;
        if (!login->pool || (login->settings.jwks_url && !login->endpoint)) {
            host->log(host->self, WSHUB_LOG_ERROR, "found no memory or no threads to check tokens with");
            status = WSHUB_NO_MEMORY;
        }
    }
    if (status != WSHUB_OK) {
        stop(login);
        return status;
    }
    *self = login;
    return WSHUB_OK;
}

void login_close(void *self) {
    stop(self);
}

static int refuse(struct login *login, wshub_token token, int status, const char *why) {
    login->host->explain(login->host->self, token, why);
    return status;
}

int login_authenticate(void *self, const struct wshub_request *request, wshub_token token) {
    struct login *login = self;
    const struct wshub_bytes *text = &request->token;
    if (request->token_source == WSHUB_TOKEN_NONE || text->length == 0) {
        return WSHUB_PASS;
    }
    if (text->length > login->settings.max_size) { /* not worth a copy */
        return refuse(login, token, WSHUB_DENIED, "the token is larger than `max_size`");
    }
    struct work *work = work_new(text->data, text->length, token);
    if (!work) {
        return WSHUB_NO_MEMORY;
    }
    if (!pool_push(login->pool, &work->job)) {
        work_free(work);
        return refuse(login, token, WSHUB_UNAVAILABLE, "too many tokens wait to be checked");
    }
    return WSHUB_OK;
}

void login_reload(void *self) {
    struct login *login = self;
    struct work *work = work_new(NULL, 0, 0);
    if (!work || !pool_push(login->pool, &work->job)) {
        login->host->log(login->host->self, WSHUB_LOG_WARN,
                         "the keys were not read again: no memory, or too much to do");
        free(work);
    }
    if (login->endpoint) {
        endpoint_refresh(login->endpoint);
    }
}
