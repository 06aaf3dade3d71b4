// SPDX-License-Identifier: MIT
// P9: healthy is what has been proven by a message that went through the broker and came back.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "fake_plugin.h"
#include "loop_fixture.h"
#include "plugin/broker.h"
#include "plugin/probe.h"
#include "util/clock.h"
#include "util/log.h"

#define CHANNEL PROBE_RESERVED_PREFIX ":probe:me"

enum { LONG = 60 * 1000 };

static const struct log no_log = {.fd = -1, .level = LOG_ERROR + 1};

struct fixture {
    struct loop *loop;
    struct fake_broker *fake;
    struct plugin plugin;
    struct broker *broker;
    struct probe *probe;
    int verdicts;
    bool healthy;
    char why[128];
    size_t wanted_calls;
};

static int on_deliver(void *context, struct broker *broker, const struct wshub_message *message) {
    struct fixture *f = context;
    (void)broker;
    assert_true(probe_take(f->probe, message));
    return WSHUB_OK;
}

static void on_link(void *context, struct broker *broker, enum wshub_link_state state, const char *reason) {
    struct fixture *f = context;
    (void)broker;
    (void)reason;
    if (!f->probe) {
        return;
    }
    if (state == WSHUB_LINK_DOWN) {
        probe_link_lost(f->probe);
    } else {
        probe_link_up(f->probe, state != WSHUB_LINK_UP);
    }
}

static void on_verdict(void *context, struct broker *broker, bool healthy, const char *why) {
    struct fixture *f = context;
    assert_ptr_equal(broker, f->broker);
    assert_true(healthy != f->healthy); // it is called when it changes
    assert_int_equal(healthy, why == NULL);
    f->verdicts++;
    f->healthy = healthy;
    snprintf(f->why, sizeof f->why, "%s", why ? why : "");
}

static void set_up(struct fixture *f, uint64_t timeout) {
    *f = (struct fixture){.loop = loop_new(), .fake = fake_new()};
    f->fake->sees_probe = true;
    f->broker = fake_open(&f->plugin, f->loop, &no_log, timeout,
                          (struct broker_listener){f, on_deliver, on_link, NULL});
    assert_non_null(f->broker);
    f->probe = probe_new(f->loop, f->broker, "me", on_verdict, f);
    assert_non_null(f->probe);
}

static void tear_down(struct fixture *f) {
    broker_close(f->broker);
    probe_free(f->probe);
    plugin_unload(&f->plugin);
    fake_free(f->fake);
    loop_free(f->loop);
}

static bool is_healthy(void *context) {
    struct fixture *f = context;
    broker_expire(f->broker);
    return f->healthy;
}

static bool is_unhealthy(void *context) {
    return !is_healthy(context);
}

static bool has_calls(void *context) {
    struct fixture *f = context;
    broker_expire(f->broker);
    return f->fake->call_count >= f->wanted_calls;
}

// A period passes, as far as the probe is concerned, and has made so many calls.
static void next_period(struct fixture *f, size_t calls) {
    f->wanted_calls = f->fake->call_count + calls;
    probe_kick(f->probe);
    run_until(f->loop, has_calls, f);
}

static void set_up_healthy(struct fixture *f) {
    set_up(f, LONG);
    run_until(f->loop, is_healthy, f);
    assert_int_equal(f->verdicts, 1);
}

// ---- the way to green

static void healthy_only_after_the_round_trip(void **state) {
    struct fixture f;
    (void)state;
    set_up(&f, LONG);
    fake_behave(f.fake, FAKE_SUBSCRIBE, FAKE_HOLD, 0);
    fake_behave(f.fake, FAKE_PUBLISH, FAKE_HOLD, 0);
    f.wanted_calls = 1;
    run_until(f.loop, has_calls, &f);
    assert_string_equal(f.fake->held->channel, CHANNEL);
    fake_complete(f.fake, f.fake->held, WSHUB_OK);
    assert_int_equal(f.fake->counts[FAKE_PUBLISH], 1); // at once, not in the next period
    assert_string_equal(f.fake->held->channel, CHANNEL);
    assert_int_equal(f.verdicts, 0);
    fake_complete(f.fake, f.fake->held, WSHUB_OK); // delivers, too
    assert_int_equal(f.verdicts, 1);
    assert_true(f.healthy);
    tear_down(&f);
}

static void what_came_back_but_was_not_confirmed_is_no_round_trip(void **state) {
    struct fixture f;
    (void)state;
    set_up(&f, LONG);
    fake_behave(f.fake, FAKE_PUBLISH, FAKE_HOLD, 0);
    f.wanted_calls = 2;
    run_until(f.loop, has_calls, &f);
    fake_deliver(f.fake, CHANNEL, f.fake->held->payload);
    assert_int_equal(f.verdicts, 0);
    f.fake->drops = true;
    fake_complete(f.fake, f.fake->held, WSHUB_OK);
    assert_true(f.healthy);
    tear_down(&f);
}

static void what_was_confirmed_but_did_not_come_back_is_no_round_trip(void **state) {
    struct fixture f;
    (void)state;
    set_up(&f, LONG);
    f.fake->drops = true;
    f.wanted_calls = 2;
    run_until(f.loop, has_calls, &f);
    next_period(&f, 1);
    assert_int_equal(f.verdicts, 0);
    fake_deliver(f.fake, CHANNEL, f.fake->calls[1]->payload); // the first one, a period too late
    assert_int_equal(f.verdicts, 0);
    fake_deliver(f.fake, CHANNEL, f.fake->calls[2]->payload);
    assert_true(f.healthy);
    tear_down(&f);
}

static void other_channels_are_none_of_its_own(void **state) {
    struct fixture f;
    static const char *const others[] = {"room", PROBE_RESERVED_PREFIX ":probe:m", CHANNEL "2", ""};
    (void)state;
    set_up_healthy(&f);
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        const struct wshub_message message = {.struct_size = sizeof message,
                                              .channel = {others[i], strlen(others[i])}};
        assert_false(probe_take(f.probe, &message));
    }
    tear_down(&f);
}

// ---- red, and green again

static void a_broker_that_does_not_deliver_turns_red_within_two_periods(void **state) {
    struct fixture f;
    (void)state;
    set_up_healthy(&f);
    f.fake->drops = true;
    uint64_t begun = clock_ns();
    run_until(f.loop, is_unhealthy, &f);
    uint64_t took = (clock_ns() - begun) / 1000000;
    assert_true(took <= 2 * PROBE_PERIOD_MS + 1000); // the second for a busy machine
    assert_non_null(strstr(f.why, "did not come back"));
    assert_true(probe_age(f.probe) >= PROBE_PERIOD_MS);
    f.fake->drops = false;
    run_until(f.loop, is_healthy, &f);
    assert_true(probe_age(f.probe) < PROBE_PERIOD_MS);
    assert_int_equal(f.fake->counts[FAKE_SUBSCRIBE], 1);
    tear_down(&f);
}

static void a_broker_that_does_not_confirm_turns_red(void **state) {
    struct fixture f;
    (void)state;
    set_up_healthy(&f);
    fake_behave(f.fake, FAKE_PUBLISH, FAKE_HOLD, 0);
    next_period(&f, 1);
    fake_deliver(f.fake, CHANNEL, f.fake->held->payload);
    assert_true(f.healthy);
    next_period(&f, 1);
    assert_false(f.healthy);
    tear_down(&f);
}

static void a_refused_publish_turns_red_at_once(void **state) {
    struct fixture f;
    (void)state;
    set_up_healthy(&f);
    fake_behave(f.fake, FAKE_PUBLISH, FAKE_REFUSE, WSHUB_UNAVAILABLE);
    next_period(&f, 1);
    assert_false(f.healthy);
    assert_non_null(strstr(f.why, "could not be published"));
    fake_behave(f.fake, FAKE_PUBLISH, FAKE_AT_ONCE, WSHUB_OK);
    next_period(&f, 1);
    assert_true(f.healthy);
    assert_int_equal(f.verdicts, 3);
    tear_down(&f);
}

// The broker hung for a while and is well again: the end of what was given up then says nothing about now.
static void what_fails_late_does_not_undo_a_newer_round_trip(void **state) {
    struct fixture f;
    (void)state;
    set_up_healthy(&f);
    fake_behave(f.fake, FAKE_PUBLISH, FAKE_HOLD, 0);
    next_period(&f, 1);
    fake_behave(f.fake, FAKE_PUBLISH, FAKE_AT_ONCE, WSHUB_OK);
    next_period(&f, 1);
    int verdicts = f.verdicts;
    assert_true(f.healthy);
    fake_complete(f.fake, f.fake->held, WSHUB_TIMEOUT);
    assert_true(f.healthy);
    assert_int_equal(f.verdicts, verdicts);
    tear_down(&f);
}

static void a_failed_subscribe_is_tried_again(void **state) {
    const int statuses[] = {WSHUB_DENIED, WSHUB_UNAVAILABLE, WSHUB_TIMEOUT};
    (void)state;
    for (size_t i = 0; i < sizeof statuses / sizeof *statuses; i++) {
        struct fixture f;
        set_up(&f, LONG);
        fake_behave(f.fake, FAKE_SUBSCRIBE, FAKE_REFUSE, statuses[i]);
        f.wanted_calls = 1;
        run_until(f.loop, has_calls, &f);
        next_period(&f, 1);
        assert_int_equal(f.fake->counts[FAKE_SUBSCRIBE], 2);
        assert_int_equal(f.fake->counts[FAKE_PUBLISH], 0);
        assert_int_equal(f.verdicts, 0);
        fake_behave(f.fake, FAKE_SUBSCRIBE, FAKE_AT_ONCE, WSHUB_OK);
        next_period(&f, 2);
        assert_true(f.healthy);
        tear_down(&f);
    }
}

static void a_subscribe_that_is_never_answered_is_tried_again(void **state) {
    struct fixture f;
    (void)state;
    set_up(&f, 20);
    fake_behave(f.fake, FAKE_SUBSCRIBE, FAKE_HOLD, 0);
    f.wanted_calls = 1;
    run_until(f.loop, has_calls, &f);
    fake_behave(f.fake, FAKE_SUBSCRIBE, FAKE_AT_ONCE, WSHUB_OK);
    run_until(f.loop, is_healthy, &f); // by itself
    assert_int_equal(f.fake->counts[FAKE_SUBSCRIBE], 2);
    tear_down(&f);
}

// ---- the link

static void a_lost_link_turns_red_at_once(void **state) {
    struct fixture f;
    (void)state;
    set_up_healthy(&f);
    fake_link(f.fake, WSHUB_LINK_DOWN, "reset");
    assert_false(f.healthy);
    assert_non_null(strstr(f.why, "link"));
    size_t calls = f.fake->call_count;
    probe_kick(f.probe);
    run_rounds(f.loop);
    assert_int_equal(f.fake->call_count, calls); // while it is down, nothing is asked of the broker
    assert_int_equal(f.verdicts, 2);
    fake_link(f.fake, WSHUB_LINK_UP, NULL);
    assert_false(f.healthy); // proven again first
    run_until(f.loop, is_healthy, &f);
    assert_int_equal(f.fake->counts[FAKE_SUBSCRIBE], 2);
    tear_down(&f);
}

static void a_resumed_link_is_proven_without_a_new_subscription(void **state) {
    struct fixture f;
    (void)state;
    set_up_healthy(&f);
    fake_link(f.fake, WSHUB_LINK_DOWN, "reset");
    fake_link(f.fake, WSHUB_LINK_RESUMED, NULL);
    assert_false(f.healthy);
    run_until(f.loop, is_healthy, &f);
    assert_int_equal(f.fake->counts[FAKE_SUBSCRIBE], 1);
    tear_down(&f);
}

static void a_subscribe_from_before_the_link_was_lost_does_no_harm(void **state) {
    struct fixture f;
    (void)state;
    set_up(&f, LONG);
    fake_behave(f.fake, FAKE_SUBSCRIBE, FAKE_HOLD, 0);
    f.wanted_calls = 1;
    run_until(f.loop, has_calls, &f);
    fake_link(f.fake, WSHUB_LINK_DOWN, NULL);
    fake_behave(f.fake, FAKE_SUBSCRIBE, FAKE_AT_ONCE, WSHUB_OK);
    fake_link(f.fake, WSHUB_LINK_UP, NULL);
    run_until(f.loop, is_healthy, &f);
    fake_complete(f.fake, f.fake->held, WSHUB_UNAVAILABLE);
    f.wanted_calls = f.fake->call_count + 2;
    run_until(f.loop, has_calls, &f);
    assert_true(f.healthy);
    tear_down(&f);
}

// ---- the end

static void a_new_session_that_confirms_nothing_turns_red(void **state) {
    struct fixture f;
    (void)state;
    set_up_healthy(&f);
    fake_behave(f.fake, FAKE_SUBSCRIBE, FAKE_HOLD, 0);
    fake_link(f.fake, WSHUB_LINK_UP, NULL); // it was never said to be down
    f.wanted_calls = f.fake->call_count + 1;
    run_until(f.loop, has_calls, &f);
    assert_true(f.healthy);
    probe_kick(f.probe);
    run_until(f.loop, is_unhealthy, &f);
    assert_string_equal(f.why, "the probe's channel was not confirmed as subscribed");
    tear_down(&f);
}

static void closing_is_no_verdict(void **state) {
    struct fixture f;
    (void)state;
    set_up_healthy(&f);
    fake_behave(f.fake, FAKE_PUBLISH, FAKE_HOLD, 0);
    next_period(&f, 1);
    int verdicts = f.verdicts;
    assert_int_equal(probe_in_flight(f.probe), 1);
    assert_int_equal(broker_in_flight(f.broker), 1);
    tear_down(&f);
    assert_int_equal(f.verdicts, verdicts);
}

static void closing_while_it_subscribes_is_no_verdict(void **state) {
    struct fixture f;
    (void)state;
    set_up(&f, LONG);
    fake_behave(f.fake, FAKE_SUBSCRIBE, FAKE_HOLD, 0);
    f.wanted_calls = 1;
    run_until(f.loop, has_calls, &f);
    assert_int_equal(probe_in_flight(f.probe), 1);
    tear_down(&f);
    assert_int_equal(f.verdicts, 0);
}

static void nothing_may_be_freed(void **state) {
    (void)state;
    probe_free(NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(healthy_only_after_the_round_trip),
        cmocka_unit_test(what_came_back_but_was_not_confirmed_is_no_round_trip),
        cmocka_unit_test(what_was_confirmed_but_did_not_come_back_is_no_round_trip),
        cmocka_unit_test(other_channels_are_none_of_its_own),
        cmocka_unit_test(a_broker_that_does_not_deliver_turns_red_within_two_periods),
        cmocka_unit_test(a_broker_that_does_not_confirm_turns_red),
        cmocka_unit_test(a_refused_publish_turns_red_at_once),
        cmocka_unit_test(what_fails_late_does_not_undo_a_newer_round_trip),
        cmocka_unit_test(a_failed_subscribe_is_tried_again),
        cmocka_unit_test(a_subscribe_that_is_never_answered_is_tried_again),
        cmocka_unit_test(a_lost_link_turns_red_at_once),
        cmocka_unit_test(a_resumed_link_is_proven_without_a_new_subscription),
        cmocka_unit_test(a_subscribe_from_before_the_link_was_lost_does_no_harm),
        cmocka_unit_test(a_new_session_that_confirms_nothing_turns_red),
        cmocka_unit_test(closing_is_no_verdict),
        cmocka_unit_test(closing_while_it_subscribes_is_no_verdict),
        cmocka_unit_test(nothing_may_be_freed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
