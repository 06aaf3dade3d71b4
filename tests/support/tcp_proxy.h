// SPDX-License-Identifier: MIT
// A proxy before a server on loopback, which spoils what the server says on demand. A process of its own; it
// ends with the test.
#pragma once

#include <sys/types.h>

enum proxy_mode {
    PROXY_PASS,
    PROXY_STALL,  // takes connections and bytes, and hands on nothing
    PROXY_CUT,    // hands on a piece of the next reply, then closes the connection
    PROXY_GARBLE, // turns bytes of the replies into others
    PROXY_DELAY,  // a byte at a time, a millisecond apart
};

struct proxy_state;

struct tcp_proxy {
    pid_t pid;
    unsigned port;
    struct proxy_state *state; // shared with the process
};

void tcp_proxy_start(struct tcp_proxy *proxy, unsigned server_port);
void tcp_proxy_set(struct tcp_proxy *proxy, enum proxy_mode mode); // from the next byte on
void tcp_proxy_stop(struct tcp_proxy *proxy);
