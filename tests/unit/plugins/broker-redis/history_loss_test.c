// SPDX-License-Identifier: MIT
// Histories on a server that loses them, or says no. Whatever was lost is never presented as whole: the epoch
// changes, or the oldest offset says so.
#include <unistd.h>

#include "history_fixture.h"

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

#define QUICK "reconnect_min", "1", "reconnect_max", "20"

static struct plugin_host *open_empty(void) {
    redis_server_ask(&server, "FLUSHALL");
    return open_up(OPTIONS("url", server.url, QUICK));
}

static void come_back(struct plugin_host *host) {
    plugin_host_wait_link(host, WSHUB_LINK_DOWN);
    plugin_host_wait_link(host, WSHUB_LINK_UP);
}

static void assert_other_epoch(struct host_position now, struct host_position before) {
    assert_int_equal(strlen(now.epoch), 16);
    assert_string_not_equal(now.epoch, before.epoch);
}

// ---- lost keys ----

static void all_is_flushed(void **state) {
    struct plugin_host *host = open_empty();
    (void)state;
    put_numbers(host, "room", 1, 3);
    struct host_position before = host->position;
    redis_server_ask(&server, "FLUSHALL");
    struct host_position after = ask_all(host, "room");
    assert_other_epoch(after, before);
    assert_position(after, after.epoch, 0, 0);
    assert_position(put(host, "room", "4"), after.epoch, 0, 1);
    ask_all(host, "room");
    assert_found(host, 4, 4);
    struct plugin_host *late = open_up(OPTIONS("url", server.url));
    struct host_position seen = ask_all(late, "room"), again = ask_all(host, "room");
    assert_position(again, seen.epoch, 0, 1); // the two agree, though one did not see the flush
    plugin_host_free(late);
    plugin_host_free(host);
}

static void the_position_is_evicted(void **state) {
    struct plugin_host *host = open_empty();
    (void)state;
    for (int reads = 0; reads < 2; reads++) {
        put_numbers(host, "room", 1, 3);
        struct host_position before = host->position;
        redis_server_ask(&server, "DEL|ws:position:{room}");
        if (reads) {
            struct host_position empty = ask_all(host, "room");
            assert_position(empty, empty.epoch, 0, 0);
            assert_string_equal(redis_server_ask(&server, "EXISTS|ws:history:{room}"), "0");
        }
        struct host_position after = put(host, "room", "4");
        assert_other_epoch(after, before);
        assert_int_equal(after.newest, 1);
        ask_all(host, "room");
        assert_found(host, 4, 4);
        redis_server_ask(&server, "FLUSHALL");
    }
    plugin_host_free(host);
}

static void the_stream_is_evicted(void **state) {
    struct plugin_host *host = open_empty();
    (void)state;
    put_numbers(host, "room", 1, 3);
    struct host_position before = host->position;
    redis_server_ask(&server, "DEL|ws:history:{room}");
    assert_position(ask_all(host, "room"), before.epoch, 0, 3);
    assert_position(put(host, "room", "4"), before.epoch, 0, 4);
    assert_position(ask_all(host, "room"), before.epoch, 4, 4);
    assert_found(host, 4, 4);
    plugin_host_free(host);
}

static void the_position_makes_no_sense(void **state) {
    static const char *const damage[] = {
        "HDEL|ws:position:{room}|epoch",
        "HDEL|ws:position:{room}|generation",
        "HDEL|ws:position:{room}|base",
        "HSET|ws:position:{room}|offset|many",
        "HSET|ws:position:{room}|epoch|longer than an epoch is",
        "XADD|ws:history:{room}|999999-1|m|not ours", // beyond the position
    };
    struct plugin_host *host = open_empty();
    (void)state;
    for (size_t i = 0; i < sizeof damage / sizeof *damage; i++) {
        redis_server_ask(&server, "FLUSHALL");
        put_numbers(host, "room", 1, 3);
        struct host_position before = host->position;
        redis_server_ask(&server, damage[i]);
        struct host_position after = put(host, "room", "4");
        assert_other_epoch(after, before);
        assert_position(ask_all(host, "room"), after.epoch, 1, 1);
        assert_found(host, 4, 4);
    }
    plugin_host_free(host);
}

static void what_is_not_ours_is_left_out(void **state) {
    struct plugin_host *host = open_empty();
    (void)state;
    put_numbers(host, "room", 1, 2);
    redis_server_ask(&server, "XADD|ws:history:{room}|3-1|m|no envelope");
    redis_server_ask(&server, "XADD|ws:history:{room}|4-1|m|\xFFwsh\x02");
    redis_server_ask(&server, "HSET|ws:position:{room}|offset|4");
    put_numbers(host, "room", 5, 6);
    assert_position(ask_all(host, "room"), host->position.epoch, 1, 6);
    assert_int_equal(host->found_count, 4);
    assert_int_equal(host->found[2].offset, 5);
    assert_int_equal(count_lines(host->log), 1);
    assert_says(host->log, "it is left out");
    plugin_host_free(host);
}

// ---- servers that come back ----

// What a server has when it was killed between two saves, or lags behind as a replica.
static void a_restart_with_old_data_begins_an_epoch(void **state) {
    struct plugin_host *a = open_empty(), *b = open_up(OPTIONS("url", server.url, QUICK));
    (void)state;
    put_numbers(a, "room", 1, 3);
    put_numbers(a, "quiet", 1, 3);
    redis_server_ask(&server, "SAVE");
    put_numbers(a, "room", 4, 5); // which are forgotten
    struct host_position before = a->position;
    redis_server_restart(&server);
    come_back(a);
    struct host_position after = put(a, "room", "4");
    assert_other_epoch(after, before);
    assert_int_equal(after.newest, 4);
    come_back(b);
    assert_position(ask_all(b, "room"), after.epoch, 4, 4); // what is news in this epoch
    assert_found(b, 1, 4);                                  // what was saved is there still
    ask(b, "room",
        (struct wshub_history_query){
            .size = SIZE, .ttl = HOUR, .limit = 9, .flags = WSHUB_HISTORY_BACKWARDS});
    assert_found(b, 4, 1);
    assert_position(put(b, "room", "5"), after.epoch, 0, 5);
    assert_position(put(a, "room", "6"), after.epoch, 0, 6);
    struct host_position quiet = ask_all(b, "quiet");
    assert_other_epoch(quiet, before);
    assert_position(ask_all(a, "quiet"), quiet.epoch, 0, 3);
    assert_found(a, 1, 3);
    plugin_host_free(a);
    plugin_host_free(b);
}

static void a_restart_with_nothing_begins_an_epoch(void **state) {
    struct plugin_host *host = open_empty();
    (void)state;
    redis_server_ask(&server, "SAVE");
    put_numbers(host, "room", 1, 3);
    struct host_position before = host->position;
    redis_server_restart(&server);
    come_back(host);
    struct host_position after = ask_all(host, "room");
    assert_other_epoch(after, before);
    assert_position(after, after.epoch, 0, 0);
    plugin_host_free(host);
}

static void a_lossless_restart_keeps_the_epoch(void **state) {
    redis_server_ask(&server, "FLUSHALL");
    struct plugin_host *host = open_up(OPTIONS("url", server.url, QUICK, "restarts", "lossless"));
    (void)state;
    put_numbers(host, "room", 1, 3);
    struct host_position before = host->position;
    redis_server_ask(&server, "SAVE");
    redis_server_restart(&server);
    come_back(host);
    assert_position(put(host, "room", "4"), before.epoch, 0, 4);
    ask_all(host, "room");
    assert_found(host, 1, 4);
    plugin_host_free(host);
}

static void a_new_connection_keeps_the_epoch(void **state) {
    struct plugin_host *host = open_empty();
    (void)state;
    put_numbers(host, "room", 1, 3);
    struct host_position before = host->position;
    redis_server_ask(&server, "CLIENT|KILL|TYPE|normal");
    come_back(host);
    assert_position(put(host, "room", "4"), before.epoch, 0, 4);
    plugin_host_free(host);
}

static bool is_synced(void *context) {
    return strstr(redis_server_ask(context, "INFO|replication"), "master_link_status:up") != NULL;
}

// The first replica changes the replication id of its master, and takes over under another one.
static void a_takeover_begins_an_epoch_and_a_replica_does_not(void **state) {
    struct redis_server other;
    char command[64];
    (void)state;
    redis_server_start(&other, OPTIONS("--repl-diskless-sync-delay", "0"));
    struct plugin_host *host = open_empty();
    put_numbers(host, "room", 1, 3);
    struct host_position before = host->position;
    snprintf(command, sizeof command, "REPLICAOF|127.0.0.1|%u", server.port);
    redis_server_ask(&other, command);
    plugin_host_wait_until(host, is_synced, &other, "the replica is one");
    redis_server_ask(&server, "CLIENT|KILL|TYPE|normal");
    come_back(host);
    assert_position(put(host, "room", "4"), before.epoch, 0, 4);
    plugin_host_free(host);

    // The master is cut off, takes over again, and its run id is the one that it had.
    host = open_up(OPTIONS("url", server.url, QUICK));
    assert_position(ask_all(host, "room"), before.epoch, 1, 4);
    redis_server_ask(&other, "REPLICAOF|NO|ONE");
    snprintf(command, sizeof command, "REPLICAOF|127.0.0.1|%u", other.port);
    redis_server_ask(&server, command);
    plugin_host_wait_until(host, is_synced, &server, "the master is a replica");
    redis_server_ask(&server, "REPLICAOF|NO|ONE");
    redis_server_ask(&server, "CLIENT|KILL|TYPE|normal");
    come_back(host);
    assert_other_epoch(ask_all(host, "room"), before);
    plugin_host_free(host);
    redis_server_stop(&other);
}

static void nothing_is_written_to_a_replica(void **state) {
    struct redis_server master;
    char command[64];
    (void)state;
    redis_server_start(&master, NULL);
    struct plugin_host *host = open_empty();
    put(host, "room", "1");
    snprintf(command, sizeof command, "REPLICAOF|127.0.0.1|%u", master.port);
    redis_server_ask(&server, command);
    struct wshub_message message = kept("room", "2");
    assert_ends(host, plugin_host_publish_message(host, &message), WSHUB_UNAVAILABLE);
    assert_int_equal(host->downs, 1);
    assert_says(host->reason, "publish to a history: READONLY");
    redis_server_ask(&server, "REPLICAOF|NO|ONE");
    plugin_host_wait_link(host, WSHUB_LINK_UP);
    plugin_host_free(host);
    redis_server_stop(&master);
}

// ---- servers that say no ----

static void scripts_are_flushed_in_the_midst(void **state) {
    enum { COUNT = 2000 };
    struct plugin_host *host = open_empty();
    char payload[16];
    (void)state;
    assert_ends(host, plugin_host_subscribe(host, "room"), WSHUB_OK);
    for (int i = 1; i <= COUNT; i++) {
        snprintf(payload, sizeof payload, "%d", i);
        struct wshub_message message = kept("room", payload);
        message.history_size = COUNT;
        plugin_host_publish_message(host, &message);
        if (i % 130 == 50) {
            redis_server_ask(&server, "SCRIPT|FLUSH");
        }
        if (i % 20 == 0) {
            plugin_host_run(host, 1);
        }
    }
    plugin_host_wait_messages(host, COUNT);
    ask(host, "room", (struct wshub_history_query){.size = COUNT, .ttl = HOUR, .limit = COUNT});
    assert_found(host, 1, COUNT);
    for (int i = 0; i < COUNT; i++) {
        assert_int_equal(atoi(host->messages[i].payload), i + 1);
        assert_int_equal(host->messages[i].offset, i + 1);
    }
    assert_int_equal(host->pending, 0);
    plugin_host_free(host);
}

static void out_of_memory(void **state) {
    (void)state;
    for (int late = 0; late < 2; late++) { // known of the server already, or not
        struct plugin_host *host = open_empty();
        assert_ends(host, plugin_host_subscribe(host, "room"), WSHUB_OK);
        struct wshub_message message = kept("room", "1");
        if (!late) {
            put_message(host, &message);
        }
        redis_server_ask(&server, "CONFIG|SET|maxmemory|1");
        assert_ends(host, plugin_host_publish_message(host, &message), WSHUB_UNAVAILABLE);
        assert_ends(host, plugin_host_publish_message(host, &message), WSHUB_UNAVAILABLE);
        assert_int_equal(count_lines(host->log), 1);
        assert_says(host->log, "publish to a history: OOM");
        assert_int_equal(host->links, 1);
        redis_server_ask(&server, "CONFIG|SET|maxmemory|0");
        assert_int_equal(put_message(host, &message).newest, late ? 1 : 2);
        plugin_host_wait_messages(host, late ? 1 : 2); // none of those that failed
        ask_all(host, "room");
        assert_int_equal(host->found_count, late ? 1 : 2);
        plugin_host_free(host);
    }
}

static void keys_of_another_type(void **state) {
    static const char *const keys[] = {"ws:position:{room}", "ws:history:{room}", "ws:once:{room}k"};
    struct plugin_host *host = open_empty();
    char command[64];
    (void)state;
    struct wshub_message message = kept("room", "1");
    message.key = text("k");
    message.key_ttl = 1000;
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        put(host, "room", "0");
        snprintf(command, sizeof command, "DEL|%s", keys[i]);
        redis_server_ask(&server, command);
        snprintf(command, sizeof command, "LPUSH|%s|x", keys[i]);
        redis_server_ask(&server, command);
        assert_ends(host, plugin_host_publish_message(host, &message), WSHUB_INVALID);
        snprintf(command, sizeof command, "DEL|%s", keys[i]);
        redis_server_ask(&server, command);
    }
    assert_int_equal(count_lines(host->log), 1);
    assert_says(host->log, "publish to a history: WRONGTYPE");
    put_message(host, &message);
    plugin_host_free(host);
}

static void not_allowed(void **state) {
    static const char *const without[] = {"-info", "-evalsha", "-xadd", "-publish"};
    char url[96], command[96];
    struct wshub_message message = kept("ours:1", "1"), theirs = kept("theirs:1", "1");
    const struct wshub_history_query query = {.size = SIZE, .ttl = HOUR, .limit = 1};
    (void)state;
    redis_server_ask(&server, "FLUSHALL");
    snprintf(url, sizeof url, "redis://bob:pw@127.0.0.1:%u", server.port);
    for (size_t i = 0; i < sizeof without / sizeof *without; i++) {
        snprintf(command, sizeof command, "ACL|SETUSER|bob|on|>pw|~*|&ours:*|+@all|%s", without[i]);
        redis_server_ask(&server, command);
        struct plugin_host *host = open_up(OPTIONS("url", url));
        assert_ends(host, plugin_host_publish_message(host, &message), WSHUB_DENIED);
        assert_int_equal(count_lines(host->log), 1);
        assert_says(host->log, "publish to a history: ");
        assert_int_equal(host->links, 1);
        plugin_host_free(host);
        redis_server_ask(&server, "ACL|DELUSER|bob");
    }
    redis_server_ask(&server, "ACL|SETUSER|bob|on|>pw|~*|&ours:*|+@all|-script");
    struct plugin_host *host = open_up(OPTIONS("url", url));
    assert_ends(host, plugin_host_publish_message(host, &message), WSHUB_OK); // as text each time
    assert_ends(host, plugin_host_publish_message(host, &theirs), WSHUB_DENIED);
    assert_int_equal(ask(host, "theirs:1", query).newest, 0); // it is not kept either
    plugin_host_free(host);
    redis_server_ask(&server, "ACL|DELUSER|bob");
}

static void a_disk_that_is_full(void **state) {
    struct redis_server full;
    (void)state;
    redis_server_start(&full, OPTIONS("--dir", "/proc", "--save", "3600 1")); // no file can be made there
    redis_server_ask(&full, "SET|k|v");
    redis_server_ask(&full, "BGSAVE");
    while (strncmp(redis_server_ask(&full, "PING"), "MISCONF", 7) != 0) {
        usleep(5000); // its child has yet to fail
    }
    struct plugin_host *host = open_up(OPTIONS("url", full.url));
    struct wshub_message message = kept("room", "1");
    assert_ends(host, plugin_host_publish_message(host, &message), WSHUB_UNAVAILABLE);
    assert_says(host->log, "publish to a history: MISCONF");
    assert_int_equal(host->links, 1);
    redis_server_ask(&full, "CONFIG|SET|stop-writes-on-bgsave-error|no");
    put_message(host, &message);
    plugin_host_free(host);
    redis_server_stop(&full);
}

static void cut_off_with_calls_under_way(void **state) {
    struct plugin_host *host = open_empty();
    (void)state;
    struct wshub_message message = kept("room", "1");
    for (int i = 0; i < 100; i++) { // some wait until the server is known
        plugin_host_publish_message(host, &message);
        plugin_host_history(host, "room",
                            (struct wshub_history_query){.size = SIZE, .ttl = HOUR, .limit = 9});
    }
    redis_server_ask(&server, "CLIENT|KILL|TYPE|normal");
    come_back(host);
    assert_int_equal(host->pending, 0);
    for (int i = 0; i < 100; i++) {
        plugin_host_publish_message(host, &message);
        plugin_host_history(host, "room",
                            (struct wshub_history_query){.size = SIZE, .ttl = HOUR, .limit = 9});
    }
    plugin_host_free(host); // and the close drops what waits
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_is_flushed),
        cmocka_unit_test(the_position_is_evicted),
        cmocka_unit_test(the_stream_is_evicted),
        cmocka_unit_test(the_position_makes_no_sense),
        cmocka_unit_test(what_is_not_ours_is_left_out),
        cmocka_unit_test(a_restart_with_old_data_begins_an_epoch),
        cmocka_unit_test(a_restart_with_nothing_begins_an_epoch),
        cmocka_unit_test(a_lossless_restart_keeps_the_epoch),
        cmocka_unit_test(a_new_connection_keeps_the_epoch),
        cmocka_unit_test(a_takeover_begins_an_epoch_and_a_replica_does_not),
        cmocka_unit_test(nothing_is_written_to_a_replica),
        cmocka_unit_test(scripts_are_flushed_in_the_midst),
        cmocka_unit_test(out_of_memory),
        cmocka_unit_test(keys_of_another_type),
        cmocka_unit_test(not_allowed),
        cmocka_unit_test(a_disk_that_is_full),
        cmocka_unit_test(cut_off_with_calls_under_way),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
