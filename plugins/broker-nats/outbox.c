/* SPDX-License-Identifier: MIT */
#include "outbox.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

enum { PARTS = 6, POSITION_OF_PUBLISH = 3 /* the minor version that takes it */ };

bool outbox_init(struct outbox *outbox, struct gate *gate) {
    *outbox = (struct outbox){.gate = gate};
    return pthread_mutex_init(&outbox->lock, NULL) == 0;
}

void outbox_free(struct outbox *outbox) {
    while (outbox->first) {
        struct note *note = outbox->first;
        outbox->first = note->next;
        free(note);
    }
    pthread_mutex_destroy(&outbox->lock);
}

struct note *note_new(enum note_kind kind, wshub_token token, const struct wshub_message *message) {
    struct wshub_message copy = *message;
    struct wshub_bytes *const parts[PARTS] = {&copy.channel,     &copy.payload, &copy.sender,
                                              &copy.sender_user, &copy.exclude, &copy.epoch};
    size_t total = 0;
    for (size_t i = 0; i < PARTS; i++) {
        total += parts[i]->length;
    }
    struct note *note = malloc(sizeof *note + total + 1);
    if (!note) {
        return NULL;
    }
    char *next = note->bytes;
    for (size_t i = 0; i < PARTS; i++) {
        if (parts[i]->length) {
            memcpy(next, parts[i]->data, parts[i]->length);
        }
        parts[i]->data = next;
        next += parts[i]->length;
    }
    *next = 0;
    copy.struct_size = sizeof copy;
    *note = (struct note){.kind = kind, .token = token, .message = copy};
    return note;
}

/* ---- the hub thread ---- */

static bool offers(const struct wshub_host *host, size_t end) {
    return host->struct_size >= end;
}
#define OFFERS(host, service) \
    (offers(host, offsetof(struct wshub_host, service) + sizeof(host)->service) && (host)->service)

static void tell(struct outbox *outbox, const struct note *note) {
    const struct wshub_host *host = outbox->gate->host;
    const struct wshub_message *message = &note->message;
    switch (note->kind) {
    case NOTE_LINK:
        outbox->said = true;
        host->link(host->self, note->state,
                   message->payload.length ? message->payload.data : NULL); /* the last part, so terminated */
        break;
    case NOTE_ENTRY:
        host->entry(host->self, note->token, message->channel, message->payload);
        break;
    case NOTE_MESSAGE:
        if (OFFERS(host, message)) {
            host->message(host->self, note->token, message);
        }
        break;
    case NOTE_STORED:
        if (host->abi_minor < POSITION_OF_PUBLISH) {
            break;
        }
        /* fallthrough */
    case NOTE_POSITION:
        if (OFFERS(host, position)) {
            host->position(host->self, note->token, message->epoch, note->oldest, note->newest);
        }
        break;
    }
}

static void on_post(void *context) {
    struct outbox *outbox = context;
    pthread_mutex_lock(&outbox->lock);
    struct note *note = outbox->first;
    outbox->first = outbox->last = NULL;
    outbox->posted = false;
    pthread_mutex_unlock(&outbox->lock);
    while (note) {
        struct note *next = note->next;
        tell(outbox, note);
        free(note);
        note = next;
    }
}

/* ---- the driver's ---- */

bool outbox_flush(struct outbox *outbox) {
    pthread_mutex_lock(&outbox->lock);
    const bool due = outbox->first && !outbox->posted;
    outbox->posted = outbox->posted || due;
    pthread_mutex_unlock(&outbox->lock); /* the hub thread never waits for a post */
    if (!due || gate_post(outbox->gate, on_post, outbox) == WSHUB_OK) {
        return true;
    }
    pthread_mutex_lock(&outbox->lock);
    outbox->posted = false;
    pthread_mutex_unlock(&outbox->lock);
    return false;
}

void outbox_put(struct outbox *outbox, struct note *note) {
    note->next = NULL;
    pthread_mutex_lock(&outbox->lock);
    *(outbox->last ? &outbox->last->next : &outbox->first) = note;
    outbox->last = note;
    pthread_mutex_unlock(&outbox->lock);
}
