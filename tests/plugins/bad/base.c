/* SPDX-License-Identifier: MIT */
#include "base.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { AT_ONCE = 32 }; /* works that one call of the timer does */

/* ---- works ---- */

static struct wshub_bytes take(char **at, struct wshub_bytes bytes) {
    struct wshub_bytes copy = {*at, bytes.length};
    if (bytes.length > 0) {
        memcpy(*at, bytes.data, bytes.length);
    }
    *at += bytes.length;
    return copy;
}

static struct wshub_message widen(const struct wshub_message *theirs) {
    struct wshub_message message = {0};
    memcpy(&message, theirs, theirs->struct_size < sizeof message ? theirs->struct_size : sizeof message);
    message.struct_size = sizeof message;
    return message;
}

static size_t size_of(const struct wshub_message *message) {
    return message->channel.length + message->payload.length + message->sender.length +
           message->sender_user.length + message->exclude.length + message->epoch.length +
           message->key.length;
}

static struct wshub_message copy_to(char **at, const struct wshub_message *message) {
    struct wshub_message copy = *message;
    copy.channel = take(at, message->channel);
    copy.payload = take(at, message->payload);
    copy.sender = take(at, message->sender);
    copy.sender_user = take(at, message->sender_user);
    copy.exclude = take(at, message->exclude);
    copy.epoch = take(at, message->epoch);
    copy.key = take(at, message->key);
    return copy;
}

struct wshub_message *base_copy(const struct wshub_message *message) {
    struct wshub_message *copy = malloc(sizeof *copy + size_of(message));
    if (copy) {
        char *at = (char *)(copy + 1);
        *copy = copy_to(&at, message);
    }
    return copy;
}

static struct work *work_new(enum verb verb, wshub_token token, const struct wshub_message *message,
                             struct wshub_bytes value) {
    struct wshub_message wide = widen(message);
    struct work *work = calloc(1, sizeof *work + size_of(&wide) + value.length);
    if (work) {
        char *at = work->bytes;
        work->verb = verb;
        work->token = token;
        work->message = copy_to(&at, &wide);
        work->value = take(&at, value);
    }
    return work;
}

static int queue(struct instance *instance, struct work *work) {
    if (!work) {
        return WSHUB_NO_MEMORY;
    }
    if (!instance->works) {
        instance->host->timer_start(instance->host->self, instance->timer, 0);
    }
    *instance->end = work;
    instance->end = &work->next;
    return WSHUB_OK;
}

static struct work *next_work(struct instance *instance) {
    struct work *work = instance->works;
    if (work) {
        instance->works = work->next;
        if (!work->next) {
            instance->end = &instance->works;
        }
    }
    return work;
}

static int (*const runs[])(struct instance *instance, struct work *work) = {
    [SUBSCRIBE] = topics_subscribe, [UNSUBSCRIBE] = topics_unsubscribe, [PUBLISH] = topics_publish,
    [SET] = registry_set,           [DELETE] = registry_delete,         [GET] = registry_get,
    [LIST] = registry_list,         [HEARTBEAT] = registry_heartbeat,   [HISTORY] = topics_history,
};

int base_run(struct instance *instance, struct work *work) {
    return runs[work->verb](instance, work);
}

void base_complete(struct instance *instance, struct work *work, int status) {
    instance->host->complete(instance->host->self, work->token, status);
    if (work->verb == SUBSCRIBE && status == WSHUB_OK) {
        topics_greet(instance, work);
    }
}

static void on_timer(void *context) {
    struct instance *instance = context;
    for (int i = 0; i < AT_ONCE; i++) {
        struct work *work = next_work(instance);
        if (!work) {
            return;
        }
        ways.complete(instance, work, ways.run(instance, work));
        free(work);
    }
    if (instance->works) {
        instance->host->timer_start(instance->host->self, instance->timer, 0);
    }
}

/* ---- the slots ---- */

/* `url` means nothing to it, but a plugin that takes any text for an address is a bad one. */
int base_check(const struct wshub_host *host) {
    const char *url = host->option_text(host->self, "url");
    if (strncmp(url, "base://", 7) != 0 || strlen(url) == 7 || strlen(url) > 1024) {
        host->option_refuse(host->self, "url", "base:// and a name of at most 1017 letters");
        return WSHUB_INVALID;
    }
    return WSHUB_OK;
}

int base_open(const struct wshub_host *host, void **self) {
    if (base_check(host) != WSHUB_OK) {
        return WSHUB_INVALID;
    }
    struct instance *instance = calloc(1, sizeof *instance);
    if (!instance) {
        return WSHUB_NO_MEMORY;
    }
    instance->host = host;
    instance->end = &instance->works;
    instance->timer = host->timer_new(host->self, on_timer, instance);
    if (!instance->timer) {
        free(instance);
        return WSHUB_NO_MEMORY;
    }
    *self = instance;
    host->link(host->self, WSHUB_LINK_UP, NULL);
    return WSHUB_OK;
}

void base_close(void *self) {
    struct instance *instance = self;
    struct work *work;
    topics_leave(instance);
    while ((work = next_work(instance))) {
        free(work);
    }
    instance->host->timer_free(instance->host->self, instance->timer);
    free(instance);
}

static int queue_name(void *self, enum verb verb, struct wshub_bytes name, wshub_token token) {
    const struct wshub_message message = {.struct_size = sizeof message, .channel = name};
    return queue(self, work_new(verb, token, &message, (struct wshub_bytes){NULL, 0}));
}

static int queue_entry(void *self, enum verb verb, struct wshub_bytes key, struct wshub_bytes value,
                       uint64_t ttl, wshub_token token) {
    const struct wshub_message message = {.struct_size = sizeof message, .channel = key};
    struct work *work = work_new(verb, token, &message, value);
    if (work) {
        work->ttl = ttl;
    }
    return queue(self, work);
}

int base_subscribe(void *self, struct wshub_bytes channel, wshub_token token) {
    return queue_name(self, SUBSCRIBE, channel, token);
}

int base_unsubscribe(void *self, struct wshub_bytes channel, wshub_token token) {
    return queue_name(self, UNSUBSCRIBE, channel, token);
}

int base_publish(void *self, const struct wshub_message *message, wshub_token token) {
    if (message->payload.length > base_broker.max_payload) {
        return WSHUB_TOO_LARGE;
    }
    return queue(self, work_new(PUBLISH, token, message, (struct wshub_bytes){NULL, 0}));
}

int base_set(void *self, struct wshub_bytes key, struct wshub_bytes value, uint64_t ttl, wshub_token token) {
    return queue_entry(self, SET, key, value, ttl, token);
}

int base_delete(void *self, struct wshub_bytes key, wshub_token token) {
    return queue_name(self, DELETE, key, token);
}

int base_get(void *self, struct wshub_bytes key, wshub_token token) {
    return queue_name(self, GET, key, token);
}

int base_list(void *self, struct wshub_bytes prefix, wshub_token token) {
    return queue_name(self, LIST, prefix, token);
}

int base_heartbeat(void *self, struct wshub_bytes key, struct wshub_bytes value, uint64_t ttl,
                   wshub_token token) {
    return queue_entry(self, HEARTBEAT, key, value, ttl, token);
}

int base_history(void *self, const struct wshub_history_query *query, wshub_token token) {
    const struct wshub_message message = {.struct_size = sizeof message, .channel = query->channel};
    struct work *work = work_new(HISTORY, token, &message, (struct wshub_bytes){NULL, 0});
    if (work) {
        work->query = *query;
        work->query.channel = work->message.channel;
    }
    return queue(self, work);
}

/* ---- the ways, and what they are made of ---- */

static void base_found(struct instance *to, struct work *work, struct wshub_bytes key,
                       struct wshub_bytes value) {
    to->host->entry(to->host->self, work->token, key, value);
}

static void base_told(struct instance *to, struct work *work, const struct wshub_message *message) {
    to->host->message(to->host->self, work->token, message);
}

/* A hub before ABI 1.3 hears of histories alone. */
void base_positioned(struct instance *to, struct work *work, struct wshub_bytes epoch, uint64_t oldest,
                     uint64_t newest) {
    if (work->verb == HISTORY || to->host->abi_minor >= 3) {
        to->host->position(to->host->self, work->token, epoch, oldest, newest);
    }
}

void base_deliver(struct instance *to, const struct wshub_message *message) {
    to->host->deliver(to->host->self, message);
}

int base_compare(struct wshub_bytes a, struct wshub_bytes b) {
    size_t shorter = a.length < b.length ? a.length : b.length;
    int order = shorter > 0 ? memcmp(a.data, b.data, shorter) : 0;
    return order != 0 ? order : (a.length > b.length) - (a.length < b.length);
}

struct wshub_bytes base_bytes(const char *text) {
    return (struct wshub_bytes){text, strlen(text)};
}

struct wshub_host base_host(const struct wshub_host *host) {
    struct wshub_host copy = {0};
    memcpy(&copy, host, host->struct_size < sizeof copy ? host->struct_size : sizeof copy);
    return copy;
}

uint64_t base_now(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

void base_sleep(unsigned milliseconds) {
    struct timespec left = {milliseconds / 1000, (long)(milliseconds % 1000) * 1000000};
    while (nanosleep(&left, &left) < 0 && errno == EINTR) {
    }
}

struct ways ways = {
    .compare = base_compare,
    .deliver = base_deliver,
    .run = base_run,
    .complete = base_complete,
    .found = base_found,
    .told = base_told,
    .positioned = base_positioned,
};

struct wshub_option base_options[7] = {
    {"url", "where the broker is", "base://here", NULL, WSHUB_OPTION_TEXT, 0, 0, 0},
    {"mode", "how it goes about it", "calm", "calm|brisk", WSHUB_OPTION_WORD, 0, 0, 0},
    {"verbose", "whether it says more", "false", NULL, WSHUB_OPTION_BOOL, 0, 0, 0},
    {"retries", "how often it tries again", "3", NULL, WSHUB_OPTION_NUMBER, 0, 1, 10},
    {"patience", "how long it waits", "10s", NULL, WSHUB_OPTION_DURATION, 0, 100, 3600000},
    {"room", "how much it keeps", "64KiB", NULL, WSHUB_OPTION_SIZE, 0, 1024, 1048576},
    {"password", "what nobody may see", "open sesame", NULL, WSHUB_OPTION_TEXT, WSHUB_OPTION_SECRET, 0, 0},
};

struct wshub_broker base_broker = {
    .struct_size = sizeof base_broker,
    .capabilities = WSHUB_BROKER_ORDERED | WSHUB_BROKER_REGISTRY | WSHUB_BROKER_HISTORY |
                    WSHUB_BROKER_LAST_VALUE | WSHUB_BROKER_IDEMPOTENT | WSHUB_BROKER_DENSE,
    .max_payload = 1048576,
    .check = base_check,
    .open = base_open,
    .close = base_close,
    .subscribe = base_subscribe,
    .unsubscribe = base_unsubscribe,
    .publish = base_publish,
    .registry_set = base_set,
    .registry_delete = base_delete,
    .registry_get = base_get,
    .registry_list = base_list,
    .heartbeat = base_heartbeat,
    .history = base_history,
};

struct wshub_plugin base_plugin = {
    .magic = WSHUB_PLUGIN_MAGIC,
    .abi_major = 1,
    .abi_minor = 0,
    .struct_size = sizeof base_plugin,
    .version = "1.0.0",
    .summary = "a broker inside one process",
    .options = base_options,
    .option_count = sizeof base_options / sizeof *base_options,
    .option_size = sizeof *base_options,
    .broker = &base_broker,
};
