// SPDX-License-Identifier: MIT
#include "net/networks.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

enum { MAPPED_BITS = 96, IP_BITS = 128 };

static bool refuse(const char **why, const char *reason) {
    *why = reason;
    return false;
}

static bool parse_ip(struct network *network, const char *text, size_t length, unsigned *most) {
    char host[INET6_ADDRSTRLEN];
    struct in_addr v4;
    if (length >= sizeof host) {
        return false;
    }
    memcpy(host, text, length);
    host[length] = '\0';
    *most = IP_BITS;
    if (inet_pton(AF_INET6, host, &network->ip) == 1) {
        return true;
    }
    if (inet_pton(AF_INET, host, &v4) != 1) {
        return false;
    }
    *most = IP_BITS - MAPPED_BITS;
    network->ip = (struct in6_addr){0};
    network->ip.s6_addr[10] = network->ip.s6_addr[11] = 0xff;
    memcpy(network->ip.s6_addr + 12, &v4, sizeof v4);
    return true;
}

// One to three digits and nothing else.
static bool parse_bits(const char *text, unsigned most, unsigned *bits) {
    size_t digits = strspn(text, "0123456789");
    if (digits == 0 || digits > 3 || text[digits] != '\0') {
        return false;
    }
    *bits = 0;
    for (size_t i = 0; i < digits; i++) {
        *bits = *bits * 10 + (unsigned)(text[i] - '0');
    }
    return *bits <= most;
}

static bool same_start(const struct in6_addr *a, const struct in6_addr *b, unsigned bits) {
    unsigned bytes = bits / 8, rest = bits % 8;
    uint8_t mask = (uint8_t)(0xff00 >> rest);
    return memcmp(a, b, bytes) == 0 && (rest == 0 || ((a->s6_addr[bytes] ^ b->s6_addr[bytes]) & mask) == 0);
}

// What stands behind the prefix must be zero: 10.0.0.1/8 is either a mistake in the address or in the length.
static bool ends_with_prefix(const struct network *network) {
    for (unsigned bit = network->bits; bit < IP_BITS; bit++) {
        if (network->ip.s6_addr[bit / 8] & (0x80 >> bit % 8)) {
            return false;
        }
    }
    return true;
}

bool network_parse(struct network *network, const char *text, const char **why) {
    *network = (struct network){0};
    if (strcmp(text, "unix") == 0) {
        network->is_unix = true;
        return true;
    }
    const char *slash = strchr(text, '/');
    unsigned most, bits;
    if (!parse_ip(network, text, slash ? (size_t)(slash - text) : strlen(text), &most)) {
        return refuse(why, "what stands before the slash, or alone, is a numeric address without a port");
    }
    bits = most;
    if (slash && !parse_bits(slash + 1, most, &bits)) {
        return refuse(why, "behind the slash stands a number of bits, at most 32 for IPv4 and 128 for IPv6");
    }
    network->bits = IP_BITS - most + bits;
    return ends_with_prefix(network) || refuse(why, "the address has bits behind those that count");
}

bool networks_init(struct networks *networks, char *const *texts, size_t count) {
    const char *why;
    *networks = (struct networks){0};
    if (count == 0) {
        return true;
    }
    networks->items = calloc(count, sizeof *networks->items);
    for (size_t i = 0; networks->items && i < count; i++) {
        networks->count += network_parse(&networks->items[networks->count], texts[i], &why);
    }
    return networks->items != NULL;
}

void networks_free(struct networks *networks) {
    free(networks->items);
    *networks = (struct networks){0};
}

static bool contains(const struct network *network, const struct in6_addr *ip) {
    if (network->is_unix || IN6_IS_ADDR_UNSPECIFIED(ip)) {
        return network->is_unix && IN6_IS_ADDR_UNSPECIFIED(ip);
    }
    if (IN6_IS_ADDR_V4MAPPED(ip) && network->bits < MAPPED_BITS) {
        return false;
    }
    return same_start(&network->ip, ip, network->bits);
}

bool networks_contain(const struct networks *networks, const struct in6_addr *ip) {
    for (size_t i = 0; i < networks->count; i++) {
        if (contains(&networks->items[i], ip)) {
            return true;
        }
    }
    return false;
}
