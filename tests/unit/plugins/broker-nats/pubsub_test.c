// SPDX-License-Identifier: MIT
// Live messages against a real server.
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "nats_fixture.h"

static struct nats_server server;

static const char config[] =
    "max_payload: 65536\n"
    "accounts: { A: { users: [ { user: all, password: pw }, { user: few, password: pw, permissions: {\n"
    "  publish: { deny: [\"wshub.no\", \"wshub.no.%2A\"] }, subscribe: { deny: [\"wshub.deaf\"] } } } ] } "
    "}\n";

static int start(void **state) {
    (void)state;
    signal(SIGPIPE, SIG_IGN); // as the hub does
    nats_server_start(&server, false, config);
    return 0;
}

static int stop(void **state) {
    (void)state;
    nats_server_stop(&server);
    return 0;
}

static struct nats_host *open_as(const char *user) {
    return nats_open_up(OPTIONS("url", server.url, "user", user, "password", "pw"));
}

static wshub_token publish(struct nats_host *nats, const char *channel, const char *payload) {
    return plugin_host_publish(nats->host, channel, payload, strlen(payload));
}

static void what_is_published_comes_back(void **state) {
    struct nats_host *nats = open_as("all");
    (void)state;
    assert_ends(nats, plugin_host_subscribe(nats->host, "room"), WSHUB_OK);
    const struct wshub_message message = {
        .channel = {"room", 4},
        .payload = {"{\"a\":\0\xff}\r\n", 10},
        .sender = {"s1", 2},
        .sender_user = {" a%n\r\n\tna \xc3\xa9", 12},
        .exclude = {"s1 s2", 5},
    };
    assert_ends(nats, plugin_host_publish_message(nats->host, &message), WSHUB_OK);
    plugin_host_wait_messages(nats->host, 1);
    const struct host_message *got = &nats->host->messages[0];
    assert_string_equal(got->channel, "room");
    assert_int_equal(got->payload_length, 10);
    assert_memory_equal(got->payload, message.payload.data, 10);
    assert_string_equal(got->sender, "s1");
    assert_string_equal(got->sender_user, " a%n\r\n\tna \xc3\xa9");
    assert_string_equal(got->exclude, "s1 s2");
    assert_string_equal(got->epoch, "");
    nats_close(nats);
}

static void names_neither_collide_nor_match(void **state) {
    static const char *const names[] = {"a",   "a.b",  "a.*",    "a.>",      "*",
                                        ">",   "a..b", "a.%2Eb", ".",        "..",
                                        " ",   "%20",  "$SYS.x", "_INBOX.x", "\xf0\x9f\x98\x80",
                                        "a b", "A"};
    enum { COUNT = sizeof names / sizeof *names };
    struct nats_host *nats = open_as("all");
    (void)state;
    for (size_t i = 0; i < COUNT; i++) {
        assert_ends(nats, plugin_host_subscribe(nats->host, names[i]), WSHUB_OK);
    }
    for (size_t i = 0; i < COUNT; i++) {
        assert_ends(nats, publish(nats, names[i], names[i]), WSHUB_OK);
    }
    plugin_host_wait_messages(nats->host, COUNT);
    assert_int_equal(nats->host->message_count, COUNT);
    for (size_t i = 0; i < COUNT; i++) {
        assert_string_equal(nats->host->messages[i].channel, names[i]);
        assert_string_equal(nats->host->messages[i].payload, names[i]);
    }
    nats_close(nats);
}

static void a_publisher_is_heard_in_its_order(void **state) {
    enum { COUNT = 5000 };
    struct nats_host *a = open_as("all"), *b = open_as("all");
    wshub_token last = 0;
    (void)state;
    assert_ends(b, plugin_host_subscribe(b->host, "order"), WSHUB_OK);
    for (int i = 0; i < COUNT; i++) {
        last = plugin_host_publish(a->host, "order", &i, sizeof i);
    }
    assert_ends(a, last, WSHUB_OK);
    plugin_host_wait_messages(b->host, COUNT);
    for (int i = 0; i < COUNT; i++) {
        assert_memory_equal(b->host->messages[i].payload, &i, sizeof i);
    }
    nats_close(a);
    nats_close(b);
}

static void unsubscribed_is_silent(void **state) {
    struct nats_host *a = open_as("all"), *b = open_as("all");
    (void)state;
    for (int i = 0; i < 50; i++) {
        assert_ends(b, plugin_host_subscribe(b->host, "quiet"), WSHUB_OK);
        assert_ends(a, publish(a, "quiet", "heard"), WSHUB_OK);
        plugin_host_wait_messages(b->host, (size_t)i + 1);
        assert_ends(b, plugin_host_unsubscribe(b->host, "quiet"), WSHUB_OK);
        assert_ends(a, publish(a, "quiet", "not heard"), WSHUB_OK);
    }
    assert_ends(b, plugin_host_subscribe(b->host, "other"), WSHUB_OK); // behind all that could have come
    assert_int_equal(b->host->message_count, 50);
    nats_close(a);
    nats_close(b);
}

static void what_is_refused_says_so_and_nothing_else_does(void **state) {
    struct nats_host *nats = open_as("few");
    (void)state;
    for (int i = 0; i < 30; i++) {
        const wshub_token before = publish(nats, "yes", "x"), no = publish(nats, "no", "x"),
                          between = publish(nats, "no.more", "x"), star = publish(nats, "no.*", "x"),
                          deaf = plugin_host_subscribe(nats->host, "deaf"),
                          after = plugin_host_subscribe(nats->host, "yes"), again = publish(nats, "no", "x");
        assert_ends(nats, again, WSHUB_DENIED);
        assert_ends(nats, before, WSHUB_OK);
        assert_ends(nats, no, WSHUB_DENIED);
        assert_ends(nats, between, WSHUB_OK);
        assert_ends(nats, star, WSHUB_DENIED);
        assert_ends(nats, deaf, WSHUB_DENIED);
        assert_ends(nats, after, WSHUB_OK);
    }
    assert_int_equal(nats->host->downs, 0);
    assert_says(nats->host->log, "Permissions Violation");
    nats_close(nats);
}

static void a_long_name_is_refused_by_its_beginning(void **state) {
    char name[256];
    struct nats_host *nats;
    (void)state;
    memset(name, ' ', sizeof name - 1);
    name[255] = 0;
    nats = open_as("few");
    assert_ends(nats, plugin_host_subscribe(nats->host, name), WSHUB_OK);
    assert_ends(nats, publish(nats, name, "x"), WSHUB_OK);
    plugin_host_wait_messages(nats->host, 1);
    assert_string_equal(nats->host->messages[0].channel, name);
    nats_close(nats);
}

static void what_is_larger_than_the_server_takes_is_refused(void **state) {
    static char payload[70000];
    struct nats_host *nats = open_as("all");
    (void)state;
    assert_ends(nats, plugin_host_subscribe(nats->host, "big"), WSHUB_OK);
    assert_ends(nats, plugin_host_publish(nats->host, "big", payload, 65536 - 200), WSHUB_OK);
    assert_ends(nats, plugin_host_publish(nats->host, "big", payload, 65537), WSHUB_TOO_LARGE);
    assert_ends(nats, plugin_host_publish(nats->host, "big", payload, sizeof payload), WSHUB_TOO_LARGE);
    assert_ends(nats, plugin_host_publish(nats->host, "big", payload, 0), WSHUB_OK);
    plugin_host_wait_messages(nats->host, 2);
    assert_int_equal(nats->host->messages[0].payload_length, 65536 - 200);
    assert_int_equal(nats->host->messages[1].payload_length, 0);
    assert_says(nats->host->log, "max_payload is 65536");
    assert_int_equal(nats->host->downs, 0);
    nats_close(nats);
}

static void a_subscribe_that_is_repeated_is_answered_alike(void **state) {
    struct nats_host *nats = open_as("all");
    (void)state;
    const wshub_token first = plugin_host_subscribe(nats->host, "twice"),
                      second = plugin_host_subscribe(nats->host, "twice");
    assert_ends(nats, first, WSHUB_OK);
    assert_ends(nats, second, WSHUB_OK);
    assert_ends(nats, publish(nats, "twice", "x"), WSHUB_OK);
    assert_ends(nats, plugin_host_unsubscribe(nats->host, "twice"), WSHUB_OK);
    assert_ends(nats, plugin_host_unsubscribe(nats->host, "twice"), WSHUB_OK);
    assert_int_equal(nats->host->message_count, 1);
    nats_close(nats);
}

static bool has_lost(void *context) {
    return ((struct plugin_host *)context)->losses > 0;
}

static bool has_lost_again(void *context) {
    return ((struct plugin_host *)context)->losses > 1;
}

static void write_all(int fd, const char *data, size_t length) {
    while (length) {
        const ssize_t written = write(fd, data, length);
        assert_true(written > 0);
        data += written;
        length -= (size_t)written;
    }
}

// Another program, which does not wait for anybody.
static void flood(const char *subject, unsigned count) {
    char line[64];
    const struct sockaddr_in name = {.sin_family = AF_INET,
                                     .sin_port = htons((uint16_t)server.port),
                                     .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(fd, (const struct sockaddr *)&name, sizeof name), 0);
    const char *hello = "CONNECT {\"user\":\"all\",\"pass\":\"pw\",\"verbose\":false}\r\n";
    write_all(fd, hello, strlen(hello));
    const int length = snprintf(line, sizeof line, "PUB %s 1\r\nx\r\n", subject);
    for (unsigned i = 0; i < count; i++) {
        write_all(fd, line, (size_t)length);
    }
    write_all(fd, "PING\r\n", 6);
    for (char got[4096]; read(fd, got, sizeof got - 1) > 0;) {
        if (memmem(got, sizeof got, "PONG", 4)) {
            break;
        }
    }
    close(fd);
}

static void more_than_can_be_taken_in_is_told_as_lost(void **state) {
    enum { COUNT = 70000 }; // nats.c holds 65,536
    struct nats_host *nats = open_as("all");
    (void)state;
    assert_ends(nats, plugin_host_subscribe(nats->host, "flood"), WSHUB_OK);
    pthread_mutex_lock(&nats->gate);
    flood("wshub.flood", COUNT);
    plugin_host_wait_until(nats->host, has_lost, nats->host, "the loss is told");
    pthread_mutex_unlock(&nats->gate);
    assert_ends(nats, plugin_host_publish(nats->host, "other", "x", 1), WSHUB_OK);
    assert_true(nats->host->message_count > 0 && nats->host->message_count < COUNT);
    assert_says(nats->host->log, "messages are lost");
    assert_int_equal(nats->host->downs, 0);
    nats_close(nats);
}

// The library tells when it begins to drop, and not of what it drops from then on: subscribers that have
// looked after the first word would never hear of it.
static void what_is_lost_after_the_word_is_told_again(void **state) {
    struct nats_host *nats = open_as("all");
    (void)state;
    assert_ends(nats, plugin_host_subscribe(nats->host, "flood"), WSHUB_OK);
    pthread_mutex_lock(&nats->gate);
    flood("wshub.flood", 70000);
    plugin_host_wait_until(nats->host, has_lost, nats->host, "the loss is told");
    assert_int_equal(nats->host->losses, 1);
    flood("wshub.flood", 10);
    plugin_host_run(nats->host, 300); // else some of them may find room: then the library tells, too
    pthread_mutex_unlock(&nats->gate);
    assert_ends(nats, plugin_host_publish(nats->host, "other", "x", 1), WSHUB_OK);
    assert_ends(nats, plugin_host_publish(nats->host, "flood", "x", 1), WSHUB_OK);
    plugin_host_wait_until(nats->host, has_lost_again, nats->host, "the rest is told");
    assert_true(nats->host->losses < 10);
    nats_close(nats);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_published_comes_back),
        cmocka_unit_test(names_neither_collide_nor_match),
        cmocka_unit_test(a_publisher_is_heard_in_its_order),
        cmocka_unit_test(unsubscribed_is_silent),
        cmocka_unit_test(what_is_refused_says_so_and_nothing_else_does),
        cmocka_unit_test(a_long_name_is_refused_by_its_beginning),
        cmocka_unit_test(what_is_larger_than_the_server_takes_is_refused),
        cmocka_unit_test(a_subscribe_that_is_repeated_is_answered_alike),
        cmocka_unit_test(more_than_can_be_taken_in_is_told_as_lost),
        cmocka_unit_test(what_is_lost_after_the_word_is_told_again),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
