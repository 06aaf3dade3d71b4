// SPDX-License-Identifier: MIT
// What the hub makes of a link that breaks and comes back: nobody waits for what cannot come, everything that
// is wanted is subscribed again, and who may have missed something is told so.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "hub_fixture.h"

enum { WINDOW = 1024, MANY = 2500 }; // resubscribes under way; channels that need more than two windows

static void come_to_many(struct fixture *f, struct claim **claims) {
    char name[32];
    for (int i = 0; i < MANY; i++) {
        snprintf(name, sizeof name, "room-%d", i);
        claims[i] = come(f, 0, name);
    }
    wait_answered(claims[MANY - 1], WSHUB_OK);
    assert_int_equal(f->fake->subscribed_count, MANY);
}

static void leave_all(struct claim **claims) {
    for (int i = 0; i < MANY; i++) {
        leave(claims[i]);
    }
}

static void complete_held(struct fixture *f, size_t count, int status) {
    while (count-- > 0) {
        fake_complete(f->fake, f->fake->held, status);
    }
    run_rounds(f->loop);
}

static void publish(struct fixture *f) {
    struct request *request = calloc(1, sizeof *request);
    assert_non_null(request);
    request->mail.kind = MAIL_PUBLISH;
    request->message =
        message_new(&(struct wshub_message){.channel = {"room", 4}, .payload = {"1", 1}}, WORKERS);
    assert_non_null(request->message);
    mailbox_post(hub_mailbox(f->instance.hub), &request->mail);
    run_rounds(f->loop);
}

// ---- down

static void while_it_is_down_everything_fails_at_once(void **state) {
    struct fixture f;
    (void)state;
    set_up(&f);
    struct claim *old = subscribed(&f, 0, "room");
    link_is(&f, WSHUB_LINK_DOWN);
    assert_true(is_lost(old));
    assert_int_equal(counter_get(&stats(&f)->lost), 1);
    struct claim *known = come(&f, 1, "room"), *new = come(&f, 0, "other");
    run_rounds(f.loop);
    wait_answered(known, WSHUB_UNAVAILABLE);
    wait_answered(new, WSHUB_UNAVAILABLE);
    drop(known);
    drop(new);
    publish(&f);
    assert_int_equal(f.published[0], 1);
    assert_int_equal(f.last_status, WSHUB_UNAVAILABLE);
    assert_calls(&f, 1, 0);
    assert_int_equal(counter_get(&stats(&f)->channels), 1); // a failed subscribe leaves no trace
    link_is(&f, WSHUB_LINK_UP);
    assert_false(is_lost(old));
    assert_int_equal(counter_get(&stats(&f)->lost), 0);
    publish(&f);
    assert_int_equal(f.published[1], 1);
    leave(old);
    run_rounds(f.loop);
    tear_down(&f);
}

static void who_leaves_while_it_is_down_is_not_subscribed_again(void **state) {
    struct fixture f;
    (void)state;
    set_up(&f);
    struct claim *claim = subscribed(&f, 0, "room");
    link_is(&f, WSHUB_LINK_DOWN);
    leave(claim);
    run_rounds(f.loop);
    assert_int_equal(f.claims, 0);
    assert_int_equal(counter_get(&stats(&f)->lost), 0);
    link_is(&f, WSHUB_LINK_UP);
    wait_channels(&f, 0);
    assert_calls(&f, 1, 0);
    assert_int_equal(counter_get(&stats(&f)->gaps), 0);
    tear_down(&f);
}

// The broker has taken it on the old link, and says so on the new one.
static void what_an_earlier_link_confirms_is_not_believed(void **state) {
    struct fixture f;
    (void)state;
    set_up(&f);
    fake_behave(f.fake, FAKE_SUBSCRIBE, FAKE_HOLD, 0);
    struct claim *claim = come(&f, 0, "room");
    wait_calls(&f, FAKE_SUBSCRIBE, 1);
    link_is(&f, WSHUB_LINK_DOWN);
    link_is(&f, WSHUB_LINK_UP);
    fake_complete(f.fake, f.fake->held, WSHUB_OK);
    wait_calls(&f, FAKE_SUBSCRIBE, 2);
    assert_int_equal(claim->answers, 0); // P2
    fake_complete(f.fake, f.fake->held, WSHUB_OK);
    wait_answered(claim, WSHUB_OK);
    assert_true(fake_is_subscribed(f.fake, "room"));
    assert_int_equal(f.workers[0].gaps, 0); // it was never told that it is subscribed
    leave(claim);
    run_rounds(f.loop);
    tear_down(&f);
}

static void what_an_earlier_link_could_not_end_is_over(void **state) {
    struct fixture f;
    (void)state;
    set_up(&f);
    f.config.unsubscribe_linger = 0;
    fake_behave(f.fake, FAKE_UNSUBSCRIBE, FAKE_HOLD, 0);
    leave(subscribed(&f, 0, "room"));
    wait_calls(&f, FAKE_UNSUBSCRIBE, 1);
    link_is(&f, WSHUB_LINK_DOWN);
    link_is(&f, WSHUB_LINK_UP);
    fake_complete(f.fake, f.fake->held, WSHUB_UNAVAILABLE);
    run_rounds(f.loop);
    assert_int_equal(counter_get(&stats(&f)->channels), 0);
    assert_calls(&f, 1, 1);
    tear_down(&f);
}

static void a_subscribe_that_was_under_way_when_it_broke_fails(void **state) {
    struct fixture f;
    (void)state;
    set_up(&f);
    fake_behave(f.fake, FAKE_SUBSCRIBE, FAKE_HOLD, 0);
    struct claim *claim = come(&f, 0, "room");
    wait_calls(&f, FAKE_SUBSCRIBE, 1);
    link_is(&f, WSHUB_LINK_DOWN);
    fake_complete(f.fake, f.fake->held, WSHUB_UNAVAILABLE);
    wait_answered(claim, WSHUB_UNAVAILABLE);
    drop(claim);
    link_is(&f, WSHUB_LINK_UP);
    assert_calls(&f, 1, 0);
    assert_int_equal(counter_get(&stats(&f)->channels), 0);
    tear_down(&f);
}

// The broker may have taken it before: a session that is resumed has it then.
static void what_broke_in_the_middle_is_taken_back_when_it_resumes(void **state) {
    struct fixture f;
    (void)state;
    set_up(&f);
    fake_behave(f.fake, FAKE_SUBSCRIBE, FAKE_HOLD, 0);
    struct claim *claim = come(&f, 0, "room");
    wait_calls(&f, FAKE_SUBSCRIBE, 1);
    fake_set_subscribed(f.fake, "room", true);
    link_is(&f, WSHUB_LINK_DOWN);
    fake_complete(f.fake, f.fake->held, WSHUB_UNAVAILABLE);
    wait_answered(claim, WSHUB_UNAVAILABLE);
    drop(claim);
    link_is(&f, WSHUB_LINK_RESUMED);
    wait_channels(&f, 0);
    assert_calls(&f, 1, 1);
    assert_false(fake_is_subscribed(f.fake, "room"));
    tear_down(&f);
}

// A doubt stays until the broker has said yes to something.
static void a_refusal_does_not_end_a_doubt(void **state) {
    struct fixture f;
    (void)state;
    set_up(&f);
    f.config.unsubscribe_linger = 0;
    struct claim *claim = subscribed(&f, 0, "room");
    fake_behave(f.fake, FAKE_UNSUBSCRIBE, FAKE_REFUSE, WSHUB_INTERNAL);
    leave(claim);
    wait_calls(&f, FAKE_UNSUBSCRIBE, 1); // it is subscribed still
    fake_behave(f.fake, FAKE_SUBSCRIBE, FAKE_REFUSE, WSHUB_INTERNAL);
    fake_behave(f.fake, FAKE_UNSUBSCRIBE, FAKE_AT_ONCE, WSHUB_OK);
    claim = come(&f, 0, "room");
    wait_answered(claim, WSHUB_INTERNAL);
    drop(claim);
    wait_channels(&f, 0);
    assert_calls(&f, 2, 2);
    assert_false(fake_is_subscribed(f.fake, "room"));
    tear_down(&f);
}

// ---- up: a new session

static void up_subscribes_what_has_claims(void **state) {
    struct fixture f;
    (void)state;
    set_up(&f);
    struct claim *one = subscribed(&f, 0, "room"), *two = subscribed(&f, 2, "hall");
    leave(subscribed(&f, 0, "lingering"));
    run_rounds(f.loop);
    assert_calls(&f, 3, 0);
    link_is(&f, WSHUB_LINK_DOWN);
    link_is(&f, WSHUB_LINK_UP);
    wait_channels(&f, 2);
    assert_calls(&f, 5, 0);
    assert_true(fake_is_subscribed(f.fake, "room"));
    assert_true(fake_is_subscribed(f.fake, "hall"));
    leave(one);
    leave(two);
    run_rounds(f.loop);
    tear_down(&f);
}

static void some_are_restored_at_a_time(void **state) {
    struct fixture f;
    static struct claim *claims[MANY];
    (void)state;
    set_up(&f);
    come_to_many(&f, claims);
    fake_behave(f.fake, FAKE_SUBSCRIBE, FAKE_HOLD, 0);
    link_is(&f, WSHUB_LINK_DOWN);
    assert_int_equal(counter_get(&stats(&f)->lost), MANY);
    link_is(&f, WSHUB_LINK_UP);
    assert_int_equal(f.fake->held_count, WINDOW);
    fake_complete(f.fake, f.fake->held, WSHUB_OK);
    run_rounds(f.loop);
    assert_int_equal(f.fake->held_count, WINDOW); // the next one
    for (int done = 1; done < MANY; done++) {
        assert_int_equal(counter_get(&stats(&f)->lost), MANY - done);
        fake_complete(f.fake, f.fake->held, WSHUB_OK);
        if (f.fake->held_count == 0) {
            run_rounds(f.loop);
        }
    }
    run_rounds(f.loop);
    assert_int_equal(f.fake->subscribed_count, MANY);
    assert_calls(&f, 2 * MANY, 0);
    assert_int_equal(counter_get(&stats(&f)->lost), 0);
    assert_int_equal(counter_get(&stats(&f)->gaps), MANY);
    assert_int_equal(f.workers[0].gaps, MANY);
    leave_all(claims);
    run_rounds(f.loop);
    tear_down(&f);
}

static void each_worker_hears_of_the_gap_before_what_follows_it(void **state) {
    struct fixture f;
    (void)state;
    set_up(&f);
    struct claim *one = subscribed(&f, 0, "room"), *two = subscribed(&f, 2, "room");
    fake_deliver(f.fake, "room", "1");
    fake_behave(f.fake, FAKE_SUBSCRIBE, FAKE_HOLD, 0);
    link_is(&f, WSHUB_LINK_DOWN);
    link_is(&f, WSHUB_LINK_UP);
    assert_int_equal(f.workers[0].gaps, 0); // not before it is there again
    fake_complete(f.fake, f.fake->held, WSHUB_OK);
    fake_deliver(f.fake, "room", "2");
    run_rounds(f.loop);
    assert_string_equal(f.workers[0].story, "dgd");
    assert_string_equal(f.workers[1].story, "");
    assert_string_equal(f.workers[2].story, "dgd");
    assert_string_equal(f.workers[2].last_channel, "room");
    assert_int_equal(counter_get(&stats(&f)->gaps), 1);
    leave(one);
    leave(two);
    run_rounds(f.loop);
    tear_down(&f);
}

// Its plugin has noticed nothing of the way down, or did not find it worth a word.
static void up_without_down_is_a_new_session_too(void **state) {
    struct fixture f;
    (void)state;
    set_up(&f);
    struct claim *claim = subscribed(&f, 0, "room");
    link_is(&f, WSHUB_LINK_UP);
    assert_calls(&f, 2, 0);
    assert_true(fake_is_subscribed(f.fake, "room"));
    assert_false(is_lost(claim));
    assert_string_equal(f.workers[0].story, "g");
    leave(claim);
    run_rounds(f.loop);
    tear_down(&f);
}

static uint64_t wait_retry(struct fixture *f, size_t count) {
    uint64_t begun = clock_ns();
    wait_calls(f, FAKE_SUBSCRIBE, count);
    return (clock_ns() - begun) / 1000000;
}

static void what_is_refused_is_tried_again_and_again(void **state) {
    struct fixture f;
    (void)state;
    set_up(&f);
    struct claim *claim = subscribed(&f, 0, "room");
    link_is(&f, WSHUB_LINK_DOWN);
    fake_behave(f.fake, FAKE_SUBSCRIBE, FAKE_REFUSE, WSHUB_DENIED);
    link_is(&f, WSHUB_LINK_UP);
    assert_calls(&f, 2, 0);
    assert_true(is_lost(claim));
    assert_in_range(wait_retry(&f, 3), 900, 1800);
    assert_in_range(wait_retry(&f, 4), 1900, 2800);
    fake_behave(f.fake, FAKE_SUBSCRIBE, FAKE_AT_ONCE, WSHUB_OK);
    assert_int_equal(counter_get(&stats(&f)->lost), 1);
    assert_in_range(wait_retry(&f, 5), 3900, 4800);
    run_rounds(f.loop);
    assert_false(is_lost(claim));
    assert_int_equal(counter_get(&stats(&f)->lost), 0);
    assert_string_equal(f.workers[0].story, "g");
    leave(claim);
    run_rounds(f.loop);
    tear_down(&f);
}

// The broker takes them and says nothing: what comes of that is in doubt, and asked again with the same care.
static void what_timed_out_is_restored_some_at_a_time_too(void **state) {
    struct fixture f;
    static struct claim *claims[MANY];
    (void)state;
    set_up(&f);
    come_to_many(&f, claims);
    fake_behave(f.fake, FAKE_SUBSCRIBE, FAKE_HOLD, 0);
    link_is(&f, WSHUB_LINK_DOWN);
    link_is(&f, WSHUB_LINK_UP);
    while (f.fake->held_count > 0) {
        complete_held(&f, f.fake->held_count, WSHUB_TIMEOUT);
    }
    assert_calls(&f, 2 * MANY, 0);
    let_pass(&f, 1500);
    assert_int_equal(f.fake->held_count, WINDOW);
    while (f.fake->held_count > 0) {
        complete_held(&f, f.fake->held_count, WSHUB_OK);
    }
    assert_int_equal(counter_get(&stats(&f)->lost), 0);
    leave_all(claims);
    run_rounds(f.loop);
    tear_down(&f);
}

// The newcomer's subscribe is everybody's.
static void a_newcomer_need_not_wait_for_the_retry(void **state) {
    struct fixture f;
    (void)state;
    set_up(&f);
    struct claim *old = subscribed(&f, 0, "room");
    link_is(&f, WSHUB_LINK_DOWN);
    fake_behave(f.fake, FAKE_SUBSCRIBE, FAKE_REFUSE, WSHUB_DENIED);
    link_is(&f, WSHUB_LINK_UP);
    struct claim *refused = come(&f, 1, "room");
    wait_answered(refused, WSHUB_DENIED);
    drop(refused);
    assert_calls(&f, 3, 0);
    assert_true(is_lost(old));
    fake_behave(f.fake, FAKE_SUBSCRIBE, FAKE_AT_ONCE, WSHUB_OK);
    struct claim *new = subscribed(&f, 1, "room");
    assert_false(is_lost(old));
    assert_string_equal(f.workers[0].story, "g");
    assert_string_equal(f.workers[1].story, ""); // it has missed nothing
    let_pass(&f, 1300);                          // the retry that was planned
    assert_calls(&f, 4, 0);
    leave(old);
    leave(new);
    run_rounds(f.loop);
    tear_down(&f);
}

// ---- up again with what was there

// Nor for its turn among thousands, at a broker that confirms none of them.
static void a_newcomer_need_not_wait_for_its_turn(void **state) {
    static struct claim *claims[MANY];
    struct fixture f;
    (void)state;
    set_up(&f);
    come_to_many(&f, claims);
    link_is(&f, WSHUB_LINK_DOWN);
    fake_behave(f.fake, FAKE_SUBSCRIBE, FAKE_HOLD, 0);
    link_is(&f, WSHUB_LINK_UP);
    wait_calls(&f, FAKE_SUBSCRIBE, MANY + WINDOW);
    struct claim *newcomer = come(&f, 1, claims[0]->name);
    struct claim *other = come(&f, 1, claims[MANY - 1]->name);
    wait_calls(&f, FAKE_SUBSCRIBE, MANY + WINDOW + 1); // one of the two was under way
    assert_int_equal(fake_count(f.fake, FAKE_SUBSCRIBE, newcomer->name), 2);
    assert_int_equal(fake_count(f.fake, FAKE_SUBSCRIBE, other->name), 2);
    fake_complete(f.fake, fake_held(f.fake, FAKE_SUBSCRIBE, newcomer->name), WSHUB_OK);
    fake_complete(f.fake, fake_held(f.fake, FAKE_SUBSCRIBE, other->name), WSHUB_OK);
    wait_answered(newcomer, WSHUB_OK);
    wait_answered(other, WSHUB_OK);
    fake_behave(f.fake, FAKE_SUBSCRIBE, FAKE_AT_ONCE, WSHUB_OK);
    fake_complete_all(f.fake, WSHUB_OK);
    wait_calls(&f, FAKE_SUBSCRIBE, 2 * MANY); // each once
    assert_int_equal(f.fake->subscribed_count, MANY);
    leave(newcomer);
    leave(other);
    leave_all(claims);
    run_rounds(f.loop);
    tear_down(&f);
}

static void a_resumed_link_needs_nothing(void **state) {
    struct fixture f;
    (void)state;
    set_up(&f);
    f.config.unsubscribe_linger = 0;
    struct claim *stays = subscribed(&f, 0, "room"), *goes = subscribed(&f, 1, "hall");
    link_is(&f, WSHUB_LINK_DOWN);
    leave(goes);
    run_rounds(f.loop);
    link_is(&f, WSHUB_LINK_RESUMED);
    assert_false(is_lost(stays));
    assert_int_equal(counter_get(&stats(&f)->lost), 0);
    wait_channels(&f, 1);
    assert_calls(&f, 2, 1);
    assert_true(fake_is_subscribed(f.fake, "room"));
    assert_false(fake_is_subscribed(f.fake, "hall")); // nobody wants it any more
    assert_string_equal(f.workers[0].story, "");
    leave(stays);
    run_rounds(f.loop);
    tear_down(&f);
}

static void a_resubscribed_link_may_have_missed_something(void **state) {
    struct fixture f;
    (void)state;
    set_up(&f);
    struct claim *claim = subscribed(&f, 0, "room");
    link_is(&f, WSHUB_LINK_DOWN);
    link_is(&f, WSHUB_LINK_RESUBSCRIBED);
    fake_deliver(f.fake, "room", "1");
    run_rounds(f.loop);
    assert_false(is_lost(claim));
    assert_int_equal(counter_get(&stats(&f)->lost), 0);
    assert_calls(&f, 1, 0);
    assert_string_equal(f.workers[0].story, "gd");
    leave(claim);
    run_rounds(f.loop);
    tear_down(&f);
}

static void what_the_session_lacks_is_subscribed_when_it_resumes(void **state) {
    struct fixture f;
    (void)state;
    set_up(&f);
    struct claim *claim = subscribed(&f, 0, "room");
    fake_behave(f.fake, FAKE_SUBSCRIBE, FAKE_HOLD, 0);
    link_is(&f, WSHUB_LINK_DOWN);
    link_is(&f, WSHUB_LINK_UP);
    link_is(&f, WSHUB_LINK_DOWN);
    fake_complete(f.fake, f.fake->held, WSHUB_UNAVAILABLE);
    run_rounds(f.loop);
    fake_behave(f.fake, FAKE_SUBSCRIBE, FAKE_AT_ONCE, WSHUB_OK);
    link_is(&f, WSHUB_LINK_RESUMED);
    assert_true(fake_is_subscribed(f.fake, "room"));
    assert_false(is_lost(claim));
    assert_string_equal(f.workers[0].story, "g");
    leave(claim);
    run_rounds(f.loop);
    tear_down(&f);
}

// ---- down again

static void it_may_break_while_it_restores(enum wshub_link_state next) {
    struct fixture f;
    static struct claim *claims[MANY];
    enum { RESTORED = 500 };
    set_up(&f);
    come_to_many(&f, claims);
    fake_behave(f.fake, FAKE_SUBSCRIBE, FAKE_HOLD, 0);
    link_is(&f, WSHUB_LINK_DOWN);
    link_is(&f, WSHUB_LINK_UP);
    complete_held(&f, RESTORED, WSHUB_OK);
    assert_int_equal(counter_get(&stats(&f)->lost), MANY - RESTORED);
    link_is(&f, WSHUB_LINK_DOWN);
    complete_held(&f, f.fake->held_count, WSHUB_UNAVAILABLE);
    assert_int_equal(counter_get(&stats(&f)->lost), MANY);
    struct claim *late[3] = {come(&f, 1, claims[0]->name), come(&f, 1, claims[MANY / 2]->name),
                             come(&f, 1, claims[MANY - 1]->name)};
    run_rounds(f.loop); // whether they were restored, under way or still waiting for their turn
    for (int i = 0; i < 3; i++) {
        assert_int_equal(late[i]->answers, 1);
        assert_int_equal(late[i]->status, WSHUB_UNAVAILABLE);
        drop(late[i]);
    }
    link_is(&f, next);
    assert_int_equal(f.fake->held_count, WINDOW);
    while (f.fake->held_count > 0) {
        complete_held(&f, f.fake->held_count, WSHUB_OK);
    }
    assert_int_equal(f.fake->subscribed_count, MANY);
    assert_int_equal(counter_get(&stats(&f)->lost), 0);
    assert_int_equal(f.workers[0].gaps, MANY + (next == WSHUB_LINK_UP ? RESTORED : 0));
    leave_all(claims);
    run_rounds(f.loop);
    tear_down(&f);
}

static void it_may_break_again_while_it_restores(void **state) {
    (void)state;
    it_may_break_while_it_restores(WSHUB_LINK_UP);
}

static void it_may_resume_while_it_restores(void **state) {
    (void)state;
    it_may_break_while_it_restores(WSHUB_LINK_RESUMED);
}

// A retry that comes due while the link is down again finds nothing to do, and stands in nobody's way.
static void a_retry_that_comes_due_while_it_is_down_holds_nobody_up(void **state) {
    struct fixture f;
    (void)state;
    set_up(&f);
    struct claim *claim = subscribed(&f, 0, "room");
    link_is(&f, WSHUB_LINK_DOWN);
    fake_behave(f.fake, FAKE_SUBSCRIBE, FAKE_REFUSE, WSHUB_DENIED);
    link_is(&f, WSHUB_LINK_UP);
    link_is(&f, WSHUB_LINK_DOWN);
    let_pass(&f, 1300);
    struct claim *late = come(&f, 1, "room");
    run_rounds(f.loop);
    assert_int_equal(late->answers, 1);
    assert_int_equal(late->status, WSHUB_UNAVAILABLE);
    drop(late);
    fake_behave(f.fake, FAKE_SUBSCRIBE, FAKE_AT_ONCE, WSHUB_OK);
    link_is(&f, WSHUB_LINK_UP);
    assert_false(is_lost(claim));
    leave(claim);
    run_rounds(f.loop);
    tear_down(&f);
}

// ---- the start and the end

static void a_broker_may_come_up_after_the_start(void **state) {
    struct fixture f;
    (void)state;
    make(&f, ONE_BROKER);
    f.fake->opens_down = true;
    assert_true(hub_start(f.instance.hub, fake_load, on_failure, &f));
    struct claim *early = come(&f, 0, "room");
    wait_answered(early, WSHUB_UNAVAILABLE);
    drop(early);
    link_is(&f, WSHUB_LINK_UP);
    struct claim *claim = subscribed(&f, 0, "room");
    run_until(f.loop, is_ready, &f);
    assert_int_equal(f.workers[0].gaps, 0);
    leave(claim);
    run_rounds(f.loop);
    tear_down(&f);
}

static bool has_failed(void *context) {
    return ((struct fixture *)context)->failures > 0;
}

static void a_broker_that_never_speaks_of_its_link_is_a_failure(void **state) {
    struct fixture f;
    (void)state;
    make(&f, ONE_BROKER);
    f.config.timeouts.broker = 100;
    f.fake->opens_mute = true;
    assert_true(hub_start(f.instance.hub, fake_load, on_failure, &f));
    run_until(f.loop, has_failed, &f);
    let_pass(&f, 150);
    assert_int_equal(f.failures, 1); // said once
    assert_logged(&f, "host->link was not called within 100 ms");
    tear_down(&f);
}

static void a_broker_that_is_down_is_no_failure(void **state) {
    struct fixture f;
    (void)state;
    make(&f, ONE_BROKER);
    f.config.timeouts.broker = 100;
    f.fake->opens_down = true;
    assert_true(hub_start(f.instance.hub, fake_load, on_failure, &f));
    let_pass(&f, 250);
    assert_int_equal(f.failures, 0);
    tear_down(&f);
}

static void a_drain_does_not_wait_for_a_link_that_is_down(void **state) {
    struct fixture f;
    (void)state;
    set_up(&f);
    leave(subscribed(&f, 0, "lingering"));
    struct claim *claim = subscribed(&f, 0, "room");
    link_is(&f, WSHUB_LINK_DOWN);
    leave(claim);
    run_rounds(f.loop);
    f.config.drain.delay = f.config.drain.window = 0;
    uint64_t begun = clock_ns();
    hub_drain(f.instance.hub);
    run_until(f.loop, has_ended, &f);
    assert_true(clock_ns() - begun < UINT64_C(1000000000));
    assert_int_equal(f.ending.unsettled, 0);
    assert_int_equal(counter_get(&stats(&f)->channels), 0);
    assert_calls(&f, 2, 0);
    tear_down(&f);
}

// Its publisher has gone without waiting for the answer: the message is on its way all the same.
static void a_drain_waits_for_what_is_being_published(void **state) {
    struct fixture f;
    (void)state;
    set_up(&f);
    fake_behave(f.fake, FAKE_PUBLISH, FAKE_HOLD, 0);
    publish(&f);
    f.config.drain.delay = f.config.drain.window = 0;
    hub_drain(f.instance.hub);
    let_pass(&f, 50);
    assert_int_equal(f.ended, 0);
    assert_int_equal(f.fake->held_count, 1);
    fake_complete(f.fake, f.fake->held, WSHUB_OK);
    run_until(f.loop, has_ended, &f);
    assert_int_equal(f.ending.unsettled, 0);
    assert_int_equal(f.published[1], 1);
    tear_down(&f);
}

// The broker forgets it by itself.
static void a_link_that_breaks_during_the_drain_settles_it(void **state) {
    struct fixture f;
    (void)state;
    set_up(&f);
    leave(subscribed(&f, 0, "room"));
    run_rounds(f.loop);
    fake_behave(f.fake, FAKE_UNSUBSCRIBE, FAKE_HOLD, 0);
    f.config.drain.delay = f.config.drain.window = 0;
    f.config.timeouts.broker = 200; // for the drain; that of the call stays long
    hub_drain(f.instance.hub);
    wait_calls(&f, FAKE_UNSUBSCRIBE, 1);
    link_is(&f, WSHUB_LINK_DOWN);
    fake_complete_all(f.fake, WSHUB_UNAVAILABLE);
    run_until(f.loop, has_ended, &f);
    assert_int_equal(f.ending.unsettled, 0);
    tear_down(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(while_it_is_down_everything_fails_at_once),
        cmocka_unit_test(who_leaves_while_it_is_down_is_not_subscribed_again),
        cmocka_unit_test(what_an_earlier_link_confirms_is_not_believed),
        cmocka_unit_test(what_an_earlier_link_could_not_end_is_over),
        cmocka_unit_test(a_subscribe_that_was_under_way_when_it_broke_fails),
        cmocka_unit_test(what_broke_in_the_middle_is_taken_back_when_it_resumes),
        cmocka_unit_test(a_refusal_does_not_end_a_doubt),
        cmocka_unit_test(up_subscribes_what_has_claims),
        cmocka_unit_test(some_are_restored_at_a_time),
        cmocka_unit_test(each_worker_hears_of_the_gap_before_what_follows_it),
        cmocka_unit_test(up_without_down_is_a_new_session_too),
        cmocka_unit_test(what_is_refused_is_tried_again_and_again),
        cmocka_unit_test(what_timed_out_is_restored_some_at_a_time_too),
        cmocka_unit_test(a_newcomer_need_not_wait_for_the_retry),
        cmocka_unit_test(a_newcomer_need_not_wait_for_its_turn),
        cmocka_unit_test(a_resumed_link_needs_nothing),
        cmocka_unit_test(a_resubscribed_link_may_have_missed_something),
        cmocka_unit_test(what_the_session_lacks_is_subscribed_when_it_resumes),
        cmocka_unit_test(it_may_break_again_while_it_restores),
        cmocka_unit_test(it_may_resume_while_it_restores),
        cmocka_unit_test(a_retry_that_comes_due_while_it_is_down_holds_nobody_up),
        cmocka_unit_test(a_broker_may_come_up_after_the_start),
        cmocka_unit_test(a_broker_that_never_speaks_of_its_link_is_a_failure),
        cmocka_unit_test(a_broker_that_is_down_is_no_failure),
        cmocka_unit_test(a_drain_does_not_wait_for_a_link_that_is_down),
        cmocka_unit_test(a_drain_waits_for_what_is_being_published),
        cmocka_unit_test(a_link_that_breaks_during_the_drain_settles_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
