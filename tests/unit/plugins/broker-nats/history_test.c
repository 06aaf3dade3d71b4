// SPDX-License-Identifier: MIT
// Channels with a history, against a real server with JetStream.
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

static void publish_numbers(struct nats_host *nats, const char *channel, unsigned from, unsigned to,
                            uint64_t size) {
    for (unsigned i = from; i <= to; i++) {
        char payload[16];
        snprintf(payload, sizeof payload, "%u", i);
        assert_int_equal(nats_publish_kept(nats, channel, payload, size, MINUTE), WSHUB_OK);
    }
}

static void assert_found(struct nats_host *nats, const char *payloads) {
    char all[4096] = "";
    for (size_t i = 0; i < nats->found_count; i++) {
        snprintf(all + strlen(all), sizeof all - strlen(all), "%s%s", i ? " " : "", nats->found[i].payload);
        assert_string_equal(nats->found[i].epoch, nats->epoch);
    }
    assert_string_equal(all, payloads);
    assert_int_equal(nats->positions, 1);
}

static void a_live_message_has_the_position_of_the_stored_one(void **state) {
    (void)state;
    struct nats_host *a = nats_open_up(OPTIONS("url", server.url)),
                     *b = nats_open_up(OPTIONS("url", server.url));
    assert_ends(b, plugin_host_subscribe(b->host, "live"), WSHUB_OK);
    publish_numbers(a, "live", 1, 3, 10);
    plugin_host_wait_messages(b->host, 3);
    assert_int_equal(
        nats_history(b, "live", (struct wshub_history_query){.size = 10, .ttl = MINUTE, .limit = 10}),
        WSHUB_OK);
    assert_found(b, "1 2 3");
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(b->host->messages[i].offset, b->found[i].offset);
        assert_string_equal(b->host->messages[i].epoch, b->epoch);
        assert_string_equal(b->host->messages[i].payload, b->found[i].payload);
    }
    assert_int_equal(b->found[2].previous, b->found[1].offset);
    assert_int_equal(b->oldest, b->found[0].offset);
    assert_int_equal(b->newest, b->found[2].offset);
    assert_true(b->oldest < b->newest);
    assert_int_equal(b->host->message_count, 3); // each once
    nats_close(a);
    nats_close(b);
}

static void it_keeps_so_many_of_each_channel(void **state) {
    (void)state;
    struct nats_host *nats = nats_open_up(OPTIONS("url", server.url));
    publish_numbers(nats, "many", 1, 8, 5);
    publish_numbers(nats, "many.other", 1, 2, 5);
    const struct wshub_history_query all = {.size = 5, .ttl = MINUTE, .limit = 100};
    assert_int_equal(nats_history(nats, "many", all), WSHUB_OK);
    assert_found(nats, "4 5 6 7 8");
    assert_int_equal(nats_history(nats, "many.other", all), WSHUB_OK);
    assert_found(nats, "1 2");
    nats_close(nats);
}

static void it_reads_both_ways_from_an_offset(void **state) {
    (void)state;
    struct nats_host *nats = nats_open_up(OPTIONS("url", server.url));
    struct wshub_history_query query = {.size = 100, .ttl = MINUTE, .limit = 100};
    publish_numbers(nats, "ways", 1, 9, 100);
    assert_int_equal(nats_history(nats, "ways", query), WSHUB_OK);
    const uint64_t fifth = nats->found[4].offset;
    query.after = fifth;
    query.limit = 3;
    assert_int_equal(nats_history(nats, "ways", query), WSHUB_OK);
    assert_found(nats, "6 7 8");
    assert_int_equal(nats->found[0].previous, fifth);
    query.after = fifth - 1; // no message of this channel, maybe
    assert_int_equal(nats_history(nats, "ways", query), WSHUB_OK);
    assert_found(nats, "5 6 7");
    query.after = fifth;
    query.flags = WSHUB_HISTORY_BACKWARDS;
    assert_int_equal(nats_history(nats, "ways", query), WSHUB_OK);
    assert_found(nats, "4 3 2");
    assert_int_equal(nats->found[0].previous, nats->found[1].offset);
    query.after = 0;
    assert_int_equal(nats_history(nats, "ways", query), WSHUB_OK);
    assert_found(nats, "9 8 7");
    query.limit = 0;
    assert_int_equal(nats_history(nats, "ways", query), WSHUB_OK);
    assert_found(nats, "");
    assert_true(nats->oldest > 0 && nats->newest > fifth);
    query = (struct wshub_history_query){.size = 100, .ttl = MINUTE, .limit = 100, .after = nats->newest};
    assert_int_equal(nats_history(nats, "ways", query), WSHUB_OK);
    assert_found(nats, "");
    nats_close(nats);
}

static void one_longer_than_a_batch_is_whole(void **state) {
    enum { COUNT = 700 };
    (void)state;
    struct nats_host *nats = nats_open_up(OPTIONS("url", server.url));
    wshub_token token = 0;
    for (unsigned i = 0; i < COUNT; i++) {
        char payload[16];
        snprintf(payload, sizeof payload, "%u", i);
        token = plugin_host_publish_message(nats->host,
                                            &(struct wshub_message){.channel = {"long", 4},
                                                                    .payload = {payload, strlen(payload)},
                                                                    .history_size = 1000,
                                                                    .history_ttl = MINUTE});
    }
    assert_ends(nats, token, WSHUB_OK);
    struct wshub_history_query query = {.size = 1000, .ttl = MINUTE, .limit = 1000};
    for (int backwards = 0; backwards < 2; backwards++) {
        query.flags = backwards ? WSHUB_HISTORY_BACKWARDS : 0;
        assert_int_equal(nats_history(nats, "long", query), WSHUB_OK);
        assert_int_equal(nats->found_count, COUNT);
        for (unsigned i = 0; i < COUNT; i++) {
            assert_int_equal(atoi(nats->found[i].payload), backwards ? COUNT - 1 - i : i);
        }
    }
    nats_close(nats);
}

// The messages of one channel may lie far apart in the stream.
static void a_channel_is_found_among_others(void **state) {
    enum { NOISE = 40, COUNT = 12 };
    (void)state;
    struct nats_host *nats = nats_open_up(OPTIONS("url", server.url));
    for (unsigned i = 1; i <= COUNT; i++) {
        publish_numbers(nats, "noise", 1, i % 4 == 0 ? NOISE : 1, 1000);
        publish_numbers(nats, "sparse", i, i, 1000);
    }
    struct wshub_history_query query = {
        .flags = WSHUB_HISTORY_BACKWARDS, .size = 1000, .ttl = MINUTE, .limit = 5};
    assert_int_equal(nats_history(nats, "sparse", query), WSHUB_OK);
    assert_found(nats, "12 11 10 9 8");
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(nats->found[i].previous, nats->found[i + 1].offset);
    }
    query.after = nats->found[4].offset;
    const uint64_t seventh = nats->found[4].previous; // though it is of the next page
    assert_int_equal(nats_history(nats, "sparse", query), WSHUB_OK);
    assert_found(nats, "7 6 5 4 3");
    assert_int_equal(nats->found[0].offset, seventh);
    query.after = nats->found[4].offset;
    assert_int_equal(nats_history(nats, "sparse", query), WSHUB_OK);
    assert_found(nats, "2 1");
    query.after = nats->found[1].offset;
    assert_int_equal(nats_history(nats, "sparse", query), WSHUB_OK);
    assert_found(nats, "");
    query.after = UINT64_MAX; // beyond all that there is
    assert_int_equal(nats_history(nats, "sparse", query), WSHUB_OK);
    assert_found(nats, "12 11 10 9 8");
    nats_close(nats);
}

// What is forgotten while a history is read must not pass for there: who asks takes the oldest offset for the
// proof that nothing is missing before the first message.
static void what_is_forgotten_meanwhile_is_told(void **state) {
    enum { COUNT = 1500 };
    (void)state;
    struct nats_host *a = nats_open_up(OPTIONS("url", server.url)),
                     *b = nats_open_up(OPTIONS("url", server.url));
    const struct wshub_history_query query = {.size = 2, .ttl = MINUTE, .limit = 2};
    publish_numbers(a, "busy", 1, 2, 2);
    wshub_token token = 0;
    for (unsigned i = 0; i < COUNT; i++) {
        token = plugin_host_publish_message(b->host, &(struct wshub_message){.channel = {"busy", 4},
                                                                             .payload = {"x", 1},
                                                                             .history_size = 2,
                                                                             .history_ttl = MINUTE});
    }
    for (int i = 0; i < 50; i++) {
        assert_int_equal(nats_history(a, "busy", query), WSHUB_OK);
        assert_true(a->found_count == 0 || a->oldest >= a->found[0].offset);
        assert_true(a->newest >= a->oldest);
    }
    assert_ends(b, token, WSHUB_OK);
    nats_close(a);
    nats_close(b);
}

static void nothing_published_is_an_empty_history(void **state) {
    (void)state;
    struct nats_host *nats = nats_open_up(OPTIONS("url", server.url));
    assert_int_equal(
        nats_history(nats, "nobody", (struct wshub_history_query){.size = 7, .ttl = MINUTE, .limit = 7}),
        WSHUB_OK);
    assert_found(nats, "");
    assert_int_equal(nats->oldest, 0);
    assert_int_equal(nats->newest, 0);
    assert_true(nats->epoch[0] != 0);
    nats_close(nats);
}

static void what_was_lost_is_another_epoch(void **state) {
    (void)state;
    struct nats_host *nats = nats_open_up(OPTIONS("url", server.url));
    const struct wshub_history_query query = {.size = 9, .ttl = MINUTE, .limit = 9};
    char epoch[32];
    publish_numbers(nats, "lost", 1, 3, 9);
    assert_int_equal(nats_history(nats, "lost", query), WSHUB_OK);
    snprintf(epoch, sizeof epoch, "%s", nats->epoch);
    nats_server_restart(&server);
    plugin_host_wait_link(nats->host, WSHUB_LINK_DOWN);
    plugin_host_wait_link(nats->host, WSHUB_LINK_RESUBSCRIBED);
    assert_int_equal(nats_history(nats, "lost", query), WSHUB_OK);
    assert_found(nats, "");
    assert_string_not_equal(epoch, nats->epoch);
    nats_close(nats);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_live_message_has_the_position_of_the_stored_one),
        cmocka_unit_test(it_keeps_so_many_of_each_channel),
        cmocka_unit_test(it_reads_both_ways_from_an_offset),
        cmocka_unit_test(one_longer_than_a_batch_is_whole),
        cmocka_unit_test(a_channel_is_found_among_others),
        cmocka_unit_test(what_is_forgotten_meanwhile_is_told),
        cmocka_unit_test(nothing_published_is_an_empty_history),
        cmocka_unit_test(what_was_lost_is_another_epoch),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
