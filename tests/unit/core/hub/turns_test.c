// SPDX-License-Identifier: MIT
// Which question about a history is asked when, and that none is forgotten: in their turn, what live messages
// wait for first, nothing for those who cannot take it, and again where an answer came too early or not at
// all.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "reader_fixture.h"

#define SLOW_CHECKS "recovery: {check: 1h, reads: 1}\n"

static const char *volatile rooms[] = {"room1", "room2", "room3", "room4"};
enum { ROOMS = sizeof rooms / sizeof *rooms };

static void end(struct fixture *f, struct claim **claims, size_t count) {
    for (size_t i = 0; i < READERS; i++) {
        if (readers[i]) {
            reader_free(readers[i]);
        }
    }
    for (size_t i = 0; i < count; i++) {
        leave(claims[i]);
    }
    run_rounds(f->loop);
    tear_down(f);
}

static void assert_asks_next(struct fixture *f, const char *channel) {
    size_t before = questions(f);
    assert_int_equal(f->fake->held_count, 1); // no more at a time
    fake_complete(f->fake, f->fake->held, WSHUB_OK);
    wait_calls(f, FAKE_HISTORY, before + 1);
    assert_string_equal(f->fake->held->channel, channel);
}

// Who came first is served first; live messages wait for nobody who has missed some.
static void questions_have_their_turns(void **state) {
    struct fixture f;
    struct claim *claims[ROOMS];
    (void)state;
    set_up_histories(&f, SLOW_CHECKS);
    for (size_t i = 0; i < ROOMS; i++) {
        fake_store(f.fake, rooms[i], "1");
        claims[i] = subscribed(&f, 0, rooms[i]);
    }
    fake_behave(f.fake, FAKE_HISTORY, FAKE_HOLD, 0);
    for (size_t i = 0; i + 1 < ROOMS; i++) {
        reader_new(&f, claims[i], "first", 0);
        run_rounds(f.loop);
    }
    wait_calls(&f, FAKE_HISTORY, ROOMS + 1);
    assert_string_equal(f.fake->held->channel, rooms[0]);
    fake_store(f.fake, rooms[3], "2"); // gets lost
    fake_deliver_stored(f.fake, rooms[3], fake_store(f.fake, rooms[3], "3"));
    let_pass(&f, 50);
    assert_asks_next(&f, rooms[3]);
    assert_asks_next(&f, rooms[1]);
    assert_asks_next(&f, rooms[2]);
    fake_complete(f.fake, f.fake->held, WSHUB_OK);
    for (size_t i = 0; i + 1 < ROOMS; i++) {
        run_until(f.loop, is_live, readers[i]);
        assert_string_equal(readers[i]->story, "1");
    }
    end(&f, claims, ROOMS);
}

static uint64_t undone;

static void on_undone(struct worker *worker, const struct channel_ticket *ticket,
                      const struct message *message) {
    (void)worker;
    (void)ticket;
    undone += message_weight(message);
}

// What fills a hole would go to a worker that is too far behind.
static void a_hole_is_filled_for_who_can_take_it(void **state) {
    enum { MANY = 520 };
    struct fixture f;
    char payload[32 * 1024 + 1];
    (void)state;
    memset(payload, 'x', sizeof payload - 1);
    payload[sizeof payload - 1] = '\0';
    set_up_histories(&f, SLOW_CHECKS);
    struct claim *claim = subscribed(&f, 0, ROOM);
    f.on_delivery = on_undone;
    undone = 0;
    for (unsigned i = 0; i < MANY; i++) {
        bring(&f, payload);
    }
    fake_store(f.fake, ROOM, "lost");
    bring(&f, "after it");
    let_pass(&f, 100);
    assert_int_equal(questions(&f), 1);
    assert_int_equal(f.workers[0].deliveries, MANY);
    f.workers[0].delivered += undone;
    mailbox_ring(hub_mailbox(f.instance.hub));
    wait_calls(&f, FAKE_HISTORY, 2);
    run_rounds(f.loop);
    assert_int_equal(f.workers[0].deliveries, MANY + 2);
    end(&f, &claim, 1);
}

// The answer may be older than the doubt.
static void a_doubt_that_comes_meanwhile_is_asked_about(void **state) {
    struct fixture f;
    struct reader *reader;
    (void)state;
    set_up_histories(&f, SLOW_CHECKS);
    reader = reads_room(&f, 0);
    fake_behave(f.fake, FAKE_HISTORY, FAKE_HOLD, 0);
    f.fake->host->lose(f.fake->host->self, (struct wshub_bytes){"room", 4});
    wait_calls(&f, FAKE_HISTORY, 2);
    f.fake->keeps_pasts = false; // what it knew when it was asked
    f.fake->host->position(f.fake->host->self, f.fake->held->token, (struct wshub_bytes){"first", 5}, 0, 0);
    f.fake->host->lose(f.fake->host->self, (struct wshub_bytes){"room", 4});
    run_rounds(f.loop);
    fake_complete(f.fake, f.fake->held, WSHUB_OK);
    f.fake->keeps_pasts = true;
    fake_store(f.fake, ROOM, "1");
    fake_behave(f.fake, FAKE_HISTORY, FAKE_AT_ONCE, 0);
    wait_calls(&f, FAKE_HISTORY, 3);
    wait_story(reader, "1");
    struct claim *claim = reader->claim;
    end(&f, &claim, 1);
}

// Nothing but that message says that the history is another one.
static void a_question_about_an_epoch_is_asked_again(void **state) {
    struct fixture f;
    (void)state;
    set_up_histories(&f, SLOW_CHECKS);
    struct reader *reader = reads_room(&f, 0);
    bring_many(&f, 1);
    fake_behave(f.fake, FAKE_HISTORY, FAKE_HOLD, 0);
    fake_begin_epoch(f.fake, ROOM, "second");
    bring(&f, "1");
    wait_calls(&f, FAKE_HISTORY, 2);
    fake_behave(f.fake, FAKE_HISTORY, FAKE_AT_ONCE, 0);
    fake_complete(f.fake, f.fake->held, WSHUB_TIMEOUT);
    wait_calls(&f, FAKE_HISTORY, 3);
    run_rounds(f.loop);
    bring_many(&f, 1);
    assert_int_equal(strncmp(reader->story, "1 g1", 4), 0);
    assert_true(position_is_of(&reader->at, (struct span){"second", 6}));
    assert_int_equal(reader->at.offset, 2);
    struct claim *claim = reader->claim;
    end(&f, &claim, 1);
}

// It has nothing, and does not know that it ever had: so nobody knows what was there meanwhile.
static void an_empty_history_proves_nothing(void **state) {
    struct fixture f;
    (void)state;
    set_up_histories(&f, SLOW_CHECKS);
    struct reader *reader = reads_room(&f, 0);
    bring_many(&f, 2);
    fake_trim(f.fake, ROOM, 3);
    fake_past(f.fake, ROOM)->newest = 0;
    f.fake->host->lose(f.fake->host->self, (struct wshub_bytes){"room", 4});
    wait_calls(&f, FAKE_HISTORY, 2);
    run_rounds(f.loop);
    assert_string_equal(reader->story, "1 2 g2");
    struct claim *claim = reader->claim;
    end(&f, &claim, 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(questions_have_their_turns),
        cmocka_unit_test(a_hole_is_filled_for_who_can_take_it),
        cmocka_unit_test(a_doubt_that_comes_meanwhile_is_asked_about),
        cmocka_unit_test(an_empty_history_proves_nothing),
        cmocka_unit_test(a_question_about_an_epoch_is_asked_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
