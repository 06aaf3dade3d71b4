// SPDX-License-Identifier: MIT
// What the score says of messages that are there, lost, told, doubled, and out of order.
#include "cases/score.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

enum { PUBLISHERS = 2, RECEIVERS = 2, CHANNELS = 3, MANY = 1000 };

static int setup(void **state) {
    *state = score_new((struct score_size){PUBLISHERS, RECEIVERS, CHANNELS});
    return *state ? 0 : -1;
}

static int teardown(void **state) {
    score_free(*state);
    return 0;
}

static uint32_t publish(struct score *score, unsigned publisher, unsigned channel) {
    uint32_t number = score_publish(score, publisher, channel);
    score_taken(score, publisher, channel, number);
    return number;
}

static void arrive(struct score *score, unsigned receiver, unsigned publisher, unsigned channel,
                   uint32_t number) {
    assert_true(score_arrived(score, &(struct score_message){publisher, channel, receiver, number}));
}

static void arrive_everywhere(struct score *score, unsigned publisher, unsigned channel, uint32_t number) {
    for (unsigned i = 0; i < RECEIVERS; i++) {
        arrive(score, i, publisher, channel, number);
    }
}

static struct score_sum sum_of(const struct score *score) {
    struct score_sum sum;
    assert_true(score_sum(score, &sum));
    assert_int_equal(score_is_whole(score), sum.lost == 0);
    return sum;
}

static void test_all_there(void **state) {
    struct score *score = *state;
    for (unsigned i = 0; i < MANY; i++) {
        arrive_everywhere(score, i % PUBLISHERS, i % CHANNELS, publish(score, i % PUBLISHERS, i % CHANNELS));
    }
    struct score_sum sum = sum_of(score);
    assert_int_equal(sum.published, MANY);
    assert_int_equal(sum.taken, MANY);
    assert_int_equal(sum.arrived, RECEIVERS * MANY);
    assert_int_equal(sum.lost + sum.told + sum.duplicated + sum.reordered + sum.disordered, 0);
    assert_int_equal(score_heard(score, 1, 0, 0), score_published(score, 0, 0));
}

static void test_lost_at_one(void **state) {
    struct score *score = *state;
    arrive_everywhere(score, 1, 2, publish(score, 1, 2));
    arrive(score, 0, 1, 2, publish(score, 1, 2));
    arrive_everywhere(score, 1, 2, publish(score, 1, 2));
    struct score_sum sum = sum_of(score);
    assert_int_equal(sum.lost, 1);
    assert_int_equal(sum.first.publisher, 1);
    assert_int_equal(sum.first.channel, 2);
    assert_int_equal(sum.first.receiver, 1);
    assert_int_equal(sum.first.number, 1);
}

static void test_not_acknowledged_is_not_lost(void **state) {
    struct score *score = *state;
    assert_int_equal(score_publish(score, 0, 0), 0);
    assert_int_equal(sum_of(score).lost, 0);
    assert_int_equal(sum_of(score).taken, 0);
    arrive(score, 1, 0, 0, 0); // it may come all the same
    assert_int_equal(sum_of(score).arrived, 1);
}

static void test_told_covers_what_was_before(void **state) {
    struct score *score = *state;
    publish(score, 0, 0);
    publish(score, 0, 1); // another channel
    score_told(score, 0, 0);
    score_told(score, 1, 0);
    struct score_sum sum = sum_of(score);
    assert_int_equal(sum.told, 2);
    assert_int_equal(sum.lost, 2);
    assert_int_equal(sum.first.channel, 1);
}

static void test_told_does_not_cover_what_comes_after(void **state) {
    struct score *score = *state;
    score_told(score, 0, 0);
    score_told(score, 1, 0);
    publish(score, 0, 0);
    assert_int_equal(sum_of(score).told, 0);
    assert_int_equal(sum_of(score).lost, 2);
}

// What was passed over while the link was up is not excused by the link that goes down later.
static void test_a_gap_begins_where_the_link_goes_down(void **state) {
    struct score *score = *state;
    for (unsigned i = 0; i < 6; i++) {
        publish(score, 0, 0);
    }
    arrive(score, 0, 0, 0, 0);
    arrive(score, 0, 0, 0, 2); // 1 is missing, 3 to 5 fall into the gap
    score_gap(score, 0, 0);
    score_gap(score, 0, 0);
    assert_true(score_told(score, 0, 0));
    assert_true(score_told(score, 1, 0)); // without a gap: `lose`
    struct score_sum sum = sum_of(score);
    assert_int_equal(sum.lost, 1);
    assert_int_equal(sum.first.number, 1);
    assert_int_equal(sum.told, 3 + 6);
}

static void test_resumed_excuses_nothing(void **state) {
    struct score *score = *state;
    publish(score, 0, 0);
    score_gap(score, 0, 0);
    publish(score, 0, 0);
    score_resumed(score, 0, 0);
    arrive(score, 0, 0, 0, 1);
    assert_true(score_told(score, 1, 0));
    assert_int_equal(sum_of(score).lost, 1);
    assert_int_equal(sum_of(score).first.receiver, 0);
}

static void test_told_to_one(void **state) {
    struct score *score = *state;
    publish(score, 0, 0);
    score_told(score, 1, 0);
    struct score_sum sum = sum_of(score);
    assert_int_equal(sum.told, 1);
    assert_int_equal(sum.lost, 1);
    assert_int_equal(sum.first.receiver, 0);
}

static void test_duplicated(void **state) {
    struct score *score = *state;
    arrive_everywhere(score, 0, 0, publish(score, 0, 0));
    arrive(score, 1, 0, 0, 0);
    arrive(score, 1, 0, 0, 0);
    struct score_sum sum = sum_of(score);
    assert_int_equal(sum.duplicated, 2);
    assert_int_equal(sum.arrived, 2);
    assert_int_equal(sum.reordered, 0);
}

static void test_reordered(void **state) {
    struct score *score = *state;
    for (unsigned i = 0; i < 3; i++) {
        publish(score, 0, 1);
        arrive(score, 0, 0, 1, i);
    }
    arrive(score, 1, 0, 1, 0);
    arrive(score, 1, 0, 1, 2);
    arrive(score, 1, 0, 1, 1);
    struct score_sum sum = sum_of(score);
    assert_int_equal(sum.reordered, 1);
    assert_int_equal(sum.disordered, 1); // seen from the other receiver too
    assert_int_equal(sum.first.receiver, 1);
    assert_int_equal(sum.first.number, 1);
}

// Each publisher's own order is kept, but the two receivers saw them interleaved differently.
static void test_two_orders(void **state) {
    struct score *score = *state;
    publish(score, 0, 0);
    publish(score, 1, 0);
    arrive(score, 0, 0, 0, 0);
    arrive(score, 0, 1, 0, 0);
    arrive(score, 1, 1, 0, 0);
    arrive(score, 1, 0, 0, 0);
    struct score_sum sum = sum_of(score);
    assert_int_equal(sum.reordered, 0);
    assert_int_equal(sum.disordered, 1);
    assert_int_equal(sum.first.receiver, 1);
}

static void test_a_hole_is_no_disorder(void **state) {
    struct score *score = *state;
    for (unsigned i = 0; i < 4; i++) {
        publish(score, 0, 0);
        if (i != 2) {
            arrive(score, 0, 0, 0, i);
        }
        if (i != 1) {
            arrive(score, 1, 0, 0, i);
        }
    }
    score_told(score, 0, 0);
    score_told(score, 1, 0);
    struct score_sum sum = sum_of(score);
    assert_int_equal(sum.told, 2);
    assert_int_equal(sum.lost + sum.reordered + sum.disordered, 0);
}

static void test_what_nobody_published(void **state) {
    struct score *score = *state;
    publish(score, 0, 0);
    assert_false(score_arrived(score, &(struct score_message){0, 0, 0, 1}));
    assert_false(score_arrived(score, &(struct score_message){PUBLISHERS, 0, 0, 0}));
    assert_false(score_arrived(score, &(struct score_message){0, CHANNELS, 0, 0}));
    assert_false(score_arrived(score, &(struct score_message){1, 0, 0, 0}));
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_all_there),
        TEST(test_lost_at_one),
        TEST(test_not_acknowledged_is_not_lost),
        TEST(test_told_covers_what_was_before),
        TEST(test_told_does_not_cover_what_comes_after),
        TEST(test_a_gap_begins_where_the_link_goes_down),
        TEST(test_resumed_excuses_nothing),
        TEST(test_told_to_one),
        TEST(test_duplicated),
        TEST(test_reordered),
        TEST(test_two_orders),
        TEST(test_a_hole_is_no_disorder),
        TEST(test_what_nobody_published),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
