// SPDX-License-Identifier: MIT
// What histories keep, forget, and call themselves.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "histories.h"
#include "scarce_memory.h"

enum { MOST = 1 << 20, TTL = 1000, SIZE = 10, NOW = 100000 };

static struct wshub_bytes bytes(const char *text) {
    return (struct wshub_bytes){text, strlen(text)};
}

static struct histories histories_of(uint64_t most) {
    return (struct histories){.most = most, .seed = 1, .process = 0xabc};
}

static int append_of(struct histories *histories, const char *channel, const char *payload, uint64_t size,
                     uint64_t now, struct wshub_message *message) {
    *message = (struct wshub_message){
        .struct_size = sizeof *message,
        .channel = bytes(channel),
        .payload = bytes(payload),
        .sender = bytes("me"),
        .exclude = bytes("you them"),
        .history_size = size,
        .history_ttl = TTL,
    };
    return histories_append(histories, message, now);
}

// The offset that it has got.
static uint64_t append(struct histories *histories, const char *channel, const char *payload, uint64_t now) {
    struct wshub_message message;
    assert_int_equal(append_of(histories, channel, payload, SIZE, now, &message), WSHUB_OK);
    assert_int_equal(message.previous, message.offset - 1);
    return message.offset;
}

static const struct history *get(struct histories *histories, const char *channel, uint64_t now) {
    const struct history *history = histories_get(histories, bytes(channel), SIZE, TTL, now);
    assert_non_null(history);
    return history;
}

static void assert_range(struct histories *histories, const char *channel, uint64_t now, uint64_t oldest,
                         uint64_t newest) {
    const struct history *history = get(histories, channel, now);
    assert_int_equal(histories_oldest_of(history), oldest);
    assert_int_equal(histories_newest_of(history), newest);
}

// Malloced.
static char *epoch_of(struct histories *histories, const char *channel, uint64_t now) {
    struct wshub_bytes epoch = histories_epoch_of(get(histories, channel, now));
    return strndup(epoch.data, epoch.length);
}

static void what_is_appended_can_be_read(void **state) {
    struct histories histories = histories_of(MOST);
    (void)state;
    assert_int_equal(append(&histories, "a", "one", NOW), 1);
    assert_int_equal(append(&histories, "b", "other", NOW), 1);
    assert_int_equal(append(&histories, "a", "", NOW), 2);
    const struct history *history = get(&histories, "a", NOW);
    struct wshub_message message = histories_message_at(history, 1);
    assert_int_equal(message.struct_size, sizeof message);
    assert_int_equal(message.payload.length, 3);
    assert_memory_equal(message.payload.data, "one", 3);
    assert_memory_equal(message.sender.data, "me", 2);
    assert_int_equal(message.sender_user.length, 0);
    assert_int_equal(message.exclude.length, 8);
    assert_memory_equal(message.exclude.data, "you them", 8);
    assert_int_equal(message.offset, 1);
    assert_int_equal(message.previous, 0);
    message = histories_message_at(history, 2);
    assert_int_equal(message.payload.length, 0);
    assert_int_equal(message.previous, 1);
    assert_int_equal(message.epoch.length, histories_epoch_of(history).length);
    histories_free(&histories);
    assert_int_equal(histories.bytes, 0);
}

static void size_and_age_bound_it(void **state) {
    struct histories histories = histories_of(MOST);
    (void)state;
    for (int i = 0; i < 25; i++) {
        append(&histories, "a", "1", NOW + (uint64_t)i);
    }
    assert_range(&histories, "a", NOW + 25, 16, 25);
    assert_range(&histories, "a", NOW + TTL + 20, 22, 25); // those of NOW + 21 and later
    assert_int_equal(histories_oldest_of(histories_get(&histories, bytes("a"), 2, TTL, NOW + TTL + 20)), 24);
    assert_range(&histories, "a", NOW + TTL + 25, 0, 25);
    assert_int_equal(append(&histories, "a", "1", NOW + TTL + 25), 26); // its epoch goes on
    histories_free(&histories);
}

static void a_channel_that_was_forgotten_has_another_epoch(void **state) {
    struct histories histories = histories_of(MOST);
    (void)state;
    append(&histories, "a", "1", NOW);
    char *before = epoch_of(&histories, "a", NOW);
    char *still = epoch_of(&histories, "a", NOW + 2 * TTL - 1); // a look is a use
    assert_string_equal(before, still);
    char *after = epoch_of(&histories, "a", NOW + 4 * TTL - 1);
    assert_string_not_equal(before, after);
    assert_range(&histories, "a", NOW + 4 * TTL, 0, 0);
    assert_int_equal(append(&histories, "a", "1", NOW + 4 * TTL), 1);
    free(before);
    free(still);
    free(after);
    histories_free(&histories);
}

// Whoever has subscribed looks at the position now and then: a history that is empty for long is no lost one.
static void it_is_remembered_for_long(void **state) {
    struct histories histories = histories_of(MOST);
    (void)state;
    histories.rest = 100 * TTL;
    append(&histories, "a", "1", NOW);
    char *before = epoch_of(&histories, "a", NOW);
    for (uint64_t now = NOW; now < NOW + 1000 * TTL; now += 99 * TTL) {
        append(&histories, "other", "1", now);
        append(&histories, "other", "1", now);
        char *still = epoch_of(&histories, "a", now);
        assert_string_equal(before, still);
        free(still);
    }
    free(before);
    histories_free(&histories);
}

static void who_is_not_used_goes_without_being_asked_for(void **state) {
    struct histories histories = histories_of(MOST);
    char name[32];
    (void)state;
    for (int i = 0; i < 100; i++) {
        snprintf(name, sizeof name, "room:%d", i);
        append(&histories, name, "1", NOW);
    }
    uint64_t full = histories.bytes;
    for (int i = 0; i < 60; i++) {
        append(&histories, "one", "1", NOW + 2 * TTL);
    }
    assert_true(histories.bytes < full / 10);
    assert_ptr_equal(histories.oldest, histories.newest);
    histories_free(&histories);
}

static void who_was_used_longest_ago_makes_room(void **state) {
    struct histories histories = histories_of(8192);
    char name[32], *first;
    (void)state;
    append(&histories, "first", "1", NOW);
    append(&histories, "first", "2", NOW);
    first = epoch_of(&histories, "first", NOW);
    append(&histories, "kept", "1", NOW);
    char *kept = epoch_of(&histories, "kept", NOW);
    for (int i = 0; i < 100; i++) {
        snprintf(name, sizeof name, "room:%d", i);
        append(&histories, name, "1", NOW);
        assert_range(&histories, "kept", NOW, 1, 1); // is used, and so keeps all
        assert_true(histories.bytes <= histories.most);
    }
    assert_true(histories.dropped > 0);
    char *again = epoch_of(&histories, "first", NOW), *same = epoch_of(&histories, "kept", NOW);
    assert_string_not_equal(first, again);
    assert_string_equal(kept, same);
    free(first);
    free(kept);
    free(again);
    free(same);
    histories_free(&histories);
}

static void the_oldest_messages_go_first(void **state) {
    struct histories histories = histories_of(4096);
    char payload[513];
    (void)state;
    memset(payload, '1', sizeof payload - 1);
    payload[sizeof payload - 1] = '\0';
    for (int i = 1; i <= 20; i++) {
        assert_int_equal(append(&histories, "a", payload, NOW), i);
    }
    const struct history *history = get(&histories, "a", NOW);
    assert_int_equal(histories_newest_of(history), 20);
    assert_in_range(histories_oldest_of(history), 12, 20);
    assert_true(histories.bytes <= histories.most);
    histories_free(&histories);
}

static void no_epoch_comes_twice(void **state) {
    enum { CHANNELS = 50, ROUNDS = 40 };
    struct histories histories = histories_of(2048);
    static char epochs[CHANNELS * ROUNDS][HISTORIES_EPOCH];
    size_t count = 0;
    (void)state;
    srand(7);
    for (int i = 0; i < CHANNELS * ROUNDS; i++) {
        char name[32];
        struct wshub_message message;
        snprintf(name, sizeof name, "%d", rand() % CHANNELS);
        assert_int_equal(append_of(&histories, name, "1", SIZE, NOW, &message), WSHUB_OK);
        assert_true(message.epoch.length < HISTORIES_EPOCH);
        if (message.offset == 1) { // a life begins
            snprintf(epochs[count++], HISTORIES_EPOCH, "%.*s", (int)message.epoch.length,
                     (const char *)message.epoch.data);
        }
    }
    assert_true(count > CHANNELS);
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < i; j++) {
            assert_string_not_equal(epochs[i], epochs[j]);
        }
    }
    histories_free(&histories);
}

static void what_is_more_than_all_is_refused(void **state) {
    struct histories histories = histories_of(1024);
    char payload[1024];
    struct wshub_message message;
    (void)state;
    memset(payload, '1', sizeof payload - 1);
    payload[sizeof payload - 1] = '\0';
    append(&histories, "a", "1", NOW);
    assert_int_equal(append_of(&histories, "a", payload, SIZE, NOW, &message), WSHUB_TOO_LARGE);
    assert_range(&histories, "a", NOW, 1, 1);
    histories_free(&histories);
}

static void without_memory_nothing_has_changed(void **state) {
    struct histories histories = histories_of(MOST);
    struct wshub_message message;
    (void)state;
    if (!SCARCE_MEMORY) {
        skip();
    }
    for (size_t allowed = 0;; allowed++) {
        memory_allowed = allowed;
        int status = append_of(&histories, "a", "1", SIZE, NOW, &message);
        memory_allowed = SIZE_MAX;
        if (status == WSHUB_OK) {
            assert_true(allowed > 2);
            break;
        }
        assert_int_equal(status, WSHUB_NO_MEMORY);
        if (histories.oldest) {
            assert_int_equal(histories_newest_of(histories.oldest), 0);
        }
    }
    assert_int_equal(message.offset, 1);
    memory_allowed = 0;
    assert_null(histories_get(&histories, bytes("b"), SIZE, TTL, NOW));
    memory_allowed = SIZE_MAX;
    assert_range(&histories, "a", NOW, 1, 1);
    histories_free(&histories);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_appended_can_be_read),
        cmocka_unit_test(size_and_age_bound_it),
        cmocka_unit_test(a_channel_that_was_forgotten_has_another_epoch),
        cmocka_unit_test(it_is_remembered_for_long),
        cmocka_unit_test(who_is_not_used_goes_without_being_asked_for),
        cmocka_unit_test(who_was_used_longest_ago_makes_room),
        cmocka_unit_test(the_oldest_messages_go_first),
        cmocka_unit_test(no_epoch_comes_twice),
        cmocka_unit_test(what_is_more_than_all_is_refused),
        cmocka_unit_test(without_memory_nothing_has_changed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
