/* SPDX-License-Identifier: MIT
 * The url of a server, taken apart. Pure.
 *
 *     redis://[user[:password]@]host[:port][/database]      rediss:// the same over TLS
 *     unix://[user[:password]@]/path[?db=database]
 *
 * User, password and path may hold %XX. "redis://:password@host" has a password and no user. */
#ifndef REDIS_URL_H
#define REDIS_URL_H

#include <stdbool.h>
#include <stddef.h>

enum { URL_PORT = 6379, URL_DATABASE_MOST = 1000000, URL_NO_DATABASE = -1 };

struct url {
    bool unix_socket, tls;
    char *host; /* or the path of the socket; an IPv6 address without its brackets */
    unsigned port;
    char *username, *password; /* NULL: not said */
    int database;              /* URL_NO_DATABASE: not said */
};

/* What "expected" goes on with when the text is no such url, as a constant without any of its content (it may
 * hold a password); NULL: all is well. "out of memory" is URL_NO_MEMORY. On an error nothing is kept. */
const char *url_read(struct url *url, const char *text);
extern const char *const URL_NO_MEMORY;
void url_free(struct url *url);

/* "host:port", "host" (then `port` is fallback) or "[address]:port", of `length` bytes. *host is allocated.
 * False: it is not one, or there is no memory. */
bool url_read_place(const char *text, size_t length, unsigned fallback, char **host, unsigned *port);

#endif
