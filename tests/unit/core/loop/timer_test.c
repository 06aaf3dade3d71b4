// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "loop_fixture.h"

struct clock {
    struct loop *loop;
    struct timer *timer;
    uint64_t at[8]; // loop's time of each call
    int count;
    int wanted;
    void (*then)(struct clock *clock);
};

static void on_timer(void *context) {
    struct clock *clock = context;
    assert_true(clock->count < 8);
    clock->at[clock->count++] = loop_now(clock->loop);
    if (clock->then) {
        clock->then(clock);
    }
}

static bool has_rung(void *self) {
    struct clock *clock = self;
    return clock->count >= clock->wanted;
}

static struct clock clock_new(int wanted) {
    struct clock clock = {.loop = loop_new(), .wanted = wanted};
    return clock;
}

static void clock_free(struct clock *clock) {
    timer_free(clock->timer);
    loop_free(clock->loop);
}

static bool time_passed(void *context) {
    return clock_ns() / 1000000 > *(uint64_t *)context;
}

static void run_for(struct loop *loop, uint64_t ms) {
    uint64_t end = clock_ns() / 1000000 + ms;
    run_until(loop, time_passed, &end);
}

static void fires_once_and_not_early(void **state) {
    (void)state;
    struct clock clock = clock_new(1);
    clock.timer = timer_new(clock.loop, on_timer, &clock);
    uint64_t start = loop_now(clock.loop);
    timer_start(clock.timer, 30, 0);
    run_until(clock.loop, has_rung, &clock);
    assert_true(clock.at[0] >= start + 30);
    run_for(clock.loop, 60);
    assert_int_equal(clock.count, 1);
    clock_free(&clock);
}

static void repeats(void **state) {
    (void)state;
    struct clock clock = clock_new(4);
    clock.timer = timer_new(clock.loop, on_timer, &clock);
    uint64_t start = loop_now(clock.loop);
    timer_start(clock.timer, 2, 10);
    run_until(clock.loop, has_rung, &clock);
    assert_true(clock.at[0] >= start + 2);
    for (int i = 1; i < clock.count; i++) {
        assert_true(clock.at[i] >= clock.at[0]);
    }
    assert_true(clock.at[3] >= start + 2 + 3 * 10);
    clock_free(&clock);
}

static void a_second_start_replaces_the_first(void **state) {
    (void)state;
    struct clock clock = clock_new(1);
    clock.timer = timer_new(clock.loop, on_timer, &clock);
    uint64_t start = loop_now(clock.loop);
    timer_start(clock.timer, 5, 5);
    timer_start(clock.timer, 60, 0);
    run_until(clock.loop, has_rung, &clock);
    assert_true(clock.at[0] >= start + 60);
    run_for(clock.loop, 30);
    assert_int_equal(clock.count, 1);
    clock_free(&clock);
}

static void stop_itself(struct clock *clock) {
    timer_stop(clock->timer);
}

static void stops_from_within(void **state) {
    (void)state;
    struct clock clock = clock_new(1);
    clock.timer = timer_new(clock.loop, on_timer, &clock);
    clock.then = stop_itself;
    timer_start(clock.timer, 1, 1);
    run_until(clock.loop, has_rung, &clock);
    run_for(clock.loop, 20);
    assert_int_equal(clock.count, 1);
    clock_free(&clock);
}

static void start_again(struct clock *clock) {
    if (clock->count < 3) {
        timer_start(clock->timer, 1, 0);
    }
}

static void starts_again_from_within(void **state) {
    (void)state;
    struct clock clock = clock_new(3);
    clock.timer = timer_new(clock.loop, on_timer, &clock);
    clock.then = start_again;
    timer_start(clock.timer, 1, 0);
    run_until(clock.loop, has_rung, &clock);
    run_for(clock.loop, 20);
    assert_int_equal(clock.count, 3);
    clock_free(&clock);
}

static void free_itself(struct clock *clock) {
    timer_free(clock->timer);
    clock->timer = NULL;
}

static void is_not_called_after_free(void **state) {
    (void)state;
    struct clock clock = clock_new(1);
    clock.timer = timer_new(clock.loop, on_timer, &clock);
    clock.then = free_itself;
    timer_start(clock.timer, 1, 1);
    run_until(clock.loop, has_rung, &clock);
    struct timer *other = timer_new(clock.loop, on_timer, &clock);
    timer_start(other, 1, 1);
    timer_free(other);
    run_for(clock.loop, 20);
    assert_int_equal(clock.count, 1);
    clock_free(&clock);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fires_once_and_not_early),          cmocka_unit_test(repeats),
        cmocka_unit_test(a_second_start_replaces_the_first), cmocka_unit_test(stops_from_within),
        cmocka_unit_test(starts_again_from_within),          cmocka_unit_test(is_not_called_after_free),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
