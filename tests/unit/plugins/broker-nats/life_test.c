// SPDX-License-Identifier: MIT
// Opening and closing: nothing may stay behind, whatever was going on.
#include <arpa/inet.h>
#include <dirent.h>
#include <sys/socket.h>

#include "nats_fixture.h"

static struct nats_server server;

static int start(void **state) {
    (void)state;
    signal(SIGPIPE, SIG_IGN); // as the hub does
    nats_server_start(&server, true, NULL);
    return 0;
}

static int stop(void **state) {
    (void)state;
    nats_server_stop(&server);
    return 0;
}

static unsigned count_in(const char *path) {
    unsigned count = 0;
    DIR *folder = opendir(path);
    assert_non_null(folder);
    while (readdir(folder)) {
        count++;
    }
    closedir(folder);
    return count;
}

struct resources {
    unsigned files, threads;
};

static struct resources look(void) {
    return (struct resources){count_in("/proc/self/fd"), count_in("/proc/self/task")};
}

// A thread that nobody can join needs a moment for its last instructions.
static void assert_nothing_stays(struct resources before) {
    const uint64_t until = clock_ns() + UINT64_C(5000000000);
    struct resources now = look();
    while ((now.files > before.files || now.threads > before.threads) && clock_ns() < until) {
        usleep(1000);
        now = look();
    }
    assert_int_equal(now.files, before.files);
    assert_int_equal(now.threads, before.threads);
}

static void a_hundred_times(void **state) {
    struct nats_host *nats = nats_open_up(OPTIONS("url", server.url));
    (void)state;
    nats_close(nats); // what the libraries keep for ever is there
    const struct resources before = look();
    for (int i = 0; i < 100; i++) {
        nats = nats_open(OPTIONS("url", server.url));
        if (i % 2) {
            plugin_host_wait_link(nats->host, WSHUB_LINK_UP);
            assert_int_equal(plugin_host_wait(nats->host, plugin_host_subscribe(nats->host, "x")), WSHUB_OK);
        }
        nats_close(nats);
    }
    assert_nothing_stays(before);
}

static void two_in_one_process(void **state) {
    const struct resources before = look();
    (void)state;
    for (int i = 0; i < 10; i++) {
        struct nats_host *a = nats_open_up(OPTIONS("url", server.url)),
                         *b = nats_open_up(OPTIONS("url", server.url));
        assert_ends(b, plugin_host_subscribe(b->host, "x"), WSHUB_OK);
        nats_close(i % 2 ? a : b);
        struct nats_host *c = i % 2 ? b : a;
        assert_ends(c, plugin_host_subscribe(c->host, "y"), WSHUB_OK);
        assert_ends(c, plugin_host_publish(c->host, "y", "1", 1), WSHUB_OK);
        plugin_host_wait_messages(c->host, 1);
        nats_close(c);
    }
    assert_nothing_stays(before);
}

static void with_work_in_flight(void **state) {
    const struct resources before = look();
    (void)state;
    for (int i = 0; i < 20; i++) {
        struct nats_host *nats = nats_open_up(OPTIONS("url", server.url));
        for (int n = 0; n < 50; n++) {
            char channel[16];
            snprintf(channel, sizeof channel, "c%d", n);
            plugin_host_subscribe(nats->host, channel);
            plugin_host_publish(nats->host, channel, "1", 1);
            plugin_host_set(nats->host, channel, "1", 60000);
            plugin_host_list(nats->host, "c");
            plugin_host_get(nats->host, channel);
            plugin_host_publish_message(nats->host,
                                        &(struct wshub_message){.channel = {channel, strlen(channel)},
                                                                .payload = {"1", 1},
                                                                .history_size = 5,
                                                                .history_ttl = 60000});
        }
        plugin_host_run(nats->host, (uint64_t)i % 10);
        nats_close(nats);
    }
    assert_nothing_stays(before);
}

static void while_there_is_no_server(void **state) {
    char url[64];
    const struct resources before = look();
    (void)state;
    snprintf(url, sizeof url, "nats://127.0.0.1:%u", nats_server_free_port());
    struct nats_host *nats = nats_open(OPTIONS("url", url));
    plugin_host_wait_link(nats->host, WSHUB_LINK_DOWN);
    assert_ends(nats, plugin_host_subscribe(nats->host, "x"), WSHUB_UNAVAILABLE);
    nats_close(nats);
    assert_nothing_stays(before);
}

static void while_the_server_is_paused(void **state) {
    static char payload[60000];
    const struct resources before = look();
    (void)state;
    struct nats_host *nats = nats_open_up(OPTIONS("url", server.url));
    nats_server_signal(&server, SIGSTOP);
    for (int i = 0; i < 300; i++) { // more than sockets hold
        plugin_host_publish(nats->host, "x", payload, sizeof payload);
    }
    plugin_host_run(nats->host, 100);
    const uint64_t began = clock_ns();
    nats_close(nats);
    assert_true(clock_ns() - began < UINT64_C(5000000000)); // timeouts.broker
    nats_server_signal(&server, SIGCONT);
    assert_nothing_stays(before);
}

// A server that says that it wants TLS, and then nothing: nats.c waits for it without an end.
static int accept_and_hang(int listener) {
    static const char info[] =
        "INFO {\"server_id\":\"x\",\"version\":\"2.9.0\",\"headers\":true,\"tls_required\":true,"
        "\"max_payload\":1048576,\"proto\":1}\r\n";
    char hello;
    const int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, info, sizeof info - 1), sizeof info - 1);
    assert_int_equal(recv(fd, &hello, 1, 0), 1); // the handshake has begun
    return fd;
}

static void while_a_handshake_hangs(void **state) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    char url[64];
    (void)state;
    const int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(listener, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(listener, 1), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &length), 0);
    snprintf(url, sizeof url, "tls://127.0.0.1:%u", ntohs(address.sin_port));
    const struct resources before = look();
    struct nats_host *nats = nats_open_within(1000, OPTIONS("url", url));
    const int fd = accept_and_hang(listener);
    const uint64_t began = clock_ns();
    nats_close(nats);
    assert_true(clock_ns() - began < UINT64_C(1000000000)); // timeouts.broker
    close(fd); // the thread that was left alone ends, and frees everything
    assert_nothing_stays(before);
    close(listener);
}

static void the_host_hears_within_its_timeout(void **state) {
    (void)state;
    nats_server_signal(&server, SIGSTOP);
    const uint64_t began = clock_ns();
    struct nats_host *nats = nats_open_within(1000, OPTIONS("url", server.url, "connect_timeout", "4s"));
    plugin_host_wait_link(nats->host, WSHUB_LINK_DOWN);
    assert_string_equal(nats->host->reason, "no answer from a server yet");
    assert_true(clock_ns() - began < UINT64_C(3000000000)); // of 4 s without
    nats_server_signal(&server, SIGCONT);
    nats_close(nats);
}

static bool nothing_pends(void *context) {
    return ((struct plugin_host *)context)->pending == 0;
}

static void no_slot_blocks(void **state) {
    static char payload[60000];
    uint64_t longest = 0;
    (void)state;
    struct nats_host *nats = nats_open_up(OPTIONS("url", server.url, "timeout", "1s"));
    nats_server_signal(&server, SIGSTOP);
    for (int i = 0; i < 500; i++) {
        const uint64_t began = clock_ns();
        plugin_host_publish(nats->host, "x", payload, sizeof payload);
        plugin_host_subscribe(nats->host, "y");
        const uint64_t took = clock_ns() - began;
        longest = took > longest ? took : longest;
    }
    assert_true(longest < UINT64_C(50000000)); // a write that waits for the server would take seconds
    plugin_host_wait_link(nats->host, WSHUB_LINK_DOWN);
    plugin_host_wait_until(nats->host, nothing_pends, nats->host, "all are settled");
    nats_server_signal(&server, SIGCONT);
    plugin_host_wait_link(nats->host, WSHUB_LINK_RESUBSCRIBED);
    nats_close(nats);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_hundred_times),
        cmocka_unit_test(two_in_one_process),
        cmocka_unit_test(with_work_in_flight),
        cmocka_unit_test(while_there_is_no_server),
        cmocka_unit_test(while_the_server_is_paused),
        cmocka_unit_test(while_a_handshake_hangs),
        cmocka_unit_test(the_host_hears_within_its_timeout),
        cmocka_unit_test(no_slot_blocks),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
