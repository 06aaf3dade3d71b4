// SPDX-License-Identifier: MIT
// How a worker's clients go: at which pace, until when they may stay after all, and what is still answered.
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "hub_threads.h"

#define KEY "0123456789abcdef"
#define KEYS "api: {keys: " KEY "}\n"
#define PUBLISH "{\"op\":\"publish\",\"id\":1,\"channel\":\"room\",\"data\":1}"

static uint64_t now_ms(void) {
    return clock_ns() / 1000000;
}

// ---- HTTP

static int ask(struct setup *s, const char *method) {
    char request[256];
    int fd = connect_to(s);
    assert_true(fd >= 0);
    snprintf(request, sizeof request,
             "%s /api/drain HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer " KEY
             "\r\nConnection: close\r\n\r\n",
             method);
    send_all(fd, request, strlen(request));
    return fd;
}

static void expect_answer(int fd, const char *status, const char *part) {
    struct client c = {.fd = fd};
    while (receive(&c)) {
    }
    assert_non_null(c.data);
    if (strncmp(c.data, status, strlen(status)) != 0 || !strstr(c.data, part)) {
        fail_msg("expected %s ... %s, got %s", status, part, c.data);
    }
    client_free(&c);
}

static void order(struct setup *s, const char *method, const char *status, const char *part) {
    expect_answer(ask(s, method), status, part);
}

#define ACCEPTED "HTTP/1.1 202 "
#define OK "HTTP/1.1 200 "
#define CONFLICT "HTTP/1.1 409 "

static int set_end(struct setup *s, void *argument) {
    (void)argument;
    hub_on_drained(s->instance.hub, on_ended, s);
    return 0;
}

static void start_draining(struct setup *s, unsigned workers, const char *config) {
    start_with(s, workers, config);
    on_hub(s, set_end, NULL);
}

static void finish(struct client *c) {
    client_send_close(c);
    expect_end(c);
    client_free(c);
}

// One that was not told to.
static void go(struct client *c) {
    client_send_close(c);
    expect_close(c, 1000);
    expect_end(c);
    client_free(c);
}

// ---- pace

// Somebody's goodbye, whoever's it is. Their connections come one after the other, so the last goes first.
static void they_go_at_an_even_pace(void **state) {
    enum { CLIENTS = 5, WINDOW = 1000 };
    struct setup s;
    struct client clients[CLIENTS];
    (void)state;
    start_draining(&s, 1, "drain: {window: 1s}\n");
    for (int i = 0; i < CLIENTS; i++) {
        client_open(&s, &clients[i]);
    }
    uint64_t begun = now_ms();
    on_hub(&s, do_drain, NULL);
    for (int i = 0; i < CLIENTS; i++) {
        expect_closing(&clients[CLIENTS - 1 - i]);
        uint64_t elapsed = now_ms() - begun;
        assert_true(elapsed + 1 >=
                    (uint64_t)i * WINDOW / CLIENTS); // never early; late is the machine's doing
    }
    for (int i = 0; i < CLIENTS; i++) {
        finish(&clients[i]);
    }
    wait_for(&s.ended);
    assert_int_equal(s.ending.drained, CLIENTS);
    stop(&s);
}

static void one_client_does_not_take_the_window(void **state) {
    struct setup s;
    struct client c;
    (void)state;
    start_draining(&s, 1, "drain: {window: 10m, timeout: 20m}\n");
    client_open(&s, &c);
    on_hub(&s, do_drain, NULL);
    expect_closing(&c); // or the deadline of the socket would be over
    finish(&c);
    wait_for(&s.ended);
    stop(&s);
}

// ---- taken back

static void who_is_left_stays(void **state) {
    struct setup s;
    struct client first, last, newcomer;
    (void)state;
    start_draining(&s, 1, KEYS "drain: {window: 10m, timeout: 20m}\n");
    client_open(&s, &first);
    client_open(&s, &last);
    order(&s, "POST", ACCEPTED, "\"status\":\"draining\"");
    expect_closing(&last);
    order(&s, "DELETE", OK, "\"status\":\"serving\"");
    client_sync(&first);
    client_open(&s, &newcomer);
    order(&s, "DELETE", CONFLICT, "not_draining");
    order(&s, "GET", OK, "\"status\":\"serving\"");
    finish(&last);
    go(&first);
    go(&newcomer);
    stop(&s);
}

// It was told nothing yet, as it waits for an answer.
static void who_waits_for_an_answer_reads_on(void **state) {
    struct setup s;
    struct client c;
    (void)state;
    start_draining(&s, 1, KEYS "drain: {window: 0s}\n");
    behave(&s, FAKE_PUBLISH, FAKE_HOLD, 0);
    client_open(&s, &c);
    client_send(&c, PUBLISH);
    wait_held(&s, 1);
    order(&s, "POST", ACCEPTED, "\"connections\":1");
    order(&s, "DELETE", OK, "\"connections\":1");
    complete(&s, WSHUB_OK);
    expect(&c, "{\"op\":\"ok\",\"id\":1,\"channel\":\"room\"}");
    client_sync(&c);
    go(&c);
    stop(&s);
}

static void ordered_again_and_again(void **state) {
    struct setup s;
    struct client c;
    (void)state;
    start_draining(&s, 2, KEYS "drain: {delay: 0s, window: 10m, timeout: 20m}\n");
    behave(&s, FAKE_PUBLISH, FAKE_HOLD, 0);
    client_open(&s, &c);
    client_send(&c, PUBLISH); // so that it stays, whenever its turn is
    wait_held(&s, 1);
    for (int round = 0; round < 20; round++) {
        int orders[6];
        for (int i = 0; i < 6; i++) {
            orders[i] = ask(&s, i % 2 ? "DELETE" : "POST");
        }
        for (int i = 0; i < 6; i++) { // they come in any order, on both workers
            expect_answer(orders[i], "HTTP/1.1 ", "");
        }
        expect_answer(ask(&s, "POST"), ACCEPTED, "draining");
        order(&s, "DELETE", OK, "serving");
    }
    complete(&s, WSHUB_OK);
    expect(&c, "{\"op\":\"ok\",\"id\":1,\"channel\":\"room\"}");
    client_sync(&c);
    go(&c);
    stop(&s);
}

// ---- what is still answered

static void http_is_answered_while_they_go(void **state) {
    static const char upgrade[] =
        "GET /ws HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";
    struct setup s;
    struct client first, last;
    (void)state;
    start_draining(&s, 1, KEYS "drain: {window: 10m, timeout: 20m}\n");
    client_open(&s, &first);
    client_open(&s, &last);
    order(&s, "POST", ACCEPTED, "");
    expect_closing(&last);
    finish(&last);
    order(&s, "GET", OK, "\"phase\":\"connections\"");
    order(&s, "POST", ACCEPTED, "\"closed\":1,");
    int fd = connect_to(&s);
    send_all(fd, upgrade, sizeof upgrade - 1);
    expect_answer(fd, "HTTP/1.1 503 ", "\"draining\"");
    go(&first);
    wait_for(&s.ended);
    assert_int_equal(s.ending.drained, 2);
    stop(&s);
}

// Without clients it ends in the round in which it is ordered.
static void who_has_ordered_it_is_answered_however_soon_it_ends(void **state) {
    struct setup s;
    (void)state;
    start_draining(&s, 2, KEYS "drain: {window: 0s}\n");
    int fd = ask(&s, "POST");
    wait_for(&s.ended);
    stop(&s); // the workers end, with the answer on its way
    expect_answer(fd, ACCEPTED, "\"draining\"");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(they_go_at_an_even_pace),
        cmocka_unit_test(one_client_does_not_take_the_window),
        cmocka_unit_test(who_is_left_stays),
        cmocka_unit_test(who_waits_for_an_answer_reads_on),
        cmocka_unit_test(ordered_again_and_again),
        cmocka_unit_test(http_is_answered_while_they_go),
        cmocka_unit_test(who_has_ordered_it_is_answered_however_soon_it_ends),
    };
    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
