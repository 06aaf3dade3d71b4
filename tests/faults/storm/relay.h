// SPDX-License-Identifier: MIT
// A process that hands on bytes between the hubs and a broker, and cuts all connections when told.
#pragma once

#include <stdint.h>

#include "storm/process.h"

struct relay {
    struct process process;
    int listener; // kept, so that the port stays ours
    uint16_t port, server_port;
};

int relay_start(struct relay *relay, uint16_t server_port);
void relay_cut(struct relay *relay);
void relay_stop(struct relay *relay);
