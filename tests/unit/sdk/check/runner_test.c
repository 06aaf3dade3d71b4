// SPDX-License-Identifier: MIT
// What becomes of a case's process: verdicts, crashes, time, and what it has written.
#include "check_case_fixture.h"

#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include "host/lend.h"
#include "host/peer.h"

static void nothing(struct check *check) {
    (void)check;
}

static void fails(struct check *check) {
    check_fail(check, "found %d, expected %d", 1, 2);
}

static void skips(struct check *check) {
    check_skip(check, "nobody is there");
}

static void warns(struct check *check) {
    check_warn(check, "first");
    check_warn(check, "second");
    check_figure(check, "lost", 0.5, "messages");
}

static void warns_and_fails(struct check *check) {
    check_warn(check, "a warning");
    check_fail(check, "a failure");
}

static void dies(struct check *check) {
    peer_open(check);
    raise(SIGABRT);
}

static void dies_of_a_breach(struct check *check) {
    check_breach(check, "complete was called twice");
    abort();
}

static void writes_anywhere(struct check *check) {
    memset(check->outcome, 0x5A, sizeof *check->outcome);
}

static void leaves(struct check *check) {
    (void)check;
    _exit(3);
}

static void prints(struct check *check) {
    (void)check;
    printf("hello\n");
}

static void prints_and_fails(struct check *check) {
    printf("hello\n");
    check_fail(check, "something else");
}

static const struct {
    void (*run)(struct check *check);
    enum verdict verdict;
    const char *text;
} ends[] = {
    {nothing, VERDICT_PASS, ""},
    {fails, VERDICT_FAIL, "found 1, expected 2"},
    {skips, VERDICT_SKIPPED, "nobody is there"},
    {warns, VERDICT_WARNING, "first"},
    {warns_and_fails, VERDICT_FAIL, "a failure"},
    {dies, VERDICT_CRASHED, "Aborted, after open"},
    {dies_of_a_breach, VERDICT_CRASHED, "after loading the plugin; before that, complete was called twice"},
    {writes_anywhere, VERDICT_CRASHED, "has written into memory of the kit"},
    {leaves, VERDICT_CRASHED, "ended with exit code 3, after loading the plugin"},
    {prints, VERDICT_FAIL, "wrote to stdout: \"hello\\u000a\""},
    {prints_and_fails, VERDICT_FAIL, "something else"},
};

static void every_end_has_its_verdict(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        struct outcome *outcome = run_case(ends[i].run);
        expect_outcome(outcome, ends[i].verdict, ends[i].text);
        outcome_free(outcome);
    }
}

static void figures_come_back(void **state) {
    (void)state;
    struct outcome *outcome = run_case(warns);
    assert_int_equal(outcome->figure_count, 1);
    assert_string_equal(outcome->figures[0].name, "lost");
    assert_string_equal(outcome->figures[0].unit, "messages");
    assert_true(outcome->figures[0].value == 0.5);
    outcome_free(outcome);
}

static void stands_still(struct check *check) {
    peer_open(check);
    for (;;) {
        pause();
    }
}

static void one_that_stands_still_is_killed(void **state) {
    (void)state;
    struct buf heard = {0};
    const struct check_case item = {"test", "stands still", stands_still, 0, 0, 1};
    setenv("WSHUB_CHECK_SCALE", "1", 1);
    struct outcome *outcome = run_this(&item, &heard);
    expect_outcome(outcome, VERDICT_CRASHED, "did not end within 1 s (after open)");
    assert_true(outcome->milliseconds >= 1000);
    outcome_free(outcome);
    buf_free(&heard);
}

static void says_much(struct check *check) {
    struct peer *peer = peer_open(check);
    for (int i = 0; i < 100000; i++) {
        fprintf(stderr, "line %d of %s\n", i, peer_instance_id(peer));
    }
}

static void the_last_of_stderr_is_kept(void **state) {
    (void)state;
    struct buf heard = {0};
    const struct check_case item = {"test", "says much", says_much, 0, 0, 0};
    struct outcome *outcome = run_this(&item, &heard);
    buf_append(&heard, "", 1);
    assert_int_equal(outcome->verdict, VERDICT_PASS);
    assert_non_null(strstr(heard.data, "line 99999 of one-"));
    assert_null(strstr(heard.data, "line 1 of"));
    outcome_free(outcome);
    buf_free(&heard);
}

static void leaves_a_grandchild(struct check *check) {
    pid_t group = getpgrp();
    check_figure(check, "group", (double)group, "");
    if (fork() == 0) {
        for (;;) {
            pause();
        }
    }
}

static void no_process_stays(void **state) {
    (void)state;
    struct outcome *outcome = run_case(leaves_a_grandchild);
    pid_t group = (pid_t)outcome->figures[0].value;
    assert_true(group > 1 && group != getpgrp());
    for (int i = 0; i < 5000 && kill(-group, 0) == 0; i++) { // killed; init has yet to bury it
        poll(NULL, 0, 1);
    }
    assert_int_equal(kill(-group, 0), -1);
    outcome_free(outcome);
}

// ---- what it needs ----

static void needs_are_named(void **state) {
    (void)state;
    const struct {
        struct check_case item;
        const char *text;
    } needs[] = {
        {{"a", "", nothing, WSHUB_BROKER_REGISTRY, 0, 0}, "the plugin does not claim WSHUB_BROKER_REGISTRY"},
        {{"b", "", nothing, 0, NEEDS_STOP, 0}, "the configuration does not say broker.stop"},
        {{"c", "", nothing, 0, NEEDS_PAUSE, 0}, "the configuration does not say broker.pause"},
        {{"d", "", nothing, 0, NEEDS_RESTART, 0}, "the configuration does not say broker.restart"},
        {{"e", "", nothing, 0, NEEDS_RELAY, 0}, "the configuration does not say broker.address"},
    };
    for (size_t i = 0; i < sizeof needs / sizeof *needs; i++) {
        struct buf heard = {0};
        struct outcome *outcome = run_this(&needs[i].item, &heard);
        expect_outcome(outcome, VERDICT_SKIPPED, needs[i].text);
        outcome_free(outcome);
        buf_free(&heard);
    }
}

// ---- randomness ----

static void tells_random(struct check *check) {
    check_figure(check, "random", (double)(check_random(check) >> 40), "");
}

static void one_seed_gives_one_run(void **state) {
    (void)state;
    struct outcome *first = run_case(tells_random), *second = run_case(tells_random);
    assert_true(first->figures[0].value == second->figures[0].value);
    assert_true(first->figures[0].value > 0);
    outcome_free(first);
    outcome_free(second);
}

// ---- faults ----

static void touches_lent_memory(struct check *check) {
    struct lent lent;
    peer_open(check);
    assert_true(lend_begin(&lent, 100, 1, true));
    volatile char *copy = lend_copy(&lent, "text", 4);
    assert_int_equal(copy[3], 't');
    lend_end(check, &lent, "publish");
    copy[0] = 'x';
}

static void lent_memory_is_named(void **state) {
    (void)state;
    if (!MEMORY_IS_OURS) {
        skip(); // the sanitizer says it in its own way
    }
    struct outcome *outcome = run_case(touches_lent_memory);
    expect_outcome(outcome, VERDICT_CRASHED, "Segmentation fault at address 0x");
    expect_outcome(
        outcome, VERDICT_CRASHED,
        "in memory that was lent to a slot: too late, behind its end, or to write there, after open");
    outcome_free(outcome);
}

static void writes_into_lent_memory(struct check *check) {
    char *first = NULL;
    for (int i = 0; i < 100; i++) {
        struct lent lent;
        assert_true(lend_begin(&lent, 100, 1, false));
        char *copy = lend_copy(&lent, "text", 4);
        first = first ? first : copy;
        lend_end(check, &lent, "publish");
        if (i == 0 && MEMORY_IS_OURS) {
            first[1] = 'x';
        }
    }
}

static void writing_into_lent_memory_is_found_out(void **state) {
    (void)state;
    if (!MEMORY_IS_OURS) {
        skip();
    }
    struct outcome *outcome = run_case(writes_into_lent_memory);
    expect_outcome(outcome, VERDICT_FAIL,
                   "memory that was lent to publish was written to after it had returned");
    outcome_free(outcome);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_end_has_its_verdict),
        cmocka_unit_test(figures_come_back),
        cmocka_unit_test(one_that_stands_still_is_killed),
        cmocka_unit_test(the_last_of_stderr_is_kept),
        cmocka_unit_test(no_process_stays),
        cmocka_unit_test(needs_are_named),
        cmocka_unit_test(one_seed_gives_one_run),
        cmocka_unit_test(lent_memory_is_named),
        cmocka_unit_test(writing_into_lent_memory_is_found_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
