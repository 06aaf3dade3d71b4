// SPDX-License-Identifier: MIT
// What ABI 1.3 has brought to a broker, at the hub's half of it: positions of publishes, keys, and histories
// that are told wrongly.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "broker_fixture.h"
#include "util/throttle.h"

struct told { // by one call
    struct settled settled;
    int messages, positions;
    uint64_t newest;
    char epoch[65];
};

static void on_message(void *context, void *argument, const struct wshub_message *message) {
    struct told *told = argument;
    (void)context;
    (void)message;
    assert_int_equal(told->settled.times, 0);
    told->messages++;
}

static void on_position(void *context, void *argument, struct wshub_bytes epoch, uint64_t oldest,
                        uint64_t newest) {
    struct told *told = argument;
    (void)context;
    (void)oldest;
    assert_int_equal(told->settled.times, 0);
    told->positions++;
    told->newest = newest;
    snprintf(told->epoch, sizeof told->epoch, "%.*s", (int)epoch.length, (const char *)epoch.data);
}

static void publish_kept(struct fixture *f, broker_position_fn position, struct told *told) {
    const struct wshub_message message = {
        .struct_size = sizeof message,
        .channel = {"room", 4},
        .payload = {"1", 1},
        .history_size = 10,
        .history_ttl = 60000,
        .key = KEY,
        .key_ttl = 1000,
    };
    broker_publish(f->broker, &message, position, (struct broker_reply){on_done, NULL, told});
}

static void set_up_held(struct fixture *f) {
    set_up(f, LONG);
    fake_behave(f->fake, FAKE_PUBLISH, FAKE_HOLD, 0);
    fake_behave(f->fake, FAKE_HISTORY, FAKE_HOLD, 0);
}

// ---- publishes

static void a_publish_is_told_its_position(void **state) {
    struct fixture f;
    struct told told = {.messages = 0};
    (void)state;
    set_up_held(&f);
    const struct wshub_host *host = f.fake->host;
    publish_kept(&f, on_position, &told);
    wshub_token token = f.fake->held->token;
    host->position(host->self, token, KEY, 0, 7);
    assert_int_equal(told.positions, 1);
    assert_int_equal(told.newest, 7);
    assert_string_equal(told.epoch, "k");
    host->position(host->self, token, KEY, 0, 8); // once
    fake_complete_all(f.fake, WSHUB_OK);
    assert_settled(&told.settled, WSHUB_OK);
    host->position(host->self, token, KEY, 0, 9); // too late
    assert_int_equal(told.positions, 1);
    assert_int_equal(count_logged(&f, "cannot be"), 0);
    tear_down(&f);
}

static void who_does_not_ask_is_not_told(void **state) {
    struct fixture f;
    struct told told = {.messages = 0};
    (void)state;
    set_up_held(&f);
    publish_kept(&f, NULL, &told);
    f.fake->host->position(f.fake->host->self, f.fake->held->token, KEY, 0, 7);
    fake_complete_all(f.fake, WSHUB_OK);
    assert_settled(&told.settled, WSHUB_OK);
    assert_int_equal(told.positions, 0);
    tear_down(&f);
}

// The message was taken nevertheless.
static void a_position_that_cannot_be_is_none(void **state) {
    static const struct wshub_bytes none = {NULL, 0}, blank = {"a b", 3};
    struct fixture f;
    (void)state;
    set_up_held(&f);
    const struct wshub_host *host = f.fake->host;
    for (int i = 0; i < 3; i++) {
        struct told told = {.messages = 0};
        publish_kept(&f, on_position, &told);
        host->position(host->self, f.fake->held->token,
                       i == 0   ? none
                       : i == 1 ? blank
                                : KEY,
                       0, i == 2 ? 0 : 7);
        fake_complete_all(f.fake, WSHUB_OK);
        assert_settled(&told.settled, WSHUB_OK);
        assert_int_equal(told.positions, 0);
    }
    assert_int_equal(count_logged(&f, "operation=publish found=\"a position without an epoch or an offset\""),
                     3);
    tear_down(&f);
}

// ---- keys

static struct wshub_bytes seen_key;
static uint64_t seen_ttl;

static int on_publish(void *self, const struct wshub_message *message, wshub_token token) {
    const struct wshub_host *host = ((struct fake_broker *)self)->host;
    assert_int_equal(message->history_size, 10);
    seen_key = message->key;
    seen_ttl = message->key_ttl;
    host->complete(host->self, token, WSHUB_OK);
    return WSHUB_OK;
}

static void a_key_is_for_who_honours_it(void **state) {
    struct fixture f;
    struct told told = {.messages = 0};
    (void)state;
    set_up(&f, LONG);
    f.plugin.broker.publish = on_publish;
    seen_ttl = 1;
    publish_kept(&f, NULL, &told);
    assert_settled(&told.settled, WSHUB_OK);
    assert_int_equal(seen_key.length, 0);
    assert_null(seen_key.data);
    assert_int_equal(seen_ttl, 0);
    f.plugin.broker.capabilities |= WSHUB_BROKER_IDEMPOTENT;
    told.settled.times = 0;
    publish_kept(&f, NULL, &told);
    assert_settled(&told.settled, WSHUB_OK);
    assert_int_equal(seen_key.length, 1);
    assert_int_equal(seen_ttl, 1000);
    tear_down(&f);
}

// ---- histories

static void ask(struct fixture *f, struct told *told) {
    const struct wshub_history_query query = {
        .struct_size = sizeof query,
        .channel = {"room", 4},
        .size = 10,
        .ttl = 60000,
        .limit = 1,
    };
    broker_history(f->broker, &query, on_message, on_position, (struct broker_reply){on_done, NULL, told});
}

static void tell(const struct fixture *f, wshub_token token, uint64_t offset) {
    const struct wshub_message message = {
        .struct_size = sizeof message,
        .channel = {"room", 4},
        .epoch = KEY,
        .offset = offset,
    };
    f->fake->host->message(f->fake->host->self, token, &message);
}

static void what_breaks_the_query_is_an_error(void **state) {
    struct fixture f;
    struct told told = {.messages = 0};
    (void)state;
    set_up_held(&f);
    ask(&f, &told);
    wshub_token token = f.fake->held->token;
    tell(&f, token, 1);
    tell(&f, token, 2); // one too many
    f.fake->host->position(f.fake->host->self, token, KEY, 1, 2);
    assert_int_equal(told.messages, 1);
    assert_int_equal(told.positions, 0);
    fake_complete_all(f.fake, WSHUB_OK);
    assert_settled(&told.settled, WSHUB_INTERNAL);
    assert_logged(&f, "operation=history found=\"more messages than the limit\"");
    assert_int_equal(counter_get(&broker_stats(f.broker)->operations[BROKER_HISTORY].failed), 1);
    tear_down(&f);
}

static void what_fails_anyway_keeps_its_reason(void **state) {
    struct fixture f;
    struct told told = {.messages = 0};
    (void)state;
    set_up_held(&f);
    ask(&f, &told);
    tell(&f, f.fake->held->token, 0);
    fake_complete_all(f.fake, WSHUB_UNAVAILABLE);
    assert_settled(&told.settled, WSHUB_UNAVAILABLE);
    assert_int_equal(count_logged(&f, "cannot be"), 0);
    tear_down(&f);
}

static void a_flood_of_them_is_told_shortly(void **state) {
    struct fixture f;
    (void)state;
    set_up_held(&f);
    for (int i = 0; i < 50; i++) {
        struct told told = {.messages = 0};
        ask(&f, &told);
        fake_complete_all(f.fake, WSHUB_OK); // without a position
        assert_settled(&told.settled, WSHUB_INTERNAL);
    }
    assert_int_equal(count_logged(&f, "found=\"no position\""), THROTTLE_LINES);
    tear_down(&f);
}

static void without_memory_a_history_is_not_asked(void **state) {
    struct fixture f;
    struct told told = {.messages = 0};
    (void)state;
    if (!SCARCE_MEMORY) {
        skip();
    }
    set_up_held(&f);
    publish_kept(&f, NULL, &told); // makes the call that is used again
    fake_complete_all(f.fake, WSHUB_OK);
    told.settled.times = 0;
    memory_allowed = 0;
    ask(&f, &told);
    memory_allowed = SIZE_MAX;
    assert_settled(&told.settled, WSHUB_NO_MEMORY);
    assert_int_equal(f.fake->counts[FAKE_HISTORY], 0);
    tear_down(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_publish_is_told_its_position),
        cmocka_unit_test(who_does_not_ask_is_not_told),
        cmocka_unit_test(a_position_that_cannot_be_is_none),
        cmocka_unit_test(a_key_is_for_who_honours_it),
        cmocka_unit_test(what_breaks_the_query_is_an_error),
        cmocka_unit_test(what_fails_anyway_keeps_its_reason),
        cmocka_unit_test(a_flood_of_them_is_told_shortly),
        cmocka_unit_test(without_memory_a_history_is_not_asked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
