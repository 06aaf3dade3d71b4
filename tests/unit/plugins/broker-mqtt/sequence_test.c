// SPDX-License-Identifier: MIT
// Losses are found by numbers, and a slow hub is told what a real server has dropped.
#include "mqtt_fixture.h"
#include "sequence.h"

static struct sequences writer, reader;

static int start(void **state) {
    (void)state;
    signal(SIGPIPE, SIG_IGN);
    sequences_init(&writer);
    sequences_init(&reader);
    return 0;
}

static void numbers_follow_each_other(void **state) {
    (void)state;
    for (uint64_t i = 1; i < 100; i++) {
        struct sequence_mark a = sequences_next(&writer, "a"), b = sequences_next(&writer, "b");
        assert_int_equal(a.number, i);
        assert_true(a.stream != b.stream && a.stream);
        assert_true(sequences_follows(&reader, "a", a));
        assert_true(sequences_follows(&reader, "b", b));
    }
    sequences_next(&writer, "a");
    assert_false(sequences_follows(&reader, "a", sequences_next(&writer, "a")));
    assert_true(sequences_follows(&reader, "a", sequences_next(&writer, "a"))); // told once
    assert_true(sequences_follows(&reader, "b", sequences_next(&writer, "b"))); // of its topic alone
}

static void what_was_not_published_is_not_missed(void **state) {
    (void)state;
    assert_true(sequences_follows(&reader, "c", sequences_next(&writer, "c")));
    sequences_next(&writer, "c");
    sequences_renew(&writer, "c");
    assert_true(sequences_follows(&reader, "c", sequences_next(&writer, "c")));
}

static void a_new_subscription_has_missed_nothing(void **state) {
    (void)state;
    assert_true(sequences_follows(&reader, "d", sequences_next(&writer, "d")));
    sequences_next(&writer, "d");
    sequences_forget(&reader, "d");
    assert_true(sequences_follows(&reader, "d", sequences_next(&writer, "d")));
    assert_true(sequences_follows(&reader, "d", (struct sequence_mark){0, 0})); // others do not count
}

// More topics than the tables hold: nothing is seen that is not so.
static void no_loss_is_invented(void **state) {
    char topic[32];
    (void)state;
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 3 * SEQUENCE_WRITERS; i++) {
            snprintf(topic, sizeof topic, "t%d", i);
            assert_true(sequences_follows(&reader, topic, sequences_next(&writer, topic)));
        }
    }
}

static bool has_lost(void *context) {
    return ((struct plugin_host *)context)->losses > 0;
}

// The subscriber does not read while another floods it: beyond the socket's buffers mosquitto drops.
static void what_a_server_drops_is_told(void **state) {
    enum { COUNT = 400, SIZE = 256 * 1024 };
    struct mosquitto_server server;
    char *payload = test_calloc(1, SIZE);
    (void)state;
    mosquitto_server_start(&server, LINES("max_queued_messages 10"));
    struct plugin_host *slow = open_up(OPTIONS("url", server.url));
    assert_ends(slow, plugin_host_subscribe(slow, "room"), WSHUB_OK);
    struct plugin_host *fast = open_up(OPTIONS("url", server.url, "client_id", "fast"));
    for (int i = 0; i < COUNT; i++) {
        plugin_host_publish(fast, "room", payload, SIZE);
        if (i % 50 == 49) { // the loop of `slow` does not run meanwhile
            assert_ends(fast, fast->last, WSHUB_OK);
        }
    }
    while (!slow->losses && fast->last < 2 * COUNT) { // a loss is seen by the next one that arrives
        assert_ends(fast, plugin_host_publish(fast, "room", "end", 3), WSHUB_OK);
        plugin_host_run(slow, 50);
    }
    plugin_host_wait_until(slow, has_lost, slow, "the loss");
    assert_true(slow->message_count < fast->last);
    assert_says(slow->log, "the server has dropped messages");
    assert_int_equal(count_lines(slow->log), 1);
    assert_int_equal(slow->downs, 0);
    plugin_host_free(fast);
    plugin_host_free(slow);
    mosquitto_server_stop(&server);
    test_free(payload);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_follow_each_other),
        cmocka_unit_test(what_was_not_published_is_not_missed),
        cmocka_unit_test(a_new_subscription_has_missed_nothing),
        cmocka_unit_test(no_loss_is_invented),
        cmocka_unit_test(what_a_server_drops_is_told),
    };
    return cmocka_run_group_tests(tests, start, NULL);
}
