// SPDX-License-Identifier: MIT
// Questions to auth plugins while a session, its subscriptions or the hub itself come and go. With real
// workers in their threads: ThreadSanitizer runs this.
#include <inttypes.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "scripted_auth.h"

#include "hub_threads.h"

// No channels of users: what is counted is the test's.
#define GRANTED                                                                           \
    "auth: [{plugin: scripted}]\n"                                                        \
    "channels: [{match: '*', subscribe: granted, publish: granted, last_value: false}]\n" \
    "timeouts: {auth: 1m}\n"                                                              \
    "send: server\n"

#define SUBSCRIBE(id_) "{\"op\":\"subscribe\",\"id\":" #id_ ",\"channel\":\"room\"}"
#define UNSUBSCRIBE(id_) "{\"op\":\"unsubscribe\",\"id\":" #id_ ",\"channel\":\"room\"}"
#define REFRESH(id_) "{\"op\":\"refresh\",\"id\":" #id_ ",\"token\":\"again\"}"
#define UNSUBSCRIBE_OTHER(id_) "{\"op\":\"unsubscribe\",\"id\":" #id_ ",\"channel\":\"other\"}"
#define PING(id_) "{\"op\":\"ping\",\"id\":" #id_ "}"
#define OK(id_) "{\"op\":\"ok\",\"id\":" #id_ ",\"channel\":\"room\"}"
#define PLAIN_OK(id_) "{\"op\":\"ok\",\"id\":" #id_ "}"
#define DENIED(id_, message_) \
    "{\"op\":\"error\",\"id\":" #id_ ",\"code\":\"denied\",\"message\":\"" message_ "\",\"retry\":false}"
#define NOT_SUBSCRIBED(id_)                                          \
    "{\"op\":\"error\",\"id\":" #id_ ",\"code\":\"not_subscribed\"," \
    "\"message\":\"this connection has not subscribed to the channel\",\"retry\":false}"
#define TAKEN_AWAY(id_) DENIED(id_, "the grant was taken away meanwhile")
#define UNSUBSCRIBED "{\"op\":\"unsubscribed\",\"channel\":\"room\",\"code\":\"revoked\"}"
#define MESSAGE "{\"op\":\"message\",\"channel\":\"room\",\"data\":1}"

// ---- the plugin, as the test wants it

static int is_asked(struct setup *s, void *argument) {
    (void)s;
    return scripted.count > 0 && scripted.questions[0].slot == *(const char *)argument;
}

static void wait_asked(struct setup *s, char slot) {
    wait_until(s, is_asked, &slot);
}

struct saying {
    int status;
    const struct wshub_identity *identity;
};

static int do_say(struct setup *s, void *argument) {
    const struct saying *saying = argument;
    (void)s;
    scripted_answer(saying->status, saying->identity);
    return 0;
}

// The answer to the question that is open.
static void say(struct setup *s, int status, const struct wshub_identity *identity) {
    on_hub(s, do_say, &(struct saying){status, identity});
}

static const struct wshub_grant room = {{"room", 4}, WSHUB_VERB_SUBSCRIBE, 0};

static struct wshub_identity ann(uint64_t grants, uint32_t ask) {
    return (struct wshub_identity){
        .struct_size = sizeof(struct wshub_identity),
        .user = {"ann", 3},
        .grants = &room,
        .grant_count = grants,
        .ask = ask,
    };
}

// ---- clients

static void shake(struct setup *s, struct client *c, const char *rest) {
    char request[512];
    *c = (struct client){.fd = connect_to(s)};
    assert_true(c->fd >= 0);
    int length =
        snprintf(request, sizeof request,
                 "GET /ws?token=x HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                 "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n%s",
                 rest);
    send_all(c->fd, request, (size_t)length);
}

static void take_head(struct client *c, const char *status) {
    const char *end;
    do {
        assert_true(receive(c));
    } while (!(end = strstr(c->data, "\r\n\r\n")));
    assert_memory_equal(c->data, status, strlen(status));
    consume(c, (size_t)(end + 4 - c->data));
}

static void take_welcome(struct client *c) {
    const char *payload;
    size_t length;
    assert_int_equal(client_next(c, &payload, &length), TEXT);
    assert_non_null(strstr(payload, "{\"op\":\"welcome\","));
    assert_non_null(strstr(payload, ",\"user\":\"ann\""));
}

// In one piece, which the hub reads at once.
static void client_send_all(struct client *c, int count, const char *const *texts) {
    char frames[8 * (6 + 126)];
    size_t length = 0;
    for (int i = 0; i < count; i++) {
        length += write_frame(frames + length, TEXT, texts[i], strlen(texts[i]));
    }
    send_all(c->fd, frames, length);
}

static void come_in(struct setup *s, struct client *c, const struct wshub_identity *identity) {
    shake(s, c, "");
    wait_asked(s, 'c');
    say(s, WSHUB_OK, identity);
    take_head(c, "HTTP/1.1 101 ");
    take_welcome(c);
}

// But the hub's own channel.
static int nothing_is_subscribed(struct setup *s, void *argument) {
    (void)argument;
    return TOTAL(s, channels) == 0 && TOTAL(s, subscriptions) == 0 &&
           counter_get(&hub_stats(s->instance.hub)->channels) == 0 && s->fake->subscribed_count == 1;
}

static int nobody_is_there(struct setup *s, void *argument) {
    (void)argument;
    return TOTAL(s, connections) == 0 && atomic_load(&s->instance.connections) == 0;
}

// ---- on the way in

static void a_client_that_is_gone_is_not_let_in(void **state) {
    struct setup s;
    struct client c;
    struct wshub_identity who = ann(1, 0);
    (void)state;
    start_with(&s, 2, GRANTED);
    for (int i = 0; i < 20; i++) { // whichever is first
        shake(&s, &c, "");
        if (i % 2) {
            wait_asked(&s, 'c');
        }
        client_free(&c);
        wait_asked(&s, 'c');
        say(&s, WSHUB_OK, &who);
        wait_until(&s, nobody_is_there, NULL);
    }
    come_in(&s, &c, &who);
    client_free(&c);
    stop(&s);
}

static void the_hub_may_end_while_it_asks(void **state) {
    struct setup s;
    struct client asked, operating;
    struct wshub_identity who = ann(0, WSHUB_VERB_SUBSCRIBE);
    (void)state;
    start_with(&s, 2, GRANTED);
    come_in(&s, &operating, &who);
    client_send(&operating, SUBSCRIBE(1));
    client_send(&operating, SUBSCRIBE(2));
    wait_asked(&s, 'o');
    shake(&s, &asked, "early");
    stop(&s);
    client_free(&asked);
    client_free(&operating);
}

// ---- subscriptions that wait for the broker

static void start_waiting(struct setup *s, struct client *c, const struct wshub_identity *first) {
    start_with(s, 2, GRANTED);
    come_in(s, c, first);
    behave(s, FAKE_SUBSCRIBE, FAKE_HOLD, 0);
}

static void refresh(struct setup *s, struct client *c, const struct wshub_identity *next) {
    client_send(c, REFRESH(7));
    wait_asked(s, 'r');
    say(s, WSHUB_OK, next);
    expect(c, PLAIN_OK(7));
}

// It is not confirmed yet when the grant goes: the answer is a no, and nothing is delivered ever.
static void a_waiting_subscribe_does_not_survive_a_refresh(void **state) {
    struct setup s;
    struct client c;
    struct wshub_identity with = ann(1, 0), without = ann(0, 0);
    (void)state;
    start_waiting(&s, &c, &with);
    client_send(&c, SUBSCRIBE(1));
    wait_held(&s, 1);
    refresh(&s, &c, &without);
    complete(&s, WSHUB_OK);
    expect(&c, TAKEN_AWAY(1));
    on_hub(&s, do_deliver, NULL);
    client_sync(&c); // got nothing
    wait_until(&s, nothing_is_subscribed, NULL);
    client_free(&c);
    stop(&s);
}

// Nor one that the broker refuses in the end: one answer, whichever it is.
static void a_waiting_subscribe_is_answered_once(void **state) {
    struct setup s;
    struct client c;
    struct wshub_identity with = ann(1, 0), without = ann(0, 0);
    (void)state;
    start_waiting(&s, &c, &with);
    client_send(&c, SUBSCRIBE(1));
    wait_held(&s, 1);
    refresh(&s, &c, &without);
    complete(&s, WSHUB_UNAVAILABLE);
    expect(&c, TAKEN_AWAY(1));
    client_sync(&c);
    wait_until(&s, nothing_is_subscribed, NULL);
    client_free(&c);
    stop(&s);
}

static void only_the_subscription_that_is_left_is_taken_away(void **state) {
    struct setup s;
    struct client c;
    struct wshub_identity with = ann(1, 0), without = ann(0, 0);
    (void)state;
    start_waiting(&s, &c, &with);
    client_send(&c, SUBSCRIBE(1));
    client_send(&c, UNSUBSCRIBE(2));
    client_send(&c, SUBSCRIBE(3));
    wait_held(&s, 1);
    refresh(&s, &c, &without);
    complete(&s, WSHUB_OK);
    expect(&c, OK(1));
    expect(&c, OK(2));
    expect(&c, TAKEN_AWAY(3));
    on_hub(&s, do_deliver, NULL);
    client_sync(&c);
    wait_until(&s, nothing_is_subscribed, NULL);
    client_free(&c);
    stop(&s);
}

// Another session's subscription to the channel goes on.
static void others_keep_theirs(void **state) {
    struct setup s;
    struct client c, other;
    struct wshub_identity with = ann(1, 0), without = ann(0, 0);
    (void)state;
    start_with(&s, 1, GRANTED);
    come_in(&s, &c, &with);
    come_in(&s, &other, &with);
    behave(&s, FAKE_SUBSCRIBE, FAKE_HOLD, 0);
    client_send(&c, SUBSCRIBE(1));
    client_send(&other, SUBSCRIBE(1));
    wait_held(&s, 1);
    client_sync(&other);
    refresh(&s, &c, &without);
    complete(&s, WSHUB_OK);
    expect(&c, TAKEN_AWAY(1));
    expect(&other, OK(1));
    on_hub(&s, do_deliver, NULL);
    expect(&other, MESSAGE);
    client_sync(&c);
    client_free(&c);
    client_free(&other);
    stop(&s);
}

// ---- subscriptions that only the plugin can decide

static void open_reviewed(struct setup *s, struct client *c) {
    struct wshub_identity with = ann(1, 0), asks = ann(0, WSHUB_VERB_SUBSCRIBE);
    start_waiting(s, c, &with);
    client_send(c, SUBSCRIBE(1));
    wait_held(s, 1);
    refresh(s, c, &asks);
    wait_asked(s, 'o');
    complete(s, WSHUB_OK);
    expect(c, OK(1)); // it was allowed when it was asked for
    on_hub(s, do_deliver, NULL);
}

static void what_passes_by_an_undecided_one_is_a_gap(void **state) {
    struct setup s;
    struct client c;
    (void)state;
    open_reviewed(&s, &c);
    say(&s, WSHUB_OK, NULL);
    expect(&c, "{\"op\":\"gap\",\"channel\":\"room\"}");
    on_hub(&s, do_deliver, NULL);
    expect(&c, MESSAGE);
    client_free(&c);
    stop(&s);
}

static void a_no_to_an_undecided_one_ends_it(void **state) {
    struct setup s;
    struct client c;
    (void)state;
    open_reviewed(&s, &c);
    say(&s, WSHUB_DENIED, NULL);
    expect(&c, UNSUBSCRIBED);
    on_hub(&s, do_deliver, NULL);
    client_sync(&c);
    wait_until(&s, nothing_is_subscribed, NULL);
    client_free(&c);
    stop(&s);
}

static void a_failure_ends_it_too(void **state) {
    struct setup s;
    struct client c;
    (void)state;
    open_reviewed(&s, &c);
    say(&s, WSHUB_UNAVAILABLE, NULL);
    expect(&c, UNSUBSCRIBED);
    client_sync(&c);
    client_free(&c);
    stop(&s);
}

// The broker refuses what the plugin is asked about.
static void an_undecided_one_that_fails_meanwhile_is_gone(void **state) {
    struct setup s;
    struct client c;
    struct wshub_identity with = ann(1, 0), asks = ann(0, WSHUB_VERB_SUBSCRIBE);
    (void)state;
    start_waiting(&s, &c, &with);
    client_send(&c, SUBSCRIBE(1));
    wait_held(&s, 1);
    refresh(&s, &c, &asks);
    wait_asked(&s, 'o');
    complete(&s, WSHUB_DENIED);
    expect(&c, DENIED(1, "the broker refused it"));
    say(&s, WSHUB_OK, NULL);
    client_sync(&c);
    wait_until(&s, nothing_is_subscribed, NULL);
    client_free(&c);
    stop(&s);
}

// It is not read from meanwhile, so that it is gone is seen when the answer is there.
static void a_client_may_go_while_its_subscriptions_are_reviewed(void **state) {
    struct setup s;
    struct client c;
    (void)state;
    open_reviewed(&s, &c);
    client_free(&c);
    on_hub(&s, do_deliver, NULL);
    say(&s, WSHUB_OK, NULL);
    wait_until(&s, nobody_is_there, NULL);
    wait_until(&s, nothing_is_subscribed, NULL);
    stop(&s);
}

static uint64_t in_a_second(void) {
    return clock_wall_ms() + 1000;
}

static void expect_expiry(struct client *c) {
    const char *payload;
    size_t length;
    do { // it may be told that it is expiring, first
        assert_int_equal(client_next(c, &payload, &length), TEXT);
    } while (strstr(payload, "\"expiring\""));
    assert_string_equal(payload, "{\"op\":\"closing\",\"code\":\"token_expired\"}");
    expect_close(c, 4410);
}

static void a_session_may_end_while_its_subscriptions_are_reviewed(void **state) {
    struct setup s;
    struct client c;
    struct wshub_identity with = ann(1, 0), asks = ann(0, WSHUB_VERB_SUBSCRIBE);
    (void)state;
    start_with(&s, 2, GRANTED);
    come_in(&s, &c, &with);
    client_send(&c, SUBSCRIBE(1));
    expect(&c, OK(1));
    asks.expires = in_a_second();
    client_send(&c, REFRESH(7));
    wait_asked(&s, 'r');
    say(&s, WSHUB_OK, &asks);
    const char *payload;
    size_t length;
    assert_int_equal(client_next(&c, &payload, &length), TEXT);
    assert_non_null(strstr(payload, "{\"op\":\"ok\",\"id\":7,\"expires_in_ms\":"));
    wait_asked(&s, 'o');
    expect_expiry(&c);
    on_hub(&s, do_deliver, NULL);
    say(&s, WSHUB_OK, NULL); // too late
    wait_until(&s, nothing_is_subscribed, NULL);
    client_free(&c);
    wait_until(&s, nobody_is_there, NULL);
    stop(&s);
}

// ---- order

static void what_comes_behind_a_question_waits_for_its_answer(void **state) {
    struct setup s;
    struct client c;
    struct wshub_identity asks = ann(0, WSHUB_VERB_SUBSCRIBE);
    (void)state;
    start_with(&s, 2, GRANTED);
    come_in(&s, &c, &asks);
    client_send(&c, SUBSCRIBE(1));
    client_send(&c, "{\"op\":\"ping\",\"id\":2}");
    client_send(&c, UNSUBSCRIBE(3));
    client_send(&c, SUBSCRIBE(4));
    client_send(&c, "{\"op\":\"ping\",\"id\":5}");
    wait_asked(&s, 'o');
    say(&s, WSHUB_OK, NULL);
    wait_asked(&s, 'o'); // the second one
    say(&s, WSHUB_DENIED, NULL);
    // A confirmation comes when it comes; but the unsubscribe found what was subscribed before it.
    const char *first[] = {OK(1), PLAIN_OK(2), OK(3), DENIED(4, "subscribe to \\\"room\\\" is not granted"),
                           PLAIN_OK(5)};
    unsigned seen = 0;
    for (int i = 0; i < 5; i++) {
        const char *payload;
        size_t length;
        assert_int_equal(client_next(&c, &payload, &length), TEXT);
        for (unsigned k = 0; k < 5; k++) {
            seen |= strcmp(payload, first[k]) == 0 ? 1u << k : 0;
        }
    }
    assert_int_equal(seen, 0x1f);
    client_free(&c);
    stop(&s);
}

static int has_received(struct setup *s, void *argument) {
    return TOTAL(s, messages_received) == *(uint64_t *)argument;
}

// Else who keeps a plugin busy could make the hub keep more and more.
static void nothing_is_read_while_operations_wait(void **state) {
    struct setup s;
    struct client c, other;
    struct wshub_identity asks = ann(0, WSHUB_VERB_SUBSCRIBE);
    uint64_t sent = 3;
    (void)state;
    start_with(&s, 1, GRANTED);
    come_in(&s, &c, &asks);
    come_in(&s, &other, &asks);
    client_send_all(&c, 3, (const char *const[]){SUBSCRIBE(1), UNSUBSCRIBE_OTHER(2), SUBSCRIBE(3)});
    wait_asked(&s, 'o');
    wait_until(&s, has_received, &sent);
    say(&s, WSHUB_DENIED, NULL);
    expect(&c, DENIED(1, "subscribe to \\\"room\\\" is not granted"));
    expect(&c, NOT_SUBSCRIBED(2));
    wait_asked(&s, 'o');
    client_send(&c, PING(4));
    client_sync(&other); // the worker has looked at both sockets
    client_sync(&other);
    assert_int_equal(TOTAL(&s, messages_received), 5);
    say(&s, WSHUB_DENIED, NULL);
    expect(&c, DENIED(3, "subscribe to \\\"room\\\" is not granted"));
    expect(&c, PLAIN_OK(4));
    client_free(&c);
    client_free(&other);
    stop(&s);
}

// What was read is answered, also behind an operation that is settled at once.
static void a_drain_waits_for_what_waits(void **state) {
    struct setup s;
    struct client c, first;
    struct wshub_identity asks = ann(0, WSHUB_VERB_SUBSCRIBE);
    const char *payload;
    size_t length;
    uint64_t sent = 4;
    (void)state;
    start_with(&s, 1, GRANTED "drain: {window: 0s}\n");
    come_in(&s, &first, &asks);
    come_in(&s, &c, &asks);
    client_send_all(&c, 4,
                    (const char *const[]){SUBSCRIBE(1), UNSUBSCRIBE_OTHER(2), UNSUBSCRIBE_OTHER(3), PING(4)});
    wait_asked(&s, 'o');
    wait_until(&s, has_received, &sent);
    on_hub(&s, do_drain, NULL);
    assert_int_equal(client_next(&first, &payload, &length), TEXT); // goes last: the other was told by then
    assert_non_null(strstr(payload, "{\"op\":\"closing\",\"code\":\"drain\""));
    say(&s, WSHUB_DENIED, NULL);
    expect(&c, DENIED(1, "subscribe to \\\"room\\\" is not granted"));
    expect(&c, NOT_SUBSCRIBED(2));
    expect(&c, NOT_SUBSCRIBED(3));
    expect(&c, PLAIN_OK(4));
    assert_int_equal(client_next(&c, &payload, &length), TEXT);
    assert_non_null(strstr(payload, "{\"op\":\"closing\",\"code\":\"drain\""));
    expect_close(&c, 1001);
    client_free(&c);
    client_free(&first);
    wait_for(&s.ended);
    stop(&s);
}

static void an_identity_that_ends_during_a_refresh_has_ended(void **state) {
    struct setup s;
    struct client c;
    struct wshub_identity short_lived = ann(1, 0), next = ann(1, 0);
    (void)state;
    start_with(&s, 2, GRANTED);
    short_lived.expires = in_a_second();
    come_in(&s, &c, &short_lived);
    client_send(&c, REFRESH(7));
    wait_asked(&s, 'r');
    expect_expiry(&c);
    say(&s, WSHUB_OK, &next); // too late
    client_free(&c);
    wait_until(&s, nobody_is_there, NULL);
    stop(&s);
}

// ---- a revocation while a question is open

static int do_revoke(struct setup *s, void *argument) {
    char text[128];
    uint64_t now = clock_wall_ms();
    (void)argument;
    snprintf(text, sizeof text, "{\"revoke\":{\"user\":\"ann\"},\"at\":%" PRIu64 ",\"until\":%" PRIu64 "}",
             now, now + 60000);
    return fake_deliver(s->fake, "$wshub:control", text);
}

static void expect_revoked(struct client *c) {
    expect(c, "{\"op\":\"closing\",\"code\":\"revoked\"}");
    expect_close(c, 4403);
}

// Whatever the answer is, it is too late.
static void who_is_revoked_while_it_asks_is_gone(void **state) {
    static const char *const operations[] = {REFRESH(1), SUBSCRIBE(1)};
    (void)state;
    for (int i = 0; i < 2; i++) {
        struct setup s;
        struct client c;
        struct wshub_identity asks = ann(0, WSHUB_VERB_SUBSCRIBE), next = ann(1, 0);
        start_with(&s, 1, GRANTED);
        come_in(&s, &c, &asks);
        client_send(&c, operations[i]);
        client_send(&c, SUBSCRIBE(2));
        wait_asked(&s, i == 0 ? 'r' : 'o');
        on_hub(&s, do_revoke, NULL);
        expect_revoked(&c);
        say(&s, WSHUB_OK, i == 0 ? &next : NULL);
        wait_until(&s, nothing_is_subscribed, NULL);
        client_free(&c);
        wait_until(&s, nobody_is_there, NULL);
        stop(&s);
    }
}

static void who_is_revoked_during_a_review_is_gone(void **state) {
    struct setup s;
    struct client c;
    (void)state;
    open_reviewed(&s, &c);
    on_hub(&s, do_revoke, NULL);
    expect_revoked(&c);
    on_hub(&s, do_deliver, NULL);
    say(&s, WSHUB_OK, NULL);
    wait_until(&s, nothing_is_subscribed, NULL);
    client_free(&c);
    wait_until(&s, nobody_is_there, NULL);
    stop(&s);
}

static void who_is_revoked_on_its_way_in_stays_out(void **state) {
    struct setup s;
    struct client c;
    struct wshub_identity who = ann(1, 0);
    (void)state;
    start_with(&s, 1, GRANTED);
    shake(&s, &c, "");
    wait_asked(&s, 'c');
    on_hub(&s, do_revoke, NULL);
    say(&s, WSHUB_OK, &who);
    take_head(&c, "HTTP/1.1 401 ");
    client_free(&c);
    wait_until(&s, nobody_is_there, NULL);
    stop(&s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_client_that_is_gone_is_not_let_in),
        cmocka_unit_test(the_hub_may_end_while_it_asks),
        cmocka_unit_test(a_waiting_subscribe_does_not_survive_a_refresh),
        cmocka_unit_test(a_waiting_subscribe_is_answered_once),
        cmocka_unit_test(only_the_subscription_that_is_left_is_taken_away),
        cmocka_unit_test(others_keep_theirs),
        cmocka_unit_test(what_passes_by_an_undecided_one_is_a_gap),
        cmocka_unit_test(a_no_to_an_undecided_one_ends_it),
        cmocka_unit_test(a_failure_ends_it_too),
        cmocka_unit_test(an_undecided_one_that_fails_meanwhile_is_gone),
        cmocka_unit_test(a_client_may_go_while_its_subscriptions_are_reviewed),
        cmocka_unit_test(a_session_may_end_while_its_subscriptions_are_reviewed),
        cmocka_unit_test(what_comes_behind_a_question_waits_for_its_answer),
        cmocka_unit_test(nothing_is_read_while_operations_wait),
        cmocka_unit_test(a_drain_waits_for_what_waits),
        cmocka_unit_test(an_identity_that_ends_during_a_refresh_has_ended),
        cmocka_unit_test(who_is_revoked_while_it_asks_is_gone),
        cmocka_unit_test(who_is_revoked_during_a_review_is_gone),
        cmocka_unit_test(who_is_revoked_on_its_way_in_stays_out),
    };
    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
