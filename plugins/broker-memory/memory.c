/* SPDX-License-Identifier: MIT */
#include "memory.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "kept.h"
#include "names.h"
#include "past.h"

struct topic {
    UT_hash_handle hh; /* beside the name, which a look-up reads with it */
    char name[];
};

struct memory {
    const struct wshub_host *host;
    struct topic *topics; /* subscribed ones, by name */
    uint64_t seed;
    struct kept kept;
    struct past past;
};

static const char LAST_VALUES[] = "last_values";
static const char HISTORY[] = "history";

static struct topic *find(struct memory *memory, struct wshub_bytes channel) {
    struct topic *topic = NULL;
    HASH_FIND_BYHASHVALUE(hh, memory->topics, channel.data, channel.length, names_hash(channel, memory->seed),
                          topic);
    return topic;
}

static int memory_open(const struct wshub_host *host, void **self) {
    struct memory *memory = calloc(1, sizeof *memory);
    if (!memory) {
        return WSHUB_NO_MEMORY;
    }
    uint64_t random[2];
    if (getrandom(random, sizeof random, 0) != sizeof random) {
        free(memory);
        return WSHUB_INTERNAL;
    }
    memory->host = host;
    memory->seed = memory->kept.seed = random[0];
    memory->kept.most = host->option_number(host->self, LAST_VALUES);
    past_init(&memory->past, host, random, host->option_number(host->self, HISTORY));
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
    past_free(&memory->past);
    free(memory);
}

/* NULL: no memory. */
static struct topic *add(struct memory *memory, struct wshub_bytes channel) {
    struct topic *topic = malloc(sizeof *topic + channel.length);
    if (!topic) {
        return NULL;
    }
    memcpy(topic->name, channel.data, channel.length);
    HASH_ADD_KEYPTR_BYHASHVALUE(hh, memory->topics, topic->name, channel.length,
                                names_hash(channel, memory->seed), topic);
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

static int deliver(struct memory *memory, const struct wshub_message *message) {
    return find(memory, message->channel) ? memory->host->deliver(memory->host->self, message) : WSHUB_OK;
}

/* What stands in the history is taken: if the hub has no memory for it now, it has told of its loss, and
 * finds it there. */
static int put(struct memory *memory, struct wshub_message *message, wshub_token token) {
    int status = past_put(&memory->past, message, token);
    if (status == WSHUB_OK) {
        message->key = (struct wshub_bytes){NULL, 0}; /* was for this broker alone */
        message->key_ttl = 0;
        deliver(memory, message);
    }
    return status;
}

static int take(struct memory *memory, struct wshub_message *message, wshub_token token) {
    bool is_kept = message->flags & WSHUB_MESSAGE_LAST_VALUE;
    message->flags &= ~(uint32_t)WSHUB_MESSAGE_LAST_VALUE; /* subscribers get it as it is published */
    int status = is_kept ? keep(memory, message) : WSHUB_OK;
    if (status != WSHUB_OK) {
        return status;
    }
    return message->history_size > 0 ? put(memory, message, token) : deliver(memory, message);
}

static int memory_publish(void *self, const struct wshub_message *message, wshub_token token) {
    struct memory *memory = self;
    struct wshub_message live = {0};
    memcpy(&live, message, message->struct_size < sizeof live ? message->struct_size : sizeof live);
    live.struct_size = sizeof live; /* an older hub gives less */
    bool repeats = live.history_size > 0 && past_repeats(&memory->past, &live, token);
    int status = repeats ? WSHUB_OK : take(memory, &live, token);
    if (status == WSHUB_OK) {
        memory->host->complete(memory->host->self, token, WSHUB_OK);
    }
    return status;
}

static int memory_history(void *self, const struct wshub_history_query *query, wshub_token token) {
    struct memory *memory = self;
    int status = past_tell(&memory->past, query, token);
    if (status == WSHUB_OK) {
        memory->host->complete(memory->host->self, token, WSHUB_OK);
    }
    return status;
}

static const struct wshub_option options[] = {
    {LAST_VALUES, "what the last values of all channels take together; the oldest make room", "64MiB", NULL,
     WSHUB_OPTION_SIZE, 0, 65536, UINT64_C(1) << 40},
    {HISTORY, "what the histories of all channels take together; those used longest ago make room", "64MiB",
     NULL, WSHUB_OPTION_SIZE, 0, 65536, UINT64_C(1) << 40},
};

static const struct wshub_broker broker = {
    .struct_size = sizeof broker,
    .capabilities =
        WSHUB_BROKER_ORDERED | WSHUB_BROKER_HISTORY | WSHUB_BROKER_LAST_VALUE | WSHUB_BROKER_IDEMPOTENT,
    .open = memory_open,
    .close = memory_close,
    .subscribe = memory_subscribe,
    .unsubscribe = memory_unsubscribe,
    .publish = memory_publish,
    .history = memory_history,
};

static const struct wshub_plugin plugin = {
    .magic = WSHUB_PLUGIN_MAGIC,
    .abi_major = 1,
    .abi_minor = 1,
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
