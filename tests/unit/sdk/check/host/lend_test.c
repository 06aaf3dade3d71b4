// SPDX-License-Identifier: MIT
// Memory that is lent: whole while it is, worth nothing afterwards, and with an end.
#include "check_case_fixture.h"

#include "host/lend.h"
#include "wshub/wshub.h"

static void is_whole(struct check *check, bool strict) {
    struct lent lent;
    struct wshub_message message = {.struct_size = sizeof message, .offset = 7};
    if (!lend_begin(&lent, sizeof message + 5 + 0 + 5000, 4, strict)) {
        check_fail(check, "no memory");
    }
    char large[5000];
    memset(large, 'x', sizeof large);
    struct wshub_bytes text = lend_bytes(&lent, (struct wshub_bytes){"hello", 5});
    struct wshub_bytes none = lend_bytes(&lent, (struct wshub_bytes){NULL, 0});
    struct wshub_bytes much = lend_bytes(&lent, (struct wshub_bytes){large, sizeof large});
    const struct wshub_message *copy = lend_copy(&lent, &message, sizeof message);
    if (text.length != 5 || memcmp(text.data, "hello", 5) != 0 || none.length != 0 || !none.data ||
        memcmp(much.data, large, sizeof large) != 0 || copy->offset != 7 || (uintptr_t)copy % 8 != 0) {
        check_fail(check, "not what was lent");
    }
    lend_end(check, &lent, "publish");
}

static void lends_whole_things(struct check *check) {
    for (int i = 0; i < 1000; i++) {
        is_whole(check, i % 2);
    }
}

static void reads_on(struct check *check, bool strict) {
    struct lent lent;
    if (!lend_begin(&lent, 5, 1, strict)) {
        check_fail(check, "no memory");
    }
    struct wshub_bytes text = lend_bytes(&lent, (struct wshub_bytes){"hello", 5});
    const volatile char *byte = text.data;
    if (byte[5] == '\0') {
        check_fail(check, "it is terminated");
    }
    lend_end(check, &lent, "publish");
}

static void reads_on_strictly(struct check *check) {
    reads_on(check, true);
}

static void writes_strictly(struct check *check) {
    struct lent lent;
    if (!lend_begin(&lent, 5, 1, true)) {
        check_fail(check, "no memory");
    }
    *(volatile char *)lend_copy(&lent, "hello", 5) = 'j';
    lend_end(check, &lent, "publish");
}

static void reads_on_loosely(struct check *check) {
    reads_on(check, false);
}

// What went round the arena once must be as good as new.
static void lends_more_than_there_is(struct check *check) {
    static char large[16 << 20];
    large[0] = large[sizeof large - 1] = 'x';
    for (int i = 0; i < 100; i++) {
        struct lent lent;
        if (!lend_begin(&lent, sizeof large, 1, true)) {
            check_fail(check, "no memory for the %dth", i);
        }
        if (memcmp(lend_copy(&lent, large, sizeof large), large, sizeof large) != 0) {
            check_fail(check, "not what was lent");
        }
        lend_end(check, &lent, "publish");
    }
}

static const struct {
    void (*run)(struct check *check);
    enum verdict verdict;
    const char *text;
} cases[] = {
    {lends_whole_things, VERDICT_PASS, ""},       {reads_on_loosely, VERDICT_PASS, ""},
    {reads_on_strictly, VERDICT_CRASHED, ""},     {writes_strictly, VERDICT_CRASHED, ""},
    {lends_more_than_there_is, VERDICT_PASS, ""},
};

static void lends(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct outcome *outcome = run_case(cases[i].run);
        assert_int_equal(outcome->verdict, cases[i].verdict);
        assert_non_null(strstr(outcome->text, cases[i].text));
        outcome_free(outcome);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(lends)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
