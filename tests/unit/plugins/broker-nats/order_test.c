// SPDX-License-Identifier: MIT
#include "order.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

static natsMsg *message(const char *subject) {
    natsMsg *made = NULL;
    assert_int_equal(natsMsg_Create(&made, subject, NULL, "", 0), NATS_OK);
    return made;
}

static void take(struct order *order, uint64_t offset, uint64_t previous, enum order_turn wanted) {
    natsMsg *taken = message("x");
    const enum order_turn turn = order_take(order, taken, offset, previous);
    assert_int_equal(turn, wanted);
    if (turn == ORDER_NOW || turn == ORDER_LATE) {
        natsMsg_Destroy(taken);
    }
}

static unsigned next_all(struct order *order) {
    unsigned count = 0;
    for (natsMsg *next; (next = order_next(order)); count++) {
        natsMsg_Destroy(next);
    }
    return count;
}

static void one_that_is_early_waits(void **state) {
    struct order order = {0};
    (void)state;
    take(&order, 10, 7, ORDER_NOW); // what was before the first is nobody's
    take(&order, 14, 13, ORDER_HELD);
    take(&order, 13, 11, ORDER_HELD);
    assert_null(order_next(&order));
    take(&order, 11, 10, ORDER_NOW);
    assert_int_equal(next_all(&order), 2);
    assert_int_equal(order.last, 14);
    take(&order, 20, 14, ORDER_NOW);
    take(&order, 20, 14, ORDER_LATE);
    take(&order, 15, 14, ORDER_LATE);
    take(&order, 26, 20, ORDER_NOW);
}

static void what_does_not_come_is_given_up(void **state) {
    struct order order = {0};
    (void)state;
    take(&order, 1, 0, ORDER_NOW);
    take(&order, 3, 2, ORDER_HELD);
    take(&order, 6, 5, ORDER_HELD);
    assert_false(order_is_overdue(&order));
    while (!order_is_overdue(&order)) {
        usleep(1000); // asked again: it is a quarter of a second
    }
    order_give_up(&order);
    assert_int_equal(next_all(&order), 1);
    assert_int_equal(order.last, 3);
    order_give_up(&order);
    assert_int_equal(next_all(&order), 1);
    take(&order, 2, 1, ORDER_LATE);
    order_give_up(&order);
    assert_int_equal(order.last, 6);
}

static void it_does_not_hold_everything(void **state) {
    struct order order = {0};
    (void)state;
    take(&order, 1, 0, ORDER_NOW);
    for (uint64_t i = 0; i < ORDER_HELD_MOST; i++) {
        take(&order, 10 + i, 9 + i, ORDER_HELD);
    }
    take(&order, 10 + ORDER_HELD_MOST, 9 + ORDER_HELD_MOST, ORDER_GIVE_UP);
    order_free(&order);
}

static void it_does_not_hold_the_largest_without_end(void **state) {
    static char payload[1 << 20];
    struct order order = {0};
    enum order_turn turn = ORDER_HELD;
    uint64_t offset = 10;
    (void)state;
    take(&order, 1, 0, ORDER_NOW);
    for (; turn == ORDER_HELD && offset < 100; offset++) {
        natsMsg *large = NULL;
        assert_int_equal(natsMsg_Create(&large, "x", NULL, payload, sizeof payload), NATS_OK);
        turn = order_take(&order, large, offset, offset - 1);
    }
    assert_int_equal(turn, ORDER_GIVE_UP);
    assert_int_equal(order.count, ORDER_BYTES_MOST / sizeof payload + 1);
    order_give_up(&order);
    assert_int_equal(next_all(&order), ORDER_BYTES_MOST / sizeof payload + 1);
    assert_int_equal(order.bytes, 0);
}

// Even messages need the library's threads.
static int start(void **state) {
    (void)state;
    return nats_Open(-1) == NATS_OK ? 0 : -1;
}

static int stop(void **state) {
    (void)state;
    return nats_CloseAndWait(5000) == NATS_OK ? 0 : -1;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_that_is_early_waits),
        cmocka_unit_test(what_does_not_come_is_given_up),
        cmocka_unit_test(it_does_not_hold_everything),
        cmocka_unit_test(it_does_not_hold_the_largest_without_end),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
