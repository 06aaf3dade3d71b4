/* SPDX-License-Identifier: MIT
 * An auth plugin that would be loaded and opened, but for the one thing that BROKEN does to it. */
#ifndef BROKEN_AUTH_H
#define BROKEN_AUTH_H

#include <stddef.h>

#include "wshub/wshub.h"

static int nothing_to_tell; /* what self points to */

static int broken_open(const struct wshub_host *host, void **self) {
    (void)host;
    *self = &nothing_to_tell;
    return WSHUB_OK;
}

static void broken_close(void *self) {
    (void)self;
}

static int broken_authenticate(void *self, const struct wshub_request *request, wshub_token token) {
    (void)self, (void)request, (void)token;
    return WSHUB_PASS;
}

static struct wshub_option options[] = {
    {"realm", "where", "here", NULL, WSHUB_OPTION_TEXT, 0, 0, 0},
};

static struct wshub_auth auth = {
    .struct_size = sizeof auth,
    .open = broken_open,
    .close = broken_close,
    .authenticate = broken_authenticate,
};

static struct wshub_plugin plugin = {
    .magic = WSHUB_PLUGIN_MAGIC,
    .abi_major = 1,
    .abi_minor = 2,
    .struct_size = sizeof plugin,
    .name = PLUGIN_NAME,
    .version = "1.0.0",
    .options = options,
    .option_count = sizeof options / sizeof *options,
    .option_size = sizeof *options,
    .auth = &auth,
};

#define BROKEN(what)                                      \
    const struct wshub_plugin *wshub_plugin_entry(void) { \
        what;                                             \
        return &plugin;                                   \
    }

#endif
