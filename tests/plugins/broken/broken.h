/* SPDX-License-Identifier: MIT
 * A plugin that would be loaded and opened, but for the one thing that BROKEN does to it. */
#ifndef BROKEN_H
#define BROKEN_H

#include <stddef.h>

#include "wshub/wshub.h"

static int nothing_to_tell; /* what self points to */

static int broken_check(const struct wshub_host *host) {
    (void)host;
    return WSHUB_OK;
}

static int broken_open(const struct wshub_host *host, void **self) {
    *self = &nothing_to_tell;
    host->link(host->self, WSHUB_LINK_UP, NULL);
    return WSHUB_OK;
}

static void broken_close(void *self) {
    (void)self;
}

static int broken_subscribe(void *self, struct wshub_bytes channel, wshub_token token) {
    (void)self, (void)channel, (void)token;
    return WSHUB_UNSUPPORTED;
}

static int broken_publish(void *self, const struct wshub_message *message, wshub_token token) {
    (void)self, (void)message, (void)token;
    return WSHUB_UNSUPPORTED;
}

static struct wshub_option options[] = {
    {"size", "how much", "64KiB", NULL, WSHUB_OPTION_SIZE, 0, 1024, 1048576},
    {"mode", "how", "calm", "calm|brisk", WSHUB_OPTION_WORD, 0, 0, 0},
};

static struct wshub_broker broker = {
    .struct_size = sizeof broker,
    .capabilities = WSHUB_BROKER_ORDERED,
    .check = broken_check,
    .open = broken_open,
    .close = broken_close,
    .subscribe = broken_subscribe,
    .unsubscribe = broken_subscribe,
    .publish = broken_publish,
};

static struct wshub_plugin plugin = {
    .magic = WSHUB_PLUGIN_MAGIC,
    .abi_major = 1,
    .abi_minor = 0,
    .struct_size = sizeof plugin,
    .name = PLUGIN_NAME,
    .version = "1.0.0",
    .options = options,
    .option_count = sizeof options / sizeof *options,
    .option_size = sizeof *options,
    .broker = &broker,
};

#define BROKEN(what)                                      \
    const struct wshub_plugin *wshub_plugin_entry(void) { \
        what;                                             \
        return &plugin;                                   \
    }

#endif
