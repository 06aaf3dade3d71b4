// SPDX-License-Identifier: MIT
// A forwarder between two sockets of the test: what it carries, and how it spoils it.
#include "broker/forwarder.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

enum { LIMIT_MS = 10000, QUIET_MS = 50, BIG = 8 << 20 };

struct fixture {
    int control;
    int broker; // listens
    struct sockaddr_in address;
    pid_t pid;
};

struct pair { // one connection, from both ends
    int client, server;
};

static int listen_anywhere(struct sockaddr_in *name) {
    socklen_t length = sizeof *name;
    *name = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = forwarder_bind((struct sockaddr *)name, sizeof *name);
    assert_true(fd >= 0);
    assert_int_equal(listen(fd, 16), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)name, &length), 0);
    return fd;
}

static int setup(void **state) {
    struct fixture *fixture = calloc(1, sizeof *fixture);
    struct forwarder_settings settings = {.own_length = sizeof(struct sockaddr_in),
                                          .broker_length = sizeof(struct sockaddr_in)};
    int ends[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends), 0);
    fixture->broker = listen_anywhere((struct sockaddr_in *)&settings.broker);
    settings.listening = listen_anywhere((struct sockaddr_in *)&settings.own);
    settings.control = ends[1];
    fixture->control = ends[0];
    memcpy(&fixture->address, &settings.own, sizeof fixture->address);
    fixture->pid = fork();
    assert_true(fixture->pid >= 0);
    if (fixture->pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        close(ends[0]);
        close(fixture->broker);
        forwarder_run(&settings);
    }
    close(ends[1]);
    close(settings.listening);
    *state = fixture;
    return 0;
}

// It ends by itself when nobody commands it any more.
static int teardown(void **state) {
    struct fixture *fixture = *state;
    int status = -1;
    close(fixture->control);
    assert_int_equal(waitpid(fixture->pid, &status, 0), fixture->pid);
    assert_int_equal(status, 0);
    close(fixture->broker);
    free(fixture);
    return 0;
}

static void order(struct fixture *fixture, enum forwarder_verb verb, uint64_t value) {
    struct forwarder_command command = {.verb = verb, .value = value};
    char done;
    assert_int_equal(send(fixture->control, &command, sizeof command, 0), sizeof command);
    assert_int_equal(recv(fixture->control, &done, 1, 0), 1);
}

static bool is_readable(int fd, int milliseconds) {
    return poll(&(struct pollfd){.fd = fd, .events = POLLIN}, 1, milliseconds) == 1;
}

static int connect_to(struct fixture *fixture) {
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_true(fd >= 0);
    if (connect(fd, (struct sockaddr *)&fixture->address, sizeof fixture->address) != 0) {
        close(fd);
        return -1;
    }
    return fd;
}

static int accept_one(struct fixture *fixture) {
    assert_true(is_readable(fixture->broker, LIMIT_MS));
    for (;;) { // a forwarder's socket does not block, its copies here neither
        int fd = accept(fixture->broker, NULL, NULL);
        if (fd >= 0) {
            return fd;
        }
    }
}

static struct pair connect_pair(struct fixture *fixture) {
    struct pair pair = {.client = connect_to(fixture)};
    assert_true(pair.client >= 0);
    pair.server = accept_one(fixture);
    return pair;
}

static void close_pair(const struct pair *pair) {
    close(pair->client);
    close(pair->server);
}

static void say(int fd, const char *text) {
    assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

static void expect(int fd, const char *text) {
    char data[64];
    size_t length = 0;
    while (length < strlen(text)) {
        assert_true(is_readable(fd, LIMIT_MS));
        ssize_t n = recv(fd, data + length, sizeof data - length, 0);
        assert_true(n > 0);
        length += (size_t)n;
    }
    assert_int_equal(length, strlen(text));
    assert_memory_equal(data, text, length);
}

// How many bytes come until the connection ends, and how it ends: 0, or an error.
static size_t read_all(int fd, int *error) {
    char data[4096];
    size_t length = 0;
    for (;;) {
        assert_true(is_readable(fd, LIMIT_MS));
        ssize_t n = recv(fd, data, sizeof data, 0);
        if (n <= 0) {
            *error = n < 0 ? errno : 0;
            return length;
        }
        length += (size_t)n;
    }
}

static void test_carries_both_ways(void **state) {
    struct fixture *fixture = *state;
    struct pair one = connect_pair(fixture), two = connect_pair(fixture);
    say(one.client, "to the broker");
    say(two.client, "another");
    expect(one.server, "to the broker");
    expect(two.server, "another");
    say(two.server, "and back");
    expect(two.client, "and back");
    close_pair(&one);
    close_pair(&two);
}

static void test_the_end_is_carried_too(void **state) {
    struct fixture *fixture = *state;
    struct pair pair = connect_pair(fixture);
    int error = -1;
    say(pair.server, "last words");
    close(pair.server);
    assert_int_equal(read_all(pair.client, &error), strlen("last words"));
    assert_int_equal(error, 0);
    close(pair.client);
}

static void test_cut(void **state) {
    struct fixture *fixture = *state;
    struct pair pair = connect_pair(fixture);
    int error = 0;
    say(pair.client, "1");
    expect(pair.server, "1");
    order(fixture, FORWARDER_CUT, 0);
    assert_int_equal(read_all(pair.client, &error), 0);
    assert_int_equal(error, ECONNRESET);
    close_pair(&pair);
    pair = connect_pair(fixture); // the next one is taken
    say(pair.server, "2");
    expect(pair.client, "2");
    close_pair(&pair);
}

static void test_refuse_and_heal(void **state) {
    struct fixture *fixture = *state;
    struct pair pair = connect_pair(fixture);
    int error = 0;
    for (int i = 0; i < 3; i++) {
        order(fixture, FORWARDER_REFUSE, 0);
        order(fixture, FORWARDER_REFUSE, 0); // twice is once
        assert_int_equal(read_all(pair.client, &error), 0);
        assert_int_equal(connect_to(fixture), -1);
        assert_int_equal(errno, ECONNREFUSED);
        close_pair(&pair);
        order(fixture, FORWARDER_HEAL, 0);
        pair = connect_pair(fixture);
    }
    close_pair(&pair);
}

static void test_freeze(void **state) {
    struct fixture *fixture = *state;
    struct pair pair = connect_pair(fixture);
    order(fixture, FORWARDER_FREEZE, 0);
    say(pair.client, "up");
    say(pair.server, "down");
    int late = connect_to(fixture); // taken, and nothing else
    assert_true(late >= 0);
    assert_false(is_readable(pair.client, QUIET_MS));
    assert_false(is_readable(pair.server, QUIET_MS));
    assert_false(is_readable(fixture->broker, 0));
    order(fixture, FORWARDER_HEAL, 0);
    expect(pair.client, "down");
    expect(pair.server, "up");
    close(accept_one(fixture));
    close(late);
    close_pair(&pair);
}

static void test_cut_after(void **state) {
    struct fixture *fixture = *state;
    struct pair pair = connect_pair(fixture), other = connect_pair(fixture);
    int error = -1;
    order(fixture, FORWARDER_CUT_AFTER, 5);
    say(pair.client, "what goes to the broker does not count");
    expect(pair.server, "what goes to the broker does not count");
    say(pair.server, "123456789");
    assert_int_equal(read_all(pair.client, &error), 5);
    say(other.server, "the others go on");
    expect(other.client, "the others go on");
    close_pair(&pair);
    close_pair(&other);
}

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void test_slow(void **state) {
    enum { RATE = 20000, BYTES = 6000 };
    struct fixture *fixture = *state;
    struct pair pair = connect_pair(fixture);
    char data[BYTES] = {0};
    int error = -1;
    order(fixture, FORWARDER_SLOW, RATE);
    const double begin = now();
    assert_int_equal(send(pair.server, data, sizeof data, 0), sizeof data);
    close(pair.server);
    assert_int_equal(read_all(pair.client, &error), BYTES);
    assert_true(now() - begin > 0.8 * BYTES / RATE);
    close(pair.client);
}

static void test_much(void **state) {
    struct fixture *fixture = *state;
    struct pair pair = connect_pair(fixture);
    int error = -1;
    char *data = calloc(1, BIG);
    pid_t writer = fork(); // more than the sockets hold
    if (writer == 0) {
        size_t sent = 0;
        while (sent < BIG) {
            ssize_t n = send(pair.server, data + sent, BIG - sent, MSG_NOSIGNAL);
            if (n <= 0) {
                _exit(1);
            }
            sent += (size_t)n;
        }
        _exit(0);
    }
    close(pair.server);
    assert_int_equal(read_all(pair.client, &error), BIG);
    assert_int_equal(error, 0);
    waitpid(writer, NULL, 0);
    close(pair.client);
    free(data);
}

static void test_no_broker(void **state) {
    struct fixture *fixture = *state;
    int error = -1;
    close(fixture->broker);
    int client = connect_to(fixture);
    assert_true(client >= 0);
    assert_int_equal(read_all(client, &error), 0); // or reset
    close(client);
    fixture->broker = -1;
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_carries_both_ways),
        TEST(test_the_end_is_carried_too),
        TEST(test_cut),
        TEST(test_refuse_and_heal),
        TEST(test_freeze),
        TEST(test_cut_after),
        TEST(test_slow),
        TEST(test_much),
        TEST(test_no_broker),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
