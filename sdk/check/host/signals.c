// SPDX-License-Identifier: MIT
#include "host/signals.h"

#include <pthread.h>
#include <signal.h>
#include <stddef.h>

static const struct {
    int number;
    const char *name;
} blocked[] = {{SIGTERM, "SIGTERM"}, {SIGINT, "SIGINT"}, {SIGHUP, "SIGHUP"}};

void signals_set(void) {
    sigset_t set;
    sigemptyset(&set);
    for (size_t i = 0; i < sizeof blocked / sizeof *blocked; i++) {
        sigaddset(&set, blocked[i].number);
    }
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    signal(SIGPIPE, SIG_IGN);
}

const char *signals_changed(void) {
    struct sigaction pipe;
    sigset_t set;
    if (sigaction(SIGPIPE, NULL, &pipe) == 0 && pipe.sa_handler != SIG_IGN) {
        return "SIGPIPE";
    }
    pthread_sigmask(SIG_BLOCK, NULL, &set);
    for (size_t i = 0; i < sizeof blocked / sizeof *blocked; i++) {
        if (!sigismember(&set, blocked[i].number)) {
            return blocked[i].name;
        }
    }
    return NULL;
}
