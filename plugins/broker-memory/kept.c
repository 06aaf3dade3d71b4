/* SPDX-License-Identifier: MIT */
#include "kept.h"

#include <stdlib.h>
#include <string.h>

#include "names.h"

struct kept_value {
    UT_hash_handle hh;
    struct kept_value *older, *newer;
    uint64_t size; /* of all this */
    struct wshub_message message;
    char bytes[]; /* what it points to: the channel first */
};

static struct kept_value *find(const struct kept *kept, struct wshub_bytes channel) {
    struct kept_value *value = NULL;
    if (kept->by_name) { /* else there is nothing to hash for */
        HASH_FIND_BYHASHVALUE(hh, kept->by_name, channel.data, channel.length,
                              names_hash(channel, kept->seed), value);
    }
    return value;
}

static void drop(struct kept *kept, struct kept_value *value) {
    HASH_DEL(kept->by_name, value);
    *(value->older ? &value->older->newer : &kept->oldest) = value->newer;
    *(value->newer ? &value->newer->older : &kept->newest) = value->older;
    kept->bytes -= value->size;
    free(value);
}

static struct wshub_bytes copy(struct wshub_bytes from, char **end) {
    struct wshub_bytes to = {*end, from.length};
    if (from.length > 0) {
        memcpy(*end, from.data, from.length);
    }
    *end += from.length;
    return to;
}

static struct kept_value *value_new(const struct wshub_message *from) {
    size_t size = sizeof(struct kept_value) + from->channel.length + from->payload.length +
                  from->sender.length + from->sender_user.length + from->exclude.length;
    struct kept_value *value = calloc(1, size);
    if (value) {
        char *end = value->bytes;
        value->size = size;
        value->message.struct_size = sizeof value->message;
        value->message.flags = WSHUB_MESSAGE_LAST_VALUE;
        value->message.channel = copy(from->channel, &end);
        value->message.payload = copy(from->payload, &end);
        value->message.sender = copy(from->sender, &end);
        value->message.sender_user = copy(from->sender_user, &end);
        value->message.exclude = copy(from->exclude, &end);
    }
    return value;
}

/* 0: uthash has found no memory. */
static int enter(struct kept *kept, struct kept_value *value) {
    struct wshub_bytes name = value->message.channel;
    HASH_ADD_KEYPTR_BYHASHVALUE(hh, kept->by_name, name.data, name.length, names_hash(name, kept->seed),
                                value);
    if (!value->hh.tbl) {
        return 0;
    }
    value->older = kept->newest;
    *(kept->newest ? &kept->newest->newer : &kept->oldest) = value;
    kept->newest = value;
    kept->bytes += value->size;
    return 1;
}

int kept_put(struct kept *kept, const struct wshub_message *message) {
    struct kept_value *before = find(kept, message->channel), *value;
    if (message->payload.length == 0) {
        if (before) {
            drop(kept, before);
        }
        return WSHUB_OK;
    }
    value = value_new(message);
    if (!value) {
        return WSHUB_NO_MEMORY;
    }
    if (value->size > kept->most || !enter(kept, value)) {
        int status = value->size > kept->most ? WSHUB_TOO_LARGE : WSHUB_NO_MEMORY;
        free(value);
        return status;
    }
    if (before) {
        drop(kept, before);
    }
    while (kept->bytes > kept->most) {
        drop(kept, kept->oldest);
        kept->dropped++;
    }
    return WSHUB_OK;
}

const struct wshub_message *kept_find(const struct kept *kept, struct wshub_bytes channel) {
    const struct kept_value *value = find(kept, channel);
    return value ? &value->message : NULL;
}

void kept_free(struct kept *kept) {
    while (kept->oldest) {
        drop(kept, kept->oldest);
    }
}
