// SPDX-License-Identifier: MIT
// Publishes wait for a worker that is too far behind, and for nobody else (P4).
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "hub/asks.h"
#include "hub/digest.h"
#include "hub/hub_priv.h"
#include "hub_fixture.h"

enum { BIG = 1024 * 1024, ENOUGH = 20 }; // so many of that size are more than a worker may be behind

static int set_up_memory(void **state) {
    struct fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    make(f, "brokers: [{name: main, plugin: memory}]\n");
    assert_true(hub_start(f->instance.hub, fake_load, on_failure, f));
    *state = f;
    return 0;
}

static int tear_down_memory(void **state) {
    tear_down(*state);
    free(*state);
    return 0;
}

static void publish(struct fixture *f, const char *channel) {
    struct request *request = calloc(1, sizeof *request);
    char *payload = malloc(BIG);
    assert_non_null(request);
    assert_non_null(payload);
    memset(payload, '1', BIG);
    const struct wshub_message message = {
        .struct_size = sizeof message,
        .channel = {channel, strlen(channel)},
        .payload = {payload, BIG},
    };
    request->mail.kind = MAIL_PUBLISH;
    request->message = message_new(&message, WORKERS);
    assert_non_null(request->message);
    free(payload);
    mailbox_post(hub_mailbox(f->instance.hub), &request->mail);
}

static void publish_many(struct fixture *f, const char *channel, unsigned many) {
    for (unsigned i = 0; i < many; i++) {
        publish(f, channel);
    }
    run_rounds(f->loop);
}

static bool all_are_answered(void *context) {
    struct fixture *f = context;
    return f->published[0] + f->published[1] == f->wanted;
}

static void wait_all_answered(struct fixture *f, size_t many) {
    f->wanted = many;
    run_until(f->loop, all_are_answered, f);
}

static void publishes_wait_until_the_worker_has_caught_up(void **state) {
    struct fixture *f = *state;
    struct claim *claim = come(f, 0, "busy");
    wait_answered(claim, WSHUB_OK);
    publish_many(f, "busy", ENOUGH);
    unsigned went = f->workers[0].deliveries;
    assert_in_range(went, 15, 18);
    assert_int_equal(f->published[1], went); // the others have no answer yet
    assert_true(atomic_load(&f->instance.congested));

    f->workers[0].delivered = (uint64_t)went * (BIG + sizeof(struct message));
    mailbox_ring(hub_mailbox(f->instance.hub));
    wait_all_answered(f, ENOUGH);
    assert_int_equal(f->published[0], 0);
    assert_int_equal(f->workers[0].deliveries, ENOUGH);
    assert_false(atomic_load(&f->instance.congested));
    leave(claim);
    run_rounds(f->loop);
}

static void channels_of_other_workers_do_not_wait(void **state) {
    struct fixture *f = *state;
    struct claim *busy = come(f, 0, "busy"), *free_one = come(f, 1, "free");
    wait_answered(busy, WSHUB_OK);
    wait_answered(free_one, WSHUB_OK);
    publish_many(f, "busy", ENOUGH);
    unsigned before = f->published[1];
    publish_many(f, "free", 3);
    assert_int_equal(f->workers[1].deliveries, 3);
    assert_int_equal(f->published[1], before + 3);
    publish_many(f, "nobody", 1);
    assert_int_equal(f->published[1], before + 4);
    leave(busy);
    leave(free_one);
    run_rounds(f->loop);
}

static void what_waited_goes_when_the_last_subscriber_there_leaves(void **state) {
    struct fixture *f = *state;
    struct claim *claim = come(f, 0, "busy");
    wait_answered(claim, WSHUB_OK);
    publish_many(f, "busy", ENOUGH);
    assert_true(f->published[1] < ENOUGH);
    leave(claim);
    wait_all_answered(f, ENOUGH);
    assert_int_equal(f->published[1], ENOUGH);
}

static void what_waits_too_long_is_answered_so(void **state) {
    struct fixture *f = *state;
    struct claim *claim = come(f, 0, "busy");
    wait_answered(claim, WSHUB_OK);
    f->config.timeouts.broker = 100;
    publish_many(f, "busy", ENOUGH);
    wait_all_answered(f, ENOUGH);
    assert_true(f->published[0] > 0);
    assert_int_equal(f->last_status, REQUEST_OVERLOADED);
    assert_int_equal(f->published[1], f->workers[0].deliveries); // and those were not published
    assert_false(atomic_load(&f->instance.congested));           // nobody need ring the hub for them any more
    leave(claim);
    run_rounds(f->loop);
}

static void what_is_parked_at_the_end_is_answered(void **state) {
    struct fixture *f = *state;
    struct claim *claim = come(f, 0, "busy");
    wait_answered(claim, WSHUB_OK);
    publish_many(f, "busy", ENOUGH);
    assert_true(f->published[1] < ENOUGH);
    leave(claim); // hub_free settles both; the sanitizers see whether anything is left
}

// ---- what is sent to a user

static unsigned sent[2]; // sends that were answered: with an error, with WSHUB_OK

static void take_sent(struct worker *worker, struct mail *mail) {
    struct request *request = (struct request *)(void *)mail;
    (void)worker;
    assert_int_equal(mail->kind, MAIL_ANSWERED);
    sent[request->status == WSHUB_OK]++;
    message_unref(request->message);
    ask_free(request->ask);
    free(request);
}

static void send_many(struct fixture *f, const char *channel, unsigned many) {
    char *payload = malloc(BIG);
    assert_non_null(payload);
    memset(payload, '1', BIG);
    const struct wshub_message message = {
        .struct_size = sizeof message,
        .channel = {channel, strlen(channel)},
        .payload = {payload, BIG},
    };
    for (unsigned i = 0; i < many; i++) {
        struct request *request = calloc(1, sizeof *request);
        assert_non_null(request);
        request->mail.kind = MAIL_SEND;
        request->ask = ask_new((struct span){0}, (struct span){"4", 1});
        request->ask->to = ASK_USER;
        request->message = message_new(&message, WORKERS);
        request->message->kind = MESSAGE_DIRECT;
        mailbox_post(hub_mailbox(f->instance.hub), &request->mail);
    }
    free(payload);
    run_rounds(f->loop);
}

static bool all_are_sent(void *context) {
    (void)context;
    return sent[0] + sent[1] == ENOUGH;
}

static void catch_up(struct fixture *f) {
    f->workers[0].delivered = f->instance.hub->congestion.posted[0];
    mailbox_ring(hub_mailbox(f->instance.hub));
    run_rounds(f->loop);
}

// A user may have many connections there: who floods it must not fill the memory.
static void sends_wait_as_publishes_do(void **state) {
    struct fixture *f = *state;
    char channel[DIGEST_USER_LENGTH + 1];
    assert_true(digest_user_channel((struct span){"4", 1}, channel));
    f->on_other = take_sent;
    struct claim *claim = come(f, 0, channel);
    wait_answered(claim, WSHUB_OK);
    for (int round = 0; round < 3; round++) {
        unsigned before = f->workers[0].deliveries;
        memset(sent, 0, sizeof sent);
        send_many(f, channel, ENOUGH);
        unsigned went = f->workers[0].deliveries - before;
        assert_in_range(went, 15, 18);
        assert_int_equal(sent[1], went);
        assert_int_equal(sent[0], 0);
        if (round == 0) { // it catches up
            catch_up(f);
            run_until(f->loop, all_are_sent, f);
            assert_int_equal(f->workers[0].deliveries - before, ENOUGH);
            catch_up(f);
        } else if (round == 1) { // it does not
            f->config.timeouts.broker = 100;
            run_until(f->loop, all_are_sent, f);
            assert_int_equal(f->workers[0].deliveries - before, went);
            f->config.timeouts.broker = LONG;
            catch_up(f);
        } // and at the end, all that wait are answered
    }
    leave(claim);
}

int main(void) {
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up_memory, tear_down_memory)
        TEST(publishes_wait_until_the_worker_has_caught_up),
        TEST(channels_of_other_workers_do_not_wait),
        TEST(what_waited_goes_when_the_last_subscriber_there_leaves),
        TEST(what_waits_too_long_is_answered_so),
        TEST(what_is_parked_at_the_end_is_answered),
        TEST(sends_wait_as_publishes_do),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
