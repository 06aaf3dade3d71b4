/* SPDX-License-Identifier: MIT
 * POSTs to the one backend: libcurl's multi interface on the host's watches and timer, a bounded number of
 * connections that are kept alive, and a queue before them. Everything on the hub thread, but for the looking
 * up of names, which libcurl does on threads of its own. One that hangs is left to end by itself, maybe after
 * client_free: so the plugin is linked with -z nodelete, and its code never goes away. */
#ifndef AUTH_HTTP_CLIENT_H
#define AUTH_HTTP_CLIENT_H

#include <stddef.h>
#include <stdint.h>

#include "settings.h"

struct client;
struct call;

/* Called once for each client_post that was taken, possibly before that returns. `status`: of HTTP; 0: there
 * is no answer, and `why` says why. -1: the client is being freed, and nothing else may be done but to free
 * the call. Borrows what it is given. */
typedef void (*client_fn)(struct call *call, long status, const char *body, size_t length, const char *why);

struct call { /* the caller's, until fn is called */
    const char *body;
    size_t length;
    client_fn fn;
    struct call *next; /* the client's, and so is the rest */
    uint64_t deadline;
};

/* Borrows both until client_free. NULL: no memory, or libcurl is not to be had. */
struct client *client_new(const struct wshub_host *host, const struct settings *settings);
/* NULL is fine. */
void client_free(struct client *client);

/* WSHUB_OK; WSHUB_UNAVAILABLE: too many are in flight, and fn will not be called. */
int client_post(struct client *client, struct call *call);

#endif
