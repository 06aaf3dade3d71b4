// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <stdio.h>

#include "loop/wheel.h"

enum { ENTRIES = 200, TURN_MS = WHEEL_SLOTS * WHEEL_TICK_MS };

struct fired {
    struct wheel *wheel;
    uint64_t now;
    int count;
    struct wheel_entry *last;
    void (*then)(struct fired *fired, struct wheel_entry *entry);
};

static void on_due(void *context, struct wheel_entry *entry) {
    struct fired *fired = context;
    assert_false(wheel_is_armed(entry));
    assert_true(entry->due <= fired->now); // never early
    fired->count++;
    fired->last = entry;
    if (fired->then) {
        fired->then(fired, entry);
    }
}

static int sweep(struct wheel *wheel, struct fired *fired, uint64_t now) {
    fired->wheel = wheel;
    fired->now = now;
    fired->count = 0;
    wheel_sweep(wheel, now, on_due, fired);
    return fired->count;
}

// The sweeper's own rhythm, at every phase: not early, and at most a tick late.
static void fires_within_a_tick(void **state) {
    (void)state;
    static const uint64_t delays[] = {
        0,           1, 49, 50, 51, 99, 100, 101, 5000, TURN_MS - 1, TURN_MS, TURN_MS + 1, 2 * TURN_MS + 7,
        10 * TURN_MS};
    for (uint64_t phase = 0; phase < WHEEL_TICK_MS; phase += 7) {
        for (uint64_t start = 1000000; start < 1000000 + WHEEL_TICK_MS; start += 11) {
            for (size_t i = 0; i < sizeof delays / sizeof *delays; i++) {
                struct wheel wheel;
                struct wheel_entry entry = {0};
                struct fired fired = {0};
                uint64_t due = start + delays[i];
                wheel_init(&wheel, start);
                wheel_arm(&wheel, &entry, due);
                uint64_t now = start + phase;
                while (sweep(&wheel, &fired, now) == 0) {
                    assert_true(now < due + 2 * WHEEL_TICK_MS);
                    assert_true(wheel_is_armed(&entry));
                    now += WHEEL_TICK_MS;
                }
                // The sweep comes up to a tick after the deadline, the wheel may add one.
                assert_true(now >= due && now < due + 2 * WHEEL_TICK_MS);
                assert_int_equal(fired.count, 1);
                assert_int_equal(sweep(&wheel, &fired, now + 3 * TURN_MS), 0); // and once
            }
        }
    }
}

// Swept every millisecond, the wheel itself is at most one tick late.
static void adds_at_most_a_tick(void **state) {
    (void)state;
    for (uint64_t due = 5000; due < 5000 + 2 * WHEEL_TICK_MS; due++) {
        struct wheel wheel;
        struct wheel_entry entry = {0};
        struct fired fired = {0};
        uint64_t now = 4000;
        wheel_init(&wheel, now);
        wheel_arm(&wheel, &entry, due);
        while (sweep(&wheel, &fired, now) == 0) {
            now++;
        }
        assert_in_range(now, due, due + WHEEL_TICK_MS);
    }
}

static void a_deadline_in_the_past_fires_at_the_next_tick(void **state) {
    (void)state;
    struct wheel wheel;
    struct wheel_entry entry = {0};
    struct fired fired = {0};
    wheel_init(&wheel, 100000);
    wheel_arm(&wheel, &entry, 1);
    assert_int_equal(sweep(&wheel, &fired, 100000 + WHEEL_TICK_MS), 1);
}

static void disarmed_and_rearmed(void **state) {
    (void)state;
    struct wheel wheel;
    struct wheel_entry a = {0}, b = {0}, c = {0};
    struct fired fired = {0};
    wheel_init(&wheel, 0);
    wheel_disarm(&a); // one that was never armed
    assert_false(wheel_is_armed(&a));
    wheel_arm(&wheel, &a, 1000);
    wheel_arm(&wheel, &b, 1000);
    wheel_arm(&wheel, &c, 1000);
    wheel_disarm(&b);
    assert_false(wheel_is_armed(&b));
    wheel_disarm(&b);
    wheel_arm(&wheel, &a, 3000); // moved to later
    assert_int_equal(sweep(&wheel, &fired, 2000), 1);
    assert_ptr_equal(fired.last, &c);
    wheel_arm(&wheel, &c, 9000);
    wheel_arm(&wheel, &c, 2500); // moved to earlier
    assert_int_equal(sweep(&wheel, &fired, 2700), 1);
    assert_ptr_equal(fired.last, &c);
    assert_int_equal(sweep(&wheel, &fired, 20000), 1);
    assert_ptr_equal(fired.last, &a);
}

static void all_that_is_due_fires_after_a_long_pause(void **state) {
    (void)state;
    static const uint64_t pauses[] = {TURN_MS - WHEEL_TICK_MS, TURN_MS, TURN_MS + WHEEL_TICK_MS,
                                      3 * TURN_MS + 17, 1000000000};
    for (size_t p = 0; p < sizeof pauses / sizeof *pauses; p++) {
        struct wheel wheel;
        static struct wheel_entry entries[WHEEL_SLOTS + 100];
        struct fired fired = {0};
        memset(entries, 0, sizeof entries);
        wheel_init(&wheel, 12345);
        int due = 0;
        for (size_t i = 0; i < sizeof entries / sizeof *entries; i++) {
            wheel_arm(&wheel, &entries[i], 12345 + i * WHEEL_TICK_MS);
            due += i * WHEEL_TICK_MS + WHEEL_TICK_MS <= pauses[p];
        }
        int count = sweep(&wheel, &fired, 12345 + pauses[p]);
        assert_true(count >= due && count <= due + 1); // the last one's tick may not be over
        for (size_t i = 0; i < sizeof entries / sizeof *entries; i++) {
            assert_int_equal(wheel_is_armed(&entries[i]), i >= (size_t)count);
        }
        struct wheel_entry late = {0}; // and the wheel goes on as ever
        wheel_arm(&wheel, &late, 12345 + pauses[p] + 200);
        fired.last = NULL;
        sweep(&wheel, &fired, 12345 + pauses[p] + 200 - 1);
        assert_true(wheel_is_armed(&late));
        sweep(&wheel, &fired, 12345 + pauses[p] + 200 + WHEEL_TICK_MS);
        assert_false(wheel_is_armed(&late));
    }
}

static void arm_again(struct fired *fired, struct wheel_entry *entry) {
    wheel_arm(fired->wheel, entry, fired->now + 1000);
}

static void fn_may_arm_its_own_entry(void **state) {
    (void)state;
    struct wheel wheel;
    struct wheel_entry entry = {0};
    struct fired fired = {.then = arm_again};
    wheel_init(&wheel, 0);
    wheel_arm(&wheel, &entry, 1000);
    int fires = 0;
    for (uint64_t now = 0; now <= 100000; now += WHEEL_TICK_MS) {
        fires += sweep(&wheel, &fired, now);
        assert_true(fired.count <= 1);
    }
    assert_in_range(fires, 94, 100);
    assert_int_equal(sweep(&wheel, &fired, 1000000), 1); // a pause is no reason to catch up on the periods
}

static void arm_a_whole_turn_later(struct fired *fired, struct wheel_entry *entry) {
    wheel_arm(fired->wheel, entry, entry->due + TURN_MS); // the very slot that is being swept
}

static void fn_may_arm_into_the_slot_being_swept(void **state) {
    (void)state;
    struct wheel wheel;
    struct wheel_entry entries[3] = {0};
    struct fired fired = {.then = arm_a_whole_turn_later};
    wheel_init(&wheel, 0);
    for (int i = 0; i < 3; i++) {
        wheel_arm(&wheel, &entries[i], 500);
    }
    assert_int_equal(sweep(&wheel, &fired, 550), 3);
    assert_int_equal(sweep(&wheel, &fired, 500 + TURN_MS - 1), 0);
    assert_int_equal(sweep(&wheel, &fired, 500 + TURN_MS + WHEEL_TICK_MS), 3);
}

static struct wheel_entry *victims;

// What a connection does that ends others while its own deadline is handled.
static void disarm_the_others(struct fired *fired, struct wheel_entry *entry) {
    (void)fired;
    for (int i = 0; i < 5; i++) {
        if (&victims[i] != entry) {
            wheel_disarm(&victims[i]);
        }
    }
}

static void fn_may_disarm_entries_of_its_slot(void **state) {
    (void)state;
    struct wheel wheel;
    struct fired fired = {.then = disarm_the_others};
    wheel_init(&wheel, 0);
    victims = calloc(5, sizeof *victims);
    for (int i = 0; i < 5; i++) {
        wheel_arm(&wheel, &victims[i], 500);
    }
    assert_int_equal(sweep(&wheel, &fired, 1000), 1);
    free(victims); // the wheel keeps no way to them: ASan looks on
    assert_int_equal(sweep(&wheel, &fired, 1000 + 2 * TURN_MS), 0);
}

// Against a list of deadlines, with random steps of time.
static void random_operations_agree_with_a_list(void **state) {
    (void)state;
    static struct wheel_entry entries[ENTRIES];
    static uint64_t due[ENTRIES]; // 0: not armed
    struct wheel wheel;
    struct fired fired = {0};
    uint64_t now = 777777;
    srand(1);
    wheel_init(&wheel, now);
    for (int round = 0; round < 20000; round++) {
        int i = rand() % ENTRIES;
        if (rand() % 4 == 0) {
            wheel_disarm(&entries[i]);
            due[i] = 0;
        } else {
            due[i] = now + (uint64_t)rand() % (rand() % 2 ? 300 : 3 * TURN_MS);
            wheel_arm(&wheel, &entries[i], due[i]);
        }
        now += (uint64_t)rand() % (rand() % 100 ? 60 : 2 * TURN_MS);
        sweep(&wheel, &fired, now);
        for (int k = 0; k < ENTRIES; k++) {
            bool armed = wheel_is_armed(&entries[k]);
            assert_true(!armed || (due[k] && due[k] + WHEEL_TICK_MS > now)); // a tick late at most
            assert_true(armed || due[k] <= now);
            due[k] = armed ? due[k] : 0;
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fires_within_a_tick),
        cmocka_unit_test(adds_at_most_a_tick),
        cmocka_unit_test(a_deadline_in_the_past_fires_at_the_next_tick),
        cmocka_unit_test(disarmed_and_rearmed),
        cmocka_unit_test(all_that_is_due_fires_after_a_long_pause),
        cmocka_unit_test(fn_may_arm_its_own_entry),
        cmocka_unit_test(fn_may_arm_into_the_slot_being_swept),
        cmocka_unit_test(fn_may_disarm_entries_of_its_slot),
        cmocka_unit_test(random_operations_agree_with_a_list),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
