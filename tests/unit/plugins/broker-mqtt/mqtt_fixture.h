// SPDX-License-Identifier: MIT
// The plugin under a host of its own, with a real server behind it.
#pragma once

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "mosquitto_server.h"
#include "plugin_host.h"
#include "util/clock.h"

// The C library looks names up on a thread of its own making, which ThreadSanitizer does not survive: a
// program of five lines crashes in the same way.
#if defined(__SANITIZE_THREAD__)
#define NAMES_ARE_LOOKED_UP 0
#else
#define NAMES_ARE_LOOKED_UP 1
#endif

#define OPTIONS(...) ((const char *const[]){__VA_ARGS__, NULL})
#define LINES(...) ((const char *const[]){__VA_ARGS__, NULL})

// Opens the plugin with these options and waits until it is up.
static inline struct plugin_host *open_up(const char *const *options) {
    struct plugin_host *host = plugin_host_new(wshub_plugin_entry(), options);
    assert_int_equal(plugin_host_open(host), WSHUB_OK);
    plugin_host_wait_link(host, WSHUB_LINK_UP);
    return host;
}

static inline void assert_ends(struct plugin_host *host, wshub_token token, int status) {
    assert_int_equal(plugin_host_wait(host, token), status);
}

static inline void assert_says(const char *text, const char *part) {
    if (!strstr(text, part)) {
        fail_msg("\"%s\" does not say \"%s\"", text, part);
    }
}

static inline unsigned count_lines(const char *text) {
    unsigned lines = 0;
    for (; *text; text++) {
        lines += *text == '\n';
    }
    return lines;
}

static inline uint64_t now_ms(void) {
    return clock_ns() / 1000000;
}
