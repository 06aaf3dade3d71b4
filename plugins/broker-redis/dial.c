/* SPDX-License-Identifier: MIT */
#include "dial.h"

#include <stdio.h>
#include <string.h>

static void try_from(struct dial *dial, size_t at, const char *reason) {
    char why[CONNECTION_REASON];
    snprintf(why, sizeof why, "%s", reason);
    for (dial->at = at; dial->at < dial->count; dial->at++) {
        if (connection_open(dial->connection, &dial->addresses[dial->at], dial->tls, dial->name, why,
                            sizeof why)) {
            return;
        }
    }
    dial->on_failed(dial->connection->owner, why);
}

static void on_resolved(void *context, const struct address *addresses, size_t count, const char *why) {
    struct dial *dial = context;
    memcpy(dial->addresses, addresses ? addresses : dial->addresses, count * sizeof *addresses);
    dial->count = count;
    try_from(dial, 0, why ? why : "");
}

void dial_begin(struct dial *dial, const struct endpoint *endpoint) {
    dial->name = endpoint->host;
    dial->count = dial->at = 0;
    resolver_ask(dial->resolver, endpoint, on_resolved, dial);
}

void dial_again(struct dial *dial, const char *reason) {
    try_from(dial, dial->at + 1, reason);
}

const struct address *dial_address(const struct dial *dial) {
    return &dial->addresses[dial->at];
}
