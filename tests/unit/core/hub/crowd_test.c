// SPDX-License-Identifier: MIT
// Ten thousand come back at once, each from a place of its own: all get what they have missed, in bounded
// memory, while live messages go on.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "reader_fixture.h"

#if defined(__SANITIZE_THREAD__)
enum { CROWD = 1000 }; // all of it on one thread, which is many times slower then
#else
enum { CROWD = 10000 };
#endif
enum { MISSED = 2500, LIVE = 50, LAG = 2 };

struct one {
    struct recovery recovery; // first
    struct claim *claim;
    struct position at;
    bool is_live;
};

static struct crowd {
    struct fixture f;
    struct one *all;
    unsigned live;               // of them
    unsigned brought, delivered; // messages meanwhile; deliveries of those
    uint64_t held;               // bytes of messages that one answer keeps, at most
} crowd;

static void ask_for(struct one *one) {
    one->recovery = (struct recovery){
        .mail.kind = MAIL_RECOVER,
        .worker = one->claim->ticket.worker,
        .ticket = &one->claim->ticket,
        .since = one->at,
        .sent = one->recovery.sent,
    };
    mailbox_post(hub_mailbox(crowd.f.instance.hub), &one->recovery.mail);
}

static void take_answer(struct worker *worker, struct one *one) {
    struct recovery *recovery = &one->recovery;
    assert_int_equal(recovery->status, WSHUB_OK);
    for (uint32_t i = recovery->from; i < recovery->until; i++) {
        assert_int_equal(found_at(recovery->found, i)->offset, one->at.offset + 1);
        one->at.offset++;
        recovery->sent++;
    }
    worker->delivered += recovery->weight;
    one->is_live = recovery->whole;
    crowd.live += one->is_live;
    if (recovery->found) {
        uint64_t weight = found_weight(recovery->found);
        crowd.held = weight > crowd.held ? weight : crowd.held;
        found_unref(recovery->found);
    }
    if (one->is_live) {
        assert_int_equal(one->at.offset, recovery->position.offset);
    } else {
        ask_for(one);
    }
}

static void on_recovered(struct worker *worker, struct mail *mail) {
    assert_int_equal(mail->kind, MAIL_RECOVERED);
    for (struct recovery *recovery = (struct recovery *)(void *)mail, *next; recovery; recovery = next) {
        next = recovery->next;
        take_answer(worker, (struct one *)(void *)recovery);
    }
    mailbox_ring(hub_mailbox(crowd.f.instance.hub)); // as workers do that get further
}

// Of each message, on each worker.
static void on_live(struct worker *worker, const struct channel_ticket *ticket,
                    const struct message *message) {
    (void)ticket;
    assert_int_equal(message->kind, MESSAGE_PUBLISHED);
    worker->delivered += message_weight(message);
    crowd.delivered++;
}

// What is live does not wait until the crowd has been served.
static bool all_are_live(void *context) {
    (void)context;
    assert_in_range(crowd.delivered, crowd.brought > LAG ? (crowd.brought - LAG) * WORKERS : 0,
                    crowd.brought * WORKERS);
    if (crowd.brought < LIVE) {
        crowd.brought++;
        bring(&crowd.f, "live");
    }
    return crowd.live == CROWD && crowd.delivered == LIVE * WORKERS;
}

static void ten_thousand_come_back(void **state) {
    char payload[101];
    struct claim *claims[WORKERS];
    (void)state;
    memset(payload, 'x', sizeof payload - 1);
    payload[sizeof payload - 1] = '\0';
    make(&crowd.f, "brokers: [{name: main, plugin: dense}]\nregistry: {enabled: off}\n"
                   "recovery: {check: 1h}\n"
                   "channels: [{match: \"room*\", history: {size: 10000, ttl: 1h}}]\n");
    crowd.f.fake->keeps_pasts = true;
    assert_true(hub_start(crowd.f.instance.hub, fake_load, on_failure, &crowd.f));
    run_rounds(crowd.f.loop);
    crowd.f.on_delivery = on_live;
    crowd.f.on_other = on_recovered;
    crowd.all = calloc(CROWD, sizeof *crowd.all);
    for (unsigned i = 0; i < WORKERS; i++) {
        claims[i] = subscribed(&crowd.f, i, ROOM);
    }
    for (unsigned i = 0; i < MISSED; i++) {
        bring(&crowd.f, payload);
    }
    run_rounds(crowd.f.loop);
    for (unsigned i = 0; i < CROWD; i++) {
        struct one *one = &crowd.all[i];
        one->claim = claims[i % WORKERS];
        position_set(&one->at, (struct span){"first", 5}, i * 7919 % (MISSED / 2));
        ask_for(one);
    }
    crowd.delivered = 0;
    run_until(crowd.f.loop, all_are_live, NULL);
    assert_int_equal(counter_get(&stats(&crowd.f)->reads), 1);
    assert_int_equal(counter_get(&stats(&crowd.f)->gaps), 0);
    assert_in_range(counter_get(&stats(&crowd.f)->window_bytes), 1, 4 * 1024 * 1024);
    assert_in_range(crowd.held, 1, 4 * 1024 * 1024);
    for (unsigned i = 0; i < WORKERS; i++) {
        leave(claims[i]);
    }
    run_rounds(crowd.f.loop);
    tear_down(&crowd.f);
    free(crowd.all);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(ten_thousand_come_back)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
