// SPDX-License-Identifier: MIT
// The PROXY protocol, versions 1 and 2 (haproxy's doc/proxy-protocol.txt): what a proxy says ahead of all
// else about the connection that it passes on. Pure, and fed as the bytes come. Any thread.
#pragma once

#include <netinet/in.h>
#include <stddef.h>
#include <stdint.h>

enum {
    PROXY_V1_MAX = 107, // bytes of a line of version 1, CRLF included
    PROXY_V2_MAX =
        4096, // bytes of a header of version 2 that are taken, its TLVs included, which are skipped
};

enum proxy_result { PROXY_MORE, PROXY_DONE, PROXY_WRONG };

struct proxy_header {       // zeroed before the first bytes
    struct in6_addr source; // PROXY_DONE: the client's address, IPv4 mapped. All zero: the header names none
                            // (LOCAL, UNKNOWN, a UNIX socket, a datagram), and the socket's own peer counts
    const char *why;        // PROXY_WRONG: a constant sentence
    uint16_t skip;          // bytes that still belong to it and say nothing
    uint8_t length;         // of bytes
    uint8_t bytes[PROXY_V1_MAX];
};

// Takes the next bytes. *used says how many of them belong to the header: all with PROXY_MORE; what follows
// with PROXY_DONE is the client's. Not to be called again after another answer than PROXY_MORE.
enum proxy_result proxy_feed(struct proxy_header *header, const char *data, size_t length, size_t *used);
