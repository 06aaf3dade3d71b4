/* SPDX-License-Identifier: MIT */
#include "slots.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "driver.h"
#include "wire.h"

enum { FIRST_WORD_MS = 4000, COMPLAINT_MS = 60 * 1000 };

struct nats {
    const struct wshub_host *host;
    struct driver *driver;
    struct wshub_timer *first_word;
    uint64_t too_large; /* when it was complained about; 0: never */
};

/* The hub wants one in time, however long a name takes to be resolved. */
static uint64_t first_word_due(const struct wshub_host *host) {
    const uint64_t due = driver_patience(host) / 5 * 4;
    return due < FIRST_WORD_MS ? due : FIRST_WORD_MS;
}

static void on_first_word(void *context) {
    struct nats *nats = context;
    if (!nats->driver->outbox.said) {
        nats->driver->outbox.said = true;
        nats->host->link(nats->host->self, WSHUB_LINK_DOWN, "no answer from a server yet");
    }
}

int slots_check(const struct wshub_host *host) {
    struct settings settings;
    const int status = settings_read(&settings, host);
    if (status == WSHUB_OK) {
        settings_free(&settings);
    }
    return status;
}

static int start(struct nats *nats) {
    struct settings settings;
    const int status = settings_read(&settings, nats->host);
    if (status != WSHUB_OK) {
        return status;
    }
    nats->first_word = nats->host->timer_new(nats->host->self, on_first_word, nats);
    nats->driver = nats->first_word ? driver_start(nats->host, &settings) : NULL;
    if (!nats->driver) {
        settings_free(&settings);
        nats->host->timer_free(nats->host->self, nats->first_word);
        return WSHUB_NO_MEMORY;
    }
    nats->host->timer_start(nats->host->self, nats->first_word, first_word_due(nats->host));
    return WSHUB_OK;
}

int slots_open(const struct wshub_host *host, void **self) {
    struct nats *nats = calloc(1, sizeof *nats);
    if (!nats) {
        return WSHUB_NO_MEMORY;
    }
    nats->host = host;
    const int status = start(nats);
    if (status != WSHUB_OK) {
        free(nats);
        return status;
    }
    *self = nats;
    return WSHUB_OK;
}

void slots_close(void *self) {
    struct nats *nats = self;
    driver_stop(nats->driver);
    nats->host->timer_free(nats->host->self, nats->first_word);
    free(nats);
}

/* ---- jobs ---- */

static int push(struct nats *nats, struct job *job) {
    if (!job) {
        return WSHUB_NO_MEMORY;
    }
    if (atomic_load(&nats->driver->queue.bytes) + job->size > DRIVER_WAITING_MOST) {
        job_free(job);
        return WSHUB_UNAVAILABLE;
    }
    queue_push(&nats->driver->queue, job);
    return WSHUB_OK;
}

static int ask(struct nats *nats, enum job_kind kind, struct wshub_bytes name, struct wshub_bytes value,
               uint64_t ttl, wshub_token token) {
    const struct wshub_message message = {.struct_size = sizeof message, .channel = name, .payload = value};
    struct job *job = job_new(kind, token, &message);
    if (job) {
        job->ttl = ttl;
    }
    return push(nats, job);
}

static const struct wshub_bytes nothing = {NULL, 0};

int slots_subscribe(void *self, struct wshub_bytes channel, wshub_token token) {
    return ask(self, JOB_SUBSCRIBE, channel, nothing, 0, token);
}

int slots_unsubscribe(void *self, struct wshub_bytes channel, wshub_token token) {
    return ask(self, JOB_UNSUBSCRIBE, channel, nothing, 0, token);
}

/* It is a client's doing, and can be its doing many times. */
static void complain_of_size(struct nats *nats, size_t size, size_t most) {
    const uint64_t now = clock_ms();
    char text[160];
    if (nats->too_large == 0 || now - nats->too_large >= COMPLAINT_MS) {
        nats->too_large = now;
        snprintf(text, sizeof text,
                 "a message of %zu bytes with its headers is refused: the server's max_payload is %zu", size,
                 most);
        nats->host->log(nats->host->self, WSHUB_LOG_WARN, text);
    }
}

/* One of an older hub is shorter. */
static size_t size_of(const struct wshub_message *message) {
    struct wshub_message whole = {.struct_size = sizeof whole};
    memcpy(&whole, message, message->struct_size < sizeof whole ? message->struct_size : sizeof whole);
    return wire_size(&whole);
}

int slots_publish(void *self, const struct wshub_message *message, wshub_token token) {
    struct nats *nats = self;
    const size_t most = atomic_load(&nats->driver->max_payload);
    const size_t size = most ? size_of(message) : 0;
    if (message->payload.length > SLOTS_PAYLOAD_MOST) {
        return WSHUB_TOO_LARGE;
    }
    if (most && size > most) {
        complain_of_size(nats, size, most);
        return WSHUB_TOO_LARGE;
    }
    return push(nats, job_new(JOB_PUBLISH, token, message));
}

int slots_set(void *self, struct wshub_bytes key, struct wshub_bytes value, uint64_t ttl, wshub_token token) {
    return ttl ? ask(self, JOB_SET, key, value, ttl, token) : WSHUB_INVALID;
}

int slots_delete(void *self, struct wshub_bytes key, wshub_token token) {
    return ask(self, JOB_DELETE, key, nothing, 0, token);
}

int slots_get(void *self, struct wshub_bytes key, wshub_token token) {
    return ask(self, JOB_GET, key, nothing, 0, token);
}

int slots_list(void *self, struct wshub_bytes prefix, wshub_token token) {
    return ask(self, JOB_LIST, prefix, nothing, 0, token);
}

int slots_heartbeat(void *self, struct wshub_bytes key, struct wshub_bytes value, uint64_t ttl,
                    wshub_token token) {
    return ttl ? ask(self, JOB_HEARTBEAT, key, value, ttl, token) : WSHUB_INVALID;
}

int slots_history(void *self, const struct wshub_history_query *query, wshub_token token) {
    const struct wshub_message message = {.struct_size = sizeof message, .channel = query->channel};
    struct job *job = job_new(JOB_HISTORY, token, &message);
    if (job) {
        job->query = *query;
        job->query.channel = job->message.channel;
    }
    return push(self, job);
}
