/* SPDX-License-Identifier: MIT
 * TLS for rediss://, where hiredis has its SSL library (1.0 and newer); tls_none.c stands in where not. */
#ifndef REDIS_TLS_H
#define REDIS_TLS_H

#include <stdbool.h>
#include <stddef.h>

struct redisContext;
struct settings;
struct ssl_st; /* of one connection; OpenSSL's */
struct tls;

/* NULL: this build has TLS. Otherwise what an option that asks for it is told: "expected ...". */
const char *tls_missing(void);

/* The certificates and keys, read from their files. NULL: `why` says what is wrong with them. */
struct tls *tls_new(const struct settings *settings, char *why, size_t size);
void tls_free(struct tls *tls); /* NULL is fine */

/* Begins the handshake on a connected context, which from then on reads and writes through it and owns the
 * result. The server's certificate must be for `name`, a host or an address. NULL: `why` says what went
 * wrong. */
struct ssl_st *tls_begin(struct tls *tls, struct redisContext *context, const char *name, char *why,
                         size_t size);

/* Right after a write: it waits for the server to say something, not for room. */
bool tls_wants_read(const struct ssl_st *ssl);
/* Why it broke, when TLS knows; else leaves `why` as it is. */
void tls_explain(const struct ssl_st *ssl, char *why, size_t size);

#endif
