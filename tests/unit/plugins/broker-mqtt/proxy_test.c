// SPDX-License-Identifier: MIT
// Answers that come late, or cut off. No crash, no wrong completion, and up again.
#include "mqtt_fixture.h"
#include "tcp_proxy.h"

static struct mosquitto_server server;
static struct tcp_proxy proxy;
static char url[64];

static int start(void **state) {
    (void)state;
    signal(SIGPIPE, SIG_IGN);
    mosquitto_server_start(&server, NULL);
    tcp_proxy_start(&proxy, server.port);
    snprintf(url, sizeof url, "mqtt://127.0.0.1:%u", proxy.port);
    return 0;
}

static int stop(void **state) {
    (void)state;
    tcp_proxy_stop(&proxy);
    mosquitto_server_stop(&server);
    return 0;
}

#define QUICK "timeout", "500", "reconnect_min", "20", "reconnect_max", "100"

// A bit of everything, whatever becomes of it.
static void use(struct plugin_host *host) {
    plugin_host_subscribe(host, "room");
    plugin_host_publish(host, "room", "1", 1);
    plugin_host_beat(host, "ws:instance:a", "{}", 30000);
    plugin_host_get(host, "ws:instance:a");
    plugin_host_list(host, "ws:");
    plugin_host_unsubscribe(host, "room");
}

static void assert_works(struct plugin_host *host) {
    plugin_host_wait_link(host, WSHUB_LINK_UP);
    assert_ends(host, plugin_host_subscribe(host, "room"), WSHUB_OK);
    size_t before = host->message_count;
    assert_ends(host, plugin_host_publish(host, "room", "1", 1), WSHUB_OK);
    plugin_host_wait_messages(host, before + 1);
}

static void bytes_that_come_one_by_one_are_whole_packets(void **state) {
    struct plugin_host *host = open_up(OPTIONS("url", url));
    (void)state;
    tcp_proxy_set(&proxy, PROXY_DELAY);
    assert_works(host);
    assert_int_equal(host->links, 1);
    tcp_proxy_set(&proxy, PROXY_PASS);
    plugin_host_free(host);
}

static void cut_in_the_middle_of_a_packet(void **state) {
    struct plugin_host *host = open_up(OPTIONS("url", url, QUICK));
    (void)state;
    for (int i = 0; i < 5; i++) {
        tcp_proxy_set(&proxy, PROXY_CUT);
        use(host);
        plugin_host_wait_link(host, WSHUB_LINK_DOWN);
        assert_int_equal(host->pending, 0);
        tcp_proxy_set(&proxy, PROXY_PASS);
        assert_works(host);
    }
    plugin_host_free(host);
}

static void stalled_at_either_end(void **state) {
    struct plugin_host *host = open_up(OPTIONS("url", url, QUICK));
    (void)state;
    tcp_proxy_set(&proxy, PROXY_STALL);
    use(host);
    plugin_host_wait_link(host, WSHUB_LINK_DOWN);
    assert_says(host->reason, "no answer");
    assert_int_equal(host->pending, 0);
    tcp_proxy_set(&proxy, PROXY_PASS);
    assert_works(host);
    plugin_host_free(host);
}

// Longer on its way than `timeout`, and not lost: bytes are moving.
static void slow_is_not_dead(void **state) {
    enum { SIZE = 1500 };
    char payload[SIZE] = {0};
    struct plugin_host *host = open_up(OPTIONS("url", url, QUICK));
    (void)state;
    assert_ends(host, plugin_host_subscribe(host, "room"), WSHUB_OK);
    tcp_proxy_set(&proxy, PROXY_DELAY);
    plugin_host_publish(host, "room", payload, SIZE);
    assert_ends(host, plugin_host_publish(host, "room", payload, SIZE), WSHUB_OK);
    plugin_host_wait_messages(host, 2);
    assert_int_equal(host->downs, 0);
    tcp_proxy_set(&proxy, PROXY_PASS);
    plugin_host_free(host);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_that_come_one_by_one_are_whole_packets),
        cmocka_unit_test(cut_in_the_middle_of_a_packet),
        cmocka_unit_test(stalled_at_either_end),
        cmocka_unit_test(slow_is_not_dead),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
