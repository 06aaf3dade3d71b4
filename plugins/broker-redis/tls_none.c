/* SPDX-License-Identifier: MIT
 * In the place of tls.c where hiredis has no SSL library. */
#include <assert.h>
#include <stdio.h>

#include <hiredis/hiredis.h>

#include "tls.h"

#define QUOTE_(x) #x
#define QUOTE(x) QUOTE_(x)

const char *tls_missing(void) {
    return "redis:// or unix://: this build's hiredis " QUOTE(HIREDIS_MAJOR) "." QUOTE(
        HIREDIS_MINOR) " has no TLS (hiredis 1.0 or newer with its SSL library has)";
}

struct tls *tls_new(const struct settings *settings, char *why, size_t size) {
    (void)settings;
    snprintf(why, size, "no TLS in this build");
    return NULL;
}

void tls_free(struct tls *tls) {
    assert(!tls);
    (void)tls;
}

struct ssl_st *tls_begin(struct tls *tls, struct redisContext *context, const char *name, char *why,
                         size_t size) {
    (void)tls;
    (void)context;
    (void)name;
    snprintf(why, size, "no TLS in this build");
    return NULL;
}

bool tls_wants_read(const struct ssl_st *ssl) {
    (void)ssl;
    return false;
}

void tls_explain(const struct ssl_st *ssl, char *why, size_t size) {
    (void)ssl;
    (void)why;
    (void)size;
}
