// SPDX-License-Identifier: MIT
#include "hub/asks.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "hub/message.h"

struct found {
    atomic_uint refs;
    size_t count, room, weight;
    struct message **messages;
};

struct found *found_new(size_t room) {
    struct found *found = calloc(1, sizeof *found);
    if (!found) {
        return NULL;
    }
    found->messages = room > 0 ? calloc(room, sizeof *found->messages) : NULL;
    if (room > 0 && !found->messages) {
        free(found);
        return NULL;
    }
    found->refs = 1;
    found->room = room;
    return found;
}

static bool make_room(struct found *found) {
    if (found->count < found->room) {
        return true;
    }
    size_t room = found->room > 0 ? 2 * found->room : 16;
    struct message **grown = realloc(found->messages, room * sizeof *grown);
    if (grown) {
        found->messages = grown;
        found->room = room;
    }
    return grown != NULL;
}

bool found_add(struct found *found, struct message *message) {
    if (!make_room(found)) {
        return false;
    }
    message_ref(message);
    found->messages[found->count++] = message;
    found->weight += message_weight(message);
    return true;
}

size_t found_count(const struct found *found) {
    return found->count;
}

struct message *found_at(const struct found *found, size_t i) {
    return found->messages[i];
}

size_t found_weight(const struct found *found) {
    return found->weight;
}

void found_ref(struct found *found) {
    atomic_fetch_add_explicit(&found->refs, 1, memory_order_relaxed);
}

void found_unref(struct found *found) {
    if (!found || atomic_fetch_sub_explicit(&found->refs, 1, memory_order_acq_rel) != 1) {
        return;
    }
    for (size_t i = 0; i < found->count; i++) {
        message_unref(found->messages[i]);
    }
    free(found->messages);
    free(found);
}

static struct span copy(char **end, struct span from) {
    struct span to = {*end, from.length};
    if (from.length > 0) {
        memcpy(*end, from.data, from.length);
    }
    *end += from.length;
    return to;
}

struct ask *ask_new(struct span channel, struct span target) {
    struct ask *ask = calloc(1, sizeof *ask + channel.length + target.length);
    if (ask) {
        char *end = ask->bytes;
        ask->channel = copy(&end, channel);
        ask->target = copy(&end, target);
    }
    return ask;
}

void ask_free(struct ask *ask) {
    if (ask) {
        found_unref(ask->found);
        free(ask->members);
        free(ask);
    }
}

struct membership *membership_of_leave(struct mail *leave) {
    return (struct membership *)(void *)((char *)leave - offsetof(struct membership, leave));
}
