/* SPDX-License-Identifier: MIT
 * The url of a server, taken apart. Pure.
 *
 *     mqtt://[user[:password]@]host[:port]      mqtts:// the same over TLS
 *
 * User and password may hold %XX. */
#ifndef MQTT_URL_H
#define MQTT_URL_H

#include <stdbool.h>

enum { URL_PORT = 1883, URL_PORT_TLS = 8883 };

struct url {
    bool tls;
    char *host; /* an IPv6 address without its brackets */
    unsigned port;
    char *username, *password; /* NULL: not said */
};

/* What "expected" goes on with when the text is no such url, as a constant without any of its content (it may
 * hold a password); NULL: all is well. "out of memory" is URL_NO_MEMORY. On an error nothing is kept. */
const char *url_read(struct url *url, const char *text);
extern const char *const URL_NO_MEMORY;
void url_free(struct url *url);

#endif
