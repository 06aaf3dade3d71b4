/* SPDX-License-Identifier: MIT */
#include "memory.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "kept.h"

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
    struct kept kept;
};

static const char LAST_VALUES[] = "last_values";

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
    memory->kept.seed = memory->seed;
    memory->kept.most = host->option_number(host->self, LAST_VALUES);
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
    kept_free(&memory->kept);
    free(memory);
}

/* NULL: no memory. */
static struct topic *add(struct memory *memory, struct wshub_bytes channel) {
    struct topic *topic = malloc(sizeof *topic + channel.length);
    if (!topic) {
        return NULL;
    }
    memcpy(topic->name, channel.data, channel.length);
    HASH_ADD_KEYPTR_BYHASHVALUE(hh, memory->topics, topic->name, channel.length, hash(memory, channel),
                                topic);
    if (!topic->hh.tbl) { /* uthash found no memory */
        free(topic);
        return NULL;
    }
    return topic;
}

static void drop(struct memory *memory, struct topic *topic) {
    HASH_DEL(memory->topics, topic);
    free(topic);
}

/* Before it is confirmed, as nothing may come between. */
static int deliver_kept(struct memory *memory, struct wshub_bytes channel) {
    const struct wshub_message *message = kept_find(&memory->kept, channel);
    return message ? memory->host->deliver(memory->host->self, message) : WSHUB_OK;
}

static int memory_subscribe(void *self, struct wshub_bytes channel, wshub_token token) {
    struct memory *memory = self;
    struct topic *known = find(memory, channel);
    struct topic *topic = known ? known : add(memory, channel);
    if (!topic) {
        return WSHUB_NO_MEMORY;
    }
    int status = deliver_kept(memory, channel);
    if (status != WSHUB_OK) {
        if (!known) {
            drop(memory, topic);
        }
        return status;
    }
    memory->host->complete(memory->host->self, token, WSHUB_OK);
    return WSHUB_OK;
}

static int memory_unsubscribe(void *self, struct wshub_bytes channel, wshub_token token) {
    struct memory *memory = self;
    struct topic *topic = find(memory, channel);
    if (topic) {
        drop(memory, topic);
    }
    memory->host->complete(memory->host->self, token, WSHUB_OK);
    return WSHUB_OK;
}

static int keep(struct memory *memory, const struct wshub_message *message) {
    const struct wshub_host *host = memory->host;
    uint64_t dropped = memory->kept.dropped;
    int status = kept_put(&memory->kept, message);
    if (dropped == 0 && memory->kept.dropped > 0) {
        host->log(host->self, WSHUB_LOG_WARN,
                  "more last values than the option last_values takes: the oldest are dropped");
    }
    return status;
}

static int memory_publish(void *self, const struct wshub_message *message, wshub_token token) {
    struct memory *memory = self;
    struct wshub_message live = {0};
    memcpy(&live, message, message->struct_size < sizeof live ? message->struct_size : sizeof live);
    live.struct_size = sizeof live; /* a hub of ABI 1.0 gives less */
    int status = message->flags & WSHUB_MESSAGE_LAST_VALUE ? keep(memory, message) : WSHUB_OK;
    live.flags &= ~(uint32_t)WSHUB_MESSAGE_LAST_VALUE; /* whoever is subscribed gets it as it is published */
    if (status == WSHUB_OK && find(memory, message->channel)) {
        status = memory->host->deliver(memory->host->self, &live);
    }
    if (status == WSHUB_OK) {
        memory->host->complete(memory->host->self, token, WSHUB_OK);
    }
    return status;
}

static const struct wshub_option options[] = {
    {LAST_VALUES, "what the last values of all channels take together; the oldest make room", "64MiB", NULL,
     WSHUB_OPTION_SIZE, 0, 65536, UINT64_C(1) << 40},
};

static const struct wshub_broker broker = {
    .struct_size = sizeof broker,
    .capabilities = WSHUB_BROKER_ORDERED | WSHUB_BROKER_LAST_VALUE,
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
    .options = options,
    .option_count = sizeof options / sizeof *options,
    .option_size = sizeof *options,
    .broker = &broker,
};

const struct wshub_plugin *broker_memory_plugin(void) {
    return &plugin;
}
