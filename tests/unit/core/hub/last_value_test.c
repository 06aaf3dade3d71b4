// SPDX-License-Identifier: MIT
// Last values on the hub's side: whoever comes to such a channel gets the latest message behind its
// confirmation, once, whatever the broker does around it.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "hub_fixture.h"
#include "scarce_memory.h"

#define KEEPER                                  \
    "brokers: [{name: main, plugin: keeper}]\n" \
    "registry: {enabled: off}\n"                \
    "channels:\n"                               \
    "  - {match: \"tick\", last_value: true}\n" \
    "  - {match: \"both\", last_value: true, history: {size: 7, ttl: 90s}}\n"

static void set_up_keeper(struct fixture *f) {
    make(f, KEEPER);
    f->fake->keeps_pasts = true;
    assert_true(hub_start(f->instance.hub, fake_load, on_failure, f));
    run_rounds(f->loop);
}

static void deliver(struct fixture *f, const char *channel, const char *payload) {
    assert_int_equal(fake_deliver(f->fake, channel, payload), WSHUB_OK);
    run_rounds(f->loop);
}

static void deliver_last(struct fixture *f, const char *channel, const char *payload) {
    assert_int_equal(fake_deliver_last(f->fake, channel, payload), WSHUB_OK);
    run_rounds(f->loop);
}

static void complete(struct fixture *f, enum fake_slot slot) {
    fake_complete(f->fake, fake_held(f->fake, slot, NULL), WSHUB_OK);
    run_rounds(f->loop);
}

static void lose(struct fixture *f, const char *channel) {
    f->fake->host->lose(f->fake->host->self, (struct wshub_bytes){channel, strlen(channel)});
    run_rounds(f->loop);
}

#define assert_story(worker_, story_, payload_)                \
    do {                                                       \
        assert_string_equal((worker_).story, story_);          \
        assert_string_equal((worker_).last_payload, payload_); \
    } while (0)

// ---- the broker brings it

static void it_may_come_before_the_confirmation(void **state) {
    struct fixture f;
    (void)state;
    set_up_keeper(&f);
    fake_behave(f.fake, FAKE_SUBSCRIBE, FAKE_HOLD, 0);
    struct claim *one = come(&f, 0, "tick"), *two = come(&f, 1, "tick");
    run_rounds(f.loop);
    deliver_last(&f, "tick", "1");
    deliver_last(&f, "tick", "older"); // asked for once
    assert_story(f.workers[0], "", "");
    complete(&f, FAKE_SUBSCRIBE);
    wait_answered(one, WSHUB_OK);
    assert_story(f.workers[0], "l", "1");
    assert_story(f.workers[1], "l", "1");
    deliver_last(&f, "tick", "older");
    assert_story(f.workers[0], "l", "1");
    leave(one);
    leave(two);
    run_rounds(f.loop);
    tear_down(&f);
}

static void it_may_come_behind_the_confirmation(void **state) {
    struct fixture f;
    (void)state;
    set_up_keeper(&f);
    struct claim *one = subscribed(&f, 0, "tick"), *two = subscribed(&f, 1, "tick");
    assert_story(f.workers[0], "", "");
    deliver_last(&f, "tick", "1");
    assert_story(f.workers[0], "l", "1");
    assert_story(f.workers[1], "l", "1");
    deliver_last(&f, "tick", "1");
    assert_story(f.workers[0], "l", "1");
    leave(one);
    leave(two);
    run_rounds(f.loop);
    tear_down(&f);
}

static void a_live_message_is_later_than_it(void **state) {
    struct fixture f;
    (void)state;
    set_up_keeper(&f);
    struct claim *one = subscribed(&f, 0, "tick");
    deliver(&f, "tick", "live");
    deliver_last(&f, "tick", "kept");
    assert_story(f.workers[0], "d", "live");
    leave(one);
    run_rounds(f.loop);
    tear_down(&f);
}

// Live messages that come before the confirmation are nobody's yet, but one of them is the last.
static void what_comes_before_the_confirmation_is_the_last(void **state) {
    struct fixture f;
    (void)state;
    set_up_keeper(&f);
    fake_behave(f.fake, FAKE_SUBSCRIBE, FAKE_HOLD, 0);
    struct claim *one = come(&f, 0, "tick");
    run_rounds(f.loop);
    deliver_last(&f, "tick", "kept");
    deliver(&f, "tick", "1");
    deliver(&f, "tick", "2");
    complete(&f, FAKE_SUBSCRIBE);
    wait_answered(one, WSHUB_OK);
    assert_story(f.workers[0], "l", "2");
    leave(one);
    run_rounds(f.loop);
    tear_down(&f);
}

static void without_the_rule_it_is_no_message(void **state) {
    struct fixture f;
    (void)state;
    set_up_keeper(&f);
    struct claim *one = subscribed(&f, 0, "room");
    deliver_last(&f, "room", "left behind");
    assert_story(f.workers[0], "", "");
    deliver(&f, "room", "1");
    struct claim *two = subscribed(&f, 1, "room");
    assert_story(f.workers[1], "", "");
    assert_int_equal(counter_get(&stats(&f)->last_values), 0);
    leave(one);
    leave(two);
    run_rounds(f.loop);
    tear_down(&f);
}

// ---- who comes later

static void who_comes_later_gets_the_latest(void **state) {
    struct fixture f;
    (void)state;
    set_up_keeper(&f);
    struct claim *one = subscribed(&f, 0, "tick");
    deliver(&f, "tick", "1");
    deliver(&f, "tick", "2");
    struct claim *two = subscribed(&f, 1, "tick");
    assert_story(f.workers[0], "dd", "2");
    assert_story(f.workers[1], "l", "2");
    deliver(&f, "tick", "3");
    struct claim *three = subscribed(&f, 2, "tick");
    assert_story(f.workers[1], "ld", "3");
    assert_story(f.workers[2], "l", "3");
    assert_int_equal(f.fake->counts[FAKE_SUBSCRIBE], 1);
    leave(one);
    leave(two);
    leave(three);
    run_rounds(f.loop);
    tear_down(&f);
}

static void it_is_kept_up_to_date_while_nobody_is_there(void **state) {
    struct fixture f;
    (void)state;
    set_up_keeper(&f);
    leave(subscribed(&f, 0, "tick"));
    run_rounds(f.loop);
    deliver(&f, "tick", "while it lingers");
    struct claim *claim = subscribed(&f, 1, "tick");
    assert_story(f.workers[0], "", "");
    assert_story(f.workers[1], "l", "while it lingers");
    assert_calls(&f, 1, 0);
    leave(claim);
    run_rounds(f.loop);
    tear_down(&f);
}

static void an_empty_message_takes_it_away(void **state) {
    struct fixture f;
    (void)state;
    set_up_keeper(&f);
    struct claim *one = subscribed(&f, 0, "tick");
    deliver_last(&f, "tick", ""); // there is none
    assert_story(f.workers[0], "", "");
    deliver(&f, "tick", "1");
    deliver(&f, "tick", "");
    assert_story(f.workers[0], "dd", "");
    struct claim *two = subscribed(&f, 1, "tick");
    assert_story(f.workers[1], "", "");
    leave(one);
    leave(two);
    run_rounds(f.loop);
    tear_down(&f);
}

static void what_is_held_is_counted(void **state) {
    struct fixture f;
    (void)state;
    set_up_keeper(&f);
    f.config.unsubscribe_linger = 0;
    struct claim *one = subscribed(&f, 0, "tick"), *two = subscribed(&f, 0, "both");
    deliver(&f, "tick", "1");
    assert_int_equal(counter_get(&stats(&f)->last_values), 1);
    uint64_t bytes = counter_get(&stats(&f)->last_value_bytes);
    assert_true(bytes > 0);
    deliver(&f, "tick", "2");
    deliver(&f, "both", "3");
    assert_int_equal(counter_get(&stats(&f)->last_values), 2);
    assert_int_equal(counter_get(&stats(&f)->last_value_bytes), 2 * bytes);
    leave(one);
    leave(two);
    wait_channels(&f, 0);
    assert_int_equal(counter_get(&stats(&f)->last_values), 0);
    assert_int_equal(counter_get(&stats(&f)->last_value_bytes), 0);
    tear_down(&f);
}

// ---- the link

static struct claim *with_one(struct fixture *f) {
    set_up_keeper(f);
    struct claim *claim = subscribed(f, 0, "tick");
    deliver(f, "tick", "1");
    link_is(f, WSHUB_LINK_DOWN);
    return claim;
}

static void a_restored_channel_gets_the_gap_and_then_what_was_kept(void **state) {
    struct fixture f;
    (void)state;
    struct claim *one = with_one(&f);
    fake_behave(f.fake, FAKE_SUBSCRIBE, FAKE_HOLD, 0);
    link_is(&f, WSHUB_LINK_UP);
    struct claim *two = come(&f, 1, "tick");
    deliver_last(&f, "tick", "2");
    assert_story(f.workers[0], "d", "1");
    complete(&f, FAKE_SUBSCRIBE);
    wait_answered(two, WSHUB_OK);
    assert_story(f.workers[0], "dfl", "2");
    assert_story(f.workers[1], "l", "2");
    leave(one);
    leave(two);
    run_rounds(f.loop);
    tear_down(&f);
}

static void it_may_come_behind_the_gap(void **state) {
    struct fixture f;
    (void)state;
    struct claim *one = with_one(&f);
    link_is(&f, WSHUB_LINK_UP);
    assert_story(f.workers[0], "df", "");
    deliver_last(&f, "tick", "2");
    assert_story(f.workers[0], "dfl", "2");
    leave(one);
    run_rounds(f.loop);
    tear_down(&f);
}

static void what_was_known_before_a_gap_is_forgotten(void **state) {
    const enum wshub_link_state states[] = {WSHUB_LINK_UP, WSHUB_LINK_RESUBSCRIBED};
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct fixture f;
        struct claim *one = with_one(&f);
        link_is(&f, states[i]);
        assert_story(f.workers[0], "df", "");
        struct claim *two = subscribed(&f, 1, "tick");
        assert_story(f.workers[1], "", "");
        deliver(&f, "tick", "3");
        assert_story(f.workers[1], "d", "3");
        leave(one);
        leave(two);
        run_rounds(f.loop);
        tear_down(&f);
    }
}

static void a_link_that_has_missed_nothing_forgets_nothing(void **state) {
    struct fixture f;
    (void)state;
    struct claim *one = with_one(&f);
    link_is(&f, WSHUB_LINK_RESUMED);
    struct claim *two = subscribed(&f, 1, "tick");
    assert_story(f.workers[0], "d", "1");
    assert_story(f.workers[1], "l", "1");
    leave(one);
    leave(two);
    run_rounds(f.loop);
    tear_down(&f);
}

static void what_was_lost_was_later(void **state) {
    struct fixture f;
    (void)state;
    set_up_keeper(&f);
    struct claim *one = subscribed(&f, 0, "tick");
    deliver(&f, "tick", "1");
    lose(&f, "tick");
    assert_story(f.workers[0], "df", "");
    struct claim *two = subscribed(&f, 1, "tick");
    assert_story(f.workers[1], "", "");
    leave(one);
    leave(two);
    run_rounds(f.loop);
    tear_down(&f);
}

// Lingering would keep from whoever comes next what only the broker knows.
static void a_channel_that_nobody_has_does_not_linger_without_it(void **state) {
    (void)state;
    for (int link = 0; link < 2; link++) {
        struct fixture f;
        set_up_keeper(&f);
        leave(subscribed(&f, 0, "tick"));
        run_rounds(f.loop);
        deliver(&f, "tick", "1");
        if (link) {
            link_is(&f, WSHUB_LINK_DOWN);
            link_is(&f, WSHUB_LINK_RESUBSCRIBED);
        } else {
            lose(&f, "tick");
        }
        assert_calls(&f, 1, 1);
        struct claim *claim = subscribed(&f, 0, "tick");
        deliver_last(&f, "tick", "2");
        assert_story(f.workers[0], "l", "2");
        leave(claim);
        run_rounds(f.loop);
        tear_down(&f);
    }
}

// The gap is told at the end of the round; what came in between is known to all already.
static void what_comes_right_behind_a_loss_is_the_last(void **state) {
    struct fixture f;
    (void)state;
    set_up_keeper(&f);
    struct claim *one = subscribed(&f, 0, "tick");
    f.fake->host->lose(f.fake->host->self, (struct wshub_bytes){"tick", 4});
    deliver(&f, "tick", "1");
    assert_story(f.workers[0], "dg", "");
    struct claim *two = subscribed(&f, 1, "tick");
    assert_story(f.workers[1], "l", "1");
    leave(one);
    leave(two);
    run_rounds(f.loop);
    tear_down(&f);
}

// A plugin that subscribes anew by itself may be given it anew.
static void a_plugin_that_resubscribes_may_bring_it(void **state) {
    struct fixture f;
    (void)state;
    struct claim *one = with_one(&f);
    link_is(&f, WSHUB_LINK_RESUBSCRIBED);
    deliver_last(&f, "tick", "2");
    deliver_last(&f, "tick", "2");
    assert_story(f.workers[0], "dfl", "2");
    struct claim *two = subscribed(&f, 1, "tick");
    assert_story(f.workers[1], "l", "2");
    leave(one);
    leave(two);
    run_rounds(f.loop);
    tear_down(&f);
}

// The broker has confirmed late, and messages were missed in between.
static void what_came_before_the_link_broke_is_old(void **state) {
    struct fixture f;
    (void)state;
    set_up_keeper(&f);
    fake_behave(f.fake, FAKE_SUBSCRIBE, FAKE_HOLD, 0);
    struct claim *one = come(&f, 0, "tick");
    run_rounds(f.loop);
    deliver_last(&f, "tick", "1");
    link_is(&f, WSHUB_LINK_DOWN);
    link_is(&f, WSHUB_LINK_RESUBSCRIBED);
    complete(&f, FAKE_SUBSCRIBE);
    wait_answered(one, WSHUB_OK);
    assert_story(f.workers[0], "", "");
    deliver_last(&f, "tick", "2");
    assert_story(f.workers[0], "l", "2");
    leave(one);
    run_rounds(f.loop);
    tear_down(&f);
}

// A subscribe that timed out may have brought it; so does the next.
static void a_repeated_subscribe_brings_it_anew(void **state) {
    struct fixture f;
    (void)state;
    struct claim *one = with_one(&f);
    fake_behave(f.fake, FAKE_SUBSCRIBE, FAKE_HOLD, 0);
    link_is(&f, WSHUB_LINK_UP);
    deliver_last(&f, "tick", "2");
    fake_behave(f.fake, FAKE_SUBSCRIBE, FAKE_AT_ONCE, WSHUB_OK);
    fake_complete(f.fake, f.fake->held, WSHUB_TIMEOUT);
    struct claim *two = subscribed(&f, 1, "tick");
    deliver_last(&f, "tick", "2");
    deliver_last(&f, "tick", "2");
    assert_story(f.workers[0], "dfl", "2");
    assert_story(f.workers[1], "l", "2");
    leave(one);
    leave(two);
    run_rounds(f.loop);
    tear_down(&f);
}

// ---- without memory

static bool is_answered_without_memory(void *context) {
    bool answered = is_answered(context);
    memory_allowed = answered ? SIZE_MAX : 0;
    return answered;
}

static bool has_heard(void *context) {
    return ((struct worker *)context)->story[0] != '\0';
}

static void who_cannot_be_given_it_is_told_of_a_gap(void **state) {
    struct fixture f;
    (void)state;
    if (!SCARCE_MEMORY) {
        skip();
    }
    set_up_keeper(&f);
    struct claim *one = subscribed(&f, 0, "tick");
    deliver(&f, "tick", "1");
    struct claim *two = come(&f, 1, "tick");
    run_until(f.loop, is_answered_without_memory, two);
    run_until(f.loop, has_heard, &f.workers[1]);
    assert_story(f.workers[1], "g", "");
    leave(one);
    leave(two);
    run_rounds(f.loop);
    tear_down(&f);
}

// ---- what is published

static void publish(struct fixture *f, const char *channel) {
    struct request *request = calloc(1, sizeof *request);
    assert_non_null(request);
    request->mail.kind = MAIL_PUBLISH;
    request->message = message_new(
        &(struct wshub_message){.channel = {channel, strlen(channel)}, .payload = {"1", 1}}, WORKERS);
    assert_non_null(request->message);
    mailbox_post(hub_mailbox(f->instance.hub), &request->mail);
    run_rounds(f->loop);
}

static void a_publish_says_what_is_to_be_kept(void **state) {
    static const struct {
        const char *channel;
        uint32_t flags;
        uint64_t size, ttl;
    } cases[] = {
        {"room", 0, 0, 0},
        {"tick", WSHUB_MESSAGE_LAST_VALUE, 0, 0},
        {"both", WSHUB_MESSAGE_LAST_VALUE, 7, 90000},
    };
    struct fixture f;
    (void)state;
    set_up_keeper(&f);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        publish(&f, cases[i].channel);
        const struct fake_call *call = f.fake->calls[i];
        assert_string_equal(call->channel, cases[i].channel);
        assert_int_equal(call->flags, cases[i].flags);
        assert_int_equal(call->history_size, cases[i].size);
        assert_int_equal(call->ttl, cases[i].ttl);
    }
    assert_int_equal(f.published[1], 3);
    tear_down(&f);
}

static void a_broker_that_cannot_is_not_started_with(void **state) {
    struct fixture f;
    (void)state;
    make(&f, "brokers: [{name: other, plugin: memory}, {name: main, plugin: fake}]\n"
             "registry: {enabled: off}\n"
             "channels: [{match: a, broker: main, history: {size: 1, ttl: 1s}}]\n");
    assert_false(hub_start(f.instance.hub, fake_load, on_failure, &f));
    assert_logged(&f, "channels[0].history: found a channel of broker main (fake), expected a broker that "
                      "keeps history, or another one's name in history.via (capability history; wshub "
                      "plugins lists those that can)");
    tear_down(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_may_come_before_the_confirmation),
        cmocka_unit_test(it_may_come_behind_the_confirmation),
        cmocka_unit_test(a_live_message_is_later_than_it),
        cmocka_unit_test(what_comes_before_the_confirmation_is_the_last),
        cmocka_unit_test(without_the_rule_it_is_no_message),
        cmocka_unit_test(who_comes_later_gets_the_latest),
        cmocka_unit_test(it_is_kept_up_to_date_while_nobody_is_there),
        cmocka_unit_test(an_empty_message_takes_it_away),
        cmocka_unit_test(what_is_held_is_counted),
        cmocka_unit_test(a_restored_channel_gets_the_gap_and_then_what_was_kept),
        cmocka_unit_test(it_may_come_behind_the_gap),
        cmocka_unit_test(what_was_known_before_a_gap_is_forgotten),
        cmocka_unit_test(a_link_that_has_missed_nothing_forgets_nothing),
        cmocka_unit_test(what_was_lost_was_later),
        cmocka_unit_test(a_channel_that_nobody_has_does_not_linger_without_it),
        cmocka_unit_test(what_comes_right_behind_a_loss_is_the_last),
        cmocka_unit_test(a_plugin_that_resubscribes_may_bring_it),
        cmocka_unit_test(what_came_before_the_link_broke_is_old),
        cmocka_unit_test(a_repeated_subscribe_brings_it_anew),
        cmocka_unit_test(who_cannot_be_given_it_is_told_of_a_gap),
        cmocka_unit_test(a_publish_says_what_is_to_be_kept),
        cmocka_unit_test(a_broker_that_cannot_is_not_started_with),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
