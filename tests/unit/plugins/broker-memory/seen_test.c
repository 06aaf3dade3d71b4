// SPDX-License-Identifier: MIT
// Keys are remembered for their time, and no key that has time left makes room.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <stdbool.h>

#include "scarce_memory.h"
#include "seen.h"

enum { MOST = 1 << 20, TTL = 1000, NOW = 100000 };

static struct wshub_message message_of(const char *channel, const char *key) {
    return (struct wshub_message){
        .struct_size = sizeof(struct wshub_message),
        .channel = {channel, strlen(channel)},
        .key = {key, strlen(key)},
        .key_ttl = TTL,
    };
}

static struct seen seen_of(uint64_t most) {
    return (struct seen){.most = most, .seed = 1};
}

static bool add(struct seen *seen, const char *channel, const char *text, uint64_t offset, uint64_t now) {
    const struct wshub_message message = message_of(channel, text);
    struct seen_key *key = seen_add(seen, &message, now);
    if (key) {
        *key = (struct seen_key){7, offset};
    }
    return key != NULL;
}

// The offset; 0: not known.
static uint64_t find(struct seen *seen, const char *channel, const char *text, uint64_t now) {
    const struct wshub_message message = message_of(channel, text);
    const struct seen_key *key = seen_find(seen, &message, now);
    return key ? key->offset : 0;
}

static void a_key_is_of_its_channel(void **state) {
    struct seen seen = seen_of(MOST);
    (void)state;
    assert_int_equal(find(&seen, "a", "k", NOW), 0);
    assert_true(add(&seen, "a", "k", 1, NOW));
    assert_true(add(&seen, "a", "kk", 2, NOW));
    assert_true(add(&seen, "ak", "k", 3, NOW));
    assert_int_equal(find(&seen, "a", "k", NOW), 1);
    assert_int_equal(find(&seen, "a", "kk", NOW), 2);
    assert_int_equal(find(&seen, "ak", "k", NOW), 3);
    assert_int_equal(find(&seen, "akk", "k", NOW), 0);
    seen_free(&seen);
    assert_int_equal(seen.bytes, 0);
}

static void it_has_its_time(void **state) {
    struct seen seen = seen_of(MOST);
    (void)state;
    assert_true(add(&seen, "a", "k", 1, NOW));
    assert_int_equal(find(&seen, "a", "k", NOW + TTL - 1), 1);
    assert_int_equal(find(&seen, "a", "k", NOW + TTL), 0);
    assert_int_equal(seen.bytes, 0);
    assert_true(add(&seen, "a", "k", 2, NOW + TTL));
    assert_int_equal(find(&seen, "a", "k", NOW + 2 * TTL - 1), 2);
    seen_free(&seen);
}

static void what_was_taken_back_is_not_known(void **state) {
    struct seen seen = seen_of(MOST);
    const struct wshub_message message = message_of("a", "k");
    (void)state;
    seen_take_back(&seen, seen_add(&seen, &message, NOW));
    assert_int_equal(find(&seen, "a", "k", NOW), 0);
    assert_int_equal(seen.bytes, 0);
    seen_free(&seen);
}

static void what_does_not_fit_is_refused_until_others_have_had_their_time(void **state) {
    struct seen seen = seen_of(4096);
    char text[32];
    int count = 0;
    (void)state;
    do {
        snprintf(text, sizeof text, "key:%d", count++);
    } while (add(&seen, "a", text, 1, NOW));
    assert_in_range(count, 10, 100);
    assert_int_equal(seen.refused, 1);
    assert_true(seen.bytes <= seen.most);
    assert_int_equal(find(&seen, "a", "key:0", NOW + TTL - 1), 1); // it has not made room
    assert_true(add(&seen, "a", text, 2, NOW + TTL));
    seen_free(&seen);
}

// Whatever stands before them has more time.
static void what_has_had_its_time_goes_unasked(void **state) {
    struct seen seen = seen_of(MOST);
    char text[32];
    (void)state;
    struct wshub_message patient = message_of("a", "patient");
    patient.key_ttl = 1000 * TTL;
    assert_non_null(seen_add(&seen, &patient, NOW));
    for (int i = 0; i < 100; i++) {
        snprintf(text, sizeof text, "key:%d", i);
        add(&seen, "a", text, 1, NOW);
    }
    uint64_t full = seen.bytes;
    for (int i = 0; i < 100; i++) {
        snprintf(text, sizeof text, "next:%d", i);
        add(&seen, "a", text, 1, NOW + TTL);
    }
    assert_true(seen.bytes <= full + 200);
    assert_non_null(seen_find(&seen, &patient, NOW + TTL));
    seen_free(&seen);
}

static void without_memory_it_is_refused(void **state) {
    struct seen seen = seen_of(MOST);
    (void)state;
    if (!SCARCE_MEMORY) {
        skip();
    }
    for (size_t allowed = 0;; allowed++) {
        memory_allowed = allowed;
        bool added = add(&seen, "a", "k", 1, NOW);
        memory_allowed = SIZE_MAX;
        if (added) {
            assert_true(allowed > 1);
            break;
        }
        assert_int_equal(find(&seen, "a", "k", NOW), 0);
        assert_int_equal(seen.bytes, 0);
    }
    assert_int_equal(seen.refused, 0);
    assert_int_equal(find(&seen, "a", "k", NOW), 1);
    seen_free(&seen);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_key_is_of_its_channel),
        cmocka_unit_test(it_has_its_time),
        cmocka_unit_test(what_was_taken_back_is_not_known),
        cmocka_unit_test(what_does_not_fit_is_refused_until_others_have_had_their_time),
        cmocka_unit_test(what_has_had_its_time_goes_unasked),
        cmocka_unit_test(without_memory_it_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
