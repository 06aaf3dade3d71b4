// SPDX-License-Identifier: MIT
#include "api/client.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "util/buf.h"

enum { ANSWER_MAX = 64 * 1024, HOST_MAX = 255 };

// ---- where ----

static bool resolve(struct address *address, const char *host, const char *port, struct buf *why) {
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
    struct addrinfo *found;
    int error = getaddrinfo(host, port, &hints, &found);
    if (error != 0) {
        buf_printf(why, "%s port %s: %s", host, port, gai_strerror(error));
        return false;
    }
    *address = (struct address){.length = found->ai_addrlen};
    memcpy(&address->storage, found->ai_addr, found->ai_addrlen);
    freeaddrinfo(found);
    return true;
}

// `host`, `host:port`, `[::1]`, `[::1]:port`.
static bool find_host(struct address *address, const char *text, size_t length, struct buf *why) {
    char host[HOST_MAX + 1];
    bool bracketed = text[0] == '[';
    size_t start = bracketed ? 1 : 0, end = start + strcspn(text + start, bracketed ? "]/" : ":/");
    const char *rest = text + end + (bracketed && text[end] == ']');
    size_t left = (size_t)(text + length - rest);
    char port[8] = "80";
    if (end == start || end - start > HOST_MAX || end > length || (bracketed && text[end] != ']') ||
        (left > 0 && (*rest != ':' || left < 2 || left > 6))) {
        buf_puts(why, "expected http://HOST[:PORT] or unix:/path");
        return false;
    }
    snprintf(host, sizeof host, "%.*s", (int)(end - start), text + start);
    if (left > 0) {
        snprintf(port, sizeof port, "%.*s", (int)(left - 1), rest + 1);
    }
    return resolve(address, host, port, why);
}

bool client_find(struct address *address, const char *url, struct buf *why) {
    static const char scheme[] = "http://";
    const char *reason;
    if (strncmp(url, "unix:", 5) == 0) {
        if (!address_parse(address, url, &reason)) {
            buf_puts(why, reason);
            return false;
        }
        return true;
    }
    if (strncmp(url, scheme, sizeof scheme - 1) != 0) {
        buf_puts(why, strncmp(url, "https://", 8) == 0
                          ? "this speaks no TLS: name the instance itself, or order it by curl -X POST"
                          : "expected http://HOST[:PORT] or unix:/path");
        return false;
    }
    const char *host = url + sizeof scheme - 1;
    size_t length = strlen(host);
    return find_host(address, host, length > 0 && host[length - 1] == '/' ? length - 1 : length, why);
}

void client_approach(struct address *address) {
    struct sockaddr_in *v4 = (struct sockaddr_in *)(void *)&address->storage;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)(void *)&address->storage;
    if (address->storage.ss_family == AF_INET && v4->sin_addr.s_addr == htonl(INADDR_ANY)) {
        v4->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    } else if (address->storage.ss_family == AF_INET6 && IN6_IS_ADDR_UNSPECIFIED(&v6->sin6_addr)) {
        v6->sin6_addr = in6addr_loopback;
    }
}

// ---- one request ----

static enum client_result fail(struct buf *why, const char *what) {
    bool refused = errno == ECONNREFUSED || errno == ENOENT;
    bool late = errno == EAGAIN || errno == EWOULDBLOCK || errno == EINPROGRESS;
    buf_printf(why, "%s: %s", what, late ? "no answer in time" : strerror(errno));
    return refused ? CLIENT_REFUSED : CLIENT_FAILED;
}

static enum client_result reach(const struct client *client, int fd, struct buf *why) {
    const struct timeval patience = {client->timeout_ms / 1000, client->timeout_ms % 1000 * 1000};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    const struct sockaddr *peer = (const struct sockaddr *)&client->address.storage;
    return connect(fd, peer, client->address.length) == 0 ? CLIENT_OK : fail(why, "cannot connect");
}

static bool send_all(int fd, const char *data, size_t length) {
    while (length > 0) {
        ssize_t sent = send(fd, data, length, MSG_NOSIGNAL);
        if (sent < 0 && errno != EINTR) {
            return false;
        }
        data += sent > 0 ? sent : 0;
        length -= sent > 0 ? (size_t)sent : 0;
    }
    return true;
}

static enum client_result write_request(const struct client *client, int fd, const char *method,
                                        const char *path, struct buf *why) {
    struct buf out = {0};
    buf_printf(&out,
               "%s %s HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer %s\r\nContent-Length: 0\r\n"
               "Connection: close\r\n\r\n",
               method, path, client->key);
    enum client_result result = CLIENT_OK;
    if (out.failed) {
        buf_puts(why, "out of memory");
        result = CLIENT_FAILED;
    } else if (!send_all(fd, out.data, out.length)) {
        result = fail(why, "cannot send");
    }
    buf_free(&out);
    return result;
}

// Every answer of the hub ends the connection.
static enum client_result read_answer(int fd, struct buf *in, struct buf *why) {
    while (in->length < ANSWER_MAX) {
        if (!buf_reserve(in, 4096)) {
            buf_puts(why, "out of memory");
            return CLIENT_FAILED;
        }
        ssize_t got = recv(fd, in->data + in->length, 4096, 0);
        if (got == 0) {
            return CLIENT_OK;
        }
        if (got < 0 && errno != EINTR) {
            return fail(why, "no answer");
        }
        in->length += got > 0 ? (size_t)got : 0;
    }
    return CLIENT_OK;
}

static enum client_result understand(struct buf *in, int *status, struct buf *body, struct buf *why) {
    buf_append(in, "", 1);
    const char *end = in->failed ? NULL : strstr(in->data, "\r\n\r\n");
    if (!end || sscanf(in->data, "HTTP/1.%*1d %3d", status) != 1) {
        buf_puts(why, in->length <= 1 ? "the connection ended without an answer"
                                      : "what answers there is no wshub, or not over plain HTTP");
        return CLIENT_FAILED;
    }
    buf_puts(body, end + 4);
    buf_append(body, "", 1);
    if (body->failed) {
        buf_puts(why, "out of memory");
    }
    return body->failed ? CLIENT_FAILED : CLIENT_OK;
}

enum client_result client_ask(const struct client *client, const char *method, const char *path, int *status,
                              struct buf *body, struct buf *why) {
    struct buf in = {0};
    int fd = socket(client->address.storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return fail(why, "cannot connect");
    }
    enum client_result result = reach(client, fd, why);
    if (result == CLIENT_OK) {
        result = write_request(client, fd, method, path, why);
    }
    if (result == CLIENT_OK) {
        result = read_answer(fd, &in, why);
    }
    if (result == CLIENT_OK) {
        result = understand(&in, status, body, why);
    }
    buf_free(&in);
    close(fd);
    return result;
}
