/* SPDX-License-Identifier: MIT */
#include "reads.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "reason.h"
#include "topic.h"

static void begin(struct reads *reads);

void reads_init(struct reads *reads, struct outbox *outbox, const struct settings *settings,
                const char *inbox, void *owner) {
    *reads = (struct reads){.outbox = outbox, .settings = settings, .inbox = inbox, .owner = owner};
    reads->end = &reads->first;
}

struct read *read_new(struct wshub_bytes wanted, struct wshub_bytes value) {
    struct read *read = calloc(1, sizeof *read + wanted.length + value.length);
    if (!read) {
        return NULL;
    }
    if (wanted.length) {
        memcpy(read->bytes, wanted.data, wanted.length);
    }
    if (value.length) {
        memcpy(read->bytes + wanted.length, value.data, value.length);
    }
    read->wanted = (struct wshub_bytes){read->bytes, wanted.length};
    read->value = (struct wshub_bytes){read->bytes + wanted.length, value.length};
    return read;
}

/* The first one ends. What it calls may push another. */
static void finish(struct reads *reads, int reason) {
    struct read *read = reads->first;
    reads->number = 0;
    reads->first = read->next;
    if (!reads->first) {
        reads->end = &reads->first;
    }
    read->on_done(reads->owner, read, reason);
    free(read);
}

/* ---- its three packets ---- */

/* Of the subscription, and of the fence. */
static void on_answer(void *owner, const struct operation *operation, int reason) {
    struct reads *reads = operation->work;
    (void)owner;
    if (operation->number != reads->number) {
        return; /* that read has ended */
    }
    if (!reason_is_good(reason)) {
        finish(reads, reason);
        begin(reads);
    } else if (operation->kind == OPERATION_PUBLISH) {
        reads->since = clock_ms();
    }
}

static void on_unsubscribed(void *owner, const struct operation *operation, int reason) {
    (void)owner;
    (void)operation;
    (void)reason;
}

static struct operation *make(struct reads *reads, enum operation_kind kind, const char *topic,
                              struct wshub_bytes payload) {
    struct operation *operation = operation_new(kind, topic, payload);
    if (operation) {
        operation->fn = kind == OPERATION_UNSUBSCRIBE ? on_unsubscribed : on_answer;
        operation->qos = kind == OPERATION_PUBLISH ? reads->settings->qos : 0;
        operation->number = reads->number;
        operation->work = reads;
    }
    return operation;
}

/* All of them or none. */
static int push(struct reads *reads, const char *topic) {
    char number[24];
    const size_t length = (size_t)snprintf(number, sizeof number, "%" PRIu64, reads->number);
    const struct wshub_bytes none = {NULL, 0};
    struct operation *subscribe = make(reads, OPERATION_SUBSCRIBE, topic, none);
    struct operation *fence =
        make(reads, OPERATION_PUBLISH, reads->inbox, (struct wshub_bytes){number, length});
    struct operation *unsubscribe = make(reads, OPERATION_UNSUBSCRIBE, topic, none);
    if (!subscribe || !fence || !unsubscribe) {
        operation_free(subscribe);
        operation_free(fence);
        operation_free(unsubscribe);
        return WSHUB_NO_MEMORY;
    }
    outbox_push(reads->outbox, subscribe);
    outbox_push(reads->outbox, fence);
    outbox_push(reads->outbox, unsubscribe);
    return WSHUB_OK;
}

static int start(struct reads *reads) {
    const struct read *read = reads->first;
    const struct wshub_bytes prefix = reads->settings->prefix;
    char topic[TOPIC_SIZE];
    bool fits =
        read->whole ? topic_of_keys(topic, prefix, read->wanted) : topic_of_key(topic, prefix, read->wanted);
    reads->number = ++reads->numbers;
    reads->since = 0;
    return fits ? push(reads, topic) : WSHUB_INVALID;
}

static void begin(struct reads *reads) {
    while (reads->first && reads->number == 0) {
        int status = start(reads);
        if (status == WSHUB_OK) {
            return;
        }
        finish(reads, status);
    }
}

void reads_push(struct reads *reads, struct read *read) {
    read->next = NULL;
    *reads->end = read;
    reads->end = &read->next;
    begin(reads);
}

void reads_drop(struct reads *reads) {
    while (reads->first) {
        finish(reads, WSHUB_UNAVAILABLE);
    }
}

/* ---- what arrives ---- */

void reads_on_tick(struct reads *reads) {
    if (reads->number && reads->since && clock_ms() - reads->since >= reads->settings->timeout) {
        finish(reads, WSHUB_TIMEOUT);
        begin(reads);
    }
}

void reads_on_retained(struct reads *reads, struct wshub_bytes key, struct wshub_bytes value) {
    struct read *read = reads->first;
    if (reads->number == 0 || key.length < read->wanted.length ||
        (!read->whole && key.length > read->wanted.length)) {
        return;
    }
    if (read->wanted.length == 0 || memcmp(key.data, read->wanted.data, read->wanted.length) == 0) {
        read->on_found(reads->owner, read, key, value);
    }
}

void reads_on_fence(struct reads *reads, struct wshub_bytes payload) {
    char number[24];
    const size_t length = (size_t)snprintf(number, sizeof number, "%" PRIu64, reads->number);
    if (reads->number && payload.length == length && memcmp(payload.data, number, length) == 0) {
        finish(reads, 0);
        begin(reads);
    }
}
