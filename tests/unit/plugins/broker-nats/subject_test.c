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
        length = length > SUBJECT_KEY_MOST ? SUBJECT_KEY_MOST : length;
        subject_write_key(key, "p.", (struct wshub_bytes){name, length});
        assert_subject(key);
        assert_true(subject_read_key(key, 2, back, &got));
        assert_int_equal(got, length);
        assert_memory_equal(name, back, length);
    }
}

static const char *written_key(const char *key) {
    static char subject[SUBJECT_SIZE];
    subject_write_key(subject, "kv.", (struct wshub_bytes){key, strlen(key)});
    return subject;
}

static void a_key_ends_tokens_where_lists_end(void **state) {
    (void)state;
    assert_string_equal(written_key("plain"), "kv.plain");
    assert_string_equal(written_key("ws:instance:a.b"), "kv.ws.instance.a=2Eb");
    assert_string_equal(written_key("ws:presence:4f2c/9be1"), "kv.ws.presence.4f2c./.9be1");
    assert_string_equal(written_key("a/"), "kv.a./.=");
    assert_string_equal(written_key(":/:"), "kv.=.=./.=.=");
    assert_string_equal(written_key("="), "kv.=3D");
}

static const char *written_keys(const char *part) {
    static char subject[SUBJECT_SIZE];
    subject_write_keys(subject, "kv.", (struct wshub_bytes){part, strlen(part)});
    return subject;
}

static void a_list_asks_for_what_it_finds(void **state) {
    (void)state;
    assert_string_equal(written_keys(""), "kv.>");
    assert_string_equal(written_keys("ws"), "kv.>");
    assert_string_equal(written_keys("ws:instance:"), "kv.ws.instance.>");
    assert_string_equal(written_keys("ws:instance:a"), "kv.ws.instance.>");
    assert_string_equal(written_keys("ws:presence:4f2c/"), "kv.ws.presence.4f2c./.>");
    assert_string_equal(written_keys("/"), "kv.=./.>");
}

static bool fits(const char *subject, const char *filter) {
    const size_t length = strlen(filter) - 1; // before the '>'
    return strncmp(subject, filter, length) == 0 && subject[length];
}

// Whatever begins with what is asked for fits; with a group, nothing else does.
static void every_key_fits_its_beginnings(void **state) {
    enum { ROUNDS = 50000, MOST = 6 };
    unsigned seed = 11;
    (void)state;
    for (unsigned i = 0; i < ROUNDS; i++) {
        static const char some[] = "ab:/:/=.";
        char key[MOST], part[MOST], subject[SUBJECT_SIZE], filter[SUBJECT_SIZE];
        const size_t length = 1 + next_random(&seed) % MOST, begins = next_random(&seed) % MOST;
        for (size_t at = 0; at < MOST; at++) {
            key[at] = some[next_random(&seed) % (sizeof some - 1)];
            part[at] = i % 2 ? key[at] : some[next_random(&seed) % (sizeof some - 1)];
        }
        subject_write_key(subject, "p.", (struct wshub_bytes){key, length});
        subject_write_keys(filter, "p.", (struct wshub_bytes){part, begins});
        const bool is_there = begins <= length && memcmp(key, part, begins) == 0;
        assert_true(!is_there || fits(subject, filter));
        if (begins && part[begins - 1] == '/') {
            assert_int_equal(fits(subject, filter), is_there);
        }
    }
}

static void a_stored_subject_has_an_epoch(void **state) {
    static const char head[] = "wshub" SUBJECT_HISTORY;
    static const char *const none[] = {"", "wshub_history.", "wshub_history.1_2", "wshub_history.1_2.abc",
                                       "wshub.a.b.c.d"};
    (void)state;
    const struct wshub_bytes epoch = subject_epoch("wshub_history.100_60000.4f2c.chat.room", head);
    assert_int_equal(epoch.length, 4);
    assert_memory_equal(epoch.data, "4f2c", 4);
    for (size_t i = 0; i < sizeof none / sizeof *none; i++) {
        assert_int_equal(subject_epoch(none[i], head).length, 0);
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
    static const char *const wrong_keys[] = {"p.a.",    "p.=",     "p.a:b", "p.a/b",
                                             "p.a=3Ab", "p.a=2Fb", "p./.a", "p.a./"};
    for (size_t i = 0; i < sizeof wrong_keys / sizeof *wrong_keys; i++) {
        assert_false(subject_read_key(wrong_keys[i], 2, name, &length));
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
        cmocka_unit_test(a_key_ends_tokens_where_lists_end),
        cmocka_unit_test(a_list_asks_for_what_it_finds),
        cmocka_unit_test(every_key_fits_its_beginnings),
        cmocka_unit_test(a_stored_subject_has_an_epoch),
        cmocka_unit_test(what_it_has_not_made_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
