// SPDX-License-Identifier: MIT
// What an answer of an auth plugin counts for: only an unspoilt yes to somebody lets anybody in.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "auth_fixture.h"
#include "scarce_memory.h"
#include "util/clock.h"

// ---- every status, of every slot, on every way

struct row {
    enum auth_slot slot;
    enum saying first, second; // what is identified before
    int said;
    int status; // what becomes of it
    enum auth_result result;
    const char *user; // the answer has this identity; NULL: none
    const char *why;  // the hub's explanation; NULL: none
};

#define WHO AUTH_SLOT_AUTHENTICATE
#define AGAIN AUTH_SLOT_REFRESH
#define MAY AUTH_SLOT_AUTHORIZE

static const char to_nobody[] = "the plugin said yes, but not to whom";
static const char too_long[] = "user has more than 255 bytes";
static const char expired[] = "the plugin said yes to an identity that has expired";
static const char passed[] = "the plugin passed where only authenticate may";
static const char unknown[] = "the plugin answered with an unknown status";

static const struct row rows[] = {
    {WHO, ANNA, NOTHING, WSHUB_OK, WSHUB_OK, AUTH_RESULT_YES, "anna", NULL},
    {WHO, ANNA, BERT, WSHUB_OK, WSHUB_OK, AUTH_RESULT_YES, "bert", NULL},
    {WHO, NOTHING, NOTHING, WSHUB_OK, WSHUB_INTERNAL, AUTH_RESULT_FAILED, NULL, to_nobody},
    {WHO, OVER, NOTHING, WSHUB_OK, WSHUB_EXPIRED, AUTH_RESULT_EXPIRED, NULL, expired},
    {WHO, TOO_LONG, NOTHING, WSHUB_OK, WSHUB_INTERNAL, AUTH_RESULT_FAILED, NULL, too_long},
    {WHO, ANNA, TOO_LONG, WSHUB_OK, WSHUB_INTERNAL, AUTH_RESULT_FAILED, NULL, too_long},
    {WHO, TOO_LONG, ANNA, WSHUB_OK, WSHUB_INTERNAL, AUTH_RESULT_FAILED, NULL, too_long},
    {WHO, NOTHING, NOTHING, WSHUB_DENIED, WSHUB_DENIED, AUTH_RESULT_NO, NULL, NULL},
    {WHO, ANNA, NOTHING, WSHUB_DENIED, WSHUB_DENIED, AUTH_RESULT_NO, NULL, NULL},
    {WHO, ANNA, NOTHING, WSHUB_EXPIRED, WSHUB_EXPIRED, AUTH_RESULT_EXPIRED, NULL, NULL},
    {WHO, ANNA, NOTHING, WSHUB_PASS, WSHUB_PASS, AUTH_RESULT_PASS, NULL, NULL},
    {WHO, ANNA, NOTHING, WSHUB_UNAVAILABLE, WSHUB_UNAVAILABLE, AUTH_RESULT_FAILED, NULL, NULL},
    {WHO, ANNA, NOTHING, WSHUB_NOT_FOUND, WSHUB_NOT_FOUND, AUTH_RESULT_FAILED, NULL, NULL},
    {WHO, ANNA, NOTHING, WSHUB_TIMEOUT, WSHUB_TIMEOUT, AUTH_RESULT_TIMED_OUT, NULL, NULL},
    {WHO, ANNA, NOTHING, 1, WSHUB_INTERNAL, AUTH_RESULT_FAILED, NULL, unknown},
    {WHO, ANNA, NOTHING, WSHUB_EXPIRED - 1, WSHUB_INTERNAL, AUTH_RESULT_FAILED, NULL, unknown},
    {AGAIN, ANNA, NOTHING, WSHUB_OK, WSHUB_OK, AUTH_RESULT_YES, "anna", NULL},
    {AGAIN, NOTHING, NOTHING, WSHUB_OK, WSHUB_INTERNAL, AUTH_RESULT_FAILED, NULL, to_nobody},
    {AGAIN, OVER, NOTHING, WSHUB_OK, WSHUB_EXPIRED, AUTH_RESULT_EXPIRED, NULL, expired},
    {AGAIN, ANNA, NOTHING, WSHUB_DENIED, WSHUB_DENIED, AUTH_RESULT_NO, NULL, NULL},
    {AGAIN, ANNA, NOTHING, WSHUB_PASS, WSHUB_INTERNAL, AUTH_RESULT_FAILED, NULL, passed},
    {MAY, NOTHING, NOTHING, WSHUB_OK, WSHUB_OK, AUTH_RESULT_YES, NULL, NULL},
    {MAY, ANNA, NOTHING, WSHUB_OK, WSHUB_OK, AUTH_RESULT_YES, NULL, NULL},
    {MAY, NOTHING, NOTHING, WSHUB_DENIED, WSHUB_DENIED, AUTH_RESULT_NO, NULL, NULL},
    {MAY, NOTHING, NOTHING, WSHUB_PASS, WSHUB_INTERNAL, AUTH_RESULT_FAILED, NULL, passed},
    {MAY, NOTHING, NOTHING, WSHUB_INTERNAL, WSHUB_INTERNAL, AUTH_RESULT_FAILED, NULL, NULL},
    {MAY, NOTHING, NOTHING, 5, WSHUB_INTERNAL, AUTH_RESULT_FAILED, NULL, unknown},
};

static const struct row *row; // that the plugin follows

static void say_who(struct fixture *f, wshub_token token) {
    const enum saying whom[] = {row->first, row->second};
    for (int i = 0; i < 2; i++) {
        if (whom[i] != NOTHING) {
            assert_int_equal(identify(f, token, whom[i]), whom[i] == TOO_LONG ? WSHUB_INVALID : WSHUB_OK);
        }
    }
}

static int completes_within(struct fixture *f, wshub_token token) {
    say_who(f, token);
    complete(f, token, row->said);
    return WSHUB_OK;
}

static int returns_it(struct fixture *f, wshub_token token) {
    say_who(f, token);
    return row->said;
}

static void *complete_from_thread(void *context) {
    struct fixture *f = context;
    say_who(f, f->token);
    complete(f, f->token, row->said);
    return NULL;
}

enum way { WITHIN, RETURNED, LATER, FROM_THREAD, WAYS };

static bool was_answered(void *context) {
    return ((struct fixture *)context)->answers > 0;
}

static void ask_by_row(struct fixture *f, enum way way) {
    f->on_slot = way == WITHIN ? completes_within : way == RETURNED ? returns_it : NULL;
    ask(f, row->slot);
    if (way == LATER) {
        assert_int_equal(f->answers, 0);
        completes_within(f, f->token);
    } else if (way == FROM_THREAD) {
        pthread_t thread;
        assert_int_equal(pthread_create(&thread, NULL, complete_from_thread, f), 0);
        run_until(f->loop, was_answered, f);
        pthread_join(thread, NULL);
    }
    assert_int_equal(f->answers, 1);
}

static void check_row(struct fixture *f) {
    assert_int_equal(f->slot, row->slot);
    assert_ptr_equal(f->shown, row->slot == MAY ? (const void *)&operation : &request);
    assert_int_equal(f->answer.status, row->status);
    if (row->user) {
        assert_user(f, row->user);
    } else {
        assert_null(f->answer.identity);
    }
    assert_int_equal(f->answer.explained, row->why != NULL);
    assert_string_equal(f->answer.explanation, row->why ? row->why : "");
    for (enum auth_result result = 0; result < AUTH_RESULTS; result++) {
        assert_int_equal(result_count(f, row->slot, result), result == row->result);
    }
    assert_int_equal(counter_get(&auth_stats(f->auth)->in_flight), 0);
    assert_int_equal(counter_get(&auth_stats(f->auth)->stray_completions), 0);
    assert_int_equal(counter_get(&auth_stats(f->auth)->late_completions), 0);
}

static void only_an_unspoilt_yes_to_somebody_is_one(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        for (enum way way = 0; way < WAYS; way++) {
            struct fixture f;
            row = &rows[i];
            if (way == RETURNED && row->said == WSHUB_OK) {
                continue; // that is no answer yet
            }
            set_up(&f);
            ask_by_row(&f, way);
            check_row(&f);
            tear_down(&f);
        }
    }
}

// ---- slots that are not there

static int passes(struct fixture *f, wshub_token token) {
    (void)f, (void)token;
    return WSHUB_PASS;
}

static void without_refresh_authenticate_is_asked(void **state) {
    struct fixture f;
    (void)state;
    prepare(&f);
    f.table.refresh = NULL;
    open_auth(&f, LONG);
    ask(&f, AGAIN);
    assert_int_equal(f.slot, WHO);
    identify(&f, f.token, ANNA);
    complete(&f, f.token, WSHUB_OK);
    assert_int_equal(f.answer.status, WSHUB_OK);
    assert_user(&f, "anna");
    assert_int_equal(result_count(&f, AGAIN, AUTH_RESULT_YES), 1);
    f.on_slot = passes; // it cannot know that it is asked for a refresh
    ask(&f, AGAIN);
    assert_int_equal(f.answer.status, WSHUB_DENIED);
    assert_string_equal(f.answer.explanation, "the token is none of this plugin's");
    tear_down(&f);
}

static void without_authorize_the_answer_is_no(void **state) {
    struct fixture f;
    (void)state;
    prepare(&f);
    f.table.authorize = NULL;
    f.table.reload = NULL;
    open_auth(&f, LONG);
    ask(&f, MAY);
    assert_int_equal(f.answer.status, WSHUB_DENIED);
    assert_string_equal(f.answer.explanation, "the plugin has no authorize");
    assert_int_equal(f.calls, 0);
    auth_reload(f.auth); // nothing to do
    tear_down(&f);
}

static void reload_is_passed_on(void **state) {
    struct fixture f;
    (void)state;
    set_up(&f);
    auth_reload(f.auth);
    auth_reload(f.auth);
    assert_int_equal(f.reloads, 2);
    tear_down(&f);
}

// ---- explanations

static void the_first_line_of_the_last_explanation_is_kept(void **state) {
    struct fixture f;
    char text[1000];
    (void)state;
    set_up(&f);
    ask(&f, WHO);
    explain(&f, f.token, "not this");
    explain(&f, f.token, "signature does not fit\nand more");
    explain(&f, f.token, "");
    explain(&f, f.token, "\nno first line");
    explain(&f, f.token, NULL);
    complete(&f, f.token, WSHUB_DENIED);
    assert_string_equal(f.answer.explanation, "signature does not fit");
    memset(text, 'x', sizeof text);
    text[sizeof text - 1] = '\0';
    ask(&f, WHO);
    explain(&f, f.token, text);
    memset(text, 'y', sizeof text);
    complete(&f, f.token, WSHUB_DENIED);
    assert_int_equal(strlen(f.answer.explanation), 500);
    assert_int_equal(strspn(f.answer.explanation, "x"), 500);
    tear_down(&f);
}

// What the hub has to say counts more: it is about what became of the answer.
static void the_hub_explains_what_it_has_changed(void **state) {
    struct fixture f;
    (void)state;
    set_up(&f);
    ask(&f, WHO);
    explain(&f, f.token, "all is well");
    complete(&f, f.token, WSHUB_OK);
    assert_int_equal(f.answer.status, WSHUB_INTERNAL);
    assert_string_equal(f.answer.explanation, to_nobody);
    ask(&f, WHO); // nothing of it is left
    complete(&f, f.token, WSHUB_DENIED);
    assert_false(f.answer.explained);
    tear_down(&f);
}

static void a_broken_rule_is_logged_once(void **state) {
    struct fixture f;
    (void)state;
    set_up(&f);
    for (int i = 0; i < 3; i++) {
        ask(&f, WHO);
        assert_int_equal(identify(&f, f.token, TOO_LONG), WSHUB_INVALID);
        complete(&f, f.token, WSHUB_OK);
        assert_string_equal(f.answer.explanation, too_long);
    }
    assert_int_equal(count_logged(&f, "\"auth plugin told an identity that breaks the rules of "
                                      "wshub/auth.h: it lets nobody in\" auth=staff reason=\"user has more "
                                      "than 255 bytes\""),
                     1);
    tear_down(&f);
}

// ---- tokens

static void a_token_is_good_for_one_completion(void **state) {
    struct fixture f;
    (void)state;
    set_up(&f);
    ask(&f, WHO);
    wshub_token token = f.token;
    complete(&f, token, WSHUB_DENIED);
    identify(&f, token, ANNA);
    complete(&f, token, WSHUB_OK); // twice
    ask(&f, WHO);
    assert_true(f.token != token);
    identify(&f, token, ANNA); // of the one before, in the same place
    complete(&f, token, WSHUB_OK);
    complete(&f, 0, WSHUB_OK);
    complete(&f, 77, WSHUB_OK); // never given out
    complete(&f, UINT64_MAX, WSHUB_OK);
    assert_int_equal(f.answers, 1);
    assert_int_equal(counter_get(&auth_stats(f.auth)->stray_completions), 5);
    assert_int_equal(count_logged(&f, "auth plugin completed a decision twice, or an unknown one; further "
                                      "ones are only counted\" auth=staff"),
                     1);
    complete(&f, f.token, WSHUB_OK); // what was told went nowhere
    assert_int_equal(f.answer.status, WSHUB_INTERNAL);
    assert_null(f.answer.identity);
    tear_down(&f);
}

static int completes_and_refuses(struct fixture *f, wshub_token token) {
    complete(f, token, WSHUB_DENIED);
    return WSHUB_UNAVAILABLE;
}

static void a_slot_that_completes_must_not_answer_otherwise(void **state) {
    struct fixture f;
    (void)state;
    set_up(&f);
    f.on_slot = completes_and_refuses;
    ask(&f, WHO);
    assert_int_equal(f.answers, 1);
    assert_int_equal(f.answer.status, WSHUB_DENIED);
    assert_int_equal(counter_get(&auth_stats(f.auth)->stray_completions), 1);
    tear_down(&f);
}

// The answer to one makes another call, within the slot of the first.
static void an_answer_may_ask_again(void **state) {
    struct fixture f;
    static const struct row denied = {.said = WSHUB_DENIED};
    (void)state;
    set_up(&f);
    row = &denied;
    f.on_slot = completes_within;
    f.asks_again = true;
    ask(&f, WHO);
    assert_int_equal(f.answers, 2);
    assert_int_equal(f.calls, 2);
    assert_int_equal(counter_get(&auth_stats(f.auth)->stray_completions), 0);
    tear_down(&f);
}

// ---- bounds

enum { MOST = 10000 };

static void what_is_in_flight_is_bounded(void **state) {
    struct fixture f;
    (void)state;
    set_up(&f);
    for (int i = 0; i < MOST; i++) {
        ask(&f, i % 2 ? WHO : MAY);
    }
    assert_int_equal(counter_get(&auth_stats(f.auth)->in_flight), MOST);
    assert_int_equal(f.answers, 0);
    for (int i = 0; i < 2; i++) {
        ask(&f, WHO);
        assert_int_equal(f.answer.status, WSHUB_UNAVAILABLE);
        assert_string_equal(f.answer.explanation, "too many decisions are under way");
    }
    assert_int_equal(f.calls, MOST); // it was not asked
    assert_int_equal(f.answers, 2);
    assert_int_equal(result_count(&f, WHO, AUTH_RESULT_FAILED), 2);
    complete(&f, f.token, WSHUB_DENIED);
    ask(&f, WHO); // there is room again
    assert_int_equal(f.calls, MOST + 1);
    assert_int_equal(f.answers, 3);
    tear_down(&f);
    assert_int_equal(f.answers, MOST + 3);
}

static uint64_t sum_of_buckets(const struct fixture *f, enum auth_slot slot) {
    uint64_t sum = 0;
    for (int i = 0; i < AUTH_BUCKETS; i++) {
        sum += counter_get(&auth_stats(f->auth)->slots[slot].buckets[i]);
    }
    return sum;
}

static void time_is_measured_until_the_answer(void **state) {
    struct fixture f;
    (void)state;
    set_up(&f);
    ask(&f, MAY);
    assert_int_equal(counter_get(&auth_stats(f.auth)->in_flight), 1);
    for (uint64_t began = clock_ns(); clock_ns() - began < 6000000;) {
    }
    complete(&f, f.token, WSHUB_OK);
    const counter *buckets = auth_stats(f.auth)->slots[MAY].buckets;
    assert_true(counter_get(&auth_stats(f.auth)->slots[MAY].nanoseconds) >= 6000000);
    assert_int_equal(sum_of_buckets(&f, MAY), 1);
    assert_int_equal(sum_of_buckets(&f, WHO), 0);
    for (int i = 0; i < 4; i++) { // below 5 ms
        assert_int_equal(counter_get(&buckets[i]), 0);
    }
    assert_true(auth_bucket_bounds[3] == 0.005);
    assert_string_equal(auth_slot_names[MAY], "authorize");
    assert_string_equal(auth_result_names[AUTH_RESULT_TIMED_OUT], "timed_out");
    tear_down(&f);
}

static void without_memory_nobody_is_let_in(void **state) {
    struct fixture f;
    (void)state;
    if (!SCARCE_MEMORY) {
        skip();
    }
    set_up(&f);
    memory_allowed = 0;
    ask(&f, WHO);
    memory_allowed = SIZE_MAX;
    assert_int_equal(f.answer.status, WSHUB_NO_MEMORY);
    assert_int_equal(f.calls, 0);
    ask(&f, WHO);
    identify(&f, f.token, ANNA);
    memory_allowed = 0;
    assert_int_equal(identify(&f, f.token, BERT), WSHUB_NO_MEMORY);
    explain(&f, f.token, "it is bert");
    memory_allowed = SIZE_MAX;
    complete(&f, f.token, WSHUB_OK);
    assert_int_equal(f.answer.status, WSHUB_INTERNAL);
    assert_string_equal(f.answer.explanation, "there was no memory for its identity");
    assert_int_equal(result_count(&f, WHO, AUTH_RESULT_FAILED), 2);
    tear_down(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_an_unspoilt_yes_to_somebody_is_one),
        cmocka_unit_test(without_refresh_authenticate_is_asked),
        cmocka_unit_test(without_authorize_the_answer_is_no),
        cmocka_unit_test(reload_is_passed_on),
        cmocka_unit_test(the_first_line_of_the_last_explanation_is_kept),
        cmocka_unit_test(the_hub_explains_what_it_has_changed),
        cmocka_unit_test(a_broken_rule_is_logged_once),
        cmocka_unit_test(a_token_is_good_for_one_completion),
        cmocka_unit_test(a_slot_that_completes_must_not_answer_otherwise),
        cmocka_unit_test(an_answer_may_ask_again),
        cmocka_unit_test(what_is_in_flight_is_bounded),
        cmocka_unit_test(time_is_measured_until_the_answer),
        cmocka_unit_test(without_memory_nobody_is_let_in),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
