// SPDX-License-Identifier: MIT
// How the link ends and comes back, each fault with a real server or before one.
#include <dirent.h>

#include <time.h>
#include <unistd.h>

#include "redis_fixture.h"

static struct redis_server server;

static int start(void **state) {
    (void)state;
    signal(SIGPIPE, SIG_IGN);
    redis_server_start(&server, NULL);
    return 0;
}

static int stop(void **state) {
    (void)state;
    redis_server_stop(&server);
    return 0;
}

// Opens the plugin and waits for its first word, which must be that it cannot.
static struct plugin_host *open_down(const char *const *options, const char *reason) {
    struct plugin_host *host = plugin_host_new(wshub_plugin_entry(), options);
    assert_int_equal(plugin_host_open(host), WSHUB_OK);
    plugin_host_wait_link(host, WSHUB_LINK_DOWN);
    assert_says(host->reason, reason);
    return host;
}

#define QUICK "timeout", "500", "keepalive", "100"

static void nobody_listens(void **state) {
    char url[64], said[96];
    unsigned port = redis_server_free_port();
    (void)state;
    snprintf(url, sizeof url, "redis://127.0.0.1:%u", port);
    snprintf(said, sizeof said, "cannot connect to 127.0.0.1:%u: Connection refused", port);
    struct plugin_host *host =
        open_down(OPTIONS("url", url, "reconnect_min", "1", "reconnect_max", "5"), said);
    plugin_host_run(host, 200); // many attempts
    assert_int_equal(host->links, 1);
    assert_string_equal(host->log, "");
    plugin_host_free(host);
    host = open_down(OPTIONS("url", "unix:///nowhere"), "cannot connect to /nowhere: No such file");
    plugin_host_free(host);
}

static void a_name_that_is_not_known(void **state) {
    (void)state;
    if (!NAMES_ARE_LOOKED_UP) {
        skip();
    }
    struct plugin_host *host =
        open_down(OPTIONS("url", "redis://no-such-host.invalid"), "cannot resolve no-such-host.invalid: ");
    plugin_host_free(host);
    host = plugin_host_new(wshub_plugin_entry(), OPTIONS("url", "redis://localhost:1"));
    assert_int_equal(plugin_host_open(host), WSHUB_OK);
    plugin_host_free(host); // in the middle of a look-up
}

static void closed_while_it_connects(void **state) {
    (void)state;
    for (unsigned rounds = 0; rounds < 20; rounds++) {
        struct plugin_host *host = plugin_host_new(wshub_plugin_entry(), OPTIONS("url", server.url));
        assert_int_equal(plugin_host_open(host), WSHUB_OK);
        plugin_host_run(host, rounds / 4);
        plugin_host_free(host);
    }
}

static void killed_and_restarted_empty(void **state) {
    struct plugin_host *host = open_up(OPTIONS("url", server.url));
    (void)state;
    assert_ends(host, plugin_host_subscribe(host, "room"), WSHUB_OK);
    plugin_host_publish(host, "room", "1", 1);
    redis_server_kill(&server);
    plugin_host_wait_link(host, WSHUB_LINK_DOWN);
    assert_int_equal(host->pending, 0);
    assert_ends(host, plugin_host_publish(host, "room", "1", 1), WSHUB_UNAVAILABLE);
    assert_ends(host, plugin_host_subscribe(host, "room"), WSHUB_UNAVAILABLE);
    assert_ends(host, plugin_host_beat(host, "k", "v", 1000), WSHUB_UNAVAILABLE);
    plugin_host_run(host, 1000);
    redis_server_restart(&server);
    uint64_t back = now_ms();
    plugin_host_wait_link(host, WSHUB_LINK_UP);
    assert_true(now_ms() - back < 5000);
    assert_in_range(host->downs, 1, 2); // that it closed, that it refuses; not one for each attempt
    assert_ends(host, plugin_host_subscribe(host, "room"), WSHUB_OK);
    size_t before = host->message_count;
    assert_ends(host, plugin_host_publish(host, "room", "2", 1), WSHUB_OK);
    plugin_host_wait_messages(host, before + 1);
    plugin_host_free(host);
}

static void stopped_without_a_word(void **state) {
    struct plugin_host *host = open_up(OPTIONS("url", server.url, QUICK));
    (void)state;
    assert_ends(host, plugin_host_subscribe(host, "room"), WSHUB_OK);
    redis_server_signal(&server, SIGSTOP);
    wshub_token token = plugin_host_publish(host, "room", "1", 1);
    uint64_t since = now_ms();
    plugin_host_wait_link(host, WSHUB_LINK_DOWN);
    assert_in_range(now_ms() - since, 400, 3000);
    assert_says(host->reason, "no answer for 500ms");
    assert_ends(host, token, WSHUB_UNAVAILABLE);
    plugin_host_run(host, 3000); // it accepts, and never answers
    assert_int_equal(host->downs, 1);
    redis_server_signal(&server, SIGCONT);
    since = now_ms();
    plugin_host_wait_link(host, WSHUB_LINK_UP);
    assert_true(now_ms() - since < 5000);
    plugin_host_free(host);
}

static void silent_from_the_beginning(void **state) {
    (void)state;
    redis_server_signal(&server, SIGSTOP);
    uint64_t since = now_ms();
    struct plugin_host *host = open_down(OPTIONS("url", server.url, "timeout", "60s"), "no answer");
    assert_true(now_ms() - since < 5000); // the first word, whatever the timeout
    redis_server_signal(&server, SIGCONT);
    plugin_host_wait_link(host, WSHUB_LINK_UP);
    plugin_host_free(host);
}

static unsigned open_descriptors(void) {
    unsigned count = 0;
    DIR *folder = opendir("/proc/self/fd");
    assert_non_null(folder);
    while (readdir(folder)) {
        count++;
    }
    closedir(folder);
    return count;
}

// However patient the options are.
static void the_host_hears_within_its_timeout(void **state) {
    (void)state;
    redis_server_signal(&server, SIGSTOP);
    struct plugin_host *host =
        plugin_host_new(wshub_plugin_entry(), OPTIONS("url", server.url, "timeout", "1m"));
    host->table.timeout = 1000;
    const uint64_t before = now_ms();
    assert_int_equal(plugin_host_open(host), WSHUB_OK);
    plugin_host_wait_link(host, WSHUB_LINK_DOWN);
    assert_says(host->reason, "no answer from the server yet");
    assert_true(now_ms() - before < 3000); // of 4,000 without
    redis_server_signal(&server, SIGCONT);
    plugin_host_free(host);
}

static void descriptors_are_given_back(void **state) {
    (void)state;
    unsigned before = open_descriptors();
    struct plugin_host *host =
        open_up(OPTIONS("url", server.url, QUICK, "reconnect_min", "1", "reconnect_max", "20"));
    for (unsigned i = 0; i < 5; i++) {
        redis_server_kill(&server);
        plugin_host_wait_link(host, WSHUB_LINK_DOWN);
        plugin_host_run(host, 50);
        redis_server_restart(&server);
        plugin_host_wait_link(host, WSHUB_LINK_UP);
    }
    plugin_host_free(host);
    assert_int_equal(open_descriptors(), before);
}

// Only one of the two is dead: the other must not stand in for it.
static void half_dead(void **state) {
    static const char *const kinds[] = {"CLIENT|KILL|TYPE|normal", "CLIENT|KILL|TYPE|pubsub"};
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct plugin_host *host = open_up(OPTIONS("url", server.url));
        assert_ends(host, plugin_host_subscribe(host, "room"), WSHUB_OK);
        redis_server_ask(&server, kinds[i]);
        plugin_host_wait_link(host, WSHUB_LINK_DOWN);
        assert_says(host->reason, "the server closed the connection");
        assert_int_equal(strstr(host->reason, "client-output-buffer-limit") != NULL, i == 1);
        plugin_host_wait_link(host, WSHUB_LINK_UP);
        assert_int_equal(atoi(redis_server_ask(&server, "PUBSUB|NUMSUB|room") + 5), 0);
        plugin_host_free(host);
    }
}

static void a_quiet_link_stays_up(void **state) {
    struct plugin_host *host = open_up(OPTIONS("url", server.url, QUICK));
    (void)state;
    const clock_t before = clock();
    plugin_host_run(host, 1500);
    assert_ends(host, plugin_host_subscribe(host, "room"), WSHUB_OK);
    plugin_host_run(host, 1500);
    assert_int_equal(host->links, 1);
    assert_true(clock() - before < CLOCKS_PER_SEC); // of processor time, in 3 s
    plugin_host_free(host);
}

// The answer lies in the socket when this process goes on.
static void a_pause_of_this_process_is_not_the_servers(void **state) {
    struct plugin_host *host = open_up(OPTIONS("url", server.url, QUICK));
    (void)state;
    for (int i = 0; i < 3; i++) {
        wshub_token token = plugin_host_publish(host, "room", "1", 1);
        plugin_host_run(host, 1);
        token = plugin_host_publish(host, "room", "2", 1);
        usleep(700 * 1000); // the loop does not run
        assert_ends(host, token, WSHUB_OK);
    }
    assert_int_equal(host->links, 1);
    plugin_host_free(host);
}

static void wrong_password(void **state) {
    char url[96];
    (void)state;
    redis_server_ask(&server, "ACL|SETUSER|anna|on|>right|~*|&*|+@all");
    snprintf(url, sizeof url, "redis://anna:wrong@127.0.0.1:%u", server.port);
    struct plugin_host *host = open_down(OPTIONS("url", url, "reconnect_max", "200ms"),
                                         "AUTH: WRONGPASS invalid username-password pair");
    assert_null(strstr(host->reason, "wrong"));
    plugin_host_run(host, 500);
    assert_int_equal(host->links, 1);
    redis_server_ask(&server, "ACL|SETUSER|anna|>wrong");
    plugin_host_wait_link(host, WSHUB_LINK_UP);
    assert_says(redis_server_ask(&server, "CLIENT|LIST"), "user=anna");
    plugin_host_free(host);
    redis_server_ask(&server, "ACL|DELUSER|anna");
}

static void a_database_that_is_not_there(void **state) {
    (void)state;
    struct plugin_host *host =
        open_down(OPTIONS("url", server.url, "database", "99"), "SELECT 99: ERR DB index");
    plugin_host_free(host);
}

static void no_room_for_clients(void **state) {
    (void)state;
    assert_string_equal(redis_server_ask(&server, "CONFIG|SET|maxclients|1"), "OK");
    struct plugin_host *host = plugin_host_new(wshub_plugin_entry(), OPTIONS("url", server.url, QUICK));
    assert_int_equal(plugin_host_open(host), WSHUB_OK);
    plugin_host_wait_link(host, WSHUB_LINK_DOWN); // the publisher is in, the subscriber is not
    assert_says(host->reason, "max number of clients reached");
    plugin_host_run(host, 300);
    assert_int_equal(host->downs, 1);
    while (strcmp(redis_server_ask(&server, "CONFIG|SET|maxclients|1000"), "OK") != 0) {
        plugin_host_run(host, 10); // whoever asks needs room too
    }
    plugin_host_wait_link(host, WSHUB_LINK_UP);
    plugin_host_free(host);
}

static void not_allowed_to_subscribe(void **state) {
    char url[96];
    (void)state;
    redis_server_ask(&server, "ACL|SETUSER|bob|on|>pw|~*|&*|+@all|-subscribe");
    snprintf(url, sizeof url, "redis://bob:pw@127.0.0.1:%u", server.port);
    struct plugin_host *host = open_up(OPTIONS("url", url));
    assert_ends(host, plugin_host_subscribe(host, "a"), WSHUB_DENIED);
    assert_ends(host, plugin_host_subscribe(host, "b"), WSHUB_DENIED);
    assert_int_equal(count_lines(host->log), 1);
    assert_says(host->log, "SUBSCRIBE: NOPERM");
    assert_ends(host, plugin_host_publish(host, "a", "1", 1), WSHUB_OK);
    assert_int_equal(host->links, 1);
    plugin_host_free(host);
    redis_server_ask(&server, "ACL|SETUSER|bob|resetchannels|&ours:*|+subscribe|-publish|-exists|-set");
    host = open_up(OPTIONS("url", url));
    assert_ends(host, plugin_host_subscribe(host, "theirs:1"), WSHUB_DENIED);
    assert_ends(host, plugin_host_subscribe(host, "ours:1"), WSHUB_OK);
    assert_ends(host, plugin_host_publish(host, "ours:1", "1", 1), WSHUB_DENIED);
    assert_ends(host, plugin_host_beat(host, "k", "v", 1000), WSHUB_DENIED);
    for (int i = 0; i < 20; i++) { // clients decide what is asked for: not a line for each refusal
        assert_ends(host, plugin_host_subscribe(host, "theirs:1"), WSHUB_DENIED);
        assert_ends(host, plugin_host_subscribe(host, "ours:1"), WSHUB_OK);
    }
    assert_int_equal(count_lines(host->log), 3); // SUBSCRIBE, PUBLISH and SET
    plugin_host_free(host);
    redis_server_ask(&server, "ACL|DELUSER|bob");
}

// A user that AUTH is hidden from gets its arguments back in the error, the first 128 bytes of them.
static void a_password_is_not_told(void **state) {
    struct redis_server hidden;
    char url[64], password[400];
    (void)state;
    memset(password, 'S', sizeof password - 1);
    password[sizeof password - 1] = 0;
    redis_server_start(&hidden, OPTIONS("--rename-command", "AUTH", ""));
    snprintf(url, sizeof url, "redis://127.0.0.1:%u", hidden.port);
    struct plugin_host *host = open_down(OPTIONS("url", url, "password", password), "AUTH: ");
    assert_null(strstr(host->reason, "SSSS"));
    plugin_host_free(host);
    redis_server_stop(&hidden);
}

// Redis writes nothing any more, and says so even to PING. Messages pass all the same.
static void a_full_disk_is_no_reason_to_stay_away(void **state) {
    struct redis_server full;
    (void)state;
    redis_server_start(&full, OPTIONS("--dir", "/proc", "--save", "3600 1")); // no file can be made there
    redis_server_ask(&full, "SET|k|v");
    redis_server_ask(&full, "BGSAVE");
    while (strncmp(redis_server_ask(&full, "PING"), "MISCONF", 7) != 0) {
        usleep(5000); // its child has yet to fail
    }
    struct plugin_host *host = open_up(OPTIONS("url", full.url));
    assert_ends(host, plugin_host_subscribe(host, "room"), WSHUB_OK);
    assert_ends(host, plugin_host_publish(host, "room", "1", 1), WSHUB_OK);
    plugin_host_wait_messages(host, 1);
    assert_ends(host, plugin_host_set(host, "k", "v", 1000), WSHUB_UNAVAILABLE);
    assert_says(host->log, "SET: MISCONF");
    plugin_host_free(host);
    redis_server_stop(&full);
}

// What is dropped may ask anew at once, on either connection.
static void ask_again(struct plugin_host *host, wshub_token token) {
    if (host->calls[token].status != WSHUB_OK && host->last < 2000) {
        plugin_host_subscribe(host, "again");
        plugin_host_publish(host, "again", "1", 1);
        plugin_host_list(host, "ws:");
    }
}

static void slots_are_called_from_within_a_loss(void **state) {
    static const char *const kinds[] = {"CLIENT|KILL|TYPE|normal", "CLIENT|KILL|TYPE|pubsub"};
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct plugin_host *host = open_up(OPTIONS("url", server.url));
        assert_ends(host, plugin_host_subscribe(host, "room"), WSHUB_OK);
        redis_server_ask(&server, kinds[i]);
        for (int n = 0; n < 100; n++) {
            plugin_host_subscribe(host, "room");
            plugin_host_publish(host, "room", "1", 1);
            plugin_host_list(host, "ws:");
        }
        host->on_complete = ask_again;
        plugin_host_wait_link(host, WSHUB_LINK_DOWN);
        assert_int_equal(host->pending, 0);
        plugin_host_wait_link(host, WSHUB_LINK_UP);
        plugin_host_free(host);
    }
}

static void too_slow_for_redis(void **state) {
    enum { SIZE = 512 * 1024, COUNT = 64 };
    char command[128];
    (void)state;
    redis_server_ask(&server, "CONFIG|SET|client-output-buffer-limit|pubsub 1mb 0 0");
    struct plugin_host *host = open_up(OPTIONS("url", server.url));
    assert_ends(host, plugin_host_subscribe(host, "room"), WSHUB_OK);
    snprintf(command, sizeof command,
             "EVAL|for i = 1, %d do redis.call('PUBLISH', 'room', string.rep('x', %d)) end|0", COUNT, SIZE);
    redis_server_ask(&server, command); // in one go, while this loop does not run
    plugin_host_wait_link(host, WSHUB_LINK_DOWN);
    assert_says(host->reason, "client-output-buffer-limit");
    plugin_host_wait_link(host, WSHUB_LINK_UP);
    plugin_host_free(host);
}

static void more_waits_than_is_bearable(void **state) {
    enum { SIZE = 1 << 20, COUNT = 100 };
    struct plugin_host *host = open_up(OPTIONS("url", server.url));
    char *payload = test_calloc(1, SIZE);
    unsigned refused = 0;
    (void)state;
    for (int i = 0; i < COUNT; i++) {
        wshub_token token = plugin_host_publish(host, "room", payload, SIZE);
        refused += host->calls[token].done && host->calls[token].status == WSHUB_UNAVAILABLE;
    }
    assert_in_range(refused, COUNT - 64, COUNT - 60);
    plugin_host_wait(host, 60);
    assert_ends(host, plugin_host_set(host, "k", "v", 1000), WSHUB_OK);
    assert_int_equal(host->pending, 0);
    assert_int_equal(host->links, 1);
    test_free(payload);
    plugin_host_free(host);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nobody_listens),
        cmocka_unit_test(a_name_that_is_not_known),
        cmocka_unit_test(closed_while_it_connects),
        cmocka_unit_test(killed_and_restarted_empty),
        cmocka_unit_test(stopped_without_a_word),
        cmocka_unit_test(silent_from_the_beginning),
        cmocka_unit_test(the_host_hears_within_its_timeout),
        cmocka_unit_test(descriptors_are_given_back),
        cmocka_unit_test(half_dead),
        cmocka_unit_test(a_quiet_link_stays_up),
        cmocka_unit_test(a_pause_of_this_process_is_not_the_servers),
        cmocka_unit_test(wrong_password),
        cmocka_unit_test(a_database_that_is_not_there),
        cmocka_unit_test(no_room_for_clients),
        cmocka_unit_test(not_allowed_to_subscribe),
        cmocka_unit_test(a_password_is_not_told),
        cmocka_unit_test(a_full_disk_is_no_reason_to_stay_away),
        cmocka_unit_test(slots_are_called_from_within_a_loss),
        cmocka_unit_test(too_slow_for_redis),
        cmocka_unit_test(more_waits_than_is_bearable),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
