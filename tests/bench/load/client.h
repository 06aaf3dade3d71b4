// SPDX-License-Identifier: MIT
// The client half: thousands of WebSocket connections on one epoll, one thread. It opens them, speaks the
// native protocol up to `subscribe`, and hands every delivered message to the scenario.
//
// Every function that can fail returns -1 and leaves one line in `error` that says what was missing.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire/wire.h"

// Descriptors in one process stop at 20,000 on the machines this is for; leave some for epoll, files and
// stdio.
enum { CLIENT_CONNECTIONS_MAX = 19900, CLIENT_ERROR = 512 };

enum conn_state { CONN_UNUSED, CONN_UPGRADING, CONN_WELCOMED_NEXT, CONN_SUBSCRIBING, CONN_READY };

struct conn {
    int fd;
    uint32_t received; // messages delivered to it
    uint32_t channel;  // number of its channel: "bench:<number>"
    uint8_t state;     // enum conn_state
    bool subscribes;   // false: a publisher
    struct wire_rest rest;
};

struct client;
// Called for each {"op":"message"...}; `text` is its JSON and is gone afterwards.
typedef int (*client_message_fn)(struct client *client, struct conn *conn, const char *text, size_t length);

struct client {
    uint16_t port;
    const char *path;
    int epoll;
    struct conn *conns;
    uint32_t count,
        ready; // opened so far; of these the ones that are subscribed (or welcomed, when publishers)
    char *scratch;
    client_message_fn on_message;
    bool expects_gaps;
    void *scenario;
    uint64_t deliveries, acks; // messages and answers to what a ready connection asked that came in, ever
    uint64_t gaps;             // words that messages may be missing; an error unless expected
    uint64_t deadline_ns;      // of the whole run
    char error[CLIENT_ERROR];
};

// How a group of connections subscribes.
enum client_channels { CLIENT_OWN_CHANNEL, CLIENT_ONE_CHANNEL, CLIENT_NO_CHANNEL };

int client_open(struct client *client, uint16_t port, const char *path, unsigned deadline_s);
void client_close(struct client *client);

// Opens `count` more connections with at most `in_flight` of them under way, and returns when all are ready.
// Numbers of own channels are the connection's index + 1; the one channel is number 0.
int client_connect(struct client *client, uint32_t count, enum client_channels channels, uint32_t in_flight);

// Handles what is readable, waiting at most `wait_ms`. Returns how many connections had something, or -1.
int client_turn(struct client *client, int wait_ms);
// Turns for `ms`: to settle, or to catch what should not come.
int client_idle(struct client *client, unsigned ms);

int client_send(struct client *client, const struct conn *conn, const char *bytes, size_t length);
int client_fail(struct client *client, const char *format, ...) __attribute__((format(printf, 2, 3)));
// Fails when the run is over its deadline; `what` names what is being waited for.
int client_check_deadline(struct client *client, const char *what);
