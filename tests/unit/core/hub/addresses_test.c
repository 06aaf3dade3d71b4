// SPDX-License-Identifier: MIT
#include <arpa/inet.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "hub/addresses.h"
#include "scarce_memory.h"

static struct in6_addr address(const char *text) {
    struct in6_addr out;
    assert_int_equal(inet_pton(AF_INET6, text, &out), 1);
    return out;
}

static void each_address_has_its_share(void **state) {
    struct address_table *table = addresses_new(2, 1);
    struct in6_addr a = address("::ffff:192.0.2.1"), b = address("2001:db8::1");
    (void)state;
    assert_non_null(table);
    assert_true(addresses_take(table, &a, ADDRESS_WEBSOCKET));
    assert_true(addresses_take(table, &a, ADDRESS_WEBSOCKET));
    assert_false(addresses_take(table, &a, ADDRESS_WEBSOCKET));
    assert_true(addresses_take(table, &b, ADDRESS_WEBSOCKET));
    addresses_release(table, &a, ADDRESS_WEBSOCKET);
    assert_true(addresses_take(table, &a, ADDRESS_WEBSOCKET));
    assert_false(addresses_take(table, &a, ADDRESS_WEBSOCKET));
    addresses_free(table); // with some still counted
}

static void what_was_released_is_forgotten(void **state) {
    struct address_table *table = addresses_new(1, 1);
    (void)state;
    for (int i = 0; i < 1000; i++) {
        struct in6_addr a = address("2001:db8::");
        a.s6_addr[14] = (uint8_t)(i >> 8);
        a.s6_addr[15] = (uint8_t)i;
        assert_true(addresses_take(table, &a, ADDRESS_WEBSOCKET));
        assert_false(addresses_take(table, &a, ADDRESS_WEBSOCKET));
        addresses_release(table, &a, ADDRESS_WEBSOCKET);
        addresses_release(table, &a, ADDRESS_WEBSOCKET); // once too often: nobody's share grows
        assert_true(addresses_take(table, &a, ADDRESS_WEBSOCKET));
        assert_false(addresses_take(table, &a, ADDRESS_WEBSOCKET));
        addresses_release(table, &a, ADDRESS_WEBSOCKET);
    }
    addresses_free(table);
}

static void no_table_is_fine(void **state) {
    (void)state;
    addresses_free(NULL);
}

enum { THREADS = 4, TURNS = 20000, LIMIT = 3 };

struct contest {
    struct address_table *table;
    struct in6_addr address;
    uint64_t taken;
};

static void *take_and_release(void *context) {
    struct contest *contest = context;
    for (int i = 0; i < TURNS || contest->taken == 0; i++) { // others may hold all of it, and not be running
        if (addresses_take(contest->table, &contest->address, ADDRESS_WEBSOCKET)) {
            contest->taken++;
            addresses_release(contest->table, &contest->address, ADDRESS_WEBSOCKET);
        }
    }
    return NULL;
}

static void threads_may_contend(void **state) {
    struct address_table *table = addresses_new(LIMIT, 1);
    struct in6_addr a = address("2001:db8::2");
    struct contest contests[THREADS];
    pthread_t threads[THREADS];
    (void)state;
    for (int i = 0; i < THREADS; i++) {
        contests[i] = (struct contest){table, a, 0};
        assert_int_equal(pthread_create(&threads[i], NULL, take_and_release, &contests[i]), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
    for (int i = 0; i < LIMIT; i++) {
        assert_true(addresses_take(table, &a, ADDRESS_WEBSOCKET)); // nothing was left behind
    }
    assert_false(addresses_take(table, &a, ADDRESS_WEBSOCKET));
    addresses_free(table);
}

static void without_memory_nobody_is_let_in(void **state) {
    struct in6_addr a = address("2001:db8::3");
    (void)state;
    if (!SCARCE_MEMORY) {
        skip();
    }
    memory_allowed = 0;
    assert_null(addresses_new(1, 1));
    memory_allowed = SIZE_MAX;
    struct address_table *table = addresses_new(1, 1);
    for (size_t allowed = 0;; allowed++) {
        memory_allowed = allowed;
        bool taken = addresses_take(table, &a, ADDRESS_WEBSOCKET);
        memory_allowed = SIZE_MAX;
        if (taken) {
            assert_true(allowed > 0);
            break;
        }
        addresses_release(table, &a, ADDRESS_WEBSOCKET); // nothing there
    }
    assert_false(addresses_take(table, &a, ADDRESS_WEBSOCKET));
    addresses_free(table);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_address_has_its_share),
        cmocka_unit_test(what_was_released_is_forgotten),
        cmocka_unit_test(no_table_is_fine),
        cmocka_unit_test(threads_may_contend),
        cmocka_unit_test(without_memory_nobody_is_let_in),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
