/* SPDX-License-Identifier: MIT */
#include "outbox.h"

#include <string.h>

#include "clock.h"
#include "reason.h"

enum {
    SLICE_MS = 1,
    BATCH_MOST = 64,     /* topics of one packet */
    BATCH_BYTES = 16384, /* of their names */
    TOPICS_MOST = 1024,  /* in flight */
};

/* ---- lists ---- */

static void append(struct operation_list *list, struct operation *operation) {
    operation->next = NULL;
    *list->end = operation;
    list->end = &operation->next;
}

static struct operation *take(struct operation_list *list, struct operation **place) {
    struct operation *operation = *place;
    *place = operation->next;
    if (list->end == &operation->next) {
        list->end = place;
    }
    return operation;
}

static void finish(struct outbox *outbox, struct operation *operation, int reason) {
    outbox->bytes -= operation_size(operation);
    operation->fn(outbox->owner, operation, reason);
    operation_free(operation);
}

static void count_out(struct outbox *outbox, const struct operation *operation) {
    if (operation->kind == OPERATION_PUBLISH) {
        outbox->publishes--;
    } else {
        outbox->topics--;
    }
}

/* ---- what waits ---- */

void outbox_init(struct outbox *outbox, struct client *client, void *owner) {
    *outbox = (struct outbox){.client = client, .owner = owner};
    outbox->waiting.end = &outbox->waiting.first;
    outbox->flying.end = &outbox->flying.first;
}

bool outbox_takes(const struct outbox *outbox, size_t bytes) {
    return bytes <= OUTBOX_MOST && outbox->bytes <= OUTBOX_MOST - bytes;
}

void outbox_push(struct outbox *outbox, struct operation *operation) {
    outbox->bytes += operation_size(operation);
    append(&outbox->waiting, operation);
    client_want(outbox->client);
}

static struct operation *take_waiting(struct outbox *outbox) {
    return take(&outbox->waiting, &outbox->waiting.first);
}

/* A fn may be called that asks for something else: that is dropped too. */
void outbox_drop(struct outbox *outbox) {
    while (outbox->flying.first) {
        struct operation *operation = take(&outbox->flying, &outbox->flying.first);
        count_out(outbox, operation);
        finish(outbox, operation, WSHUB_UNAVAILABLE);
    }
    while (outbox->waiting.first) {
        finish(outbox, take_waiting(outbox), WSHUB_UNAVAILABLE);
    }
}

bool outbox_is_ready(const struct outbox *outbox) {
    const struct operation *first = outbox->waiting.first;
    if (!first) {
        return false;
    }
    return first->kind == OPERATION_PUBLISH ? outbox->publishes < outbox->client->window
                                            : outbox->topics < TOPICS_MOST;
}

/* ---- sending ---- */

static void send_publish(struct outbox *outbox, struct operation *operation) {
    outbox->sending = operation;
    int reason = operation_packet(operation) > outbox->client->packet_most
                     ? WSHUB_TOO_LARGE
                     : client_send(outbox->client, &operation, 1);
    const bool answered = !outbox->sending; /* QoS 0: it is written already */
    outbox->sending = NULL;
    if (answered) {
        return;
    }
    if (reason != WSHUB_OK) {
        finish(outbox, operation, reason);
        return;
    }
    operation->since = clock_ms();
    outbox->publishes++;
    append(&outbox->flying, operation);
}

static bool joins(const struct operation *first, const struct operation *next, size_t bytes) {
    return next && next->kind == first->kind && next->qos == first->qos &&
           bytes + next->length <= BATCH_BYTES;
}

/* As many as fit into one packet: the server confirms them one by one all the same. */
static void send_topics(struct outbox *outbox, struct operation *first) {
    struct operation *batch[BATCH_MOST] = {first};
    size_t count = 1, bytes = first->length;
    const size_t most = outbox->client->packet_most < BATCH_BYTES ? 1 : BATCH_MOST;
    while (count < most && joins(first, outbox->waiting.first, bytes)) {
        batch[count] = take_waiting(outbox);
        bytes += batch[count++]->length;
    }
    int reason = client_send(outbox->client, batch, count);
    for (size_t i = 0; i < count; i++) {
        if (reason == WSHUB_OK) {
            batch[i]->since = clock_ms();
            outbox->topics++;
            append(&outbox->flying, batch[i]);
        } else {
            finish(outbox, batch[i], reason);
        }
    }
}

void outbox_send(struct outbox *outbox) {
    const uint64_t until = clock_ms() + SLICE_MS;
    while (outbox_is_ready(outbox) && client_has_room(outbox->client) && clock_ms() <= until) {
        struct operation *first = take_waiting(outbox);
        if (first->kind == OPERATION_PUBLISH) {
            send_publish(outbox, first);
        } else {
            send_topics(outbox, first);
        }
    }
}

/* ---- answers ---- */

/* Servers answer nearly in order: it is one of the first. The kind counts as well, for messages of QoS 0 use
 * up the identifiers quickly, and need not wait for one that is free. */
static struct operation **find(struct outbox *outbox, enum operation_kind kind, int mid) {
    struct operation **place = &outbox->flying.first;
    while (*place && ((*place)->mid != mid || (*place)->kind != kind)) {
        place = &(*place)->next;
    }
    return place;
}

/* The topics of one packet stand behind each other. */
static void answer_all(struct outbox *outbox, struct operation **place, const int *reasons, size_t count) {
    const int mid = (*place)->mid;
    const enum operation_kind kind = (*place)->kind;
    struct operation_list answered = {.end = &answered.first};
    while (*place && (*place)->mid == mid && (*place)->kind == kind) {
        count_out(outbox, *place);
        append(&answered, take(&outbox->flying, place));
    }
    for (size_t i = 0; answered.first; i++) {
        struct operation *operation = take(&answered, &answered.first);
        const int missing = operation->kind == OPERATION_SUBSCRIBE ? WSHUB_INTERNAL : WSHUB_OK;
        finish(outbox, operation, i < count ? reasons[i] : missing);
    }
}

void outbox_answer(struct outbox *outbox, enum operation_kind kind, int mid, const int *reasons,
                   size_t count) {
    struct operation *sending = outbox->sending;
    if (kind == OPERATION_PUBLISH && sending && sending->qos == 0) { /* nothing else was left to write */
        outbox->sending = NULL;
        finish(outbox, sending, reasons[0]);
        return;
    }
    struct operation **place = find(outbox, kind, mid);
    if (*place) {
        answer_all(outbox, place, reasons, count);
    }
}

static void on_confirmed(void *owner, const struct operation *operation, int reason) {
    (void)owner;
    (void)operation;
    (void)reason;
}

void outbox_confirm(struct outbox *outbox, const char *topic) {
    const size_t length = strlen(topic);
    for (struct operation *at = outbox->flying.first; at; at = at->next) {
        if (at->kind == OPERATION_SUBSCRIBE && at->length == length &&
            memcmp(at->topic, topic, length) == 0) {
            operation_fn fn = at->fn;
            at->fn = on_confirmed;
            fn(outbox->owner, at, 0);
            return;
        }
    }
}

uint64_t outbox_oldest(const struct outbox *outbox) {
    return outbox->flying.first ? outbox->flying.first->since : UINT64_MAX;
}
