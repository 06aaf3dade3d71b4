// SPDX-License-Identifier: MIT
// A window never has a hole, whatever it forgets, and never claims what it has not.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "hub/ahead.h"
#include "hub/message.h"
#include "hub/window.h"

static counter held;

static struct message *message_at(uint64_t offset, size_t size) {
    static char payload[4096];
    struct message *message = message_new(
        &(struct wshub_message){
            .channel = {"c", 1}, .payload = {payload, size}, .epoch = {"e", 1}, .offset = offset},
        0);
    assert_non_null(message);
    return message;
}

static void take(struct window *window, uint64_t offset) {
    struct message *message = message_at(offset, 1);
    window_take(window, message);
    message_unref(message);
}

static void add(struct window *window, uint64_t offset) {
    struct message *message = message_at(offset, 1);
    assert_true(window_add(window, message));
    message_unref(message);
}

static struct window_budget *budget_of(uint64_t limit) {
    static struct window_budget budget;
    held = 0;
    budget = (struct window_budget){.limit = limit, .bytes = &held};
    return &budget;
}

// What it would give to who has this offset, up to its end.
static void assert_gives(const struct window *window, uint64_t since, const char *expected) {
    char given[256] = "";
    const struct run *run = window_find(window, since);
    for (uint32_t i = run ? run_behind(run, since) : 0; run && i < run->count; i++) {
        size_t length = strlen(given);
        snprintf(given + length, sizeof given - length, "%llu ", (unsigned long long)run_at(run, i)->offset);
    }
    assert_string_equal(run ? given : "none", expected);
}

static void it_has_what_came_since(void **state) {
    struct window window;
    (void)state;
    window_init(&window, budget_of(1 << 20), 100);
    window_stand(&window, 4);
    assert_gives(&window, 4, "none"); // nothing came
    for (uint64_t offset = 5; offset <= 9; offset++) {
        take(&window, offset);
    }
    assert_gives(&window, 3, "none");
    assert_gives(&window, 4, "5 6 7 8 9 ");
    assert_gives(&window, 8, "9 ");
    assert_gives(&window, 9, "none");
    window_stand(&window, 20);
    assert_gives(&window, 8, "none");
    assert_int_equal(held, 0);
    window_free(&window);
}

static void offsets_may_be_far_apart(void **state) {
    struct window window;
    (void)state;
    window_init(&window, budget_of(1 << 20), 100);
    window_stand(&window, 10);
    take(&window, 13);
    take(&window, 40);
    assert_gives(&window, 11, "13 40 "); // nothing lies between 10 and 13
    assert_gives(&window, 13, "40 ");
    assert_gives(&window, 39, "40 ");
    window_free(&window);
}

static void it_keeps_no_more_than_the_history(void **state) {
    struct window window;
    (void)state;
    window_init(&window, budget_of(1 << 20), 3);
    window_stand(&window, 0);
    for (uint64_t offset = 1; offset <= 50; offset++) {
        take(&window, offset);
    }
    assert_gives(&window, 46, "none");
    assert_gives(&window, 47, "48 49 50 ");
    window_free(&window);
    assert_int_equal(held, 0);
}

static void what_was_read_becomes_one_with_what_is_live(void **state) {
    struct window window;
    (void)state;
    window_init(&window, budget_of(1 << 20), 100);
    window_stand(&window, 10);
    take(&window, 11);
    window_read(&window, 4);
    add(&window, 5);
    add(&window, 6);
    add(&window, 7);
    window_reach(&window, 7);
    assert_gives(&window, 5, "6 7 ");
    assert_gives(&window, 7, "none");
    take(&window, 12);
    window_read(&window, 7); // it goes on
    for (uint64_t offset = 8; offset <= 12; offset++) {
        add(&window, offset);
    }
    window_reach(&window, 12);
    assert_gives(&window, 4, "5 6 7 8 9 10 11 12 ");
    take(&window, 13);
    assert_gives(&window, 11, "12 13 ");
    window_free(&window);
    assert_int_equal(held, 0);
}

static void what_was_read_twice_is_there_once(void **state) {
    struct window window;
    (void)state;
    window_init(&window, budget_of(1 << 20), 100);
    window_stand(&window, 9);
    window_read(&window, 0);
    for (uint64_t offset = 1; offset <= 3; offset++) {
        add(&window, offset);
    }
    window_read(&window, 3); // from there on; a broker that tells more says nothing new
    add(&window, 2);
    add(&window, 4);
    assert_gives(&window, 0, "1 2 3 4 ");
    window_free(&window);
    assert_int_equal(held, 0);
}

static void a_read_elsewhere_begins_anew(void **state) {
    struct window window;
    (void)state;
    window_init(&window, budget_of(1 << 20), 100);
    window_stand(&window, 100);
    window_read(&window, 50);
    add(&window, 51);
    window_reach(&window, 51);
    window_read(&window, 10);
    add(&window, 11);
    window_reach(&window, 11);
    assert_gives(&window, 50, "none");
    assert_gives(&window, 10, "11 ");
    assert_gives(&window, 30, "none"); // nobody has looked
    window_free(&window);
}

static void where_nothing_lies_between_they_meet(void **state) {
    struct window window;
    (void)state;
    window_init(&window, budget_of(1 << 20), 100);
    window_stand(&window, 10); // a gap was told there: no message has this offset
    take(&window, 11);
    window_read(&window, 3);
    add(&window, 4);
    add(&window, 11); // so there is nothing from 5 to 10
    window_reach(&window, 11);
    assert_gives(&window, 3, "4 11 ");
    window_free(&window);
}

static void who_was_used_longest_ago_forgets_first(void **state) {
    struct message *probe = message_at(1, 1);
    int64_t one = (int64_t)(message_weight(probe) + sizeof(struct message *));
    struct window a, b;
    (void)state;
    message_unref(probe);
    struct window_budget *budget = budget_of((uint64_t)(4 * one));
    window_init(&a, budget, 100);
    window_init(&b, budget, 100);
    window_stand(&a, 0);
    window_stand(&b, 0);
    take(&a, 1);
    take(&a, 2);
    take(&b, 1);
    take(&b, 2);
    assert_int_equal(held, 4 * one);
    take(&b, 3);
    assert_gives(&a, 0, "none");
    assert_gives(&a, 1, "2 ");
    assert_gives(&b, 0, "1 2 3 ");
    window_use(&a);
    take(&a, 3);
    assert_gives(&a, 1, "2 3 ");
    assert_gives(&b, 0, "none");
    window_charge(budget, 4 * one); // somebody else needs all of it
    assert_gives(&a, 2, "none");
    assert_gives(&b, 2, "none");
    assert_int_equal(held, 4 * one);
    take(&a, 4); // has no room at all
    assert_gives(&a, 3, "none");
    assert_int_equal(a.live.until, 4);
    window_charge(budget, -4 * one);
    take(&a, 5);
    assert_gives(&a, 4, "5 ");
    window_free(&a);
    window_free(&b);
    assert_int_equal(held, 0);
    assert_null(budget->coldest);
    assert_null(budget->hottest);
}

// ---- messages that came too early

static void put(struct ahead *ahead, uint64_t offset, bool expected) {
    struct message *message = message_at(offset, 1);
    assert_int_equal(ahead_put(ahead, message), expected);
    message_unref(message);
}

static void assert_next(struct ahead *ahead, uint64_t offset) {
    struct message *message = ahead_take(ahead);
    assert_int_equal(message->offset, offset);
    message_unref(message);
}

static void they_wait_in_order_each_once(void **state) {
    static const uint64_t offsets[] = {7, 5, 9, 5, 6, 9, 8, 30, 20, 10, 7};
    struct ahead ahead = {0};
    (void)state;
    for (size_t i = 0; i < sizeof offsets / sizeof *offsets; i++) {
        put(&ahead, offsets[i], true);
    }
    assert_next(&ahead, 5);
    assert_next(&ahead, 6);
    put(&ahead, 40, true);
    put(&ahead, 6, true);
    assert_next(&ahead, 6);
    for (uint64_t offset = 7; offset <= 10; offset++) {
        assert_next(&ahead, offset);
    }
    assert_next(&ahead, 20);
    ahead_clear(&ahead);
    assert_null(ahead_first(&ahead));
    assert_int_equal(ahead.bytes, 0);
}

static void they_are_bounded(void **state) {
    struct ahead ahead = {0};
    (void)state;
    for (uint64_t offset = 1; offset <= AHEAD_MESSAGES_MAX; offset++) {
        put(&ahead, offset, true);
    }
    put(&ahead, AHEAD_MESSAGES_MAX + 1, false);
    assert_next(&ahead, 1);
    put(&ahead, AHEAD_MESSAGES_MAX + 1, true);
    ahead_clear(&ahead);
    uint64_t offset = 1;
    for (bool took = true; took; offset++) {
        struct message *message = message_at(offset, 4096);
        took = ahead_put(&ahead, message);
        message_unref(message);
    }
    assert_true(offset < AHEAD_MESSAGES_MAX);
    assert_true(ahead.bytes <= AHEAD_BYTES_MAX);
    ahead_clear(&ahead);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_has_what_came_since),
        cmocka_unit_test(offsets_may_be_far_apart),
        cmocka_unit_test(it_keeps_no_more_than_the_history),
        cmocka_unit_test(what_was_read_becomes_one_with_what_is_live),
        cmocka_unit_test(what_was_read_twice_is_there_once),
        cmocka_unit_test(a_read_elsewhere_begins_anew),
        cmocka_unit_test(where_nothing_lies_between_they_meet),
        cmocka_unit_test(who_was_used_longest_ago_forgets_first),
        cmocka_unit_test(they_wait_in_order_each_once),
        cmocka_unit_test(they_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
