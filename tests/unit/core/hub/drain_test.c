// SPDX-License-Identifier: MIT
// The phases of a drain, who may order one and take it back, and when that is too late.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "hub_fixture.h"

static struct {
    unsigned mails[MAIL_KINDS]; // to the workers
    uint64_t window;            // of the last MAIL_DRAIN
    bool keeps_listening;
    unsigned answers;
    struct drain_order last; // the order answered last
} heard;
static enum mail_kind awaited;

static void on_heard(struct worker *worker, struct mail *mail) {
    (void)worker;
    heard.mails[mail->kind]++;
    if (mail->kind == MAIL_DRAIN) {
        heard.window = ((struct worker_notice *)(void *)mail)->window;
        heard.keeps_listening = ((struct worker_notice *)(void *)mail)->keeps_listening;
    } else if (mail->kind == MAIL_DRAIN_ORDERED) {
        heard.answers++;
        heard.last = *(struct drain_order *)(void *)mail;
        free(mail);
    }
}

// Phases last until something happens, unless a test says otherwise.
static void begin(struct fixture *f) {
    memset(&heard, 0, sizeof heard);
    set_up(f);
    run_until(f->loop, is_ready, f);
    f->on_other = on_heard;
    f->keeps_clients = true;
    f->config.drain.delay = f->config.drain.window = LONG;
    f->config.drain.timeout = 3 * LONG;
}

static void order(struct fixture *f, enum drain_wish wish) {
    struct drain_order *mail = calloc(1, sizeof *mail);
    assert_non_null(mail);
    mail->mail.kind = MAIL_DRAIN_ORDER;
    mail->wish = wish;
    mailbox_post(hub_mailbox(f->instance.hub), &mail->mail);
    run_rounds(f->loop);
}

static void ask(struct fixture *f, enum drain_wish wish, int status, enum drain_phase phase) {
    unsigned before = heard.answers;
    order(f, wish);
    assert_int_equal(heard.answers, before + 1);
    assert_int_equal(heard.last.status, status);
    assert_int_equal(heard.last.phase, phase);
}

static void say(struct fixture *f, unsigned worker, enum mail_kind kind) {
    mailbox_post(hub_mailbox(f->instance.hub), &worker_notice(&f->workers[worker], kind)->mail);
    run_rounds(f->loop);
}

static void all_say(struct fixture *f, enum mail_kind kind) {
    for (unsigned i = 0; i < WORKERS; i++) {
        say(f, i, kind);
    }
}

static bool has_mails(void *context) {
    const struct fixture *f = context;
    return heard.mails[awaited] >= f->wanted;
}

static void wait_mails(struct fixture *f, enum mail_kind kind, size_t count) {
    awaited = kind;
    f->wanted = count;
    run_until(f->loop, has_mails, f);
    assert_int_equal(heard.mails[kind], count);
}

static int readiness(const struct fixture *f) {
    return atomic_load(&f->instance.readiness);
}

static void in_the_delay_it_can_be_taken_back(void **state) {
    struct fixture f;
    (void)state;
    begin(&f);
    ask(&f, DRAIN_ASK, WSHUB_OK, DRAIN_NONE);
    ask(&f, DRAIN_CANCEL, WSHUB_NOT_FOUND, DRAIN_NONE);
    ask(&f, DRAIN_BEGIN, WSHUB_OK, DRAIN_DELAY);
    assert_true(heard.last.remaining > 2 * LONG && heard.last.remaining <= 3 * LONG);
    assert_int_equal(readiness(&f), READINESS_DRAINING);
    ask(&f, DRAIN_BEGIN, WSHUB_OK, DRAIN_DELAY); // as good as the first
    ask(&f, DRAIN_CANCEL, WSHUB_OK, DRAIN_NONE);
    assert_int_equal(readiness(&f), READINESS_READY);
    ask(&f, DRAIN_CANCEL, WSHUB_NOT_FOUND, DRAIN_NONE);
    assert_int_equal(heard.mails[MAIL_DRAIN] + heard.mails[MAIL_HURRY] + heard.mails[MAIL_RESUME], 0);
    assert_int_equal(f.ended, 0);
    assert_logged(&f, "drain cancelled");
    tear_down(&f);
}

static void begin_connections(struct fixture *f) {
    begin(f);
    f->config.drain.delay = 0;
    order(f, DRAIN_BEGIN);
    wait_mails(f, MAIL_DRAIN, WORKERS);
    ask(f, DRAIN_ASK, WSHUB_OK, DRAIN_CONNECTIONS);
}

static void while_connections_go_the_rest_can_stay(void **state) {
    struct fixture f;
    (void)state;
    begin_connections(&f);
    assert_int_equal(heard.window, LONG);
    say(&f, 0, MAIL_DRAINED);
    unsigned answers = heard.answers;
    order(&f, DRAIN_CANCEL);
    order(&f, DRAIN_CANCEL); // both are answered when it is done, and not before
    assert_int_equal(heard.mails[MAIL_RESUME], WORKERS);
    ask(&f, DRAIN_ASK, WSHUB_OK, DRAIN_RESUMING);
    say(&f, 0, MAIL_RESUMED);
    say(&f, 1, MAIL_DRAINED); // it had none left when it heard that it may stay
    say(&f, 1, MAIL_RESUMED);
    assert_int_equal(heard.answers, answers + 1);
    assert_int_equal(readiness(&f), READINESS_DRAINING);
    say(&f, 2, MAIL_RESUMED);
    assert_int_equal(heard.answers, answers + 3);
    assert_int_equal(heard.last.status, WSHUB_OK);
    assert_int_equal(heard.last.phase, DRAIN_NONE);
    assert_int_equal(readiness(&f), READINESS_READY);

    order(&f, DRAIN_BEGIN); // and it can be done again
    wait_mails(&f, MAIL_DRAIN, 2 * WORKERS);
    all_say(&f, MAIL_DRAINED);
    run_until(f.loop, has_ended, &f);
    assert_int_equal(f.ended, 1);
    tear_down(&f);
}

static void who_orders_it_while_it_is_taken_back_gets_it_after_that(void **state) {
    struct fixture f;
    (void)state;
    begin_connections(&f);
    order(&f, DRAIN_CANCEL);
    ask(&f, DRAIN_BEGIN, WSHUB_OK, DRAIN_RESUMING);
    all_say(&f, MAIL_RESUMED);
    wait_mails(&f, MAIL_DRAIN, 2 * WORKERS);
    order(&f, DRAIN_CANCEL); // the last word counts
    order(&f, DRAIN_BEGIN);
    order(&f, DRAIN_CANCEL);
    all_say(&f, MAIL_RESUMED);
    ask(&f, DRAIN_ASK, WSHUB_OK, DRAIN_NONE);
    assert_int_equal(readiness(&f), READINESS_READY);
    tear_down(&f);
}

static void when_the_connections_have_gone_it_is_too_late(void **state) {
    struct fixture f;
    (void)state;
    begin_connections(&f);
    fake_behave(f.fake, FAKE_UNSUBSCRIBE, FAKE_HOLD, 0);
    leave(subscribed(&f, 0, f.config.brokers.items[0].name));
    all_say(&f, MAIL_DRAINED);
    ask(&f, DRAIN_CANCEL, WSHUB_CLOSED, DRAIN_CHANNELS);
    ask(&f, DRAIN_BEGIN, WSHUB_OK, DRAIN_CHANNELS);
    assert_int_equal(f.ended, 0);
    tear_down(&f);
}

// By a request that has come before the sockets were closed, and was read after that.
static void without_sockets_it_is_too_late(void **state) {
    struct fixture f;
    (void)state;
    begin(&f);
    f.config.drain.delay = 0;
    hub_drain(f.instance.hub);
    wait_mails(&f, MAIL_DRAIN, WORKERS);
    assert_false(heard.keeps_listening);
    ask(&f, DRAIN_CANCEL, WSHUB_CLOSED, DRAIN_CONNECTIONS);
    ask(&f, DRAIN_BEGIN, WSHUB_OK, DRAIN_CONNECTIONS); // comes too late to keep them open
    ask(&f, DRAIN_CANCEL, WSHUB_CLOSED, DRAIN_CONNECTIONS);
    all_say(&f, MAIL_DRAINED);
    run_until(f.loop, has_ended, &f);
    tear_down(&f);
}

static void beyond_its_time_it_is_too_late(void **state) {
    struct fixture f;
    (void)state;
    begin(&f);
    f.config.drain.delay = f.config.drain.window = 0;
    f.config.drain.timeout = 50;
    order(&f, DRAIN_BEGIN);
    wait_mails(&f, MAIL_ABORT, WORKERS);
    ask(&f, DRAIN_CANCEL, WSHUB_CLOSED, DRAIN_CONNECTIONS);
    all_say(&f, MAIL_DRAINED);
    run_until(f.loop, has_ended, &f);
    tear_down(&f);
}

static void a_second_signal_hurries_and_a_third_does_not_wait(void **state) {
    struct fixture f;
    (void)state;
    begin(&f);
    assert_true(hub_drain(f.instance.hub));
    run_rounds(f.loop);
    assert_int_equal(heard.mails[MAIL_DRAIN], 0);
    assert_true(hub_drain(f.instance.hub)); // in the delay: that is over, and so is the window
    run_rounds(f.loop);
    assert_int_equal(heard.mails[MAIL_DRAIN], WORKERS);
    assert_int_equal(heard.window, 0);
    assert_false(hub_drain(f.instance.hub));
    tear_down(&f);
}

// A service manager sends its signal when the hook that has ordered the drain returns.
static void the_signal_after_an_order_does_not_hurry(void **state) {
    struct fixture f;
    (void)state;
    begin_connections(&f);
    assert_true(hub_drain(f.instance.hub));
    run_rounds(f.loop);
    assert_int_equal(heard.mails[MAIL_HURRY], 0);
    assert_true(hub_drain(f.instance.hub));
    run_rounds(f.loop);
    assert_int_equal(heard.mails[MAIL_HURRY], WORKERS);
    tear_down(&f);
}

// While the workers are told that it was taken back, two more signals come: they say what two say.
static void signals_while_it_is_taken_back_are_followed_after_that(void **state) {
    struct fixture f;
    (void)state;
    begin_connections(&f);
    order(&f, DRAIN_CANCEL);
    assert_true(hub_drain(f.instance.hub));
    assert_true(hub_drain(f.instance.hub));
    f.config.drain.delay = LONG;
    all_say(&f, MAIL_RESUMED);
    run_rounds(f.loop);
    assert_int_equal(heard.mails[MAIL_DRAIN], 2 * WORKERS);
    assert_int_equal(heard.window, 0);
    assert_false(hub_drain(f.instance.hub));
    tear_down(&f);
}

static void signals_before_it_was_taken_back_do_not_count(void **state) {
    struct fixture f;
    (void)state;
    begin(&f);
    for (int round = 0; round < 3; round++) {
        assert_true(hub_drain(f.instance.hub));
        ask(&f, DRAIN_ASK, WSHUB_OK, DRAIN_DELAY);
        ask(&f, DRAIN_CANCEL, WSHUB_OK, DRAIN_NONE);
    }
    assert_int_equal(heard.mails[MAIL_DRAIN], 0);
    tear_down(&f);
}

static bool tells_progress(void *context) {
    return log_count(&((struct fixture *)context)->log, "event=draining connections=7 closed=3") > 0;
}

static void every_second_it_says_how_it_goes(void **state) {
    struct fixture f;
    (void)state;
    begin_connections(&f);
    atomic_store(&f.instance.connections, 7);
    atomic_store(&f.instance.gone.whole, 2);
    atomic_store(&f.instance.gone.forced, 1);
    ask(&f, DRAIN_ASK, WSHUB_OK, DRAIN_CONNECTIONS);
    assert_int_equal(heard.last.connections, 7);
    assert_int_equal(heard.last.closed, 3);
    assert_int_equal(heard.last.forced, 1);
    run_until(f.loop, tells_progress, &f);
    tear_down(&f);
}

static void sockets_stay_open_for_who_has_ordered_it(void **state) {
    static const struct {
        const char *who; // s: a signal, a: the API
        bool keeps_listening;
    } cases[] = {{"s", false}, {"a", true}, {"sa", true}, {"as", true}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct fixture f;
        begin(&f);
        for (int round = 1; round <= 2; round++) {
            for (const char *who = cases[i].who; *who; who++) {
                if (*who == 'a') {
                    order(&f, DRAIN_BEGIN);
                } else {
                    hub_drain(f.instance.hub);
                }
            }
            if (round == 1) { // this one leaves nothing behind
                ask(&f, DRAIN_CANCEL, WSHUB_OK, DRAIN_NONE);
            }
        }
        while (heard.mails[MAIL_DRAIN] == 0) { // hurried
            assert_true(hub_drain(f.instance.hub));
            run_rounds(f.loop);
        }
        wait_mails(&f, MAIL_DRAIN, WORKERS);
        assert_int_equal(heard.keeps_listening, cases[i].keeps_listening);
        tear_down(&f);
    }
}

// Whoever has taken it back, and never hears of it, as its hub fails at that moment.
static void an_order_is_not_lost_with_the_hub(void **state) {
    struct fixture f;
    (void)state;
    begin_connections(&f);
    unsigned answers = heard.answers;
    order(&f, DRAIN_CANCEL);
    assert_int_equal(heard.answers, answers);
    tear_down(&f); // the worker's mailbox has it then
    assert_int_equal(heard.answers, answers + 1);
    assert_int_equal(heard.last.status, WSHUB_CLOSED);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(in_the_delay_it_can_be_taken_back),
        cmocka_unit_test(while_connections_go_the_rest_can_stay),
        cmocka_unit_test(who_orders_it_while_it_is_taken_back_gets_it_after_that),
        cmocka_unit_test(when_the_connections_have_gone_it_is_too_late),
        cmocka_unit_test(without_sockets_it_is_too_late),
        cmocka_unit_test(beyond_its_time_it_is_too_late),
        cmocka_unit_test(a_second_signal_hurries_and_a_third_does_not_wait),
        cmocka_unit_test(the_signal_after_an_order_does_not_hurry),
        cmocka_unit_test(signals_while_it_is_taken_back_are_followed_after_that),
        cmocka_unit_test(signals_before_it_was_taken_back_do_not_count),
        cmocka_unit_test(every_second_it_says_how_it_goes),
        cmocka_unit_test(sockets_stay_open_for_who_has_ordered_it),
        cmocka_unit_test(an_order_is_not_lost_with_the_hub),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
