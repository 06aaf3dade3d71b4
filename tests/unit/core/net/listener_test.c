// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "loop_fixture.h"
#include "net/listener.h"
#include "util/log.h"

static struct address address_of(const char *text) {
    struct address address;
    const char *why = NULL;
    if (!address_parse(&address, text, &why)) {
        fail_msg("%s: %s", text, why);
    }
    return address;
}

static int port_of(const struct address *address) {
    return ntohs(((const struct sockaddr_in *)&address->storage)->sin_port);
}

static int bind_ok(struct address *address, bool first) {
    char why[512] = "";
    int fd = listener_bind(address, first, why, sizeof why);
    if (fd < 0) {
        fail_msg("%s", why);
    }
    return fd;
}

static void expect_refusal(struct address address, bool first, const char *expected) {
    char why[512] = "";
    assert_int_equal(listener_bind(&address, first, why, sizeof why), -1);
    assert_string_equal(why, expected);
}

// ---- binding ----

static void port_zero_becomes_the_kernels_choice(void **state) {
    (void)state;
    struct address address = address_of("127.0.0.1:0");
    int fd = bind_ok(&address, true);
    assert_true(port_of(&address) > 0);
    assert_true(fcntl(fd, F_GETFL) & O_NONBLOCK);
    assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    int client = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(client, (struct sockaddr *)&address.storage, address.length), 0);
    close(client);
    close(fd);
}

static void other_workers_join_the_first(void **state) {
    (void)state;
    struct address address = address_of("127.0.0.1:0");
    int first = bind_ok(&address, true);
    int port = port_of(&address);
    int second = bind_ok(&address, false);
    assert_int_equal(port_of(&address), port);
    close(first);
    close(second);
}

// Whether or not the other one would share: a second hub must not take half of the connections in silence.
static void a_port_in_use_is_refused_with_advice(void **state) {
    (void)state;
    for (int shares = 0; shares <= 1; shares++) {
        struct sockaddr_in name = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        socklen_t length = sizeof name;
        int other = socket(AF_INET, SOCK_STREAM, 0);
        setsockopt(other, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int));
        setsockopt(other, SOL_SOCKET, SO_REUSEPORT, &shares, sizeof shares);
        assert_int_equal(bind(other, (struct sockaddr *)&name, length), 0);
        assert_int_equal(listen(other, 1), 0);
        getsockname(other, (struct sockaddr *)&name, &length);
        char text[64], expected[256];
        snprintf(text, sizeof text, "127.0.0.1:%d", ntohs(name.sin_port));
        snprintf(expected, sizeof expected,
                 "cannot listen on %s: bind: Address already in use; another process listens there: stop it, "
                 "or choose "
                 "another port in `listen`",
                 text);
        expect_refusal(address_of(text), true, expected);
        close(other);
        struct address address = address_of(text);
        close(bind_ok(&address, true)); // free again at once
    }
}

static void an_address_of_another_machine_is_refused_with_advice(void **state) {
    (void)state;
    expect_refusal(
        address_of("192.0.2.1:8000"), true,
        "cannot listen on 192.0.2.1:8000: bind: Cannot assign requested address; this machine has no such "
        "address: `ip address` shows those it has");
}

// `listen: ["0.0.0.0:8000", "[::]:8000"]`: each family has its own port 8000.
static void both_families_listen_on_one_port(void **state) {
    (void)state;
    struct address four = address_of("*:0");
    int first = bind_ok(&four, true);
    char text[64];
    snprintf(text, sizeof text, "[::]:%d", port_of(&four));
    struct address six = address_of(text);
    int probe = socket(AF_INET6, SOCK_STREAM, 0);
    if (probe < 0) {
        close(first);
        skip(); // a machine without IPv6
    }
    close(probe);
    int second = bind_ok(&six, true);
    close(first);
    close(second);
}

// ---- UNIX sockets: each test has a folder of its own ----

static char folder[64];
static char socket_path[100];

static int make_folder(void **state) {
    (void)state;
    strcpy(folder, "/tmp/wshub-listener-XXXXXX");
    if (!mkdtemp(folder)) {
        return -1;
    }
    snprintf(socket_path, sizeof socket_path, "%s/hub.sock", folder);
    return 0;
}

static int remove_folder(void **state) {
    (void)state;
    unlink(socket_path);
    return rmdir(folder);
}

static struct address unix_address(void) {
    char text[160];
    snprintf(text, sizeof text, "unix:%s", socket_path);
    return address_of(text);
}

static void expect_taken(void) {
    char expected[400];
    snprintf(expected, sizeof expected,
             "cannot listen on unix:%s: bind: Address already in use; another process listens there: stop "
             "it, or choose "
             "another port in `listen`",
             socket_path);
    expect_refusal(unix_address(), true, expected);
}

static void a_stale_socket_file_is_replaced(void **state) {
    (void)state;
    struct address address = unix_address();
    close(bind_ok(&address, true)); // as after a crash: the file stays
    assert_int_equal(access(socket_path, F_OK), 0);
    int fd = bind_ok(&address, true);
    int client = socket(AF_UNIX, SOCK_STREAM, 0);
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    snprintf(name.sun_path, sizeof name.sun_path, "%s", socket_path);
    assert_int_equal(connect(client, (struct sockaddr *)&name, sizeof name), 0);
    close(client);
    close(fd);
}

static void a_live_socket_is_not_replaced(void **state) {
    (void)state;
    struct address address = unix_address();
    int fd = bind_ok(&address, true);
    expect_taken();
    int client = socket(AF_UNIX, SOCK_STREAM, 0); // the first one can still be reached
    assert_int_equal(connect(client, (struct sockaddr *)&address.storage, address.length), 0);
    close(client);
    close(fd);
}

// One that hangs lives too: its full backlog must not make us wait.
static void a_live_socket_with_a_full_backlog_is_not_waited_for(void **state) {
    (void)state;
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    snprintf(name.sun_path, sizeof name.sun_path, "%s", socket_path);
    int other = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(bind(other, (struct sockaddr *)&name, sizeof name), 0);
    assert_int_equal(listen(other, 0), 0);
    int clients[8], n = 0;
    for (; n < 8; n++) {
        clients[n] = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
        if (connect(clients[n], (struct sockaddr *)&name, sizeof name) < 0) {
            assert_int_equal(errno, EAGAIN);
            break;
        }
    }
    assert_true(n < 8);
    alarm(20);
    expect_taken();
    alarm(0);
    for (int i = 0; i <= n; i++) {
        close(clients[i]);
    }
    close(other);
}

static void another_file_is_not_replaced(void **state) {
    (void)state;
    FILE *file = fopen(socket_path, "w");
    fputs("precious", file);
    fclose(file);
    expect_taken();
    char content[16] = "";
    file = fopen(socket_path, "r");
    assert_non_null(file);
    assert_non_null(fgets(content, sizeof content, file));
    fclose(file);
    assert_string_equal(content, "precious");
}

static void a_folder_that_is_missing_is_told(void **state) {
    (void)state;
    char why[512];
    struct address address = address_of("unix:/nonexistent/hub.sock");
    assert_int_equal(listener_bind(&address, true, why, sizeof why), -1);
    assert_string_equal(why, "cannot listen on unix:/nonexistent/hub.sock: bind: No such file or directory");
}

// ---- accepting ----

enum { CLIENTS = 300 }; // several rounds of accepts

struct bench {
    struct loop *loop;
    struct log log;
    int log_reading;
    struct listener *listener;
    atomic_uint paused;
    struct address address;
    int accepted;
    int wanted;
    int fds[CLIENTS];
    int clients[CLIENTS];
};

static void on_accepted(void *context, int fd, const struct address *peer) {
    struct bench *bench = context;
    assert_true(address_is_loopback(peer));
    assert_true(fcntl(fd, F_GETFL) & O_NONBLOCK);
    assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    bench->fds[bench->accepted++] = fd;
}

static bool has_accepted(void *self) {
    struct bench *bench = self;
    return bench->accepted >= bench->wanted;
}

static void bench_open(struct bench *bench) {
    int log[2];
    memset(bench, 0, sizeof *bench);
    bench->loop = loop_new();
    assert_int_equal(pipe2(log, O_NONBLOCK), 0);
    bench->log = (struct log){.fd = log[1], .format = LOG_LOGFMT};
    bench->log_reading = log[0];
    bench->address = address_of("127.0.0.1:0");
    int fd = bind_ok(&bench->address, true);
    bench->listener = listener_new(bench->loop, fd, &bench->log, &bench->paused, on_accepted, bench);
    assert_non_null(bench->listener);
}

static int client_of(const struct bench *bench) {
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (const struct sockaddr *)&bench->address.storage, bench->address.length), 0);
    return fd;
}

static const char *log_of(const struct bench *bench) {
    static char text[8192];
    static size_t length;
    ssize_t n = read(bench->log_reading, text, sizeof text - 1);
    length = n > 0 ? (size_t)n : 0;
    text[length] = '\0';
    return text;
}

static void bench_close(struct bench *bench) {
    listener_close(&bench->listener, true);
    assert_null(bench->listener);
    listener_close(&bench->listener, true); // nothing
    for (int i = 0; i < bench->accepted; i++) {
        close(bench->fds[i]);
    }
    close(bench->log.fd);
    close(bench->log_reading);
    loop_free(bench->loop);
}

static void all_who_come_are_accepted(void **state) {
    (void)state;
    struct bench bench;
    bench_open(&bench);
    for (int i = 0; i < CLIENTS; i++) {
        bench.clients[i] = client_of(&bench);
    }
    bench.wanted = CLIENTS;
    run_until(bench.loop, has_accepted, &bench);
    assert_int_equal(bench.accepted, CLIENTS);
    int nodelay = 0;
    socklen_t length = sizeof nodelay;
    getsockopt(bench.fds[0], IPPROTO_TCP, 1 /* TCP_NODELAY */, &nodelay, &length);
    assert_true(nodelay);
    for (int i = 0; i < CLIENTS; i++) {
        close(bench.clients[i]);
    }
    assert_string_equal(log_of(&bench), "");
    bench_close(&bench);
}

// They were told that they are connected.
static void close_accepts_those_who_wait(void **state) {
    (void)state;
    struct bench bench;
    bench_open(&bench);
    for (int i = 0; i < CLIENTS; i++) {
        bench.clients[i] = client_of(&bench);
    }
    assert_int_equal(bench.accepted, 0);
    listener_close(&bench.listener, true);
    assert_int_equal(bench.accepted, CLIENTS);
    int late = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(late, (struct sockaddr *)&bench.address.storage, bench.address.length), -1);
    close(late);
    for (int i = 0; i < CLIENTS; i++) {
        close(bench.clients[i]);
    }
    bench_close(&bench);
}

static struct rlimit files;

static void allow_descriptors(rlim_t count) {
    struct rlimit fewer = files;
    fewer.rlim_cur = count;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &fewer), 0);
}

static bool long_enough(void *self) {
    return clock_ns() / 1000000 > *(uint64_t *)self;
}

static int occurrences(const char *text, const char *what) {
    int n = 0;
    for (const char *at = text; (at = strstr(at, what)); at++) {
        n++;
    }
    return n;
}

static bool log_resumed;

static bool has_resumed(void *self) {
    const char *text = log_of(self);
    assert_null(strstr(text, "paused"));
    log_resumed |= strstr(text, "level=info event=\"accept resumed\"\n") != NULL;
    return log_resumed;
}

static void without_descriptors_it_pauses_and_resumes(void **state) {
    (void)state;
    struct bench bench;
    bench_open(&bench);
    getrlimit(RLIMIT_NOFILE, &files);
    for (int i = 0; i < 5; i++) {
        bench.clients[i] = client_of(&bench);
    }
    int lowest = dup(0);
    close(lowest);
    allow_descriptors((rlim_t)lowest + 2); // room for two of the five
    bench.wanted = 2;
    run_until(bench.loop, has_accepted, &bench);
    uint64_t until = clock_ns() / 1000000 + 450; // four times it tries again, in vain
    run_until(bench.loop, long_enough, &until);
    allow_descriptors(files.rlim_cur);
    assert_int_equal(bench.accepted, 2);
    const char *text = log_of(&bench);
    assert_int_equal(occurrences(text, "\n"), 1); // said once
    assert_non_null(
        strstr(text, "level=error event=\"accept paused\" reason=\"Too many open files\" advice=\"raise the "
                     "limit of open files, or lower limits.connections\"\n"));
    bench.wanted = 5;
    run_until(bench.loop, has_accepted, &bench);
    log_resumed = false;
    run_until(bench.loop, has_resumed, &bench);
    for (int i = 0; i < 5; i++) {
        close(bench.clients[i]);
    }
    bench_close(&bench);
}

static void it_may_close_while_it_pauses(void **state) {
    (void)state;
    struct bench bench;
    bench_open(&bench);
    getrlimit(RLIMIT_NOFILE, &files);
    bench.clients[0] = client_of(&bench);
    int lowest = dup(0);
    close(lowest);
    allow_descriptors((rlim_t)lowest);
    run_rounds(bench.loop);
    run_rounds(bench.loop);
    listener_close(&bench.listener, true);
    allow_descriptors(files.rlim_cur);
    assert_int_equal(bench.accepted, 0);
    assert_int_equal(occurrences(log_of(&bench), "accept paused"), 1);
    close(bench.clients[0]);
    bench_close(&bench);
}

int main(void) {
#define with_folder(test) cmocka_unit_test_setup_teardown(test, make_folder, remove_folder)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(port_zero_becomes_the_kernels_choice),
        cmocka_unit_test(other_workers_join_the_first),
        cmocka_unit_test(a_port_in_use_is_refused_with_advice),
        cmocka_unit_test(an_address_of_another_machine_is_refused_with_advice),
        cmocka_unit_test(both_families_listen_on_one_port),
        with_folder(a_stale_socket_file_is_replaced),
        with_folder(a_live_socket_is_not_replaced),
        with_folder(a_live_socket_with_a_full_backlog_is_not_waited_for),
        with_folder(another_file_is_not_replaced),
        cmocka_unit_test(a_folder_that_is_missing_is_told),
        cmocka_unit_test(all_who_come_are_accepted),
        cmocka_unit_test(close_accepts_those_who_wait),
        cmocka_unit_test(without_descriptors_it_pauses_and_resumes),
        cmocka_unit_test(it_may_close_while_it_pauses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
