// SPDX-License-Identifier: MIT
// An auth plugin over time: its services, deadlines, threads, slots that take too long, and its end.
// ThreadSanitizer runs this.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "auth_fixture.h"
#include "fake_plugin.h"
#include "util/clock.h"

enum { SHORT = 1, THREADS = 4, TURNS = 500 };

#define WHO AUTH_SLOT_AUTHENTICATE
#define MAY AUTH_SLOT_AUTHORIZE

static void burn(uint64_t milliseconds) {
    for (uint64_t began = clock_ns(); clock_ns() - began < milliseconds * 1000000;) {
    }
}

// ---- opening

static void its_host_has_what_is_for_auth_plugins(void **state) {
    struct fixture f;
    (void)state;
    set_up(&f);
    assert_int_equal(f.host->struct_size, sizeof *f.host);
    assert_int_equal(f.host->abi_minor, WSHUB_ABI_MINOR);
    assert_string_equal(f.host->instance_id, "me");
    assert_string_equal(f.host->name, "staff");
    assert_string_equal(auth_name(f.auth), "staff");
    assert_int_equal(f.host->timeout, LONG);
    assert_non_null(f.host->identify);
    assert_non_null(f.host->explain);
    assert_null(f.host->deliver);
    assert_null(f.host->entry);
    assert_null(f.host->link);
    assert_null(f.host->lose);
    assert_null(f.host->message);
    assert_null(f.host->position);
    f.host->log(f.host->self, WSHUB_LOG_INFO, "keys were read");
    assert_int_equal(count_logged(&f, "\"keys were read\" auth=staff"), 1);
    tear_down(&f);
}

static int on_deliver(void *context, struct broker *broker, const struct wshub_message *message) {
    (void)context, (void)broker, (void)message;
    return WSHUB_OK;
}

static void on_link(void *context, struct broker *broker, enum wshub_link_state link, const char *reason) {
    (void)context, (void)broker, (void)link, (void)reason;
}

static void a_brokers_host_has_them_not(void **state) {
    struct plugin plugin;
    struct loop *loop = loop_new();
    const struct log log = {.fd = -1, .level = LOG_ERROR + 1};
    (void)state;
    struct fake_broker *fake = fake_new();
    struct broker *broker =
        fake_open(&plugin, loop, &log, LONG, (struct broker_listener){NULL, on_deliver, on_link, NULL});
    assert_non_null(broker);
    assert_null(fake->host->identify);
    assert_null(fake->host->explain);
    assert_non_null(fake->host->deliver);
    broker_close(broker);
    plugin_unload(&plugin);
    fake_free(fake);
    loop_free(loop);
}

static void an_open_that_fails_leaves_nothing(void **state) {
    struct fixture f;
    (void)state;
    prepare(&f);
    f.open_status = WSHUB_DENIED;
    open_auth(&f, LONG);
    assert_null(f.auth);
    assert_int_equal(f.closes, 0);
    assert_int_equal(count_logged(&f, "\"auth plugin cannot be opened\" auth=staff plugin=doorman "
                                      "file=/somewhere/doorman.so reason=\"open() answered -5: "
                                      "it was refused\""),
                     1);
    tear_down(&f);
}

static void a_broker_is_no_auth_plugin(void **state) {
    struct fixture f;
    struct buf why = {0};
    (void)state;
    prepare(&f);
    assert_true(fake_load(&f.plugin, "keeper", NULL, &why));
    struct auth_setup setup = {"staff", "me", &f.plugin, NULL, f.loop, &f.log, LONG};
    assert_null(auth_open(&setup));
    assert_int_equal(count_logged(&f, "\"it is not an auth plugin: list it under `brokers`\""), 1);
    buf_free(&why);
    tear_down(&f);
}

// ---- deadlines

static void wait_for_deadline(struct fixture *f) {
    uint64_t began = clock_ns();
    for (int before = f->answers; f->answers == before; auth_expire(f->auth)) {
        assert_true(clock_ns() - began < FIXTURE_DEADLINE_MS * UINT64_C(1000000));
    }
}

static void who_was_identified_too_late_is_nobody(void **state) {
    struct fixture f;
    (void)state;
    prepare(&f);
    open_auth(&f, SHORT);
    for (int i = 0; i < 2; i++) {
        ask(&f, WHO);
        identify(&f, f.token, ANNA); // and there it hangs
        explain(&f, f.token, "asking the staff");
        wait_for_deadline(&f);
        assert_int_equal(f.answer.status, WSHUB_TIMEOUT);
        assert_null(f.answer.identity);
        assert_int_equal(identify(&f, f.token, BERT), WSHUB_OK); // it can not know
        explain(&f, f.token, "too late");
        complete(&f, f.token, WSHUB_OK);
        assert_int_equal(f.answers, i + 1);
        assert_int_equal(counter_get(&auth_stats(f.auth)->late_completions), i + 1);
    }
    assert_int_equal(counter_get(&auth_stats(f.auth)->stray_completions), 0);
    assert_int_equal(result_count(&f, WHO, AUTH_RESULT_TIMED_OUT), 2);
    assert_int_equal(count_logged(&f, "auth plugin did not answer in time"), 1);
    assert_int_equal(count_logged(&f, "auth=staff slot=authenticate timeout_ms=1"), 1);
    tear_down(&f);
}

// A plugin that is slow is not told that it completes what it was never asked.
static void late_is_late_whatever_was_asked_meanwhile(void **state) {
    struct fixture f;
    wshub_token first, second;
    (void)state;
    prepare(&f);
    open_auth(&f, SHORT);
    ask(&f, WHO);
    first = f.token;
    wait_for_deadline(&f);
    ask(&f, WHO);
    second = f.token;
    wait_for_deadline(&f);
    complete(&f, first, WSHUB_OK);
    complete(&f, second, WSHUB_OK);
    assert_int_equal(f.answers, 2);
    assert_int_equal(counter_get(&auth_stats(f.auth)->late_completions), 2);
    assert_int_equal(counter_get(&auth_stats(f.auth)->stray_completions), 0);
    complete(&f, first, WSHUB_OK); // but twice is twice
    assert_int_equal(counter_get(&auth_stats(f.auth)->stray_completions), 1);
    tear_down(&f);
}

// Also where the hub has not looked at its deadlines in time.
static void a_yes_after_the_deadline_is_none(void **state) {
    struct fixture f;
    (void)state;
    prepare(&f);
    open_auth(&f, SHORT);
    ask(&f, WHO);
    identify(&f, f.token, ANNA);
    burn(2 * SHORT);
    complete(&f, f.token, WSHUB_OK);
    assert_int_equal(f.answers, 1);
    assert_int_equal(f.answer.status, WSHUB_TIMEOUT);
    assert_null(f.answer.identity);
    assert_int_equal(counter_get(&auth_stats(f.auth)->late_completions), 1);
    assert_int_equal(counter_get(&auth_stats(f.auth)->stray_completions), 0);
    assert_int_equal(result_count(&f, WHO, AUTH_RESULT_TIMED_OUT), 1);
    assert_int_equal(count_logged(&f, "auth plugin did not answer in time"), 1);
    tear_down(&f);
}

static void it_is_told_again_once_it_went_well(void **state) {
    struct fixture f;
    (void)state;
    prepare(&f);
    open_auth(&f, SHORT);
    ask(&f, MAY);
    wait_for_deadline(&f);
    ask(&f, MAY);
    complete(&f, f.token, WSHUB_UNAVAILABLE); // not well
    ask(&f, MAY);
    wait_for_deadline(&f);
    assert_int_equal(count_logged(&f, "auth plugin did not answer in time"), 1);
    do { // until the machine lets it be in time
        ask(&f, MAY);
        complete(&f, f.token, WSHUB_DENIED);
    } while (f.answer.status != WSHUB_DENIED);
    ask(&f, MAY);
    wait_for_deadline(&f);
    assert_int_equal(count_logged(&f, "auth plugin did not answer in time"), 2);
    tear_down(&f);
}

// ---- threads

struct job {
    struct fixture *fixture;
    wshub_token token;
    int status; // to complete it with
};

static struct job jobs[THREADS][TURNS];

static void *work(void *context) {
    struct job *first = context;
    for (struct job *job = first; job < first + TURNS; job++) {
        explain(job->fixture, job->token, job->status == WSHUB_OK ? "welcome" : "go away");
        identify(job->fixture, job->token, ANNA);
        complete(job->fixture, job->token, job->status);
        if (job->status == WSHUB_DENIED) {
            complete(job->fixture, job->token, WSHUB_OK); // a second word counts for nothing
        }
    }
    return NULL;
}

static int yeses; // with their identity

static void on_job_done(void *context, void *argument, int status, struct identity *identity,
                        const char *explanation) {
    struct fixture *f = context;
    const struct job *job = argument;
    assert_true(pthread_equal(pthread_self(), f->thread));
    assert_int_equal(status, job->status);
    assert_int_equal(status == WSHUB_OK, identity != NULL);
    assert_string_equal(explanation, status == WSHUB_OK ? "welcome" : "go away");
    identity_unref(identity);
    yeses += identity != NULL;
    f->answers++;
}

static bool are_all_done(void *context) {
    return ((struct fixture *)context)->answers == THREADS * TURNS;
}

static void threads_decide(void **state) {
    struct fixture f;
    pthread_t threads[THREADS];
    (void)state;
    set_up(&f);
    yeses = 0;
    for (int i = 0; i < THREADS; i++) {
        for (int j = 0; j < TURNS; j++) {
            struct job *job = &jobs[i][j];
            *job = (struct job){&f, 0, (i + j) % 2 ? WSHUB_OK : WSHUB_DENIED};
            auth_authenticate(f.auth, &request, (struct auth_reply){on_job_done, &f, job});
            job->token = f.token;
        }
        assert_int_equal(pthread_create(&threads[i], NULL, work, jobs[i]), 0);
    }
    run_until(f.loop, are_all_done, &f);
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
    run_rounds(f.loop);
    assert_int_equal(yeses, THREADS * TURNS / 2);
    assert_int_equal(counter_get(&auth_stats(f.auth)->stray_completions), THREADS * TURNS / 2);
    tear_down(&f);
}

static void *decide_for_anna(void *context) {
    struct fixture *f = context;
    explain(f, f->token, "it is anna");
    identify(f, f->token, ANNA);
    complete(f, f->token, WSHUB_OK);
    return NULL;
}

static void run_thread(void *(*fn)(void *), void *context) {
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, fn, context), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
}

// What the threads have said lies in the mailbox when it closes.
static void what_is_under_way_at_the_end_is_dropped(void **state) {
    struct fixture f;
    (void)state;
    set_up(&f);
    ask(&f, WHO);
    run_thread(decide_for_anna, &f);
    auth_close(f.auth);
    f.auth = NULL;
    assert_int_equal(f.answers, 1);
    assert_int_equal(f.answer.status, WSHUB_CLOSED);
    assert_null(f.answer.identity);
    tear_down(&f);
}

static void what_comes_after_the_deadline_is_dropped(void **state) {
    struct fixture f;
    (void)state;
    prepare(&f);
    open_auth(&f, SHORT);
    ask(&f, WHO);
    run_thread(decide_for_anna, &f);
    wait_for_deadline(&f); // the loop does not run meanwhile
    assert_int_equal(f.answer.status, WSHUB_TIMEOUT);
    run_rounds(f.loop);
    assert_int_equal(f.answers, 1);
    assert_int_equal(counter_get(&auth_stats(f.auth)->late_completions), 1);
    tear_down(&f);
}

// ---- slots that take their time

static int takes_long(struct fixture *f, wshub_token token) {
    (void)f, (void)token;
    burn(110);
    return WSHUB_DENIED;
}

static void reload_slowly(void *self) {
    (void)self;
    burn(110);
}

static void a_slot_that_blocks_is_told_once(void **state) {
    struct fixture f;
    (void)state;
    prepare(&f);
    f.table.reload = reload_slowly;
    open_auth(&f, LONG);
    f.on_slot = takes_long;
    ask(&f, WHO);
    assert_int_equal(f.answer.status, WSHUB_DENIED); // and counts
    ask(&f, WHO);
    assert_int_equal(count_logged(&f, "\"auth plugin blocks the hub: every message waits for it\" auth=staff "
                                      "slot=authenticate took_ms="),
                     1);
    ask(&f, MAY);
    auth_reload(f.auth);
    assert_int_equal(count_logged(&f, "slot=authorize took_ms="), 1);
    assert_int_equal(count_logged(&f, "slot=reload took_ms="), 1);
    assert_int_equal(count_logged(&f, "blocks the hub"), 3);
    tear_down(&f);
}

static int says_no(struct fixture *f, wshub_token token) {
    complete(f, token, WSHUB_DENIED);
    return WSHUB_OK;
}

static void burn_on_answer(void *context, void *argument, int status, struct identity *identity,
                           const char *explanation) {
    (void)context, (void)argument, (void)status, (void)explanation;
    identity_unref(identity);
    burn(110);
}

static void what_others_make_of_an_answer_is_not_its_fault(void **state) {
    struct fixture f;
    (void)state;
    set_up(&f);
    f.on_slot = says_no;
    auth_authenticate(f.auth, &request, (struct auth_reply){burn_on_answer, NULL, NULL});
    assert_int_equal(count_logged(&f, "blocks the hub"), 0);
    tear_down(&f);
}

// ---- closing

static void a_plugin_that_closes_lets_nobody_in(void **state) {
    struct fixture f;
    (void)state;
    set_up(&f);
    for (int i = 0; i < 2; i++) {
        ask(&f, WHO);
        identify(&f, f.token, ANNA);
        f.late[i] = f.token; // says yes out of its close
    }
    ask(&f, MAY);
    f.asks_again = true; // and an answer asks for another
    auth_close(f.auth);
    f.auth = NULL;
    assert_int_equal(f.closes, 1);
    assert_int_equal(f.calls, 3);
    assert_int_equal(f.answers, 4);
    assert_int_equal(f.answer.status, WSHUB_CLOSED);
    assert_null(f.answer.identity);
    tear_down(&f);
}

static void nothing(void *context) {
    (void)context;
}

static void what_it_leaves_behind_is_told(void **state) {
    struct fixture f;
    (void)state;
    set_up(&f);
    assert_non_null(f.host->timer_new(f.host->self, nothing, NULL));
    auth_close(f.auth);
    f.auth = NULL;
    assert_int_equal(count_logged(&f, "\"auth plugin has left timers or watches behind\" auth=staff "
                                      "file=/somewhere/doorman.so"),
                     1);
    tear_down(&f);
}

static void nothing_is_closed_twice(void **state) {
    (void)state;
    auth_close(NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(its_host_has_what_is_for_auth_plugins),
        cmocka_unit_test(a_brokers_host_has_them_not),
        cmocka_unit_test(an_open_that_fails_leaves_nothing),
        cmocka_unit_test(a_broker_is_no_auth_plugin),
        cmocka_unit_test(who_was_identified_too_late_is_nobody),
        cmocka_unit_test(late_is_late_whatever_was_asked_meanwhile),
        cmocka_unit_test(a_yes_after_the_deadline_is_none),
        cmocka_unit_test(it_is_told_again_once_it_went_well),
        cmocka_unit_test(threads_decide),
        cmocka_unit_test(what_is_under_way_at_the_end_is_dropped),
        cmocka_unit_test(what_comes_after_the_deadline_is_dropped),
        cmocka_unit_test(a_slot_that_blocks_is_told_once),
        cmocka_unit_test(what_others_make_of_an_answer_is_not_its_fault),
        cmocka_unit_test(a_plugin_that_closes_lets_nobody_in),
        cmocka_unit_test(what_it_leaves_behind_is_told),
        cmocka_unit_test(nothing_is_closed_twice),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
