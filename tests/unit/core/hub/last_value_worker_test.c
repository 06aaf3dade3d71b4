// SPDX-License-Identifier: MIT
// Last values as clients see them, through real workers in their threads. ThreadSanitizer runs this.
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "hub_threads.h"

#define SUBSCRIBE(id_) "{\"op\":\"subscribe\",\"id\":" #id_ ",\"channel\":\"tick\"}"
#define UNSUBSCRIBE(id_) "{\"op\":\"unsubscribe\",\"id\":" #id_ ",\"channel\":\"tick\"}"
#define OK(id_) "{\"op\":\"ok\",\"id\":" #id_ ",\"channel\":\"tick\"}"
#define LIVE(data_) "{\"op\":\"message\",\"channel\":\"tick\",\"data\":" data_ "}"
#define LAST(data_) "{\"op\":\"message\",\"channel\":\"tick\",\"data\":" data_ ",\"last\":true}"

enum { CLIENTS = 8 }; // enough for both workers

static void start_keeper(struct setup *s, struct client *clients) {
    start_on(s, "keeper", 2,
             "registry: {enabled: off}\nchannels: [{match: tick, last_value: true}, {match: \"*\"}]\n");
    for (int i = 0; i < CLIENTS; i++) {
        client_open(s, &clients[i]);
    }
}

static void stop_keeper(struct setup *s, struct client *clients) {
    for (int i = 0; i < CLIENTS; i++) {
        client_sync(&clients[i]); // nothing else has come
        client_free(&clients[i]);
    }
    stop(s);
}

static int do_deliver_live(struct setup *s, void *payload) {
    return fake_deliver(s->fake, "tick", payload);
}

static int do_deliver_last(struct setup *s, void *payload) {
    return fake_deliver_last(s->fake, "tick", payload);
}

static void deliver(struct setup *s, const char *payload) {
    assert_int_equal(on_hub(s, do_deliver_live, (void *)payload), WSHUB_OK);
}

static void who_subscribes_gets_it_behind_the_answer(void **state) {
    struct setup s;
    struct client clients[CLIENTS];
    (void)state;
    start_keeper(&s, clients);
    client_send(&clients[0], SUBSCRIBE(1));
    expect(&clients[0], OK(1)); // there is none yet
    deliver(&s, "7");
    expect(&clients[0], LIVE("7"));
    for (int i = 1; i < CLIENTS; i++) {
        client_send(&clients[i], SUBSCRIBE(1));
        expect(&clients[i], OK(1));
        expect(&clients[i], LAST("7"));
    }
    deliver(&s, "8");
    for (int i = 0; i < CLIENTS; i++) {
        expect(&clients[i], LIVE("8"));
    }
    client_send(&clients[0], UNSUBSCRIBE(2));
    expect(&clients[0], OK(2));
    client_send(&clients[0],
                "{\"op\":\"subscribe\",\"channel\":\"tick\"}"); // without an id: without an answer
    expect(&clients[0], LAST("8"));
    assert_int_equal(count_calls(&s, FAKE_SUBSCRIBE), 1);
    stop_keeper(&s, clients);
}

static void who_waits_for_the_broker_gets_what_it_has_kept(void **state) {
    struct setup s;
    struct client clients[CLIENTS];
    (void)state;
    start_keeper(&s, clients);
    behave(&s, FAKE_SUBSCRIBE, FAKE_HOLD, 0);
    client_send(&clients[1], SUBSCRIBE(1)); // and leaves before it is confirmed
    client_send(&clients[1], UNSUBSCRIBE(2));
    for (int i = 0; i < CLIENTS; i++) {
        if (i != 1) {
            client_send(&clients[i], SUBSCRIBE(1));
        }
        client_sync(&clients[i]);
    }
    wait_held(&s, 1);
    assert_int_equal(on_hub(&s, do_deliver_last, (void *)"\"kept\""), WSHUB_OK);
    complete(&s, WSHUB_OK);
    expect(&clients[1], OK(1));
    expect(&clients[1], OK(2));
    for (int i = 0; i < CLIENTS; i++) {
        if (i != 1) {
            expect(&clients[i], OK(1));
            expect(&clients[i], LAST("\"kept\""));
        }
    }
    stop_keeper(&s, clients);
}

static void what_comes_late_comes_to_all_who_have_nothing(void **state) {
    struct setup s;
    struct client clients[CLIENTS];
    (void)state;
    start_keeper(&s, clients);
    for (int i = 0; i < CLIENTS - 1; i++) {
        client_send(&clients[i], SUBSCRIBE(1));
        expect(&clients[i], OK(1));
    }
    assert_int_equal(on_hub(&s, do_deliver_last, (void *)"1"), WSHUB_OK);
    for (int i = 0; i < CLIENTS - 1; i++) {
        expect(&clients[i], LAST("1"));
    }
    client_send(&clients[CLIENTS - 1], SUBSCRIBE(1));
    expect(&clients[CLIENTS - 1], OK(1));
    expect(&clients[CLIENTS - 1], LAST("1"));
    stop_keeper(&s, clients);
}

static void who_is_excluded_does_not_get_it(void **state) {
    struct setup s;
    struct client clients[CLIENTS];
    char text[192], message[160];
    (void)state;
    start_keeper(&s, clients);
    client_send(&clients[0], SUBSCRIBE(1));
    expect(&clients[0], OK(1));
    snprintf(text, sizeof text, "{\"op\":\"publish\",\"channel\":\"tick\",\"data\":1,\"exclude\":[\"%s\"]}",
             clients[1].id);
    client_send(&clients[0], text);
    snprintf(message, sizeof message,
             "{\"op\":\"message\",\"channel\":\"tick\",\"data\":1,\"from\":{\"connection\":\"%s\"}",
             clients[0].id);
    snprintf(text, sizeof text, "%s}", message);
    expect(&clients[0], text);
    snprintf(text, sizeof text, "%s,\"last\":true}", message);
    for (int i = 1; i < CLIENTS; i++) {
        client_send(&clients[i], SUBSCRIBE(1));
        expect(&clients[i], OK(1));
        if (i > 1) {
            expect(&clients[i], text);
        }
    }
    stop_keeper(&s, clients);
}

static int do_lose(struct setup *s, void *argument) {
    (void)argument;
    s->fake->host->lose(s->fake->host->self, (struct wshub_bytes){"tick", 4});
    return 0;
}

static void behind_a_gap_none_is_known(void **state) {
    struct setup s;
    struct client clients[CLIENTS];
    (void)state;
    start_keeper(&s, clients);
    for (int i = 0; i < CLIENTS / 2; i++) {
        client_send(&clients[i], SUBSCRIBE(1));
        expect(&clients[i], OK(1));
    }
    deliver(&s, "1");
    on_hub(&s, do_lose, NULL);
    for (int i = 0; i < CLIENTS / 2; i++) {
        expect(&clients[i], LIVE("1"));
        expect(&clients[i], "{\"op\":\"gap\",\"channel\":\"tick\"}");
    }
    for (int i = CLIENTS / 2; i < CLIENTS; i++) {
        client_send(&clients[i], SUBSCRIBE(1));
        expect(&clients[i], OK(1));
    }
    deliver(&s, "2");
    for (int i = 0; i < CLIENTS; i++) {
        expect(&clients[i], LIVE("2"));
    }
    stop_keeper(&s, clients);
}

static void an_empty_message_takes_it_away(void **state) {
    struct setup s;
    struct client clients[CLIENTS];
    (void)state;
    start_keeper(&s, clients);
    client_send(&clients[0], SUBSCRIBE(1));
    expect(&clients[0], OK(1));
    deliver(&s, "1");
    deliver(&s, "");
    expect(&clients[0], LIVE("1"));
    expect(&clients[0], "{\"op\":\"message\",\"channel\":\"tick\",\"text\":\"\"}");
    for (int i = 1; i < CLIENTS; i++) {
        client_send(&clients[i], SUBSCRIBE(1));
        expect(&clients[i], OK(1));
    }
    stop_keeper(&s, clients);
}

// ---- a race: who comes and goes while messages flow sees one last value, and every number from there on

static int do_deliver_next(struct setup *s, void *number) {
    char payload[16];
    snprintf(payload, sizeof payload, "%d", ++*(int *)number);
    return fake_deliver(s->fake, "tick", payload);
}

static void read_up_to(struct client *c, int number) {
    char text[96];
    const char *payload = "";
    size_t length;
    int first = 0;
    expect(c, OK(1));
    assert_int_equal(client_next(c, &payload, &length), TEXT);
    assert_int_equal(sscanf(payload, "{\"op\":\"message\",\"channel\":\"tick\",\"data\":%d,", &first), 1);
    snprintf(text, sizeof text, LAST("%d"), first);
    assert_string_equal(payload, text);
    while (first < number) {
        snprintf(text, sizeof text, LIVE("%d"), ++first);
        expect(c, text);
    }
    client_send(c, UNSUBSCRIBE(2));
    expect(c, OK(2));
}

static void nothing_is_missed_and_nothing_comes_twice(void **state) {
    struct setup s;
    struct client clients[CLIENTS];
    int number = 0;
    (void)state;
    start_keeper(&s, clients);
    client_send(&clients[0], SUBSCRIBE(0)); // so that the broker stays subscribed
    expect(&clients[0], OK(0));
    assert_int_equal(on_hub(&s, do_deliver_next, &number), WSHUB_OK);
    expect(&clients[0], LIVE("1")); // now its worker knows one
    for (int round = 0; round < 25; round++) {
        for (int i = 1; i < CLIENTS; i++) {
            client_send(&clients[i], SUBSCRIBE(1));
            assert_int_equal(on_hub(&s, do_deliver_next, &number), WSHUB_OK);
        }
        for (int i = 1; i < CLIENTS; i++) {
            read_up_to(&clients[i], number);
        }
    }
    for (int i = 2; i <= number; i++) {
        char text[96];
        snprintf(text, sizeof text, LIVE("%d"), i);
        expect(&clients[0], text);
    }
    stop_keeper(&s, clients);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_subscribes_gets_it_behind_the_answer),
        cmocka_unit_test(who_waits_for_the_broker_gets_what_it_has_kept),
        cmocka_unit_test(what_comes_late_comes_to_all_who_have_nothing),
        cmocka_unit_test(who_is_excluded_does_not_get_it),
        cmocka_unit_test(behind_a_gap_none_is_known),
        cmocka_unit_test(an_empty_message_takes_it_away),
        cmocka_unit_test(nothing_is_missed_and_nothing_comes_twice),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
