/* SPDX-License-Identifier: MIT
 * One GET of a small document, by libcurl: https, no redirects, no proxy but a configured one, at most so
 * many bytes, within a time. The only file that knows libcurl. */
#ifndef JWT_FETCH_H
#define JWT_FETCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { FETCH_BYTES_MOST = 256 * 1024, FETCH_WHY = 320 };

struct fetch_setup { /* borrowed until fetch_free */
    const char *url;
    const char *ca_file, *proxy; /* NULL: none */
    uint64_t timeout;            /* ms */
};

struct fetch_result {
    char *text; /* owned by whoever asked; NULL: it failed */
    size_t length;
    bool stopped;        /* by fetch_stop */
    char why[FETCH_WHY]; /* it failed: what happened, without the url */
};

/* NULL: it can be used; else what was expected. */
const char *fetch_check_url(const char *url, bool plain_http);

struct fetch *fetch_new(const struct fetch_setup *setup); /* NULL: no memory */
void fetch_free(struct fetch *fetch);                     /* NULL is fine; nobody is in fetch_get */

/* Blocks until it is done. One thread at a time. */
void fetch_get(struct fetch *fetch, struct fetch_result *result);
/* [any thread] Ends a fetch_get at once, and those to come. */
void fetch_stop(struct fetch *fetch);

/* Host and port, for log lines: writes at most `size` bytes, terminated. */
void fetch_place(const char *url, char *place, size_t size);

#endif
