// SPDX-License-Identifier: MIT
// The judge, with logs that are made up: what must be found is found, and what is allowed is not.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "storm/judge.h"

enum { CHANNEL = 1, OTHER_CHANNEL = 0, ALICE = 0, BOB = 1 };

struct fixture {
    struct ledger ledger;
    struct seen_log log;
    uint64_t clock;    // each thing that happens is a tick later
    uint32_t k3f, n7a; // epochs, in the order in which they were heard of
    struct verdict verdict;
    uint32_t lost[64];
    size_t lost_count;
};

static int setup(void **state) {
    struct fixture *fixture = calloc(1, sizeof *fixture);
    assert_int_equal(ledger_open(&fixture->ledger, 2), 0);
    fixture->k3f = ledger_epoch(&fixture->ledger, CHANNEL, "k3f", 3);
    fixture->n7a = ledger_epoch(&fixture->ledger, CHANNEL, "n7a", 3);
    *state = fixture;
    return 0;
}

static int teardown(void **state) {
    struct fixture *fixture = *state;
    ledger_close(&fixture->ledger);
    free(fixture->log.all);
    free(fixture);
    return 0;
}

// ---- what happens ----

static uint32_t sent(struct fixture *fixture, uint32_t publisher) {
    uint32_t publish = ledger_publish(&fixture->ledger, CHANNEL, publisher);
    assert_int_not_equal(publish, PUBLISH_NONE);
    struct publish *it = &fixture->ledger.publishes[publish];
    it->first_ns = it->last_ns = ++fixture->clock;
    it->attempts = 1;
    return publish;
}

static void acked(struct fixture *fixture, uint32_t publish, uint32_t epoch, uint64_t offset) {
    struct publish *it = &fixture->ledger.publishes[publish];
    it->acked_ns = ++fixture->clock;
    it->state = PUBLISH_ACKED;
    it->epoch = epoch;
    it->offset = offset;
}

// Published and acknowledged, in the first epoch.
static uint32_t published(struct fixture *fixture, uint32_t publisher, uint64_t offset) {
    uint32_t publish = sent(fixture, publisher);
    acked(fixture, publish, offset ? fixture->k3f : 0, offset);
    return publish;
}

static void see(struct fixture *fixture, struct seen seen) {
    seen.at_ns = ++fixture->clock;
    ledger_see(&fixture->ledger, &fixture->log, seen);
}

static void told(struct fixture *fixture, enum seen_kind kind, uint32_t epoch, uint64_t offset) {
    see(fixture, (struct seen){.kind = (uint8_t)kind, .epoch = epoch, .offset = offset});
}

static void got(struct fixture *fixture, uint32_t publish, uint64_t offset) {
    see(fixture,
        (struct seen){.kind = SEEN_MESSAGE, .publish = publish, .offset = offset, .has_offset = offset != 0});
}

static void note(void *context, const struct violation *violation) {
    struct fixture *fixture = context;
    if (violation->finding == FOUND_LOST)
        fixture->lost[fixture->lost_count++] = violation->publish;
}

static const struct verdict *judged(struct fixture *fixture, bool history) {
    struct judge judge;
    assert_int_equal(judge_open(&judge, &fixture->ledger, history), 0);
    judge.found = note;
    judge.context = fixture;
    assert_int_equal(judge_publishes(&judge), 0);
    judge_subscription(&judge, 0, CHANNEL, &fixture->log);
    fixture->verdict = judge.verdict;
    judge_close(&judge);
    return &fixture->verdict;
}

static const struct verdict *with_history(struct fixture *fixture) {
    return judged(fixture, true);
}

static const struct verdict *without(struct fixture *fixture) {
    return judged(fixture, false);
}

static void assert_found(const struct verdict *verdict, enum finding finding, uint64_t times) {
    for (int i = 0; i < FINDINGS; i++)
        if (verdict->found[i] != (i == (int)finding ? times : 0))
            fail_msg("%s: %u times", finding_names[i], (unsigned)verdict->found[i]);
}

static void assert_clean(const struct verdict *verdict, uint64_t delivered, uint64_t told_of) {
    assert_found(verdict, FOUND_LOST, 0);
    assert_int_equal(verdict->delivered, delivered);
    assert_int_equal(verdict->told, told_of);
    assert_int_equal(verdict->owed, delivered + told_of);
}

// ---- with a history ----

static void all_in_order_is_clean(void **state) {
    struct fixture *f = *state;
    told(f, SEEN_JOINED, f->k3f, 0);
    for (uint64_t i = 1; i <= 3; i++)
        got(f, published(f, ALICE, i), i);
    assert_clean(with_history(f), 3, 0);
}

static void a_missing_one_is_lost(void **state) {
    struct fixture *f = *state;
    told(f, SEEN_JOINED, f->k3f, 0);
    got(f, published(f, ALICE, 1), 1);
    uint32_t missing = published(f, ALICE, 2);
    got(f, published(f, ALICE, 3), 3);
    assert_found(with_history(f), FOUND_LOST, 1);
    assert_int_equal(f->lost[0], missing);
}

static void a_missing_tail_is_lost(void **state) {
    struct fixture *f = *state;
    told(f, SEEN_JOINED, f->k3f, 0);
    got(f, published(f, ALICE, 1), 1);
    published(f, ALICE, 2);
    assert_found(with_history(f), FOUND_LOST, 1);
}

static void what_came_while_away_is_owed(void **state) {
    struct fixture *f = *state;
    told(f, SEEN_JOINED, f->k3f, 0);
    told(f, SEEN_LEFT, 0, 0);
    uint32_t away = published(f, ALICE, 1);
    told(f, SEEN_RECOVERED, f->k3f, 1);
    assert_found(with_history(f), FOUND_LOST, 1);
    got(f, away, 1);
    assert_clean(with_history(f), 1, 0);
}

static void joining_anew_without_a_word_tells_nothing(void **state) {
    struct fixture *f = *state;
    told(f, SEEN_JOINED, f->k3f, 0);
    told(f, SEEN_LEFT, 0, 0);
    published(f, ALICE, 1);
    told(f, SEEN_JOINED, f->k3f, 1);
    assert_found(with_history(f), FOUND_LOST, 1);
}

static void before_the_first_position_nothing_is_owed(void **state) {
    struct fixture *f = *state;
    published(f, ALICE, 1);
    uint32_t under_way = sent(f, ALICE); // before the answer, but placed after its position
    told(f, SEEN_JOINED, f->k3f, 1);
    acked(f, under_way, f->k3f, 2);
    assert_found(with_history(f), FOUND_LOST, 1);
    assert_int_equal(f->verdict.owed, 1);
    got(f, under_way, 2);
    assert_clean(with_history(f), 1, 0);
}

static void a_gap_tells_up_to_its_position(void **state) {
    struct fixture *f = *state;
    told(f, SEEN_JOINED, f->k3f, 0);
    published(f, ALICE, 1);
    published(f, ALICE, 2);
    published(f, ALICE, 3);
    told(f, SEEN_GAP, f->k3f, 2);
    assert_found(with_history(f), FOUND_LOST, 1);
    assert_int_equal(f->verdict.told, 2);
    assert_int_equal(f->lost[0], 2);
}

static void unrecovered_tells_up_to_its_position(void **state) {
    struct fixture *f = *state;
    told(f, SEEN_JOINED, f->k3f, 0);
    told(f, SEEN_LEFT, 0, 0);
    published(f, ALICE, 1);
    told(f, SEEN_UNRECOVERED, f->k3f, 1);
    got(f, published(f, ALICE, 2), 2);
    assert_clean(with_history(f), 1, 1);
}

static void another_epoch_tells_of_the_one_before(void **state) {
    struct fixture *f = *state;
    told(f, SEEN_JOINED, f->k3f, 0);
    published(f, ALICE, 1);
    uint32_t new_one = sent(f, ALICE);
    told(f, SEEN_GAP, f->n7a, 0);
    acked(f, new_one, f->n7a, 1);
    assert_found(with_history(f), FOUND_LOST, 1);
    assert_int_equal(f->lost[0], new_one);
    got(f, new_one, 1);
    assert_clean(with_history(f), 1, 1);
}

static void an_epoch_that_nobody_told_of_is_lost_and_misplaced(void **state) {
    struct fixture *f = *state;
    told(f, SEEN_JOINED, f->k3f, 0);
    uint32_t new_one = sent(f, ALICE);
    acked(f, new_one, f->n7a, 1);
    assert_found(with_history(f), FOUND_LOST, 1);
    got(f, new_one, 1);
    assert_found(with_history(f), FOUND_MISPLACED, 1);
}

static void a_gap_of_an_older_epoch_tells_nothing_of_a_newer(void **state) {
    struct fixture *f = *state;
    told(f, SEEN_JOINED, f->k3f, 0);
    uint32_t new_one = sent(f, ALICE);
    acked(f, new_one, f->n7a, 1);
    told(f, SEEN_GAP, f->k3f, 5);
    assert_found(with_history(f), FOUND_LOST, 1);
}

static void twice_is_a_duplicate(void **state) {
    struct fixture *f = *state;
    told(f, SEEN_JOINED, f->k3f, 0);
    uint32_t one = published(f, ALICE, 1);
    got(f, one, 1);
    got(f, one, 1);
    assert_found(with_history(f), FOUND_DUPLICATED, 1);
}

static void recovered_from_too_early_is_a_duplicate(void **state) {
    struct fixture *f = *state;
    told(f, SEEN_JOINED, f->k3f, 0);
    uint32_t one = published(f, ALICE, 1);
    got(f, one, 1);
    told(f, SEEN_LEFT, 0, 0);
    told(f, SEEN_RECOVERED, f->k3f, 1);
    got(f, one, 1);
    assert_found(with_history(f), FOUND_DUPLICATED, 1);
}

static void again_under_another_epoch_is_allowed_when_repeated(void **state) {
    struct fixture *f = *state;
    told(f, SEEN_JOINED, f->k3f, 0);
    uint32_t one = sent(f, ALICE);
    got(f, one, 1);
    told(f, SEEN_GAP, f->n7a, 0);
    f->ledger.publishes[one].attempts = 2;
    acked(f, one, f->n7a, 1);
    got(f, one, 1);
    assert_clean(with_history(f), 1, 0);
    assert_int_equal(f->verdict.again, 1);
    f->ledger.publishes[one].attempts = 1;
    assert_int_equal(with_history(f)->found[FOUND_DUPLICATED], 1);
}

static void repeated_within_an_epoch_is_a_duplicate(void **state) {
    struct fixture *f = *state;
    told(f, SEEN_JOINED, f->k3f, 0);
    uint32_t one = sent(f, ALICE);
    f->ledger.publishes[one].attempts = 2;
    acked(f, one, f->k3f, 2);
    got(f, one, 1);
    got(f, one, 2);
    assert_int_equal(with_history(f)->found[FOUND_DUPLICATED], 1);
}

static void an_offset_behind_is_reordered(void **state) {
    struct fixture *f = *state;
    told(f, SEEN_JOINED, f->k3f, 0);
    uint32_t one = published(f, ALICE, 1), two = published(f, BOB, 2);
    got(f, two, 2);
    got(f, one, 1);
    assert_found(with_history(f), FOUND_REORDERED, 1);
}

static void behind_a_gap_is_reordered(void **state) {
    struct fixture *f = *state;
    told(f, SEEN_JOINED, f->k3f, 0);
    uint32_t one = published(f, ALICE, 1);
    told(f, SEEN_GAP, f->k3f, 1);
    got(f, one, 1);
    assert_found(with_history(f), FOUND_REORDERED, 1);
}

static void another_offset_than_acknowledged_is_misplaced(void **state) {
    struct fixture *f = *state;
    told(f, SEEN_JOINED, f->k3f, 0);
    got(f, published(f, ALICE, 1), 2);
    assert_found(with_history(f), FOUND_MISPLACED, 1);
}

static void no_offset_is_misplaced(void **state) {
    struct fixture *f = *state;
    told(f, SEEN_JOINED, f->k3f, 0);
    got(f, published(f, ALICE, 1), 0);
    assert_found(with_history(f), FOUND_MISPLACED, 1);
}

static void two_at_one_place_are_misplaced(void **state) {
    struct fixture *f = *state;
    published(f, ALICE, 1);
    published(f, BOB, 1);
    assert_found(with_history(f), FOUND_MISPLACED, 1);
}

static void answered_twice_is_found(void **state) {
    struct fixture *f = *state;
    uint32_t one = published(f, ALICE, 1);
    f->ledger.publishes[one].answered_twice = true;
    assert_found(with_history(f), FOUND_TWICE, 1);
}

static void foreign_data_is_found(void **state) {
    struct fixture *f = *state;
    told(f, SEEN_JOINED, f->k3f, 0);
    got(f, PUBLISH_NONE, 1);
    uint32_t elsewhere = ledger_publish(&f->ledger, OTHER_CHANNEL, ALICE);
    got(f, elsewhere, 2);
    assert_found(with_history(f), FOUND_FOREIGN, 2);
}

static void what_was_not_acknowledged_may_come_or_not(void **state) {
    struct fixture *f = *state;
    told(f, SEEN_JOINED, f->k3f, 0);
    got(f, sent(f, ALICE), 1);
    sent(f, ALICE);
    assert_clean(with_history(f), 0, 0);
    assert_int_equal(f->verdict.unacknowledged, 1);
}

// ---- without ----

static void without_history_before_the_answer_nothing_is_owed(void **state) {
    struct fixture *f = *state;
    published(f, ALICE, 0);
    told(f, SEEN_JOINED, 0, 0);
    got(f, published(f, ALICE, 0), 0);
    assert_clean(without(f), 1, 0);
}

static void without_history_a_hole_is_lost(void **state) {
    struct fixture *f = *state;
    told(f, SEEN_JOINED, 0, 0);
    got(f, published(f, ALICE, 0), 0);
    published(f, ALICE, 0);
    got(f, published(f, ALICE, 0), 0);
    told(f, SEEN_LEFT, 0, 0); // does not excuse it: a later one came before
    assert_found(without(f), FOUND_LOST, 1);
}

static void without_history_the_end_of_a_connection_tells_of_its_tail(void **state) {
    struct fixture *f = *state;
    told(f, SEEN_JOINED, 0, 0);
    got(f, published(f, ALICE, 0), 0);
    published(f, ALICE, 0);
    got(f, published(f, BOB, 0), 0); // of another publisher: says nothing of Alice's
    told(f, SEEN_LEFT, 0, 0);
    published(f, ALICE, 0);
    told(f, SEEN_JOINED, 0, 0);
    got(f, published(f, ALICE, 0), 0);
    assert_clean(without(f), 3, 2);
}

static void without_history_a_tail_that_never_comes_is_lost(void **state) {
    struct fixture *f = *state;
    told(f, SEEN_JOINED, 0, 0);
    published(f, ALICE, 0);
    assert_found(without(f), FOUND_LOST, 1);
}

static void without_history_an_earlier_end_tells_nothing_of_later_ones(void **state) {
    struct fixture *f = *state;
    told(f, SEEN_JOINED, 0, 0);
    told(f, SEEN_LEFT, 0, 0);
    told(f, SEEN_JOINED, 0, 0);
    published(f, ALICE, 0);
    assert_found(without(f), FOUND_LOST, 1);
}

static void without_history_a_gap_tells_of_what_was_sent_before(void **state) {
    struct fixture *f = *state;
    told(f, SEEN_JOINED, 0, 0);
    published(f, ALICE, 0);
    told(f, SEEN_GAP, 0, 0);
    uint32_t after = published(f, ALICE, 0);
    assert_found(without(f), FOUND_LOST, 1);
    assert_int_equal(f->lost[0], after);
    assert_int_equal(f->verdict.told, 1);
}

static void without_history_one_publisher_has_an_order(void **state) {
    struct fixture *f = *state;
    told(f, SEEN_JOINED, 0, 0);
    uint32_t one = published(f, ALICE, 0), two = published(f, ALICE, 0), other = published(f, BOB, 0);
    got(f, other, 0);
    got(f, two, 0);
    got(f, one, 0);
    assert_found(without(f), FOUND_REORDERED, 1);
}

static void of_two_connections_there_is_no_order(void **state) {
    struct fixture *f = *state;
    told(f, SEEN_JOINED, 0, 0);
    uint32_t one = published(f, ALICE, 0), two = published(f, ALICE, 0);
    f->ledger.publishes[two].connection = 1;
    got(f, two, 0);
    got(f, one, 0);
    assert_clean(without(f), 2, 0);
}

static void without_history_twice_is_a_duplicate(void **state) {
    struct fixture *f = *state;
    told(f, SEEN_JOINED, 0, 0);
    uint32_t one = published(f, ALICE, 0);
    got(f, one, 0);
    told(f, SEEN_LEFT, 0, 0);
    told(f, SEEN_JOINED, 0, 0);
    got(f, one, 0);
    assert_found(without(f), FOUND_DUPLICATED, 1);
}

static void who_never_joined_is_owed_nothing(void **state) {
    struct fixture *f = *state;
    published(f, ALICE, 0);
    assert_clean(without(f), 0, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(all_in_order_is_clean),
        TEST(a_missing_one_is_lost),
        TEST(a_missing_tail_is_lost),
        TEST(what_came_while_away_is_owed),
        TEST(joining_anew_without_a_word_tells_nothing),
        TEST(before_the_first_position_nothing_is_owed),
        TEST(a_gap_tells_up_to_its_position),
        TEST(unrecovered_tells_up_to_its_position),
        TEST(another_epoch_tells_of_the_one_before),
        TEST(an_epoch_that_nobody_told_of_is_lost_and_misplaced),
        TEST(a_gap_of_an_older_epoch_tells_nothing_of_a_newer),
        TEST(twice_is_a_duplicate),
        TEST(recovered_from_too_early_is_a_duplicate),
        TEST(again_under_another_epoch_is_allowed_when_repeated),
        TEST(repeated_within_an_epoch_is_a_duplicate),
        TEST(an_offset_behind_is_reordered),
        TEST(behind_a_gap_is_reordered),
        TEST(another_offset_than_acknowledged_is_misplaced),
        TEST(no_offset_is_misplaced),
        TEST(two_at_one_place_are_misplaced),
        TEST(answered_twice_is_found),
        TEST(foreign_data_is_found),
        TEST(what_was_not_acknowledged_may_come_or_not),
        TEST(without_history_before_the_answer_nothing_is_owed),
        TEST(without_history_a_hole_is_lost),
        TEST(without_history_the_end_of_a_connection_tells_of_its_tail),
        TEST(without_history_a_tail_that_never_comes_is_lost),
        TEST(without_history_an_earlier_end_tells_nothing_of_later_ones),
        TEST(without_history_a_gap_tells_of_what_was_sent_before),
        TEST(without_history_one_publisher_has_an_order),
        TEST(of_two_connections_there_is_no_order),
        TEST(without_history_twice_is_a_duplicate),
        TEST(who_never_joined_is_owed_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
