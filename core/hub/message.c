// SPDX-License-Identifier: MIT
#include "hub/message.h"

#include <stdlib.h>
#include <string.h>

static size_t align_up(size_t size) {
    return (size + _Alignof(struct delivery) - 1) & ~(_Alignof(struct delivery) - 1);
}

struct message *message_new(const struct wshub_message *from, unsigned workers) {
    struct message *message;
    size_t bytes = from->channel.length + from->sender.length + from->payload.length;
    if (from->payload.length > UINT32_MAX / 2 || from->channel.length > UINT16_MAX ||
        from->sender.length > UINT16_MAX) {
        return NULL;
    }
    size_t tail = align_up(sizeof *message + bytes);
    message = malloc(tail + workers * sizeof(struct delivery));
    if (!message) {
        return NULL;
    }
    atomic_init(&message->refs, 1);
    message->payload_length = (uint32_t)from->payload.length;
    message->size = (uint32_t)(tail + workers * sizeof(struct delivery));
    message->channel_length = (uint16_t)from->channel.length;
    message->sender_length = (uint16_t)from->sender.length;
    message->deliveries = (struct delivery *)(void *)((char *)message + tail);
    char *next = message->bytes;
    const struct wshub_bytes *const parts[] = {&from->channel, &from->sender, &from->payload};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        if (parts[i]->length > 0) {
            memcpy(next, parts[i]->data, parts[i]->length);
            next += parts[i]->length;
        }
    }
    return message;
}

void message_ref(struct message *message) {
    atomic_fetch_add_explicit(&message->refs, 1, memory_order_relaxed);
}

void message_unref(struct message *message) {
    if (atomic_fetch_sub_explicit(&message->refs, 1, memory_order_acq_rel) == 1) {
        free(message);
    }
}

uint64_t message_weight(const struct message *message) {
    return message->size;
}

struct span message_channel(const struct message *message) {
    return (struct span){message->bytes, message->channel_length};
}

struct span message_sender(const struct message *message) {
    return (struct span){message->bytes + message->channel_length, message->sender_length};
}

struct span message_payload(const struct message *message) {
    return (struct span){message->bytes + message->channel_length + message->sender_length,
                         message->payload_length};
}
