// SPDX-License-Identifier: MIT
// Messages to one connection or one user: looked up, carried there, and answered.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "presence_fixture.h"

#define CONNECTION "0123456789abcdef0123456789abcdef"
#define KEEPER "brokers: [{name: main, plugin: keeper}]\n"

// Which workers were asked whether they have the connection, as "012"; and which one has it.
static char tried[16];
static unsigned who_has_it;

static void on_mail(struct worker *worker, struct mail *mail) {
    struct request *request = (struct request *)(void *)mail;
    if (mail->kind != MAIL_TRY) {
        take_answer(worker, mail);
        return;
    }
    sprintf(tried + strlen(tried), "%u", worker->index);
    request->status = worker->index == who_has_it ? WSHUB_OK : WSHUB_NOT_FOUND;
    mail->kind = MAIL_TRIED;
    mailbox_post(hub_mailbox(worker->fixture->instance.hub), mail);
}

static void set_up_send(struct fixture *f, const char *config) {
    answered = (struct answer){0};
    tried[0] = '\0';
    who_has_it = WORKERS;
    make(f, config);
    f->config.unsubscribe_linger = 0;
    f->config.registry.connection_ttl = f->config.registry.heartbeat = f->config.registry.instance_ttl = LONG;
    f->on_other = on_mail;
    assert_true(hub_start(f->instance.hub, fake_load, on_failure, f));
    run_rounds(f->loop);
}

static void send_to(struct fixture *f, enum ask_target to, const char *target) {
    struct ask *ask = ask_new((struct span){0}, (struct span){target, strlen(target)});
    struct request *request = request_new_for(MAIL_SEND, ask);
    const struct wshub_message message = {
        .struct_size = sizeof message,
        .channel = {"x", 1},
        .payload = {"{\"n\":1}", 7},
        .sender = {"me", 2},
        .exclude = {"you", 3},
    };
    ask->to = to;
    request->message = message_new(&message, WORKERS);
    request->message->kind = MESSAGE_DIRECT;
    mailbox_post(hub_mailbox(f->instance.hub), &request->mail);
    run_rounds(f->loop);
}

static void assert_answered(int status) {
    assert_int_equal(answered.count, 1);
    assert_int_equal(answered.status, status);
    answered = (struct answer){0};
}

static const struct fake_call *last_publish(const struct fixture *f) {
    size_t i = f->fake->call_count;
    while (i > 0 && f->fake->calls[i - 1]->slot != FAKE_PUBLISH) {
        i--;
    }
    return i > 0 ? f->fake->calls[i - 1] : NULL;
}

// ---- connections

static void without_a_registry_the_workers_know(void **state) {
    struct fixture f;
    (void)state;
    set_up_send(&f, ONE_BROKER);
    who_has_it = 1;
    send_to(&f, ASK_CONNECTION, CONNECTION);
    assert_answered(WSHUB_OK);
    assert_string_equal(tried, "01");
    who_has_it = WORKERS;
    send_to(&f, ASK_CONNECTION, CONNECTION);
    assert_answered(WSHUB_NOT_FOUND);
    assert_string_equal(tried, "01012");
    send_to(&f, ASK_CONNECTION, "short");
    assert_answered(WSHUB_NOT_FOUND);
    assert_int_equal(counter_get(&stats(&f)->sent), 1);
    assert_int_equal(counter_get(&stats(&f)->not_found), 2);
    tear_down(&f);
}

static void the_registry_says_where_it_is(void **state) {
    struct fixture f;
    struct table table;
    (void)state;
    set_up_send(&f, KEEPER);
    put(&f, &table, "ws:conn:" CONNECTION, "{\"instance\":\"you\",\"address\":\"unix\"}");
    send_to(&f, ASK_CONNECTION, CONNECTION);
    assert_answered(WSHUB_OK);
    const struct fake_call *call = last_publish(&f);
    assert_string_equal(call->channel, "$wshub:instance:you");
    assert_string_equal(call->payload, "{\"to\":\"" CONNECTION "\",\"data\":{\"n\":1}}");
    assert_string_equal(call->sender, "me");
    assert_string_equal(call->exclude, "you");
    fake_behave(f.fake, FAKE_PUBLISH, FAKE_AT_ONCE, WSHUB_TIMEOUT);
    send_to(&f, ASK_CONNECTION, CONNECTION);
    assert_answered(WSHUB_TIMEOUT);
    fake_behave(f.fake, FAKE_PUBLISH, FAKE_AT_ONCE, WSHUB_OK);
    assert_string_equal(tried, "");
    put(&f, &table, "ws:conn:" CONNECTION, "{\"instance\":\"me\",\"address\":\"unix\"}");
    who_has_it = 0;
    send_to(&f, ASK_CONNECTION, CONNECTION);
    assert_answered(WSHUB_OK);
    assert_string_equal(tried, "0");
    drop_entries(&f, "ws:conn:");
    send_to(&f, ASK_CONNECTION, CONNECTION); // has just come
    assert_answered(WSHUB_OK);
    who_has_it = WORKERS;
    send_to(&f, ASK_CONNECTION, CONNECTION);
    assert_answered(WSHUB_NOT_FOUND);
    link_is(&f, WSHUB_LINK_DOWN);
    send_to(&f, ASK_CONNECTION, CONNECTION);
    assert_answered(WSHUB_UNAVAILABLE); // it may be elsewhere
    who_has_it = 2;
    send_to(&f, ASK_CONNECTION, CONNECTION);
    assert_answered(WSHUB_OK);
    tear_down(&f);
}

static void what_others_send_goes_to_all_workers(void **state) {
    static const char *const not_for_anybody[] = {
        "", "{}", "{\"to\":\"" CONNECTION "\",\"data\":", "{\"ot\":\"" CONNECTION "\",\"data\":1}",
        "{\"to\":\"" CONNECTION "\",\"date\":1}"};
    struct fixture f;
    (void)state;
    set_up_send(&f, KEEPER);
    assert_false(fake_is_subscribed(f.fake, "$wshub:instance:me")); // nobody is here to be sent to
    struct registration *registration = calloc(1, sizeof *registration + 1);
    assert_non_null(registration);
    registration->enter.kind = MAIL_REGISTER;
    registration->leave.kind = MAIL_UNREGISTER;
    mailbox_post(hub_mailbox(f.instance.hub), &registration->enter);
    wait_calls(&f, FAKE_SUBSCRIBE, 1);
    run_rounds(f.loop);
    assert_true(fake_is_subscribed(f.fake, "$wshub:instance:me"));
    fake_deliver(f.fake, "$wshub:instance:me", "{\"to\":\"" CONNECTION "\",\"data\":{\"n\":1}}");
    run_rounds(f.loop);
    for (unsigned i = 0; i < WORKERS; i++) {
        assert_string_equal(f.workers[i].story, "s");
        assert_string_equal(f.workers[i].last_payload, "{\"n\":1}");
        assert_string_equal(f.workers[i].last_channel, "$wshub:connection:" CONNECTION);
    }
    for (size_t i = 0; i < sizeof not_for_anybody / sizeof *not_for_anybody; i++) {
        fake_deliver(f.fake, "$wshub:instance:me", not_for_anybody[i]);
    }
    run_rounds(f.loop);
    assert_string_equal(f.workers[0].story, "s");
    mailbox_post(hub_mailbox(f.instance.hub), &registration->leave);
    wait_calls(&f, FAKE_UNSUBSCRIBE, 1);
    assert_int_equal(counter_get(&stats(&f)->channels), 0);
    tear_down(&f);
}

// ---- users

static void a_user_is_here(void **state) {
    struct fixture f;
    char channel[DIGEST_USER_LENGTH + 1];
    char key[128];
    (void)state;
    set_up_send(&f, KEEPER);
    assert_true(digest_user_channel((struct span){"4", 1}, channel));
    snprintf(key, sizeof key, "ws:user:%s/me", digest("4"));
    struct claim *claims[] = {subscribed(&f, 0, channel), subscribed(&f, 2, channel)};
    assert_int_equal(fake_count(f.fake, FAKE_SET, key), 1);
    send_to(&f, ASK_USER, "4");
    assert_answered(WSHUB_OK);
    assert_string_equal(f.workers[0].story, "s");
    assert_string_equal(f.workers[1].story, "");
    assert_string_equal(f.workers[2].story, "s");
    assert_string_equal(f.workers[2].last_payload, "{\"n\":1}");
    assert_int_equal(fake_count(f.fake, FAKE_LIST, key), 0);
    leave(claims[0]);
    run_rounds(f.loop);
    assert_int_equal(fake_count(f.fake, FAKE_DELETE, key), 0);
    leave(claims[1]);
    run_rounds(f.loop);
    assert_int_equal(fake_count(f.fake, FAKE_DELETE, key), 1);
    send_to(&f, ASK_USER, "4");
    assert_answered(WSHUB_NOT_FOUND);
    tear_down(&f);
}

static void a_user_is_elsewhere(void **state) {
    struct fixture f;
    struct table table;
    char channel[DIGEST_USER_LENGTH + 1], key[128];
    (void)state;
    set_up_send(&f, KEEPER);
    assert_true(digest_user_channel((struct span){"4", 1}, channel));
    snprintf(key, sizeof key, "ws:user:%s/you", digest("4"));
    put(&f, &table, key, "{\"instance\":\"you\"}");
    send_to(&f, ASK_USER, "4");
    assert_answered(WSHUB_OK);
    assert_string_equal(last_publish(&f)->channel, channel);
    assert_string_equal(last_publish(&f)->payload, "{\"n\":1}");
    send_to(&f, ASK_USER, "5");
    assert_answered(WSHUB_NOT_FOUND);
    fake_behave(f.fake, FAKE_LIST, FAKE_AT_ONCE, WSHUB_TIMEOUT);
    send_to(&f, ASK_USER, "4");
    assert_answered(WSHUB_TIMEOUT);
    tear_down(&f);
}

static void a_user_who_comes_back_at_once_stays(void **state) {
    struct fixture f;
    char channel[DIGEST_USER_LENGTH + 1], key[128];
    (void)state;
    set_up_send(&f, KEEPER);
    assert_true(digest_user_channel((struct span){"4", 1}, channel));
    snprintf(key, sizeof key, "ws:user:%s/me", digest("4"));
    struct claim *claim = subscribed(&f, 0, channel);
    fake_behave(f.fake, FAKE_DELETE, FAKE_HOLD, WSHUB_OK);
    leave(claim);
    run_rounds(f.loop);
    claim = subscribed(&f, 0, channel);
    assert_int_equal(fake_count(f.fake, FAKE_SET, key), 1);
    fake_complete_all(f.fake, WSHUB_OK);
    run_rounds(f.loop);
    assert_int_equal(fake_count(f.fake, FAKE_SET, key), 2);
    fake_behave(f.fake, FAKE_DELETE, FAKE_AT_ONCE, WSHUB_OK);
    leave(claim);
    run_rounds(f.loop);
    tear_down(&f);
}

static bool is_alone(void *context) {
    return counter_get(&stats(context)->instances) == 1;
}

// What a dead instance has left in the registry leads nowhere.
static void nobody_is_on_a_dead_instance(void **state) {
    struct fixture f;
    struct table table;
    char key[128];
    (void)state;
    prepare_presence(&f);
    tried[0] = '\0';
    who_has_it = WORKERS;
    f.on_other = on_mail;
    put_instance(&f, &table, "you", FIRST, 1);
    snprintf(key, sizeof key, "ws:user:%s/you", digest("4"));
    put(&f, &table, key, "{\"instance\":\"you\"}");
    put(&f, &table, "ws:conn:" CONNECTION, "{\"instance\":\"you\",\"address\":\"unix\"}");
    assert_true(hub_start(f.instance.hub, fake_load, on_failure, &f));
    run_rounds(f.loop);
    send_to(&f, ASK_USER, "4");
    assert_answered(WSHUB_OK);
    send_to(&f, ASK_CONNECTION, CONNECTION);
    assert_answered(WSHUB_OK);
    run_until(f.loop, is_alone, &f);
    send_to(&f, ASK_USER, "4");
    assert_answered(WSHUB_NOT_FOUND);
    send_to(&f, ASK_CONNECTION, CONNECTION);
    assert_answered(WSHUB_NOT_FOUND);
    tear_down(&f);
}

// Who waits for a broker that is closed gets an answer.
static void the_end_answers_all(void **state) {
    struct fixture f;
    (void)state;
    set_up_send(&f, KEEPER);
    fake_behave(f.fake, FAKE_LIST, FAKE_HOLD, WSHUB_OK);
    send_to(&f, ASK_USER, "4");
    assert_int_equal(answered.count, 0);
    tear_down(&f);
    assert_answered(WSHUB_CLOSED);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_a_registry_the_workers_know),
        cmocka_unit_test(the_registry_says_where_it_is),
        cmocka_unit_test(what_others_send_goes_to_all_workers),
        cmocka_unit_test(a_user_is_here),
        cmocka_unit_test(a_user_is_elsewhere),
        cmocka_unit_test(a_user_who_comes_back_at_once_stays),
        cmocka_unit_test(nobody_is_on_a_dead_instance),
        cmocka_unit_test(the_end_answers_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
