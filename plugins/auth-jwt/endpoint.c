/* SPDX-License-Identifier: MIT */
#include "endpoint.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "absent.h"
#include "clock.h"
#include "jwk.h"
#include "keys.h"
#include "wshub/host.h"

enum { WAITING_MOST = 1024, FIRST_RETRY_MS = 1000, LINE = 640, PLACE = 160 };
/* A name that was not there is believed for so many cooldowns: what an issuer publishes may be cached on its
 * way here, so not for long. */
enum { ABSENT_COOLDOWNS = 4 };

struct endpoint {
    struct endpoint_setup setup;
    struct fetch *fetch;
    pthread_t thread;
    char place[PLACE]; /* as log lines call it */

    pthread_mutex_t mutex; /* of all below */
    pthread_cond_t changed;
    bool stopping, fetching;
    bool asked;        /* for a fetch out of turn */
    struct keys *keys; /* the last good ones */
    struct absent absent;
    struct job *waiting;
    size_t waiting_count;
    uint64_t due, allowed; /* ms: of the next fetch in its turn, and of one that a token asks for */

    bool outage; /* the thread's alone, from here */
    unsigned failures;
    char *text; /* that gave the keys */
    size_t length;
    bool whole; /* all of them */
};

/* ---- what is said ---- */

static void say(struct endpoint *endpoint, enum wshub_log_level level, const char *text) {
    endpoint->setup.host->log(endpoint->setup.host->self, level, text);
}

static void say_failure(struct endpoint *endpoint, const char *why, bool keys) {
    char line[LINE];
    if (!endpoint->outage) {
        endpoint->outage = true;
        snprintf(line, sizeof line, "the keys at %s cannot be had: %s; %s", endpoint->place, why,
                 keys ? "those from before stay in use"
                      : "no token that needs one of them can be checked until then");
        say(endpoint, WSHUB_LOG_WARN, line);
    }
}

static void say_success(struct endpoint *endpoint, const struct jwks_result *result) {
    char line[LINE];
    int length = snprintf(line, sizeof line, "%zu keys from %s", result->used, endpoint->place);
    if (result->unused > 0) {
        snprintf(line + length, sizeof line - (size_t)length, "; %zu more are not used: %s", result->unused,
                 result->why);
    }
    say(endpoint, WSHUB_LOG_INFO, line);
}

/* ---- a fetch ---- */

static bool is_same(const struct endpoint *endpoint, const struct fetch_result *fetched) {
    return endpoint->text && endpoint->length == fetched->length &&
           memcmp(endpoint->text, fetched->text, fetched->length) == 0;
}

static const char *fault_of(const struct jwks_result *result) {
    return result->no_memory ? "no memory for them"
           : result->wrong   ? result->wrong
           : result->why     ? result->why
                             : "has no keys";
}

/* New keys of a document; NULL: there are none, which was said. */
static struct keys *read_keys(struct endpoint *endpoint, const struct fetch_result *fetched, bool same) {
    struct keys *keys = keys_new();
    struct jwks_result result = {.no_memory = true};
    char why[FETCH_WHY];
    if (keys) {
        jwks_read(&result, keys, fetched->text, fetched->length, false);
    }
    if (result.used > 0 && !result.no_memory) {
        endpoint->whole = result.unused == 0;
        if (!same) {
            say_success(endpoint, &result);
        }
        return keys;
    }
    snprintf(why, sizeof why, "%s%s",
             result.no_memory ? ""
             : result.why     ? "the answer has no key that can be used: "
                              : "the answer ",
             fault_of(&result));
    say_failure(endpoint, why, endpoint->text);
    keys_unref(keys);
    return NULL;
}

static void remember(struct endpoint *endpoint, struct fetch_result *fetched) {
    free(endpoint->text);
    endpoint->text = fetched->text;
    endpoint->length = fetched->length;
    fetched->text = NULL;
}

/* True: what is known is as good as new. *keys: new ones, or NULL. A key that was not used may have lacked
 * nothing but memory, so it is looked at again. */
static bool get(struct endpoint *endpoint, struct keys **keys) {
    struct fetch_result fetched;
    bool good = false;
    *keys = NULL;
    fetch_get(endpoint->fetch, &fetched);
    if (fetched.stopped) {
        good = false;
    } else if (!fetched.text) {
        say_failure(endpoint, fetched.why, endpoint->text);
    } else if (is_same(endpoint, &fetched) && endpoint->whole) {
        good = true;
    } else if ((*keys = read_keys(endpoint, &fetched, is_same(endpoint, &fetched)))) {
        remember(endpoint, &fetched);
        good = true;
    }
    if (good && endpoint->outage) {
        endpoint->outage = false;
        say(endpoint, WSHUB_LOG_INFO, "jwks_url answers again");
    }
    free(fetched.text);
    return good;
}

static uint64_t retry_after(const struct endpoint *endpoint) {
    unsigned doublings = endpoint->failures < 12 ? endpoint->failures - 1 : 11;
    uint64_t wait = (uint64_t)FIRST_RETRY_MS << doublings;
    return wait < endpoint->setup.cooldown ? wait : endpoint->setup.cooldown;
}

/* ---- its thread; the mutex is held but where it is said ---- */

static void schedule(struct endpoint *endpoint, bool good) {
    const uint64_t now = clock_ms();
    endpoint->failures = good ? 0 : endpoint->failures + 1;
    endpoint->due = now + (good ? endpoint->setup.refresh : retry_after(endpoint));
    endpoint->allowed = now + endpoint->setup.cooldown;
}

/* Lets go of the mutex. */
static void give_back_all(struct endpoint *endpoint, bool good) {
    struct job *jobs = endpoint->waiting;
    endpoint->waiting = NULL;
    endpoint->waiting_count = 0;
    pthread_mutex_unlock(&endpoint->mutex);
    while (jobs) {
        struct job *job = jobs;
        jobs = job->next;
        job->next = NULL;
        endpoint->setup.give_back(endpoint->setup.context, job, good);
    }
    pthread_mutex_lock(&endpoint->mutex);
}

static void do_fetch(struct endpoint *endpoint) {
    struct keys *keys, *old = NULL;
    endpoint->asked = false;
    endpoint->fetching = true;
    pthread_mutex_unlock(&endpoint->mutex);
    bool good = get(endpoint, &keys);
    pthread_mutex_lock(&endpoint->mutex);
    endpoint->fetching = false;
    if (keys) {
        old = endpoint->keys;
        endpoint->keys = keys;
    }
    schedule(endpoint, good);
    keys_unref(old);
    if (!endpoint->stopping) { /* else endpoint_stop has them */
        give_back_all(endpoint, good);
    }
}

static void sleep_until(struct endpoint *endpoint, uint64_t due) {
    const struct timespec at = {(time_t)(due / 1000), (long)(due % 1000) * 1000000};
    pthread_cond_timedwait(&endpoint->changed, &endpoint->mutex, &at);
}

static void *run(void *context) {
    struct endpoint *endpoint = context;
    pthread_mutex_lock(&endpoint->mutex);
    while (!endpoint->stopping) {
        if (endpoint->asked || clock_ms() >= endpoint->due) {
            do_fetch(endpoint);
        } else {
            sleep_until(endpoint, endpoint->due);
        }
    }
    pthread_mutex_unlock(&endpoint->mutex);
    return NULL;
}

/* ---- life ---- */

static void init_locks(struct endpoint *endpoint) {
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&endpoint->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    pthread_mutex_init(&endpoint->mutex, NULL);
}

struct endpoint *endpoint_new(const struct endpoint_setup *setup) {
    struct endpoint *endpoint = calloc(1, sizeof *endpoint);
    if (!endpoint) {
        return NULL;
    }
    endpoint->setup = *setup;
    endpoint->fetching = true; /* from here on: tokens that come early may wait */
    fetch_place(setup->fetch.url, endpoint->place, sizeof endpoint->place);
    endpoint->fetch = fetch_new(&endpoint->setup.fetch);
    init_locks(endpoint);
    if (!endpoint->fetch || pthread_create(&endpoint->thread, NULL, run, endpoint) != 0) {
        endpoint_free(endpoint);
        return NULL;
    }
    return endpoint;
}

struct job *endpoint_stop(struct endpoint *endpoint) {
    pthread_mutex_lock(&endpoint->mutex);
    endpoint->stopping = true;
    pthread_cond_signal(&endpoint->changed);
    pthread_mutex_unlock(&endpoint->mutex);
    fetch_stop(endpoint->fetch);
    pthread_join(endpoint->thread, NULL);
    pthread_mutex_lock(&endpoint->mutex);
    struct job *rest = endpoint->waiting;
    endpoint->waiting = NULL;
    pthread_mutex_unlock(&endpoint->mutex);
    return rest;
}

void endpoint_free(struct endpoint *endpoint) {
    if (endpoint) {
        fetch_free(endpoint->fetch);
        keys_unref(endpoint->keys);
        pthread_cond_destroy(&endpoint->changed);
        pthread_mutex_destroy(&endpoint->mutex);
        free(endpoint->text);
        free(endpoint);
    }
}

/* ---- any thread ---- */

struct keys *endpoint_keys(struct endpoint *endpoint) {
    pthread_mutex_lock(&endpoint->mutex);
    struct keys *keys = keys_ref(endpoint->keys);
    pthread_mutex_unlock(&endpoint->mutex);
    return keys;
}

static enum endpoint_answer wait_for_it(struct endpoint *endpoint, struct job *job) {
    if (endpoint->waiting_count == WAITING_MOST || endpoint->stopping) {
        return ENDPOINT_UNAVAILABLE;
    }
    job->next = endpoint->waiting;
    endpoint->waiting = job;
    endpoint->waiting_count++;
    return ENDPOINT_WAIT;
}

static enum endpoint_answer ask(struct endpoint *endpoint, const struct keys *keys, const char *id,
                                struct job *job) {
    if (endpoint->keys != keys) {
        return ENDPOINT_AGAIN;
    }
    if (endpoint->keys && (!id || absent_has(&endpoint->absent, id, clock_ms()))) {
        return ENDPOINT_ABSENT;
    }
    if (endpoint->fetching) {
        return wait_for_it(endpoint, job);
    }
    if (!endpoint->keys || clock_ms() < endpoint->allowed) {
        return ENDPOINT_UNAVAILABLE;
    }
    endpoint->asked = true;
    endpoint->fetching = true; /* as good as: the next one that asks waits as well */
    pthread_cond_signal(&endpoint->changed);
    return wait_for_it(endpoint, job);
}

enum endpoint_answer endpoint_ask(struct endpoint *endpoint, const struct keys *keys, const char *id,
                                  struct job *job) {
    pthread_mutex_lock(&endpoint->mutex);
    enum endpoint_answer answer = ask(endpoint, keys, id, job);
    pthread_mutex_unlock(&endpoint->mutex);
    return answer;
}

void endpoint_miss(struct endpoint *endpoint, const char *id) {
    pthread_mutex_lock(&endpoint->mutex);
    absent_add(&endpoint->absent, id, clock_ms() + ABSENT_COOLDOWNS * endpoint->setup.cooldown);
    pthread_mutex_unlock(&endpoint->mutex);
}

void endpoint_refresh(struct endpoint *endpoint) {
    pthread_mutex_lock(&endpoint->mutex);
    endpoint->asked = true;
    endpoint->fetching = true;
    pthread_cond_signal(&endpoint->changed);
    pthread_mutex_unlock(&endpoint->mutex);
}
