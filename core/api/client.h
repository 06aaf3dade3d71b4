// SPDX-License-Identifier: MIT
// One request to the server API of an instance, from the command line: HTTP over an internet or a UNIX
// socket, blocking. For one thread.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "net/address.h"

struct buf;

struct client {
    struct address address; // of the instance
    const char *key;        // of its API, borrowed
    int timeout_ms;         // for each step of it: to connect, to send, to get more of the answer
};

enum client_result {
    CLIENT_OK,
    CLIENT_REFUSED, // nobody listens there
    CLIENT_FAILED,  // something else, or no memory
};

// Reads `http://HOST[:PORT]` (80 without) or `unix:/path`; a name is resolved. False: a sentence in `why`.
bool client_find(struct address *address, const char *url, struct buf *why);
// The way from this machine to what listens at an address: where that is any (0.0.0.0, ::), to loopback.
void client_approach(struct address *address);

// Asks; `body` receives that of the answer, terminated. Not OK: a sentence in `why`, without an address.
enum client_result client_ask(const struct client *client, const char *method, const char *path, int *status,
                              struct buf *body, struct buf *why);
