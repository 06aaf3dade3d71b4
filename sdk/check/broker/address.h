// SPDX-License-Identifier: MIT
// Where the broker is: broker.address of the configuration, HOST:PORT with IPv6 in brackets.
#pragma once

#include <stdbool.h>
#include <sys/socket.h>

#include "check.h"

struct address {
    struct sockaddr_storage name;
    socklen_t length;
};

// Looks the name up, and may block for that. Fails the case when it cannot be used, skips it without one.
void address_of_broker(struct check *check, struct address *address);
bool address_answers(struct check *check); // somebody takes connections there; true without an address
// The first of them where a connection is taken; when there is none, the first.
const struct addrinfo *address_choose(const struct addrinfo *found);
