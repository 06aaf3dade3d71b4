// SPDX-License-Identifier: MIT
// P1 and P2 on the hub's side: what is subscribed at the broker follows what the workers want, whatever
// happens in between.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "hub_fixture.h"

// ---- P1: one subscription while somebody is there, none when nobody is

static void many_comers_make_one_subscription(void **state) {
    struct fixture f;
    struct claim *claims[WORKERS];
    (void)state;
    set_up(&f);
    fake_behave(f.fake, FAKE_SUBSCRIBE, FAKE_HOLD, 0);
    for (unsigned i = 0; i < WORKERS; i++) {
        claims[i] = come(&f, i, "room");
    }
    wait_calls(&f, FAKE_SUBSCRIBE, 1);
    run_rounds(f.loop);
    for (unsigned i = 0; i < WORKERS; i++) {
        assert_int_equal(claims[i]->answers, 0); // P2
    }
    assert_string_equal(f.fake->held->channel, "room");
    fake_complete(f.fake, f.fake->held, WSHUB_OK);
    for (unsigned i = 0; i < WORKERS; i++) {
        wait_answered(claims[i], WSHUB_OK);
        leave(claims[i]);
    }
    run_rounds(f.loop);
    struct claim *later = come(&f, 1, "room"); // it is there already
    wait_answered(later, WSHUB_OK);
    assert_calls(&f, 1, 0);
    assert_int_equal(counter_get(&hub_stats(f.instance.hub)->channels), 1);
    leave(later);
    run_rounds(f.loop);
    tear_down(&f);
}

static void the_last_to_leave_ends_it_after_the_linger(void **state) {
    struct fixture f;
    (void)state;
    set_up(&f);
    f.config.unsubscribe_linger = 100;
    struct claim *one = come(&f, 0, "room"), *two = come(&f, 1, "room");
    wait_answered(one, WSHUB_OK);
    wait_answered(two, WSHUB_OK);
    leave(one);
    let_pass(&f, 300);
    assert_calls(&f, 1, 0); // there is still one
    uint64_t begun = clock_ns();
    leave(two);
    wait_calls(&f, FAKE_UNSUBSCRIBE, 1);
    assert_true(clock_ns() - begun >= 99 * UINT64_C(1000000));
    wait_channels(&f, 0);
    assert_false(fake_is_subscribed(f.fake, "room"));
    assert_calls(&f, 1, 1);
    assert_int_equal(f.claims, 0);
    tear_down(&f);
}

static void without_a_linger_it_ends_at_once(void **state) {
    struct fixture f;
    (void)state;
    set_up(&f);
    f.config.unsubscribe_linger = 0;
    struct claim *claim = come(&f, 0, "room");
    wait_answered(claim, WSHUB_OK);
    leave(claim);
    run_rounds(f.loop);
    assert_calls(&f, 1, 1);
    wait_channels(&f, 0);
    tear_down(&f);
}

static void who_comes_back_within_the_linger_costs_nothing(void **state) {
    struct fixture f;
    (void)state;
    set_up(&f);
    f.config.unsubscribe_linger = 200;
    struct claim *claim = come(&f, 0, "room");
    wait_answered(claim, WSHUB_OK);
    for (unsigned i = 0; i < 5; i++) {
        leave(claim);
        claim = come(&f, i % WORKERS, "room");
        wait_answered(claim, WSHUB_OK);
    }
    let_pass(&f, 400); // the linger that was begun ends
    assert_calls(&f, 1, 0);
    leave(claim);
    wait_channels(&f, 0);
    assert_calls(&f, 1, 1);
    tear_down(&f);
}

static void who_comes_while_it_is_ended_waits_for_a_new_one(void **state) {
    const int statuses[] = {WSHUB_OK, WSHUB_INTERNAL, WSHUB_TIMEOUT, WSHUB_UNAVAILABLE};
    (void)state;
    for (size_t i = 0; i < sizeof statuses / sizeof *statuses; i++) {
        struct fixture f;
        set_up(&f);
        f.config.unsubscribe_linger = 0;
        struct claim *claim = come(&f, 0, "room");
        wait_answered(claim, WSHUB_OK);
        fake_behave(f.fake, FAKE_UNSUBSCRIBE, FAKE_HOLD, 0);
        fake_behave(f.fake, FAKE_SUBSCRIBE, FAKE_HOLD, 0);
        leave(claim);
        wait_calls(&f, FAKE_UNSUBSCRIBE, 1);
        claim = come(&f, 0, "room");
        run_rounds(f.loop);
        assert_calls(&f, 1, 1);
        fake_complete(f.fake, f.fake->held, statuses[i]);
        wait_calls(&f, FAKE_SUBSCRIBE, 2);
        assert_int_equal(claim->answers, 0);
        fake_complete(f.fake, f.fake->held, WSHUB_OK);
        wait_answered(claim, WSHUB_OK);
        assert_true(fake_is_subscribed(f.fake, "room"));
        assert_calls(&f, 2, 1);
        fake_behave(f.fake, FAKE_UNSUBSCRIBE, FAKE_AT_ONCE, WSHUB_OK);
        leave(claim);
        wait_channels(&f, 0);
        assert_int_equal(f.claims, 0);
        tear_down(&f);
    }
}

static void who_leaves_at_its_confirmation_is_let_go(void **state) {
    struct fixture f;
    (void)state;
    set_up(&f);
    f.config.unsubscribe_linger = 0;
    fake_behave(f.fake, FAKE_SUBSCRIBE, FAKE_HOLD, 0);
    struct claim *one = come(&f, 0, "room");
    wait_calls(&f, FAKE_SUBSCRIBE, 1);
    struct claim *two = come(&f, 1, "room");
    run_rounds(f.loop);
    fake_complete(f.fake, f.fake->held, WSHUB_OK);
    wait_answered(one, WSHUB_OK);
    leave(one);
    wait_answered(two, WSHUB_OK);
    leave(two);
    wait_channels(&f, 0);
    assert_calls(&f, 1, 1);
    tear_down(&f);
}

static void an_unsubscribe_that_fails_is_tried_again(void **state) {
    struct fixture f;
    (void)state;
    set_up(&f);
    f.config.unsubscribe_linger = 0;
    struct claim *claim = come(&f, 0, "room");
    wait_answered(claim, WSHUB_OK);
    fake_behave(f.fake, FAKE_UNSUBSCRIBE, FAKE_REFUSE, WSHUB_INTERNAL);
    leave(claim);
    wait_calls(&f, FAKE_UNSUBSCRIBE, 1);
    let_pass(&f, 200); // not in a hurry
    assert_calls(&f, 1, 1);
    fake_behave(f.fake, FAKE_UNSUBSCRIBE, FAKE_AT_ONCE, WSHUB_OK);
    wait_channels(&f, 0);
    assert_calls(&f, 1, 2);
    tear_down(&f);
}

// A retry that was planned before somebody came back must not put off the next end.
static void a_planned_retry_does_not_delay_the_end(void **state) {
    struct fixture f;
    (void)state;
    set_up(&f);
    f.config.unsubscribe_linger = 0;
    struct claim *claim = come(&f, 0, "room");
    wait_answered(claim, WSHUB_OK);
    fake_behave(f.fake, FAKE_UNSUBSCRIBE, FAKE_REFUSE, WSHUB_INTERNAL);
    leave(claim);
    wait_calls(&f, FAKE_UNSUBSCRIBE, 1);
    fake_behave(f.fake, FAKE_UNSUBSCRIBE, FAKE_AT_ONCE, WSHUB_OK);
    claim = come(&f, 0, "room");
    wait_answered(claim, WSHUB_OK);
    leave(claim);
    run_rounds(f.loop);
    assert_calls(&f, 2, 2);
    wait_channels(&f, 0);
    tear_down(&f);
}

// ---- P2: a failed subscribe leaves no trace

static void a_failed_subscribe_leaves_no_trace(void **state) {
    const struct {
        enum fake_answer answer;
        int status;
    } cases[] = {
        {FAKE_REFUSE, WSHUB_UNAVAILABLE}, {FAKE_REFUSE, WSHUB_NO_MEMORY}, {FAKE_AT_ONCE, WSHUB_DENIED},
        {FAKE_HOLD, WSHUB_DENIED},        {FAKE_HOLD, WSHUB_INTERNAL},    {FAKE_HOLD, -99},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct fixture f;
        struct claim *claims[WORKERS];
        set_up(&f);
        fake_behave(f.fake, FAKE_SUBSCRIBE, cases[i].answer, cases[i].status);
        for (unsigned w = 0; w < WORKERS; w++) {
            claims[w] = come(&f, w, "room");
        }
        wait_calls(&f, FAKE_SUBSCRIBE, 1);
        if (f.fake->held) {
            fake_complete(f.fake, f.fake->held, cases[i].status);
        }
        for (unsigned w = 0; w < WORKERS; w++) {
            wait_answered(claims[w], cases[i].status);
            drop(claims[w]);
        }
        wait_channels(&f, 0);
        assert_calls(&f, 1, 0);
        // And the next one starts anew.
        fake_behave(f.fake, FAKE_SUBSCRIBE, FAKE_AT_ONCE, WSHUB_OK);
        claims[0] = come(&f, 0, "room");
        wait_answered(claims[0], WSHUB_OK);
        leave(claims[0]);
        run_rounds(f.loop);
        tear_down(&f);
    }
}

static void a_subscribe_that_times_out_is_taken_back(void **state) {
    struct fixture f;
    (void)state;
    make(&f, ONE_BROKER);
    f.config.timeouts.broker = 100;
    assert_true(hub_start(f.instance.hub, fake_load, on_failure, &f));
    fake_behave(f.fake, FAKE_SUBSCRIBE, FAKE_HOLD, 0);
    struct claim *one = come(&f, 0, "room"), *two = come(&f, 1, "room");
    wait_answered(one, WSHUB_TIMEOUT);
    wait_answered(two, WSHUB_TIMEOUT);
    drop(one);
    drop(two);
    wait_calls(&f, FAKE_UNSUBSCRIBE, 1); // the broker may have done it after all
    wait_channels(&f, 0);
    assert_calls(&f, 1, 1);
    fake_complete(f.fake, f.fake->held, WSHUB_OK); // too late
    run_rounds(f.loop);
    assert_int_equal(counter_get(&hub_stats(f.instance.hub)->channels), 0);
    assert_int_equal(counter_get(&broker_stats(hub_broker(f.instance.hub, 0))->stray_completions), 0);
    assert_int_equal(counter_get(&broker_stats(hub_broker(f.instance.hub, 0))->late_completions), 1);
    tear_down(&f);
}

static void who_comes_after_a_timeout_waits_for_a_new_one(void **state) {
    struct fixture f;
    (void)state;
    set_up(&f);
    fake_behave(f.fake, FAKE_SUBSCRIBE, FAKE_HOLD, 0);
    fake_behave(f.fake, FAKE_UNSUBSCRIBE, FAKE_HOLD, 0);
    struct claim *claim = come(&f, 0, "room");
    wait_calls(&f, FAKE_SUBSCRIBE, 1);
    fake_complete(f.fake, f.fake->held, WSHUB_TIMEOUT);
    struct claim *next = come(&f, 1, "room");
    wait_calls(&f, FAKE_UNSUBSCRIBE, 1);
    wait_answered(claim, WSHUB_TIMEOUT);
    drop(claim);
    assert_int_equal(next->answers, 0);
    fake_complete(f.fake, f.fake->held, WSHUB_TIMEOUT); // uncertain still
    wait_calls(&f, FAKE_SUBSCRIBE, 2);
    fake_complete(f.fake, f.fake->held, WSHUB_OK);
    wait_answered(next, WSHUB_OK);
    assert_calls(&f, 2, 1);
    leave(next);
    run_rounds(f.loop);
    tear_down(&f);
}

// ---- deliveries

static void a_delivery_goes_to_the_workers_that_have_a_subscriber(void **state) {
    struct fixture f;
    (void)state;
    set_up(&f);
    struct claim *one = come(&f, 0, "room"), *two = come(&f, 2, "room");
    wait_answered(one, WSHUB_OK);
    wait_answered(two, WSHUB_OK);
    assert_int_equal(fake_deliver(f.fake, "room", "1"), WSHUB_OK);
    assert_int_equal(fake_deliver(f.fake, "elsewhere", "1"), WSHUB_OK);
    run_rounds(f.loop);
    leave(two);
    run_rounds(f.loop);
    assert_int_equal(fake_deliver(f.fake, "room", "2"), WSHUB_OK);
    run_rounds(f.loop);
    leave(one);
    run_rounds(f.loop);
    assert_int_equal(fake_deliver(f.fake, "room", "3"), WSHUB_OK); // it lingers
    run_rounds(f.loop);
    assert_int_equal(f.workers[0].deliveries, 2);
    assert_int_equal(f.workers[1].deliveries, 0);
    assert_int_equal(f.workers[2].deliveries, 1);
    assert_int_equal(counter_get(&hub_stats(f.instance.hub)->deliveries), 2);
    tear_down(&f);
}

// ---- brokers

static void a_rule_chooses_the_broker(void **state) {
    struct fixture f;
    (void)state;
    make(&f, "brokers: [{name: main, plugin: memory}, {name: other, plugin: fake}]\n"
             "channels: [{match: \"a:*\", broker: other}]\n");
    assert_true(hub_start(f.instance.hub, fake_load, on_failure, &f));
    assert_int_equal(hub_broker_count(f.instance.hub), 2);
    struct claim *one = come(&f, 0, "a:1"), *two = come(&f, 0, "b:1");
    wait_answered(one, WSHUB_OK);
    wait_answered(two, WSHUB_OK);
    assert_calls(&f, 1, 0);
    assert_string_equal(f.fake->calls[0]->channel, "a:1");
    assert_int_equal(fake_deliver(f.fake, "b:1", "1"), WSHUB_OK); // which is not its own
    assert_int_equal(fake_deliver(f.fake, "a:1", "1"), WSHUB_OK);
    run_rounds(f.loop);
    assert_int_equal(f.workers[0].deliveries, 1);
    assert_string_equal(f.workers[0].last_channel, "a:1");
    assert_int_equal(f.workers[1].deliveries, 0);
    leave(one);
    leave(two);
    run_rounds(f.loop);
    tear_down(&f);
}

static void a_broker_that_does_not_open_stops_the_start(void **state) {
    struct fixture f;
    (void)state;
    make(&f, ONE_BROKER);
    f.fake->open_status = WSHUB_DENIED;
    assert_false(hub_start(f.instance.hub, fake_load, on_failure, &f));
    assert_logged(&f, "broker cannot be opened");
    tear_down(&f);
    make(&f, "brokers: [{name: main, plugin: nowhere}]\n");
    assert_false(hub_start(f.instance.hub, fake_load, on_failure, &f));
    assert_logged(&f, "broker plugin cannot be used");
    tear_down(&f);
}

// ---- P9

static void readiness_follows_the_probe(void **state) {
    struct fixture f;
    (void)state;
    make(&f, ONE_BROKER);
    f.fake->sees_probe = true;
    fake_behave(f.fake, FAKE_SUBSCRIBE, FAKE_HOLD, 0);
    assert_int_equal(atomic_load(&f.instance.readiness), READINESS_STARTING);
    assert_true(hub_start(f.instance.hub, fake_load, on_failure, &f));
    wait_calls(&f, FAKE_SUBSCRIBE, 1);
    run_rounds(f.loop);
    assert_int_equal(atomic_load(&f.instance.readiness), READINESS_STARTING);
    fake_complete(f.fake, f.fake->held, WSHUB_OK);
    run_until(f.loop, is_ready, &f);
    fake_behave(f.fake, FAKE_SUBSCRIBE, FAKE_AT_ONCE, WSHUB_OK);
    fake_link(f.fake, WSHUB_LINK_DOWN, "gone");
    run_until(f.loop, is_red, &f);
    fake_link(f.fake, WSHUB_LINK_UP, NULL);
    run_until(f.loop, is_ready, &f);
    tear_down(&f);
}

// ---- P8

static void drain(struct fixture *f) {
    f->config.drain.delay = 0;
    f->config.drain.window = 0;
    f->config.drain.timeout = LONG;
    hub_drain(f->instance.hub);
    assert_int_equal(atomic_load(&f->instance.readiness), READINESS_DRAINING);
    run_until(f->loop, has_ended, f);
    run_rounds(f->loop);
    assert_int_equal(f->ended, 1);
}

static void a_drain_ends_what_lingers(void **state) {
    struct fixture f;
    (void)state;
    set_up(&f);
    struct claim *claim = come(&f, 0, "room");
    wait_answered(claim, WSHUB_OK);
    leave(claim);
    run_rounds(f.loop);
    assert_calls(&f, 1, 0);
    drain(&f);
    assert_calls(&f, 1, 1);
    assert_int_equal(f.ending.unsettled, 0);
    assert_int_equal(counter_get(&hub_stats(f.instance.hub)->channels), 0);
    tear_down(&f);
}

static void a_drain_waits_for_the_brokers_confirmation(void **state) {
    struct fixture f;
    (void)state;
    set_up(&f);
    fake_behave(f.fake, FAKE_UNSUBSCRIBE, FAKE_HOLD, 0);
    struct claim *claim = come(&f, 0, "room");
    wait_answered(claim, WSHUB_OK);
    leave(claim);
    run_rounds(f.loop);
    f.config.drain.delay = f.config.drain.window = 0;
    hub_drain(f.instance.hub);
    wait_calls(&f, FAKE_UNSUBSCRIBE, 1);
    let_pass(&f, 100);
    assert_int_equal(f.ended, 0);
    fake_complete(f.fake, f.fake->held, WSHUB_OK);
    run_until(f.loop, has_ended, &f);
    assert_int_equal(f.ending.unsettled, 0);
    tear_down(&f);
}

static void a_broker_that_never_confirms_does_not_hold_up_the_end(void **state) {
    struct fixture f;
    (void)state;
    set_up(&f);
    fake_behave(f.fake, FAKE_UNSUBSCRIBE, FAKE_HOLD, 0);
    struct claim *claim = come(&f, 0, "room");
    wait_answered(claim, WSHUB_OK);
    leave(claim);
    run_rounds(f.loop);
    f.config.timeouts.broker = 100; // for the drain; that of the call stays long
    drain(&f);
    assert_int_equal(f.ending.unsettled, 1);
    tear_down(&f);
}

static void a_broker_that_refuses_does_not_hold_up_the_end(void **state) {
    struct fixture f;
    (void)state;
    set_up(&f);
    fake_behave(f.fake, FAKE_UNSUBSCRIBE, FAKE_REFUSE, WSHUB_INTERNAL);
    struct claim *claim = come(&f, 0, "room");
    wait_answered(claim, WSHUB_OK);
    leave(claim);
    run_rounds(f.loop);
    f.config.timeouts.broker = 100;
    drain(&f);
    assert_true(f.fake->counts[FAKE_UNSUBSCRIBE] < 10); // tried again, but not like mad
    tear_down(&f);
}

// A probe that is on its way when the instance ends is nobody's loss.
static void a_probe_in_flight_is_not_unsettled(void **state) {
    struct fixture f;
    (void)state;
    make(&f, ONE_BROKER);
    f.fake->sees_probe = true;
    fake_behave(f.fake, FAKE_PUBLISH, FAKE_HOLD, 0);
    assert_true(hub_start(f.instance.hub, fake_load, on_failure, &f));
    wait_calls(&f, FAKE_PUBLISH, 1);
    drain(&f);
    assert_int_equal(f.ending.unsettled, 0);
    tear_down(&f);
}

// ---- the end without a drain

static void who_still_waits_is_told_that_it_is_closed(void **state) {
    struct fixture f;
    struct claim *claim;
    (void)state;
    set_up(&f);
    fake_behave(f.fake, FAKE_SUBSCRIBE, FAKE_HOLD, 0);
    claim = come(&f, 0, "room");
    wait_calls(&f, FAKE_SUBSCRIBE, 1);
    struct claim *posted = come(&f, 1, "room"); // still in the mailbox
    tear_down(&f);
    assert_int_equal(claim->answers, 1);
    assert_int_equal(claim->status, WSHUB_CLOSED);
    assert_int_equal(posted->answers, 1);
    assert_int_equal(posted->status, WSHUB_CLOSED);
    drop(claim);
    drop(posted);
    assert_int_equal(f.claims, 0);
}

// ---- everything at once, against a model

enum { CHANNELS = 30, ROUNDS = 250, ACTIONS = 25 };

struct model {
    struct fixture f;
    uint64_t random;
    struct claim *claims[WORKERS][CHANNELS];
    bool flaps; // the link breaks now and then
    // Of the last call for the channel that was completed in this session of the link.
    bool any[CHANNELS];
    bool in_doubt[CHANNELS]; // a call failed that may have worked, and none has succeeded since
    enum fake_slot slot[CHANNELS];
    int status[CHANNELS];
    size_t seen; // of the fake's calls
};

static unsigned dice(struct model *m, unsigned sides) {
    m->random ^= m->random << 13; // xorshift64
    m->random ^= m->random >> 7;
    m->random ^= m->random << 17;
    return (unsigned)((m->random >> 16) % sides);
}

static void name_channel(char out[32], unsigned channel) {
    snprintf(out, 32, "channel-%u", channel);
}

static unsigned number_of(const struct fake_call *call) {
    return (unsigned)atoi(call->channel + strlen("channel-"));
}

// What the hub asks must follow from what it was told.
static void check_calls(struct model *m) {
    for (; m->seen < m->f.fake->call_count; m->seen++) {
        const struct fake_call *call = m->f.fake->calls[m->seen];
        unsigned channel = number_of(call);
        bool after_subscribe = m->any[channel] && m->slot[channel] == FAKE_SUBSCRIBE;
        int status = m->status[channel];
        if (call->slot == FAKE_SUBSCRIBE) {
            assert_false(after_subscribe && status == WSHUB_OK);
        } else {
            assert_true((after_subscribe && status == WSHUB_OK) || m->in_doubt[channel]);
        }
    }
    for (const struct fake_call *a = m->f.fake->held; a; a = a->next_held) {
        for (const struct fake_call *b = a->next_held; b; b = b->next_held) {
            assert_string_not_equal(a->channel, b->channel); // one at a time for each channel
        }
    }
}

static void complete_one(struct model *m, struct fake_call *call, int status) {
    unsigned channel = number_of(call);
    bool subscribed = dice(m, 2) == 0; // in doubt, either may be the truth
    bool may_have_worked = status == WSHUB_TIMEOUT || call->slot == FAKE_UNSUBSCRIBE || m->f.fake->down;
    check_calls(m);
    if (call->session != m->f.fake->session) {
        fake_complete(m->f.fake, call, status); // as if nothing had been said
        return;
    }
    m->any[channel] = true;
    m->slot[channel] = call->slot;
    m->status[channel] = status;
    m->in_doubt[channel] = status != WSHUB_OK && (m->in_doubt[channel] || may_have_worked);
    fake_complete(m->f.fake, call, status);
    if (status != WSHUB_OK && !m->f.fake->down) {
        fake_set_subscribed(m->f.fake, call->channel, m->in_doubt[channel] && subscribed);
    }
}

static void complete_some(struct model *m) {
    static const int statuses[] = {WSHUB_OK, WSHUB_OK,      WSHUB_OK,       WSHUB_OK,
                                   WSHUB_OK, WSHUB_TIMEOUT, WSHUB_INTERNAL, WSHUB_UNAVAILABLE};
    struct fake_call *call = m->f.fake->held;
    for (unsigned skipped = dice(m, 8); call && skipped > 0 && call->next_held; skipped--) {
        call = call->next_held;
    }
    if (call) {
        int status = statuses[dice(m, sizeof statuses / sizeof *statuses)];
        complete_one(m, call, m->f.fake->down ? WSHUB_UNAVAILABLE : status);
    }
}

static void bring_up(struct model *m, enum wshub_link_state state) {
    check_calls(m); // those of the session that ends here
    if (state == WSHUB_LINK_UP) {
        memset(m->any, 0, sizeof m->any);
        memset(m->in_doubt, 0, sizeof m->in_doubt);
    }
    fake_link(m->f.fake, state, NULL);
}

// What is in flight when it breaks, the plugin ends at once, or one by one, or not before the next link.
static void flap(struct model *m) {
    static const enum wshub_link_state states[] = {WSHUB_LINK_UP, WSHUB_LINK_RESUMED,
                                                   WSHUB_LINK_RESUBSCRIBED};
    if (m->f.fake->down || dice(m, 4) == 0) {
        bring_up(m, states[dice(m, 3)]);
        return;
    }
    bool at_once = dice(m, 2) == 0;
    while (at_once && m->f.fake->held) {
        complete_one(m, m->f.fake->held, WSHUB_UNAVAILABLE);
    }
    fake_link(m->f.fake, WSHUB_LINK_DOWN, "flap");
}

// P2, as long as the hub does not say itself that it is lost.
static void check_claim(const struct model *m, const struct claim *claim) {
    bool lost = atomic_load(&claim->ticket.lost);
    assert_true(lost || fake_is_subscribed(m->f.fake, claim->name));
    assert_true(!lost || m->flaps);
}

static void act(struct model *m) {
    unsigned worker = dice(m, WORKERS), channel = dice(m, CHANNELS);
    struct claim **claim = &m->claims[worker][channel];
    char name[32];
    if (m->flaps && dice(m, 50) == 0) {
        flap(m);
    } else if (dice(m, 3) == 0) {
        complete_some(m);
    } else if (!*claim) {
        name_channel(name, channel);
        *claim = come(&m->f, worker, name);
    } else if ((*claim)->answers > 0) {
        assert_int_equal((*claim)->answers, 1);
        if ((*claim)->status == WSHUB_OK) {
            check_claim(m, *claim);
            leave(*claim);
        } else {
            drop(*claim);
        }
        *claim = NULL;
    }
    check_calls(m);
}

static bool has_settled(void *context) {
    struct model *m = context;
    size_t wanted = 0;
    if (m->f.fake->down) {
        bring_up(m, WSHUB_LINK_UP);
    }
    while (m->f.fake->held) {
        complete_one(m, m->f.fake->held, WSHUB_OK);
    }
    check_calls(m);
    for (unsigned channel = 0; channel < CHANNELS; channel++) {
        bool want = false;
        char name[32];
        for (unsigned worker = 0; worker < WORKERS; worker++) {
            struct claim *claim = m->claims[worker][channel];
            if (claim && claim->answers == 0) {
                return false;
            }
            want |= claim && claim->status == WSHUB_OK;
        }
        name_channel(name, channel);
        wanted += want;
        if (fake_is_subscribed(m->f.fake, name) != want) {
            return false;
        }
    }
    return counter_get(&hub_stats(m->f.instance.hub)->channels) == wanted &&
           counter_get(&hub_stats(m->f.instance.hub)->lost) == 0;
}

static void leave_all(struct model *m) {
    for (unsigned i = 0; i < WORKERS * CHANNELS; i++) {
        struct claim **claim = &m->claims[i / CHANNELS][i % CHANNELS];
        if (*claim && (*claim)->status == WSHUB_OK) {
            leave(*claim);
        } else if (*claim) {
            drop(*claim);
        }
        *claim = NULL;
    }
}

static void converge(uint64_t seed, bool flaps) {
    static struct model model;
    struct model *m = &model;
    memset(m, 0, sizeof *m);
    m->random = seed;
    m->flaps = flaps;
    print_message("seed %llu (WSHUB_TEST_SEED repeats it)\n", (unsigned long long)seed);
    set_up(&m->f);
    fake_behave(m->f.fake, FAKE_SUBSCRIBE, FAKE_HOLD, 0);
    fake_behave(m->f.fake, FAKE_UNSUBSCRIBE, FAKE_HOLD, 0);
    for (int round = 0; round < ROUNDS; round++) {
        m->f.config.unsubscribe_linger = dice(m, 3) * 10; // 0, 10 or 20 ms
        for (unsigned actions = dice(m, ACTIONS); actions > 0; actions--) {
            act(m);
        }
        run_rounds(m->f.loop);
    }
    m->f.config.unsubscribe_linger = 0;
    run_until(m->f.loop, has_settled, m);
    leave_all(m);
    run_until(m->f.loop, has_settled, m);
    assert_int_equal(m->f.fake->subscribed_count, 0);
    assert_int_equal(counter_get(&hub_stats(m->f.instance.hub)->channels), 0);
    assert_int_equal(m->f.claims, 0);
    assert_int_equal(counter_get(&broker_stats(hub_broker(m->f.instance.hub, 0))->stray_completions), 0);
    tear_down(&m->f);
}

static void converge_often(bool flaps) {
    const char *seed = getenv("WSHUB_TEST_SEED");
    if (seed) {
        converge(strtoull(seed, NULL, 10) | 1, flaps);
        return;
    }
    converge(1, flaps);
    converge(0x9e3779b97f4a7c15, flaps);
    converge(random_u64() | 1, flaps);
}

static void whatever_happens_it_converges(void **state) {
    (void)state;
    converge_often(false);
}

static void whatever_happens_to_the_link_it_converges(void **state) {
    (void)state;
    converge_often(true);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(many_comers_make_one_subscription),
        cmocka_unit_test(the_last_to_leave_ends_it_after_the_linger),
        cmocka_unit_test(without_a_linger_it_ends_at_once),
        cmocka_unit_test(who_comes_back_within_the_linger_costs_nothing),
        cmocka_unit_test(who_comes_while_it_is_ended_waits_for_a_new_one),
        cmocka_unit_test(who_leaves_at_its_confirmation_is_let_go),
        cmocka_unit_test(an_unsubscribe_that_fails_is_tried_again),
        cmocka_unit_test(a_planned_retry_does_not_delay_the_end),
        cmocka_unit_test(a_failed_subscribe_leaves_no_trace),
        cmocka_unit_test(a_subscribe_that_times_out_is_taken_back),
        cmocka_unit_test(who_comes_after_a_timeout_waits_for_a_new_one),
        cmocka_unit_test(a_delivery_goes_to_the_workers_that_have_a_subscriber),
        cmocka_unit_test(a_rule_chooses_the_broker),
        cmocka_unit_test(a_broker_that_does_not_open_stops_the_start),
        cmocka_unit_test(readiness_follows_the_probe),
        cmocka_unit_test(a_drain_ends_what_lingers),
        cmocka_unit_test(a_drain_waits_for_the_brokers_confirmation),
        cmocka_unit_test(a_broker_that_never_confirms_does_not_hold_up_the_end),
        cmocka_unit_test(a_broker_that_refuses_does_not_hold_up_the_end),
        cmocka_unit_test(a_probe_in_flight_is_not_unsettled),
        cmocka_unit_test(who_still_waits_is_told_that_it_is_closed),
        cmocka_unit_test(whatever_happens_it_converges),
        cmocka_unit_test(whatever_happens_to_the_link_it_converges),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
