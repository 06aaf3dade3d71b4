// SPDX-License-Identifier: MIT
// Publishing to channels with a history: positions, keys, epochs, and positions of other brokers, against a
// real server.
#include "nats_fixture.h"

#include "loop_fixture.h"

enum { MINUTE = 60000, WAIT_MS = 10000 };
static struct nats_server server;

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

static struct wshub_bytes bytes(const char *text) {
    return (struct wshub_bytes){text, strlen(text)};
}

static int publish_keyed(struct nats_host *nats, const char *channel, const char *payload, const char *key,
                         uint64_t key_ttl) {
    const struct wshub_message message = {.channel = bytes(channel),
                                          .payload = bytes(payload),
                                          .history_size = 20,
                                          .history_ttl = MINUTE,
                                          .key = bytes(key),
                                          .key_ttl = key_ttl};
    nats->positions = 0;
    return plugin_host_wait(nats->host, plugin_host_publish_message(nats->host, &message));
}

static const struct wshub_history_query all = {.size = 20, .ttl = MINUTE, .limit = 20};

static void a_publish_tells_where_it_went(void **state) {
    (void)state;
    struct nats_host *nats = nats_open_up(OPTIONS("url", server.url));
    uint64_t offsets[2];
    char epoch[32];
    for (int i = 0; i < 2; i++) {
        nats->positions = 0;
        assert_int_equal(nats_publish_kept(nats, "told", "x", 20, MINUTE), WSHUB_OK);
        assert_int_equal(nats->positions, 1);
        assert_int_equal(nats->oldest, 0);
        offsets[i] = nats->newest;
    }
    snprintf(epoch, sizeof epoch, "%s", nats->epoch);
    assert_true(offsets[0] > 0 && offsets[1] > offsets[0]);
    assert_int_equal(nats_history(nats, "told", all), WSHUB_OK);
    assert_string_equal(nats->epoch, epoch);
    assert_int_equal(nats->found[0].offset, offsets[0]);
    assert_int_equal(nats->found[1].offset, offsets[1]);
    nats->positions = 0;
    assert_ends(nats, plugin_host_publish(nats->host, "told", "x", 1), WSHUB_OK); // without a history
    assert_int_equal(nats->positions, 0);
    nats_close(nats);
}

static void an_older_hub_is_not_told(void **state) {
    (void)state;
    struct nats_host *nats = nats_open_up(OPTIONS("url", server.url));
    nats->host->table.abi_minor = 2;
    assert_int_equal(nats_publish_kept(nats, "older", "x", 20, MINUTE), WSHUB_OK);
    assert_int_equal(nats->positions, 0);
    assert_int_equal(nats_history(nats, "older", all), WSHUB_OK);
    assert_int_equal(nats->positions, 1);
    nats_close(nats);
}

static void of_a_key_the_first_counts(void **state) {
    (void)state;
    struct nats_host *a = nats_open_up(OPTIONS("url", server.url)),
                     *b = nats_open_up(OPTIONS("url", server.url));
    assert_ends(b, plugin_host_subscribe(b->host, "keyed"), WSHUB_OK);
    assert_int_equal(publish_keyed(a, "keyed", "first", "k", 1000), WSHUB_OK);
    const uint64_t first = a->newest;
    assert_int_equal(publish_keyed(a, "keyed", "other", "k2", 1000), WSHUB_OK);
    assert_true(a->newest > first);
    assert_int_equal(publish_keyed(b, "keyed", "again", "k", 1000), WSHUB_OK); // over another instance
    assert_int_equal(b->newest, first);
    assert_string_equal(a->epoch, b->epoch);
    assert_int_equal(publish_keyed(a, "keyed.too", "channel", "k", 1000), WSHUB_OK);
    assert_true(a->newest > first);
    assert_int_equal(publish_keyed(a, "keyed", "last", "k3", 1000), WSHUB_OK);
    plugin_host_wait_messages(b->host, 3);
    assert_string_equal(b->host->messages[0].payload, "first");
    assert_string_equal(b->host->messages[1].payload, "other");
    assert_string_equal(b->host->messages[2].payload, "last");
    assert_int_equal(nats_history(a, "keyed", all), WSHUB_OK);
    assert_int_equal(a->found_count, 3);
    nats_close(a);
    nats_close(b);
}

static void a_key_is_forgotten_after_its_time(void **state) {
    (void)state;
    struct nats_host *nats = nats_open_up(OPTIONS("url", server.url));
    const struct wshub_message message = {.channel = bytes("forgotten"),
                                          .payload = bytes("x"),
                                          .history_size = 21, // a stream of its own
                                          .history_ttl = MINUTE,
                                          .key = bytes("k"),
                                          .key_ttl = 200};
    const uint64_t begin = clock_ns() / 1000000, until = begin + WAIT_MS;
    uint64_t first = 0, now = begin;
    for (nats->newest = 0; nats->newest == first && now < until; now = clock_ns() / 1000000) {
        first = nats->newest; // asked again, until the deadline
        assert_ends(nats, plugin_host_publish_message(nats->host, &message), WSHUB_OK);
        first = first ? first : nats->newest;
    }
    assert_true(nats->newest > first);
    assert_true(now - begin >= 200);
    nats_close(nats);
}

// A stream has one window: the largest that was asked for.
static void a_longer_window_replaces_a_shorter_one(void **state) {
    (void)state;
    struct nats_host *a = nats_open_up(OPTIONS("url", server.url)),
                     *b = nats_open_up(OPTIONS("url", server.url));
    assert_int_equal(publish_keyed(a, "wide", "x", "k", 500), WSHUB_OK);
    const uint64_t first = a->newest;
    assert_int_equal(publish_keyed(b, "wide", "x", "k", 50000), WSHUB_OK);
    assert_int_equal(b->newest, first);
    assert_string_equal(a->epoch, b->epoch);
    assert_int_equal(publish_keyed(a, "wide", "x", "k", 40000), WSHUB_OK);
    assert_int_equal(a->newest, first);
    assert_null(strstr(a->host->log, "other settings"));
    nats_close(a);
    nats_close(b);
}

static void a_key_cannot_outlive_the_messages(void **state) {
    (void)state;
    struct nats_host *nats = nats_open_up(OPTIONS("url", server.url));
    assert_int_equal(publish_keyed(nats, "outlives", "x", "k", MINUTE + 1), WSHUB_UNSUPPORTED);
    assert_says(nats->host->log, "`key_window` must not exceed the `ttl`");
    assert_int_equal(publish_keyed(nats, "outlives", "x", "k", MINUTE), WSHUB_OK);
    nats_close(nats);
}

static void a_position_of_another_broker_is_carried(void **state) {
    (void)state;
    struct nats_host *a = nats_open_up(OPTIONS("url", server.url)),
                     *b = nats_open_up(OPTIONS("url", server.url));
    assert_ends(b, plugin_host_subscribe(b->host, "carried"), WSHUB_OK);
    const uint64_t offsets[] = {7, UINT64_MAX, 3}; // in whatever order
    for (size_t i = 0; i < 3; i++) {
        a->positions = 0;
        assert_ends(a,
                    plugin_host_publish_message(a->host, &(struct wshub_message){.channel = bytes("carried"),
                                                                                 .payload = bytes("x"),
                                                                                 .epoch = bytes("redis:1 "),
                                                                                 .offset = offsets[i]}),
                    WSHUB_OK);
        assert_int_equal(a->positions, 0);
    }
    plugin_host_wait_messages(b->host, 3);
    for (size_t i = 0; i < 3; i++) {
        assert_string_equal(b->host->messages[i].epoch, "redis:1 ");
        assert_true(b->host->messages[i].offset == offsets[i]);
    }
    nats_close(a);
    nats_close(b);
}

// ---- a server that loses what it has stored ----

static void run(const char *verb, const char *from, const char *to) {
    char command[256];
    snprintf(command, sizeof command, "%s %s %s", verb, from, to);
    assert_int_equal(system(command), 0);
}

static void publish(struct nats_host *nats, const char *payload, unsigned count) {
    for (unsigned i = 0; i < count; i++) {
        assert_int_equal(nats_publish_kept(nats, "crashed", payload, 20, MINUTE), WSHUB_OK);
    }
}

// As when a machine goes down before the last messages have reached the disk: the server has an older state
// of the same stream, and would give their offsets to other messages.
static void crash(struct nats_server *disk, struct nats_host *a, struct nats_host *b) {
    char store[96], saved[96];
    snprintf(store, sizeof store, "%s/store", disk->folder);
    snprintf(saved, sizeof saved, "%s/saved", disk->folder);
    publish(a, "old", 2);
    nats_server_signal(disk, SIGSTOP);
    run("cp -a", store, saved);
    nats_server_signal(disk, SIGCONT);
    publish(a, "lost", 4);
    assert_int_equal(nats_history(b, "crashed", all), WSHUB_OK); // so it knows of them too
    nats_server_kill(disk);
    run("rm -r", store, "");
    run("mv", saved, store);
    nats_server_restart(disk);
    for (struct nats_host **host = (struct nats_host *[]){a, b, NULL}; *host; host++) {
        plugin_host_wait_link((*host)->host, WSHUB_LINK_RESUBSCRIBED);
    }
}

static void offsets_are_not_given_twice_under_one_epoch(void **state) {
    (void)state;
    struct nats_server disk;
    char epoch[32];
    nats_server_start(&disk, true, NULL);
    struct nats_host *a = nats_open_up(OPTIONS("url", disk.url, "jetstream", "file")),
                     *b = nats_open_up(OPTIONS("url", disk.url, "jetstream", "file"));
    assert_ends(b, plugin_host_subscribe(b->host, "crashed"), WSHUB_OK);
    publish(a, "old", 1);
    snprintf(epoch, sizeof epoch, "%s", a->epoch);
    crash(&disk, a, b);
    assert_int_equal(nats_history(b, "crashed", all), WSHUB_OK);
    assert_string_not_equal(b->epoch, epoch);
    assert_says(b->host->log, "has lost messages that it had taken");
    snprintf(epoch, sizeof epoch, "%s", b->epoch);
    const size_t before = b->host->message_count;
    publish(a, "new", 1);
    assert_string_equal(a->epoch, epoch); // both found out, and once
    plugin_host_wait_messages(b->host, before + 1);
    assert_string_equal(b->host->messages[before].epoch, epoch);
    assert_int_equal(b->host->messages[before].offset, a->newest);
    nats_close(a);
    nats_close(b);
    nats_server_stop(&disk);
}

static void a_restart_with_all_that_was_stored_keeps_the_epoch(void **state) {
    (void)state;
    struct nats_server disk;
    char epoch[32];
    nats_server_start(&disk, true, NULL);
    struct nats_host *nats = nats_open_up(OPTIONS("url", disk.url, "jetstream", "file"));
    assert_int_equal(publish_keyed(nats, "kept", "x", "k", 50000), WSHUB_OK);
    const uint64_t offset = nats->newest;
    snprintf(epoch, sizeof epoch, "%s", nats->epoch);
    nats_server_restart(&disk); // kill -9
    plugin_host_wait_link(nats->host, WSHUB_LINK_DOWN);
    plugin_host_wait_link(nats->host, WSHUB_LINK_RESUBSCRIBED);
    assert_int_equal(publish_keyed(nats, "kept", "x", "k", 50000), WSHUB_OK); // the key is kept too
    assert_int_equal(nats->newest, offset);
    assert_int_equal(nats_history(nats, "kept", all), WSHUB_OK);
    assert_int_equal(nats->found_count, 1);
    assert_string_equal(nats->epoch, epoch);
    nats_close(nats);
    nats_server_stop(&disk);
}

static bool some_are_acknowledged(void *context) {
    struct nats_host *nats = context;
    return nats->positions >= 300;
}

// As docs/nats.md says: only a machine that goes down takes what was acknowledged.
static void a_killed_server_has_what_it_acknowledged(void **state) {
    enum { COUNT = 2000 };
    (void)state;
    struct nats_server disk;
    nats_server_start(&disk, true, NULL);
    struct nats_host *nats = nats_open_up(OPTIONS("url", disk.url, "jetstream", "file"));
    wshub_token first = 0, last = 0;
    for (unsigned i = 0; i < COUNT; i++) {
        last = plugin_host_publish_message(nats->host, &(struct wshub_message){.channel = bytes("killed"),
                                                                               .payload = bytes("x"),
                                                                               .history_size = COUNT,
                                                                               .history_ttl = MINUTE});
        first = first ? first : last;
    }
    run_until(nats->host->loop, some_are_acknowledged, nats);
    nats_server_restart(&disk);
    plugin_host_wait_link(nats->host, WSHUB_LINK_DOWN);
    plugin_host_wait_link(nats->host, WSHUB_LINK_RESUBSCRIBED);
    size_t acknowledged = 0;
    for (wshub_token token = first; token <= last; token++) {
        acknowledged += plugin_host_wait(nats->host, token) == WSHUB_OK;
    }
    assert_in_range(acknowledged, 300, COUNT);
    assert_int_equal(nats_history(nats, "killed",
                                  (struct wshub_history_query){.size = COUNT, .ttl = MINUTE, .limit = COUNT}),
                     WSHUB_OK);
    assert_true(nats->found_count >= acknowledged);
    nats_close(nats);
    nats_server_stop(&disk);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_publish_tells_where_it_went),
        cmocka_unit_test(an_older_hub_is_not_told),
        cmocka_unit_test(of_a_key_the_first_counts),
        cmocka_unit_test(a_key_is_forgotten_after_its_time),
        cmocka_unit_test(a_longer_window_replaces_a_shorter_one),
        cmocka_unit_test(a_key_cannot_outlive_the_messages),
        cmocka_unit_test(a_position_of_another_broker_is_carried),
        cmocka_unit_test(offsets_are_not_given_twice_under_one_epoch),
        cmocka_unit_test(a_restart_with_all_that_was_stored_keeps_the_epoch),
        cmocka_unit_test(a_killed_server_has_what_it_acknowledged),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
