// SPDX-License-Identifier: MIT
#include "subject.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char *written(const char *name) {
    static char subject[SUBJECT_SIZE];
    const size_t length = subject_write(subject, "wshub.", (struct wshub_bytes){name, strlen(name)});
    assert_int_equal(length, strlen(subject));
    return subject;
}

static void plain_names_are_readable(void **state) {
    (void)state;
    assert_string_equal(written("chat:room:1"), "wshub.chat:room:1");
    assert_string_equal(written("ticks.EURUSD"), "wshub.ticks.EURUSD");
    assert_string_equal(written("caf\xc3\xa9"), "wshub.caf\xc3\xa9");
    assert_string_equal(written("$wshub:probe:x"), "wshub.$wshub:probe:x");
}

static void what_means_something_to_nats_does_not(void **state) {
    (void)state;
    assert_string_equal(written("*"), "wshub.%2A");
    assert_string_equal(written(">"), "wshub.%3E");
    assert_string_equal(written("a b"), "wshub.a%20b");
    assert_string_equal(written("100%"), "wshub.100%25");
    assert_string_equal(written("."), "wshub.%2E");
    assert_string_equal(written(".a..b."), "wshub.%2Ea.%2Eb%2E");
    assert_string_equal(written("a\"b\\c"), "wshub.a%22b%5Cc");
}

// No token is empty or a wildcard, nothing is a blank: else it is no subject to publish to.
static void assert_subject(const char *subject) {
    const char *token = subject;
    for (;; token = strchr(token, '.') + 1) {
        size_t length = strcspn(token, ".");
        assert_true(length > 0);
        assert_false(length == 1 && (*token == '*' || *token == '>'));
        if (!strchr(token, '.')) {
            break;
        }
    }
    assert_int_equal(strcspn(subject, " \t\r\n\f\"\\"), strlen(subject));
}

static unsigned next_random(unsigned *seed) {
    *seed = *seed * 1103515245 + 12345;
    return *seed >> 16;
}

static void every_name_comes_back(void **state) {
    enum { ROUNDS = 200000 };
    unsigned seed = 7;
    (void)state;
    for (unsigned i = 0; i < ROUNDS; i++) {
        static const char some[] = "..**>> %%2EA\"\\a\x01\x7f\xc3\xff";
        char name[SUBJECT_NAME_MOST], back[SUBJECT_NAME_MOST], subject[SUBJECT_SIZE], key[SUBJECT_SIZE];
        size_t length = 1 + next_random(&seed) % (i % 100 == 0 ? 255 : 6), got;
        for (size_t at = 0; at < length; at++) {
            name[at] =
                i % 2 ? some[next_random(&seed) % (sizeof some - 1)] : (char)(1 + next_random(&seed) % 255);
        }
        subject_write(subject, "p.", (struct wshub_bytes){name, length});
        assert_subject(subject);
        assert_true(subject_read(subject, 2, back, &got));
        assert_int_equal(got, length);
        assert_memory_equal(name, back, length);
        subject_write_key(key, "p.", (struct wshub_bytes){name, length});
        assert_subject(key);
        assert_null(strchr(key + 2, '.'));
        assert_true(subject_read_key(key, 2, back, &got));
        assert_int_equal(got, length);
        assert_memory_equal(name, back, length);
    }
}

static void what_it_has_not_made_is_refused(void **state) {
    static const char *const wrong[] = {"p.", "p.%", "p.%2", "p.%zz", "p.a%2"};
    char name[SUBJECT_NAME_MOST], longest[2 + 256 + 1] = "p.";
    size_t length;
    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        assert_false(subject_read(wrong[i], 2, name, &length));
    }
    memset(longest + 2, 'x', 256);
    assert_false(subject_read(longest, 2, name, &length));
    longest[2 + 255] = 0;
    assert_true(subject_read(longest, 2, name, &length));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_names_are_readable),
        cmocka_unit_test(what_means_something_to_nats_does_not),
        cmocka_unit_test(every_name_comes_back),
        cmocka_unit_test(what_it_has_not_made_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
