// SPDX-License-Identifier: MIT
#include "hub/ahead.h"

#include <stdlib.h>
#include <string.h>

#include "hub/message.h"

static bool make_room(struct ahead *ahead) {
    if (ahead->first > 0) {
        memmove(ahead->items, ahead->items + ahead->first,
                (ahead->end - ahead->first) * sizeof(struct message *));
        ahead->end -= ahead->first;
        ahead->first = 0;
    }
    if (ahead->end < ahead->capacity) {
        return true;
    }
    uint32_t capacity = ahead->capacity > 0 ? 2 * ahead->capacity : 8;
    struct message **grown =
        capacity <= AHEAD_MESSAGES_MAX ? realloc(ahead->items, capacity * sizeof *grown) : NULL;
    if (grown) {
        ahead->items = grown;
        ahead->capacity = capacity;
    }
    return grown != NULL;
}

// Most come in order: looked for from the end.
bool ahead_put(struct ahead *ahead, struct message *message) {
    uint64_t weight = message_weight(message);
    if (ahead->bytes + weight > AHEAD_BYTES_MAX || (ahead->end == ahead->capacity && !make_room(ahead))) {
        return false;
    }
    uint32_t place = ahead->end;
    while (place > ahead->first && ahead->items[place - 1]->offset > message->offset) {
        place--;
    }
    if (place > ahead->first && ahead->items[place - 1]->offset == message->offset) {
        return true;
    }
    memmove(ahead->items + place + 1, ahead->items + place, (ahead->end - place) * sizeof(struct message *));
    ahead->items[place] = message;
    ahead->end++;
    ahead->bytes += weight;
    message_ref(message);
    return true;
}

struct message *ahead_first(const struct ahead *ahead) {
    return ahead->first < ahead->end ? ahead->items[ahead->first] : NULL;
}

struct message *ahead_take(struct ahead *ahead) {
    struct message *message = ahead->items[ahead->first++];
    ahead->bytes -= message_weight(message);
    if (ahead->first == ahead->end) { // the usual state, which is to cost nothing
        free(ahead->items);
        *ahead = (struct ahead){0};
    }
    return message;
}

void ahead_clear(struct ahead *ahead) {
    while (ahead_first(ahead)) {
        message_unref(ahead_take(ahead));
    }
}
