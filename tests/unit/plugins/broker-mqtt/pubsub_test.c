// SPDX-License-Identifier: MIT
// Publish and subscribe against a real server.
#include "mqtt_fixture.h"

static struct mosquitto_server server;

static int start(void **state) {
    (void)state;
    signal(SIGPIPE, SIG_IGN); // as the hub does
    mosquitto_server_start(&server, NULL);
    return 0;
}

static int stop(void **state) {
    (void)state;
    mosquitto_server_stop(&server);
    return 0;
}

static void comes_back(const char *const *options) {
    struct plugin_host *host = open_up(options);
    assert_ends(host, plugin_host_subscribe(host, "room"), WSHUB_OK);
    const struct wshub_message message = {
        .channel = {"room", 4},
        .payload = {"{\"a\":\0\xff}", 8},
        .sender = {"s1", 2},
        .sender_user = {"Zoë 100%\x01", 10},
        .exclude = {"s1 s2", 5},
        .epoch = {"e", 1},
        .offset = 0x0102030405060708,
    };
    assert_ends(host, plugin_host_publish_message(host, &message), WSHUB_OK);
    plugin_host_wait_messages(host, 1);
    const struct host_message *got = &host->messages[0];
    assert_string_equal(got->channel, "room");
    assert_int_equal(got->payload_length, 8);
    assert_memory_equal(got->payload, message.payload.data, 8);
    assert_string_equal(got->sender, "s1");
    assert_string_equal(got->sender_user, "Zoë 100%\x01");
    assert_string_equal(got->exclude, "s1 s2");
    assert_string_equal(got->epoch, "e");
    assert_true(got->offset == message.offset);
    assert_int_equal(got->flags, 0);
    plugin_host_free(host);
}

static void what_is_published_comes_back(void **state) {
    (void)state;
    comes_back(OPTIONS("url", server.url));
    comes_back(OPTIONS("url", server.url, "qos", "0"));
    comes_back(OPTIONS("url", server.url, "delivery_qos", "1"));
}

static void what_others_publish_is_raw(void **state) {
    struct plugin_host *host = open_up(OPTIONS("url", server.url, "prefix", "app/one"));
    (void)state;
    assert_ends(host, plugin_host_subscribe(host, "room/7"), WSHUB_OK);
    mosquitto_server_publish(&server, "app/one/room/7", "\xffwsh\x02new", 8, false);
    mosquitto_server_publish(&server, "app/one/room/7", "", 0, false);
    plugin_host_wait_messages(host, 2);
    assert_string_equal(host->messages[0].channel, "room/7");
    assert_string_equal(host->messages[0].payload, "\xffwsh\x02new");
    assert_string_equal(host->messages[0].sender, "");
    assert_int_equal(host->messages[1].payload_length, 0);
    plugin_host_free(host);
}

static void names_are_never_patterns(void **state) {
    static const char *const names[] = {"+",
                                        "#",
                                        "a/#",
                                        "/",
                                        "//",
                                        "a/",
                                        "/a",
                                        "$SYS",
                                        "a+b",
                                        "$share/g/t",
                                        "%",
                                        "%2F",
                                        "a b",
                                        "a//b",
                                        "%41",
                                        "a/+/b",
                                        "\xEF\xBF\xBE",
                                        "\xEF\xB7\x90",
                                        "\xF4\x8F\xBF\xBF",
                                        "$inbox/x",
                                        "$registry/ws/x",
                                        "Zoë",
                                        "a%2Fb",
                                        "a/b",
                                        "a"};
    enum { COUNT = sizeof names / sizeof *names };
    struct plugin_host *host = open_up(OPTIONS("url", server.url));
    char payload[16];
    (void)state;
    for (int i = 0; i < COUNT; i++) {
        plugin_host_subscribe(host, names[i]);
    }
    for (int i = 0; i < COUNT; i++) {
        snprintf(payload, sizeof payload, "%d", i);
        plugin_host_publish(host, names[i], payload, strlen(payload));
    }
    plugin_host_wait_messages(host, COUNT);
    assert_ends(host, plugin_host_publish(host, "a", "end", 3), WSHUB_OK);
    plugin_host_wait_messages(host, COUNT + 1);
    assert_int_equal(host->message_count, COUNT + 1); // each once
    for (int i = 0; i < COUNT; i++) {
        snprintf(payload, sizeof payload, "%d", i);
        assert_string_equal(host->messages[i].channel, names[i]);
        assert_string_equal(host->messages[i].payload, payload);
    }
    plugin_host_free(host);
}

static void names_that_no_topic_can_hold_are_refused(void **state) {
    struct plugin_host *host = open_up(OPTIONS("url", server.url));
    char longest[257];
    (void)state;
    memset(longest, '/', sizeof longest);
    longest[255] = 0;
    assert_ends(host, plugin_host_subscribe(host, longest), WSHUB_OK);
    assert_ends(host, plugin_host_publish(host, longest, "1", 1), WSHUB_OK);
    plugin_host_wait_messages(host, 1);
    assert_string_equal(host->messages[0].channel, longest);
    longest[255] = '/';
    longest[256] = 0;
    const struct wshub_broker *broker = wshub_plugin_entry()->broker;
    assert_int_equal(broker->subscribe(host->self, (struct wshub_bytes){longest, 256}, 1), WSHUB_INVALID);
    assert_int_equal(broker->subscribe(host->self, (struct wshub_bytes){"", 0}, 1), WSHUB_INVALID);
    assert_int_equal(broker->subscribe(host->self, (struct wshub_bytes){"a\0b", 3}, 1), WSHUB_INVALID);
    assert_int_equal(broker->subscribe(host->self, (struct wshub_bytes){"\xff", 1}, 1), WSHUB_INVALID);
    plugin_host_free(host);
}

static void unsubscribed_is_silent_and_asking_again_is_answered(void **state) {
    struct plugin_host *host = open_up(OPTIONS("url", server.url));
    (void)state;
    plugin_host_subscribe(host, "a");
    plugin_host_subscribe(host, "a");
    assert_ends(host, plugin_host_subscribe(host, "b"), WSHUB_OK);
    plugin_host_unsubscribe(host, "a");
    assert_ends(host, plugin_host_unsubscribe(host, "a"), WSHUB_OK);
    assert_int_equal(host->pending, 0);
    plugin_host_publish(host, "a", "1", 1);
    plugin_host_publish(host, "b", "2", 1);
    plugin_host_wait_messages(host, 1);
    assert_string_equal(host->messages[0].channel, "b");
    plugin_host_free(host);
}

static void all_in_order(const char *const *options) {
    enum { COUNT = 20000 };
    struct plugin_host *host = open_up(options);
    char text[32];
    assert_ends(host, plugin_host_subscribe(host, "room"), WSHUB_OK);
    for (int i = 0; i < COUNT; i++) {
        snprintf(text, sizeof text, "%d", i);
        plugin_host_publish(host, "room", text, strlen(text));
    }
    plugin_host_wait_messages(host, COUNT);
    assert_ends(host, host->last, WSHUB_OK);
    assert_int_equal(host->pending, 0);
    for (int i = 0; i < COUNT; i++) {
        snprintf(text, sizeof text, "%d", i);
        assert_string_equal(host->messages[i].payload, text);
    }
    assert_int_equal(host->losses, 0);
    plugin_host_free(host);
}

static void many_publishes_keep_their_order(void **state) {
    (void)state;
    all_in_order(OPTIONS("url", server.url));
    all_in_order(OPTIONS("url", server.url, "qos", "0"));
    all_in_order(OPTIONS("url", server.url, "delivery_qos", "1"));
}

static void many_channels_are_many_subscriptions(void **state) {
    enum { COUNT = 30000 };
    struct plugin_host *host = open_up(OPTIONS("url", server.url));
    char name[32];
    (void)state;
    for (int i = 0; i < COUNT; i++) {
        snprintf(name, sizeof name, "room:%d", i);
        plugin_host_subscribe(host, name);
    }
    assert_ends(host, host->last, WSHUB_OK);
    assert_int_equal(host->pending, 0);
    plugin_host_publish(host, "room:0", "x", 1);
    plugin_host_publish(host, "room:29999", "y", 1);
    plugin_host_wait_messages(host, 2);
    for (int i = 0; i < COUNT; i++) {
        snprintf(name, sizeof name, "room:%d", i);
        plugin_host_unsubscribe(host, name);
    }
    assert_ends(host, host->last, WSHUB_OK);
    assert_int_equal(host->pending, 0);
    plugin_host_free(host);
}

static void large_payloads_pass_whole(void **state) {
    enum { SIZE = 4 << 20 };
    struct plugin_host *host = open_up(OPTIONS("url", server.url));
    char *payload = test_malloc(SIZE + 1);
    (void)state;
    for (size_t i = 0; i < SIZE; i++) {
        payload[i] = (char)(i * 7);
    }
    assert_ends(host, plugin_host_subscribe(host, "room"), WSHUB_OK);
    for (int i = 0; i < 4; i++) {
        plugin_host_publish(host, "room", payload, SIZE);
    }
    plugin_host_wait_messages(host, 4);
    assert_int_equal(host->messages[3].payload_length, SIZE);
    assert_memory_equal(host->messages[3].payload, payload, SIZE);
    const struct wshub_message larger = {
        .struct_size = sizeof larger, .channel = {"room", 4}, .payload = {payload, SIZE + 1}};
    const struct wshub_broker *broker = wshub_plugin_entry()->broker;
    assert_int_equal(broker->max_payload, SIZE);
    assert_int_equal(broker->publish(host->self, &larger, 1), WSHUB_TOO_LARGE);
    test_free(payload);
    plugin_host_free(host);
}

static void a_last_value_waits_for_who_comes_later(void **state) {
    struct plugin_host *one = open_up(OPTIONS("url", server.url));
    struct plugin_host *two = open_up(OPTIONS("url", server.url, "client_id", "two"));
    const struct wshub_message kept = {
        .flags = WSHUB_MESSAGE_LAST_VALUE, .channel = {"tick", 4}, .payload = {"42", 2}, .sender = {"s1", 2}};
    struct wshub_message none = kept;
    (void)state;
    none.payload.length = 0;
    assert_ends(one, plugin_host_subscribe(one, "tick"), WSHUB_OK);
    assert_ends(one, plugin_host_publish_message(one, &kept), WSHUB_OK);
    assert_ends(one, plugin_host_publish(one, "tick", "not kept", 8), WSHUB_OK);
    plugin_host_wait_messages(one, 2);
    assert_int_equal(one->messages[0].flags, 0); // live
    assert_ends(two, plugin_host_subscribe(two, "tick"), WSHUB_OK);
    plugin_host_wait_messages(two, 1);
    assert_string_equal(two->messages[0].payload, "42");
    assert_string_equal(two->messages[0].sender, "s1");
    assert_int_equal(two->messages[0].flags, WSHUB_MESSAGE_LAST_VALUE);
    assert_ends(one, plugin_host_publish_message(one, &none), WSHUB_OK); // one that is empty is kept too
    plugin_host_wait_messages(two, 2);
    assert_ends(two, plugin_host_unsubscribe(two, "tick"), WSHUB_OK);
    assert_ends(two, plugin_host_subscribe(two, "tick"), WSHUB_OK);
    plugin_host_wait_messages(two, 3);
    assert_int_equal(two->messages[2].payload_length, 0);
    assert_int_equal(two->messages[2].flags, WSHUB_MESSAGE_LAST_VALUE);
    assert_int_equal(two->losses, 0);
    plugin_host_free(one);
    plugin_host_free(two);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_published_comes_back),
        cmocka_unit_test(what_others_publish_is_raw),
        cmocka_unit_test(names_are_never_patterns),
        cmocka_unit_test(names_that_no_topic_can_hold_are_refused),
        cmocka_unit_test(unsubscribed_is_silent_and_asking_again_is_answered),
        cmocka_unit_test(many_publishes_keep_their_order),
        cmocka_unit_test(many_channels_are_many_subscriptions),
        cmocka_unit_test(large_payloads_pass_whole),
        cmocka_unit_test(a_last_value_waits_for_who_comes_later),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
