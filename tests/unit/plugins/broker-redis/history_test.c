// SPDX-License-Identifier: MIT
// Histories on a server that keeps them.
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

static struct plugin_host *open_empty(const char *prefix) {
    redis_server_ask(&server, "FLUSHALL");
    return open_up(OPTIONS("url", server.url, "prefix", prefix));
}

static void a_message_has_one_place_everywhere(void **state) {
    struct plugin_host *a = open_empty("app:"), *b = open_up(OPTIONS("url", server.url, "prefix", "app:"));
    (void)state;
    assert_ends(b, plugin_host_subscribe(b, "room"), WSHUB_OK);
    struct wshub_message message = kept("room", "hello");
    message.sender = text("0123456789abcdef");
    message.sender_user = text("anna");
    message.exclude = text("0123456789abcdee");
    struct host_position first = put_message(a, &message), second = put(a, "room", "again");
    assert_int_equal(first.newest, 1);
    assert_position(second, first.epoch, 0, 2);
    plugin_host_wait_messages(b, 2);
    assert_position(ask_all(b, "room"), first.epoch, 1, 2);
    assert_int_equal(b->found_count, 2);
    for (int i = 0; i < 2; i++) {
        assert_string_equal(b->messages[i].epoch, first.epoch);
        assert_int_equal(b->messages[i].offset, i + 1);
        assert_int_equal(b->messages[i].previous, i);
        assert_int_equal(b->found[i].offset, i + 1);
        assert_string_equal(b->found[i].payload, b->messages[i].payload);
        assert_string_equal(b->found[i].sender, b->messages[i].sender);
        assert_string_equal(b->found[i].sender_user, b->messages[i].sender_user);
        assert_string_equal(b->found[i].exclude, b->messages[i].exclude);
    }
    assert_string_equal(b->found[0].sender_user, "anna");
    plugin_host_free(a);
    plugin_host_free(b);
}

static void its_keys_are_as_documented_and_expire(void **state) {
    struct plugin_host *host = open_empty("app:");
    (void)state;
    struct wshub_message message = kept("room", "1");
    message.key = text("k");
    message.key_ttl = 60000;
    put_message(host, &message);
    assert_string_equal(redis_server_ask(&server, "DBSIZE"), "4");
    assert_in_range(atoi(redis_server_ask(&server, "PTTL|app:ws:history:{room}")), HOUR - 10000, HOUR);
    assert_in_range(atoi(redis_server_ask(&server, "PTTL|app:ws:position:{room}")), HOUR * 2, HOUR * 25);
    assert_in_range(atoi(redis_server_ask(&server, "PTTL|app:ws:once:{room}k")), 50000, 60000);
    assert_string_equal(redis_server_ask(&server, "TYPE|app:ws:lineage"), "hash");
    plugin_host_free(host);
}

static void a_key_counts_once(void **state) {
    struct plugin_host *host = open_empty("");
    (void)state;
    assert_ends(host, plugin_host_subscribe(host, "room"), WSHUB_OK);
    struct wshub_message message = kept("room", "one"), other = kept("other", "two");
    message.key = other.key = text("0123456789abcdef");
    message.key_ttl = other.key_ttl = 300;
    struct host_position first = put_message(host, &message);
    put(host, "room", "between");
    message.payload = text("repeated");
    struct host_position again = put_message(host, &message);
    assert_position(again, first.epoch, 0, 1);
    assert_int_equal(put_message(host, &other).newest, 1); // another channel's
    plugin_host_run(host, 400);
    assert_int_equal(put_message(host, &message).newest, 3); // forgotten by now
    plugin_host_wait_messages(host, 3);
    assert_string_equal(host->messages[2].payload, "repeated");
    assert_int_equal(host->message_count, 3);
    plugin_host_free(host);
}

static void a_channel_has_an_epoch_before_its_first_message(void **state) {
    struct plugin_host *host = open_empty("");
    (void)state;
    struct host_position position = ask_all(host, "room");
    assert_int_equal(strlen(position.epoch), 16);
    assert_position(position, position.epoch, 0, 0);
    assert_in_range(atoi(redis_server_ask(&server, "PTTL|ws:position:{room}")), HOUR, HOUR * 25);
    assert_position(put(host, "room", "1"), position.epoch, 0, 1);
    plugin_host_free(host);
}

static void reading_renews_what_is_known_of_a_quiet_channel(void **state) {
    struct plugin_host *host = open_empty("");
    (void)state;
    put(host, "room", "1");
    redis_server_ask(&server, "PEXPIRE|ws:position:{room}|5000");
    ask(host, "room", (struct wshub_history_query){.size = SIZE, .ttl = HOUR});
    assert_in_range(atoi(redis_server_ask(&server, "PTTL|ws:position:{room}")), HOUR, HOUR * 25);
    plugin_host_free(host);
}

static void the_size_is_kept_to(void **state) {
    struct plugin_host *host = open_empty("");
    (void)state;
    for (int i = 1; i <= 400; i++) {
        char payload[16];
        snprintf(payload, sizeof payload, "%d", i);
        struct wshub_message message = kept("room", payload);
        message.history_size = 10;
        plugin_host_publish_message(host, &message);
    }
    assert_ends(host, host->last, WSHUB_OK);
    struct wshub_history_query query = {.size = 10, .ttl = HOUR, .limit = 100};
    assert_position(ask(host, "room", query), host->position.epoch, 391, 400);
    assert_found(host, 391, 400);
    assert_in_range(atoi(redis_server_ask(&server, "XLEN|ws:history:{room}")), 10, 110);
    query.flags = WSHUB_HISTORY_BACKWARDS;
    ask(host, "room", query);
    assert_found(host, 400, 391);
    query.after = 395;
    ask(host, "room", query);
    assert_found(host, 394, 391);
    query.limit = 2;
    ask(host, "room", query);
    assert_found(host, 394, 393);
    query = (struct wshub_history_query){.size = 10, .ttl = HOUR, .after = 395, .limit = 3};
    ask(host, "room", query);
    assert_found(host, 396, 398);
    query.after = 400;
    ask(host, "room", query);
    assert_int_equal(host->found_count, 0);
    plugin_host_free(host);
}

// The times of messages are in their ids: those of some are made older here.
static void what_is_too_old_is_gone(void **state) {
    struct plugin_host *host = open_empty("");
    char command[256];
    (void)state;
    put_numbers(host, "room", 1, 20);
    redis_server_ask(&server, "RENAME|ws:history:{room}|now");
    for (int old = 0; old <= 20; old++) {
        redis_server_ask(&server, "DEL|ws:history:{room}");
        snprintf(command, sizeof command, "%s",
                 "EVAL|local now = redis.call('TIME')[1] * 1000 for i, entry in ipairs(redis.call('XRANGE', "
                 "'now', '-', '+')) do local time = i <= tonumber(ARGV[1]) and now - 3600001 or now + 999 ");
        char whole[512];
        snprintf(whole, sizeof whole,
                 "%sredis.call('XADD', 'ws:history:{room}', string.format('%%.0f-%%.0f', i, time), "
                 "unpack(entry[2])) end|0|%d",
                 command, old);
        assert_string_equal(redis_server_ask(&server, whole), "(nil)");
        struct host_position position = ask_all(host, "room");
        assert_position(position, position.epoch, old < 20 ? (uint64_t)old + 1 : 0, 20);
        if (old < 20) {
            assert_found(host, old + 1, 20);
        }
        snprintf(command, sizeof command, "%d", 20 - old);
        assert_string_equal(redis_server_ask(&server, "XLEN|ws:history:{room}"), command);
    }
    assert_int_equal(put(host, "room", "21").newest, 21); // offsets never come back
    plugin_host_free(host);
}

static void large_messages_are_read_by_pages(void **state) {
    enum { COUNT = 30, LARGE = 100 * 1000 };
    struct plugin_host *host = open_empty("");
    char *payload = malloc(LARGE + 1);
    (void)state;
    assert_non_null(payload);
    for (int i = 1; i <= COUNT; i++) {
        memset(payload, 'a' + i % 26, LARGE);
        payload[LARGE] = 0;
        put(host, "room", payload);
    }
    struct wshub_history_query query = {.size = SIZE, .ttl = HOUR, .limit = UINT64_MAX};
    for (int down = 0; down < 2; down++) {
        query.flags = down ? WSHUB_HISTORY_BACKWARDS : 0;
        assert_position(ask(host, "room", query), host->position.epoch, 1, COUNT);
        assert_int_equal(host->found_count, COUNT);
        for (int i = 0; i < COUNT; i++) {
            const int offset = down ? COUNT - i : i + 1;
            assert_int_equal(host->found[i].offset, offset);
            assert_int_equal(host->found[i].payload_length, LARGE);
            assert_int_equal(host->found[i].payload[LARGE - 1], 'a' + offset % 26);
        }
    }
    query.limit = 17;
    ask(host, "room", query);
    assert_int_equal(host->found_count, 17);
    free(payload);
    plugin_host_free(host);
}

static void many_messages_are_read_by_pages(void **state) {
    enum { COUNT = 3000 };
    struct plugin_host *host = open_empty("");
    (void)state;
    for (int i = 1; i <= COUNT; i++) {
        char payload[16];
        snprintf(payload, sizeof payload, "%d", i);
        struct wshub_message message = kept("room", payload);
        message.history_size = COUNT;
        plugin_host_publish_message(host, &message);
    }
    assert_ends(host, host->last, WSHUB_OK);
    ask(host, "room", (struct wshub_history_query){.size = COUNT, .ttl = HOUR, .limit = COUNT * 2});
    assert_found(host, 1, COUNT);
    ask(host, "room", (struct wshub_history_query){.size = COUNT, .ttl = HOUR, .limit = 1111, .after = 999});
    assert_found(host, 1000, 2110);
    plugin_host_free(host);
}

static void numbers_of_any_size_are_taken(void **state) {
    struct plugin_host *host = open_empty("");
    (void)state;
    struct wshub_message message = kept("room", "1");
    message.history_size = message.history_ttl = message.key_ttl = UINT64_MAX;
    message.key = text("k");
    struct host_position position = put_message(host, &message);
    const struct wshub_history_query query = {
        .size = UINT64_MAX, .ttl = UINT64_MAX, .limit = UINT64_MAX, .after = UINT64_MAX};
    assert_position(ask(host, "room", query), position.epoch, 1, 1);
    assert_int_equal(host->found_count, 0);
    struct wshub_history_query down = query;
    down.flags = WSHUB_HISTORY_BACKWARDS;
    ask(host, "room", down);
    assert_found(host, 1, 1);
    redis_server_ask(&server, "HSET|ws:position:{room}|offset|9007199254740000");
    assert_int_equal(put(host, "room", "2").newest, 9007199254740001);
    ask_all(host, "room");
    assert_int_equal(host->found[host->found_count - 1].offset, 9007199254740001);
    plugin_host_free(host);
}

// A place that another broker's history gave is carried, and nothing is kept.
static void a_place_of_elsewhere_is_carried(void **state) {
    struct plugin_host *host = open_empty("");
    (void)state;
    assert_ends(host, plugin_host_subscribe(host, "room"), WSHUB_OK);
    struct wshub_message message = kept("room", "1");
    message.epoch = text("elsewhere");
    message.offset = 7;
    assert_ends(host, plugin_host_publish_message(host, &message), WSHUB_OK);
    plugin_host_wait_messages(host, 1);
    assert_string_equal(host->messages[0].epoch, "elsewhere");
    assert_int_equal(host->messages[0].offset, 7);
    assert_int_equal(host->messages[0].previous, 6);
    assert_string_equal(redis_server_ask(&server, "DBSIZE"), "0");
    plugin_host_free(host);
}

static void positions_travel_in_spite_of_bare_payloads(void **state) {
    redis_server_ask(&server, "FLUSHALL");
    struct plugin_host *host = open_up(OPTIONS("url", server.url, "envelope", "never"));
    (void)state;
    assert_ends(host, plugin_host_subscribe(host, "room"), WSHUB_OK);
    struct host_position position = put(host, "room", "1");
    plugin_host_wait_messages(host, 1);
    assert_string_equal(host->messages[0].epoch, position.epoch);
    assert_string_equal(host->messages[0].payload, "1");
    plugin_host_free(host);
}

static void a_hub_of_abi_1_2_is_told_no_position(void **state) {
    redis_server_ask(&server, "FLUSHALL");
    struct plugin_host *host = plugin_host_new(wshub_plugin_entry(), OPTIONS("url", server.url));
    (void)state;
    host->table.abi_minor = 2;
    assert_int_equal(plugin_host_open(host), WSHUB_OK);
    plugin_host_wait_link(host, WSHUB_LINK_UP);
    struct wshub_message message = kept("room", "1");
    assert_ends(host, plugin_host_publish_message(host, &message), WSHUB_OK);
    assert_int_equal(host->position_token, 0);
    ask_all(host, "room");
    assert_found(host, 1, 1);
    plugin_host_free(host);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_message_has_one_place_everywhere),
        cmocka_unit_test(its_keys_are_as_documented_and_expire),
        cmocka_unit_test(a_key_counts_once),
        cmocka_unit_test(a_channel_has_an_epoch_before_its_first_message),
        cmocka_unit_test(reading_renews_what_is_known_of_a_quiet_channel),
        cmocka_unit_test(the_size_is_kept_to),
        cmocka_unit_test(what_is_too_old_is_gone),
        cmocka_unit_test(large_messages_are_read_by_pages),
        cmocka_unit_test(many_messages_are_read_by_pages),
        cmocka_unit_test(numbers_of_any_size_are_taken),
        cmocka_unit_test(a_place_of_elsewhere_is_carried),
        cmocka_unit_test(positions_travel_in_spite_of_bare_payloads),
        cmocka_unit_test(a_hub_of_abi_1_2_is_told_no_position),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
