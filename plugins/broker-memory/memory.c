/* SPDX-License-Identifier: MIT */
#include "memory.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define HASH_NONFATAL_OOM 1
#include <uthash.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

struct topic {
    UT_hash_handle hh; /* beside the name, which a look-up reads with it */
    char name[];
};

struct memory {
    const struct wshub_host *host;
    struct topic *topics; /* subscribed ones, by name */
    uint64_t seed;        /* clients choose the names: they must not know how they hash */
};

static uint32_t hash(const struct memory *memory, struct wshub_bytes channel) {
    return (uint32_t)XXH3_64bits_withSeed(channel.data, channel.length, memory->seed);
}

static struct topic *find(struct memory *memory, struct wshub_bytes channel) {
    struct topic *topic = NULL;
    HASH_FIND_BYHASHVALUE(hh, memory->topics, channel.data, channel.length, hash(memory, channel), topic);
    return topic;
}

static int memory_open(const struct wshub_host *host, void **self) {
    struct memory *memory = calloc(1, sizeof *memory);
    if (!memory) {
        return WSHUB_NO_MEMORY;
    }
    if (getrandom(&memory->seed, sizeof memory->seed, 0) != sizeof memory->seed) {
        free(memory);
        return WSHUB_INTERNAL;
    }
    memory->host = host;
    *self = memory;
    host->link(host->self, WSHUB_LINK_UP, NULL);
    return WSHUB_OK;
}

static void memory_close(void *self) {
    struct memory *memory = self;
    struct topic *topic, *next;
    HASH_ITER(hh, memory->topics, topic, next) {
        HASH_DEL(memory->topics, topic);
        free(topic);
    }
    free(memory);
}

static int memory_subscribe(void *self, struct wshub_bytes channel, wshub_token token) {
    struct memory *memory = self;
    if (!find(memory, channel)) {
        struct topic *topic = malloc(sizeof *topic + channel.length);
        if (!topic) {
            return WSHUB_NO_MEMORY;
        }
        memcpy(topic->name, channel.data, channel.length);
        HASH_ADD_KEYPTR_BYHASHVALUE(hh, memory->topics, topic->name, channel.length, hash(memory, channel),
                                    topic);
        if (!topic->hh.tbl) { /* uthash found no memory */
            free(topic);
            return WSHUB_NO_MEMORY;
        }
    }
    memory->host->complete(memory->host->self, token, WSHUB_OK);
    return WSHUB_OK;
}

static int memory_unsubscribe(void *self, struct wshub_bytes channel, wshub_token token) {
    struct memory *memory = self;
    struct topic *topic = find(memory, channel);
    if (topic) {
        HASH_DEL(memory->topics, topic);
        free(topic);
    }
    memory->host->complete(memory->host->self, token, WSHUB_OK);
    return WSHUB_OK;
}

static int memory_publish(void *self, const struct wshub_message *message, wshub_token token) {
    struct memory *memory = self;
    if (find(memory, message->channel)) {
        int status = memory->host->deliver(memory->host->self, message);
        if (status != WSHUB_OK) {
            return status;
        }
    }
    memory->host->complete(memory->host->self, token, WSHUB_OK);
    return WSHUB_OK;
}

static const struct wshub_broker broker = {
    .struct_size = sizeof broker,
    .capabilities = WSHUB_BROKER_ORDERED,
    .open = memory_open,
    .close = memory_close,
    .subscribe = memory_subscribe,
    .unsubscribe = memory_unsubscribe,
    .publish = memory_publish,
};

static const struct wshub_plugin plugin = {
    .magic = WSHUB_PLUGIN_MAGIC,
    .abi_major = 1,
    .abi_minor = 0,
    .struct_size = sizeof plugin,
    .name = "memory",
    .version = "0.1.0",
    .broker = &broker,
};

const struct wshub_plugin *broker_memory_plugin(void) {
    return &plugin;
}
