/* SPDX-License-Identifier: MIT
 * TLS for mqtts://. libmosquitto does the handshake with a context of ours: it would check a certificate
 * against what it connects to, which is always an address here. */
#ifndef MQTT_TLS_H
#define MQTT_TLS_H

#include <stddef.h>

struct settings;
struct ssl_ctx_st; /* OpenSSL's */
struct tls;

/* The certificates and keys, read from their files. NULL: `why` says what is wrong with them. */
struct tls *tls_new(const struct settings *settings, char *why, size_t size);
void tls_free(struct tls *tls); /* NULL is fine */

/* To be given to MOSQ_OPT_SSL_CTX, which counts a reference. */
struct ssl_ctx_st *tls_context(const struct tls *tls);

/* Before an attempt. */
void tls_begin(struct tls *tls);
/* Why the attempt failed, when TLS knows; else leaves `why` as it is. */
void tls_explain(const struct tls *tls, char *why, size_t size);

#endif
