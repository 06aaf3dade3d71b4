// SPDX-License-Identifier: MIT
// A server that is only half there: it takes what it is given, and does not answer all of it.
#include <arpa/inet.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "mqtt_fixture.h"

static struct silent {
    int listening, fd; // -1: nobody has come
    bool accepts;      // answers everything but a PUBLISH
    unsigned char in[4096];
    size_t length;
    char url[64];
} server;

static int start(void **state) {
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof name;
    (void)state;
    signal(SIGPIPE, SIG_IGN);
    server = (struct silent){.listening = socket(AF_INET, SOCK_STREAM, 0), .fd = -1};
    assert_int_equal(bind(server.listening, (struct sockaddr *)&name, sizeof name), 0);
    assert_int_equal(listen(server.listening, 8), 0);
    assert_int_equal(getsockname(server.listening, (struct sockaddr *)&name, &size), 0);
    snprintf(server.url, sizeof server.url, "mqtt://127.0.0.1:%u", ntohs(name.sin_port));
    return 0;
}

static int stop(void **state) {
    (void)state;
    if (server.fd >= 0) {
        close(server.fd);
    }
    close(server.listening);
    return 0;
}

static bool is_readable(int fd) {
    return poll(&(struct pollfd){.fd = fd, .events = POLLIN}, 1, 0) > 0;
}

static void say(const void *bytes, size_t length) {
    if (send(server.fd, bytes, length, MSG_NOSIGNAL | MSG_DONTWAIT) < 0) {
        close(server.fd);
        server.fd = -1;
    }
}

// Packets here are shorter than 128 bytes: their length is one byte.
static void answer(const unsigned char *packet) {
    if (packet[0] == 0x10) { // CONNECT
        say("\x20\x03\x00\x00\x00", 5);
    } else if (packet[0] == 0x82) { // SUBSCRIBE, of one topic
        const unsigned char taken[] = {0x90, 4, packet[2], packet[3], 0, 0};
        say(taken, sizeof taken);
    } else if (packet[0] == 0xc0) { // PINGREQ
        say("\xd0\x00", 2);
    }
}

static void take_packets(void) {
    while (server.length >= 2 && server.length >= 2u + server.in[1]) {
        const size_t size = 2u + server.in[1];
        assert_true(server.in[1] < 128);
        if (server.accepts) {
            answer(server.in);
        }
        server.length -= size;
        memmove(server.in, server.in + size, server.length);
    }
}

static void serve(void) {
    if (is_readable(server.listening)) {
        if (server.fd >= 0) {
            close(server.fd);
        }
        server.fd = accept(server.listening, NULL, NULL);
        server.length = 0;
    }
    if (server.fd >= 0 && is_readable(server.fd)) {
        ssize_t got = recv(server.fd, server.in + server.length, sizeof server.in - server.length, 0);
        server.length += got > 0 ? (size_t)got : 0;
        take_packets();
    }
}

// Until the link is that, while the server sends messages all the time.
static void run_until(struct plugin_host *host, unsigned links, bool talks) {
    const uint64_t end = now_ms() + 20000;
    while (host->links < links) {
        assert_true(now_ms() < end);
        serve();
        if (talks && server.fd >= 0) {
            say("\x30\x0b\x00\x07wshub/x\x00y", 13);
        }
        plugin_host_run(host, 10);
    }
}

// Reads so much, or until nothing comes any more.
static void swallow(struct plugin_host *host, size_t size) {
    static char sink[256 * 1024];
    for (unsigned idle = 0; idle < 20 && size > 0; idle++) {
        ssize_t got;
        plugin_host_run(host, 1);
        while (size > 0 && (got = recv(server.fd, sink, sizeof sink, MSG_DONTWAIT)) > 0) {
            size -= (size_t)got < size ? (size_t)got : size;
            idle = 0;
        }
    }
}

static void one_that_talks_and_never_answers_is_given_up(void **state) {
    (void)state;
    server.accepts = true;
    struct plugin_host *host =
        plugin_host_new(wshub_plugin_entry(), OPTIONS("url", server.url, "timeout", "100ms"));
    assert_int_equal(plugin_host_open(host), WSHUB_OK);
    run_until(host, 1, false);
    assert_int_equal(host->link, WSHUB_LINK_UP);
    wshub_token publish = plugin_host_publish(host, "x", "1", 1);
    run_until(host, 2, true);
    assert_int_equal(host->calls[publish].status, WSHUB_UNAVAILABLE);
    assert_says(host->reason, "no answer for 1.2 s");
    plugin_host_free(host);
}

// What is under way counts as well, else a server that confirms nothing would have the hub keep a window of
// the largest messages.
static void what_is_not_confirmed_is_bounded(void **state) {
    enum { SIZE = 4 << 20, MOST = 64 << 20, COUNT = 20 };
    char *payload = test_calloc(1, SIZE);
    unsigned refused = 0;
    (void)state;
    server.accepts = true;
    struct plugin_host *host =
        plugin_host_new(wshub_plugin_entry(), OPTIONS("url", server.url, "timeout", "1m"));
    assert_int_equal(plugin_host_open(host), WSHUB_OK);
    run_until(host, 1, false);
    for (int i = 0; i < COUNT; i++) {
        wshub_token publish = plugin_host_publish(host, "x", payload, SIZE);
        refused += host->calls[publish].done && host->calls[publish].status == WSHUB_UNAVAILABLE;
        swallow(host, SIZE);
    }
    assert_int_equal(refused, COUNT - MOST / SIZE + 1); // their topics count, too
    assert_int_equal(host->downs, 0);
    plugin_host_free(host);
    test_free(payload);
}

// However patient the options are.
static void the_host_hears_within_its_timeout(void **state) {
    (void)state;
    struct plugin_host *host =
        plugin_host_new(wshub_plugin_entry(), OPTIONS("url", server.url, "timeout", "1m"));
    host->table.timeout = 1000;
    const uint64_t before = now_ms();
    assert_int_equal(plugin_host_open(host), WSHUB_OK);
    run_until(host, 1, false);
    assert_int_equal(host->link, WSHUB_LINK_DOWN);
    assert_says(host->reason, "no answer from the server yet");
    assert_true(now_ms() - before < 3000); // of 4,000 without
    plugin_host_free(host);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(one_that_talks_and_never_answers_is_given_up, start, stop),
        cmocka_unit_test_setup_teardown(what_is_not_confirmed_is_bounded, start, stop),
        cmocka_unit_test_setup_teardown(the_host_hears_within_its_timeout, start, stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
