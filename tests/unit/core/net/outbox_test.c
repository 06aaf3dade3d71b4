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

#include "net/outbox.h"
#include "scarce_memory.h"

static struct frame *frame_of(const char *text) {
    struct frame *frame = frame_new(strlen(text));
    assert_non_null(frame);
    memcpy(frame->data, text, strlen(text));
    return frame;
}

static void push(struct outbox *outbox, struct outbox_pool *pool, const char *text) {
    struct frame *frame = frame_of(text);
    assert_true(outbox_push(outbox, pool, frame));
    frame_unref(frame); // the outbox has its own
}

static void push_front(struct outbox *outbox, struct outbox_pool *pool, const char *text) {
    struct frame *frame = frame_of(text);
    assert_true(outbox_push_front(outbox, pool, frame));
    frame_unref(frame);
}

// What would leave next, without sending it.
static const char *content(const struct outbox *outbox) {
    static char text[4096];
    struct iovec vectors[64];
    size_t at = 0;
    int n = outbox_gather(outbox, vectors, 64);
    for (int i = 0; i < n; i++) {
        memcpy(text + at, vectors[i].iov_base, vectors[i].iov_len);
        at += vectors[i].iov_len;
    }
    text[at] = '\0';
    if (outbox->count <= 64) {
        assert_int_equal(at, outbox->bytes); // the budget counts just what is left to send
    }
    return text;
}

static void finish(struct outbox *outbox, struct outbox_pool *pool) {
    outbox_clear(outbox, pool);
    outbox_pool_free(pool);
}

static void frames_are_shared(void **state) {
    (void)state;
    struct outbox_pool pool = {0};
    struct outbox outboxes[3] = {0};
    struct frame *frame = frame_of("shared");
    for (int i = 0; i < 3; i++) {
        assert_true(outbox_push(&outboxes[i], &pool, frame));
    }
    assert_int_equal(frame->refs, 4);
    for (int i = 0; i < 3; i++) {
        struct iovec vector;
        assert_int_equal(outbox_gather(&outboxes[i], &vector, 1), 1);
        assert_ptr_equal(vector.iov_base, frame->data); // not a copy
    }
    outbox_advance(&outboxes[0], &pool, 6);
    assert_int_equal(frame->refs, 3);
    outbox_advance(&outboxes[1], &pool, 5);
    assert_int_equal(frame->refs, 3);
    outbox_clear(&outboxes[1], &pool);
    outbox_clear(&outboxes[2], &pool);
    assert_int_equal(frame->refs, 1);
    frame_unref(frame);
    frame_unref(NULL);
    outbox_pool_free(&pool);
}

static void a_frame_too_long_for_its_length_is_refused(void **state) {
    (void)state;
    assert_null(frame_new((size_t)UINT32_MAX + 1));
}

static void first_in_first_out(void **state) {
    (void)state;
    struct outbox_pool pool = {0};
    struct outbox outbox = {0};
    assert_string_equal(content(&outbox), "");
    push(&outbox, &pool, "one ");
    push(&outbox, &pool, "two ");
    push(&outbox, &pool, "three");
    assert_string_equal(content(&outbox), "one two three");
    finish(&outbox, &pool);
}

// Every split of the first frames, then one goes ahead.
static void what_goes_ahead_waits_for_a_frame_that_has_begun(void **state) {
    (void)state;
    static const char *const expected[] = {
        "!abcdefgh", "bcd!efgh", "cd!efgh", "d!efgh", "!efgh", "fgh!", "gh!", "h!", "!",
    };
    for (size_t sent = 0; sent <= 8; sent++) {
        struct outbox_pool pool = {0};
        struct outbox outbox = {0};
        push(&outbox, &pool, "abcd");
        push(&outbox, &pool, "efgh");
        outbox_advance(&outbox, &pool, sent);
        push_front(&outbox, &pool, "!");
        assert_string_equal(content(&outbox), expected[sent]);
        finish(&outbox, &pool);
    }
}

// Pongs answer pings in the order in which these came (and the 101 of a handshake leaves before them).
static void what_goes_ahead_keeps_its_own_order(void **state) {
    (void)state;
    for (int begun = 0; begun <= 1; begun++) {
        for (int data = 0; data < 12; data++) {
            for (int ahead = 0; ahead < 12; ahead++) {
                struct outbox_pool pool = {0};
                struct outbox outbox = {0};
                char expected[64] = "";
                for (int i = 0; i < data; i++) {
                    push(&outbox, &pool, (char[]){'a', (char)('a' + i), '\0'});
                }
                bool first_begun = begun && data > 0;
                outbox_advance(&outbox, &pool, first_begun);
                strcat(expected, first_begun ? "a" : "");
                for (int i = 0; i < ahead; i++) {
                    push_front(&outbox, &pool, (char[]){(char)('0' + i), '\0'});
                    strcat(expected, (char[]){(char)('0' + i), '\0'});
                }
                push(&outbox, &pool, "z");
                for (int i = first_begun; i < data; i++) {
                    strcat(expected, (char[]){'a', (char)('a' + i), '\0'});
                }
                strcat(expected, "z");
                assert_string_equal(content(&outbox), expected);
                while (outbox.count > 0) { // byte by byte, to the end
                    static char rest[64];
                    strcpy(rest, content(&outbox) + 1);
                    outbox_advance(&outbox, &pool, 1);
                    assert_string_equal(content(&outbox), rest);
                }
                finish(&outbox, &pool);
            }
        }
    }
}

static void what_goes_ahead_passes_later_data_even_after_some_has_left(void **state) {
    (void)state;
    struct outbox_pool pool = {0};
    struct outbox outbox = {0};
    push(&outbox, &pool, "data");
    push_front(&outbox, &pool, "1");
    push_front(&outbox, &pool, "2");
    outbox_advance(&outbox, &pool, 1);
    push_front(&outbox, &pool, "3");
    assert_string_equal(content(&outbox), "23data");
    outbox_advance(&outbox, &pool, 3);
    assert_string_equal(content(&outbox), "ata");
    push_front(&outbox, &pool, "4");
    push_front(&outbox, &pool, "5");
    push(&outbox, &pool, "more");
    push_front(&outbox, &pool, "6");
    assert_string_equal(content(&outbox), "ata456more");
    outbox_advance(&outbox, &pool, 3);
    push_front(&outbox, &pool, "7");
    assert_string_equal(content(&outbox), "4567more");
    outbox_advance(&outbox, &pool, 4);
    push_front(&outbox, &pool, "8");
    assert_string_equal(content(&outbox), "8more");
    finish(&outbox, &pool);
}

static void gather_gives_at_most_what_fits(void **state) {
    (void)state;
    struct outbox_pool pool = {0};
    struct outbox outbox = {0};
    struct iovec vectors[100];
    for (int i = 0; i < 20; i++) {
        push(&outbox, &pool, "frame");
    }
    memset(vectors, 0, sizeof vectors);
    assert_int_equal(outbox_gather(&outbox, vectors, 3), 3);
    assert_null(vectors[3].iov_base);
    assert_int_equal(outbox_gather(&outbox, vectors, 100), 20);
    outbox_advance(&outbox, &pool, 7);
    assert_int_equal(outbox_gather(&outbox, vectors, 2), 2);
    assert_int_equal(vectors[0].iov_len, 3); // only the first is partly sent
    assert_int_equal(vectors[1].iov_len, 5);
    assert_memory_equal(vectors[0].iov_base, "ame", 3);
    finish(&outbox, &pool);
}

static void slots_are_lent_and_come_back(void **state) {
    (void)state;
    struct outbox_pool pool = {0};
    struct outbox a = {0}, b = {0};
    push(&a, &pool, "x");
    struct frame **slots = a.slots;
    assert_int_equal(a.capacity, OUTBOX_SLOTS_MIN);
    outbox_advance(&a, &pool, 1);
    assert_null(a.slots); // an idle connection owns none
    assert_int_equal(a.capacity, 0);
    assert_int_equal(pool.count, 1);
    push_front(&b, &pool, "y");
    assert_ptr_equal(b.slots, slots);
    assert_int_equal(pool.count, 0);
    outbox_clear(&b, &pool);
    assert_null(b.slots);
    assert_int_equal(b.bytes, 0);
    assert_int_equal(pool.count, 1);
    outbox_pool_free(&pool);
    assert_int_equal(pool.count, 0);
    assert_null(pool.spare);
}

static void grown_slots_do_not_fill_the_pool(void **state) {
    (void)state;
    struct outbox_pool pool = {0};
    struct outbox outbox = {0};
    for (int i = 0; i < OUTBOX_SLOTS_MIN + 1; i++) {
        push(&outbox, &pool, "x");
    }
    assert_int_equal(outbox.capacity, 2 * OUTBOX_SLOTS_MIN);
    assert_int_equal(pool.count, 1); // the small block that it had outgrown
    outbox_advance(&outbox, &pool, OUTBOX_SLOTS_MIN + 1);
    assert_int_equal(pool.count, 1);
    outbox_pool_free(&pool);
}

static void the_pool_has_a_limit(void **state) {
    (void)state;
    enum { MANY = OUTBOX_POOL_MAX + 10 };
    struct outbox_pool pool = {0};
    struct outbox *outboxes = calloc(MANY, sizeof *outboxes);
    for (int i = 0; i < MANY; i++) {
        push(&outboxes[i], &pool, "x");
    }
    for (int i = 0; i < MANY; i++) {
        outbox_clear(&outboxes[i], &pool);
    }
    assert_int_equal(pool.count, OUTBOX_POOL_MAX);
    outbox_pool_free(&pool);
    free(outboxes);
}

static void without_memory_nothing_changes(void **state) {
    (void)state;
    if (!SCARCE_MEMORY) {
        skip();
    }
    struct outbox_pool pool = {0};
    struct outbox outbox = {0};
    struct frame *frame = frame_of("x");
    memory_allowed = 0;
    assert_false(outbox_push(&outbox, &pool, frame));
    assert_false(outbox_push_front(&outbox, &pool, frame));
    memory_allowed = SIZE_MAX;
    assert_int_equal(frame->refs, 1);
    assert_int_equal(outbox.bytes, 0);
    for (int i = 0; i < OUTBOX_SLOTS_MIN; i++) {
        assert_true(outbox_push(&outbox, &pool, frame));
    }
    memory_allowed = 0;
    assert_false(outbox_push(&outbox, &pool, frame));
    assert_false(outbox_push_front(&outbox, &pool, frame));
    memory_allowed = SIZE_MAX;
    assert_int_equal(frame->refs, OUTBOX_SLOTS_MIN + 1);
    assert_int_equal(outbox.count, OUTBOX_SLOTS_MIN);
    assert_string_equal(content(&outbox), "xxxxxxxx");
    frame_unref(frame);
    finish(&outbox, &pool);
}

// ---- against a plain list of bytes ----

struct model {
    char text[4096];
    size_t length;
    size_t ahead; // up to here nothing may be put between
    size_t begun; // bytes left of the frame that has begun to leave
};

static void model_insert(struct model *model, size_t at, const char *text) {
    size_t n = strlen(text);
    memmove(model->text + at + n, model->text + at, model->length - at);
    memcpy(model->text + at, text, n);
    model->length += n;
}

static void random_operations_agree_with_a_list_of_bytes(void **state) {
    (void)state;
    srand(7);
    for (int run = 0; run < 300; run++) {
        struct outbox_pool pool = {0};
        struct outbox outbox = {0};
        struct model model = {0};
        for (int step = 0; step < 300; step++) {
            char text[16];
            int length = 1 + rand() % 12;
            memset(text, 'a' + rand() % 26, (size_t)length);
            text[0] = '(';
            text[length - 1] = length > 1 ? ')' : '|';
            text[length] = '\0';
            int what = rand() % 3;
            if (what < 2 && model.length + 16 > 700) {
                what = 2;
            }
            if (what == 0) {
                push(&outbox, &pool, text);
                model_insert(&model, model.length, text);
            } else if (what == 1) {
                size_t at = model.ahead > model.begun ? model.ahead : model.begun;
                push_front(&outbox, &pool, text);
                model_insert(&model, at, text);
                model.ahead = at + (size_t)length;
            } else if (model.length > 0) {
                size_t n = 1 + (size_t)rand() % (model.length < 40 ? model.length : 40);
                outbox_advance(&outbox, &pool, n);
                memmove(model.text, model.text + n, model.length - n);
                model.length -= n;
                model.ahead = model.ahead > n ? model.ahead - n : 0;
                model.begun = outbox.sent ? outbox.slots[outbox.head]->length - outbox.sent : 0;
            }
            assert_int_equal(outbox.bytes, model.length);
            model.text[model.length] = '\0';
            if (outbox.count <= 64) {
                assert_string_equal(content(&outbox), model.text);
            }
            assert_true((outbox.count == 0) == (outbox.slots == NULL));
        }
        finish(&outbox, &pool);
    }
}

// A client that floods us with pings and reads nothing must not make each of them dearer than the last.
static void many_ahead_of_many_are_cheap(void **state) {
    (void)state;
    enum { MANY = 20000 };
    struct outbox_pool pool = {0};
    struct outbox outbox = {0};
    struct frame *ping = frame_of("p");
    for (int i = 0; i < MANY; i++) {
        assert_true(outbox_push_front(&outbox, &pool, ping));
    }
    push(&outbox, &pool, "d");
    for (int i = 0; i < MANY; i++) {
        assert_true(outbox_push_front(&outbox, &pool, ping));
    }
    assert_int_equal(outbox.bytes, 2 * MANY + 1);
    outbox_advance(&outbox, &pool, 2 * MANY);
    assert_string_equal(content(&outbox), "d");
    frame_unref(ping);
    finish(&outbox, &pool);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(frames_are_shared),
        cmocka_unit_test(a_frame_too_long_for_its_length_is_refused),
        cmocka_unit_test(first_in_first_out),
        cmocka_unit_test(what_goes_ahead_waits_for_a_frame_that_has_begun),
        cmocka_unit_test(what_goes_ahead_keeps_its_own_order),
        cmocka_unit_test(what_goes_ahead_passes_later_data_even_after_some_has_left),
        cmocka_unit_test(gather_gives_at_most_what_fits),
        cmocka_unit_test(slots_are_lent_and_come_back),
        cmocka_unit_test(grown_slots_do_not_fill_the_pool),
        cmocka_unit_test(the_pool_has_a_limit),
        cmocka_unit_test(without_memory_nothing_changes),
        cmocka_unit_test(random_operations_agree_with_a_list_of_bytes),
        cmocka_unit_test(many_ahead_of_many_are_cheap),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
