// SPDX-License-Identifier: MIT
// Publish and subscribe against a real server.
#include "redis.h"
#include "redis_fixture.h"

static struct redis_server server;

static int start(void **state) {
    (void)state;
    signal(SIGPIPE, SIG_IGN); // as the hub does
    redis_server_start(&server, NULL);
    return 0;
}

static int stop(void **state) {
    (void)state;
    redis_server_stop(&server);
    return 0;
}

static void what_is_published_comes_back(void **state) {
    struct plugin_host *host = open_up(OPTIONS("url", server.url));
    (void)state;
    assert_ends(host, plugin_host_subscribe(host, "room"), WSHUB_OK);
    const struct wshub_message message = {
        .channel = {"room", 4},
        .payload = {"{\"a\":\0\xff}", 8},
        .sender = {"s1", 2},
        .sender_user = {"anna", 4},
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
    assert_string_equal(got->sender_user, "anna");
    assert_string_equal(got->exclude, "s1 s2");
    assert_string_equal(got->epoch, "e");
    assert_true(got->offset == message.offset);
    plugin_host_free(host);
}

static void what_others_publish_is_raw(void **state) {
    struct plugin_host *host = open_up(OPTIONS("url", server.url));
    (void)state;
    assert_ends(host, plugin_host_subscribe(host, "room"), WSHUB_OK);
    assert_string_equal(redis_server_ask(&server, "PUBLISH|room|hello"), "1");
    plugin_host_wait_messages(host, 1);
    assert_string_equal(host->messages[0].payload, "hello");
    assert_string_equal(host->messages[0].sender, "");
    assert_string_equal(redis_server_ask(&server, "PUBLISH|room|"), "1");
    plugin_host_wait_messages(host, 2);
    assert_int_equal(host->messages[1].payload_length, 0);
    plugin_host_free(host);
}

static void a_damaged_envelope_is_dropped_and_told_once(void **state) {
    struct plugin_host *host = open_up(OPTIONS("url", server.url));
    (void)state;
    assert_ends(host, plugin_host_subscribe(host, "room"), WSHUB_OK);
    redis_server_ask(&server, "PUBLISH|room|\xffwsh\x02new");
    redis_server_ask(&server, "PUBLISH|room|\xffwsh");
    redis_server_ask(&server, "PUBLISH|room|\xffwsx");
    plugin_host_wait_messages(host, 1);
    assert_string_equal(host->messages[0].payload, "\xffwsx");
    assert_int_equal(count_lines(host->log), 1);
    assert_int_equal(host->losses, 2);
    assert_says(host->log, "envelope");
    plugin_host_free(host);
}

static void without_envelopes_others_see_the_bare_payload(void **state) {
    struct plugin_host *bare = open_up(OPTIONS("url", server.url, "envelope", "never"));
    struct plugin_host *usual = open_up(OPTIONS("url", server.url));
    (void)state;
    assert_ends(bare, plugin_host_subscribe(bare, "room"), WSHUB_OK);
    assert_ends(usual, plugin_host_subscribe(usual, "room"), WSHUB_OK);
    const struct wshub_message message = {.channel = {"room", 4}, .payload = {"1", 1}, .sender = {"s", 1}};
    assert_ends(bare, plugin_host_publish_message(bare, &message), WSHUB_OK);
    plugin_host_wait_messages(usual, 1);
    assert_string_equal(usual->messages[0].payload, "1");
    assert_string_equal(usual->messages[0].sender, "");
    assert_ends(usual, plugin_host_publish_message(usual, &message), WSHUB_OK);
    plugin_host_wait_messages(bare, 2);
    assert_string_equal(bare->messages[1].sender, "s"); // what has an envelope is read all the same
    plugin_host_free(bare);
    plugin_host_free(usual);
}

// Whoever follows the channel's history could not tell where a bare one belongs, and would read it again.
static void a_position_is_carried_even_without_envelopes(void **state) {
    struct plugin_host *host = open_up(OPTIONS("url", server.url, "envelope", "never"));
    (void)state;
    assert_ends(host, plugin_host_subscribe(host, "room"), WSHUB_OK);
    const struct wshub_message message = {
        .channel = {"room", 4}, .payload = {"1", 1}, .epoch = {"e", 1}, .offset = 7};
    assert_ends(host, plugin_host_publish_message(host, &message), WSHUB_OK);
    plugin_host_wait_messages(host, 1);
    assert_string_equal(host->messages[0].payload, "1");
    assert_string_equal(host->messages[0].epoch, "e");
    assert_int_equal(host->messages[0].offset, 7);
    plugin_host_free(host);
}

static void each_channel_is_a_subscription_of_one_connection(void **state) {
    struct plugin_host *host = open_up(OPTIONS("url", server.url, "prefix", "app1:"));
    char name[32];
    (void)state;
    for (int i = 0; i < 500; i++) {
        snprintf(name, sizeof name, "room:%d", i);
        plugin_host_subscribe(host, name);
    }
    assert_ends(host, host->last, WSHUB_OK);
    assert_int_equal(host->pending, 0);
    assert_says(redis_server_ask(&server, "PUBSUB|NUMSUB|app1:room:7"), "app1:room:7 1");
    assert_says(redis_server_ask(&server, "CLIENT|LIST|TYPE|pubsub"), "name=wshub-test-sub");
    assert_says(redis_server_ask(&server, "CLIENT|LIST|TYPE|pubsub"), "sub=500");
    assert_says(redis_server_ask(&server, "CLIENT|LIST"), "name=wshub-test-pub");
    redis_server_ask(&server, "PUBLISH|app1:room:7|x");
    redis_server_ask(&server, "PUBLISH|room:7|y");
    plugin_host_publish(host, "room:8", "z", 1);
    plugin_host_wait_messages(host, 2);
    assert_string_equal(host->messages[0].channel, "room:7");
    assert_string_equal(host->messages[0].payload, "x");
    assert_string_equal(host->messages[1].channel, "room:8");
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
    assert_string_equal(redis_server_ask(&server, "PUBLISH|a|1"), "0");
    assert_string_equal(redis_server_ask(&server, "PUBLISH|b|2"), "1");
    plugin_host_wait_messages(host, 1);
    assert_string_equal(host->messages[0].channel, "b");
    assert_ends(host, plugin_host_unsubscribe(host, "b"),
                WSHUB_OK); // none is left: PING is answered otherwise
    assert_ends(host, plugin_host_subscribe(host, "b"), WSHUB_OK);
    plugin_host_free(host);
}

static void many_publishes_are_pipelined_and_keep_their_order(void **state) {
    enum { COUNT = 20000 };
    struct plugin_host *host = open_up(OPTIONS("url", server.url));
    char text[32];
    (void)state;
    assert_ends(host, plugin_host_subscribe(host, "room"), WSHUB_OK);
    for (int i = 0; i < COUNT; i++) {
        int length = snprintf(text, sizeof text, "%d", i);
        plugin_host_publish(host, "room", text, (size_t)length);
    }
    plugin_host_wait_messages(host, COUNT);
    assert_ends(host, host->last, WSHUB_OK);
    assert_int_equal(host->pending, 0);
    for (int i = 0; i < COUNT; i++) {
        snprintf(text, sizeof text, "%d", i);
        assert_string_equal(host->messages[i].payload, text);
    }
    plugin_host_free(host);
}

static void the_largest_payload_passes_and_no_larger(void **state) {
    struct plugin_host *host = open_up(OPTIONS("url", server.url));
    char *payload = test_malloc(REDIS_PAYLOAD_MOST + 1);
    (void)state;
    memset(payload, 'x', REDIS_PAYLOAD_MOST + 1);
    payload[REDIS_PAYLOAD_MOST - 1] = 'y';
    assert_ends(host, plugin_host_subscribe(host, "room"), WSHUB_OK);
    assert_ends(host, plugin_host_publish(host, "room", payload, REDIS_PAYLOAD_MOST + 1), WSHUB_TOO_LARGE);
    assert_ends(host, plugin_host_publish(host, "room", payload, REDIS_PAYLOAD_MOST), WSHUB_OK);
    plugin_host_wait_messages(host, 1);
    assert_int_equal(host->messages[0].payload_length, REDIS_PAYLOAD_MOST);
    assert_int_equal(host->messages[0].payload[REDIS_PAYLOAD_MOST - 1], 'y');
    test_free(payload);
    plugin_host_free(host);
}

static void over_a_unix_socket(void **state) {
    char url[160];
    (void)state;
    snprintf(url, sizeof url, "unix://%s?db=2", server.socket);
    struct plugin_host *host = open_up(OPTIONS("url", url));
    assert_ends(host, plugin_host_subscribe(host, "room"), WSHUB_OK);
    redis_server_ask(&server, "PUBLISH|room|1");
    plugin_host_wait_messages(host, 1);
    assert_says(redis_server_ask(&server, "CLIENT|LIST"), "db=2");
    plugin_host_free(host);
}

static void by_name(void **state) {
    char url[64];
    (void)state;
    if (!NAMES_ARE_LOOKED_UP) {
        skip();
    }
    snprintf(url, sizeof url, "redis://localhost:%u", server.port);
    struct plugin_host *host = open_up(OPTIONS("url", url));
    assert_ends(host, plugin_host_subscribe(host, "room"), WSHUB_OK);
    plugin_host_free(host);
}

// What is completed may call the next slot at once.
static void publish_again(struct plugin_host *host, wshub_token token) {
    if (token < 100) {
        plugin_host_publish(host, "room", "1", 1);
    }
}

static void slots_are_called_from_within_a_completion(void **state) {
    struct plugin_host *host = open_up(OPTIONS("url", server.url));
    (void)state;
    host->on_complete = publish_again;
    assert_ends(host, plugin_host_subscribe(host, "room"), WSHUB_OK);
    plugin_host_wait_messages(host, 99);
    plugin_host_free(host);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_published_comes_back),
        cmocka_unit_test(what_others_publish_is_raw),
        cmocka_unit_test(a_damaged_envelope_is_dropped_and_told_once),
        cmocka_unit_test(without_envelopes_others_see_the_bare_payload),
        cmocka_unit_test(a_position_is_carried_even_without_envelopes),
        cmocka_unit_test(each_channel_is_a_subscription_of_one_connection),
        cmocka_unit_test(unsubscribed_is_silent_and_asking_again_is_answered),
        cmocka_unit_test(many_publishes_are_pipelined_and_keep_their_order),
        cmocka_unit_test(the_largest_payload_passes_and_no_larger),
        cmocka_unit_test(over_a_unix_socket),
        cmocka_unit_test(by_name),
        cmocka_unit_test(slots_are_called_from_within_a_completion),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
