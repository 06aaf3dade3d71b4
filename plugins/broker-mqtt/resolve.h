/* SPDX-License-Identifier: MIT
 * Names to addresses without blocking: getaddrinfo_a of the C library looks them up on a thread of its own, a
 * timer of the host asks whether it is done. No code of this plugin runs on another thread. libmosquitto
 * would look a name up by itself, and block; it is only ever given an address. */
#ifndef MQTT_RESOLVE_H
#define MQTT_RESOLVE_H

#include <stddef.h>

#include "wshub/host.h"

enum { RESOLVE_MOST = 8, RESOLVE_TEXT = 64 };

struct resolver;

/* A numeric address: "127.0.0.1", "fe80::1%eth0". */
struct resolved {
    char text[RESOLVE_TEXT];
};

/* Called once for each resolver_ask. `count` 0: `why` says what is wrong. Borrows both. */
typedef void (*resolver_fn)(void *context, const struct resolved *addresses, size_t count, const char *why);

struct resolver *resolver_new(const struct wshub_host *host, uint64_t timeout); /* ms. NULL: no memory */
/* Look-ups that cannot be stopped are waited for, less than a second together, and then left to the C
 * library. */
void resolver_free(struct resolver *resolver);

/* The addresses of a host, at most RESOLVE_MOST. One question at a time. May answer before it returns, for a
 * number. A look-up that takes longer than the timeout goes on; who asks for the same name again waits for
 * it.
 */
void resolver_ask(struct resolver *resolver, const char *name, resolver_fn fn, void *context);

#endif
