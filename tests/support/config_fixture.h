// SPDX-License-Identifier: MIT
// Texts that config_read takes, and those that it refuses, to the letter.
#pragma once

#include <stdio.h>
#include <string.h>

#include "config/config.h"
#include "util/buf.h"

// What a listener for all is refused with.
#define EXPOSED                                                                                      \
    " is reachable from other machines, so the configuration must say how clients are let in: list " \
    "plugins in `auth`, add 'auth: none' to let everyone in, or listen on 127.0.0.1\n"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static inline void read_ok(struct config *config, const char *text) {
    struct buf errors = {0};
    bool ok = config_read(config, "t", text, strlen(text), &errors);
    if (!ok) {
        buf_append(&errors, "", 1);
        print_error("refused: %s\n%s", text, errors.data);
    }
    assert_true(ok);
    assert_int_equal(errors.length, 0);
    buf_free(&errors);
}

// All the errors, to the letter.
static inline void expect_errors(const char *text, const char *expected) {
    static const struct config nothing;
    struct config config;
    struct buf errors = {0};
    bool ok = config_read(&config, "t", text, strlen(text), &errors);
    buf_append(&errors, "", 1);
    if (ok || strcmp(errors.data, expected) != 0) {
        print_error("for: %s\nexpected: %s\ngot: %s\n", text, expected, ok ? "ok" : errors.data);
    }
    assert_false(ok);
    assert_string_equal(errors.data, expected);
    assert_memory_equal(&config, &nothing, sizeof config);
    buf_free(&errors);
}
