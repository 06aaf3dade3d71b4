// SPDX-License-Identifier: MIT
// A broker opens, is heard, and closes, whatever is under way and however little memory there is.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "broker_fixture.h"

// ---- closing

static void closing_settles_what_is_in_flight(void **state) {
    struct fixture f;
    struct settled s = {0}, p = {0}, done = {0};
    (void)state;
    set_up(&f, LONG);
    for (int slot = 0; slot < FAKE_SLOTS; slot++) {
        fake_behave(f.fake, slot, FAKE_HOLD, 0);
    }
    publish(&f, &done);
    fake_complete(f.fake, f.fake->held, WSHUB_OK);
    subscribe(&f, &s);
    publish(&f, &p);
    tear_down(&f);
    assert_settled(&s, WSHUB_CLOSED);
    assert_settled(&p, WSHUB_CLOSED);
    assert_settled(&done, WSHUB_OK);
}

// A confirmation that comes while the plugin closes would start what nobody can end any more.
static void what_completes_while_closing_is_closed(void **state) {
    struct fixture f;
    struct settled s = {0};
    (void)state;
    set_up(&f, LONG);
    fake_behave(f.fake, FAKE_SUBSCRIBE, FAKE_HOLD, 0);
    subscribe(&f, &s);
    f.fake->close_says_ok = true;
    tear_down(&f);
    assert_settled(&s, WSHUB_CLOSED);
}

struct next { // a call that is made when another one ends
    struct fixture *fixture;
    struct settled settled;
};

static void delete_next(void *context, void *argument, int status) {
    struct next *next = context;
    (void)argument;
    (void)status;
    broker_registry_delete(next->fixture->broker, KEY, (struct broker_reply){on_done, NULL, &next->settled});
}

// Its plugin is gone, or going.
static void what_is_asked_while_it_closes_is_closed(void **state) {
    (void)state;
    for (int in_close = 0; in_close < 2; in_close++) {
        struct fixture f;
        set_up(&f, LONG);
        struct next next = {.fixture = &f};
        fake_behave(f.fake, FAKE_HEARTBEAT, FAKE_HOLD, 0);
        broker_heartbeat(f.broker, KEY, VALUE, 1000, (struct broker_reply){delete_next, &next, NULL});
        f.fake->close_says_ok = in_close;
        tear_down(&f);
        assert_settled(&next.settled, WSHUB_CLOSED);
    }
}

static void closing_nothing_is_fine(void **state) {
    (void)state;
    broker_close(NULL);
}

// ---- opening, and what the host offers

static void a_plugin_that_cannot_open_is_reported(void **state) {
    const struct {
        int status;
        const char *line;
    } cases[] = {{WSHUB_UNAVAILABLE, "what it needs is not reachable"}, {-99, "an unknown status"}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct fixture f;
        prepare(&f);
        f.fake->open_status = cases[i].status;
        assert_null(open_named(&f, LONG));
        assert_logged(&f, "broker cannot be opened");
        assert_logged(&f, "broker=main plugin=keeper");
        assert_logged(&f, cases[i].line);
        assert_int_equal(f.fake->closed, 0);
        tear_down(&f);
    }
}

static void the_link_is_followed(void **state) {
    struct fixture f;
    (void)state;
    set_up(&f, LONG);
    assert_int_equal(f.links, 1); // from within open
    assert_true(broker_is_up(f.broker));
    fake_link(f.fake, WSHUB_LINK_DOWN, "connection refused");
    assert_false(broker_is_up(f.broker));
    assert_int_equal(f.link, WSHUB_LINK_DOWN);
    assert_string_equal(f.reason, "connection refused");
    assert_int_equal(counter_get(&broker_stats(f.broker)->link_up), 0);
    assert_logged(&f, "broker down");
    assert_logged(&f, "connection refused");
    fake_link(f.fake, WSHUB_LINK_RESUMED, NULL);
    assert_true(broker_is_up(f.broker));
    assert_int_equal(f.link, WSHUB_LINK_RESUMED);
    assert_int_equal(counter_get(&broker_stats(f.broker)->link_up), 1);
    tear_down(&f);
}

static void a_broker_may_open_without_a_link(void **state) {
    struct fixture f;
    (void)state;
    prepare(&f);
    f.fake->opens_down = true;
    f.broker = open_named(&f, LONG);
    assert_non_null(f.broker);
    assert_false(broker_is_up(f.broker));
    assert_string_equal(broker_name(f.broker), "main");
    assert_logged(&f, "broker down");
    tear_down(&f);
}

static void a_delivery_that_is_not_taken_is_said(void **state) {
    struct fixture f;
    (void)state;
    set_up(&f, LONG);
    assert_int_equal(fake_deliver(f.fake, "room", "1"), WSHUB_OK);
    f.deliver_status = WSHUB_NO_MEMORY;
    assert_int_equal(fake_deliver(f.fake, "room", "1"), WSHUB_NO_MEMORY);
    assert_int_equal(f.deliveries, 2);
    tear_down(&f);
}

// ---- memory

static void without_memory_a_call_is_settled_all_the_same(void **state) {
    struct fixture f;
    struct settled s[3] = {0};
    (void)state;
    if (!SCARCE_MEMORY) {
        skip();
    }
    set_up(&f, LONG);
    for (size_t allowed = 0; allowed < 2; allowed++) { // the table of calls, then the call
        memory_allowed = allowed;
        subscribe(&f, &s[allowed]);
        memory_allowed = SIZE_MAX;
        assert_settled(&s[allowed], WSHUB_NO_MEMORY);
    }
    assert_int_equal(f.fake->call_count, 0);
    assert_int_equal(broker_in_flight(f.broker), 0);
    subscribe(&f, &s[2]);
    assert_settled(&s[2], WSHUB_OK);
    tear_down(&f);
}

// The first allocations are the loader's; with enough for those, it is the broker's turn to say so.
static void without_memory_it_does_not_open(void **state) {
    struct fixture f;
    (void)state;
    if (!SCARCE_MEMORY) {
        skip();
    }
    prepare(&f);
    for (size_t allowed = 0; !f.broker; allowed++) {
        assert_true(allowed < 100);
        memory_allowed = allowed;
        f.broker = open_named(&f, LONG);
        memory_allowed = SIZE_MAX;
    }
    assert_int_equal(count_logged(&f, "out of memory"), 2); // for itself, and for its mailbox
    assert_int_equal(f.fake->opened, 1);
    tear_down(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(closing_settles_what_is_in_flight),
        cmocka_unit_test(what_completes_while_closing_is_closed),
        cmocka_unit_test(what_is_asked_while_it_closes_is_closed),
        cmocka_unit_test(closing_nothing_is_fine),
        cmocka_unit_test(a_plugin_that_cannot_open_is_reported),
        cmocka_unit_test(the_link_is_followed),
        cmocka_unit_test(a_broker_may_open_without_a_link),
        cmocka_unit_test(a_delivery_that_is_not_taken_is_said),
        cmocka_unit_test(without_memory_a_call_is_settled_all_the_same),
        cmocka_unit_test(without_memory_it_does_not_open),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
