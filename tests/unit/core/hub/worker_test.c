// SPDX-License-Identifier: MIT
// What a client sees of the hub's promises, through real workers in their threads. ThreadSanitizer runs this.
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

#include "hub_threads.h"

#define SUBSCRIBE(id_) "{\"op\":\"subscribe\",\"id\":" #id_ ",\"channel\":\"room\"}"
#define UNSUBSCRIBE(id_) "{\"op\":\"unsubscribe\",\"id\":" #id_ ",\"channel\":\"room\"}"
#define PUBLISH(id_) "{\"op\":\"publish\",\"id\":" #id_ ",\"channel\":\"room\",\"data\":1}"
#define OK(id_) "{\"op\":\"ok\",\"id\":" #id_ ",\"channel\":\"room\"}"
#define ERROR(id_, code_, message_, retry_)                                            \
    "{\"op\":\"error\",\"id\":" #id_ ",\"code\":\"" code_ "\",\"message\":\"" message_ \
    "\",\"retry\":" retry_ "}"

// ---- publish

static void a_publish_is_answered_when_the_broker_has_taken_it(void **state) {
    struct setup s;
    struct client c;
    (void)state;
    start(&s);
    behave(&s, FAKE_PUBLISH, FAKE_HOLD, 0);
    client_open(&s, &c);
    client_send(&c, PUBLISH(1));
    wait_held(&s, 1);
    client_sync(&c); // nothing yet, and it does not block the rest
    complete(&s, WSHUB_OK);
    expect(&c, OK(1));
    assert_string_equal(s.fake->calls[0]->payload, "1");
    assert_string_equal(s.fake->calls[0]->sender, c.id);
    client_free(&c);
    stop(&s);
}

static void a_publish_that_fails_says_why(void **state) {
    static const struct {
        int status;
        const char *answer;
    } cases[] = {
        {WSHUB_NO_MEMORY, ERROR(1, "internal", "out of memory", "true")},
        {WSHUB_INVALID, ERROR(1, "bad_request", "the broker cannot take this", "false")},
        {WSHUB_UNAVAILABLE, ERROR(1, "broker_unavailable", "the broker is not reachable", "true")},
        {WSHUB_TIMEOUT, ERROR(1, "timeout", "the broker did not answer in time", "true")},
        {WSHUB_DENIED, ERROR(1, "denied", "the broker refused it", "false")},
        {WSHUB_TOO_LARGE, ERROR(1, "too_large", "larger than the broker takes", "false")},
        {WSHUB_UNSUPPORTED, ERROR(1, "unsupported", "the broker cannot do that", "false")},
        {WSHUB_INTERNAL, ERROR(1, "internal", "the broker plugin failed", "true")},
        {-99, ERROR(1, "internal", "the broker plugin failed", "true")},
        {7, ERROR(1, "internal", "the broker plugin failed", "true")},
    };
    struct setup s;
    struct client c;
    (void)state;
    start(&s);
    client_open(&s, &c);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        behave(&s, FAKE_PUBLISH, i % 2 ? FAKE_REFUSE : FAKE_AT_ONCE, cases[i].status);
        client_send(&c, PUBLISH(1));
        expect(&c, cases[i].answer);
    }
    client_sync(&c);
    client_free(&c);
    stop(&s);
}

static void a_publish_that_is_never_answered_times_out(void **state) {
    struct setup s;
    struct client c;
    (void)state;
    start_with(&s, 2, "timeouts: {broker: 100ms}\n");
    behave(&s, FAKE_PUBLISH, FAKE_HOLD, 0);
    client_open(&s, &c);
    client_send(&c, PUBLISH(1));
    expect(&c, ERROR(1, "timeout", "the broker did not answer in time", "true"));
    complete(&s, WSHUB_OK); // too late
    client_sync(&c);
    client_free(&c);
    stop(&s);
}

// ---- subscribe

static void a_subscribe_is_answered_when_the_broker_has_confirmed(void **state) {
    struct setup s;
    struct client c, other;
    char message[256];
    (void)state;
    start(&s);
    behave(&s, FAKE_SUBSCRIBE, FAKE_HOLD, 0);
    client_open(&s, &c);
    client_open(&s, &other);
    client_send(&c, SUBSCRIBE(1));
    wait_held(&s, 1);
    client_sync(&c);
    complete(&s, WSHUB_OK);
    expect(&c, OK(1));
    client_send(&c, SUBSCRIBE(2));
    expect(&c,
           ERROR(2, "already_subscribed", "this connection has subscribed to the channel already", "false"));
    client_send(&other, PUBLISH(1));
    expect(&other, OK(1));
    snprintf(message, sizeof message,
             "{\"op\":\"message\",\"channel\":\"room\",\"data\":1,\"from\":{\"connection\":\"%s\"}}",
             other.id);
    expect(&c, message);
    client_send(&c, UNSUBSCRIBE(3));
    expect(&c, OK(3));
    wait_until(&s, has_no_trace, NULL);
    client_free(&c);
    client_free(&other);
    stop(&s);
}

static void a_failed_subscribe_leaves_no_trace(void **state) {
    struct setup s;
    struct client c;
    (void)state;
    start(&s);
    client_open(&s, &c);
    behave(&s, FAKE_SUBSCRIBE, FAKE_HOLD, 0);
    client_send(&c, SUBSCRIBE(1));
    wait_held(&s, 1);
    complete(&s, WSHUB_DENIED);
    expect(&c, ERROR(1, "denied", "the broker refused it", "false"));
    wait_until(&s, has_no_trace, NULL);
    client_send(&c, UNSUBSCRIBE(2));
    expect(&c, ERROR(2, "not_subscribed", "this connection has not subscribed to the channel", "false"));
    on_hub(&s, do_deliver, NULL);
    client_sync(&c); // got nothing
    behave(&s, FAKE_SUBSCRIBE, FAKE_AT_ONCE, WSHUB_OK);
    client_send(&c, SUBSCRIBE(3));
    expect(&c, OK(3));
    client_free(&c);
    wait_until(&s, has_no_trace, NULL);
    stop(&s);
}

static void a_subscribe_that_times_out_is_taken_back(void **state) {
    struct setup s;
    struct client c;
    (void)state;
    start_with(&s, 2, "timeouts: {broker: 100ms}\n");
    behave(&s, FAKE_SUBSCRIBE, FAKE_HOLD, 0);
    client_open(&s, &c);
    client_send(&c, SUBSCRIBE(1));
    expect(&c, ERROR(1, "timeout", "the broker did not answer in time", "true"));
    wait_until(&s, has_no_trace, NULL);
    assert_int_equal(count_calls(&s, FAKE_UNSUBSCRIBE), 1);
    client_free(&c);
    stop(&s);
}

static void unsubscribing_while_it_is_pending_answers_both_once(void **state) {
    static const struct {
        int status;
        const char *first;
    } cases[] = {{WSHUB_OK, OK(1)}, {WSHUB_DENIED, ERROR(1, "denied", "the broker refused it", "false")}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct setup s;
        struct client c;
        start(&s);
        behave(&s, FAKE_SUBSCRIBE, FAKE_HOLD, 0);
        client_open(&s, &c);
        client_send(&c, SUBSCRIBE(1));
        client_send(&c, UNSUBSCRIBE(2));
        wait_held(&s, 1);
        client_sync(&c);
        complete(&s, cases[i].status);
        expect(&c, cases[i].first);
        expect(&c, OK(2));
        client_sync(&c);
        wait_until(&s, has_no_trace, NULL);
        on_hub(&s, do_deliver, NULL);
        client_sync(&c);
        client_free(&c);
        stop(&s);
    }
}

static void coming_back_while_it_is_pending_ends_subscribed(void **state) {
    struct setup s;
    struct client c;
    (void)state;
    start(&s);
    behave(&s, FAKE_SUBSCRIBE, FAKE_HOLD, 0);
    client_open(&s, &c);
    client_send(&c, SUBSCRIBE(1));
    client_send(&c, UNSUBSCRIBE(2));
    client_send(&c, SUBSCRIBE(3));
    client_sync(&c);
    wait_held(&s, 1);
    complete(&s, WSHUB_OK);
    expect(&c, OK(1));
    expect(&c, OK(2));
    expect(&c, OK(3));
    on_hub(&s, do_deliver, NULL);
    expect(&c, "{\"op\":\"message\",\"channel\":\"room\",\"data\":1}");
    assert_int_equal(count_calls(&s, FAKE_SUBSCRIBE), 1);
    client_free(&c);
    wait_until(&s, has_no_trace, NULL);
    stop(&s);
}

// ---- clients that go

enum way { WAY_FIN, WAY_RESET, WAY_CLOSE_FRAME, WAYS };

static void go(struct client *c, enum way way) {
    const struct linger reset = {.l_onoff = 1, .l_linger = 0};
    if (way == WAY_RESET) {
        setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    } else if (way == WAY_CLOSE_FRAME) {
        client_send_close(c);
        expect_close(c, 1000);
        expect_end(c);
    }
    client_free(c);
}

static void who_goes_with_work_pending_leaves_no_trace(void **state) {
    const int statuses[] = {WSHUB_OK, WSHUB_DENIED, WSHUB_TIMEOUT};
    (void)state;
    for (unsigned i = 0; i < WAYS * 3; i++) {
        struct setup s;
        struct client c;
        start(&s);
        behave(&s, FAKE_SUBSCRIBE, FAKE_HOLD, 0);
        behave(&s, FAKE_PUBLISH, FAKE_HOLD, 0);
        client_open(&s, &c);
        client_send(&c, SUBSCRIBE(1));
        client_send(&c, PUBLISH(2));
        client_send(&c, PUBLISH(3));
        wait_held(&s, 3);
        go(&c, i % WAYS);
        wait_connections(&s, 0);
        complete(&s, statuses[i / WAYS]);
        wait_until(&s, has_no_trace, NULL);
        assert_int_equal(count_calls(&s, FAKE_SUBSCRIBE), 1);
        assert_int_equal(count_calls(&s, FAKE_UNSUBSCRIBE), statuses[i / WAYS] == WSHUB_DENIED ? 0 : 1);
        stop(&s);
    }
}

static int let_close_say_ok(struct setup *s, void *argument) {
    s->fake->close_says_ok = argument != NULL;
    return 0;
}

// The plugin is closed with work in flight: each is settled once, whether the plugin says so itself or not.
static void stopping_settles_what_is_pending(void **state) {
    (void)state;
    for (int i = 0; i < 4; i++) {
        bool goes = i % 2, says_ok = i / 2;
        struct setup s;
        struct client c;
        start(&s);
        behave(&s, FAKE_SUBSCRIBE, FAKE_HOLD, 0);
        behave(&s, FAKE_PUBLISH, FAKE_HOLD, 0);
        on_hub(&s, let_close_say_ok, says_ok ? &s : NULL);
        client_open(&s, &c);
        client_send(&c, SUBSCRIBE(1));
        client_send(&c, PUBLISH(2));
        wait_held(&s, 2);
        if (goes) {
            go(&c, WAY_FIN);
            wait_connections(&s, 0);
        }
        stop(&s);
        if (!goes) {
            client_free(&c);
        }
    }
}

// ---- backpressure

enum { MANY = 10000 };

struct flood {
    int fd;
    size_t smallest; // bytes of a frame
    bool failed;
};

static void *pour(void *context) {
    struct flood *flood = context;
    char *all = malloc(MANY * 100), text[100];
    size_t length = 0;
    flood->smallest = SIZE_MAX;
    for (int i = 0; i < MANY; i++) {
        int n = snprintf(text, sizeof text, "{\"op\":\"publish\",\"id\":%d,\"channel\":\"room\",\"data\":%d}",
                         i, i);
        size_t size = write_frame(all + length, TEXT, text, (size_t)n);
        length += size;
        flood->smallest = size < flood->smallest ? size : flood->smallest;
    }
    for (size_t sent = 0; sent < length && !flood->failed;) {
        ssize_t n = send(flood->fd, all + sent, length - sent, MSG_NOSIGNAL);
        flood->failed = n <= 0;
        sent += n > 0 ? (size_t)n : 0;
    }
    free(all);
    return NULL;
}

static int let_publishes_go(struct setup *s, void *argument) {
    (void)argument;
    fake_behave(s->fake, FAKE_PUBLISH, FAKE_AT_ONCE, WSHUB_OK);
    return (int)fake_complete_all(s->fake, WSHUB_OK);
}

// The worker has been round its loop, and the hub has taken all that it had posted.
static void go_round(struct client *c) {
    for (int i = 0; i < 20; i++) {
        client_sync(c);
        client_send(c, "{\"op\":\"subscribe\",\"id\":1,\"channel\":\"other\"}");
        expect(c, "{\"op\":\"ok\",\"id\":1,\"channel\":\"other\"}");
        client_send(c, "{\"op\":\"unsubscribe\",\"id\":2,\"channel\":\"other\"}");
        expect(c, "{\"op\":\"ok\",\"id\":2,\"channel\":\"other\"}");
    }
}

static void who_publishes_faster_than_the_broker_is_held_back(void **state) {
    enum { REQUESTS = 256, READ = 64 * 1024 }; // what core/hub/session.c and core/net take at a time
    size_t begun = REQUESTS + 1;
    struct setup s;
    struct client c, other;
    struct flood flood;
    pthread_t thread;
    char text[100];
    (void)state;
    start_with(&s, 1, "");
    behave(&s, FAKE_PUBLISH, FAKE_HOLD, 0);
    client_open(&s, &c);
    client_open(&s, &other);
    flood = (struct flood){.fd = c.fd};
    assert_int_equal(pthread_create(&thread, NULL, pour, &flood), 0);
    wait_until(&s, holds, &begun);
    go_round(&other);
    int held = on_hub(&s, held_count, NULL);
    go_round(&other); // nobody else is held back
    assert_int_equal(on_hub(&s, held_count, NULL), held);
    assert_int_equal(on_hub(&s, let_publishes_go, NULL), held);
    for (int i = 0; i < MANY; i++) {
        snprintf(text, sizeof text, "{\"op\":\"ok\",\"id\":%d,\"channel\":\"room\"}", i);
        expect(&c, text);
    }
    pthread_join(thread, NULL);
    assert_false(flood.failed);
    assert_true((size_t)held <= REQUESTS + READ / flood.smallest + 1);
    assert_int_equal(count_calls(&s, FAKE_PUBLISH), MANY);
    client_sync(&c);
    client_free(&c);
    client_free(&other);
    stop(&s);
}

// ---- many at once

static void everybody_gets_everything_in_order(void **state) {
    enum { CLIENTS = 8, MESSAGES = 200 };
    struct client clients[CLIENTS];
    char text[200];
    struct setup s;
    (void)state;
    start(&s);
    for (int i = 0; i < CLIENTS; i++) {
        client_open(&s, &clients[i]);
        client_send(&clients[i], SUBSCRIBE(1));
        expect(&clients[i], OK(1));
    }
    assert_int_equal(count_calls(&s, FAKE_SUBSCRIBE), 1); // P1
    for (int i = 0; i < MESSAGES; i++) {
        snprintf(text, sizeof text, "{\"op\":\"publish\",\"channel\":\"room\",\"data\":%d}", i);
        client_send(&clients[0], text);
    }
    for (int c = 0; c < CLIENTS; c++) {
        for (int i = 0; i < MESSAGES; i++) {
            snprintf(text, sizeof text,
                     "{\"op\":\"message\",\"channel\":\"room\",\"data\":%d,\"from\":{\"connection\":\"%s\"}}",
                     i, clients[0].id);
            expect(&clients[c], text);
        }
    }
    for (int c = 0; c < CLIENTS; c++) {
        client_free(&clients[c]);
    }
    wait_until(&s, has_no_trace, NULL);
    assert_int_equal(count_calls(&s, FAKE_UNSUBSCRIBE), 1);
    stop(&s);
}

enum { CHURN_THREADS = 4, CHURN_TURNS = 60 };

static void *churn(void *context) {
    struct setup *s = context;
    for (int i = 0; i < CHURN_TURNS; i++) {
        struct client c;
        client_open(s, &c);
        client_send(&c, SUBSCRIBE(1));
        client_send(&c, PUBLISH(2));
        if (i % 3 == 0) {
            client_send(&c, UNSUBSCRIBE(3));
        }
        go(&c, i % 2 ? WAY_FIN : WAY_RESET); // whatever has been answered
    }
    return NULL;
}

static void coming_and_going_converges(void **state) {
    pthread_t threads[CHURN_THREADS];
    struct setup s;
    (void)state;
    start(&s);
    for (int i = 0; i < CHURN_THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, churn, &s), 0);
    }
    for (int i = 0; i < CHURN_THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
    wait_connections(&s, 0);
    wait_until(&s, has_no_trace, NULL);
    assert_int_equal(count_calls(&s, FAKE_SUBSCRIBE), count_calls(&s, FAKE_UNSUBSCRIBE));
    stop(&s);
}

// ---- what a delivery is

static void who_is_excluded_does_not_get_it(void **state) {
    enum { CLIENTS = 6, EXCLUDED = 2 };
    struct setup s;
    struct client clients[CLIENTS];
    char publish[126], both[2][160];
    (void)state;
    start(&s);
    for (int i = 0; i < CLIENTS; i++) {
        client_open(&s, &clients[i]);
        client_send(&clients[i], SUBSCRIBE(1));
        expect(&clients[i], OK(1));
    }
    snprintf(publish, sizeof publish,
             "{\"op\":\"publish\",\"channel\":\"room\",\"exclude\":[\"%s\"],\"data\":1}",
             clients[EXCLUDED].id);
    client_send(&clients[0], publish);
    client_send(&clients[0], "{\"op\":\"publish\",\"channel\":\"room\",\"exclude\":[],\"data\":2}");
    for (int i = 0; i < 2; i++) {
        snprintf(both[i], sizeof both[i],
                 "{\"op\":\"message\",\"channel\":\"room\",\"data\":%d,\"from\":{\"connection\":\"%s\"}}",
                 i + 1, clients[0].id);
    }
    for (int i = 0; i < CLIENTS; i++) {
        if (i != EXCLUDED) {
            expect(&clients[i], both[0]);
        }
        expect(&clients[i], both[1]);
    }
    assert_string_equal(s.fake->calls[s.fake->call_count - 2]->exclude, clients[EXCLUDED].id);
    assert_string_equal(s.fake->calls[s.fake->call_count - 1]->exclude, "");
    for (int i = 0; i < CLIENTS; i++) {
        client_free(&clients[i]);
    }
    wait_until(&s, has_no_trace, NULL);
    stop(&s);
}

static int do_deliver_bytes(struct setup *s, void *argument) {
    const struct wshub_bytes *payload = argument;
    return fake_deliver_bytes(s->fake, "room", payload->data, payload->length);
}

// Other publishers than hubs publish what they like.
static void any_payload_is_recognized(void **state) {
    static const struct {
        struct wshub_bytes payload;
        const char *member;
    } cases[] = {
        {{"1", 1}, "\"data\":1"},
        {{" {\"a\":[1]}\r\n", 12}, "\"data\":{\"a\":[1]}"},
        {{"\"a\"", 3}, "\"data\":\"a\""},
        {{"hello", 5}, "\"text\":\"hello\""},
        {{"1}", 2}, "\"text\":\"1}\""},
        {{"1,\"w\":2", 7}, "\"text\":\"1,\\\"w\\\":2\""},
        {{"", 0}, "\"text\":\"\""},
        {{"a\0b", 3}, "\"text\":\"a\\u0000b\""},
        {{"\xff\0", 2}, "\"base64\":\"/wA=\""},
        {{"\"\xff\"", 3}, "\"base64\":\"Iv8i\""}, // JSON but for its UTF-8
    };
    struct setup s;
    struct client c;
    (void)state;
    start(&s);
    client_open(&s, &c);
    client_send(&c, SUBSCRIBE(1));
    expect(&c, OK(1));
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char expected[128];
        snprintf(expected, sizeof expected, "{\"op\":\"message\",\"channel\":\"room\",%s}", cases[i].member);
        assert_int_equal(on_hub(&s, do_deliver_bytes, (void *)&cases[i].payload), WSHUB_OK);
        expect(&c, expected);
    }
    client_free(&c);
    stop(&s);
}

#define GAP "{\"op\":\"gap\",\"channel\":\"room\"}"
#define MESSAGE "{\"op\":\"message\",\"channel\":\"room\",\"data\":1}"

// No outbox could ever take it: who is not to blame is not closed, but told.
static void a_frame_that_fits_no_outbox_becomes_a_gap(void **state) {
    static const char zeros[5000];
    const struct wshub_bytes grows = {zeros, 4000}, beyond = {zeros, sizeof zeros}; // "\u0000" for each
    struct setup s;
    struct client c;
    (void)state;
    start_with(&s, 2, "limits: {outbox: 4KiB, message: 1KiB}\n");
    client_open(&s, &c);
    client_send(&c, SUBSCRIBE(1));
    expect(&c, OK(1));
    assert_int_equal(on_hub(&s, do_deliver_bytes, (void *)&grows), WSHUB_OK);
    assert_int_equal(on_hub(&s, do_deliver, NULL), WSHUB_OK);
    expect(&c, GAP);
    expect(&c, MESSAGE);
    assert_int_equal(on_hub(&s, do_deliver_bytes, (void *)&beyond), WSHUB_TOO_LARGE);
    expect(&c, GAP);
    client_sync(&c);
    client_free(&c);
    stop(&s);
}

static int do_link(struct setup *s, void *argument) {
    fake_link(s->fake, *(enum wshub_link_state *)argument, NULL);
    return 0;
}

static void link_is(struct setup *s, enum wshub_link_state state) {
    on_hub(s, do_link, &state);
}

static void a_link_that_breaks_is_felt_by_clients(void **state) {
    struct setup s;
    struct client c, other;
    (void)state;
    start_with(&s, 1, ""); // both on one worker, which knows the channel
    client_open(&s, &c);
    client_open(&s, &other);
    client_send(&c, SUBSCRIBE(1));
    expect(&c, OK(1));
    link_is(&s, WSHUB_LINK_DOWN);
    client_send(&other, SUBSCRIBE(2));
    expect(&other, ERROR(2, "broker_unavailable", "the broker is not reachable", "true"));
    client_send(&other, PUBLISH(3));
    expect(&other, ERROR(3, "broker_unavailable", "the broker is not reachable", "true"));
    link_is(&s, WSHUB_LINK_UP);
    expect(&c, GAP);
    client_send(&other, SUBSCRIBE(4));
    expect(&other, OK(4));
    assert_int_equal(on_hub(&s, do_deliver, NULL), WSHUB_OK);
    expect(&c, MESSAGE);
    expect(&other, MESSAGE); // no gap: it was told ok after that
    client_free(&c);
    client_free(&other);
    wait_until(&s, has_no_trace, NULL);
    stop(&s);
}

// ---- P8

static void assert_ending(const struct setup *s, uint64_t drained, uint64_t forced, uint64_t lost,
                          uint64_t unsettled) {
    assert_int_equal(s->ending.drained, drained);
    assert_int_equal(s->ending.forced, forced);
    assert_int_equal(s->ending.lost_bytes, lost);
    assert_int_equal(s->ending.unsettled, unsettled);
}

// Until both workers have closed their listeners.
static void wait_refused(const struct setup *s) {
    uint64_t until = clock_ns() + DEADLINE_S * UINT64_C(1000000000);
    for (int fd; (fd = connect_to(s)) >= 0;) {
        close(fd);
        assert_true(clock_ns() < until);
    }
}

static void a_drain_waits_for_publishes_in_flight(void **state) {
    struct setup s;
    struct client c, other;
    (void)state;
    start_with(&s, 2, "drain: {window: 0s}\n");
    behave(&s, FAKE_PUBLISH, FAKE_HOLD, 0);
    client_open(&s, &c);
    client_open(&s, &other);
    client_send(&other, SUBSCRIBE(1));
    expect(&other, OK(1));
    client_send(&c, PUBLISH(1));
    client_send(&c, PUBLISH(2));
    wait_held(&s, 2);
    on_hub(&s, do_drain, NULL);
    wait_refused(&s);
    expect_closing(&other);
    client_send_close(&other);
    expect_end(&other);
    assert_int_equal(sem_trywait(&s.ended), -1);
    complete(&s, WSHUB_OK);
    expect(&c, OK(1));
    expect(&c, OK(2));
    expect_closing(&c);
    client_send_close(&c);
    expect_end(&c);
    wait_for(&s.ended);
    assert_ending(&s, 2, 0, 0, 0);
    assert_true(on_hub(&s, has_no_trace, NULL));
    client_free(&c);
    client_free(&other);
    stop(&s);
}

static void a_drain_settles_publishes_that_the_broker_never_answers(void **state) {
    struct setup s;
    struct client c;
    (void)state;
    start_with(&s, 2, "drain: {window: 0s}\ntimeouts: {broker: 200ms}\n");
    behave(&s, FAKE_PUBLISH, FAKE_HOLD, 0);
    client_open(&s, &c);
    client_send(&c, PUBLISH(1));
    wait_held(&s, 1);
    on_hub(&s, do_drain, NULL);
    expect(&c, ERROR(1, "timeout", "the broker did not answer in time", "true"));
    expect_closing(&c);
    client_send_close(&c);
    expect_end(&c);
    wait_for(&s.ended);
    assert_ending(&s, 1, 0, 0, 0);
    client_free(&c);
    stop(&s);
}

static void a_client_that_never_answers_its_close_frame_is_forced(void **state) {
    struct setup s;
    struct client c, other;
    (void)state;
    start_with(&s, 2, "drain: {window: 0s}\ntimeouts: {close: 200ms}\n");
    client_open(&s, &c);
    client_open(&s, &other);
    on_hub(&s, do_drain, NULL);
    expect_closing(&other);
    client_send_close(&other);
    expect_end(&other);
    expect_closing(&c);
    wait_for(&s.ended); // says nothing
    assert_ending(&s, 1, 1, 0, 0);
    client_free(&c);
    client_free(&other);
    stop(&s);
}

static void the_time_limit_cuts_what_is_left(void **state) {
    struct setup s;
    struct client c;
    (void)state;
    start_with(&s, 2, "drain: {window: 0s, timeout: 300ms}\ntimeouts: {broker: 60s}\n");
    behave(&s, FAKE_PUBLISH, FAKE_HOLD, 0);
    client_open(&s, &c);
    client_send(&c, PUBLISH(1));
    wait_held(&s, 1);
    on_hub(&s, do_drain, NULL);
    wait_for(&s.ended);
    assert_ending(&s, 0, 1, 0, 1);
    expect_end(&c);
    client_free(&c);
    stop(&s);
}

static void a_drain_without_clients_ends_at_once(void **state) {
    struct setup s;
    (void)state;
    start(&s);
    on_hub(&s, do_drain, NULL);
    wait_for(&s.ended);
    assert_ending(&s, 0, 0, 0, 0);
    stop(&s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_publish_is_answered_when_the_broker_has_taken_it),
        cmocka_unit_test(a_publish_that_fails_says_why),
        cmocka_unit_test(a_publish_that_is_never_answered_times_out),
        cmocka_unit_test(a_subscribe_is_answered_when_the_broker_has_confirmed),
        cmocka_unit_test(a_failed_subscribe_leaves_no_trace),
        cmocka_unit_test(a_subscribe_that_times_out_is_taken_back),
        cmocka_unit_test(unsubscribing_while_it_is_pending_answers_both_once),
        cmocka_unit_test(coming_back_while_it_is_pending_ends_subscribed),
        cmocka_unit_test(who_goes_with_work_pending_leaves_no_trace),
        cmocka_unit_test(stopping_settles_what_is_pending),
        cmocka_unit_test(who_publishes_faster_than_the_broker_is_held_back),
        cmocka_unit_test(everybody_gets_everything_in_order),
        cmocka_unit_test(coming_and_going_converges),
        cmocka_unit_test(who_is_excluded_does_not_get_it),
        cmocka_unit_test(any_payload_is_recognized),
        cmocka_unit_test(a_frame_that_fits_no_outbox_becomes_a_gap),
        cmocka_unit_test(a_link_that_breaks_is_felt_by_clients),
        cmocka_unit_test(a_drain_waits_for_publishes_in_flight),
        cmocka_unit_test(a_drain_settles_publishes_that_the_broker_never_answers),
        cmocka_unit_test(a_client_that_never_answers_its_close_frame_is_forced),
        cmocka_unit_test(the_time_limit_cuts_what_is_left),
        cmocka_unit_test(a_drain_without_clients_ends_at_once),
    };
    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
