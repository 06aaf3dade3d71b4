// SPDX-License-Identifier: MIT
#include "host/arrivals.h"

#include <stdlib.h>
#include <string.h>

char *arrivals_copy(struct wshub_bytes bytes) {
    char *copy = malloc(bytes.length + 1);
    if (copy) {
        if (bytes.length > 0) {
            memcpy(copy, bytes.data, bytes.length);
        }
        copy[bytes.length] = '\0';
    }
    return copy;
}

static void free_one(struct arrival *one) {
    free(one->channel);
    free(one->payload);
    free(one->sender);
    free(one->sender_user);
    free(one->exclude);
    free(one->epoch);
}

static bool make_room(struct arrivals *arrivals) {
    if (arrivals->count < arrivals->size) {
        return true;
    }
    size_t size = arrivals->size ? arrivals->size * 2 : 16;
    struct arrival *items = realloc(arrivals->items, size * sizeof *items);
    if (items) {
        arrivals->items = items;
        arrivals->size = size;
    }
    return items;
}

bool arrivals_add(struct arrivals *arrivals, const struct wshub_message *message) {
    struct arrival one = {
        .channel = arrivals_copy(message->channel),
        .payload = arrivals_copy(message->payload),
        .sender = arrivals_copy(message->sender),
        .sender_user = arrivals_copy(message->sender_user),
        .exclude = arrivals_copy(message->exclude),
        .epoch = arrivals_copy(message->epoch),
        .channel_length = message->channel.length,
        .payload_length = message->payload.length,
        .offset = message->offset,
        .previous = message->previous,
        .flags = message->flags,
        .at = check_now(),
    };
    bool ok = one.channel && one.payload && one.sender && one.sender_user && one.exclude && one.epoch;
    if (!ok || !make_room(arrivals)) {
        free_one(&one);
        return false;
    }
    arrivals->items[arrivals->count++] = one;
    return true;
}

void arrivals_free(struct arrivals *arrivals) {
    for (size_t i = 0; i < arrivals->count; i++) {
        free_one(&arrivals->items[i]);
    }
    free(arrivals->items);
    *arrivals = (struct arrivals){0};
}
