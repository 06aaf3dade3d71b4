// SPDX-License-Identifier: MIT
// A real mosquitto on a free port of loopback, in a folder of its own, without persistence, and with queues
// that do not drop. It ends with the test, however that ends.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

enum { MOSQUITTO_LINES = 16 };

struct mosquitto_server {
    pid_t pid; // 0: not running
    unsigned port;
    char folder[64], url[64];
    const char *lines[MOSQUITTO_LINES]; // more than the usual, NULL at the end; borrowed
};

// `lines`: of its configuration, NULL at the end; or NULL. Returns when it listens. Without a line that
// begins with "listener" or "allow_anonymous", it listens on `port`, and for everybody.
void mosquitto_server_start(struct mosquitto_server *server, const char *const *lines);
void mosquitto_server_stop(struct mosquitto_server *server); // and removes its folder

void mosquitto_server_kill(struct mosquitto_server *server);    // SIGKILL, and gone
void mosquitto_server_restart(struct mosquitto_server *server); // on the same port, empty
void mosquitto_server_signal(struct mosquitto_server *server, int signum);

// Another client of it, for one message.
void mosquitto_server_publish(struct mosquitto_server *server, const char *topic, const void *payload,
                              size_t length, bool retain);
// What is retained on a topic, or "(none)". Valid until the next call.
const char *mosquitto_server_retained(struct mosquitto_server *server, const char *topic);
