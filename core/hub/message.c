// SPDX-License-Identifier: MIT
#include "hub/message.h"

#include <stdlib.h>
#include <string.h>

#include "hub/position.h"

static size_t align_up(size_t size) {
    return (size + _Alignof(struct delivery) - 1) & ~(_Alignof(struct delivery) - 1);
}

static bool fits(const struct wshub_message *from) {
    return from->payload.length <= UINT32_MAX / 2 && from->channel.length <= UINT16_MAX &&
           from->sender.length <= UINT16_MAX && from->sender_user.length <= UINT16_MAX &&
           from->exclude.length <= MESSAGE_EXCLUDE_MAX && from->epoch.length <= EPOCH_MAX &&
           from->key.length <= MESSAGE_KEY_MAX;
}

struct message *message_new(const struct wshub_message *from, unsigned workers) {
    const struct wshub_bytes *const parts[] = {&from->channel, &from->sender, &from->sender_user,
                                               &from->exclude, &from->epoch,  &from->key,
                                               &from->payload};
    size_t bytes = 0;
    if (!fits(from)) {
        return NULL;
    }
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        bytes += parts[i]->length;
    }
    size_t tail = align_up(sizeof(struct message) + bytes);
    struct message *message = malloc(tail + workers * sizeof(struct delivery));
    if (!message) {
        return NULL;
    }
    *message = (struct message){
        .refs = 1,
        .payload_length = (uint32_t)from->payload.length,
        .size = (uint32_t)(tail + workers * sizeof(struct delivery)),
        .channel_length = (uint16_t)from->channel.length,
        .sender_length = (uint16_t)from->sender.length,
        .user_length = (uint16_t)from->sender_user.length,
        .exclude_length = (uint16_t)from->exclude.length,
        .epoch_length = (uint8_t)from->epoch.length,
        .key_length = (uint8_t)from->key.length,
        .offset = from->epoch.length > 0 ? from->offset : 0,
        .previous = from->epoch.length > 0 ? from->previous : 0,
        .deliveries = (struct delivery *)(void *)((char *)message + tail),
    };
    char *next = message->bytes;
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        if (parts[i]->length > 0) {
            memcpy(next, parts[i]->data, parts[i]->length);
            next += parts[i]->length;
        }
    }
    return message;
}

static struct wshub_bytes bytes_of(struct span span) {
    return (struct wshub_bytes){span.data, span.length};
}

struct message *message_new_gap(struct span channel, const struct position *position, unsigned workers) {
    struct wshub_message from = {.channel = bytes_of(channel)};
    if (position) {
        from.epoch = bytes_of(position_epoch(position));
        from.offset = position->offset;
    }
    struct message *gap = message_new(&from, workers);
    if (gap) {
        gap->kind = MESSAGE_GAP;
    }
    return gap;
}

struct wshub_message message_lend(const struct message *message) {
    return (struct wshub_message){
        .struct_size = sizeof(struct wshub_message),
        .channel = bytes_of(message_channel(message)),
        .payload = bytes_of(message_payload(message)),
        .sender = bytes_of(message_sender(message)),
        .sender_user = bytes_of(message_user(message)),
        .exclude = bytes_of(message_exclude(message)),
        .epoch = bytes_of(message_epoch(message)),
        .offset = message->offset,
        .previous = message->previous,
        .key = bytes_of(message_key(message)),
    };
}

struct message *message_copy_last(const struct message *from, unsigned workers) {
    struct wshub_message lent = message_lend(from);
    struct message *copy = message_new(&lent, workers);
    if (copy) {
        copy->is_json = from->is_json;
        copy->is_last = true;
    }
    return copy;
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

static size_t user_offset(const struct message *message) {
    return (size_t)message->channel_length + message->sender_length;
}

struct span message_user(const struct message *message) {
    return (struct span){message->bytes + user_offset(message), message->user_length};
}

struct span message_exclude(const struct message *message) {
    return (struct span){message->bytes + user_offset(message) + message->user_length,
                         message->exclude_length};
}

static size_t epoch_offset(const struct message *message) {
    return user_offset(message) + message->user_length + message->exclude_length;
}

struct span message_epoch(const struct message *message) {
    return (struct span){message->bytes + epoch_offset(message), message->epoch_length};
}

struct span message_key(const struct message *message) {
    return (struct span){message->bytes + epoch_offset(message) + message->epoch_length, message->key_length};
}

struct span message_payload(const struct message *message) {
    return (struct span){message->bytes + epoch_offset(message) + message->epoch_length + message->key_length,
                         message->payload_length};
}
