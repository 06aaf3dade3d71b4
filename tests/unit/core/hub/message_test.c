// SPDX-License-Identifier: MIT
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "hub/message.h"
#include "scarce_memory.h"

static struct wshub_message from(struct wshub_bytes channel, struct wshub_bytes sender,
                                 struct wshub_bytes payload) {
    return (struct wshub_message){.struct_size = sizeof(struct wshub_message),
                                  .channel = channel,
                                  .sender = sender,
                                  .payload = payload};
}

static void assert_span(struct span span, const void *data, size_t length) {
    assert_int_equal(span.length, length);
    assert_memory_equal(span.data, data, length);
}

static void it_keeps_a_copy(void **state) {
    char channel[] = "room", sender[] = "0123", payload[] = "{\"a\":\0}";
    struct wshub_message source = from((struct wshub_bytes){channel, 4}, (struct wshub_bytes){sender, 4},
                                       (struct wshub_bytes){payload, sizeof payload});
    (void)state;
    struct message *message = message_new(&source, 2);
    assert_non_null(message);
    memset(channel, 'x', 4);
    memset(sender, 'x', 4);
    memset(payload, 'x', sizeof payload);
    assert_span(message_channel(message), "room", 4);
    assert_span(message_sender(message), "0123", 4);
    assert_span(message_payload(message), "{\"a\":\0}", sizeof payload);
    message_unref(message);
}

static void every_part_may_be_empty(void **state) {
    struct wshub_message source =
        from((struct wshub_bytes){NULL, 0}, (struct wshub_bytes){NULL, 0}, (struct wshub_bytes){NULL, 0});
    (void)state;
    struct message *message = message_new(&source, 0);
    assert_non_null(message);
    assert_int_equal(message_channel(message).length, 0);
    assert_int_equal(message_sender(message).length, 0);
    assert_int_equal(message_payload(message).length, 0);
    message_unref(message);
}

static void a_key_goes_with_it(void **state) {
    static const char long_key[MESSAGE_KEY_MAX + 1] = "0123";
    struct wshub_message source =
        from((struct wshub_bytes){"room", 4}, (struct wshub_bytes){"me", 2}, (struct wshub_bytes){"1", 1});
    (void)state;
    source.epoch = (struct wshub_bytes){"e", 1};
    source.key = (struct wshub_bytes){"once", 4};
    struct message *message = message_new(&source, 1);
    assert_non_null(message);
    assert_span(message_epoch(message), "e", 1);
    assert_span(message_key(message), "once", 4);
    assert_span(message_payload(message), "1", 1);
    struct wshub_message lent = message_lend(message);
    assert_int_equal(lent.key.length, 4);
    assert_memory_equal(lent.key.data, "once", 4);
    message_unref(message);
    source.key = (struct wshub_bytes){long_key, sizeof long_key};
    assert_null(message_new(&source, 1));
}

// Whatever the lengths before them: the deliveries are aligned, inside, and do not overlap the bytes.
static void deliveries_stand_behind_the_bytes(void **state) {
    enum { WORKERS = 64, LENGTHS = 40 };
    static const char text[LENGTHS] = "abcdefghijklmnopqrstuvwxyz0123456789";
    (void)state;
    for (size_t length = 0; length < LENGTHS; length++) {
        struct wshub_message source = from((struct wshub_bytes){text, 1}, (struct wshub_bytes){text, 2},
                                           (struct wshub_bytes){text, length});
        struct message *message = message_new(&source, WORKERS);
        assert_non_null(message);
        assert_int_equal((uintptr_t)message->deliveries % _Alignof(struct delivery), 0);
        for (int i = 0; i < WORKERS; i++) {
            message->deliveries[i] = (struct delivery){.message = message};
        }
        assert_span(message_payload(message), text, length);
        message_unref(message);
    }
}

static void what_does_not_fit_is_refused(void **state) {
    static char long_name[UINT16_MAX + 1];
    struct wshub_bytes just = {long_name, UINT16_MAX}, beyond = {long_name, UINT16_MAX + 1}, none = {0};
    (void)state;
    struct wshub_message source = from(just, just, none);
    struct message *message = message_new(&source, 0);
    assert_non_null(message);
    assert_int_equal(message_channel(message).length, UINT16_MAX);
    assert_int_equal(message_sender(message).length, UINT16_MAX);
    message_unref(message);
    source = from(beyond, none, none);
    assert_null(message_new(&source, 0));
    source = from(none, beyond, none);
    assert_null(message_new(&source, 0));
    source = from(none, none, (struct wshub_bytes){long_name, (size_t)UINT32_MAX + 1}); // not touched
    assert_null(message_new(&source, 0));
}

enum { THREADS = 4, TURNS = 50000 };

static void *hold_and_let_go(void *context) {
    struct message *message = context;
    for (int i = 0; i < TURNS; i++) {
        message_ref(message);
        assert_int_equal(message_channel(message).length, 4);
        message_unref(message);
    }
    message_unref(message);
    return NULL;
}

static void threads_share_it(void **state) {
    struct wshub_message source =
        from((struct wshub_bytes){"room", 4}, (struct wshub_bytes){0}, (struct wshub_bytes){0});
    struct message *message = message_new(&source, 1);
    pthread_t threads[THREADS];
    (void)state;
    for (int i = 0; i < THREADS; i++) {
        message_ref(message);
        assert_int_equal(pthread_create(&threads[i], NULL, hold_and_let_go, message), 0);
    }
    message_unref(message); // the last of them frees it
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
}

static void without_memory_there_is_none(void **state) {
    struct wshub_message source =
        from((struct wshub_bytes){"room", 4}, (struct wshub_bytes){0}, (struct wshub_bytes){0});
    (void)state;
    if (!SCARCE_MEMORY) {
        skip();
    }
    memory_allowed = 0;
    struct message *message = message_new(&source, 1);
    memory_allowed = SIZE_MAX;
    assert_null(message);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_keeps_a_copy),
        cmocka_unit_test(every_part_may_be_empty),
        cmocka_unit_test(a_key_goes_with_it),
        cmocka_unit_test(deliveries_stand_behind_the_bytes),
        cmocka_unit_test(what_does_not_fit_is_refused),
        cmocka_unit_test(threads_share_it),
        cmocka_unit_test(without_memory_there_is_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
