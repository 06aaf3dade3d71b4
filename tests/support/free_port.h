// SPDX-License-Identifier: MIT
// A port of loopback for a server that a test starts, stops and starts again. Below those that the kernel
// gives to whoever connects (ip_local_port_range), so that it finds the port free when it comes back.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

enum { FREE_PORT_FIRST = 15000, FREE_PORT_LAST = 32000, FREE_PORT_TRIES = 1000 };

static inline bool free_port_try(uint16_t port) {
    struct sockaddr_in name = {
        .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons(port)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool bound = fd >= 0 && bind(fd, (struct sockaddr *)&name, sizeof name) == 0;
    if (fd >= 0) {
        close(fd);
    }
    return bound;
}

// It was free a moment ago. 0: there is none.
static inline uint16_t free_port(void) {
    for (int i = 0; i < FREE_PORT_TRIES; i++) {
        uint16_t drawn = 0;
        if (getrandom(&drawn, sizeof drawn, 0) != sizeof drawn) {
            return 0;
        }
        uint16_t port = (uint16_t)(FREE_PORT_FIRST + drawn % (FREE_PORT_LAST - FREE_PORT_FIRST));
        if (free_port_try(port)) {
            return port;
        }
    }
    return 0;
}
