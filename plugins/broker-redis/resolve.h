/* SPDX-License-Identifier: MIT
 * Names to addresses without blocking: getaddrinfo_a of the C library looks them up on a thread of its own, a
 * timer of the host asks whether it is done. No code of this plugin runs on another thread. */
#ifndef REDIS_RESOLVE_H
#define REDIS_RESOLVE_H

#include <stddef.h>

#include "address.h"
#include "settings.h"

enum { RESOLVE_MOST = 8 };

struct resolver;

/* Called once for each resolver_ask. `count` 0: `why` says what is wrong. Borrows both. */
typedef void (*resolver_fn)(void *context, const struct address *addresses, size_t count, const char *why);

struct resolver *resolver_new(const struct wshub_host *host, uint64_t timeout); /* ms. NULL: no memory */
/* Look-ups that cannot be stopped are waited for, less than a second together, and then left to the C
 * library. */
void resolver_free(struct resolver *resolver);

/* The addresses of an endpoint, at most RESOLVE_MOST. One question at a time. May answer before it returns,
 * for a path or a number. A look-up that takes longer than the timeout goes on; who asks for the same name
 * again waits for it. */
void resolver_ask(struct resolver *resolver, const struct endpoint *endpoint, resolver_fn fn, void *context);

#endif
