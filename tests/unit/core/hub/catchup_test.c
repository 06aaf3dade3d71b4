// SPDX-License-Identifier: MIT
// A subscriber gets what it has missed, each message once and in order, at its own pace, and then what is
// live; or it is told. The hub is the test.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "worker_fixture.h"

#include "hub/subscriptions_priv.h"

#define HISTORY "channels: [{match: '*', history: {size: 1000, ttl: 1h}}]\n"
#define SINCE(offset_) ",\"since\":{\"epoch\":\"e\",\"offset\":" #offset_ "}"
#define SUBSCRIBE(id_, since_) "{\"op\":\"subscribe\",\"id\":" #id_ ",\"channel\":\"room\"" since_ "}"
#define UNSUBSCRIBE(id_) "{\"op\":\"unsubscribe\",\"id\":" #id_ ",\"channel\":\"room\"}"
#define AT(offset_) ",\"position\":{\"epoch\":\"e\",\"offset\":" #offset_ "}"
#define OK(id_, more_) "{\"op\":\"ok\",\"id\":" #id_ ",\"channel\":\"room\"" more_ "}"
#define MESSAGE(n_) "{\"op\":\"message\",\"channel\":\"room\",\"data\":" #n_ ",\"offset\":" #n_ "}"
#define YES ",\"recovered\":true"
#define NO ",\"recovered\":false"

// ---- what the hub says

static struct position at(const char *epoch, uint64_t offset) {
    struct position position;
    assert_true(position_set(&position, (struct span){epoch, strlen(epoch)}, offset));
    return position;
}

static struct message *message_with(uint64_t offset, const char *payload, size_t length) {
    const struct wshub_message message = {
        .struct_size = sizeof message,
        .channel = {"room", 4},
        .payload = {payload, length},
        .epoch = {"e", offset > 0 ? 1 : 0},
        .offset = offset,
    };
    struct message *made = message_new(&message, 1);
    assert_non_null(made);
    return made;
}

static struct message *message_at(uint64_t offset) {
    char payload[24];
    return message_with(offset, payload, (size_t)snprintf(payload, sizeof payload, "%d", (int)offset));
}

static void deliver(struct fixture *f, struct channel_ticket *ticket, struct message *message) {
    message->deliveries[0] = (struct delivery){.message = message, .ticket = ticket};
    answer(f, &message->deliveries[0].mail, MAIL_DELIVER);
}

static struct channel_ticket *confirm(struct fixture *f, uint64_t offset) {
    struct channel_ticket *ticket = take(f, MAIL_SUBSCRIBE);
    assert_non_null(ticket->position);
    *ticket->position = at("e", offset);
    ticket->status = WSHUB_OK;
    answer(f, &ticket->mail, MAIL_SUBSCRIBED);
    return ticket;
}

static struct found *found_of(uint64_t first, uint64_t last) {
    struct found *found = found_new(0);
    for (uint64_t i = first; i <= last; i++) {
        struct message *message = message_at(i);
        assert_true(found_add(found, message));
        message_unref(message);
    }
    return found;
}

// Asked for what comes after `since`.
static struct recovery *asked(struct fixture *f, uint64_t since) {
    struct recovery *recovery = take(f, MAIL_RECOVER);
    assert_int_equal(recovery->since.offset, since);
    assert_true(position_is_of(&recovery->since, (struct span){"e", 1}));
    return recovery;
}

// All of the found.
static void fill(struct recovery *recovery, struct found *found, bool whole, uint64_t position) {
    recovery->status = WSHUB_OK;
    recovery->whole = whole;
    recovery->position = at("e", position);
    recovery->found = found;
    recovery->from = 0;
    recovery->until = found ? (uint32_t)found_count(found) : 0;
}

static void recovered(struct fixture *f, struct recovery *recovery, struct found *found, bool whole,
                      uint64_t position) {
    fill(recovery, found, whole, position);
    answer(f, &recovery->mail, MAIL_RECOVERED);
}

static void fails(struct fixture *f, struct recovery *recovery, int status, uint64_t position) {
    recovery->status = status;
    recovery->position = at("e", position);
    answer(f, &recovery->mail, MAIL_RECOVERED);
}

static void drop_ticket(struct fixture *f) {
    struct channel_ticket *ticket = take(f, MAIL_UNSUBSCRIBE);
    answer(f, &ticket->mail, MAIL_RELEASED);
}

// ---- tests

static void a_subscribe_tells_where_it_stands(void **state) {
    struct fixture f;
    static struct client c, later;
    (void)state;
    set_up_with(&f, HISTORY);
    client_open(&f, &c, 0);
    client_open(&f, &later, 0);
    client_write(&c, SUBSCRIBE(1, ""));
    struct channel_ticket *ticket = confirm(&f, 44);
    expect(&c, OK(1, AT(44)));
    deliver(&f, ticket, message_at(45));
    expect(&c, MESSAGE(45));
    client_write(&later, SUBSCRIBE(1, ""));
    expect(&later, OK(1, AT(45)));
    deliver(&f, ticket, message_at(46));
    expect(&c, MESSAGE(46));
    expect(&later, MESSAGE(46));
    assert_quiet(&f);
    client_free(&c);
    client_free(&later);
    tear_down(&f);
}

static void what_was_missed_comes_before_what_is_live(void **state) {
    struct fixture f;
    static struct client c;
    (void)state;
    for (int id = 0; id < 2; id++) { // without an id the answer is left out, and nothing else
        set_up_with(&f, HISTORY);
        client_open(&f, &c, 0);
        client_write(&c,
                     id ? SUBSCRIBE(1, SINCE(3)) : "{\"op\":\"subscribe\",\"channel\":\"room\"" SINCE(3) "}");
        struct channel_ticket *ticket = confirm(&f, 5);
        struct recovery *recovery = asked(&f, 3);
        assert_ptr_equal(recovery->ticket, ticket);
        deliver(&f, ticket, message_at(6)); // part of the answer
        client_sync(&c);
        recovered(&f, recovery, found_of(4, 6), true, 6);
        deliver(&f, ticket, message_at(7));
        if (id) {
            expect(&c, OK(1, AT(6) YES));
        }
        expect(&c, MESSAGE(4));
        expect(&c, MESSAGE(5));
        expect(&c, MESSAGE(6));
        expect(&c, MESSAGE(7));
        client_free(&c);
        tear_down(&f);
    }
}

static void who_has_missed_nothing_is_answered_at_once(void **state) {
    struct fixture f;
    static struct client c, later;
    (void)state;
    set_up_with(&f, HISTORY);
    client_open(&f, &c, 0);
    client_open(&f, &later, 0);
    client_write(&c, SUBSCRIBE(1, SINCE(5)));
    struct channel_ticket *ticket = confirm(&f, 5);
    expect(&c, OK(1, AT(5) YES));
    deliver(&f, ticket, message_at(6));
    expect(&c, MESSAGE(6));
    client_write(&later, SUBSCRIBE(1, SINCE(6)));
    expect(&later, OK(1, AT(6) YES));
    deliver(&f, ticket, message_at(7));
    expect(&c, MESSAGE(7));
    expect(&later, MESSAGE(7));
    assert_quiet(&f);
    client_free(&c);
    client_free(&later);
    tear_down(&f);
}

// The number alone says nothing.
static void the_same_offset_of_another_epoch_is_asked_about(void **state) {
    static const char other_epoch[] =
        "{\"op\":\"subscribe\",\"id\":2,\"channel\":\"room\",\"since\":{\"epoch\":\"f\",\"offset\":5}}";
    struct fixture f;
    static struct client c, late, later;
    const struct position anew = at("f", 5);
    (void)state;
    set_up_with(&f, HISTORY);
    client_open(&f, &c, 0);
    client_open(&f, &late, 0);
    client_open(&f, &later, 0);
    client_write(&c, SUBSCRIBE(1, ""));
    struct channel_ticket *ticket = confirm(&f, 5);
    expect(&c, OK(1, AT(5)));
    client_write(&late, other_epoch);
    struct recovery *recovery = take(&f, MAIL_RECOVER);
    fails(&f, recovery, WSHUB_NOT_FOUND, 5);
    expect(&late, OK(2, AT(5) NO));
    struct message *gap = message_new_gap((struct span){"room", 4}, &anew, 1);
    assert_non_null(gap);
    deliver(&f, ticket, gap);
    expect(&c, "{\"op\":\"gap\",\"channel\":\"room\",\"position\":{\"epoch\":\"f\",\"offset\":5}}");
    client_write(&later, other_epoch); // it was told of, and so is where the channel stands
    expect(&later, OK(2, ",\"position\":{\"epoch\":\"f\",\"offset\":5}" YES));
    assert_quiet(&f);
    client_free(&c);
    client_free(&late);
    client_free(&later);
    tear_down(&f);
}

// Who catches up beside them costs the others nothing.
static void others_get_what_is_live(void **state) {
    struct fixture f;
    static struct client c, other, third;
    (void)state;
    set_up_with(&f, HISTORY);
    client_open(&f, &other, 0);
    client_open(&f, &c, 0);
    client_open(&f, &third, 0);
    client_write(&other, SUBSCRIBE(1, ""));
    struct channel_ticket *ticket = confirm(&f, 5);
    expect(&other, OK(1, AT(5)));
    client_write(&c, SUBSCRIBE(1, SINCE(3)));
    struct recovery *recovery = asked(&f, 3);
    client_write(&third, SUBSCRIBE(1, SINCE(5)));
    expect(&third, OK(1, AT(5) YES));
    deliver(&f, ticket, message_at(6));
    recovered(&f, recovery, found_of(4, 6), true, 6);
    deliver(&f, ticket, message_at(7));
    expect(&other, MESSAGE(6));
    expect(&other, MESSAGE(7));
    expect(&third, MESSAGE(6));
    expect(&third, MESSAGE(7));
    expect(&c, OK(1, AT(6) YES));
    expect(&c, MESSAGE(4));
    expect(&c, MESSAGE(5));
    expect(&c, MESSAGE(6));
    expect(&c, MESSAGE(7));
    client_free(&c);
    client_free(&other);
    client_free(&third);
    tear_down(&f);
}

static void what_is_not_there_any_more_is_told(void **state) {
    struct fixture f;
    static struct client c;
    (void)state;
    set_up_with(&f, HISTORY);
    client_open(&f, &c, 0);
    client_write(&c, SUBSCRIBE(1, SINCE(3)));
    struct channel_ticket *ticket = confirm(&f, 5);
    struct recovery *recovery = asked(&f, 3);
    deliver(&f, ticket, message_at(6));
    fails(&f, recovery, WSHUB_NOT_FOUND, 6);
    deliver(&f, ticket, message_at(7));
    expect(&c, OK(1, AT(6) NO));
    expect(&c, MESSAGE(7));
    client_sync(&c);
    client_free(&c);
    tear_down(&f);
}

static void a_recovery_that_fails_leaves_no_trace(void **state) {
    struct fixture f;
    static struct client c;
    (void)state;
    set_up_with(&f, HISTORY);
    client_open(&f, &c, 0);
    client_write(&c, SUBSCRIBE(1, SINCE(3)));
    confirm(&f, 5);
    fails(&f, asked(&f, 3), WSHUB_UNAVAILABLE, 5);
    expect(&c, "{\"op\":\"error\",\"id\":1,\"code\":\"broker_unavailable\",\"message\":\"the broker is not "
               "reachable\",\"retry\":true}");
    drop_ticket(&f);
    client_write(&c, UNSUBSCRIBE(2));
    assert_non_null(strstr(client_next(&c), "\"code\":\"not_subscribed\""));
    client_free(&c);
    tear_down(&f);
}

// What a later part cannot bring is told: the first one was promised whole.
static void a_later_part_that_fails_is_told(void **state) {
    static const struct {
        int status;
        const char *told;
    } cases[] = {
        {WSHUB_NOT_FOUND, "{\"op\":\"gap\",\"channel\":\"room\"" AT(9) "}"},
        {WSHUB_TIMEOUT, "{\"op\":\"unsubscribed\",\"channel\":\"room\",\"code\":\"timeout\"}"},
        {WSHUB_UNAVAILABLE, "{\"op\":\"unsubscribed\",\"channel\":\"room\",\"code\":\"broker_unavailable\"}"},
    };
    struct fixture f;
    static struct client c;
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        set_up_with(&f, HISTORY);
        client_open(&f, &c, 0);
        client_write(&c, SUBSCRIBE(1, SINCE(3)));
        struct channel_ticket *ticket = confirm(&f, 9);
        recovered(&f, asked(&f, 3), found_of(4, 5), false, 9);
        expect(&c, OK(1, AT(9) YES));
        expect(&c, MESSAGE(4));
        expect(&c, MESSAGE(5));
        fails(&f, asked(&f, 5), cases[i].status, 9);
        expect(&c, cases[i].told);
        if (cases[i].status == WSHUB_NOT_FOUND) {
            deliver(&f, ticket, message_at(10));
            expect(&c, MESSAGE(10));
        } else {
            drop_ticket(&f);
        }
        client_sync(&c);
        client_free(&c);
        tear_down(&f);
    }
}

// Nothing that would have been given to it alone is forgotten, and nothing told twice.
static void a_gap_meanwhile_comes_behind(void **state) {
    struct fixture f;
    static struct client c;
    (void)state;
    set_up_with(&f, HISTORY);
    client_open(&f, &c, 0);
    client_write(&c, SUBSCRIBE(1, SINCE(3)));
    struct channel_ticket *ticket = confirm(&f, 5);
    struct recovery *recovery = asked(&f, 3);
    struct message *gap = message_with(7, "", 0);
    gap->kind = MESSAGE_GAP;
    deliver(&f, ticket, gap);
    recovered(&f, recovery, found_of(4, 4), true, 7);
    expect(&c, OK(1, AT(7) YES));
    expect(&c, MESSAGE(4));
    expect(&c, "{\"op\":\"gap\",\"channel\":\"room\"" AT(7) "}");
    deliver(&f, ticket, message_at(8));
    expect(&c, MESSAGE(8));
    client_free(&c);
    tear_down(&f);
}

// Foreign programs publish beside the history: nothing brings it again.
static void what_has_no_position_is_live(void **state) {
    struct fixture f;
    static struct client c;
    (void)state;
    set_up_with(&f, HISTORY);
    client_open(&f, &c, 0);
    client_write(&c, SUBSCRIBE(1, SINCE(3)));
    struct channel_ticket *ticket = confirm(&f, 9);
    struct recovery *recovery = asked(&f, 3);
    deliver(&f, ticket, message_with(0, "0", 1)); // before the answer: not promised
    recovered(&f, recovery, found_of(4, 4), false, 9);
    recovery = asked(&f, 4);
    deliver(&f, ticket, message_with(0, "\"now\"", 5));
    recovered(&f, recovery, found_of(5, 5), true, 9);
    expect(&c, OK(1, AT(9) YES));
    expect(&c, MESSAGE(4));
    expect(&c, "{\"op\":\"message\",\"channel\":\"room\",\"data\":\"now\"}");
    expect(&c, MESSAGE(5));
    client_free(&c);
    tear_down(&f);
}

static void who_is_excluded_misses_nothing(void **state) {
    struct fixture f;
    static struct client c;
    char id[SESSION_ID_LENGTH + 1];
    (void)state;
    set_up_with(&f, HISTORY);
    client_open(&f, &c, 0);
    session_id(c.session, id);
    client_write(&c, SUBSCRIBE(1, SINCE(3)));
    confirm(&f, 6);
    struct found *found = found_of(4, 4);
    for (uint64_t i = 5; i <= 6; i++) {
        const struct wshub_message excluding = {
            .channel = {"room", 4}, .payload = {"1", 1}, .exclude = {id, 32}, .epoch = {"e", 1}, .offset = i};
        struct message *message = message_new(&excluding, 1);
        assert_true(found_add(found, message));
        message_unref(message);
    }
    recovered(&f, asked(&f, 3), found, false, 6);
    expect(&c, OK(1, AT(6) YES));
    expect(&c, MESSAGE(4));
    recovered(&f, asked(&f, 6), NULL, true, 6); // goes on behind what it may not have
    client_sync(&c);
    client_free(&c);
    tear_down(&f);
}

// ---- several of them

static const struct frame *frame_of(const struct client *c, uint32_t i) {
    const struct outbox *outbox = &c->session->ws.conn.outbox;
    assert_true(i < outbox->count);
    return outbox->slots[(outbox->head + i) & (outbox->capacity - 1)];
}

// Who recovers the same gets the same frames.
static void frames_are_shared(void **state) {
    enum { CLIENTS = 3, LARGE = 200 * 1024 };
    struct fixture f;
    static struct client clients[CLIENTS];
    struct recovery *recoveries[CLIENTS];
    (void)state;
    set_up_with(&f, HISTORY "limits: {outbox: 1MiB}\n");
    char *large = calloc(1, LARGE); // more than a kernel's buffers take
    memset(large, '1', LARGE);
    for (int i = 0; i < CLIENTS; i++) {
        client_open(&f, &clients[i], 8192);
        client_write(&clients[i], SUBSCRIBE(1, SINCE(3)));
    }
    run_rounds(f.loop);
    confirm(&f, 5);
    struct found *found = found_new(2);
    for (uint64_t i = 4; i <= 5; i++) {
        struct message *message = message_with(i, large, i == 4 ? LARGE : 10);
        assert_true(found_add(found, message));
        message_unref(message);
    }
    for (int i = 0; i < CLIENTS; i++) {
        recoveries[i] = asked(&f, 3);
        if (i > 0) {
            found_ref(found);
            recoveries[i - 1]->next = recoveries[i];
        }
        fill(recoveries[i], found, true, 5);
    }
    recoveries[1]->from = 1; // it had the first
    answer(&f, &recoveries[0]->mail, MAIL_RECOVERED);
    while (clients[CLIENTS - 1].session->ws.conn.outbox.count == 0) {
        run_rounds(f.loop);
    }
    const struct frame *last = frame_of(&clients[0], clients[0].session->ws.conn.outbox.count - 1);
    assert_int_equal(last->refs, 2); // of those who could not be written all of it: the first and the third
    for (int i = 0; i < CLIENTS; i++) {
        client_free(&clients[i]);
    }
    free(large);
    tear_down(&f);
}

// ---- pacing

enum { BEGUN = 400, LAST = 450, PART = 20, SIZE = 2000 };

static struct history {
    struct channel_ticket *ticket;
    uint64_t last;
    unsigned parts;
    size_t most_queued; // when it was asked for more
} history;

static struct message *large_at(uint64_t offset) {
    static char payload[SIZE];
    memset(payload, '1', sizeof payload);
    return message_with(offset, payload, sizeof payload);
}

// A hub whose channel goes on while somebody catches up.
static bool serve(struct fixture *f, struct mail *mail) {
    struct recovery *recovery = (struct recovery *)(void *)mail;
    if (mail->kind != MAIL_RECOVER) {
        return false;
    }
    uint64_t since = recovery->since.offset;
    uint64_t until = since + PART < history.last ? since + PART : history.last;
    size_t queued = recovery->subscription->session->ws.conn.outbox.bytes;
    struct found *found = found_new(0);
    for (uint64_t i = since + 1; i <= until; i++) {
        struct message *message = large_at(i);
        assert_true(found_add(found, message));
        message_unref(message);
    }
    history.parts++;
    history.most_queued = queued > history.most_queued ? queued : history.most_queued;
    recovered(f, recovery, found, until == history.last, history.last);
    if (history.last < LAST) {
        deliver(f, history.ticket, large_at(++history.last));
    }
    return true;
}

// What of a part does not fit waits, and is asked for again: a slow client is never closed by what it has
// missed, gets all of it, and then what is live.
static void a_slow_client_gets_it_in_parts(void **state) {
    struct fixture f;
    static struct client c;
    (void)state;
    set_up_with(&f, HISTORY "limits: {outbox: 32KiB, message: 4KiB}\n");
    client_open(&f, &c, 2048);
    client_write(&c, SUBSCRIBE(1, SINCE(0)));
    history = (struct history){.ticket = confirm(&f, BEGUN), .last = BEGUN};
    f.on_told = serve;
    expect(&c, OK(1, AT(400) YES));
    for (int i = 1; i <= LAST; i++) {
        char expected[64];
        snprintf(expected, sizeof expected, "1,\"offset\":%d}", i);
        assert_non_null(strstr(client_next(&c), expected));
    }
    assert_true(history.parts > BEGUN / PART); // a part is 40 KB, more than ever fits
    assert_true(history.most_queued < 8 * 1024);
    deliver(&f, history.ticket, message_at(LAST + 1));
    expect(&c, MESSAGE(451));
    f.on_told = NULL;
    client_free(&c);
    tear_down(&f);
}

// ---- who goes meanwhile

enum stage { BEFORE_CONFIRMED, BEFORE_ANSWERED, BEFORE_NEXT_PART, STAGES };

// A client that has got so far. What the hub has still to answer, if anything.
static struct recovery *get_to(struct fixture *f, struct client *c, enum stage stage) {
    set_up_with(f, HISTORY);
    client_open(f, c, 0);
    client_write(c, SUBSCRIBE(1, SINCE(3)));
    if (stage == BEFORE_CONFIRMED) {
        f->wanted = 1;
        run_until(f->loop, has_told, f);
        return NULL;
    }
    confirm(f, 9);
    struct recovery *recovery = asked(f, 3);
    if (stage == BEFORE_NEXT_PART) {
        recovered(f, recovery, found_of(4, 4), false, 9);
        expect(c, OK(1, AT(9) YES));
        expect(c, MESSAGE(4));
        recovery = asked(f, 4);
    }
    return recovery;
}

static void who_unsubscribes_gets_nothing_more(void **state) {
    struct fixture f;
    static struct client c;
    (void)state;
    for (enum stage stage = 0; stage < STAGES; stage++) {
        struct recovery *recovery = get_to(&f, &c, stage);
        client_write(&c, UNSUBSCRIBE(2));
        if (stage == BEFORE_CONFIRMED) {
            client_sync(&c);
            confirm(&f, 9);
        }
        if (stage != BEFORE_NEXT_PART) {
            expect(&c, OK(1, AT(9) NO));
        }
        expect(&c, OK(2, ""));
        struct channel_ticket *ticket = take(&f, MAIL_UNSUBSCRIBE);
        if (recovery) { // before the ticket comes back, and to nobody
            recovered(&f, recovery, found_of(4, 9), true, 9);
        }
        answer(&f, &ticket->mail, MAIL_RELEASED);
        client_sync(&c);
        assert_quiet(&f);
        client_free(&c);
        tear_down(&f);
    }
}

// And counts as an operation under way until the hub is done with it.
static void who_flaps_is_held_back(void **state) {
    enum { FLAPS = 400, MOST = 300 };
    struct fixture f;
    static struct client c, other;
    (void)state;
    set_up_with(&f, HISTORY);
    client_open(&f, &c, 0);
    client_open(&f, &other, 0);
    client_write(&other, SUBSCRIBE(1, ""));
    confirm(&f, 9);
    expect(&other, OK(1, AT(9)));
    for (int i = 0; i < FLAPS; i++) {
        client_write(&c, SUBSCRIBE(1, SINCE(3)));
        client_write(&c, UNSUBSCRIBE(2));
        run_rounds(f.loop);
    }
    assert_in_range(f.told_count, 2, MOST);
    client_sync(&other);
    for (int i = 0; i < FLAPS; i++) {
        recovered(&f, asked(&f, 3), NULL, true, 9);
    }
    for (int i = 0; i < FLAPS; i++) {
        expect(&c, OK(1, AT(9) NO));
        expect(&c, OK(2, ""));
    }
    assert_int_equal(c.session->request_count, 0);
    client_free(&c);
    client_free(&other);
    tear_down(&f);
}

static void who_comes_again_begins_anew(void **state) {
    struct fixture f;
    static struct client c;
    (void)state;
    struct recovery *first = get_to(&f, &c, BEFORE_ANSWERED);
    client_write(&c, UNSUBSCRIBE(2));
    client_write(&c, SUBSCRIBE(3, SINCE(7)));
    expect(&c, OK(1, AT(9) NO));
    expect(&c, OK(2, ""));
    struct channel_ticket *ticket = take(&f, MAIL_UNSUBSCRIBE);
    confirm(&f, 9);
    recovered(&f, first, found_of(4, 9), true, 9);
    answer(&f, &ticket->mail, MAIL_RELEASED);
    recovered(&f, asked(&f, 7), found_of(8, 9), true, 9);
    expect(&c, OK(3, AT(9) YES));
    expect(&c, MESSAGE(8));
    expect(&c, MESSAGE(9));
    client_free(&c);
    tear_down(&f);
}

static void who_closes_leaves_no_trace(void **state) {
    struct fixture f;
    static struct client c;
    (void)state;
    for (enum stage stage = 0; stage < STAGES; stage++) {
        struct recovery *recovery = get_to(&f, &c, stage);
        client_free(&c);
        while (f.worker->sessions) {
            run_rounds(f.loop);
        }
        if (stage == BEFORE_CONFIRMED) {
            confirm(&f, 9);
        }
        struct channel_ticket *ticket = take(&f, MAIL_UNSUBSCRIBE);
        if (recovery) {
            recovered(&f, recovery, found_of(4, 9), true, 9);
        }
        answer(&f, &ticket->mail, MAIL_RELEASED);
        tear_down(&f);
    }
}

// One that waits for room when it goes.
static void who_closes_with_a_full_outbox_leaves_no_trace(void **state) {
    struct fixture f;
    static struct client c;
    (void)state;
    set_up_with(&f, HISTORY "limits: {outbox: 32KiB, message: 4KiB}\n");
    client_open(&f, &c, 2048);
    client_write(&c, SUBSCRIBE(1, SINCE(0)));
    history = (struct history){.ticket = confirm(&f, BEGUN), .last = BEGUN};
    f.on_told = serve;
    for (unsigned parts = UINT32_MAX; parts != history.parts || parts == 0;) { // until it stands still
        parts = history.parts;
        run_rounds(f.loop);
        run_rounds(f.loop);
    }
    assert_true(history.parts < BEGUN / PART);
    assert_true(c.session->ws.conn.low > 0);
    f.on_told = NULL;
    client_free(&c);
    tear_down(&f);
}

// The same for channels that stand still.
static bool serve_many(struct fixture *f, struct mail *mail) {
    enum { MESSAGES = 30 };
    struct recovery *recovery = (struct recovery *)(void *)mail;
    if (mail->kind != MAIL_RECOVER) {
        return false;
    }
    struct found *found = found_new(0);
    static char payload[SIZE];
    memset(payload, '1', sizeof payload);
    for (uint64_t i = recovery->since.offset + 1; i <= MESSAGES; i++) {
        const struct span name = recovery->ticket->name;
        const struct wshub_message from = {.channel = {name.data, name.length},
                                           .payload = {payload, sizeof payload},
                                           .epoch = {"e", 1},
                                           .offset = i};
        struct message *message = message_new(&from, 1);
        assert_true(found_add(found, message));
        message_unref(message);
    }
    recovered(f, recovery, found, true, MESSAGES);
    return true;
}

// Who waits for room does not wait for one that goes.
static void one_that_goes_holds_nobody_back(void **state) {
    struct fixture f;
    static struct client c;
    (void)state;
    set_up_with(&f, HISTORY);
    client_open(&f, &c, 0);
    client_write(&c, SUBSCRIBE(1, SINCE(3)));
    confirm(&f, 9);
    recovered(&f, asked(&f, 3), found_of(4, 4), false, 9);
    expect(&c, OK(1, AT(9) YES));
    expect(&c, MESSAGE(4));
    struct recovery *first = asked(&f, 4);
    client_write(&c, "{\"op\":\"subscribe\",\"id\":2,\"channel\":\"other\"" SINCE(3) "}");
    confirm(&f, 9);
    recovered(&f, asked(&f, 3), NULL, false, 9); // and waits behind the first
    assert_non_null(strstr(client_next(&c), "\"recovered\":true"));
    assert_quiet(&f);
    client_write(&c, UNSUBSCRIBE(3));
    expect(&c, OK(3, ""));
    struct channel_ticket *ticket = take(&f, MAIL_UNSUBSCRIBE);
    recovered(&f, asked(&f, 3), NULL, true, 9);
    recovered(&f, first, NULL, true, 9);
    answer(&f, &ticket->mail, MAIL_RELEASED);
    client_sync(&c);
    client_free(&c);
    tear_down(&f);
}

// Each of many channels brings what it may, and they share one outbox.
static void many_channels_at_once_fit_one_outbox(void **state) {
    enum { CHANNELS = 20, MESSAGES = 30 };
    struct fixture f;
    static struct client c;
    unsigned got[CHANNELS] = {0}, oks = 0, left = CHANNELS * MESSAGES;
    (void)state;
    set_up_with(&f, HISTORY "limits: {outbox: 32KiB, message: 4KiB}\n");
    client_open(&f, &c, 2048);
    for (int i = 0; i < CHANNELS; i++) {
        char text[128];
        snprintf(
            text, sizeof text,
            "{\"op\":\"subscribe\",\"id\":%d,\"channel\":\"%c\",\"since\":{\"epoch\":\"e\",\"offset\":0}}", i,
            'a' + i);
        client_write(&c, text);
    }
    run_rounds(f.loop);
    for (int i = 0; i < CHANNELS; i++) {
        confirm(&f, MESSAGES);
    }
    f.on_told = serve_many;
    for (size_t i = 0; i < f.told_count; i++) { // what it has been told by now
        assert_true(serve_many(&f, f.told[i]));
    }
    f.told_count = 0;
    while (left > 0 || oks < CHANNELS) {
        char channel;
        int offset = 0;
        const char *text = client_next(&c), *at = strstr(text, "\"offset\":");
        if (sscanf(text, "{\"op\":\"message\",\"channel\":\"%c\"", &channel) == 1) {
            assert_non_null(at);
            sscanf(at, "\"offset\":%d", &offset);
            assert_int_equal(offset, ++got[channel - 'a']);
            left--;
        } else {
            assert_non_null(strstr(text, "\"recovered\":true"));
            oks++;
        }
    }
    client_sync(&c);
    f.on_told = NULL;
    client_free(&c);
    tear_down(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_subscribe_tells_where_it_stands),
        cmocka_unit_test(what_was_missed_comes_before_what_is_live),
        cmocka_unit_test(who_has_missed_nothing_is_answered_at_once),
        cmocka_unit_test(the_same_offset_of_another_epoch_is_asked_about),
        cmocka_unit_test(others_get_what_is_live),
        cmocka_unit_test(what_is_not_there_any_more_is_told),
        cmocka_unit_test(a_recovery_that_fails_leaves_no_trace),
        cmocka_unit_test(a_later_part_that_fails_is_told),
        cmocka_unit_test(a_gap_meanwhile_comes_behind),
        cmocka_unit_test(what_has_no_position_is_live),
        cmocka_unit_test(who_is_excluded_misses_nothing),
        cmocka_unit_test(frames_are_shared),
        cmocka_unit_test(a_slow_client_gets_it_in_parts),
        cmocka_unit_test(who_unsubscribes_gets_nothing_more),
        cmocka_unit_test(who_flaps_is_held_back),
        cmocka_unit_test(who_comes_again_begins_anew),
        cmocka_unit_test(who_closes_leaves_no_trace),
        cmocka_unit_test(who_closes_with_a_full_outbox_leaves_no_trace),
        cmocka_unit_test(many_channels_at_once_fit_one_outbox),
        cmocka_unit_test(one_that_goes_holds_nobody_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
