/* SPDX-License-Identifier: MIT
 * A broker for tests that lives in its own process: what is published comes straight back. It has an option
 * of each type, and a check between two of them. */
#include <stdlib.h>
#include <string.h>

#include "wshub/wshub.h"

struct channel {
    struct channel *next;
    size_t length;
    char name[];
};

struct loopback {
    const struct wshub_host *host;
    struct channel *channels; /* the subscribed ones */
};

static struct channel **find(struct loopback *loopback, struct wshub_bytes name) {
    struct channel **at = &loopback->channels;
    while (*at && ((*at)->length != name.length || memcmp((*at)->name, name.data, name.length) != 0)) {
        at = &(*at)->next;
    }
    return at;
}

static int loopback_check(const struct wshub_host *host) {
    if (host->option_number(host->self, "delay") > host->option_number(host->self, "patience")) {
        host->option_refuse(host->self, "delay", "at most `patience`");
        return WSHUB_INVALID;
    }
    const char *secret = host->option_text(host->self, "secret");
    if (secret && strlen(secret) < 8) {
        host->option_refuse(host->self, "secret", "at least 8 letters");
        return WSHUB_INVALID;
    }
    return WSHUB_OK;
}

static int loopback_open(const struct wshub_host *host, void **self) {
    struct loopback *loopback = calloc(1, sizeof *loopback);
    if (!loopback) {
        return WSHUB_NO_MEMORY;
    }
    loopback->host = host;
    *self = loopback;
    host->log(host->self, WSHUB_LOG_INFO, host->option_text(host->self, "greeting"));
    host->link(host->self, WSHUB_LINK_UP, NULL);
    return WSHUB_OK;
}

static void loopback_close(void *self) {
    struct loopback *loopback = self;
    while (loopback->channels) {
        struct channel *channel = loopback->channels;
        loopback->channels = channel->next;
        free(channel);
    }
    free(loopback);
}

static int loopback_subscribe(void *self, struct wshub_bytes name, wshub_token token) {
    struct loopback *loopback = self;
    struct channel **at = find(loopback, name);
    if (!*at) {
        struct channel *channel = calloc(1, sizeof *channel + name.length);
        if (!channel) {
            return WSHUB_NO_MEMORY;
        }
        channel->length = name.length;
        memcpy(channel->name, name.data, name.length);
        *at = channel;
    }
    loopback->host->complete(loopback->host->self, token, WSHUB_OK);
    return WSHUB_OK;
}

static int loopback_unsubscribe(void *self, struct wshub_bytes name, wshub_token token) {
    struct loopback *loopback = self;
    struct channel **at = find(loopback, name), *channel = *at;
    if (channel) {
        *at = channel->next;
        free(channel);
    }
    loopback->host->complete(loopback->host->self, token, WSHUB_OK);
    return WSHUB_OK;
}

static int loopback_publish(void *self, const struct wshub_message *message, wshub_token token) {
    struct loopback *loopback = self;
    const struct wshub_host *host = loopback->host;
    int status = *find(loopback, message->channel) ? host->deliver(host->self, message) : WSHUB_OK;
    if (status == WSHUB_OK) {
        host->complete(host->self, token, WSHUB_OK);
    }
    return status;
}

static const struct wshub_option options[] = {
    {"greeting", "what it logs when it is opened", "hello", NULL, WSHUB_OPTION_TEXT, 0, 0, 0},
    {"mode", "how it does what it does", "calm", "calm|brisk", WSHUB_OPTION_WORD, 0, 0, 0},
    {"verbose", "whether it says more", "false", NULL, WSHUB_OPTION_BOOL, 0, 0, 0},
    {"retries", "how often it would try again", "3", NULL, WSHUB_OPTION_NUMBER, 0, 1, 10},
    {"delay", "at most `patience`", "250ms", NULL, WSHUB_OPTION_DURATION, 0, 0, 3600000},
    {"patience", "how long it would wait", "1m", NULL, WSHUB_OPTION_DURATION, 0, 1000, 3600000},
    {"room", "how much it would keep", "64KiB", NULL, WSHUB_OPTION_SIZE, 0, 1024, 1048576},
    {"owner", "whose it is", NULL, NULL, WSHUB_OPTION_TEXT, WSHUB_OPTION_REQUIRED, 0, 0},
    {"secret", "what nobody may see", NULL, NULL, WSHUB_OPTION_TEXT, WSHUB_OPTION_SECRET, 0, 0},
    {"pin", "what nobody may see either", "4711", NULL, WSHUB_OPTION_NUMBER, WSHUB_OPTION_SECRET, 0, 9999},
};

static const struct wshub_broker broker = {
    .struct_size = sizeof broker,
    .capabilities = WSHUB_BROKER_ORDERED,
    .max_payload = 1048576,
    .check = loopback_check,
    .open = loopback_open,
    .close = loopback_close,
    .subscribe = loopback_subscribe,
    .unsubscribe = loopback_unsubscribe,
    .publish = loopback_publish,
};

static const struct wshub_plugin plugin = {
    .magic = WSHUB_PLUGIN_MAGIC,
    .abi_major = 1,
    .abi_minor = 0,
    .struct_size = sizeof plugin,
    .name = PLUGIN_NAME,
    .version = "1.2.3",
    .summary = "what is published comes straight back",
    .options = options,
    .option_count = sizeof options / sizeof *options,
    .option_size = sizeof *options,
    .broker = &broker,
};

const struct wshub_plugin *wshub_plugin_entry(void) {
    return &plugin;
}
