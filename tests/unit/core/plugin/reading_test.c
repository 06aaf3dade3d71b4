// SPDX-License-Identifier: MIT
// What a plugin may tell of a history, and what it may not.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "plugin/reading.h"
#include "scarce_memory.h"

static struct wshub_bytes bytes(const char *text) {
    return (struct wshub_bytes){text, strlen(text)};
}

static struct reading *ask(uint32_t flags, uint64_t after, uint64_t limit) {
    const struct wshub_history_query query = {
        .struct_size = sizeof query,
        .flags = flags,
        .channel = bytes("room"),
        .size = 10,
        .ttl = 60000,
        .after = after,
        .limit = limit,
    };
    struct reading *reading = reading_new(&query);
    assert_non_null(reading);
    return reading;
}

static bool tell_of(struct reading *reading, const char *channel, const char *epoch, uint64_t offset,
                    uint64_t previous) {
    const struct wshub_message message = {
        .struct_size = sizeof message,
        .channel = bytes(channel),
        .epoch = bytes(epoch),
        .offset = offset,
        .previous = previous,
    };
    return reading_take_message(reading, &message);
}

static bool tell(struct reading *reading, uint64_t offset) {
    return tell_of(reading, "room", "e", offset, 0);
}

// It ends with this; NULL: well. Frees it.
static void assert_end(struct reading *reading, const char *expected) {
    const char *fault = reading_end(reading);
    if (expected) {
        assert_non_null(fault);
        assert_string_equal(fault, expected);
        assert_false(tell(reading, 1000)); // nothing after it
        assert_false(reading_take_position(reading, bytes("e"), 1, 1000));
        assert_string_equal(reading_end(reading), expected);
    } else {
        assert_null(fault);
    }
    reading_free(reading);
}

static void what_was_asked_for_is_taken(void **state) {
    (void)state;
    struct reading *forwards = ask(0, 4, 3);
    assert_true(tell_of(forwards, "room", "e", 5, 4));
    assert_true(tell_of(forwards, "room", "e", 9, 0)); // they need not be dense
    assert_true(reading_take_position(forwards, bytes("e"), 2, 12));
    assert_true(tell_of(forwards, "room", "e", 12, 9)); // either may come first
    assert_end(forwards, NULL);
    struct reading *backwards = ask(WSHUB_HISTORY_BACKWARDS, 0, 3);
    assert_true(tell(backwards, UINT64_MAX - 1));
    assert_true(tell(backwards, 1));
    assert_true(reading_take_position(backwards, bytes("e"), 1, UINT64_MAX - 1));
    assert_end(backwards, NULL);
    struct reading *before = ask(WSHUB_HISTORY_BACKWARDS, 5, 3);
    assert_true(tell(before, 4));
    assert_true(reading_take_position(before, bytes("e"), 1, 9));
    assert_end(before, NULL);
}

static void a_history_without_messages_may_have_no_epoch(void **state) {
    static const char longest[] = "0123456789012345678901234567890123456789012345678901234567890123";
    (void)state;
    struct reading *none = ask(0, 0, 3);
    assert_true(reading_take_position(none, bytes(""), 0, 0));
    assert_end(none, NULL);
    struct reading *old = ask(0, 0, 0);
    assert_true(reading_take_position(old, bytes(longest), 0, 7)); // all of them have expired
    assert_end(old, NULL);
}

static void what_was_not_asked_for_is_not(void **state) {
    static const char ORDER[] =
        "offsets that are not in the order of the query, or do not lie behind its `after`";
    (void)state;
    struct reading *more = ask(0, 0, 1);
    assert_true(tell(more, 1));
    assert_false(tell(more, 2));
    assert_end(more, "more messages than the limit");
    struct reading *any = ask(0, 0, 0);
    assert_false(tell(any, 1));
    assert_end(any, "more messages than the limit");
    struct reading *other = ask(0, 0, 9);
    assert_false(tell_of(other, "rooms", "e", 1, 0));
    assert_end(other, "a message of another channel");
    struct reading *twice = ask(0, 0, 9);
    assert_true(tell(twice, 2));
    assert_false(tell(twice, 2));
    assert_end(twice, ORDER);
    struct reading *after = ask(0, 5, 9);
    assert_false(tell(after, 5));
    assert_end(after, ORDER);
    struct reading *before = ask(WSHUB_HISTORY_BACKWARDS, 5, 9);
    assert_false(tell(before, 5));
    assert_end(before, ORDER);
    struct reading *turned = ask(WSHUB_HISTORY_BACKWARDS, 0, 9);
    assert_true(tell(turned, 3));
    assert_false(tell(turned, 4));
    assert_end(turned, ORDER);
    struct reading *without = ask(0, 0, 9);
    assert_false(tell(without, 0));
    assert_end(without, ORDER);
    struct reading *chain = ask(0, 0, 9);
    assert_false(tell_of(chain, "room", "e", 3, 3));
    assert_end(chain, ORDER);
}

static void every_epoch_is_one_and_the_same(void **state) {
    static const char TOO_LONG[] = "01234567890123456789012345678901234567890123456789012345678901234";
    static const char FORM[] = "an epoch that is not 1 to 64 bytes of printable ASCII without blanks";
    static const char *const odd[] = {"", " ", "a b", "a\n", "\x7f", "\xc3\xa4", TOO_LONG};
    (void)state;
    for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
        struct reading *reading = ask(0, 0, 9);
        assert_false(tell_of(reading, "room", odd[i], 1, 0));
        assert_end(reading, FORM);
        struct reading *position = ask(0, 0, 9);
        assert_false(reading_take_position(position, bytes(odd[i]), 1, 1));
        assert_end(position, FORM);
    }
    struct reading *two = ask(0, 0, 9);
    assert_true(tell(two, 1));
    assert_false(tell_of(two, "room", "f", 2, 1));
    assert_end(two, "two epochs in one answer");
    struct reading *position = ask(0, 0, 9);
    assert_true(tell(position, 1));
    assert_false(reading_take_position(position, bytes("ee"), 1, 1));
    assert_end(position, "two epochs in one answer");
    struct reading *none = ask(0, 0, 9);
    assert_true(tell(none, 1));
    assert_false(reading_take_position(none, bytes(""), 0, 0));
    assert_end(none, FORM);
}

static void it_begins_and_ends_somewhere(void **state) {
    (void)state;
    struct reading *none = ask(0, 0, 9);
    assert_string_equal(reading_end(none), "no position");
    reading_free(none);
    struct reading *turned = ask(0, 0, 9);
    assert_false(reading_take_position(turned, bytes("e"), 5, 4));
    assert_end(turned, "a position whose oldest offset is beyond its newest");
}

static void without_memory_there_is_none(void **state) {
    const struct wshub_history_query query = {.struct_size = sizeof query, .channel = bytes("room")};
    (void)state;
    if (!SCARCE_MEMORY) {
        skip();
    }
    memory_allowed = 0;
    struct reading *reading = reading_new(&query);
    memory_allowed = SIZE_MAX;
    assert_null(reading);
    reading_free(reading);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_asked_for_is_taken),
        cmocka_unit_test(a_history_without_messages_may_have_no_epoch),
        cmocka_unit_test(what_was_not_asked_for_is_not),
        cmocka_unit_test(every_epoch_is_one_and_the_same),
        cmocka_unit_test(it_begins_and_ends_somewhere),
        cmocka_unit_test(without_memory_there_is_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
