// SPDX-License-Identifier: MIT
// A real redis-server on a free port of loopback and on a unix socket, in a folder of its own, without
// persistence. It ends with the test, however that ends.
#pragma once

#include <stdbool.h>
#include <sys/types.h>

enum { REDIS_ARGUMENTS = 24 };

struct redis_server {
    pid_t pid; // 0: not running
    unsigned port;
    char folder[64], socket[96], url[64];
    const char *arguments[REDIS_ARGUMENTS]; // more than the usual, NULL at the end; borrowed
};

// A port that nobody listens on.
unsigned redis_server_free_port(void);

// `arguments`: as on the command line, NULL at the end; or NULL. Returns when it answers.
void redis_server_start(struct redis_server *server, const char *const *arguments);
void redis_server_stop(struct redis_server *server); // and removes its folder
// A Sentinel instead, which watches a server on loopback by that name.
void redis_server_start_sentinel(struct redis_server *server, const char *master, unsigned master_port);

void redis_server_kill(struct redis_server *server);    // SIGKILL, and gone
void redis_server_restart(struct redis_server *server); // on the same port, empty
void redis_server_signal(struct redis_server *server, int signum);

// Sends one command, its words separated by '|', and returns the reply as text: a string, a number, "(nil)",
// or the error; an array as its elements with blanks between. Valid until the next call.
const char *redis_server_ask(struct redis_server *server, const char *command);
