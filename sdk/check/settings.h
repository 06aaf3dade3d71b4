// SPDX-License-Identifier: MIT
// The kit's configuration file: the plugin's options, and how the broker is reached and handled.
//
//     options: {url: "redis://${BROKER}"}
//     broker:
//         address: 127.0.0.1:6379
//         stop: kill $(cat redis.pid)
//         pause: ..., resume: ..., restart: ...
//
// and of an auth plugin, what it is to decide, what it asks itself (as broker, with ${BACKEND}), and how the
// files change that it reads:
//
//     requests: [{token: abc, expect: yes, user: "42"}, {expect: pass}]
//     authorize: [{token: abc, verb: subscribe, name: room:1, expect: yes}]
//     backend: {address: 127.0.0.1:8080, stop: ..., restart: ..., pause: ..., resume: ...}
//     reload: {change: ..., spoil: ..., restore: ...}
//
// Errors have the form of the hub's own: file:line:column: key: found, expected.
#pragma once

#include <stdbool.h>

#include "auth/requests.h"
#include "config/config.h"

struct buf;

struct settings {
    struct config_plugin plugin; // its options; first, for the table of keys
    char *address;               // HOST:PORT; NULL: not said, likewise the commands
    char *stop, *pause, *resume, *restart;
    const char *section; // where those stand: "broker", or "backend"
    struct requests requests, authorize;
    char *change, *spoil, *restore; // of the files that an auth plugin reads
};

// The whole file. False: why not, in a line, was appended to `errors`.
bool settings_load(struct buf *text, const char *path, struct buf *errors);
// `name`: what errors call the text; `text` NULL: nothing is configured. `broker`: the address that ${BROKER}
// stands for, NULL: broker.address; it, ${BROKER_HOST} and ${BROKER_PORT} are put into the environment, and
// for backend.address ${BACKEND}, ${BACKEND_HOST} and ${BACKEND_PORT}.
// False: the errors, a line each, were appended, and *settings is zero.
bool settings_read(struct settings *settings, const char *name, const struct buf *text, const char *broker,
                   struct buf *errors);
void settings_free(struct settings *settings); // zeroed is fine
