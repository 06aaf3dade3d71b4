// SPDX-License-Identifier: MIT
// Entries of the registry that are listed by groups.
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

static struct plugin_host *open_empty(const char *prefix) {
    redis_server_ask(&server, "FLUSHALL");
    return open_up(OPTIONS("url", server.url, "prefix", prefix));
}

static size_t count_of(struct plugin_host *host, const char *prefix) {
    const size_t before = host->entry_count;
    assert_ends(host, plugin_host_list(host, prefix), WSHUB_OK);
    return host->entry_count - before;
}

static void a_group_is_listed_from_its_index(void **state) {
    enum { COUNT = 3000 };
    struct plugin_host *host = open_empty("app:");
    char key[64], value[32];
    (void)state;
    for (int i = 0; i < COUNT; i++) {
        snprintf(key, sizeof key, "ws:presence:room%d/%d", i % 2, i);
        snprintf(value, sizeof value, "%d", i);
        plugin_host_set(host, key, value, 60000);
    }
    plugin_host_set(host, "ws:presence:room1x/1", "other", 60000);
    plugin_host_set(host, "ws:conn:1", "other", 60000);
    assert_ends(host, host->last, WSHUB_OK);
    redis_server_ask(&server, "CONFIG|RESETSTAT");
    assert_int_equal(count_of(host, "ws:presence:nobody/"), 0);
    assert_int_equal(count_of(host, "ws:presence:room0/"), COUNT / 2);
    wshub_token token = plugin_host_list(host, "ws:presence:room1/");
    assert_ends(host, token, WSHUB_OK);
    assert_int_equal(host->entry_count, COUNT);
    assert_string_equal(plugin_host_value(host, token, "ws:presence:room1/2711"), "2711");
    assert_null(strstr(redis_server_ask(&server, "INFO|commandstats"), "cmdstat_scan:"));
    assert_int_equal(count_of(host, "ws:presence:"), COUNT + 1); // which is no group
    plugin_host_free(host);
}

static void an_entry_leaves_its_index(void **state) {
    struct plugin_host *host = open_empty("");
    (void)state;
    assert_ends(host, plugin_host_set(host, "ws:user:u/a", "1", 60000), WSHUB_OK);
    assert_ends(host, plugin_host_set(host, "ws:user:u/b", "2", 60000), WSHUB_OK);
    assert_ends(host, plugin_host_set(host, "ws:user:u/b", "3", 60000), WSHUB_OK);
    assert_string_equal(redis_server_ask(&server, "ZCARD|ws:index:ws:user:u/"), "2");
    assert_ends(host, plugin_host_delete(host, "ws:user:u/a"), WSHUB_OK);
    assert_ends(host, plugin_host_delete(host, "ws:user:u/a"), WSHUB_OK);
    assert_string_equal(redis_server_ask(&server, "ZRANGE|ws:index:ws:user:u/|0|-1"), "b");
    assert_string_equal(redis_server_ask(&server, "EXISTS|ws:user:u/a"), "0");
    redis_server_ask(&server, "DEL|ws:user:u/b"); // behind its back
    assert_int_equal(count_of(host, "ws:user:u/"), 0);
    assert_ends(host, plugin_host_delete(host, "ws:user:u/b"), WSHUB_OK);
    assert_string_equal(redis_server_ask(&server, "DBSIZE"), "0");
    plugin_host_free(host);
}

static bool is_gone(void *context) {
    return strcmp(redis_server_ask(&server, context), "0") == 0;
}

static void what_has_expired_leaves_its_index(void **state) {
    struct plugin_host *host = open_empty("");
    char command[] = "EXISTS|ws:user:u/a";
    (void)state;
    assert_ends(host, plugin_host_set(host, "ws:user:u/a", "1", 60), WSHUB_OK);
    assert_ends(host, plugin_host_set(host, "ws:user:u/b", "1", 60000), WSHUB_OK);
    plugin_host_wait_until(host, is_gone, command, "it has expired");
    assert_int_equal(count_of(host, "ws:user:u/"), 1);
    assert_ends(host, plugin_host_set(host, "ws:user:u/c", "1", 1000), WSHUB_OK);
    assert_string_equal(redis_server_ask(&server, "ZRANGE|ws:index:ws:user:u/|0|-1"), "c b");
    assert_in_range(atoi(redis_server_ask(&server, "PTTL|ws:index:ws:user:u/")), 50000, 60000);
    plugin_host_free(host);
}

static void the_index_goes_with_the_last(void **state) {
    struct plugin_host *host = open_empty("");
    char command[] = "DBSIZE";
    (void)state;
    assert_ends(host, plugin_host_set(host, "ws:user:u/a", "1", 60), WSHUB_OK);
    plugin_host_wait_until(host, is_gone, command, "nothing is left");
    plugin_host_free(host);
}

static void instances_are_a_group(void **state) {
    struct plugin_host *host = open_empty("");
    (void)state;
    assert_ends(host, plugin_host_beat(host, "ws:instance:a", "1", 60000), WSHUB_NOT_FOUND);
    assert_ends(host, plugin_host_beat(host, "ws:instance:b", "2", 60000), WSHUB_NOT_FOUND);
    redis_server_ask(&server, "CONFIG|RESETSTAT");
    wshub_token token = plugin_host_list(host, "ws:instance:");
    assert_ends(host, token, WSHUB_OK);
    assert_int_equal(host->entry_count, 2);
    assert_string_equal(plugin_host_value(host, token, "ws:instance:b"), "2");
    assert_null(strstr(redis_server_ask(&server, "INFO|commandstats"), "cmdstat_scan:"));
    assert_int_equal(count_of(host, "ws:instance:b"), 1);   // a prefix, which is no group
    redis_server_ask(&server, "DEL|ws:index:ws:instance:"); // evicted: it comes back beat by beat
    assert_ends(host, plugin_host_beat(host, "ws:instance:b", "3", 60000), WSHUB_OK);
    assert_int_equal(count_of(host, "ws:instance:"), 1);
    assert_ends(host, plugin_host_delete(host, "ws:instance:b"), WSHUB_OK);
    assert_int_equal(count_of(host, "ws:instance:"), 0);
    plugin_host_free(host);
}

static void an_index_of_another_type_is_told(void **state) {
    struct plugin_host *host = open_empty("");
    (void)state;
    redis_server_ask(&server, "LPUSH|ws:index:ws:user:u/|x");
    assert_ends(host, plugin_host_set(host, "ws:user:u/a", "1", 1000), WSHUB_INVALID);
    assert_says(host->log, "SET: WRONGTYPE");
    assert_ends(host, plugin_host_list(host, "ws:user:u/"), WSHUB_INVALID);
    assert_says(host->log, "ZSCAN: WRONGTYPE");
    plugin_host_free(host);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_group_is_listed_from_its_index),
        cmocka_unit_test(an_entry_leaves_its_index),
        cmocka_unit_test(what_has_expired_leaves_its_index),
        cmocka_unit_test(the_index_goes_with_the_last),
        cmocka_unit_test(instances_are_a_group),
        cmocka_unit_test(an_index_of_another_type_is_told),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
