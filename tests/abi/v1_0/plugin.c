/* SPDX-License-Identifier: MIT
 * A plugin written against ABI 1.0. NEVER EDIT THIS FILE: it stands for all the plugins out there that nobody
 * will edit either. If it does not compile without a warning, or does not run, the ABI is broken, not the
 * plugin.
 *
 * A broker inside one process, made so that it has every slot and uses every service: what is published is
 * queued and told by a byte in a pipe, as if it came from a network (watch); the link comes up by a post; a
 * timer sweeps entries that have expired out of the registry. */
#define _POSIX_C_SOURCE 200809L

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "wshub/wshub.h"

struct channel {
    struct channel *next;
    struct wshub_bytes name; /* stands behind */
};

struct entry {
    struct entry *next;
    uint64_t expires; /* ms */
    struct wshub_bytes key, value;
};

/* A message that is on its way, with all that it points to behind it. */
struct parcel {
    struct parcel *next;
    wshub_token token;
    struct wshub_message message;
};

struct broker {
    const struct wshub_host *host;
    struct channel *channels;
    uint64_t channel_count;
    struct entry *entries;
    uint64_t entry_bytes;
    struct parcel *first, **last;
    struct wshub_timer *sweep;
    struct wshub_watch *watch;
    int pipe[2];
};

/* ---- small things ---- */

static uint64_t now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000 + (uint64_t)time.tv_nsec / 1000000;
}

static int same(struct wshub_bytes a, struct wshub_bytes b) {
    return a.length == b.length && (a.length == 0 || memcmp(a.data, b.data, a.length) == 0);
}

/* Copies the bytes to *end, and moves it on. */
static struct wshub_bytes keep(struct wshub_bytes bytes, char **end) {
    struct wshub_bytes kept;
    kept.data = *end;
    kept.length = bytes.length;
    if (bytes.length > 0) {
        memcpy(*end, bytes.data, bytes.length);
    }
    *end += bytes.length;
    return kept;
}

static int done(struct broker *broker, wshub_token token, int status) {
    broker->host->complete(broker->host->self, token, status);
    return WSHUB_OK;
}

/* ---- channels ---- */

static struct channel **channel_find(struct broker *broker, struct wshub_bytes name) {
    struct channel **place = &broker->channels;
    while (*place && !same((*place)->name, name)) {
        place = &(*place)->next;
    }
    return place;
}

static int subscribe(void *self, struct wshub_bytes name, wshub_token token) {
    struct broker *broker = self;
    struct channel **place = channel_find(broker, name), *channel;
    char *end;
    if (*place) {
        return done(broker, token, WSHUB_OK);
    }
    if (broker->channel_count == broker->host->option_number(broker->host->self, "channels")) {
        return WSHUB_DENIED;
    }
    channel = calloc(1, sizeof *channel + name.length);
    if (!channel) {
        return WSHUB_NO_MEMORY;
    }
    end = (char *)(channel + 1);
    channel->name = keep(name, &end);
    *place = channel;
    broker->channel_count++;
    return done(broker, token, WSHUB_OK);
}

static int unsubscribe(void *self, struct wshub_bytes name, wshub_token token) {
    struct broker *broker = self;
    struct channel **place = channel_find(broker, name), *channel = *place;
    if (channel) {
        *place = channel->next;
        free(channel);
        broker->channel_count--;
    }
    return done(broker, token, WSHUB_OK);
}

/* ---- messages ---- */

static struct parcel *parcel_new(const struct wshub_message *message, wshub_token token) {
    const struct wshub_message *m = message;
    size_t size = m->channel.length + m->payload.length + m->sender.length + m->sender_user.length +
                  m->exclude.length + m->epoch.length;
    struct parcel *parcel = calloc(1, sizeof *parcel + size);
    char *end;
    if (!parcel) {
        return NULL;
    }
    end = (char *)(parcel + 1);
    parcel->token = token;
    parcel->message.struct_size = sizeof parcel->message;
    parcel->message.channel = keep(m->channel, &end);
    parcel->message.payload = keep(m->payload, &end);
    parcel->message.sender = keep(m->sender, &end);
    parcel->message.sender_user = keep(m->sender_user, &end);
    parcel->message.exclude = keep(m->exclude, &end);
    parcel->message.epoch = keep(m->epoch, &end);
    parcel->message.offset = m->offset;
    return parcel;
}

static int publish(void *self, const struct wshub_message *message, wshub_token token) {
    struct broker *broker = self;
    struct parcel *parcel = parcel_new(message, token);
    if (!parcel) {
        return WSHUB_NO_MEMORY;
    }
    if (write(broker->pipe[1], "!", 1) != 1 && errno != EAGAIN) { /* a pipe that is full has told already */
        free(parcel);
        return WSHUB_INTERNAL;
    }
    *broker->last = parcel;
    broker->last = &parcel->next;
    return WSHUB_OK;
}

/* One byte or many stand for all parcels that wait. */
static void arrived(void *context, unsigned events) {
    struct broker *broker = context;
    const struct wshub_host *host = broker->host;
    char bytes[64];
    if (!(events & WSHUB_WATCH_READ)) {
        return;
    }
    while (read(broker->pipe[0], bytes, sizeof bytes) == (ssize_t)sizeof bytes) {
    }
    while (broker->first) {
        struct parcel *parcel = broker->first;
        int status = WSHUB_OK;
        broker->first = parcel->next;
        if (!broker->first) {
            broker->last = &broker->first;
        }
        if (*channel_find(broker, parcel->message.channel)) {
            status = host->deliver(host->self, &parcel->message);
        }
        done(broker, parcel->token, status);
        free(parcel);
    }
}

/* ---- the registry ---- */

static struct entry **entry_find(struct broker *broker, struct wshub_bytes key) {
    struct entry **place = &broker->entries;
    while (*place && !same((*place)->key, key)) {
        place = &(*place)->next;
    }
    return place;
}

static void entry_drop(struct broker *broker, struct entry **place) {
    struct entry *entry = *place;
    *place = entry->next;
    broker->entry_bytes -= entry->key.length + entry->value.length;
    free(entry);
}

static void sweep_expired(void *context) {
    struct broker *broker = context;
    const struct wshub_host *host = broker->host;
    struct entry **place = &broker->entries;
    uint64_t time = now();
    while (*place) {
        if ((*place)->expires <= time) {
            entry_drop(broker, place);
        } else {
            place = &(*place)->next;
        }
    }
    host->timer_stop(host->self, broker->sweep);
    if (broker->entries) {
        host->timer_start(host->self, broker->sweep, host->option_number(host->self, "sweep"));
    }
}

static int entry_set(struct broker *broker, struct wshub_bytes key, struct wshub_bytes value, uint64_t ttl,
                     int *found) {
    const struct wshub_host *host = broker->host;
    struct entry **place, *entry;
    char *end;
    sweep_expired(broker);
    place = entry_find(broker, key);
    *found = *place != NULL;
    if (broker->entry_bytes + key.length + value.length > host->option_number(host->self, "registry")) {
        return WSHUB_TOO_LARGE;
    }
    entry = calloc(1, sizeof *entry + key.length + value.length);
    if (!entry) {
        return WSHUB_NO_MEMORY;
    }
    if (*place) {
        entry_drop(broker, place);
    }
    end = (char *)(entry + 1);
    entry->key = keep(key, &end);
    entry->value = keep(value, &end);
    entry->expires = now() + ttl;
    entry->next = broker->entries;
    broker->entries = entry;
    broker->entry_bytes += key.length + value.length;
    host->timer_start(host->self, broker->sweep, host->option_number(host->self, "sweep"));
    return WSHUB_OK;
}

static int registry_set(void *self, struct wshub_bytes key, struct wshub_bytes value, uint64_t ttl,
                        wshub_token token) {
    int found, status = entry_set(self, key, value, ttl, &found);
    return status == WSHUB_OK ? done(self, token, WSHUB_OK) : status;
}

static int heartbeat(void *self, struct wshub_bytes key, struct wshub_bytes value, uint64_t ttl,
                     wshub_token token) {
    int found, status = entry_set(self, key, value, ttl, &found);
    return status == WSHUB_OK ? done(self, token, found ? WSHUB_OK : WSHUB_NOT_FOUND) : status;
}

static int registry_delete(void *self, struct wshub_bytes key, wshub_token token) {
    struct broker *broker = self;
    struct entry **place = entry_find(broker, key);
    if (*place) {
        entry_drop(broker, place);
    }
    return done(broker, token, WSHUB_OK);
}

static int registry_get(void *self, struct wshub_bytes key, wshub_token token) {
    struct broker *broker = self;
    struct entry *entry;
    sweep_expired(broker);
    entry = *entry_find(broker, key);
    if (!entry) {
        return done(broker, token, WSHUB_NOT_FOUND);
    }
    broker->host->entry(broker->host->self, token, entry->key, entry->value);
    return done(broker, token, WSHUB_OK);
}

static int registry_list(void *self, struct wshub_bytes prefix, wshub_token token) {
    struct broker *broker = self;
    struct entry *entry;
    sweep_expired(broker);
    for (entry = broker->entries; entry; entry = entry->next) {
        struct wshub_bytes head = entry->key;
        if (head.length > prefix.length) {
            head.length = prefix.length;
        }
        if (same(head, prefix)) {
            broker->host->entry(broker->host->self, token, entry->key, entry->value);
        }
    }
    return done(broker, token, WSHUB_OK);
}

/* ---- its life ---- */

static int check(const struct wshub_host *host) {
    const char *title = host->option_text(host->self, "title");
    if (title && *title == '\0') {
        host->option_refuse(host->self, "title", "a text that is not empty");
        return WSHUB_INVALID;
    }
    return WSHUB_OK;
}

static void up(void *context) {
    struct broker *broker = context;
    const struct wshub_host *host = broker->host;
    if (host->option_number(host->self, "verbose")) {
        host->log(host->self, WSHUB_LOG_INFO, host->option_text(host->self, "title"));
    }
    host->link(host->self, WSHUB_LINK_UP, NULL);
}

static void close_broker(void *self) {
    struct broker *broker = self;
    const struct wshub_host *host = broker->host;
    host->watch_free(host->self, broker->watch);
    host->timer_free(host->self, broker->sweep);
    if (broker->pipe[0] >= 0) {
        close(broker->pipe[0]);
        close(broker->pipe[1]);
    }
    while (broker->first) {
        struct parcel *parcel = broker->first;
        broker->first = parcel->next;
        free(parcel);
    }
    while (broker->entries) {
        entry_drop(broker, &broker->entries);
    }
    while (broker->channels) {
        struct channel *channel = broker->channels;
        broker->channels = channel->next;
        free(channel);
    }
    free(broker);
}

static int start(struct broker *broker) {
    const struct wshub_host *host = broker->host;
    if (pipe(broker->pipe) != 0) {
        broker->pipe[0] = -1;
        return WSHUB_INTERNAL;
    }
    if (fcntl(broker->pipe[0], F_SETFL, O_NONBLOCK) != 0 ||
        fcntl(broker->pipe[1], F_SETFL, O_NONBLOCK) != 0) {
        return WSHUB_INTERNAL;
    }
    broker->sweep = host->timer_new(host->self, sweep_expired, broker);
    broker->watch = host->watch_new(host->self, broker->pipe[0], arrived, broker);
    if (!broker->sweep || !broker->watch) {
        return WSHUB_NO_MEMORY;
    }
    host->watch_set(host->self, broker->watch, WSHUB_WATCH_READ);
    if (host->post(host->self, up, broker) != WSHUB_OK) { /* last: what was posted cannot be called back */
        return WSHUB_NO_MEMORY;
    }
    host->link(host->self, WSHUB_LINK_DOWN, "starting");
    return WSHUB_OK;
}

static int open_broker(const struct wshub_host *host, void **self) {
    struct broker *broker = calloc(1, sizeof *broker);
    int status;
    if (!broker) {
        return WSHUB_NO_MEMORY;
    }
    broker->host = host;
    broker->last = &broker->first;
    broker->pipe[0] = -1;
    status = start(broker);
    if (status != WSHUB_OK) {
        host->log(host->self, WSHUB_LOG_ERROR, "cannot start: no memory, or no descriptors");
        close_broker(broker);
        return status;
    }
    *self = broker;
    return WSHUB_OK;
}

/* ---- what it says of itself ---- */

static const struct wshub_option options[] = {
    {"title", "what it logs when it is up", "abi 1.0", NULL, WSHUB_OPTION_TEXT, 0, 0, 0},
    {"mood", "of no consequence", "calm", "calm|merry|grim", WSHUB_OPTION_WORD, 0, 0, 0},
    {"password", "of no consequence either", NULL, NULL, WSHUB_OPTION_TEXT, WSHUB_OPTION_SECRET, 0, 0},
    {"verbose", "whether it logs", "true", NULL, WSHUB_OPTION_BOOL, 0, 0, 0},
    {"channels", "how many it takes", "100000", NULL, WSHUB_OPTION_NUMBER, 0, 1, 1000000},
    {"sweep", "how often it looks for what has expired", "1s", NULL, WSHUB_OPTION_DURATION, 0, 1, 60000},
    {"registry", "how much its registry holds", "64MiB", NULL, WSHUB_OPTION_SIZE, 0, 1024, 1073741824},
};

static const struct wshub_broker table = {
    .struct_size = sizeof table,
    .capabilities = WSHUB_BROKER_ORDERED | WSHUB_BROKER_REGISTRY,
    .max_payload = 1048576,
    .check = check,
    .open = open_broker,
    .close = close_broker,
    .subscribe = subscribe,
    .unsubscribe = unsubscribe,
    .publish = publish,
    .registry_set = registry_set,
    .registry_delete = registry_delete,
    .registry_get = registry_get,
    .registry_list = registry_list,
    .heartbeat = heartbeat,
};

static const struct wshub_plugin plugin = {
    .magic = WSHUB_PLUGIN_MAGIC,
    .abi_major = 1,
    .abi_minor = 0,
    .struct_size = sizeof plugin,
    .name = "v1_0",
    .version = "1.0",
    .summary = "a broker inside one process, written against ABI 1.0",
    .options = options,
    .option_count = sizeof options / sizeof *options,
    .option_size = sizeof *options,
    .broker = &table,
};

const struct wshub_plugin *wshub_plugin_entry(void) {
    return &plugin;
}
