// SPDX-License-Identifier: MIT
// One server of the storm, a broker's or a hub: its program, its port, and whether it is ready. Nothing here
// waits.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "storm/probe.h"
#include "storm/process.h"

enum { SERVER_ARGUMENTS = 32, SERVER_PATH = 160, SERVER_CUT = 1 };

struct server {
    char name[16]; // "redis", "hub-2"
    char address[16];
    uint16_t port;
    const char *arguments[SERVER_ARGUMENTS]; // into texts, or literals
    char texts[8][SERVER_PATH];
    char log[SERVER_PATH];
    char clock[SERVER_PATH]; // the file that says how far its wall clock is off
    struct probe_words words;
    struct process process;
    struct probe probe;
    bool ready;   // since it was started or continued, as it said itself
    bool leaves;  // was told to end: who balances the load sends nobody there
    bool wanted;  // it should run: its end is a finding
    bool strict;  // told to end, it has to do so with status 0, or 1: a hub that had to cut a client
    bool killed;  // how this process ends means nothing
    unsigned cut; // times that it ended with 1
};

uint16_t server_free_port(void); // on 127.0.0.1; 0: none

int server_start(struct server *server);
bool server_was_cut(const struct server *server); // its last process ended so, and is not in `cut` yet
// Asks for readiness while it is not known. False: it should run, and has ended; or was to end, and did not
// do it well.
bool server_tick(struct server *server, uint64_t now_ns);
void server_end(struct server *server, int signum); // it need not run from here on
void server_pause(struct server *server, bool pause);
void server_stop(struct server *server); // SIGKILL, and waits
