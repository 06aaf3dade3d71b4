// SPDX-License-Identifier: MIT
// Which addresses belong to us, or to somebody we trust: a list of networks. Pure. Any thread, once made.
#pragma once

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>

struct network {
    struct in6_addr ip; // IPv4 mapped, as address_ip gives it
    unsigned bits;      // of ip that count; 128 for a single address
    bool is_unix;       // every peer on a UNIX socket; then nothing else counts
};

struct networks {
    struct network *items;
    size_t count;
};

// Reads `10.0.0.0/8`, `192.0.2.7`, `::1`, `2001:db8::/32`, or `unix`. False: *why is a constant phrase that
// says what is wrong. An IPv6 network that is wider than the mapped IPv4 addresses does not contain those.
bool network_parse(struct network *network, const char *text, const char **why);

// Of texts that network_parse has accepted before. False: no memory.
bool networks_init(struct networks *networks, char *const *texts, size_t count);
void networks_free(struct networks *networks);

// `ip` as address_ip gives it: all zero stands for a UNIX socket.
bool networks_contain(const struct networks *networks, const struct in6_addr *ip);
