/* SPDX-License-Identifier: MIT
 * A plugin written against ABI 1.1. NEVER EDIT THIS FILE: like v1_0 it stands for plugins that nobody will
 * edit either. If it does not compile without a warning, or does not run, the ABI is broken, not the plugin.
 *
 * A broker inside one process that uses what 1.1 has added to 1.0: last values, histories with positions, and
 * the timeout. v1_0 has the rest. */
#define _POSIX_C_SOURCE 200809L

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "wshub/wshub.h"

/* A message, with all that it points to behind it. */
struct kept {
    struct kept *next;  /* the later one */
    uint64_t published; /* ms */
    struct wshub_message message;
};

/* It stays for ever: what was published to it outlives its subscribers. */
struct channel {
    struct channel *next;
    struct wshub_bytes name; /* stands behind */
    int subscribed;
    uint64_t newest;      /* offset, from 1 */
    struct kept *history; /* the oldest first */
    uint64_t size;        /* of the history */
    struct kept *last;    /* value */
};

struct broker {
    const struct wshub_host *host;
    struct channel *channels;
};

static const char epoch[] = "only-one";

/* ---- small things ---- */

static uint64_t now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000 + (uint64_t)time.tv_nsec / 1000000;
}

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

/* NULL: no memory. */
static struct channel *channel_of(struct broker *broker, struct wshub_bytes name) {
    struct channel *channel = broker->channels;
    char *end;
    while (channel &&
           (channel->name.length != name.length || memcmp(channel->name.data, name.data, name.length) != 0)) {
        channel = channel->next;
    }
    if (!channel && (channel = calloc(1, sizeof *channel + name.length)) != NULL) {
        end = (char *)(channel + 1);
        channel->name = keep(name, &end);
        channel->next = broker->channels;
        broker->channels = channel;
    }
    return channel;
}

/* ---- what is kept ---- */

static struct kept *kept_new(const struct wshub_message *m) {
    size_t size = m->channel.length + m->payload.length + m->sender.length + m->sender_user.length +
                  m->exclude.length + m->epoch.length;
    struct kept *kept = calloc(1, sizeof *kept + size);
    char *end;
    if (!kept) {
        return NULL;
    }
    end = (char *)(kept + 1);
    kept->published = now();
    kept->message.struct_size = sizeof kept->message;
    kept->message.channel = keep(m->channel, &end);
    kept->message.payload = keep(m->payload, &end);
    kept->message.sender = keep(m->sender, &end);
    kept->message.sender_user = keep(m->sender_user, &end);
    kept->message.exclude = keep(m->exclude, &end);
    kept->message.epoch = keep(m->epoch, &end);
    kept->message.offset = m->offset;
    kept->message.previous = m->previous;
    return kept;
}

static void trim(struct channel *channel, uint64_t size, uint64_t ttl) {
    while (channel->history && (channel->size > size || channel->history->published + ttl <= now())) {
        struct kept *oldest = channel->history;
        channel->history = oldest->next;
        channel->size--;
        free(oldest);
    }
}

/* Gives the message its position, and keeps it. */
static int append(struct channel *channel, struct wshub_message *message) {
    struct kept **end = &channel->history, *kept;
    message->epoch.data = epoch;
    message->epoch.length = sizeof epoch - 1;
    message->previous = channel->newest;
    message->offset = channel->newest + 1;
    kept = kept_new(message);
    if (!kept) {
        return WSHUB_NO_MEMORY;
    }
    while (*end) {
        end = &(*end)->next;
    }
    *end = kept;
    channel->newest++;
    channel->size++;
    trim(channel, message->history_size, message->history_ttl);
    return WSHUB_OK;
}

static int set_last(struct channel *channel, const struct wshub_message *message) {
    struct kept *last = message->payload.length > 0 ? kept_new(message) : NULL;
    if (message->payload.length > 0 && !last) {
        return WSHUB_NO_MEMORY;
    }
    if (last) {
        last->message.flags = WSHUB_MESSAGE_LAST_VALUE;
    }
    free(channel->last);
    channel->last = last;
    return WSHUB_OK;
}

/* ---- slots ---- */

static int subscribe(void *self, struct wshub_bytes name, wshub_token token) {
    struct broker *broker = self;
    struct channel *channel = channel_of(broker, name);
    int status = WSHUB_OK;
    if (!channel) {
        return WSHUB_NO_MEMORY;
    }
    channel->subscribed = 1;
    if (channel->last) {
        status = broker->host->deliver(broker->host->self, &channel->last->message);
    }
    return status == WSHUB_OK ? done(broker, token, WSHUB_OK) : status;
}

static int unsubscribe(void *self, struct wshub_bytes name, wshub_token token) {
    struct broker *broker = self;
    struct channel *channel = channel_of(broker, name);
    if (channel) {
        channel->subscribed = 0;
    }
    return done(broker, token, WSHUB_OK);
}

static int publish(void *self, const struct wshub_message *message, wshub_token token) {
    struct broker *broker = self;
    struct channel *channel = channel_of(broker, message->channel);
    struct wshub_message live = *message;
    int status = channel ? WSHUB_OK : WSHUB_NO_MEMORY;
    live.flags = 0;
    if (status == WSHUB_OK && message->history_size > 0) {
        status = append(channel, &live);
    }
    if (status == WSHUB_OK && (message->flags & WSHUB_MESSAGE_LAST_VALUE)) {
        status = set_last(channel, &live);
    }
    if (status == WSHUB_OK && channel->subscribed) {
        status = broker->host->deliver(broker->host->self, &live);
    }
    return status == WSHUB_OK ? done(broker, token, WSHUB_OK) : status;
}

/* From the newest to the oldest, by looking for each anew: this is no broker for much. */
static const struct kept *before(const struct channel *channel, uint64_t offset) {
    const struct kept *kept, *found = NULL;
    for (kept = channel->history; kept; kept = kept->next) {
        if (offset == 0 || kept->message.offset < offset) {
            found = kept;
        }
    }
    return found;
}

static const struct kept *after(const struct channel *channel, uint64_t offset) {
    const struct kept *kept = channel->history;
    while (kept && kept->message.offset <= offset) {
        kept = kept->next;
    }
    return kept;
}

static int history(void *self, const struct wshub_history_query *query, wshub_token token) {
    struct broker *broker = self;
    const struct wshub_host *host = broker->host;
    struct channel *channel = channel_of(broker, query->channel);
    struct wshub_bytes position;
    uint64_t at = query->after, told;
    if (!channel) {
        return WSHUB_NO_MEMORY;
    }
    trim(channel, query->size, query->ttl);
    for (told = 0; told < query->limit; told++) {
        const struct kept *kept =
            (query->flags & WSHUB_HISTORY_BACKWARDS) ? before(channel, at) : after(channel, at);
        if (!kept) {
            break;
        }
        host->message(host->self, token, &kept->message);
        at = kept->message.offset;
    }
    position.data = epoch;
    position.length = sizeof epoch - 1;
    host->position(host->self, token, position, channel->history ? channel->history->message.offset : 0,
                   channel->newest);
    return done(broker, token, WSHUB_OK);
}

/* ---- its life ---- */

static void close_broker(void *self) {
    struct broker *broker = self;
    while (broker->channels) {
        struct channel *channel = broker->channels;
        broker->channels = channel->next;
        trim(channel, 0, 0);
        free(channel->last);
        free(channel);
    }
    free(broker);
}

static int open_broker(const struct wshub_host *host, void **self) {
    struct broker *broker;
    char line[64];
    if (host->struct_size < offsetof(struct wshub_host, position) + sizeof host->position) {
        host->log(host->self, WSHUB_LOG_ERROR, "this hub has no position: it is older than ABI 1.1");
        return WSHUB_UNSUPPORTED;
    }
    broker = calloc(1, sizeof *broker);
    if (!broker) {
        return WSHUB_NO_MEMORY;
    }
    broker->host = host;
    *self = broker;
    snprintf(line, sizeof line, "the hub waits %lu ms", (unsigned long)host->timeout);
    host->log(host->self, WSHUB_LOG_INFO, line);
    host->link(host->self, WSHUB_LINK_UP, NULL);
    return WSHUB_OK;
}

static const struct wshub_broker table = {
    .struct_size = sizeof table,
    .capabilities = WSHUB_BROKER_ORDERED | WSHUB_BROKER_HISTORY | WSHUB_BROKER_LAST_VALUE,
    .open = open_broker,
    .close = close_broker,
    .subscribe = subscribe,
    .unsubscribe = unsubscribe,
    .publish = publish,
    .history = history,
};

static const struct wshub_plugin plugin = {
    .magic = WSHUB_PLUGIN_MAGIC,
    .abi_major = 1,
    .abi_minor = 1,
    .struct_size = sizeof plugin,
    .name = "v1_1",
    .version = "1.1",
    .summary = "a broker inside one process, written against ABI 1.1",
    .broker = &table,
};

const struct wshub_plugin *wshub_plugin_entry(void) {
    return &plugin;
}
