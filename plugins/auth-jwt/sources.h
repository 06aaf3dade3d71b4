/* SPDX-License-Identifier: MIT
 * The keys that the configuration has at hand: the secret, those of key_file and of jwks_file. Reads files;
 * any thread. */
#ifndef JWT_SOURCES_H
#define JWT_SOURCES_H

#include <stddef.h>

struct keys;
struct settings;

enum { SOURCES_WHY = 256 };

struct sources_result {
    int status;            /* WSHUB_OK, WSHUB_NO_MEMORY, or WSHUB_INVALID and then: */
    const char *option;    /* which one is wrong */
    char why[SOURCES_WHY]; /* what was expected instead, to follow "expected ..." */
    size_t unused;         /* keys of jwks_file that were passed over */
    const char *unused_why;
};

/* The keys, which may be none; one reference. NULL: the status says why. */
struct keys *sources_read(struct sources_result *result, const struct settings *settings);

/* NULL: every algorithm that may be used has a key at hand, or may get one from jwks_url; else the first that
 * has none, by name. */
const char *sources_lack(const struct settings *settings, const struct keys *keys);

#endif
