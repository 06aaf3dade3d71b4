/* SPDX-License-Identifier: MIT
 * A broker inside one process: what is published on a channel that is subscribed comes straight back.
 * Put your broker's protocol where this one only keeps a list, and your plugin's name in place of my-broker,
 * in all four files. */
#include <stdlib.h>
#include <string.h>

#include <wshub/wshub.h>

struct channel {
    struct channel *next;
    size_t length;
    char name[];
};

struct loopback {
    const struct wshub_host *host;
    struct channel *channels; /* what your broker would keep on its side */
};

static struct channel **find(struct loopback *loopback, struct wshub_bytes name) {
    struct channel **place = &loopback->channels;
    while (*place &&
           ((*place)->length != name.length || memcmp((*place)->name, name.data, name.length) != 0)) {
        place = &(*place)->next;
    }
    return place;
}

static int done(struct loopback *loopback, wshub_token token) {
    loopback->host->complete(loopback->host->self, token, WSHUB_OK); /* yours: when the broker has answered */
    return WSHUB_OK;
}

/* Start connecting, without waiting for it; say link(UP) when it is there, link(DOWN, why) when it is not. */
static int loopback_open(const struct wshub_host *host, void **self) {
    struct loopback *loopback = calloc(1, sizeof *loopback);
    if (!loopback) {
        return WSHUB_NO_MEMORY;
    }
    loopback->host = host;
    *self = loopback;
    host->link(host->self, WSHUB_LINK_UP, NULL);
    return WSHUB_OK;
}

/* Leave nothing behind: no thread, timer, watch, descriptor or memory. */
static void loopback_close(void *self) {
    struct loopback *loopback = self;
    while (loopback->channels) {
        struct channel *channel = loopback->channels;
        loopback->channels = channel->next;
        free(channel);
    }
    free(loopback);
}

/* Complete once whatever is published from now on will be delivered. */
static int loopback_subscribe(void *self, struct wshub_bytes name, wshub_token token) {
    struct channel **place = find(self, name);
    if (!*place) {
        struct channel *channel = calloc(1, sizeof *channel + name.length);
        if (!channel) {
            return WSHUB_NO_MEMORY; /* and do not complete */
        }
        channel->length = name.length;
        memcpy(channel->name, name.data, name.length);
        *place = channel;
    }
    return done(self, token);
}

/* Complete once nothing more will be delivered. */
static int loopback_unsubscribe(void *self, struct wshub_bytes name, wshub_token token) {
    struct channel **place = find(self, name);
    if (*place) {
        struct channel *channel = *place;
        *place = channel->next;
        free(channel);
    }
    return done(self, token);
}

/* Complete once the broker has the message; copy of it what you need after you return. What it carries comes
 * out of deliver as it went in: sender, sender_user, exclude, and epoch and offset where it has them. */
static int loopback_publish(void *self, const struct wshub_message *message, wshub_token token) {
    struct loopback *loopback = self;
    if (*find(loopback, message->channel)) { /* yours: when a message arrives from the broker */
        int status = loopback->host->deliver(loopback->host->self, message);
        if (status != WSHUB_OK) {
            return status;
        }
    }
    return done(loopback, token);
}

static const struct wshub_broker broker = {
    .struct_size = sizeof broker,
    .capabilities = WSHUB_BROKER_ORDERED, /* promise only what is true */
    .open = loopback_open,
    .close = loopback_close,
    .subscribe = loopback_subscribe,
    .unsubscribe = loopback_unsubscribe,
    .publish = loopback_publish,
};

static const struct wshub_plugin plugin = {
    .magic = WSHUB_PLUGIN_MAGIC,
    .abi_major = 1,
    .abi_minor = 0, /* the oldest hub that you want to run in */
    .struct_size = sizeof plugin,
    .name = "my-broker",
    .version = "0.1",
    .summary = "a broker inside one process",
    .broker = &broker,
};

const struct wshub_plugin *wshub_plugin_entry(void) {
    return &plugin;
}
