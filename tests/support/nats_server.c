// SPDX-License-Identifier: MIT
#include "nats_server.h"

#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "free_port.h"
#include "loop_fixture.h"

enum { START_MS = 20000 };

unsigned nats_server_free_port(void) {
    unsigned port = free_port();
    assert_int_not_equal(port, 0);
    return port;
}

// It greets whoever connects.
static bool answers(const struct nats_server *server) {
    const struct sockaddr_in name = {.sin_family = AF_INET,
                                     .sin_port = htons((uint16_t)server->port),
                                     .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    char greeting[5] = "";
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    bool ok = connect(fd, (const struct sockaddr *)&name, sizeof name) == 0 && read(fd, greeting, 4) == 4;
    close(fd);
    return ok && strcmp(greeting, "INFO") == 0;
}

static void wait_for_it(const struct nats_server *server) {
    uint64_t until = clock_ns() / 1000000 + START_MS;
    while (!answers(server)) {
        if (clock_ns() / 1000000 > until || waitpid(server->pid, NULL, WNOHANG) != 0) {
            fail_msg("nats-server does not answer on port %u: see %s/log", server->port, server->folder);
        }
        usleep(5000); // asked again, until the deadline
    }
}

static void launch(struct nats_server *server) {
    char path[96];
    pid_t parent = getpid();
    snprintf(path, sizeof path, "%s/nats.conf", server->folder);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fprintf(file, "listen: \"127.0.0.1:%u\"\nlog_file: \"%s/log\"\n%s\n", server->port, server->folder,
            server->config);
    fclose(file);
    server->pid = fork();
    assert_true(server->pid >= 0);
    if (server->pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() == parent) {
            execlp("nats-server", "nats-server", "-c", path, (char *)NULL);
        }
        _exit(127);
    }
    wait_for_it(server);
}

void nats_server_start(struct nats_server *server, bool jetstream, const char *config) {
    *server = (struct nats_server){.port = nats_server_free_port(), .folder = "/tmp/wshub-nats-XXXXXX"};
    assert_non_null(mkdtemp(server->folder));
    snprintf(server->url, sizeof server->url, "nats://127.0.0.1:%u", server->port);
    int length = snprintf(server->config, NATS_CONFIG, "%s\n", config ? config : "");
    if (jetstream) {
        snprintf(server->config + length, NATS_CONFIG - (size_t)length,
                 "jetstream: { store_dir: \"%s/store\", max_mem: 256MB, max_file: 256MB }\n", server->folder);
    }
    launch(server);
}

void nats_server_kill(struct nats_server *server) {
    if (server->pid) {
        kill(server->pid, SIGKILL);
        waitpid(server->pid, NULL, 0);
        server->pid = 0;
    }
}

void nats_server_restart(struct nats_server *server) {
    nats_server_kill(server);
    launch(server);
}

void nats_server_signal(struct nats_server *server, int signum) {
    assert_int_equal(kill(server->pid, signum), 0);
    if (signum == SIGSTOP) { // not before it has really stopped
        assert_int_equal(waitpid(server->pid, NULL, WUNTRACED), server->pid);
    }
}

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *walk) {
    (void)status;
    (void)type;
    (void)walk;
    return remove(path);
}

void nats_server_stop(struct nats_server *server) {
    nats_server_kill(server);
    nftw(server->folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}
