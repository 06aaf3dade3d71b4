// SPDX-License-Identifier: MIT
// The registry against a real server.
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

static void an_entry_is_a_key_that_expires(void **state) {
    struct plugin_host *host = open_empty("app:");
    (void)state;
    assert_ends(host, plugin_host_set(host, "ws:conn:1", "{\"user\":\"anna\"}", 60000), WSHUB_OK);
    assert_string_equal(redis_server_ask(&server, "GET|app:ws:conn:1"), "{\"user\":\"anna\"}");
    int ttl = atoi(redis_server_ask(&server, "PTTL|app:ws:conn:1"));
    assert_in_range(ttl, 50000, 60000);
    wshub_token token = plugin_host_get(host, "ws:conn:1");
    assert_ends(host, token, WSHUB_OK);
    assert_string_equal(plugin_host_value(host, token, "ws:conn:1"), "{\"user\":\"anna\"}");
    assert_ends(host, plugin_host_delete(host, "ws:conn:1"), WSHUB_OK);
    assert_ends(host, plugin_host_delete(host, "ws:conn:1"), WSHUB_OK);
    assert_ends(host, plugin_host_get(host, "ws:conn:1"), WSHUB_NOT_FOUND);
    assert_ends(host, plugin_host_set(host, "ws:conn:1", "1", 0), WSHUB_INVALID);
    plugin_host_free(host);
}

static void the_heartbeat_tells_whether_the_entry_was_there(void **state) {
    struct plugin_host *host = open_empty("");
    (void)state;
    assert_ends(host, plugin_host_beat(host, "ws:instance:a", "{}", 30000), WSHUB_NOT_FOUND);
    assert_ends(host, plugin_host_beat(host, "ws:instance:a", "{\"n\":1}", 30000), WSHUB_OK);
    assert_string_equal(redis_server_ask(&server, "GET|ws:instance:a"), "{\"n\":1}");
    redis_server_ask(&server, "FLUSHALL");
    assert_ends(host, plugin_host_beat(host, "ws:instance:a", "{}", 30000), WSHUB_NOT_FOUND);
    plugin_host_free(host);
}

static void a_list_has_each_entry_of_the_prefix_once(void **state) {
    enum { COUNT = 5000 };
    struct plugin_host *host = open_empty("p[1]*:");
    char key[32], value[32];
    (void)state;
    for (int i = 0; i < COUNT; i++) {
        snprintf(key, sizeof key, "ws:conn:%d", i);
        snprintf(value, sizeof value, "%d", i);
        plugin_host_set(host, key, value, 60000);
    }
    plugin_host_set(host, "ws:instance:a", "{}", 60000);
    assert_ends(host, host->last, WSHUB_OK);
    redis_server_ask(&server, "SET|p1x:ws:conn:0|not ours");
    redis_server_ask(&server, "LPUSH|p[1]*:ws:conn:list|not a value");
    wshub_token token = plugin_host_list(host, "ws:conn:");
    assert_ends(host, token, WSHUB_OK);
    assert_int_equal(host->entry_count, COUNT);
    assert_string_equal(plugin_host_value(host, token, "ws:conn:4711"), "4711");
    assert_string_equal(plugin_host_value(host, token, "ws:conn:0"), "0");
    token = plugin_host_list(host, "nobody:");
    assert_ends(host, token, WSHUB_OK);
    assert_int_equal(host->entry_count, COUNT);
    plugin_host_free(host);
}

static void a_key_of_another_type_is_told_once(void **state) {
    struct plugin_host *host = open_empty("");
    (void)state;
    redis_server_ask(&server, "LPUSH|ws:conn:1|x");
    assert_ends(host, plugin_host_get(host, "ws:conn:1"), WSHUB_INVALID);
    assert_ends(host, plugin_host_get(host, "ws:conn:1"), WSHUB_INVALID);
    assert_int_equal(count_lines(host->log), 1);
    assert_says(host->log, "GET: WRONGTYPE");
    assert_ends(host, plugin_host_set(host, "ws:conn:1", "1", 1000), WSHUB_OK);
    assert_ends(host, plugin_host_get(host, "ws:conn:1"), WSHUB_OK);
    redis_server_ask(&server, "DEL|ws:conn:1");
    redis_server_ask(&server, "LPUSH|ws:conn:1|x");
    assert_ends(host, plugin_host_get(host, "ws:conn:1"), WSHUB_INVALID);
    assert_int_equal(count_lines(host->log), 1); // it had worked in between, but a minute has not passed
    plugin_host_free(host);
}

static void a_list_that_is_cut_off_is_settled(void **state) {
    struct plugin_host *host = open_empty("");
    char key[32];
    (void)state;
    for (int i = 0; i < 3000; i++) {
        snprintf(key, sizeof key, "ws:conn:%d", i);
        plugin_host_set(host, key, "1", 60000);
    }
    assert_ends(host, host->last, WSHUB_OK);
    wshub_token token = plugin_host_list(host, "ws:conn:");
    redis_server_ask(&server, "CLIENT|KILL|TYPE|normal");
    assert_true(plugin_host_wait(host, token) == WSHUB_UNAVAILABLE || host->entry_count == 3000);
    plugin_host_wait_link(host, WSHUB_LINK_UP);
    plugin_host_list(host, "ws:conn:"); // and one that the close cuts off
    plugin_host_free(host);
}

static void a_master_that_was_demoted_is_left(void **state) {
    struct redis_server master;
    (void)state;
    redis_server_start(&master, NULL);
    struct plugin_host *host = open_empty("");
    char command[64];
    snprintf(command, sizeof command, "REPLICAOF|127.0.0.1|%u", master.port);
    redis_server_ask(&server, command);
    assert_ends(host, plugin_host_set(host, "ws:conn:1", "1", 1000), WSHUB_UNAVAILABLE);
    assert_int_equal(host->downs, 1);
    assert_says(host->reason, "SET: READONLY");
    plugin_host_run(host, 1000); // it is not taken again as long as it is a replica
    assert_int_equal(host->ups, 1);
    assert_says(host->reason, "is a replica");
    assert_int_equal(host->downs, 2);
    redis_server_ask(&server, "REPLICAOF|NO|ONE");
    plugin_host_wait_link(host, WSHUB_LINK_UP);
    plugin_host_free(host);
    redis_server_stop(&master);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_entry_is_a_key_that_expires),
        cmocka_unit_test(the_heartbeat_tells_whether_the_entry_was_there),
        cmocka_unit_test(a_list_has_each_entry_of_the_prefix_once),
        cmocka_unit_test(a_key_of_another_type_is_told_once),
        cmocka_unit_test(a_list_that_is_cut_off_is_settled),
        cmocka_unit_test(a_master_that_was_demoted_is_left),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
