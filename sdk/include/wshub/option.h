/* SPDX-License-Identifier: MIT
 * What a plugin can be told by `options:` of a configuration. Declared, so that `wshub check` finds a wrong
 * one without connecting to anything, and `wshub plugins NAME` prints them. */
#ifndef WSHUB_OPTION_H
#define WSHUB_OPTION_H

#include <stdint.h>

enum wshub_option_type {
    WSHUB_OPTION_TEXT = 0,
    WSHUB_OPTION_WORD = 1,     /* one of `words`; its number is its place among them, from 0 */
    WSHUB_OPTION_BOOL = 2,     /* true or false; 1 or 0 */
    WSHUB_OPTION_NUMBER = 3,   /* a whole number */
    WSHUB_OPTION_DURATION = 4, /* written 250ms, 30s, 2m, 1h; its number is milliseconds */
    WSHUB_OPTION_SIZE = 5,     /* written 512B, 64KiB, 1MiB; its number is bytes */
};

enum wshub_option_flag {
    WSHUB_OPTION_REQUIRED = 1 << 0, /* must be said, and has no fallback */
    WSHUB_OPTION_SECRET = 1 << 1,   /* its value is never printed */
};

struct wshub_option {
    const char *name;     /* a-z 0-9 _ */
    const char *help;     /* one line */
    const char *fallback; /* what it is when unsaid, as it would be written; NULL: nothing */
    const char *words;    /* WORD: "one|two|three"; else NULL */
    uint32_t type;        /* enum wshub_option_type */
    uint32_t flags;       /* enum wshub_option_flag */
    uint64_t low, high;   /* NUMBER, DURATION, SIZE: its range, inclusive; both 0: any */
};

#endif
