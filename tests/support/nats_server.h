// SPDX-License-Identifier: MIT
// A real nats-server on a free port of loopback, in a folder of its own. It ends with the test, however that
// ends.
#pragma once

#include <stdbool.h>
#include <sys/types.h>

enum { NATS_CONFIG = 4096 };

struct nats_server {
    pid_t pid; // 0: not running
    unsigned port;
    char folder[64], url[64];
    char config[NATS_CONFIG]; // more lines of its configuration
};

// A port that nobody listens on.
unsigned nats_server_free_port(void);

// `config`: more lines of its configuration, or NULL. `jetstream`: with an empty store. Returns when it
// answers.
void nats_server_start(struct nats_server *server, bool jetstream, const char *config);
void nats_server_stop(struct nats_server *server); // and removes its folder

void nats_server_kill(struct nats_server *server);    // SIGKILL, and gone
void nats_server_restart(struct nats_server *server); // on the same port; what was in memory is lost
void nats_server_signal(struct nats_server *server, int signum);
