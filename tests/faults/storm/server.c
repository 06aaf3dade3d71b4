// SPDX-License-Identifier: MIT
#include "storm/server.h"

#include <signal.h>
#include <stddef.h>
#include <sys/wait.h>
#include <unistd.h>

#include "free_port.h"

uint16_t server_free_port(void) {
    return free_port();
}

bool server_was_cut(const struct server *server) {
    int status = server->process.status;
    return server->strict && !server->killed && server->process.ended && WIFEXITED(status) &&
           WEXITSTATUS(status) == SERVER_CUT;
}

int server_start(struct server *server) {
    probe_end(&server->probe);
    server->cut += server_was_cut(server);
    server->ready = server->leaves = server->killed = false;
    server->wanted = true;
    return process_start(&server->process, server->arguments, server->log);
}

static bool ended_well(const struct server *server) {
    int status = server->process.status;
    bool left = WIFEXITED(status) && (WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == SERVER_CUT);
    return !server->wanted && (!server->strict || server->killed || left);
}

bool server_tick(struct server *server, uint64_t now_ns) {
    if (server->process.pid == 0 && !server->process.ended)
        return true; // never started, or none of ours
    if (process_gone(&server->process)) {
        server->ready = false;
        return ended_well(server);
    }
    if (!server->ready && !server->leaves && !server->process.paused)
        server->ready = probe_step(&server->probe, server->address, server->port, &server->words, now_ns);
    return true;
}

void server_end(struct server *server, int signum) {
    server->wanted = false;
    server->killed |= signum == SIGKILL;
    server->leaves = true;
    server->ready = false;
    probe_end(&server->probe);
    process_signal(&server->process, signum);
}

void server_pause(struct server *server, bool pause) {
    server->ready = false;
    probe_end(&server->probe);
    process_signal(&server->process, pause ? SIGSTOP : SIGCONT);
}

void server_stop(struct server *server) {
    server->killed = true;
    server->wanted = false;
    server->ready = false;
    probe_end(&server->probe);
    process_kill(&server->process);
}
