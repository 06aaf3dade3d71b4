// SPDX-License-Identifier: MIT
// A message that was lost on its way through this instance: whoever may have missed it is told so.
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "hub_fixture.h"

static bool has_heard_of_a_gap(void *context) {
    struct fixture *f = context;
    return f->workers[0].gaps > 0;
}

static void a_delivery_that_nobody_can_take_is_a_gap(void **state) {
    struct fixture f;
    (void)state;
    set_up(&f);
    f.config.limits.outbox = 4;
    struct claim *claim = subscribed(&f, 0, "room");
    assert_int_equal(fake_deliver(f.fake, "room", "12345"), WSHUB_TOO_LARGE);
    assert_int_equal(fake_deliver(f.fake, "elsewhere", "12345"), WSHUB_OK); // nobody misses it
    run_until(f.loop, has_heard_of_a_gap, &f);
    assert_string_equal(f.workers[0].story, "g");
    assert_int_equal(counter_get(&stats(&f)->gaps), 1);
    assert_int_equal(counter_get(&broker_stats(hub_broker(f.instance.hub, 0))->dropped), 1);
    assert_calls(&f, 1, 0);
    leave(claim);
    run_rounds(f.loop);
    tear_down(&f);
}

// More than the hub can take, of a channel that nobody wants.
static void *flood(void *context) {
    enum { PAYLOAD = 1024 * 1024 };
    static char payload[PAYLOAD];
    const struct wshub_host *host = context;
    const struct wshub_message message = {
        .struct_size = sizeof message, .channel = {"elsewhere", 9}, .payload = {payload, PAYLOAD}};
    int status = WSHUB_OK;
    for (int i = 0; i < 128 && status == WSHUB_OK; i++) {
        status = host->deliver(host->self, &message);
    }
    return status == WSHUB_NO_MEMORY ? NULL : context;
}

static void lose_messages(struct fixture *f) {
    pthread_t thread;
    void *failed;
    assert_int_equal(pthread_create(&thread, NULL, flood, (void *)f->fake->host), 0);
    pthread_join(thread, &failed);
    assert_null(failed);
    let_pass(f, 150); // the hub looks some times a second
}

static void what_a_thread_could_not_deliver_is_a_gap(void **state) {
    struct fixture f;
    (void)state;
    set_up(&f);
    struct claim *claim = subscribed(&f, 0, "room");
    leave(subscribed(&f, 0, "lingering"));
    run_rounds(f.loop);
    lose_messages(&f);
    assert_string_equal(f.workers[0].story, "g");
    assert_int_equal(counter_get(&stats(&f)->gaps), 1);
    assert_calls(&f, 2, 0);
    assert_int_equal(counter_get(&stats(&f)->channels), 2); // it lingers still
    leave(claim);
    run_rounds(f.loop);
    tear_down(&f);
}

static void lose(struct fixture *f, const char *channel) {
    f->fake->host->lose(f->fake->host->self, (struct wshub_bytes){channel, strlen(channel)});
    run_rounds(f->loop);
}

static void a_plugin_that_has_lost_something_says_where(void **state) {
    struct fixture f;
    (void)state;
    set_up(&f);
    struct claim *one = subscribed(&f, 0, "room"), *two = subscribed(&f, 1, "hall");
    lose(&f, "room");
    assert_string_equal(f.workers[0].story, "g");
    assert_string_equal(f.workers[1].story, "");
    lose(&f, "nowhere");
    lose(&f, "");
    assert_string_equal(f.workers[0].story, "gg");
    assert_string_equal(f.workers[1].story, "g");
    link_is(&f, WSHUB_LINK_DOWN);
    lose(&f, "hall");
    assert_string_equal(f.workers[1].story, "g");
    link_is(&f, WSHUB_LINK_RESUMED); // which misses nothing of itself
    assert_string_equal(f.workers[0].story, "gg");
    assert_string_equal(f.workers[1].story, "gg");
    leave(one);
    leave(two);
    run_rounds(f.loop);
    tear_down(&f);
}

static void lose_any(struct fixture *f) {
    f->fake->host->lose(f->fake->host->self, (struct wshub_bytes){NULL, 0});
}

static void whatever_may_be_lost_is_a_gap_for_all(void **state) {
    struct fixture f;
    (void)state;
    set_up(&f);
    struct claim *a = subscribed(&f, 0, "a"), *b = subscribed(&f, 0, "b");
    for (int i = 0; i < 100; i++) { // for each message of a queue that ran over
        lose_any(&f);
    }
    run_rounds(f.loop);
    assert_string_equal(f.workers[0].story, "gg");
    assert_calls(&f, 2, 0);
    leave(a);
    leave(b);
    run_rounds(f.loop);
    tear_down(&f);
}

// A queue that ran over before the link broke: the broker has kept what came after that.
static void what_is_lost_while_it_is_down_is_told_when_it_resumes(void **state) {
    struct fixture f;
    (void)state;
    set_up(&f);
    struct claim *claim = subscribed(&f, 0, "room");
    link_is(&f, WSHUB_LINK_DOWN);
    lose_any(&f);
    run_rounds(f.loop);
    assert_true(is_lost(claim));
    link_is(&f, WSHUB_LINK_RESUMED);
    run_until(f.loop, has_heard_of_a_gap, &f);
    assert_string_equal(f.workers[0].story, "g");
    leave(claim);
    run_rounds(f.loop);
    tear_down(&f);
}

static void a_broker_may_have_lost_something_when_it_opens(void **state) {
    struct fixture f;
    (void)state;
    make(&f, ONE_BROKER);
    f.fake->opens_with_a_loss = true;
    assert_true(hub_start(f.instance.hub, fake_load, on_failure, &f));
    struct claim *claim = subscribed(&f, 0, "room");
    assert_int_equal(f.workers[0].gaps, 0);
    leave(claim);
    run_rounds(f.loop);
    tear_down(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_delivery_that_nobody_can_take_is_a_gap),
        cmocka_unit_test(what_a_thread_could_not_deliver_is_a_gap),
        cmocka_unit_test(a_plugin_that_has_lost_something_says_where),
        cmocka_unit_test(whatever_may_be_lost_is_a_gap_for_all),
        cmocka_unit_test(what_is_lost_while_it_is_down_is_told_when_it_resumes),
        cmocka_unit_test(a_broker_may_have_lost_something_when_it_opens),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
