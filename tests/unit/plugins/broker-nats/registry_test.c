// SPDX-License-Identifier: MIT
// The registry against a real server with JetStream.
#include "nats_fixture.h"

static struct nats_server server;
enum { MINUTE = 60000 };

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

static struct nats_host *open_prefix(const char *prefix) {
    return nats_open_up(OPTIONS("url", server.url, "prefix", prefix));
}

static void assert_value(struct nats_host *nats, const char *key, const char *value) {
    const wshub_token token = plugin_host_get(nats->host, key);
    assert_ends(nats, token, value ? WSHUB_OK : WSHUB_NOT_FOUND);
    const char *got = plugin_host_value(nats->host, token, key);
    if (value) {
        assert_non_null(got);
        assert_string_equal(got, value);
    } else {
        assert_null(got);
    }
}

static void an_entry_is_set_replaced_and_deleted(void **state) {
    struct nats_host *a = open_prefix("set"), *b = open_prefix("set");
    (void)state;
    assert_value(b, "ws:conn:1", NULL);
    assert_ends(a, plugin_host_set(a->host, "ws:conn:1", "{\"a\":1}", MINUTE), WSHUB_OK);
    assert_value(b, "ws:conn:1", "{\"a\":1}");
    assert_ends(b, plugin_host_set(b->host, "ws:conn:1", "{}", MINUTE), WSHUB_OK);
    assert_value(a, "ws:conn:1", "{}");
    assert_value(a, "ws:conn:2", NULL);
    assert_ends(b, plugin_host_delete(b->host, "ws:conn:1"), WSHUB_OK);
    assert_ends(b, plugin_host_delete(b->host, "ws:conn:1"), WSHUB_OK);
    assert_value(a, "ws:conn:1", NULL);
    nats_close(a);
    nats_close(b);
}

static void it_expires_by_itself_unless_set_again(void **state) {
    struct nats_host *nats = open_prefix("expire");
    (void)state;
    assert_ends(nats, plugin_host_set(nats->host, "short", "1", 400), WSHUB_OK);
    assert_ends(nats, plugin_host_set(nats->host, "kept", "1", 400), WSHUB_OK);
    for (int i = 0; i < 4; i++) {
        plugin_host_run(nats->host, 200);
        assert_ends(nats, plugin_host_set(nats->host, "kept", "2", 400), WSHUB_OK);
    }
    assert_value(nats, "short", NULL);
    assert_value(nats, "kept", "2");
    nats_close(nats);
}

static void another_ttl_replaces_the_entry(void **state) {
    struct nats_host *a = open_prefix("ttl"), *b = open_prefix("ttl");
    (void)state;
    assert_ends(a, plugin_host_set(a->host, "key", "\"long\"", MINUTE), WSHUB_OK);
    assert_ends(b, plugin_host_set(b->host, "key", "\"short\"", 300), WSHUB_OK);
    assert_value(a, "key", "\"short\"");
    const wshub_token token = plugin_host_list(a->host, "k");
    assert_ends(a, token, WSHUB_OK);
    assert_string_equal(plugin_host_value(a->host, token, "key"), "\"short\"");
    plugin_host_run(a->host, 600);
    assert_value(a, "key", NULL); // the old one does not come back
    assert_value(b, "key", NULL);
    nats_close(a);
    nats_close(b);
}

static void a_list_has_all_of_a_prefix_once(void **state) {
    enum { COUNT = 600 };
    struct nats_host *nats = open_prefix("list");
    wshub_token token = 0;
    char key[32];
    (void)state;
    for (int i = 0; i < COUNT; i++) {
        snprintf(key, sizeof key, "ws:conn:%d", i);
        token = plugin_host_set(nats->host, key, "{}", MINUTE);
    }
    assert_ends(nats, token, WSHUB_OK);
    assert_ends(nats, plugin_host_set(nats->host, "ws:instance:*>.\"x=41", "{}", MINUTE / 2), WSHUB_OK);
    assert_ends(nats, plugin_host_delete(nats->host, "ws:conn:0"), WSHUB_OK);
    nats->host->entry_count = 0;
    token = plugin_host_list(nats->host, "ws:conn:");
    assert_ends(nats, token, WSHUB_OK);
    assert_int_equal(nats->host->entry_count, COUNT - 1);
    token = plugin_host_list(nats->host, "ws:");
    assert_ends(nats, token, WSHUB_OK);
    assert_int_equal(nats->host->entry_count, COUNT - 1 + COUNT);
    assert_non_null(plugin_host_value(nats->host, token, "ws:instance:*>.\"x=41"));
    assert_ends(nats, plugin_host_list(nats->host, "nobody"), WSHUB_OK);
    assert_int_equal(nats->host->entry_count, COUNT - 1 + COUNT);
    nats_close(nats);
}

static void assert_lists(struct nats_host *nats, const char *prefix, unsigned count) {
    const size_t before = nats->host->entry_count;
    assert_ends(nats, plugin_host_list(nats->host, prefix), WSHUB_OK);
    assert_int_equal(nats->host->entry_count - before, count);
}

static void a_group_is_listed_by_itself(void **state) {
    struct nats_host *nats = open_prefix("groups");
    static const char *const keys[] = {"ws:presence:a/1", "ws:presence:a/2", "ws:presence:ab/1",
                                       "ws:presence:a",   "ws:presence:a:3", "ws:presence:b/1",
                                       "ws:instance:a",   "ws:instance:a/4"};
    (void)state;
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        assert_ends(nats, plugin_host_set(nats->host, keys[i], "1", MINUTE), WSHUB_OK);
        assert_value(nats, keys[i], "1");
    }
    assert_lists(nats, "ws:presence:a/", 2);
    assert_lists(nats, "ws:presence:ab/", 1);
    assert_lists(nats, "ws:presence:c/", 0);
    assert_lists(nats, "ws:presence:a", 5);
    assert_lists(nats, "ws:instance:", 2);
    assert_ends(nats, plugin_host_delete(nats->host, "ws:presence:a/1"), WSHUB_OK);
    assert_lists(nats, "ws:presence:a/", 1);
    nats_close(nats);
}

// What a server has promised to a list may expire before it is sent.
static void a_list_ends_while_entries_expire(void **state) {
    enum { KEYS = 40, TTL = 100, ROUNDS_MS = 2000 };
    struct nats_host *nats = nats_open_up(OPTIONS("url", server.url, "prefix", "expiring", "timeout", "2s"));
    const uint64_t until = clock_ns() / 1000000 + ROUNDS_MS;
    char key[32];
    (void)state;
    for (unsigned round = 0; clock_ns() / 1000000 < until; round++) {
        for (unsigned i = 0; i < KEYS && round % 8 == 0; i++) {
            snprintf(key, sizeof key, "g/%u-%u", round, i);
            plugin_host_set(nats->host, key, "1", TTL);
        }
        assert_ends(nats, plugin_host_list(nats->host, "g/"), WSHUB_OK);
    }
    nats_close(nats);
}

static void a_heartbeat_knows_whether_it_was_there(void **state) {
    struct nats_host *nats = open_prefix("beat");
    (void)state;
    assert_ends(nats, plugin_host_beat(nats->host, "ws:instance:x", "1", 500), WSHUB_NOT_FOUND);
    assert_ends(nats, plugin_host_beat(nats->host, "ws:instance:x", "2", 500), WSHUB_OK);
    assert_value(nats, "ws:instance:x", "2");
    plugin_host_run(nats->host, 900);
    assert_ends(nats, plugin_host_beat(nats->host, "ws:instance:x", "3", 500), WSHUB_NOT_FOUND);
    assert_ends(nats, plugin_host_beat(nats->host, "ws:instance:x", "3", 700), WSHUB_OK);
    assert_ends(nats, plugin_host_delete(nats->host, "ws:instance:x"), WSHUB_OK);
    assert_ends(nats, plugin_host_beat(nats->host, "ws:instance:x", "4", 500), WSHUB_NOT_FOUND);
    nats_close(nats);
}

static void the_largest_value_and_the_longest_key_fit(void **state) {
    char key[129], value[4097];
    struct nats_host *nats = open_prefix("large");
    (void)state;
    memset(key, '*', 128);
    key[128] = 0;
    memset(value, ' ', 4096);
    value[0] = value[4095] = '"';
    value[4096] = 0;
    assert_ends(nats, plugin_host_set(nats->host, key, value, MINUTE), WSHUB_OK);
    assert_value(nats, key, value);
    nats_close(nats);
}

static void without_jetstream_it_says_so(void **state) {
    struct nats_server plain;
    (void)state;
    nats_server_start(&plain, false, NULL);
    struct nats_host *nats = nats_open_up(OPTIONS("url", plain.url));
    assert_ends(nats, plugin_host_set(nats->host, "a", "1", MINUTE), WSHUB_UNSUPPORTED);
    assert_ends(nats, plugin_host_get(nats->host, "a"), WSHUB_UNSUPPORTED);
    assert_ends(nats, plugin_host_delete(nats->host, "a"), WSHUB_UNSUPPORTED);
    assert_ends(nats, plugin_host_list(nats->host, "a"), WSHUB_UNSUPPORTED);
    assert_ends(nats, plugin_host_beat(nats->host, "a", "1", MINUTE), WSHUB_UNSUPPORTED);
    assert_says(nats->host->log, "need JetStream");
    nats_close(nats);
    nats_server_stop(&plain);
}

static void switched_off_it_asks_nobody(void **state) {
    struct nats_host *nats = nats_open_up(OPTIONS("url", server.url, "jetstream", "off"));
    (void)state;
    assert_ends(nats, plugin_host_set(nats->host, "a", "1", MINUTE), WSHUB_UNSUPPORTED);
    assert_ends(nats, plugin_host_list(nats->host, "a"), WSHUB_UNSUPPORTED);
    assert_int_equal(nats_publish_kept(nats, "a", "1", 3, MINUTE), WSHUB_UNSUPPORTED);
    nats_close(nats);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_entry_is_set_replaced_and_deleted),
        cmocka_unit_test(it_expires_by_itself_unless_set_again),
        cmocka_unit_test(another_ttl_replaces_the_entry),
        cmocka_unit_test(a_list_has_all_of_a_prefix_once),
        cmocka_unit_test(a_group_is_listed_by_itself),
        cmocka_unit_test(a_list_ends_while_entries_expire),
        cmocka_unit_test(a_heartbeat_knows_whether_it_was_there),
        cmocka_unit_test(the_largest_value_and_the_longest_key_fit),
        cmocka_unit_test(without_jetstream_it_says_so),
        cmocka_unit_test(switched_off_it_asks_nobody),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
