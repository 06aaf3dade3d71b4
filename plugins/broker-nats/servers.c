/* SPDX-License-Identifier: MIT */
#include "servers.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PORT = 4222, PORT_MOST = 65535, HOST_MOST = 255, CONFIGURED_MOST = 16 };

const char SERVERS_NO_MEMORY[] = "more memory";
static const char shape[] = "nats://[user:password@]host[:port] or tls://..., with commas between them";
static const char mixed[] = "either nats:// or tls:// for all of them";
static const char many[] = "at most 16 servers; a cluster tells of its others";

/* ---- reading ---- */

static int hex(char c) {
    const char *digits = "0123456789abcdef";
    const char *at = c ? strchr(digits, tolower((unsigned char)c)) : NULL;
    return at ? (int)(at - digits) : -1;
}

/* A copy of the text with its %XX decoded, or what is wrong. */
static const char *decode(const char *text, size_t length, char **out) {
    size_t n = 0;
    *out = malloc(length + 1);
    if (!*out) {
        return SERVERS_NO_MEMORY;
    }
    for (size_t i = 0; i < length; i++) {
        char c = text[i];
        if (c == '%') {
            const int high = i + 2 < length ? hex(text[i + 1]) : -1;
            const int low = i + 2 < length ? hex(text[i + 2]) : -1;
            c = (char)(high * 16 + low);
            if (high < 0 || low < 0 || c == 0) {
                return shape;
            }
            i += 2;
        }
        (*out)[n++] = c;
    }
    (*out)[n] = 0;
    return NULL;
}

static const char *read_login(struct server *server, const char *text, size_t length) {
    const char *colon = memchr(text, ':', length);
    const size_t user = colon ? (size_t)(colon - text) : length;
    const char *wrong = user ? decode(text, user, &server->user) : shape;
    if (!wrong && colon) {
        wrong = decode(colon + 1, length - user - 1, &server->password);
    }
    return wrong;
}

static const char *read_port(struct server *server, const char *text, const char *end) {
    server->port = 0;
    if (text == end) {
        return shape;
    }
    for (; text < end; text++) {
        if (!isdigit((unsigned char)*text) || server->port > PORT_MOST) {
            return shape;
        }
        server->port = server->port * 10 + (unsigned)(*text - '0');
    }
    return server->port && server->port <= PORT_MOST ? NULL : shape;
}

static bool is_host(const char *text, size_t length) {
    for (size_t i = 0; i < length; i++) {
        if (!isalnum((unsigned char)text[i]) && !strchr("-._:%", text[i])) {
            return false;
        }
    }
    return length > 0 && length <= HOST_MOST;
}

/* host, host:port, [v6] or [v6]:port */
static const char *read_place(struct server *server, const char *text, const char *end) {
    const bool bracket = text < end && *text == '[';
    const char *stop = memchr(text, bracket ? ']' : ':', (size_t)(end - text));
    const char *host_end = stop ? stop : end;
    const char *rest = bracket && stop ? stop + 1 : host_end;
    text += bracket;
    if ((bracket && !stop) || !is_host(text, (size_t)(host_end - text)) || (rest < end && *rest != ':')) {
        return shape;
    }
    server->host = strndup(text, (size_t)(host_end - text));
    server->port = PORT;
    if (!server->host) {
        return SERVERS_NO_MEMORY;
    }
    return rest < end ? read_port(server, rest + 1, end) : NULL;
}

static bool starts(const char **text, const char *end, const char *with) {
    const size_t length = strlen(with);
    if ((size_t)(end - *text) < length || memcmp(*text, with, length) != 0) {
        return false;
    }
    *text += length;
    return true;
}

static const char *read_server(struct servers *servers, const char *text, const char *end) {
    struct server *server = &servers->all[servers->count];
    const bool tls = starts(&text, end, "tls://");
    if (!tls && !starts(&text, end, "nats://")) {
        return shape;
    }
    if (servers->count && tls != servers->tls) {
        return mixed;
    }
    servers->tls = tls;
    servers->count++;
    const char *slash = memchr(text, '/', (size_t)(end - text));
    if (slash && slash + 1 == end) {
        end = slash;
    }
    const char *at = memrchr(text, '@', (size_t)(end - text));
    const char *wrong = at ? read_login(server, text, (size_t)(at - text)) : NULL;
    return wrong ? wrong : read_place(server, at ? at + 1 : text, end);
}

const char *servers_read(struct servers *servers, const char *text) {
    const char *wrong = *text ? NULL : shape;
    for (const char *end; !wrong && *text; text = *end ? end + 1 : end) {
        while (*text == ' ') {
            text++;
        }
        end = strchrnul(text, ',');
        wrong = servers->count == CONFIGURED_MOST ? many : read_server(servers, text, end);
        if (!wrong && *end && !end[1]) {
            wrong = shape;
        }
    }
    return wrong;
}

static void forget(struct server *server) {
    free(server->host);
    free(server->user);
    free(server->password);
    *server = (struct server){0};
}

void servers_free(struct servers *servers) {
    for (unsigned i = 0; i < servers->count; i++) {
        forget(&servers->all[i]);
    }
    *servers = (struct servers){0};
}

/* ---- the list ---- */

static bool same_place(const struct server *a, const struct server *b) {
    return a->port == b->port && strcasecmp(a->host, b->host) == 0;
}

void servers_add(struct servers *servers, const char *url) {
    struct server *added = &servers->all[servers->count];
    const char *text = url, *end = url + strlen(url);
    if (servers->count == SERVERS_MOST) {
        return;
    }
    if (!starts(&text, end, "nats://")) {
        starts(&text, end, "tls://");
    }
    bool fresh = read_place(added, text, end) == NULL;
    for (unsigned i = 0; fresh && i < servers->count; i++) {
        fresh = !same_place(&servers->all[i], added);
    }
    if (fresh) {
        added->discovered = true;
        servers->count++;
    } else {
        forget(added);
    }
}

void servers_shuffle(struct servers *servers, unsigned random) {
    servers->next = random % servers->count;
}

const struct server *servers_take(struct servers *servers, bool *last) {
    const struct server *server = &servers->all[servers->next];
    servers->next = (servers->next + 1) % servers->count;
    servers->taken = (servers->taken + 1) % servers->count;
    *last = servers->taken == 0;
    return server;
}

void server_print(const struct server *server, char place[SERVER_PLACE]) {
    const bool v6 = strchr(server->host, ':');
    snprintf(place, SERVER_PLACE, v6 ? "[%s]:%u" : "%s:%u", server->host, server->port);
}
