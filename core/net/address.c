// SPDX-License-Identifier: MIT
#include "net/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>

static const char unix_prefix[] = "unix:";
enum { UNIX_PREFIX_LENGTH = sizeof unix_prefix - 1, PORT_MAX = 65535, PORT_DIGITS_MAX = 5 };

static bool refuse(const char **why, const char *reason) {
    *why = reason;
    return false;
}

static bool parse_unix(struct address *address, const char *path, const char **why) {
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    size_t length = strlen(path);
    if (path[0] != '/') {
        return refuse(why, "the path of a unix socket starts with /");
    }
    if (length >= sizeof un.sun_path) {
        return refuse(why, "the path of a unix socket has at most 107 bytes");
    }
    memcpy(un.sun_path, path, length + 1);
    memset(&address->storage, 0, sizeof address->storage);
    memcpy(&address->storage, &un, sizeof un);
    address->length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length + 1);
    return true;
}

static bool parse_port(const char *text, in_port_t *port, const char **why) {
    size_t digits = strspn(text, "0123456789");
    if (digits == 0 || text[digits] != '\0') {
        return refuse(why, "the port is not a number");
    }
    unsigned value = 0;
    for (size_t i = 0; i < digits && digits <= PORT_DIGITS_MAX; i++) {
        value = value * 10 + (unsigned)(text[i] - '0');
    }
    if (digits > PORT_DIGITS_MAX || value > PORT_MAX) {
        return refuse(why, "the port is above 65535");
    }
    *port = htons((in_port_t)value);
    return true;
}

static bool set_v4(struct address *address, const char *host, in_port_t port, const char **why) {
    static const struct {
        const char *name, *numeric;
    } names[] = {{"localhost", "127.0.0.1"}, {"*", "0.0.0.0"}};
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = port};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(host, names[i].name) == 0) {
            host = names[i].numeric;
        }
    }
    if (inet_pton(AF_INET, host, &in.sin_addr) != 1) {
        return refuse(why, "the host is neither a numeric address nor localhost");
    }
    memset(&address->storage, 0, sizeof address->storage);
    memcpy(&address->storage, &in, sizeof in);
    address->length = sizeof in;
    return true;
}

static bool set_v6(struct address *address, const char *host, in_port_t port, const char **why) {
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = port};
    if (inet_pton(AF_INET6, host, &in6.sin6_addr) != 1) {
        return refuse(why, "what stands in brackets is not an IPv6 address");
    }
    memset(&address->storage, 0, sizeof address->storage);
    memcpy(&address->storage, &in6, sizeof in6);
    address->length = sizeof in6;
    return true;
}

bool address_parse(struct address *address, const char *text, const char **why) {
    if (strncmp(text, unix_prefix, UNIX_PREFIX_LENGTH) == 0) {
        return parse_unix(address, text + UNIX_PREFIX_LENGTH, why);
    }
    const char *colon = strrchr(text, ':');
    bool bracketed = text[0] == '[';
    if (!colon || (bracketed && strchr(text, ']') == text + strlen(text) - 1)) {
        return refuse(why, "the port is missing, as in 127.0.0.1:8000");
    }
    if (colon == text) {
        return refuse(why, "the host is missing: 0.0.0.0 stands for every address of this machine");
    }
    if (bracketed && colon[-1] != ']') {
        return refuse(why, "a bracket is not closed in front of the port");
    }
    if (!bracketed && memchr(text, ':', (size_t)(colon - text))) {
        return refuse(why, "an IPv6 address stands in brackets, as in [::1]:8000");
    }
    char host[INET6_ADDRSTRLEN];
    size_t length = (size_t)(colon - text) - (bracketed ? 2 : 0);
    if (length >= sizeof host) {
        return refuse(why, "the host is neither a numeric address nor localhost");
    }
    memcpy(host, text + bracketed, length);
    host[length] = '\0';
    in_port_t port;
    return parse_port(colon + 1, &port, why) && (bracketed ? set_v6 : set_v4)(address, host, port, why);
}

static struct sockaddr_in as_v4(const struct address *address) {
    struct sockaddr_in in;
    memcpy(&in, &address->storage, sizeof in);
    return in;
}

static struct sockaddr_in6 as_v6(const struct address *address) {
    struct sockaddr_in6 in6;
    memcpy(&in6, &address->storage, sizeof in6);
    return in6;
}

static struct in_addr mapped_v4(struct in6_addr v6) {
    struct in_addr v4;
    memcpy(&v4, v6.s6_addr + 12, sizeof v4);
    return v4;
}

static bool is_loopback_v4(struct in_addr v4) {
    return ntohl(v4.s_addr) >> 24 == IN_LOOPBACKNET;
}

static bool is_loopback_v6(struct in6_addr v6) {
    return IN6_IS_ADDR_LOOPBACK(&v6) || (IN6_IS_ADDR_V4MAPPED(&v6) && is_loopback_v4(mapped_v4(v6)));
}

bool address_is_loopback(const struct address *address) {
    switch (address->storage.ss_family) {
    case AF_INET:
        return is_loopback_v4(as_v4(address).sin_addr);
    case AF_INET6:
        return is_loopback_v6(as_v6(address).sin6_addr);
    default:
        return address->storage.ss_family == AF_UNIX;
    }
}

// The kernel does not promise a terminator: the path ends at the length or at its first NUL.
static void format_unix(const struct address *address, char *out, size_t size) {
    struct sockaddr_un un;
    memcpy(&un, &address->storage, sizeof un);
    size_t start = offsetof(struct sockaddr_un, sun_path);
    size_t room = address->length > start ? address->length - start : 0;
    room = room < sizeof un.sun_path ? room : sizeof un.sun_path;
    snprintf(out, size, "%s%.*s", unix_prefix, (int)strnlen(un.sun_path, room), un.sun_path);
}

void address_format(const struct address *address, char *out, size_t size) {
    char host[INET6_ADDRSTRLEN] = "";
    struct sockaddr_in in = as_v4(address);
    struct sockaddr_in6 in6 = as_v6(address);
    switch (address->storage.ss_family) {
    case AF_INET:
        inet_ntop(AF_INET, &in.sin_addr, host, sizeof host);
        snprintf(out, size, "%s:%u", host, ntohs(in.sin_port));
        return;
    case AF_INET6:
        inet_ntop(AF_INET6, &in6.sin6_addr, host, sizeof host);
        snprintf(out, size, "[%s]:%u", host, ntohs(in6.sin6_port));
        return;
    case AF_UNIX:
        format_unix(address, out, size);
        return;
    default:
        snprintf(out, size, "unknown");
    }
}

void address_ip_format(const struct in6_addr *ip, char *out, size_t size) {
    char host[INET6_ADDRSTRLEN];
    if (IN6_IS_ADDR_V4MAPPED(ip)) {
        const struct in_addr v4 = mapped_v4(*ip);
        inet_ntop(AF_INET, &v4, host, sizeof host);
    } else {
        inet_ntop(AF_INET6, ip, host, sizeof host);
    }
    snprintf(out, size, "%s", host);
}

void address_format_host(const struct address *address, char *out, size_t size) {
    const struct in6_addr ip = address_ip(address);
    switch (address->storage.ss_family) {
    case AF_INET:
    case AF_INET6:
        address_ip_format(&ip, out, size);
        break;
    default:
        snprintf(out, size, "%s", address->storage.ss_family == AF_UNIX ? "unix" : "unknown");
    }
}

struct in6_addr address_ip(const struct address *address) {
    struct in6_addr ip = IN6ADDR_ANY_INIT;
    if (address->storage.ss_family == AF_INET6) {
        ip = ((const struct sockaddr_in6 *)&address->storage)->sin6_addr;
    } else if (address->storage.ss_family == AF_INET) {
        ip.s6_addr[10] = ip.s6_addr[11] = 0xff;
        memcpy(&ip.s6_addr[12], &((const struct sockaddr_in *)&address->storage)->sin_addr, 4);
    }
    return ip;
}
