// SPDX-License-Identifier: MIT
// What a relay's process runs: takes connections, makes one to the broker for each, and carries bytes between
// them, well or badly as it is told. One thread, nothing of the plugin. relay.c starts it.
#pragma once

#include <stdint.h>
#include <sys/socket.h>

enum forwarder_verb {
    FORWARDER_CUT,
    FORWARDER_REFUSE,
    FORWARDER_FREEZE,
    FORWARDER_CUT_AFTER, // bytes
    FORWARDER_SLOW,      // bytes per second, in each direction of each connection
    FORWARDER_HEAL,
    FORWARDER_VERBS
};

// Over the control socket, a packet each. Answered by one byte, once it has taken effect.
struct forwarder_command {
    enum forwarder_verb verb;
    uint64_t value;
};

struct forwarder_settings {
    int control;   // a socket of packets; the forwarder ends when it is closed
    int listening; // bound to `own` with SO_REUSEPORT, and listening
    struct sockaddr_storage own, broker;
    socklen_t own_length, broker_length;
};

// A socket that is bound so, for `listening`: -1 when that cannot be, with errno.
int forwarder_bind(const struct sockaddr *address, socklen_t length);

_Noreturn void forwarder_run(const struct forwarder_settings *settings);
