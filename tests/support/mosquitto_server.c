// SPDX-License-Identifier: MIT
#include "mosquitto_server.h"

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
#include <mosquitto.h>

#include "free_port.h"
#include "loop_fixture.h"

enum { START_MS = 20000, ROUND_MS = 20, ANSWER_MS = 10000 };

// ---- its life ----

static bool listens(const struct mosquitto_server *server) {
    struct sockaddr_in name = {.sin_family = AF_INET,
                               .sin_port = htons((uint16_t)server->port),
                               .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    bool ok = connect(fd, (struct sockaddr *)&name, sizeof name) == 0;
    close(fd);
    return ok;
}

static void wait_for_it(const struct mosquitto_server *server) {
    uint64_t until = clock_ns() / 1000000 + START_MS;
    while (!listens(server)) {
        if (clock_ns() / 1000000 > until || waitpid(server->pid, NULL, WNOHANG) != 0) {
            fail_msg("mosquitto does not answer on port %u", server->port);
        }
        usleep(5000); // asked again, until the deadline
    }
}

static bool has_line(const struct mosquitto_server *server, const char *word) {
    for (size_t i = 0; server->lines[i]; i++) {
        if (strncmp(server->lines[i], word, strlen(word)) == 0) {
            return true;
        }
    }
    return false;
}

static void configure(const struct mosquitto_server *server, char *path, size_t size) {
    snprintf(path, size, "%s/mosquitto.conf", server->folder);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fprintf(file, "user root\npersistence false\nlog_dest file %s/log\nlog_type all\n", server->folder);
    if (!has_line(server, "max_queued_messages")) {
        fprintf(file,
                "max_queued_messages 1000000\n"); // with 0, 2.0.11 drops a client that it refuses something
    }
    if (!has_line(server, "listener")) {
        fprintf(file, "listener %u 127.0.0.1\n", server->port);
    }
    if (!has_line(server, "allow_anonymous")) {
        fprintf(file, "allow_anonymous true\n");
    }
    for (size_t i = 0; server->lines[i]; i++) {
        fprintf(file, "%s\n", server->lines[i]);
    }
    fclose(file);
}

static void launch(struct mosquitto_server *server) {
    pid_t parent = getpid();
    char path[96];
    configure(server, path, sizeof path);
    server->pid = fork();
    assert_true(server->pid >= 0);
    if (server->pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() == parent) {
            execlp("mosquitto", "mosquitto", "-c", path, (char *)NULL);
            execl("/usr/sbin/mosquitto", "mosquitto", "-c", path, (char *)NULL);
        }
        _exit(127);
    }
    wait_for_it(server);
}

void mosquitto_server_start(struct mosquitto_server *server, const char *const *lines) {
    *server = (struct mosquitto_server){.port = free_port(), .folder = "/tmp/wshub-mosquitto-XXXXXX"};
    assert_non_null(mkdtemp(server->folder));
    snprintf(server->url, sizeof server->url, "mqtt://127.0.0.1:%u", server->port);
    for (size_t i = 0; lines && lines[i]; i++) {
        assert_true(i + 1 < MOSQUITTO_LINES);
        server->lines[i] = lines[i];
    }
    launch(server);
}

void mosquitto_server_kill(struct mosquitto_server *server) {
    if (server->pid) {
        kill(server->pid, SIGKILL);
        waitpid(server->pid, NULL, 0);
        server->pid = 0;
    }
}

void mosquitto_server_restart(struct mosquitto_server *server) {
    mosquitto_server_kill(server);
    launch(server);
}

void mosquitto_server_signal(struct mosquitto_server *server, int signum) {
    assert_int_equal(kill(server->pid, signum), 0);
    if (signum == SIGSTOP) { // not before it has really stopped
        assert_int_equal(waitpid(server->pid, NULL, WUNTRACED), server->pid);
    }
}

void mosquitto_server_stop(struct mosquitto_server *server) {
    static const char *const names[] = {"log", "mosquitto.conf"};
    char path[160];
    mosquitto_server_kill(server);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        snprintf(path, sizeof path, "%s/%s", server->folder, names[i]);
        unlink(path);
    }
    rmdir(server->folder);
}

// ---- another client ----

struct visit {
    bool connected, done;
    char found[64 * 1024];
};

static void on_connect(struct mosquitto *mosq, void *context, int reason) {
    (void)mosq;
    assert_int_equal(reason, 0);
    ((struct visit *)context)->connected = true;
}

static void on_published(struct mosquitto *mosq, void *context, int mid) {
    (void)mosq;
    (void)mid;
    ((struct visit *)context)->done = true;
}

static void on_message(struct mosquitto *mosq, void *context, const struct mosquitto_message *message) {
    struct visit *visit = context;
    (void)mosq;
    if (strncmp(message->topic, "fence/", 6) == 0) {
        visit->done = true;
    } else if (message->retain) {
        snprintf(visit->found, sizeof visit->found, "%.*s", message->payloadlen,
                 (const char *)message->payload);
    }
}

static void visit_until(struct mosquitto *mosq, const bool *done) {
    uint64_t until = clock_ns() / 1000000 + ANSWER_MS;
    while (!*done) {
        assert_int_equal(mosquitto_loop(mosq, ROUND_MS, 1), MOSQ_ERR_SUCCESS);
        assert_true(clock_ns() / 1000000 < until);
    }
}

static struct mosquitto *visit_begin(struct mosquitto_server *server, struct visit *visit) {
    assert_int_equal(mosquitto_lib_init(), MOSQ_ERR_SUCCESS);
    struct mosquitto *mosq = mosquitto_new(NULL, true, visit);
    assert_non_null(mosq);
    mosquitto_connect_callback_set(mosq, on_connect);
    mosquitto_publish_callback_set(mosq, on_published);
    mosquitto_message_callback_set(mosq, on_message);
    assert_int_equal(mosquitto_connect(mosq, "127.0.0.1", (int)server->port, 60), MOSQ_ERR_SUCCESS);
    visit_until(mosq, &visit->connected);
    return mosq;
}

static void visit_end(struct mosquitto *mosq) {
    mosquitto_disconnect(mosq);
    mosquitto_destroy(mosq);
    mosquitto_lib_cleanup();
}

void mosquitto_server_publish(struct mosquitto_server *server, const char *topic, const void *payload,
                              size_t length, bool retain) {
    struct visit visit = {0};
    struct mosquitto *mosq = visit_begin(server, &visit);
    assert_int_equal(mosquitto_publish(mosq, NULL, topic, (int)length, payload, 1, retain), MOSQ_ERR_SUCCESS);
    visit_until(mosq, &visit.done);
    visit_end(mosq);
}

const char *mosquitto_server_retained(struct mosquitto_server *server, const char *topic) {
    static struct visit visit;
    char fence[64];
    visit = (struct visit){.found = "(none)"};
    struct mosquitto *mosq = visit_begin(server, &visit);
    snprintf(fence, sizeof fence, "fence/%d/%p", (int)getpid(), (void *)mosq);
    mosquitto_publish_callback_set(mosq, NULL);
    assert_int_equal(mosquitto_subscribe(mosq, NULL, topic, 0), MOSQ_ERR_SUCCESS);
    assert_int_equal(mosquitto_subscribe(mosq, NULL, fence, 0), MOSQ_ERR_SUCCESS);
    assert_int_equal(mosquitto_publish(mosq, NULL, fence, 1, "1", 0, false), MOSQ_ERR_SUCCESS);
    visit_until(mosq, &visit.done);
    visit_end(mosq);
    return visit.found;
}
