// SPDX-License-Identifier: MIT
// Socket addresses as text, both ways. Pure: only numeric addresses and `localhost`, so nothing is resolved
// and nothing blocks. Any thread.
#pragma once

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

struct address {
    struct sockaddr_storage storage;
    socklen_t length;
};

// Room for the longest text that the format functions write, terminator included.
enum { ADDRESS_TEXT_SIZE = 128 };

// Reads `127.0.0.1:8000`, `localhost:8000` (127.0.0.1), `*:8000` (0.0.0.0), `[::1]:8000` or `unix:/path`.
// Port 0 leaves the choice to the kernel. False: *why is a constant phrase that says what is wrong, *address
// is untouched.
bool address_parse(struct address *address, const char *text, const char **why);

// 127.0.0.0/8, also mapped into IPv6, ::1, and unix sockets: what no other machine can reach.
bool address_is_loopback(const struct address *address);

// What address_parse reads: `127.0.0.1:8000`, `[::1]:8000`, `unix:/path`; `unix:` for an unnamed unix socket
// and `unknown` for any other family. Cut at `size`.
void address_format(const struct address *address, char *out, size_t size);

// Without the port, for logs and per-address limits: `127.0.0.1`, `::1`, `unix`. An IPv4 address mapped into
// IPv6 is shown as IPv4, so that one client has one name whichever socket it came by.
void address_format_host(const struct address *address, char *out, size_t size);

// The address alone, IPv4 mapped into IPv6, as the key of a table. All zero for what is not an internet
// address.
struct in6_addr address_ip(const struct address *address);
// Such an address as text, one that is mapped as IPv4.
void address_ip_format(const struct in6_addr *ip, char *out, size_t size);
