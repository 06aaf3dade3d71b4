/* SPDX-License-Identifier: MIT
 * A place to connect to, as the kernel wants it. */
#ifndef REDIS_ADDRESS_H
#define REDIS_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

enum { ADDRESS_TEXT = 128 };

struct address {
    struct sockaddr_storage storage;
    socklen_t length;
};

/* False: not a numeric address. */
bool address_of_number(struct address *address, const char *text, unsigned port);
/* False: longer than a socket's path may be. */
bool address_of_path(struct address *address, const char *path);
/* "127.0.0.1:6379", "[::1]:6379" or the path, cut to size. */
void address_print(const struct address *address, char *out, size_t size);

#endif
