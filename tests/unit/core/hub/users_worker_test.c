// SPDX-License-Identifier: MIT
// What a worker does for who is somebody: a channel of the user's own, memberships, messages to one, and what
// a refresh changes of all that. Hub and auth plugin are the test.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "worker_fixture.h"

#include "hub/digest.h"
#include "hub/subscriptions_priv.h"

#define AUTH "auth: [{plugin: any}]\n"
#define ROOMS                                                                                               \
    "channels: [{match: 'room', history: {size: 9, ttl: 1h}, subscribe: granted, presence: true}, {match: " \
    "'*', "                                                                                                 \
    "subscribe: granted, publish: granted}]\n"

#define SUBSCRIBE(id_, more_) "{\"op\":\"subscribe\",\"id\":" #id_ ",\"channel\":\"room\"" more_ "}"
#define OK(id_, more_) "{\"op\":\"ok\",\"id\":" #id_ ",\"channel\":\"room\"" more_ "}"
#define SINCE(offset_) ",\"since\":{\"epoch\":\"e\",\"offset\":" #offset_ "}"
#define AT(offset_) ",\"position\":{\"epoch\":\"e\",\"offset\":" #offset_ "}"
#define MESSAGE(n_) "{\"op\":\"message\",\"channel\":\"room\",\"data\":" #n_ ",\"offset\":" #n_ "}"
#define YES ",\"recovered\":true"

// ---- who somebody is

struct person {
    const char *user, *info;
    uint32_t verbs, ask; // on every channel
};

static struct identity *identity_of(const struct person *person) {
    const struct wshub_grant all = {.pattern = {"*", 1}, .verbs = person->verbs};
    const struct wshub_identity theirs = {
        .struct_size = sizeof theirs,
        .ask = person->ask,
        .user = {person->user, strlen(person->user)},
        .info = {person->info, strlen(person->info)},
        .grants = &all,
        .grant_count = 1,
    };
    const char *why;
    struct identity *identity = identity_new(&theirs, &why);
    assert_non_null(identity);
    return identity;
}

static void judge(struct fixture *f, enum auth_verdict verdict, const struct person *person) {
    struct auth_query *query = take(f, MAIL_AUTHENTICATE);
    query->verdict = verdict;
    if (person) {
        identity_unref(query->identity);
        query->identity = identity_of(person);
    }
    answer(f, &query->mail, MAIL_AUTHENTICATED);
}

static void let_in(struct fixture *f, struct client *c, const struct person *person) {
    client_begin(f, c, 0);
    judge(f, AUTH_YES, person);
    client_welcomed(c);
}

static void refresh(struct fixture *f, struct client *c, const struct person *person) {
    client_write(c, "{\"op\":\"refresh\",\"id\":9,\"token\":\"t\"}");
    judge(f, AUTH_YES, person);
    expect(c, "{\"op\":\"ok\",\"id\":9}");
}

// ---- what the hub says

static struct message *message_of(const char *channel, enum message_kind kind, uint64_t offset,
                                  const char *payload) {
    const struct wshub_message from = {
        .channel = {channel, strlen(channel)},
        .payload = {payload, strlen(payload)},
        .epoch = {"e", offset > 0 ? 1 : 0},
        .offset = offset,
    };
    struct message *message = message_new(&from, 1);
    assert_non_null(message);
    message->kind = (uint8_t)kind;
    return message;
}

static void deliver(struct fixture *f, struct channel_ticket *ticket, struct message *message) {
    message->deliveries[0] = (struct delivery){.message = message, .ticket = ticket};
    answer(f, &message->deliveries[0].mail, MAIL_DELIVER);
}

static void live(struct fixture *f, struct channel_ticket *ticket, int offset) {
    char payload[16];
    snprintf(payload, sizeof payload, "%d", offset);
    deliver(f, ticket, message_of("room", MESSAGE_PUBLISHED, (uint64_t)offset, payload));
}

static struct channel_ticket *confirm(struct fixture *f, uint64_t offset) {
    struct channel_ticket *ticket = take(f, MAIL_SUBSCRIBE);
    assert_true(position_set(ticket->position, (struct span){"e", 1}, offset));
    ticket->status = WSHUB_OK;
    answer(f, &ticket->mail, MAIL_SUBSCRIBED);
    return ticket;
}

static void recovered(struct fixture *f, struct recovery *recovery, int first, int last, bool whole) {
    struct found *found = found_new(0);
    for (int i = first; i <= last; i++) {
        char payload[16];
        snprintf(payload, sizeof payload, "%d", i);
        struct message *message = message_of("room", MESSAGE_PUBLISHED, (uint64_t)i, payload);
        assert_true(found_add(found, message));
        message_unref(message);
    }
    recovery->status = WSHUB_OK;
    recovery->whole = whole;
    position_set(&recovery->position, (struct span){"e", 1}, (uint64_t)last);
    recovery->found = found;
    recovery->from = 0;
    recovery->until = (uint32_t)found_count(found);
    answer(f, &recovery->mail, MAIL_RECOVERED);
}

// ---- the channel of a user's own

static bool is_own(const struct channel_ticket *ticket, const char *user) {
    char name[DIGEST_USER_LENGTH + 1];
    assert_true(digest_user_channel((struct span){user, strlen(user)}, name));
    return ticket->name.length == DIGEST_USER_LENGTH &&
           memcmp(ticket->name.data, name, DIGEST_USER_LENGTH) == 0;
}

static void a_user_has_one_for_all_of_the_sessions(void **state) {
    static const struct person ann = {"ann", "", 0, 0};
    struct fixture f;
    static struct client one, two;
    char text[128];
    (void)state;
    set_up_with(&f, AUTH ROOMS);
    let_in(&f, &one, &ann);
    struct channel_ticket *ticket = take(&f, MAIL_SUBSCRIBE);
    assert_true(is_own(ticket, "ann"));
    let_in(&f, &two, &ann);
    assert_quiet(&f);
    ticket->status = WSHUB_OK;
    answer(&f, &ticket->mail, MAIL_SUBSCRIBED);
    deliver(&f, ticket, message_of("", MESSAGE_DIRECT, 0, "{\"a\":1}"));
    expect(&one, "{\"op\":\"direct\",\"data\":{\"a\":1}}");
    expect(&two, "{\"op\":\"direct\",\"data\":{\"a\":1}}");
    // It is no channel of theirs.
    snprintf(text, sizeof text, "{\"op\":\"unsubscribe\",\"id\":1,\"channel\":\"%.*s\"}",
             (int)ticket->name.length, ticket->name.data);
    client_write(&one, text);
    assert_non_null(strstr(client_next(&one), "not_subscribed"));
    refresh(&f, &one, &ann);
    deliver(&f, ticket, message_of("", MESSAGE_DIRECT, 0, "2"));
    expect(&one, "{\"op\":\"direct\",\"data\":2}");
    client_free(&one);
    client_free(&two);
    tear_down(&f);
}

static void it_is_tried_until_it_can_be_had(void **state) {
    static const struct person ann = {"ann", "", 0, 0};
    struct fixture f;
    static struct client c, other;
    (void)state;
    set_up_with(&f, AUTH ROOMS);
    let_in(&f, &c, &ann);
    struct channel_ticket *ticket = take(&f, MAIL_SUBSCRIBE);
    ticket->status = WSHUB_UNAVAILABLE;
    answer(&f, &ticket->mail, MAIL_SUBSCRIBED);
    assert_ptr_equal(take(&f, MAIL_SUBSCRIBE), ticket);
    ticket->status = WSHUB_UNAVAILABLE;
    answer(&f, &ticket->mail, MAIL_SUBSCRIBED);
    let_in(&f, &other, &ann); // waits with it
    assert_ptr_equal(take(&f, MAIL_SUBSCRIBE), ticket);
    ticket->status = WSHUB_OK;
    answer(&f, &ticket->mail, MAIL_SUBSCRIBED);
    deliver(&f, ticket, message_of("", MESSAGE_DIRECT, 0, "1"));
    expect(&c, "{\"op\":\"direct\",\"data\":1}");
    expect(&other, "{\"op\":\"direct\",\"data\":1}");
    client_free(&c);
    client_free(&other);
    tear_down(&f);
}

static void nobody_waits_for_one_who_has_gone(void **state) {
    static const struct person ann = {"ann", "", 0, 0};
    struct fixture f;
    static struct client c;
    (void)state;
    set_up_with(&f, AUTH ROOMS);
    let_in(&f, &c, &ann);
    struct channel_ticket *ticket = take(&f, MAIL_SUBSCRIBE);
    ticket->status = WSHUB_UNAVAILABLE;
    answer(&f, &ticket->mail, MAIL_SUBSCRIBED);
    run_rounds(f.loop);
    client_free(&c);
    tear_down(&f); // which waits until the channel has gone, and no mail is left
}

static void it_costs_nobody_a_place(void **state) {
    static const struct person ann = {"ann", "", WSHUB_VERB_SUBSCRIBE, 0};
    struct fixture f;
    static struct client c;
    (void)state;
    set_up_with(&f, AUTH ROOMS "limits: {channels_per_connection: 1}\n");
    let_in(&f, &c, &ann);
    struct channel_ticket *own = take(&f, MAIL_SUBSCRIBE);
    own->status = WSHUB_OK;
    answer(&f, &own->mail, MAIL_SUBSCRIBED);
    client_write(&c, "{\"op\":\"subscribe\",\"id\":1,\"channel\":\"a\"}");
    struct channel_ticket *ticket = take(&f, MAIL_SUBSCRIBE);
    ticket->status = WSHUB_OK;
    answer(&f, &ticket->mail, MAIL_SUBSCRIBED);
    expect(&c, "{\"op\":\"ok\",\"id\":1,\"channel\":\"a\"}");
    client_write(&c, "{\"op\":\"subscribe\",\"id\":2,\"channel\":\"b\"}");
    assert_non_null(strstr(client_next(&c), "\"code\":\"limit\""));
    client_free(&c);
    tear_down(&f);
}

// ---- messages to one connection

static void one_connection_is_found_by_its_id(void **state) {
    struct fixture f;
    static struct client clients[40];
    char id[SESSION_ID_LENGTH + 1], name[80];
    (void)state;
    set_up_with(&f, "");
    for (int i = 0; i < 40; i++) {
        client_open(&f, &clients[i], 0);
    }
    assert_int_equal(f.worker->connections.count, 40);
    for (int i = 0; i < 40; i++) {
        session_id(clients[i].session, id);
        snprintf(name, sizeof name, MESSAGE_CONNECTION_PREFIX "%s", id);
        deliver(&f, NULL, message_of(name, MESSAGE_DIRECT, 0, "1"));
        expect(&clients[i], "{\"op\":\"direct\",\"data\":1}");
        client_free(&clients[i]);
        while (f.worker->connections.count > (size_t)(39 - i)) {
            run_rounds(f.loop);
        }
        deliver(&f, NULL, message_of(name, MESSAGE_DIRECT, 0, "2")); // to nobody
    }
    deliver(&f, NULL, message_of(MESSAGE_CONNECTION_PREFIX, MESSAGE_DIRECT, 0, "2"));
    run_rounds(f.loop);
    tear_down(&f);
}

static void who_is_asked_for_one_says_whether_it_is_here(void **state) {
    struct fixture f;
    static struct client c;
    char id[SESSION_ID_LENGTH + 1];
    (void)state;
    set_up_with(&f, "");
    client_open(&f, &c, 0);
    session_id(c.session, id);
    for (int here = 0; here < 2; here++) {
        struct request request = {.message = message_of("x", MESSAGE_DIRECT, 0, "1")};
        id[0] = (char)(here ? id[0] : id[0] ^ 1); // of another
        request.ask = ask_new((struct span){0}, (struct span){id, SESSION_ID_LENGTH});
        answer(&f, &request.mail, MAIL_TRY);
        assert_ptr_equal(take(&f, MAIL_TRIED), &request.mail);
        assert_int_equal(request.status, here ? WSHUB_OK : WSHUB_NOT_FOUND);
        id[0] = (char)(here ? id[0] : id[0] ^ 1);
        message_unref(request.message);
        ask_free(request.ask);
    }
    expect(&c, "{\"op\":\"direct\",\"data\":1}");
    client_sync(&c);
    client_free(&c);
    tear_down(&f);
}

// ---- memberships

enum { SEES = WSHUB_VERB_SUBSCRIBE | WSHUB_VERB_PRESENCE };

static struct membership *entered(struct fixture *f, const char *text) {
    struct membership *membership = take(f, MAIL_JOIN);
    assert_int_equal(membership->channel_length, 4);
    assert_int_equal(membership->channel_length + membership->user_length + membership->info_length,
                     strlen(text));
    assert_memory_equal(membership->bytes, text, strlen(text));
    return membership;
}

static void who_subscribes_is_a_member_until_it_ends(void **state) {
    static const struct person ann = {"", "{\"n\":1}", SEES, 0};
    struct fixture f;
    static struct client c;
    (void)state;
    for (int closes = 0; closes < 2; closes++) {
        set_up_with(&f, AUTH ROOMS);
        let_in(&f, &c, &ann);
        client_write(&c, SUBSCRIBE(1, ""));
        struct channel_ticket *ticket = confirm(&f, 5);
        struct membership *membership = entered(&f, "room{\"n\":1}");
        expect(&c, OK(1, AT(5)));
        assert_memory_equal(membership->id, c.session->id, 16);
        deliver(&f, ticket, message_of("room", MESSAGE_JOIN, 0, "{\"connection\":\"x\"}"));
        expect(&c, "{\"op\":\"join\",\"channel\":\"room\",\"member\":{\"connection\":\"x\"}}");
        deliver(&f, ticket, message_of("room", MESSAGE_LEAVE, 0, "{\"connection\":\"x\"}"));
        expect(&c, "{\"op\":\"leave\",\"channel\":\"room\",\"member\":{\"connection\":\"x\"}}");
        if (closes) {
            client_free(&c);
        } else {
            client_write(&c, "{\"op\":\"unsubscribe\",\"id\":2,\"channel\":\"room\"}");
        }
        assert_ptr_equal(membership_of_leave(take(&f, MAIL_LEAVE)), membership);
        free(membership);
        if (!closes) {
            expect(&c, OK(2, ""));
            client_free(&c);
        }
        tear_down(&f);
    }
}

// And one that fails is none.
static void who_is_refused_is_no_member(void **state) {
    static const struct person ann = {"", "", SEES, 0};
    struct fixture f;
    static struct client c;
    (void)state;
    set_up_with(&f, AUTH ROOMS);
    let_in(&f, &c, &ann);
    client_write(&c, SUBSCRIBE(1, ""));
    struct channel_ticket *ticket = take(&f, MAIL_SUBSCRIBE);
    ticket->status = WSHUB_UNAVAILABLE;
    answer(&f, &ticket->mail, MAIL_SUBSCRIBED);
    assert_non_null(strstr(client_next(&c), "broker_unavailable"));
    assert_quiet(&f);
    client_free(&c);
    tear_down(&f);
}

static void a_refresh_changes_what_the_others_see_and_what_it_sees(void **state) {
    static const struct person before = {"", "1", SEES, 0}, same = {"", "1", WSHUB_VERB_SUBSCRIBE, 0},
                               after = {"", "22", SEES, 0};
    struct fixture f;
    static struct client c;
    (void)state;
    set_up_with(&f, AUTH ROOMS);
    let_in(&f, &c, &before);
    client_write(&c, SUBSCRIBE(1, ""));
    struct channel_ticket *ticket = confirm(&f, 5);
    struct membership *membership = entered(&f, "room1");
    expect(&c, OK(1, AT(5)));
    refresh(&f, &c, &same);
    deliver(&f, ticket, message_of("room", MESSAGE_JOIN, 0, "{}")); // not for it any more
    live(&f, ticket, 6);
    expect(&c, MESSAGE(6));
    assert_quiet(&f);
    refresh(&f, &c, &after);
    assert_ptr_equal(membership_of_leave(take(&f, MAIL_LEAVE)), membership);
    free(membership);
    entered(&f, "room22");
    deliver(&f, ticket, message_of("room", MESSAGE_JOIN, 0, "{}"));
    expect(&c, "{\"op\":\"join\",\"channel\":\"room\",\"member\":{}}");
    client_free(&c);
    tear_down(&f);
}

// ---- undecided, and behind

static const struct person asks = {"", "", 0, WSHUB_VERB_SUBSCRIBE};

static struct channel_ticket *subscribed_with_a_grant(struct fixture *f, struct client *c) {
    static const struct person granted = {"", "", WSHUB_VERB_SUBSCRIBE, 0};
    set_up_with(f, AUTH ROOMS);
    let_in(f, c, &granted);
    client_write(c, SUBSCRIBE(1, ""));
    struct channel_ticket *ticket = confirm(f, 5);
    entered(f, "room");
    expect(c, OK(1, AT(5)));
    return ticket;
}

// What passed while a plugin was asked is recovered rather than lost, where there is a history.
static void what_passes_while_it_is_undecided_comes_then(void **state) {
    struct fixture f;
    static struct client c;
    (void)state;
    struct channel_ticket *ticket = subscribed_with_a_grant(&f, &c);
    refresh(&f, &c, &asks);
    live(&f, ticket, 6);
    run_rounds(f.loop);
    live(&f, ticket, 7);
    judge(&f, AUTH_YES, NULL);
    struct recovery *recovery = take(&f, MAIL_RECOVER);
    assert_int_equal(recovery->since.offset, 5);
    live(&f, ticket, 8);
    recovered(&f, recovery, 6, 8, true);
    live(&f, ticket, 9);
    expect(&c, MESSAGE(6));
    expect(&c, MESSAGE(7));
    expect(&c, MESSAGE(8));
    expect(&c, MESSAGE(9));
    client_free(&c);
    tear_down(&f);
}

static void nothing_passed_and_nothing_is_asked(void **state) {
    struct fixture f;
    static struct client c;
    (void)state;
    struct channel_ticket *ticket = subscribed_with_a_grant(&f, &c);
    refresh(&f, &c, &asks);
    judge(&f, AUTH_YES, NULL);
    client_sync(&c);
    assert_quiet(&f);
    live(&f, ticket, 6);
    expect(&c, MESSAGE(6));
    client_free(&c);
    tear_down(&f);
}

static void who_is_refused_then_gets_nothing(void **state) {
    struct fixture f;
    static struct client c;
    (void)state;
    struct channel_ticket *ticket = subscribed_with_a_grant(&f, &c);
    refresh(&f, &c, &asks);
    live(&f, ticket, 6);
    judge(&f, AUTH_NO, NULL);
    expect(&c, "{\"op\":\"unsubscribed\",\"channel\":\"room\",\"code\":\"revoked\"}");
    client_free(&c);
    tear_down(&f);
}

// Its recovery is under way when a refresh puts it in question: what comes of it waits for the decision.
static void undecided_and_behind_at_once(void **state) {
    static const struct person granted = {"", "", WSHUB_VERB_SUBSCRIBE, 0};
    struct fixture f;
    static struct client c;
    (void)state;
    for (int i = 0; i < 4;
         i++) { // the answer comes before the decision, or behind it; which is a yes, or a no
        bool answer_first = i & 1, allowed = i & 2;
        set_up_with(&f, AUTH ROOMS);
        let_in(&f, &c, &granted);
        client_write(&c, SUBSCRIBE(1, SINCE(3)));
        struct channel_ticket *ticket = confirm(&f, 5);
        struct recovery *recovery = take(&f, MAIL_RECOVER);
        refresh(&f, &c, &asks);
        if (answer_first) {
            recovered(&f, recovery, 4, 5, true);
            live(&f, ticket, 6);
            run_rounds(f.loop);
        }
        judge(&f, allowed ? AUTH_YES : AUTH_NO, NULL);
        if (!allowed) {
            expect(&c,
                   "{\"op\":\"error\",\"id\":1,\"code\":\"denied\",\"message\":\"the grant was taken away "
                   "meanwhile\",\"retry\":false}");
        } else if (answer_first) {
            recovery = take(&f, MAIL_RECOVER); // anew: the first was thrown away
            assert_int_equal(recovery->since.offset, 3);
        }
        if (!answer_first || allowed) {
            recovered(&f, recovery, 4, 6, true);
        }
        if (allowed) {
            entered(&f, "room");
            live(&f, ticket, 7);
            expect(&c, OK(1, AT(6) YES));
            expect(&c, MESSAGE(4));
            expect(&c, MESSAGE(5));
            expect(&c, MESSAGE(6));
            expect(&c, MESSAGE(7));
        }
        client_sync(&c);
        client_free(&c);
        tear_down(&f);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_user_has_one_for_all_of_the_sessions),
        cmocka_unit_test(it_is_tried_until_it_can_be_had),
        cmocka_unit_test(nobody_waits_for_one_who_has_gone),
        cmocka_unit_test(it_costs_nobody_a_place),
        cmocka_unit_test(one_connection_is_found_by_its_id),
        cmocka_unit_test(who_is_asked_for_one_says_whether_it_is_here),
        cmocka_unit_test(who_subscribes_is_a_member_until_it_ends),
        cmocka_unit_test(who_is_refused_is_no_member),
        cmocka_unit_test(a_refresh_changes_what_the_others_see_and_what_it_sees),
        cmocka_unit_test(what_passes_while_it_is_undecided_comes_then),
        cmocka_unit_test(nothing_passed_and_nothing_is_asked),
        cmocka_unit_test(who_is_refused_then_gets_nothing),
        cmocka_unit_test(undecided_and_behind_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
