// SPDX-License-Identifier: MIT
#include "unconfirmed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct job *push(struct unconfirmed *unconfirmed, enum job_kind kind, const char *channel) {
    const struct wshub_message message = {.struct_size = sizeof message,
                                          .channel = {channel, strlen(channel)}};
    struct job *job = job_new(kind, 0, &message);
    assert_non_null(job);
    unconfirmed_push(unconfirmed, job);
    return job;
}

static void they_come_back_behind_their_fence_in_order(void **state) {
    struct unconfirmed unconfirmed = {0};
    (void)state;
    struct job *a = push(&unconfirmed, JOB_PUBLISH, "a"), *b = push(&unconfirmed, JOB_SUBSCRIBE, "b");
    unconfirmed_seal(&unconfirmed, 1);
    struct job *c = push(&unconfirmed, JOB_PUBLISH, "c");
    assert_null(unconfirmed_pop(&unconfirmed, 0));
    assert_ptr_equal(unconfirmed_pop(&unconfirmed, 1), a);
    assert_ptr_equal(unconfirmed_pop(&unconfirmed, 1), b);
    assert_null(unconfirmed_pop(&unconfirmed, 1));
    unconfirmed_seal(&unconfirmed, 2);
    assert_ptr_equal(unconfirmed_pop(&unconfirmed, 5), c);
    assert_null(unconfirmed.last);
    struct job *d = push(&unconfirmed, JOB_PUBLISH, "d");
    assert_ptr_equal(unconfirmed_pop(&unconfirmed, UINT64_MAX), d); // though no fence stands behind it
    assert_null(unconfirmed.open);
    struct job *all[] = {a, b, c, d};
    for (size_t i = 0; i < 4; i++) {
        job_free(all[i]);
    }
}

static void words_mean_the_first_that_they_fit(void **state) {
    static const char words[] = "Permissions Violation for Publish to \"p.x\"";
    struct unconfirmed unconfirmed = {0};
    (void)state;
    struct job *subscribe = push(&unconfirmed, JOB_SUBSCRIBE, "x"),
               *longer = push(&unconfirmed, JOB_PUBLISH, "xy"), *first = push(&unconfirmed, JOB_PUBLISH, "x"),
               *second = push(&unconfirmed, JOB_PUBLISH, "x");
    unconfirmed_seal(&unconfirmed, 1);
    assert_true(unconfirmed_deny(&unconfirmed, "p.", words));
    assert_true(first->denied);
    assert_false(second->denied || subscribe->denied || longer->denied);
    assert_true(unconfirmed_deny(&unconfirmed, "p.", words));
    assert_true(second->denied);
    assert_false(unconfirmed_deny(&unconfirmed, "p.", words));
    for (struct job *job; (job = unconfirmed_pop(&unconfirmed, 1));) {
        job_free(job);
    }
}

static void words_that_were_cut_off_fit_by_their_beginning(void **state) {
    char subject[300], words[256];
    (void)state;
    memset(subject, 'x', sizeof subject - 1);
    subject[sizeof subject - 1] = 0;
    snprintf(words, sizeof words, "Permissions Violation for Subscription to \"%.200s", subject);
    assert_false(denial_names(words, false, subject)); // it is all that the server said
    memset(words + strlen(words), 'x', sizeof words - 1 - strlen(words));
    words[255] = 0;
    assert_true(denial_names(words, false, subject));
    assert_false(denial_names(words, true, subject));
    assert_false(denial_names("something else", true, subject));
    assert_true(
        denial_names("Permissions Violation for Subscription to \"a.b\" using queue \"q\"", false, "a.b"));
}

// What the server cannot print it escapes, as Go's %q does.
static void words_are_quoted(void **state) {
    static const struct {
        const char *quoted, *subject;
    } table[] = {
        {"p.a\\u00a0b", "p.a\xc2\xa0"
                        "b"},
        {"p.\\u200b", "p.\xe2\x80\x8b"},
        {"p.\\U000e0001x", "p.\xf3\xa0\x80\x81x"},
        {"p.\\xff.", "p.\xff."},
        {"p.\xc3\xa9", "p.\xc3\xa9"},
    };
    char words[256];
    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        snprintf(words, sizeof words, "Permissions Violation for Publish to \"%s\"", table[i].quoted);
        assert_true(denial_names(words, true, table[i].subject));
        assert_false(denial_names(words, true, table[(i + 1) % 5].subject));
        assert_false(denial_names(words, true, table[i].quoted) && i < 4);
    }
    assert_false(denial_names("Publish to \"p.\\q\"", true, "p.q"));
    assert_false(denial_names("Publish to \"p.\\", true, "p."));
    assert_false(denial_names("Publish to \"p.\\u00a", true, "p."));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_are_quoted),
        cmocka_unit_test(they_come_back_behind_their_fence_in_order),
        cmocka_unit_test(words_mean_the_first_that_they_fit),
        cmocka_unit_test(words_that_were_cut_off_fit_by_their_beginning),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
