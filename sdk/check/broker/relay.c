// SPDX-License-Identifier: MIT
#include "broker/relay.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "broker/address.h"
#include "broker/forwarder.h"
#include "check_priv.h"

enum { ANSWER_MS = 5000 };

struct relay {
    struct relay *next;
    struct check *check;
    int control;
    char address[64];
    char *broker; // the real one
};

static void name_port(struct relay *relay, struct forwarder_settings *settings) {
    struct sockaddr_in *name = (struct sockaddr_in *)&settings->own;
    getsockname(settings->listening, (struct sockaddr *)name, &settings->own_length);
    snprintf(relay->address, sizeof relay->address, "127.0.0.1:%u", (unsigned)ntohs(name->sin_port));
}

static void start_listening(struct relay *relay, struct forwarder_settings *settings) {
    const struct sockaddr_in any = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    settings->own_length = sizeof settings->own;
    settings->listening = forwarder_bind((const struct sockaddr *)&any, sizeof any);
    if (settings->listening < 0 || listen(settings->listening, SOMAXCONN) != 0) {
        check_fail(relay->check, "the relay cannot listen: %s", strerror(errno));
    }
    name_port(relay, settings);
}

// Keeps nothing of the case: somebody waits for the end of its pipes.
static int keep_only(int a, int b) {
    const unsigned low = (unsigned)(a < b ? a : b), high = (unsigned)(a < b ? b : a);
    int null = open("/dev/null", O_RDWR);
    for (int fd = 0; fd <= STDERR_FILENO; fd++) {
        dup2(null, fd);
    }
    if (low > 3) {
        close_range(3, low - 1, 0);
    }
    if (high > low + 1) {
        close_range(low + 1, high - 1, 0);
    }
    return close_range(high + 1, ~0U, 0);
}

static _Noreturn void run_process(const struct forwarder_settings *settings, pid_t parent) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    prctl(PR_SET_NAME, "check-relay");
    setpgid(0, 0); // what is in the case's group is the plugin's
    if (getppid() != parent || keep_only(settings->control, settings->listening) != 0) {
        _exit(1);
    }
    forwarder_run(settings);
}

static void start_process(struct relay *relay, struct forwarder_settings *settings) {
    int ends[2];
    const pid_t parent = getpid();
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) {
        check_fail(relay->check, "the relay cannot be started: %s", strerror(errno));
    }
    settings->control = ends[1];
    relay->control = ends[0];
    const pid_t pid = fork();
    if (pid < 0) {
        check_fail(relay->check, "the relay cannot be started: %s", strerror(errno));
    }
    if (pid == 0) {
        run_process(settings, parent);
    }
    setpgid(pid, pid); // whoever is first
    close(ends[1]);
    close(settings->listening);
}

struct relay *relay_start(struct check *check) {
    struct forwarder_settings settings = {0};
    struct address broker;
    address_of_broker(check, &broker);
    struct relay *relay = calloc(1, sizeof *relay);
    if (!relay || !(relay->broker = strdup(check->settings.address))) {
        check_fail(check, "the kit has no memory left");
    }
    relay->check = check;
    relay->next = check->relay;
    check->relay = relay;
    settings.broker = broker.name;
    settings.broker_length = broker.length;
    start_listening(relay, &settings);
    start_process(relay, &settings);
    check_point_at(check, relay->address);
    return relay;
}

void relay_lead(struct relay *relay, bool through) {
    check_point_at(relay->check, through ? relay->address : relay->broker);
}

static void order(struct relay *relay, enum forwarder_verb verb, uint64_t value) {
    const struct forwarder_command command = {.verb = verb, .value = value};
    struct pollfd answered = {.fd = relay->control, .events = POLLIN};
    const int limit = (int)check_scaled(ANSWER_MS);
    char done;
    if (send(relay->control, &command, sizeof command, MSG_NOSIGNAL) != sizeof command ||
        poll(&answered, 1, limit) != 1 || recv(relay->control, &done, 1, 0) != 1) {
        check_fail(relay->check, "the relay has ended, or hangs");
    }
}

void relay_cut(struct relay *relay) {
    order(relay, FORWARDER_CUT, 0);
}

void relay_refuse(struct relay *relay) {
    order(relay, FORWARDER_REFUSE, 0);
}

void relay_freeze(struct relay *relay) {
    order(relay, FORWARDER_FREEZE, 0);
}

void relay_cut_after(struct relay *relay, uint64_t bytes) {
    order(relay, FORWARDER_CUT_AFTER, bytes);
}

void relay_slow(struct relay *relay, uint64_t bytes_per_second) {
    order(relay, FORWARDER_SLOW, bytes_per_second);
}

void relay_heal(struct relay *relay) {
    order(relay, FORWARDER_HEAL, 0);
}
