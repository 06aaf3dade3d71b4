// SPDX-License-Identifier: MIT
// The registry against a real server: retained messages that expire.
#include "mqtt_fixture.h"

static struct mosquitto_server server;

static int start(void **state) {
    (void)state;
    signal(SIGPIPE, SIG_IGN);
    mosquitto_server_start(&server, NULL);
    return 0;
}

static int stop(void **state) {
    (void)state;
    mosquitto_server_stop(&server);
    return 0;
}

static struct plugin_host *open_here(void) {
    mosquitto_server_restart(&server); // empty
    return open_up(OPTIONS("url", server.url));
}

static size_t entries_of(const struct plugin_host *host, wshub_token token) {
    size_t count = 0;
    for (size_t i = 0; i < host->entry_count; i++) {
        count += host->entries[i].token == token;
    }
    return count;
}

static void entries_are_set_found_and_deleted(void **state) {
    struct plugin_host *host = open_here();
    (void)state;
    assert_ends(host, plugin_host_get(host, "ws:conn:1"), WSHUB_NOT_FOUND);
    assert_ends(host, plugin_host_set(host, "ws:conn:1", "{\"a\":1}", 60000), WSHUB_OK);
    assert_string_equal(mosquitto_server_retained(&server, "wshub/$registry/ws/conn/1"), "{\"a\":1}");
    wshub_token got = plugin_host_get(host, "ws:conn:1");
    assert_ends(host, got, WSHUB_OK);
    assert_string_equal(plugin_host_value(host, got, "ws:conn:1"), "{\"a\":1}");
    assert_ends(host, plugin_host_set(host, "ws:conn:1", "2", 60000), WSHUB_OK);
    got = plugin_host_get(host, "ws:conn:1");
    assert_ends(host, got, WSHUB_OK);
    assert_string_equal(plugin_host_value(host, got, "ws:conn:1"), "2");
    assert_ends(host, plugin_host_delete(host, "ws:conn:1"), WSHUB_OK);
    assert_ends(host, plugin_host_get(host, "ws:conn:1"), WSHUB_NOT_FOUND);
    assert_ends(host, plugin_host_delete(host, "ws:conn:1"), WSHUB_OK);
    plugin_host_free(host);
}

static void lists_take_any_prefix(void **state) {
    static const char *const keys[] = {"ws:conn:1",   "ws:conn:22",  "ws:instance:a", "ws:conn",
                                       "ws::x",       "wx",          "a/b:+#%",       "ws:user:a/1",
                                       "ws:user:a/2", "ws:user:ab/1"};
    static const struct {
        const char *prefix;
        size_t count;
    } lists[] = {{"ws:conn:", 2},   {"ws:conn:2", 1}, {"ws:conn", 3},    {"ws:", 8},         {"ws::", 1},
                 {"w", 9},          {"", 10},         {"ws:user:a/", 2}, {"ws:user:ab/", 1}, {"ws:user:a", 3},
                 {"ws:user:b/", 0}, {"a/b:", 1},      {"nothing", 0},    {"ws:conn:1", 1}};
    struct plugin_host *host = open_here();
    (void)state;
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        plugin_host_set(host, keys[i], keys[i], 60000);
    }
    assert_ends(host, host->last, WSHUB_OK);
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        wshub_token list = plugin_host_list(host, lists[i].prefix);
        assert_ends(host, list, WSHUB_OK);
        if (entries_of(host, list) != lists[i].count) {
            fail_msg("\"%s\" has %zu entries", lists[i].prefix, entries_of(host, list));
        }
    }
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        wshub_token got = plugin_host_get(host, keys[i]);
        assert_ends(host, got, WSHUB_OK);
        assert_string_equal(plugin_host_value(host, got, keys[i]), keys[i]);
    }
    plugin_host_free(host);
}

static void thousands_of_entries_are_listed_whole(void **state) {
    enum { COUNT = 5000 };
    struct plugin_host *host = open_here();
    char key[32], value[512];
    (void)state;
    memset(value, 'v', sizeof value);
    value[sizeof value - 1] = 0;
    for (int i = 0; i < COUNT; i++) {
        snprintf(key, sizeof key, "ws:conn:%d", i);
        plugin_host_set(host, key, value, 60000);
    }
    assert_ends(host, host->last, WSHUB_OK);
    wshub_token list = plugin_host_list(host, "ws:conn:");
    assert_ends(host, list, WSHUB_OK);
    assert_int_equal(entries_of(host, list), COUNT);
    plugin_host_free(host);
}

static void reads_at_the_same_time_have_their_own_answers(void **state) {
    enum { COUNT = 1000 };
    struct plugin_host *host = open_here();
    char key[32];
    (void)state;
    for (int i = 0; i < COUNT; i += 2) {
        snprintf(key, sizeof key, "k:%d", i);
        plugin_host_set(host, key, key, 60000);
    }
    assert_ends(host, host->last, WSHUB_OK);
    wshub_token first = host->last + 1;
    for (int i = 0; i < COUNT; i++) {
        snprintf(key, sizeof key, "k:%d", i);
        plugin_host_get(host, key);
    }
    plugin_host_list(host, "k:");
    assert_ends(host, host->last, WSHUB_OK);
    assert_int_equal(host->pending, 0);
    for (int i = 0; i < COUNT; i++) {
        snprintf(key, sizeof key, "k:%d", i);
        assert_int_equal(host->calls[first + (wshub_token)i].status, i % 2 ? WSHUB_NOT_FOUND : WSHUB_OK);
        assert_int_equal(entries_of(host, first + (wshub_token)i), i % 2 ? 0 : 1);
    }
    assert_int_equal(entries_of(host, host->last), COUNT / 2);
    plugin_host_free(host);
}

static void entries_expire_not_too_early_and_not_too_late(void **state) {
    struct plugin_host *host = open_here();
    (void)state;
    uint64_t set = now_ms();
    assert_ends(host, plugin_host_set(host, "brief", "1", 1000), WSHUB_OK);
    assert_ends(host, plugin_host_set(host, "long", "1", 60000), WSHUB_OK);
    while (plugin_host_wait(host, plugin_host_get(host, "brief")) == WSHUB_OK) {
        assert_true(now_ms() - set < 10000);
        plugin_host_run(host, 10); // asked again, until the deadline
    }
    assert_in_range(now_ms() - set, 1000, 3000);
    assert_ends(host, plugin_host_get(host, "long"), WSHUB_OK);
    plugin_host_free(host);
}

static void a_heartbeat_tells_whether_the_entry_was_there(void **state) {
    static const char key[] = "ws:instance:test", topic[] = "wshub/$registry/ws/instance/test";
    struct plugin_host *host = open_here();
    (void)state;
    assert_ends(host, plugin_host_beat(host, key, "1", 60000), WSHUB_NOT_FOUND);
    assert_ends(host, plugin_host_beat(host, key, "2", 60000), WSHUB_OK);
    assert_string_equal(mosquitto_server_retained(&server, topic), "2");
    mosquitto_server_publish(&server, topic, "", 0, true); // somebody deletes it
    assert_ends(host, plugin_host_beat(host, key, "3", 60000), WSHUB_NOT_FOUND);
    assert_ends(host, plugin_host_beat(host, key, "4", 60000), WSHUB_OK);
    plugin_host_free(host);
    assert_string_equal(mosquitto_server_retained(&server, topic), "(none)"); // closed: gone
}

// Both have the client id that an instance and its successor have: the server ends the first with its will,
// before it lets the second in.
static void a_successor_is_not_hit_by_the_will_before_it(void **state) {
    static const char key[] = WSHUB_INSTANCE_KEY "test", topic[] = "wshub/$registry/ws/instance/test";
    mosquitto_server_restart(&server);
    struct plugin_host *old =
        open_up(OPTIONS("url", server.url, "reconnect_min", "10m", "reconnect_max", "10m"));
    (void)state;
    assert_ends(old, plugin_host_beat(old, key, "\"old\"", 60000), WSHUB_NOT_FOUND);
    struct plugin_host *successor = open_up(OPTIONS("url", server.url));
    assert_string_equal(mosquitto_server_retained(&server, topic), "(none)");
    assert_ends(successor, plugin_host_beat(successor, key, "\"new\"", 60000), WSHUB_NOT_FOUND);
    plugin_host_wait_link(old, WSHUB_LINK_DOWN); // it had not noticed
    plugin_host_free(old);
    assert_ends(successor, plugin_host_beat(successor, key, "\"new\"", 60000), WSHUB_OK);
    assert_string_equal(mosquitto_server_retained(&server, topic), "\"new\"");
    plugin_host_free(successor);
    for (uint64_t end = now_ms() + 10000; strcmp(mosquitto_server_retained(&server, topic), "(none)") != 0;) {
        assert_true(now_ms() < end); // it leaves with its will
    }
}

static void what_cannot_be_an_entry_is_refused(void **state) {
    struct plugin_host *host = open_here();
    const struct wshub_broker *broker = wshub_plugin_entry()->broker;
    const struct wshub_bytes key = {"k", 1}, value = {"v", 1}, none = {"", 0};
    (void)state;
    assert_int_equal(broker->registry_set(host->self, none, value, 1000, 1), WSHUB_INVALID);
    assert_int_equal(broker->registry_set(host->self, key, none, 1000, 1), WSHUB_INVALID);
    assert_int_equal(broker->registry_set(host->self, key, value, 0, 1), WSHUB_INVALID);
    assert_int_equal(broker->heartbeat(host->self, key, value, 0, 1), WSHUB_INVALID);
    assert_int_equal(broker->registry_get(host->self, none, 1), WSHUB_INVALID);
    plugin_host_free(host);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(entries_are_set_found_and_deleted),
        cmocka_unit_test(lists_take_any_prefix),
        cmocka_unit_test(thousands_of_entries_are_listed_whole),
        cmocka_unit_test(reads_at_the_same_time_have_their_own_answers),
        cmocka_unit_test(entries_expire_not_too_early_and_not_too_late),
        cmocka_unit_test(a_heartbeat_tells_whether_the_entry_was_there),
        cmocka_unit_test(a_successor_is_not_hit_by_the_will_before_it),
        cmocka_unit_test(what_cannot_be_an_entry_is_refused),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
