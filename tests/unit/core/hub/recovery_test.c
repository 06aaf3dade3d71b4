// SPDX-License-Identifier: MIT
// Who comes back with a position has all that it missed, then what is live; or is told that it cannot (P6).
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "hub/reads.h"
#include "reader_fixture.h"

#define SLOW_CHECKS "recovery: {check: 1h}\n"

static const char epoch[] = "first"; // the fake broker's

static struct reader *comes_back(struct fixture *f, struct claim *claim, uint64_t since) {
    return reader_new(f, claim, epoch, since);
}

static void wait_live(struct reader *reader) {
    run_until(reader->fixture->loop, is_live, reader);
}

static void end(struct fixture *f, struct claim *claim) {
    for (size_t i = 0; i < READERS; i++) {
        if (readers[i]) {
            reader_free(readers[i]);
        }
    }
    if (claim) {
        leave(claim);
    }
    run_rounds(f->loop);
    tear_down(f);
}

static uint64_t result(const struct fixture *f, enum recovery_result which) {
    return counter_get(&stats(f)->recoveries[which]);
}

static void what_the_window_has_needs_no_read(void **state) {
    struct fixture f;
    (void)state;
    set_up_histories(&f, SLOW_CHECKS);
    struct claim *claim = subscribed(&f, 0, ROOM);
    bring_many(&f, 5);
    struct reader *a = comes_back(&f, claim, 2), *b = comes_back(&f, claim, 5), *c = comes_back(&f, claim, 0);
    wait_live(a);
    wait_live(b);
    wait_live(c);
    bring_many(&f, 1);
    assert_string_equal(a->story, "3 4 5 6");
    assert_string_equal(b->story, "6");
    assert_string_equal(c->story, "1 2 3 4 5 6");
    assert_int_equal(questions(&f), 1);
    assert_int_equal(result(&f, RECOVERY_WHOLE), 3);
    end(&f, claim);
}

static void many_share_one_read(void **state) {
    enum { MANY = 30, STORED = 100 };
    struct fixture f;
    struct claim *claims[WORKERS];
    (void)state;
    set_up_histories(&f, SLOW_CHECKS);
    for (unsigned i = 0; i < STORED; i++) {
        fake_store(f.fake, ROOM, "x");
    }
    for (unsigned i = 0; i < WORKERS; i++) {
        claims[i] = subscribed(&f, i, ROOM);
    }
    fake_behave(f.fake, FAKE_HISTORY, FAKE_HOLD, 0);
    for (unsigned i = 0; i < MANY; i++) {
        comes_back(&f, claims[i % WORKERS], i * 3);
    }
    wait_calls(&f, FAKE_HISTORY, 2);
    assert_int_equal(f.fake->held->after, 0); // from the lowest on
    bring_many(&f, 2);                        // live meanwhile
    fake_behave(f.fake, FAKE_HISTORY, FAKE_AT_ONCE, 0);
    fake_complete(f.fake, f.fake->held, WSHUB_OK);
    for (unsigned i = 0; i < MANY; i++) {
        wait_live(readers[i]);
    }
    bring_many(&f, 1);
    for (unsigned i = 0; i < MANY; i++) {
        char expected[1024] = "";
        for (unsigned offset = i * 3 + 1; offset <= STORED + 3; offset++) {
            snprintf(expected + strlen(expected), 16, "%s%u", offset == i * 3 + 1 ? "" : " ", offset);
        }
        assert_string_equal(readers[i]->story, expected);
    }
    assert_int_equal(questions(&f), 2);
    leave(claims[1]);
    leave(claims[2]);
    end(&f, claims[0]);
}

static void what_is_gone_is_told(void **state) {
    struct fixture f;
    (void)state;
    set_up_histories(&f, SLOW_CHECKS);
    for (unsigned i = 0; i < 9; i++) {
        fake_store(f.fake, ROOM, "x");
    }
    fake_trim(f.fake, ROOM, 5);
    struct claim *claim = subscribed(&f, 0, ROOM);
    struct reader *old = comes_back(&f, claim, 3), *just = comes_back(&f, claim, 4);
    struct reader *other = reader_new(&f, claim, "another", 8), *future = comes_back(&f, claim, 90);
    struct reader *none = reader_new(&f, claim, "", 0);
    for (size_t i = 0; i < 5; i++) {
        wait_live(readers[i]);
    }
    bring_many(&f, 1);
    assert_string_equal(old->story, "n9 10");
    assert_string_equal(just->story, "5 6 7 8 9 10");
    assert_string_equal(other->story, "n9 10");
    assert_string_equal(future->story, "n9 10");
    assert_string_equal(none->story, "10"); // wanted to know the position alone
    assert_int_equal(result(&f, RECOVERY_WHOLE), 1);
    assert_int_equal(result(&f, RECOVERY_NOT_FOUND), 3);
    end(&f, claim);
}

// It was at another instance, which had heard more than this one.
static void who_is_further_than_this_hub_is_waited_for(void **state) {
    struct fixture f;
    (void)state;
    set_up_histories(&f, SLOW_CHECKS);
    struct claim *claim = subscribed(&f, 0, ROOM);
    bring_many(&f, 1);
    fake_store(f.fake, ROOM, "2");
    fake_store(f.fake, ROOM, "3");
    struct reader *ahead = comes_back(&f, claim, 2);
    struct reader *end_of_it = comes_back(&f, claim, 3);
    struct reader *behind = comes_back(&f, claim, 0);
    wait_live(ahead);
    wait_live(end_of_it);
    fake_deliver_stored(f.fake, ROOM, 2);
    fake_deliver_stored(f.fake, ROOM, 3);
    bring_many(&f, 1);
    assert_string_equal(ahead->story, "3 4");
    assert_string_equal(end_of_it->story, "4");
    assert_string_equal(behind->story, "1 2 3 4");
    end(&f, claim);
}

// The hub has several pages to read, and each answer is bounded.
static void much_comes_in_parts(void **state) {
    enum { STORED = 40 };
    static const unsigned sizes[] = {200, 20000, 100000};
    (void)state;
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
        struct fixture f;
        char *payload = calloc(1, sizes[s] + 1), expected[512] = "";
        memset(payload, 'x', sizes[s]);
        set_up_histories(&f, "recovery: {check: 1h, memory: 1MiB}\nlimits: {outbox: 1MiB}\n");
        for (unsigned i = 1; i <= STORED; i++) {
            fake_store(f.fake, ROOM, payload);
            snprintf(expected + strlen(expected), 16, "%s%u", i == 1 ? "" : " ", i);
        }
        struct claim *claim = subscribed(&f, 0, ROOM);
        struct reader *all = comes_back(&f, claim, 0), *few = comes_back(&f, claim, 0);
        few->most = 3;
        wait_live(all);
        wait_live(few);
        assert_string_equal(all->story, expected);
        assert_string_equal(few->story, expected);
        assert_true(few->parts >= STORED / 3);
        assert_true(all->parts >= STORED * sizes[s] / (256 * 1024));
        assert_true(counter_get(&stats(&f)->window_bytes) <= 1024 * 1024);
        bring_many(&f, 1);
        assert_true(strlen(all->story) > strlen(expected));
        free(payload);
        end(&f, claim);
    }
}

// The last message is small, and tells nothing of those before it.
static void a_page_is_bounded_by_its_bytes(void **state) {
    enum { STORED = 60, LARGE = 100000 };
    struct fixture f;
    char *payload = calloc(1, LARGE + 1), expected[512] = "";
    (void)state;
    memset(payload, 'x', LARGE);
    set_up_histories(&f, "recovery: {check: 1h, memory: 1MiB}\nlimits: {outbox: 1MiB}\n");
    for (unsigned i = 1; i <= STORED + 1; i++) {
        if (i <= STORED) {
            fake_store(f.fake, ROOM, payload);
        }
        snprintf(expected + strlen(expected), 16, "%s%u", i == 1 ? "" : " ", i);
    }
    struct claim *claim = subscribed(&f, 0, ROOM);
    bring_many(&f, 1);
    struct reader *reader = comes_back(&f, claim, 0);
    wait_live(reader);
    assert_string_equal(reader->story, expected);
    assert_in_range(reader->heaviest, 1, READ_BYTES + 2 * LARGE);
    assert_in_range(f.fake->calls[f.fake->call_count - 1]->limit, 1, 2 * READ_BYTES / LARGE);
    free(payload);
    end(&f, claim);
}

// Messages of another channel that wait for one that is missing take all that windows may have. What the
// history has beyond what is live comes live.
static void what_no_window_holds_is_cut_where_live_begins(void **state) {
    enum { LARGE = 600000 };
    static const char *volatile other = "room2";
    struct fixture f;
    char *payload = calloc(1, LARGE + 1);
    (void)state;
    memset(payload, 'x', LARGE);
    set_up_histories(&f, "recovery: {check: 1h, memory: 1MiB}\n");
    fake_store(f.fake, ROOM, "1");
    struct claim *claim = subscribed(&f, 0, ROOM), *greedy = subscribed(&f, 0, other);
    fake_behave(f.fake, FAKE_HISTORY, FAKE_HOLD, 0);
    for (unsigned i = 1; i <= 3; i++) {
        fake_store(f.fake, other, payload);
    }
    fake_deliver_stored(f.fake, other, 2);
    fake_deliver_stored(f.fake, other, 3);
    struct reader *reader = comes_back(&f, claim, 0);
    wait_calls(&f, FAKE_HISTORY, 4);
    assert_true(counter_get(&stats(&f)->window_bytes) >= 2 * LARGE);
    fake_store(f.fake, ROOM, "2"); // has not come yet
    fake_behave(f.fake, FAKE_HISTORY, FAKE_AT_ONCE, 0);
    fake_complete(f.fake, fake_held(f.fake, FAKE_HISTORY, ROOM), WSHUB_OK);
    wait_live(reader);
    assert_string_equal(reader->story, "1");
    assert_int_equal(reader->parts, 1);
    fake_deliver_stored(f.fake, ROOM, 2);
    bring_many(&f, 1);
    assert_string_equal(reader->story, "1 2 3");
    fake_complete_all(f.fake, WSHUB_OK);
    free(payload);
    leave(greedy);
    end(&f, claim);
}

static void offsets_may_have_holes_of_their_own(void **state) {
    struct fixture f;
    (void)state;
    set_up_histories(&f, SLOW_CHECKS);
    f.fake->is_sparse = true;
    for (unsigned i = 0; i < 5; i++) {
        fake_store(f.fake, ROOM, "x");
    }
    fake_trim(f.fake, ROOM, 6);
    struct claim *claim = subscribed(&f, 0, ROOM);
    struct reader *there = comes_back(&f, claim, 6), *gone = comes_back(&f, claim, 2);
    wait_live(there);
    wait_live(gone);
    assert_string_equal(there->story, "9 12 15");
    assert_string_equal(gone->story, "n15");
    end(&f, claim);
}

// A broker that is not dense does not say how many messages are between two offsets: there the window does,
// as far as it goes.
static void too_much_is_not_brought(void **state) {
    static const struct {
        const char *plugin, *much;
    } cases[] = {{"dense", "n16"}, {"keeper", "10 11 12 13 14 15 16"}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct fixture f;
        set_up_histories_of(&f, cases[i].plugin, "recovery: {check: 1h, messages: 5}\n");
        for (unsigned n = 0; n < 9; n++) {
            fake_store(f.fake, ROOM, "x");
        }
        struct claim *claim = subscribed(&f, 0, ROOM);
        bring_many(&f, 7); // the window has the last five
        struct reader *much = comes_back(&f, claim, 9), *most = comes_back(&f, claim, 11);
        wait_live(much);
        wait_live(most);
        assert_string_equal(most->story, "12 13 14 15 16");
        assert_string_equal(much->story, cases[i].much);
        end(&f, claim);
    }
}

static bool was_brought;

static void bring_more(struct reader *reader, char what, const struct position *position) {
    (void)position;
    assert_int_equal(what, 'm');
    for (unsigned i = 0; i < 7 && !was_brought; i++) {
        bring(reader->fixture, "x");
    }
    was_brought = true;
}

// Who was told that it gets all of it does, however much more comes while it reads.
static void what_was_promised_is_kept(void **state) {
    struct fixture f;
    (void)state;
    set_up_histories_of(&f, "dense", "recovery: {check: 1h, messages: 5}\n");
    for (unsigned n = 0; n < 5; n++) {
        fake_store(f.fake, ROOM, "x");
    }
    struct claim *claim = subscribed(&f, 0, ROOM);
    was_brought = false;
    reader_told = bring_more;
    struct reader *reader = comes_back(&f, claim, 0);
    reader->most = 1;
    wait_live(reader);
    reader_told = NULL;
    assert_int_equal(reader->at.offset, 12);
    end(&f, claim);
}

// ---- what goes wrong

static void a_read_that_fails_is_told(void **state) {
    static const struct {
        int status;
        const char *story;
    } cases[] = {
        {WSHUB_UNAVAILABLE, "x3"}, {WSHUB_TIMEOUT, "x4"},     {WSHUB_NO_MEMORY, "x1"},
        {WSHUB_INTERNAL, "n2"},    {WSHUB_UNSUPPORTED, "n2"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct fixture f;
        set_up_histories(&f, SLOW_CHECKS);
        fake_store(f.fake, ROOM, "1");
        fake_store(f.fake, ROOM, "2");
        struct claim *claim = subscribed(&f, 0, ROOM);
        fake_behave(f.fake, FAKE_HISTORY, FAKE_AT_ONCE, cases[i].status);
        struct reader *reader = comes_back(&f, claim, 0);
        run_until(f.loop, has_answer, reader);
        assert_string_equal(reader->story, cases[i].story);
        end(&f, claim);
    }
}

static void a_link_that_breaks_is_told_to_who_waits(void **state) {
    struct fixture f;
    (void)state;
    set_up_histories(&f, SLOW_CHECKS);
    fake_store(f.fake, ROOM, "1");
    struct claim *claim = subscribed(&f, 0, ROOM);
    fake_behave(f.fake, FAKE_HISTORY, FAKE_HOLD, 0);
    struct reader *waits = comes_back(&f, claim, 0);
    wait_calls(&f, FAKE_HISTORY, 2);
    link_is(&f, WSHUB_LINK_DOWN);
    run_until(f.loop, has_answer, waits);
    assert_string_equal(waits->story, "x3");
    struct reader *late = comes_back(&f, claim, 0);
    run_until(f.loop, has_answer, late);
    assert_string_equal(late->story, "x3");
    fake_complete(f.fake, f.fake->held, WSHUB_UNAVAILABLE);
    fake_behave(f.fake, FAKE_HISTORY, FAKE_AT_ONCE, 0);
    link_is(&f, WSHUB_LINK_UP);
    struct reader *again = comes_back(&f, claim, 0);
    wait_live(again);
    assert_string_equal(again->story, "1");
    assert_int_equal(result(&f, RECOVERY_FAILED), 2);
    end(&f, claim);
}

static void a_ticket_that_goes_takes_its_own_along(void **state) {
    struct fixture f;
    (void)state;
    set_up_histories(&f, SLOW_CHECKS);
    fake_store(f.fake, ROOM, "1");
    struct claim *goes = subscribed(&f, 0, ROOM), *stays = subscribed(&f, 1, ROOM);
    fake_behave(f.fake, FAKE_HISTORY, FAKE_HOLD, 0);
    struct reader *gone = comes_back(&f, goes, 0), *there = comes_back(&f, stays, 0);
    wait_calls(&f, FAKE_HISTORY, 2);
    assert_true(gone->is_asked);
    leave(goes);
    gone->claim = NULL;
    run_rounds(f.loop);
    assert_false(gone->is_asked); // before the claim was released, and freed
    reader_free(gone);
    fake_complete(f.fake, f.fake->held, WSHUB_OK);
    wait_live(there);
    assert_string_equal(there->story, "1");
    end(&f, stays);
}

static void another_epoch_while_it_is_read(void **state) {
    struct fixture f;
    (void)state;
    set_up_histories(&f, SLOW_CHECKS);
    fake_store(f.fake, ROOM, "1");
    fake_store(f.fake, ROOM, "2");
    struct claim *claim = subscribed(&f, 0, ROOM);
    fake_behave(f.fake, FAKE_HISTORY, FAKE_HOLD, 0);
    struct reader *reader = comes_back(&f, claim, 0);
    wait_calls(&f, FAKE_HISTORY, 2);
    fake_begin_epoch(f.fake, ROOM, "second");
    fake_store(f.fake, ROOM, "1");
    fake_behave(f.fake, FAKE_HISTORY, FAKE_AT_ONCE, 0);
    fake_complete(f.fake, f.fake->held, WSHUB_OK);
    wait_live(reader);
    run_rounds(f.loop);
    bring_many(&f, 1);
    // What was live then, it has as well: behind the position that it was told.
    assert_true(strcmp(reader->story, "n0 1 2") == 0 || strcmp(reader->story, "n1 2") == 0);
    end(&f, claim);
}

static void one_that_is_trimmed_under_the_hands_is_told(void **state) {
    struct fixture f;
    (void)state;
    set_up_histories(&f, SLOW_CHECKS);
    for (unsigned i = 0; i < 6; i++) {
        fake_store(f.fake, ROOM, "x");
    }
    struct claim *claim = subscribed(&f, 0, ROOM);
    fake_behave(f.fake, FAKE_HISTORY, FAKE_HOLD, 0);
    struct reader *reader = comes_back(&f, claim, 1), *later = comes_back(&f, claim, 4);
    wait_calls(&f, FAKE_HISTORY, 2);
    fake_trim(f.fake, ROOM, 5);
    fake_behave(f.fake, FAKE_HISTORY, FAKE_AT_ONCE, 0);
    fake_complete(f.fake, f.fake->held, WSHUB_OK);
    wait_live(reader);
    wait_live(later);
    assert_string_equal(reader->story, "n6");
    assert_string_equal(later->story, "5 6");
    fake_trim(f.fake, ROOM, 100); // all of it
    struct claim *other = subscribed(&f, 1, ROOM);
    struct reader *last = comes_back(&f, other, 2);
    wait_live(last);
    assert_string_equal(last->story, "n6");
    leave(other);
    end(&f, claim);
}

// Somebody who has been there all the time: the worker is done with what is live.
static void reads_along(struct fixture *f, struct claim *claim) {
    struct reader *reader = reader_new(f, claim, NULL, 0);
    reader->at.epoch_length = 0;
}

static void who_is_behind_is_not_given_more(void **state) {
    enum { STORED = 64, READER_COUNT = 40 };
    struct fixture f;
    char payload[32 * 1024 + 1];
    (void)state;
    memset(payload, 'x', sizeof payload - 1);
    payload[sizeof payload - 1] = '\0';
    set_up_histories(&f, SLOW_CHECKS);
    struct claim *slow = subscribed(&f, 0, ROOM), *quick = subscribed(&f, 1, ROOM);
    reads_along(&f, slow);
    reads_along(&f, quick);
    for (unsigned i = 0; i < STORED; i++) {
        bring(&f, payload);
    }
    run_rounds(f.loop);
    for (unsigned i = 0; i < READER_COUNT; i++) {
        comes_back(&f, slow, STORED - 4)->stays_slow = true;
    }
    struct reader *other = comes_back(&f, quick, STORED - 4);
    wait_live(other); // whose worker is not behind
    unsigned answered = 0;
    for (unsigned i = 0; i < READERS; i++) {
        answered += readers[i] && readers[i]->stays_slow && readers[i]->is_live;
    }
    assert_in_range(answered, 2 * 1024 * 1024 / (4 * sizeof payload),
                    2 * 1024 * 1024 / (4 * sizeof payload) + 1);
    assert_true(atomic_load(&f.instance.congested)); // it rings when it gets further
    for (unsigned i = 0; i < READERS; i++) {
        if (readers[i] && readers[i]->stays_slow) {
            wait_live(readers[i]);
            pay(readers[i]);
            mailbox_ring(hub_mailbox(f.instance.hub));
        }
    }
    run_rounds(f.loop);
    assert_false(atomic_load(&f.instance.congested));
    leave(quick);
    end(&f, slow);
}

static uint64_t late; // bytes of live messages that a worker is not done with

static void on_late(struct worker *worker, const struct channel_ticket *ticket,
                    const struct message *message) {
    (void)worker;
    (void)ticket;
    late += message_weight(message);
}

// Live messages alone keep it behind: that may last.
static void who_is_behind_for_good_gets_a_little(void **state) {
    enum { LIVE = 100 };
    struct fixture f;
    char payload[32 * 1024 + 1];
    (void)state;
    memset(payload, 'x', sizeof payload - 1);
    payload[sizeof payload - 1] = '\0';
    set_up_histories(&f, SLOW_CHECKS);
    struct claim *claim = subscribed(&f, 0, ROOM);
    f.on_delivery = on_late;
    late = 0;
    for (unsigned i = 0; i < LIVE; i++) {
        bring(&f, payload);
    }
    run_rounds(f.loop);
    struct reader *first = comes_back(&f, claim, LIVE - 2);
    first->stays_slow = true;
    wait_live(first);
    assert_string_equal(first->story, "99 100");
    uint64_t done = late;
    f.on_delivery = on_late;
    for (unsigned i = 0; i < LIVE; i++) {
        bring(&f, payload);
    }
    run_rounds(f.loop);
    struct reader *second = comes_back(&f, claim, 2 * LIVE - 2);
    run_rounds(f.loop);
    assert_false(second->is_live); // one at a time
    f.workers[0].delivered += done;
    pay(first);
    mailbox_ring(hub_mailbox(f.instance.hub));
    wait_live(second);
    assert_string_equal(second->story, "199 200");
    end(&f, claim);
}

static void a_channel_without_a_history_has_nothing_to_recover(void **state) {
    struct fixture f;
    (void)state;
    set_up_histories(&f, SLOW_CHECKS);
    struct claim *claim = subscribed(&f, 0, "plain");
    struct reader *reader = comes_back(&f, claim, 0);
    run_until(f.loop, has_answer, reader);
    assert_string_equal(reader->story, "x7");
    end(&f, claim);
}

static void a_hub_that_ends_answers_all(void **state) {
    struct fixture f;
    (void)state;
    set_up_histories(&f, SLOW_CHECKS);
    fake_store(f.fake, ROOM, "1");
    struct claim *claim = subscribed(&f, 0, ROOM);
    fake_behave(f.fake, FAKE_HISTORY, FAKE_HOLD, 0);
    struct reader *reader = comes_back(&f, claim, 0);
    wait_calls(&f, FAKE_HISTORY, 2);
    leave(claim);
    reader->claim = NULL;
    tear_down(&f);
    assert_string_equal(reader->story, "x8");
    reader_free(reader);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_the_window_has_needs_no_read),
        cmocka_unit_test(many_share_one_read),
        cmocka_unit_test(what_is_gone_is_told),
        cmocka_unit_test(who_is_further_than_this_hub_is_waited_for),
        cmocka_unit_test(much_comes_in_parts),
        cmocka_unit_test(a_page_is_bounded_by_its_bytes),
        cmocka_unit_test(what_no_window_holds_is_cut_where_live_begins),
        cmocka_unit_test(offsets_may_have_holes_of_their_own),
        cmocka_unit_test(too_much_is_not_brought),
        cmocka_unit_test(what_was_promised_is_kept),
        cmocka_unit_test(a_read_that_fails_is_told),
        cmocka_unit_test(a_link_that_breaks_is_told_to_who_waits),
        cmocka_unit_test(a_ticket_that_goes_takes_its_own_along),
        cmocka_unit_test(another_epoch_while_it_is_read),
        cmocka_unit_test(one_that_is_trimmed_under_the_hands_is_told),
        cmocka_unit_test(who_is_behind_is_not_given_more),
        cmocka_unit_test(who_is_behind_for_good_gets_a_little),
        cmocka_unit_test(a_channel_without_a_history_has_nothing_to_recover),
        cmocka_unit_test(a_hub_that_ends_answers_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
