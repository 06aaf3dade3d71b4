// SPDX-License-Identifier: MIT
// Replies that come late, cut off, or as something else. No crash, no wrong completion, and up again.
#include "redis_fixture.h"

static struct redis_server server;
static struct tcp_proxy proxy;
static char url[64];

static int start(void **state) {
    (void)state;
    signal(SIGPIPE, SIG_IGN);
    redis_server_start(&server, NULL);
    tcp_proxy_start(&proxy, server.port);
    snprintf(url, sizeof url, "redis://127.0.0.1:%u", proxy.port);
    return 0;
}

static int stop(void **state) {
    (void)state;
    tcp_proxy_stop(&proxy);
    redis_server_stop(&server);
    return 0;
}

#define QUICK "timeout", "500", "keepalive", "100", "reconnect_max", "100"

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

static void bytes_that_come_one_by_one_are_whole_replies(void **state) {
    struct plugin_host *host = open_up(OPTIONS("url", url));
    (void)state;
    tcp_proxy_set(&proxy, PROXY_DELAY);
    assert_works(host);
    assert_int_equal(host->links, 1);
    tcp_proxy_set(&proxy, PROXY_PASS);
    plugin_host_free(host);
}

static void cut_in_the_middle_of_a_reply(void **state) {
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

static bool is_settled(void *context) {
    return ((struct plugin_host *)context)->pending == 0;
}

static void garbled(void **state) {
    struct plugin_host *host = open_up(OPTIONS("url", url, QUICK));
    (void)state;
    for (int i = 0; i < 40; i++) {
        tcp_proxy_set(&proxy, PROXY_GARBLE);
        use(host);
        plugin_host_wait_until(host, is_settled, host, "every call is settled");
        tcp_proxy_set(&proxy, PROXY_PASS);
        plugin_host_wait_link(host, WSHUB_LINK_UP);
    }
    assert_true(host->downs > 5);
    plugin_host_free(host);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_that_come_one_by_one_are_whole_replies),
        cmocka_unit_test(cut_in_the_middle_of_a_reply),
        cmocka_unit_test(stalled_at_either_end),
        cmocka_unit_test(garbled),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
