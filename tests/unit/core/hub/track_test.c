// SPDX-License-Identifier: MIT
// What a subscriber of a channel with a history gets live: each message once and in order, or the word that
// some are missing (P3).
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "reader_fixture.h"

#define SLOW_CHECKS "recovery: {check: 1h}\n"
#define QUICK_CHECKS "recovery: {check: 100ms}\n"

static void end(struct fixture *f, struct reader *reader) {
    if (reader) {
        leave(reader->claim);
        reader_free(reader);
    }
    run_rounds(f->loop);
    tear_down(f);
}

static void deliver(struct fixture *f, uint64_t offset) {
    fake_deliver_stored(f->fake, ROOM, offset);
}

// ---- coming

static void nobody_is_confirmed_before_its_position_is_known(void **state) {
    struct fixture f;
    struct position position;
    (void)state;
    set_up_histories(&f, SLOW_CHECKS);
    fake_behave(f.fake, FAKE_HISTORY, FAKE_HOLD, 0);
    fake_store(f.fake, ROOM, "a");
    struct claim *claim = come_to(&f, 0, ROOM, &position);
    wait_calls(&f, FAKE_HISTORY, 1);
    assert_int_equal(f.fake->held->limit, 0);
    assert_int_equal(f.fake->held->history_size, 1000);
    run_rounds(f.loop);
    assert_int_equal(claim->answers, 0);
    bring(&f, "b"); // published meanwhile
    bring(&f, "c");
    fake_trim(f.fake, ROOM, 3);
    fake_complete(f.fake, f.fake->held, WSHUB_OK);
    fake_behave(f.fake, FAKE_HISTORY, FAKE_AT_ONCE, 0);
    wait_answered(claim, WSHUB_OK);
    assert_int_equal(position.offset, 3);
    assert_true(position_is_of(&position, (struct span){"first", 5}));
    struct reader *reader = reader_on(&f, claim);
    bring_many(&f, 2);
    assert_string_equal(reader->story, "4 5");
    assert_int_equal(questions(&f), 1);
    end(&f, reader);
}

static void what_comes_before_that_is_not_lost(void **state) {
    struct fixture f;
    struct position position;
    (void)state;
    set_up_histories(&f, SLOW_CHECKS);
    fake_behave(f.fake, FAKE_HISTORY, FAKE_HOLD, 0);
    struct claim *claim = come_to(&f, 0, ROOM, &position);
    wait_calls(&f, FAKE_HISTORY, 1);
    f.fake->keeps_pasts = false; // the answer is older than the messages
    f.fake->host->position(f.fake->host->self, f.fake->held->token, (struct wshub_bytes){"first", 5}, 0, 0);
    bring(&f, "a");
    bring(&f, "b");
    fake_complete(f.fake, f.fake->held, WSHUB_OK);
    wait_answered(claim, WSHUB_OK);
    assert_int_equal(position.offset, 2);
    struct reader *reader = reader_on(&f, claim);
    bring_many(&f, 1);
    assert_string_equal(reader->story, "3");
    end(&f, reader);
}

static void a_history_that_cannot_be_read_lets_nobody_in(void **state) {
    static const int statuses[] = {WSHUB_TIMEOUT, WSHUB_UNAVAILABLE, WSHUB_INTERNAL, WSHUB_NO_MEMORY};
    struct fixture f;
    (void)state;
    set_up_histories(&f, SLOW_CHECKS);
    f.config.unsubscribe_linger = 0;
    for (size_t i = 0; i < sizeof statuses / sizeof *statuses; i++) {
        fake_behave(f.fake, FAKE_HISTORY, i % 2 ? FAKE_REFUSE : FAKE_AT_ONCE, statuses[i]);
        struct claim *claim = come(&f, 0, ROOM);
        wait_answered(claim, statuses[i]);
        drop(claim);
        wait_channels(&f, 0);
        assert_false(fake_is_subscribed(f.fake, ROOM));
    }
    fake_behave(f.fake, FAKE_HISTORY, FAKE_AT_ONCE, WSHUB_OK);
    f.fake->keeps_pasts = false; // it tells nothing at all
    struct claim *claim = come(&f, 0, ROOM);
    wait_answered(claim, WSHUB_INTERNAL);
    drop(claim);
    end(&f, NULL);
}

static void a_channel_goes_only_when_its_question_is_answered(void **state) {
    struct fixture f;
    (void)state;
    set_up_histories(&f, SLOW_CHECKS);
    f.config.unsubscribe_linger = 0;
    struct reader *reader = reads_room(&f, 0);
    fake_behave(f.fake, FAKE_HISTORY, FAKE_HOLD, 0);
    f.fake->host->lose(f.fake->host->self, (struct wshub_bytes){ROOM, strlen(ROOM)});
    wait_calls(&f, FAKE_HISTORY, 2);
    leave(reader->claim);
    reader_free(reader);
    wait_calls(&f, FAKE_UNSUBSCRIBE, 1);
    run_rounds(f.loop);
    assert_int_equal(counter_get(&stats(&f)->channels), 1);
    fake_complete(f.fake, f.fake->held, WSHUB_TIMEOUT);
    wait_channels(&f, 0);
    end(&f, NULL);
}

// ---- order

static void each_message_comes_once_and_in_order(void **state) {
    struct fixture f;
    (void)state;
    set_up_histories(&f, SLOW_CHECKS);
    struct reader *reader = reads_room(&f, 0);
    bring_many(&f, 2);
    deliver(&f, 1);
    deliver(&f, 2);
    fake_store(f.fake, ROOM, "3");
    fake_store(f.fake, ROOM, "4");
    fake_store(f.fake, ROOM, "5");
    deliver(&f, 5); // two publishers have overtaken each other
    deliver(&f, 4);
    deliver(&f, 4);
    deliver(&f, 3);
    deliver(&f, 5);
    wait_story(reader, "1 2 3 4 5");
    assert_int_equal(questions(&f), 1); // that where the channel stood
    end(&f, reader);
}

static void a_hole_is_read(void **state) {
    struct fixture f;
    (void)state;
    set_up_histories(&f, SLOW_CHECKS);
    struct reader *reader = reads_room(&f, 0);
    bring_many(&f, 1);
    fake_store(f.fake, ROOM, "2");
    fake_store(f.fake, ROOM, "3");
    bring(&f, "4");
    bring(&f, "5");
    run_rounds(f.loop);
    assert_string_equal(reader->story, "1"); // nothing overtakes what is missing
    wait_story(reader, "1 2 3 4 5");
    assert_int_equal(questions(&f), 2);
    assert_int_equal(counter_get(&stats(&f)->filled), 4);
    assert_int_equal(reader->claim->fixture->workers[0].gaps, 0);
    end(&f, reader);
}

static void offsets_with_holes_of_their_own_are_no_holes(void **state) {
    struct fixture f;
    (void)state;
    set_up_histories(&f, SLOW_CHECKS);
    f.fake->is_sparse = true;
    struct reader *reader = reads_room(&f, 0);
    bring_many(&f, 3);
    assert_string_equal(reader->story, "3 6 9");
    fake_store(f.fake, ROOM, "12");
    bring(&f, "15");
    wait_story(reader, "3 6 9 12 15");
    assert_int_equal(questions(&f), 2);
    end(&f, reader);
}

static void many_are_read_page_by_page(void **state) {
    struct fixture f;
    char expected[8192] = "1";
    (void)state;
    set_up_histories(&f, SLOW_CHECKS);
    struct reader *reader = reads_room(&f, 0);
    bring_many(&f, 1);
    for (unsigned i = 2; i <= 1200; i++) {
        snprintf(expected + strlen(expected), 16, " %u", i);
        if (i < 1200) {
            fake_store(f.fake, ROOM, "x");
        }
    }
    bring(&f, "x");
    wait_story(reader, expected);
    assert_int_equal(questions(&f), 1 + 3);
    end(&f, reader);
}

static void what_the_history_has_no_more_is_told(void **state) {
    struct fixture f;
    (void)state;
    set_up_histories(&f, SLOW_CHECKS);
    struct reader *reader = reads_room(&f, 0);
    bring_many(&f, 2);
    fake_store(f.fake, ROOM, "3");
    fake_store(f.fake, ROOM, "4");
    fake_store(f.fake, ROOM, "5");
    bring(&f, "6");
    fake_trim(f.fake, ROOM, 5);
    wait_story(reader, "1 2 g4 5 6");
    bring_many(&f, 1);
    assert_string_equal(reader->story, "1 2 g4 5 6 7");
    end(&f, reader);
}

static void what_the_history_never_had_is_told_in_the_end(void **state) {
    struct fixture f;
    (void)state;
    set_up_histories(&f, SLOW_CHECKS);
    struct reader *reader = reads_room(&f, 0);
    bring_many(&f, 1);
    bring(&f, "2");
    fake_store(f.fake, ROOM, "3");
    fake_store(f.fake, ROOM, "4");
    deliver(&f, 4);
    fake_past(f.fake, ROOM)->count = 2; // a copy that is behind answers, and never catches up
    fake_past(f.fake, ROOM)->newest = 2;
    wait_story(reader, "1 2 g3 4");
    assert_int_equal(questions(&f), 1 + 3);
    fake_past(f.fake, ROOM)->count = 4;
    end(&f, reader);
}

static void what_was_published_past_the_history_is_passed_on_as_it_is(void **state) {
    struct fixture f;
    (void)state;
    set_up_histories(&f, SLOW_CHECKS);
    struct reader *reader = reads_room(&f, 0);
    bring_many(&f, 1);
    fake_deliver(f.fake, ROOM, "of elsewhere");
    bring_many(&f, 1);
    assert_string_equal(reader->story, "1 p0 2");
    assert_int_equal(questions(&f), 1);
    end(&f, reader);
}

static void reads_that_fail_end_in_a_gap(void **state) {
    struct fixture f;
    (void)state;
    set_up_histories(&f, SLOW_CHECKS);
    struct reader *reader = reads_room(&f, 0);
    bring_many(&f, 1);
    fake_behave(f.fake, FAKE_HISTORY, FAKE_AT_ONCE, WSHUB_INTERNAL);
    fake_store(f.fake, ROOM, "2");
    bring(&f, "3");
    wait_story(reader, "1 g2 3");
    end(&f, reader);
}

// ---- other epochs

// A server that has come back with what it had, and cannot know whether that is all, has old messages under
// its new epoch: what stands there already is told, and not passed on.
static void another_epoch_is_told_and_goes_on_with_what_comes(void **state) {
    struct fixture f;
    (void)state;
    set_up_histories(&f, SLOW_CHECKS);
    struct reader *reader = reads_room(&f, 0);
    bring_many(&f, 3);
    fake_begin_epoch(f.fake, ROOM, "second");
    fake_store(f.fake, ROOM, "1");
    bring(&f, "2");
    wait_story(reader, "1 2 3 g2");
    assert_true(position_is_of(&reader->at, (struct span){"second", 6}));
    bring_many(&f, 1);
    assert_string_equal(reader->story, "1 2 3 g2 3");
    end(&f, reader);
}

static void a_message_of_an_epoch_that_the_history_does_not_know_is_told(void **state) {
    struct fixture f;
    (void)state;
    set_up_histories(&f, SLOW_CHECKS);
    struct reader *reader = reads_room(&f, 0);
    bring_many(&f, 1);
    const struct wshub_message foreign = {
        .struct_size = sizeof foreign,
        .channel = {ROOM, strlen(ROOM)},
        .payload = {"x", 1},
        .epoch = {"stale", 5},
        .offset = 90,
    };
    f.fake->host->deliver(f.fake->host->self, &foreign);
    wait_story(reader, "1 g1");
    bring_many(&f, 1);
    assert_string_equal(reader->story, "1 g1 2");
    end(&f, reader);
}

// ---- losses and links

static void what_a_plugin_has_lost_is_read(void **state) {
    struct fixture f;
    (void)state;
    set_up_histories(&f, SLOW_CHECKS);
    struct reader *reader = reads_room(&f, 0);
    bring_many(&f, 1);
    fake_store(f.fake, ROOM, "2");
    f.fake->host->lose(f.fake->host->self, (struct wshub_bytes){ROOM, strlen(ROOM)});
    wait_story(reader, "1 2");
    fake_store(f.fake, ROOM, "3");
    f.fake->host->lose(f.fake->host->self, (struct wshub_bytes){NULL, 0});
    wait_story(reader, "1 2 3");
    f.fake->host->lose(f.fake->host->self, (struct wshub_bytes){NULL, 0}); // nothing, as it turns out
    run_rounds(f.loop);
    bring_many(&f, 1);
    assert_string_equal(reader->story, "1 2 3 4");
    end(&f, reader);
}

static void what_a_link_has_missed_is_read(void **state) {
    static const enum wshub_link_state states[] = {WSHUB_LINK_UP, WSHUB_LINK_RESUBSCRIBED,
                                                   WSHUB_LINK_RESUMED};
    for (size_t i = 0; i < sizeof states / sizeof *states; i++) {
        struct fixture f;
        (void)state;
        set_up_histories(&f, SLOW_CHECKS);
        struct reader *reader = reads_room(&f, 0);
        bring_many(&f, 1);
        link_is(&f, WSHUB_LINK_DOWN);
        fake_store(f.fake, ROOM, "2");
        fake_store(f.fake, ROOM, "3");
        link_is(&f, states[i]);
        wait_story(reader, "1 2 3");
        assert_false(is_lost(reader->claim));
        bring_many(&f, 1);
        assert_string_equal(reader->story, "1 2 3 4");
        link_is(&f, WSHUB_LINK_DOWN);
        fake_store(f.fake, ROOM, "5");
        fake_store(f.fake, ROOM, "6");
        fake_trim(f.fake, ROOM, 6);
        link_is(&f, states[i]);
        wait_story(reader, "1 2 3 4 g5 6");
        end(&f, reader);
    }
}

// While nothing is known, nobody new comes; then it stands where all stand.
static void who_comes_meanwhile_waits(void **state) {
    struct fixture f;
    struct position position;
    (void)state;
    set_up_histories(&f, SLOW_CHECKS);
    struct reader *reader = reads_room(&f, 0);
    bring_many(&f, 1);
    fake_behave(f.fake, FAKE_HISTORY, FAKE_HOLD, 0);
    link_is(&f, WSHUB_LINK_DOWN);
    fake_store(f.fake, ROOM, "2");
    link_is(&f, WSHUB_LINK_RESUBSCRIBED);
    wait_calls(&f, FAKE_HISTORY, 2);
    struct claim *claim = come_to(&f, 1, ROOM, &position);
    run_rounds(f.loop);
    assert_int_equal(claim->answers, 0);
    fake_complete(f.fake, f.fake->held, WSHUB_OK);
    wait_answered(claim, WSHUB_OK);
    assert_int_equal(position.offset, 2);
    assert_string_equal(reader->story, "1 2");
    leave(claim);
    end(&f, reader);
}

// It goes on where it stood, for the history is asked from there.
static void a_link_that_breaks_again_while_it_is_read(void **state) {
    struct fixture f;
    (void)state;
    set_up_histories(&f, SLOW_CHECKS);
    struct reader *reader = reads_room(&f, 0);
    bring_many(&f, 1);
    fake_behave(f.fake, FAKE_HISTORY, FAKE_HOLD, 0);
    link_is(&f, WSHUB_LINK_DOWN);
    fake_store(f.fake, ROOM, "2");
    link_is(&f, WSHUB_LINK_UP);
    wait_calls(&f, FAKE_HISTORY, 2);
    link_is(&f, WSHUB_LINK_DOWN);
    fake_complete(f.fake, f.fake->held, WSHUB_UNAVAILABLE);
    fake_store(f.fake, ROOM, "3");
    fake_behave(f.fake, FAKE_HISTORY, FAKE_AT_ONCE, 0);
    link_is(&f, WSHUB_LINK_UP);
    wait_story(reader, "1 2 3");
    end(&f, reader);
}

// ---- checks

struct count_wait {
    const struct fixture *f;
    enum check_result result;
};

static bool has_checked(void *context) {
    const struct count_wait *wait = context;
    return counter_get(&stats(wait->f)->checks[wait->result]) > 0;
}

static void wait_check(struct fixture *f, enum check_result result) {
    run_until(f->loop, has_checked, &((struct count_wait){f, result}));
}

static void a_quiet_channel_is_compared_with_its_history(void **state) {
    struct fixture f;
    (void)state;
    set_up_histories(&f, QUICK_CHECKS);
    struct reader *reader = reads_room(&f, 0);
    bring_many(&f, 1);
    fake_store(f.fake, ROOM, "2"); // taken, and never delivered
    wait_story(reader, "1 2");
    wait_check(&f, CHECK_BEHIND);
    wait_check(&f, CHECK_SAME);
    fake_behave(f.fake, FAKE_HISTORY, FAKE_AT_ONCE, WSHUB_TIMEOUT);
    wait_check(&f, CHECK_FAILED);
    fake_behave(f.fake, FAKE_HISTORY, FAKE_AT_ONCE, WSHUB_OK);
    assert_string_equal(reader->story, "1 2");
    fake_begin_epoch(f.fake, ROOM, "second");
    wait_story(reader, "1 2 g0");
    wait_check(&f, CHECK_LOST);
    end(&f, reader);
}

static void one_that_went_back_is_another_history(void **state) {
    struct fixture f;
    (void)state;
    set_up_histories(&f, QUICK_CHECKS);
    struct reader *reader = reads_room(&f, 0);
    bring_many(&f, 5);
    while (fake_past(f.fake, ROOM)->count > 2) {
        free(fake_past(f.fake, ROOM)->stored[--fake_past(f.fake, ROOM)->count].payload);
    }
    fake_past(f.fake, ROOM)->newest = 2;
    wait_story(reader, "1 2 3 4 5 g2");
    bring_many(&f, 1);
    assert_string_equal(reader->story, "1 2 3 4 5 g2 3");
    end(&f, reader);
}

static void nobody_asks_for_a_channel_without_subscribers(void **state) {
    struct fixture f;
    (void)state;
    set_up_histories(&f, QUICK_CHECKS);
    struct reader *reader = reads_room(&f, 0);
    leave(reader->claim);
    reader_free(reader);
    let_pass(&f, 500);
    assert_int_equal(questions(&f), 1);
    end(&f, NULL);
}

// ---- beside it

static void the_last_value_is_what_was_filled_in(void **state) {
    struct fixture f;
    struct position position;
    (void)state;
    make(&f, "brokers: [{name: main, plugin: keeper}]\nregistry: {enabled: off}\n"
             "channels: [{match: room, last_value: true, history: {size: 10, ttl: 1h}}]\n" SLOW_CHECKS);
    f.fake->keeps_pasts = true;
    assert_true(hub_start(f.instance.hub, fake_load, on_failure, &f));
    struct reader *reader = reads_room(&f, 0);
    bring_many(&f, 1);
    link_is(&f, WSHUB_LINK_DOWN);
    fake_store(f.fake, ROOM, "two");
    link_is(&f, WSHUB_LINK_UP);
    wait_story(reader, "1 2");
    fake_deliver_last(f.fake, ROOM, "two"); // as the broker has kept it: everybody knows
    run_rounds(f.loop);
    assert_string_equal(f.workers[0].story, "dd");
    struct claim *claim = come_to(&f, 1, ROOM, &position);
    wait_answered(claim, WSHUB_OK);
    assert_string_equal(f.workers[1].story, "l");
    assert_string_equal(f.workers[1].last_payload, "two");
    leave(claim);
    end(&f, reader);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nobody_is_confirmed_before_its_position_is_known),
        cmocka_unit_test(what_comes_before_that_is_not_lost),
        cmocka_unit_test(a_history_that_cannot_be_read_lets_nobody_in),
        cmocka_unit_test(a_channel_goes_only_when_its_question_is_answered),
        cmocka_unit_test(each_message_comes_once_and_in_order),
        cmocka_unit_test(a_hole_is_read),
        cmocka_unit_test(offsets_with_holes_of_their_own_are_no_holes),
        cmocka_unit_test(many_are_read_page_by_page),
        cmocka_unit_test(what_the_history_has_no_more_is_told),
        cmocka_unit_test(what_the_history_never_had_is_told_in_the_end),
        cmocka_unit_test(what_was_published_past_the_history_is_passed_on_as_it_is),
        cmocka_unit_test(reads_that_fail_end_in_a_gap),
        cmocka_unit_test(another_epoch_is_told_and_goes_on_with_what_comes),
        cmocka_unit_test(a_message_of_an_epoch_that_the_history_does_not_know_is_told),
        cmocka_unit_test(what_a_plugin_has_lost_is_read),
        cmocka_unit_test(what_a_link_has_missed_is_read),
        cmocka_unit_test(who_comes_meanwhile_waits),
        cmocka_unit_test(a_link_that_breaks_again_while_it_is_read),
        cmocka_unit_test(a_quiet_channel_is_compared_with_its_history),
        cmocka_unit_test(one_that_went_back_is_another_history),
        cmocka_unit_test(nobody_asks_for_a_channel_without_subscribers),
        cmocka_unit_test(the_last_value_is_what_was_filled_in),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
