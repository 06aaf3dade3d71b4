/* SPDX-License-Identifier: MIT */
#include "channels.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define HASH_NONFATAL_OOM 1 /* hh.tbl is NULL then */
#include <uthash.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

struct channel {
    natsSubscription *subscription;
    UT_hash_handle hh;
    char name[];
};

static uint32_t hash_of(const struct channels *channels, struct wshub_bytes name) {
    return (uint32_t)XXH3_64bits_withSeed(name.data, name.length, channels->seed);
}

static struct channel *find(struct channels *channels, struct wshub_bytes name) {
    struct channel *channel;
    HASH_FIND_BYHASHVALUE(hh, channels->all, name.data, name.length, hash_of(channels, name), channel);
    return channel;
}

static void forget(struct channels *channels, struct channel *channel) {
    HASH_DEL(channels->all, channel);
    natsSubscription_Destroy(channel->subscription);
    free(channel);
}

void channels_init(struct channels *channels) {
    *channels = (struct channels){0};
    if (getrandom(&channels->seed, sizeof channels->seed, GRND_NONBLOCK) != sizeof channels->seed) {
        channels->seed = (uint64_t)(uintptr_t)channels; /* early in a boot */
    }
}

void channels_clear(struct channels *channels) {
    while (channels->all) {
        forget(channels, channels->all);
    }
}

natsSubscription **channels_find(struct channels *channels, struct wshub_bytes name) {
    struct channel *channel = find(channels, name);
    return channel ? &channel->subscription : NULL;
}

natsSubscription **channels_add(struct channels *channels, struct wshub_bytes name) {
    struct channel *channel = calloc(1, sizeof *channel + name.length);
    if (!channel) {
        return NULL;
    }
    memcpy(channel->name, name.data, name.length);
    HASH_ADD_KEYPTR_BYHASHVALUE(hh, channels->all, channel->name, name.length, hash_of(channels, name),
                                channel);
    if (!channel->hh.tbl) {
        free(channel);
        return NULL;
    }
    return &channel->subscription;
}

void channels_remove(struct channels *channels, struct wshub_bytes name) {
    struct channel *channel = find(channels, name);
    if (channel) {
        forget(channels, channel);
    }
}

bool channels_each(struct channels *channels,
                   bool (*fn)(void *context, struct wshub_bytes name, natsSubscription **subscription),
                   void *context) {
    struct channel *channel, *next;
    HASH_ITER(hh, channels->all, channel, next) {
        if (!fn(context, (struct wshub_bytes){channel->name, channel->hh.keylen}, &channel->subscription)) {
            return false;
        }
    }
    return true;
}
