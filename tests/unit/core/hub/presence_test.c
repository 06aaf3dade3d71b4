// SPDX-License-Identifier: MIT
// Who is in a channel, as one hub sees it: its own members, those that others announce and those that the
// registry has.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "hub/hub_priv.h"
#include "hub/members.h"
#include "presence_fixture.h"
#include "scarce_memory.h"

static size_t count(const struct fixture *f, enum fake_slot slot) {
    return f->fake->counts[slot];
}

// The call of this slot whose channel or key begins so, made last.
static const struct fake_call *last_of(const struct fixture *f, enum fake_slot slot, const char *prefix) {
    for (size_t i = f->fake->call_count; i-- > 0;) {
        const struct fake_call *call = f->fake->calls[i];
        if (call->slot == slot && strncmp(call->channel, prefix, strlen(prefix)) == 0) {
            return call;
        }
    }
    return NULL;
}

static size_t count_of(const struct fixture *f, enum fake_slot slot, const char *prefix) {
    size_t found = 0;
    for (size_t i = 0; i < f->fake->call_count; i++) {
        const struct fake_call *call = f->fake->calls[i];
        found += call->slot == slot && strncmp(call->channel, prefix, strlen(prefix)) == 0;
    }
    return found;
}

// ---- this instance's members

static void a_member_is_entered_and_announced(void **state) {
    struct fixture f;
    char key[128], channel[128];
    (void)state;
    set_up_presence(&f);
    snprintf(key, sizeof key, "ws:presence:%s/00000000000000000000000000000007", digest(ROOM));
    snprintf(channel, sizeof channel, "$wshub:presence:%s", digest(ROOM));
    struct membership *membership = join_as(&f, 7, ROOM, "4\"2", "{\"n\":1}");
    run_rounds(f.loop);
    const struct fake_call *set = last_of(&f, FAKE_SET, "ws:presence:");
    assert_non_null(set);
    assert_string_equal(set->channel, key);
    assert_int_equal(set->ttl, LONG);
    assert_non_null(strstr(set->payload, "{\"instance\":\"me\",\"incarnation\":\""));
    assert_non_null(
        strstr(set->payload, ".1\",\"channel\":\"" ROOM "\",\"user\":\"4\\\"2\",\"info\":{\"n\":1}}"));
    const struct fake_call *told = last_of(&f, FAKE_PUBLISH, "$wshub:presence:");
    assert_non_null(told);
    assert_string_equal(told->channel, channel);
    assert_non_null(
        strstr(told->payload,
               "\"join\":\"00000000000000000000000000000007\",\"user\":\"4\\\"2\",\"info\":{\"n\":1}}"));
    assert_true(fake_is_subscribed(f.fake, channel));
    quits(&f, membership);
    assert_string_equal(last_of(&f, FAKE_DELETE, "ws:presence:")->channel, key);
    told = last_of(&f, FAKE_PUBLISH, "$wshub:presence:");
    assert_non_null(strstr(told->payload, "\"leave\":\"00000000000000000000000000000007\"}"));
    run_rounds(f.loop);
    assert_false(fake_is_subscribed(f.fake, channel));
    tear_down(&f);
}

static void those_here_are_told_once(void **state) {
    struct fixture f;
    (void)state;
    set_up_presence(&f);
    struct claim *claims[] = {subscribed(&f, 0, ROOM), subscribed(&f, 2, ROOM)};
    struct membership *one = join_as(&f, 1, ROOM, "u", "{\"n\":1}");
    await_story(&f, 0, "j");
    assert_string_equal(
        f.workers[2].last_payload,
        "{\"connection\":\"00000000000000000000000000000001\",\"user\":\"u\",\"info\":{\"n\":1}}");
    assert_string_equal(f.workers[2].last_channel, ROOM);
    quits(&f, one);
    await_story(&f, 2, "jv");
    await_story(&f, 0, "jv");
    leave(claims[0]);
    leave(claims[1]);
    run_rounds(f.loop);
    tear_down(&f);
}

static void another_identity_is_another_member(void **state) {
    struct fixture f;
    (void)state;
    set_up_presence(&f);
    struct claim *claim = subscribed(&f, 0, ROOM);
    struct membership *before = join_as(&f, 1, ROOM, "u", "1");
    struct membership *same = join_as(&f, 1, ROOM, "u", "1");
    await_story(&f, 0, "j");
    quits(&f, before); // another has taken its place
    await_story(&f, 0, "j");
    struct membership *other = join_as(&f, 1, ROOM, "u", "2");
    await_story(&f, 0, "jvj");
    quits(&f, same);
    assert_string_equal(who_is_there(&f, ROOM), "1");
    assert_non_null(strstr(answered.members, "\"info\":2"));
    quits(&f, other);
    await_story(&f, 0, "jvjv");
    leave(claim);
    run_rounds(f.loop);
    tear_down(&f);
}

// More than a registry takes: all see the same then. The worker compares all of it with the next identity.
static void info_that_is_too_long_is_left_out(void **state) {
    struct fixture f;
    char info[4001];
    (void)state;
    set_up_presence(&f);
    struct claim *claim = subscribed(&f, 0, ROOM);
    snprintf(info, sizeof info, "\"%0*d\"", (int)sizeof info - 3, 0);
    struct membership *membership = join_as(&f, 1, ROOM, "u", info);
    await_story(&f, 0, "j");
    assert_string_equal(f.workers[0].last_payload,
                        "{\"connection\":\"00000000000000000000000000000001\",\"user\":\"u\"}");
    assert_null(strstr(last_of(&f, FAKE_SET, "ws:presence:")->payload, "info"));
    assert_int_equal(membership->info_length, sizeof info - 1);
    assert_logged(&f, "a member is shown without its info");
    quits(&f, membership);
    leave(claim);
    run_rounds(f.loop);
    tear_down(&f);
}

static void who_comes_back_at_once_keeps_the_key(void **state) {
    struct fixture f;
    (void)state;
    set_up_presence(&f);
    struct membership *membership = joins(&f, 1);
    fake_behave(f.fake, FAKE_DELETE, FAKE_HOLD, WSHUB_OK);
    quits(&f, membership);
    membership = joins(&f, 1);
    assert_int_equal(f.fake->held_count, 1);
    size_t sets = count(&f, FAKE_SET);
    fake_complete_all(f.fake, WSHUB_OK);
    run_rounds(f.loop);
    assert_int_equal(count(&f, FAKE_SET), sets + 1); // after the delete, not before
    assert_non_null(strstr(last_of(&f, FAKE_PUBLISH, "$wshub:presence:")->payload, "\"join\":"));
    fake_behave(f.fake, FAKE_DELETE, FAKE_AT_ONCE, WSHUB_OK);
    quits(&f, membership);
    tear_down(&f);
}

static void a_farewell_that_fails_is_said_again(void **state) {
    struct fixture f;
    (void)state;
    set_up_presence(&f);
    struct membership *membership = joins(&f, 1);
    fake_behave(f.fake, FAKE_PUBLISH, FAKE_AT_ONCE, WSHUB_TIMEOUT);
    quits(&f, membership);
    size_t told = count_of(&f, FAKE_PUBLISH, "$wshub:presence:");
    fake_behave(f.fake, FAKE_PUBLISH, FAKE_AT_ONCE, WSHUB_OK);
    wait_calls(&f, FAKE_PUBLISH, count(&f, FAKE_PUBLISH) + 1);
    assert_int_equal(count_of(&f, FAKE_PUBLISH, "$wshub:presence:"), told + 1);
    assert_non_null(strstr(last_of(&f, FAKE_PUBLISH, "$wshub:presence:")->payload, "\"leave\":"));
    tear_down(&f);
}

static void a_user_comes_with_the_first_and_goes_with_the_last(void **state) {
    struct fixture f;
    (void)state;
    set_up_presence(&f);
    struct claim *claim = subscribed(&f, 0, "user:1");
    struct membership *a = join_as(&f, 1, "user:1", "u", "1"), *b = join_as(&f, 2, "user:1", "u", "1");
    struct membership *c = join_as(&f, 3, "user:1", "", "");
    await_story(&f, 0, "jj"); // the user, and who is anonymous
    ask_who(&f, "user:1");
    assert_int_equal(answered.connections, 3);
    assert_int_equal(answered.users, 1);
    assert_non_null(strstr(answered.members, "{\"user\":\"u\",\"info\":1}"));
    assert_non_null(strstr(answered.members, "{\"connection\":\"00000000000000000000000000000003\"}"));
    quits(&f, a);
    await_story(&f, 0, "jj");
    quits(&f, b);
    await_story(&f, 0, "jjv");
    assert_string_equal(f.workers[0].last_payload, "{\"user\":\"u\",\"info\":1}");
    quits(&f, c);
    leave(claim);
    run_rounds(f.loop);
    tear_down(&f);
}

// ---- other instances' members

static void what_is_announced_twice_is_told_once(void **state) {
    struct fixture f;
    struct table table;
    (void)state;
    set_up_presence(&f);
    put_instance(&f, &table, "you", FIRST, 1);
    struct claim *claim = subscribed(&f, 0, ROOM);
    struct membership *own = joins(&f, 1);
    for (int i = 0; i < 2; i++) {
        announce(&f, "you", FIRST, "join", 2, ",\"user\":\"u\"");
    }
    await_story(&f, 0, "jj");
    assert_string_equal(f.workers[0].last_payload,
                        "{\"connection\":\"00000000000000000000000000000002\",\"user\":\"u\"}");
    for (int i = 0; i < 2; i++) {
        announce(&f, "you", FIRST, "leave", 2, "");
    }
    announce(&f, "me", FIRST, "leave", 1, ""); // what is said of its own members it knows better
    await_story(&f, 0, "jjv");
    assert_string_equal(who_is_there(&f, ROOM), "1");
    quits(&f, own);
    leave(claim);
    run_rounds(f.loop);
    tear_down(&f);
}

static void who_was_there_before_has_not_joined(void **state) {
    struct fixture f;
    struct table table;
    (void)state;
    set_up_presence(&f);
    put_instance(&f, &table, "you", FIRST, 1);
    put_member(&f, &table, "you", FIRST, 2);
    put_member(&f, &table, "gone", FIRST, 3); // of an instance that nobody knows
    struct claim *claim = subscribed(&f, 0, ROOM);
    struct membership *own = joins(&f, 1);
    assert_string_equal(who_is_there(&f, ROOM), "1 2");
    await_story(&f, 0, "j");
    quits(&f, own);
    leave(claim);
    run_rounds(f.loop);
    assert_string_equal(who_is_there(&f, ROOM), "2"); // listed for this question alone
    tear_down(&f);
}

static void the_answer_waits_for_the_list(void **state) {
    struct fixture f;
    struct table table;
    (void)state;
    set_up_presence(&f);
    put_instance(&f, &table, "you", FIRST, 1);
    put_member(&f, &table, "you", FIRST, 2);
    fake_behave(f.fake, FAKE_LIST, FAKE_HOLD, WSHUB_OK);
    ask_who(&f, ROOM);
    ask_who(&f, ROOM);
    struct fake_call *call = fake_held(f.fake, FAKE_LIST, NULL);
    while (call && strncmp(call->channel, "ws:presence:", 12) != 0) {
        call = call->next_held;
    }
    assert_non_null(call);
    assert_int_equal(answered.count, 0);
    fake_behave(f.fake, FAKE_LIST, FAKE_AT_ONCE, WSHUB_OK);
    fake_complete_all(f.fake, WSHUB_OK);
    run_until(f.loop, is_answered_more, &(unsigned){1});
    assert_int_equal(answered.count, 2); // by one list
    assert_int_equal(answered.connections, 1);
    fake_behave(f.fake, FAKE_LIST, FAKE_AT_ONCE, WSHUB_TIMEOUT);
    ask_who(&f, ROOM);
    assert_int_equal(answered.status, WSHUB_TIMEOUT);
    link_is(&f, WSHUB_LINK_DOWN);
    ask_who(&f, ROOM);
    assert_int_equal(answered.count, 4);
    assert_int_equal(answered.status, WSHUB_UNAVAILABLE);
    tear_down(&f);
}

static struct fake_call *held_list(const struct fixture *f) {
    struct fake_call *call = fake_held(f->fake, FAKE_LIST, NULL);
    while (call && strncmp(call->channel, "ws:presence:", 12) != 0) {
        call = call->next_held;
    }
    return call;
}

// What is announced while the list is read is newer than what the list says.
static void who_leaves_while_the_list_is_read_has_gone(void **state) {
    struct fixture f;
    struct table table;
    (void)state;
    set_up_presence(&f);
    put_instance(&f, &table, "you", FIRST, 1);
    put_member(&f, &table, "you", FIRST, 2);
    struct claim *claim = subscribed(&f, 0, ROOM);
    struct membership *own = joins(&f, 1);
    announce(&f, "you", FIRST, "join", 3, "");
    await_story(&f, 0, "jj");
    fake_behave(f.fake, FAKE_LIST, FAKE_HOLD, WSHUB_OK);
    f.fake->host->lose(f.fake->host->self, (struct wshub_bytes){NULL, 0});
    run_rounds(f.loop);
    struct fake_call *list = held_list(&f);
    assert_non_null(list);
    announce(&f, "you", FIRST, "leave", 2, "");
    announce(&f, "you", FIRST, "join", 4, "");  // and not in the list
    announce(&f, "you", FIRST, "leave", 9, ""); // never heard of
    put_member(&f, &table, "you", FIRST, 3);
    put_member(&f, &table, "you", FIRST, 9);
    fake_complete(f.fake, list, WSHUB_OK);
    fake_behave(f.fake, FAKE_LIST, FAKE_AT_ONCE, WSHUB_OK);
    await_story(&f, 0, "jjgvj");
    assert_string_equal(who_is_there(&f, ROOM), "1 3 4");
    fake_complete_all(f.fake, WSHUB_OK);
    drop_entries(&f, "ws:presence:");
    quits(&f, own);
    leave(claim);
    run_rounds(f.loop);
    tear_down(&f);
}

// What others do meanwhile cannot be known, so what was known before is no answer.
static void while_the_link_is_down_nobody_knows(void **state) {
    struct fixture f;
    struct table table;
    (void)state;
    set_up_presence(&f);
    put_instance(&f, &table, "you", FIRST, 1);
    put_member(&f, &table, "you", FIRST, 2);
    struct claim *claim = subscribed(&f, 0, ROOM);
    struct membership *own = joins(&f, 1);
    assert_string_equal(who_is_there(&f, ROOM), "1 2");
    link_is(&f, WSHUB_LINK_DOWN);
    ask_who(&f, ROOM);
    assert_int_equal(answered.status, WSHUB_UNAVAILABLE);
    link_is(&f, WSHUB_LINK_RESUBSCRIBED);
    await_story(&f, 0, "jg");
    assert_string_equal(who_is_there(&f, ROOM), "1 2");
    quits(&f, own);
    leave(claim);
    run_rounds(f.loop);
    tear_down(&f);
}

static struct fake_call *held_list_of(const struct fixture *f, const char *prefix) {
    struct fake_call *call = fake_held(f->fake, FAKE_LIST, NULL);
    while (call && strncmp(call->channel, prefix, strlen(prefix)) != 0) {
        call = call->next_held;
    }
    return call;
}

// Who is in the list may be of an instance that nobody knows; whether it lives cannot be found out now.
static void the_answer_does_not_wait_for_instances_without_end(void **state) {
    struct fixture f;
    struct table table;
    (void)state;
    set_up_presence(&f);
    run_rounds(f.loop);
    fake_behave(f.fake, FAKE_LIST, FAKE_HOLD, WSHUB_OK);
    put_member(&f, &table, "gone", FIRST, 3);
    ask_who(&f, ROOM);
    fake_complete(f.fake, held_list_of(&f, "ws:presence:"), WSHUB_OK);
    for (int i = 0; i < 3 && answered.count == 0; i++) {
        while (!held_list_of(&f, "ws:instance:")) {
            let_pass(&f, 10);
        }
        assert_int_equal(answered.count, 0);
        fake_complete(f.fake, held_list_of(&f, "ws:instance:"), WSHUB_TIMEOUT);
        run_rounds(f.loop);
    }
    assert_int_equal(answered.count, 1);
    assert_int_equal(answered.status, WSHUB_TIMEOUT);
    ask_who(&f, ROOM);
    link_is(&f, WSHUB_LINK_DOWN);
    fake_complete_all(f.fake, WSHUB_OK);
    let_pass(&f, 2 * HEARTBEAT_MS);
    assert_int_equal(answered.count, 2);
    tear_down(&f);
}

static void what_was_lost_is_found_in_the_list(void **state) {
    struct fixture f;
    struct table table;
    (void)state;
    set_up_presence(&f);
    put_instance(&f, &table, "you", FIRST, 1);
    put_member(&f, &table, "you", FIRST, 2);
    struct claim *claim = subscribed(&f, 0, ROOM);
    struct membership *own = joins(&f, 1);
    assert_string_equal(who_is_there(&f, ROOM), "1 2");
    put_member(&f, &table, "you", FIRST, 3);
    drop_member(&f, 2);
    link_is(&f, WSHUB_LINK_DOWN);
    link_is(&f, WSHUB_LINK_RESUBSCRIBED);
    await_story(&f, 0, "jgj");
    // Who is not found has gone only once a heartbeat says that the registry was whole for long enough.
    assert_string_equal(who_is_there(&f, ROOM), "1 2 3");
    put_instance(&f, &table, "you", FIRST, 2);
    while (strcmp(f.workers[0].story, "jgjv") != 0) {
        static unsigned beat = 3;
        put_instance(&f, &table, "you", FIRST, beat++); // it lives
        let_pass(&f, 10);
    }
    assert_string_equal(who_is_there(&f, ROOM), "1 3");
    quits(&f, own);
    leave(claim);
    run_rounds(f.loop);
    tear_down(&f);
}

// ---- instances that die and come back

static void let_beat(struct fixture *f, struct table *table, const char *incarnation, uint64_t milliseconds) {
    static unsigned beat = 100;
    uint64_t until = clock_ns() + milliseconds * 1000000;
    while (clock_ns() < until) {
        put_instance(f, table, "you", incarnation, beat++);
        let_pass(f, 10);
    }
}

static void the_members_of_a_dead_one_leave(void **state) {
    struct fixture f;
    struct table table;
    (void)state;
    set_up_presence(&f);
    put_instance(&f, &table, "you", FIRST, 1);
    put_member(&f, &table, "you", FIRST, 2);
    struct claim *claim = subscribed(&f, 0, ROOM);
    struct membership *own = joins(&f, 1);
    announce(&f, "you", FIRST, "join", 3, "");
    let_beat(&f, &table, FIRST, 3 * PATIENCE_MS);
    await_story(&f, 0, "jj");
    uint64_t from = clock_ns();
    await_story(&f, 0, "jjvv"); // its heartbeat stands still
    assert_true(clock_ns() - from < (uint64_t)(PATIENCE_MS + HEARTBEAT_MS + 1000) * 1000000);
    announce(&f, "you", FIRST, "join", 4, ""); // it knows nothing of its death yet
    announce(&f, "you", FIRST, "leave", 3, "");
    await_story(&f, 0, "jjvv");
    announce(&f, "you", SECOND, "join", 2, "");
    put_instance(&f, &table, "you", SECOND, 1);
    put_member(&f, &table, "you", SECOND, 2);
    await_story(&f, 0, "jjvvj");
    let_beat(&f, &table, SECOND, 2 * PATIENCE_MS);
    assert_string_equal(who_is_there(&f, ROOM), "1 2");
    announce(&f, "you", FIRST, "leave", 2, "");        // late
    put_instance(&f, &table, "you", OTHER_PROCESS, 1); // started anew: what it was before is gone at once
    await_story(&f, 0, "jjvvjv");
    drop_entries(&f, "ws:presence:");
    quits(&f, own);
    leave(claim);
    run_rounds(f.loop);
    tear_down(&f);
}

// It was slow, and has not noticed that it was taken for dead: it says nothing new, but its heart beats.
static void who_was_not_dead_is_there_again(void **state) {
    struct fixture f;
    struct table table;
    (void)state;
    set_up_presence(&f);
    put_instance(&f, &table, "you", FIRST, 1);
    put_member(&f, &table, "you", FIRST, 2);
    struct claim *claim = subscribed(&f, 0, ROOM);
    struct membership *own = joins(&f, 1);
    assert_string_equal(who_is_there(&f, ROOM), "1 2");
    await_story(&f, 0, "jv");
    put_instance(&f, &table, "you", FIRST, 2);
    await_story(&f, 0, "jvj");
    drop_entries(&f, "ws:presence:");
    quits(&f, own);
    leave(claim);
    run_rounds(f.loop);
    tear_down(&f);
}

// While the link was down no heartbeat could be seen: the others get the time for one.
static void after_a_link_was_down_nobody_is_dead_at_once(void **state) {
    struct fixture f;
    struct table table;
    (void)state;
    set_up_presence(&f);
    put_instance(&f, &table, "you", FIRST, 1);
    put_member(&f, &table, "you", FIRST, 2);
    struct claim *claim = subscribed(&f, 0, ROOM);
    struct membership *own = joins(&f, 1);
    assert_string_equal(who_is_there(&f, ROOM), "1 2");
    link_is(&f, WSHUB_LINK_DOWN);
    let_pass(&f, PATIENCE_MS);
    uint64_t from = clock_ns();
    link_is(&f, WSHUB_LINK_RESUBSCRIBED);
    await_story(&f, 0, "jgv"); // it is dead indeed
    assert_true(clock_ns() - from >= (uint64_t)(PATIENCE_MS - 10) * 1000000);
    drop_entries(&f, "ws:presence:");
    quits(&f, own);
    leave(claim);
    run_rounds(f.loop);
    tear_down(&f);
}

// What others say of somebody unknown, again and again while the instances are listed, is no reason to wait
// longer for those that are known.
static void who_is_unknown_does_not_keep_the_dead_alive(void **state) {
    struct fixture f;
    struct table table;
    (void)state;
    set_up_presence(&f);
    put_instance(&f, &table, "you", FIRST, 1);
    put_member(&f, &table, "you", FIRST, 2);
    struct claim *claim = subscribed(&f, 0, ROOM);
    struct membership *own = joins(&f, 1);
    assert_string_equal(who_is_there(&f, ROOM), "1 2");
    fake_behave(f.fake, FAKE_LIST, FAKE_HOLD, WSHUB_OK);
    uint64_t until = clock_ns() + (uint64_t)3 * PATIENCE_MS * 1000000;
    while (strcmp(f.workers[0].story, "jv") != 0 && clock_ns() < until) {
        for (struct fake_call *call; (call = fake_held(f.fake, FAKE_LIST, NULL));) {
            announce(&f, "ghost", FIRST, "join", 9, "");
            fake_complete(f.fake, call, WSHUB_OK);
        }
        let_pass(&f, 5);
    }
    assert_string_equal(f.workers[0].story, "jv");
    fake_behave(f.fake, FAKE_LIST, FAKE_AT_ONCE, WSHUB_OK);
    fake_complete_all(f.fake, WSHUB_OK);
    drop_entries(&f, "ws:presence:");
    quits(&f, own);
    leave(claim);
    run_rounds(f.loop);
    tear_down(&f);
}

static void what_a_dead_one_has_left_is_cleared_away(void **state) {
    struct fixture f;
    struct table table;
    char member[128];
    (void)state;
    set_up_presence(&f);
    put_instance(&f, &table, "you", FIRST, 1);
    put_member(&f, &table, "you", FIRST, 2);
    snprintf(member, sizeof member, "%s", table.keys[1]);
    put_member(&f, &table, "you", SECOND, 3);
    put_member(&f, &table, "she", FIRST, 4);
    put_member(&f, &table, "you", OTHER_PROCESS, 5); // that is to come
    put(&f, &table, "ws:user:00000000000000000000000000000000/you", "{\"instance\":\"you\"}");
    put(&f, &table, "ws:conn:1", "{\"instance\":\"you\",\"address\":\"unix\"}");
    put(&f, &table, "ws:conn:2", "{\"instance\":\"youth\",\"address\":\"unix\"}");
    wait_calls(&f, FAKE_DELETE, 4);
    const char *const keys[] = {member, "ws:user:00000000000000000000000000000000/you", "ws:conn:1",
                                "ws:instance:you"};
    for (size_t i = 0, n = 0; i < f.fake->call_count; i++) {
        if (f.fake->calls[i]->slot == FAKE_DELETE) {
            assert_string_equal(f.fake->calls[i]->channel, keys[n++]); // its own entry is the last
        }
    }
    assert_int_equal(counter_get(&stats(&f)->reaped), 3);
    tear_down(&f);
}

// Looking at the others changes nothing: nobody waits for that in the end.
static void a_list_does_not_hold_up_the_end(void **state) {
    struct fixture f;
    (void)state;
    set_up_presence(&f);
    f.config.drain.delay = f.config.drain.window = 0;
    fake_behave(f.fake, FAKE_LIST, FAKE_HOLD, WSHUB_OK);
    while (!held_list_of(&f, "ws:instance:")) {
        let_pass(&f, 10);
    }
    hub_drain(f.instance.hub);
    run_until(f.loop, has_ended, &f);
    assert_int_equal(f.ending.unsettled, 0);
    tear_down(&f);
}

// ---- this instance stands still, or the broker forgets

static void who_was_forgotten_is_another_incarnation(void **state) {
    struct fixture f;
    (void)state;
    set_up_presence(&f);
    struct membership *own = joins(&f, 1);
    assert_non_null(strstr(last_of(&f, FAKE_PUBLISH, "$wshub:presence:")->payload, ".1\",\"join\":"));
    fake_behave(f.fake, FAKE_HEARTBEAT, FAKE_AT_ONCE, WSHUB_NOT_FOUND);
    wait_calls(&f, FAKE_HEARTBEAT, count(&f, FAKE_HEARTBEAT) + 1);
    fake_behave(f.fake, FAKE_HEARTBEAT, FAKE_AT_ONCE, WSHUB_OK);
    run_rounds(f.loop);
    assert_non_null(strstr(last_of(&f, FAKE_SET, "ws:presence:")->payload, ".2\",\"channel\":"));
    assert_non_null(strstr(last_of(&f, FAKE_PUBLISH, "$wshub:presence:")->payload, ".2\",\"join\":"));
    quits(&f, own);
    tear_down(&f);
}

static void heartbeats_that_stood_still_begin_another_incarnation(void **state) {
    struct fixture f;
    (void)state;
    set_up_presence(&f);
    struct membership *own = joins(&f, 1);
    fake_behave(f.fake, FAKE_HEARTBEAT, FAKE_HOLD, WSHUB_OK);
    while (!strstr(last_of(&f, FAKE_PUBLISH, "$wshub:presence:")->payload, ".2\",\"join\":")) {
        let_pass(&f, 10);
    }
    let_pass(&f, PATIENCE_MS);
    assert_non_null(strstr(last_of(&f, FAKE_PUBLISH, "$wshub:presence:")->payload, ".2\",")); // once
    fake_behave(f.fake, FAKE_HEARTBEAT, FAKE_AT_ONCE, WSHUB_OK);
    fake_complete_all(f.fake, WSHUB_OK);
    quits(&f, own);
    tear_down(&f);
}

// The first heartbeat after that says so already: one that names the old incarnation would bring it back to
// life.
static void no_heartbeat_revives_an_old_incarnation(void **state) {
    struct fixture f;
    (void)state;
    set_up_presence(&f);
    struct membership *own = joins(&f, 1);
    wait_calls(&f, FAKE_HEARTBEAT, count(&f, FAKE_HEARTBEAT) + 1);
    run_rounds(f.loop);
    size_t beats = count(&f, FAKE_HEARTBEAT);
    usleep((PATIENCE_MS + HEARTBEAT_MS) * 1000); // the process is stopped
    wait_calls(&f, FAKE_HEARTBEAT, beats + 1);
    assert_non_null(strstr(last_of(&f, FAKE_HEARTBEAT, "ws:instance:")->payload, ".2\",\"beat\":"));
    quits(&f, own);
    tear_down(&f);
}

// ---- no memory

static void without_memory_it_is_told_later(void **state) {
    struct fixture f;
    (void)state;
    if (!SCARCE_MEMORY) {
        skip();
    }
    set_up_presence(&f);
    struct claim *claim = subscribed(&f, 0, ROOM);
    struct membership *other = joins(&f, 1);
    for (size_t allowed = 0; allowed < 12; allowed++) {
        f.workers[0].story[0] = '\0';
        struct membership *own = new_membership(2, ROOM, "u", "1");
        memory_allowed = allowed;
        members_enter(f.instance.hub->members, own);
        memory_allowed = SIZE_MAX;
        while (!f.workers[0].story[0]) {
            let_pass(&f, 10);
        }
        assert_non_null(strpbrk(f.workers[0].story, "jg")); // or a gap, after which it has to ask
        assert_string_equal(who_is_there(&f, ROOM), "1 2");
        quits(&f, own);
        assert_string_equal(who_is_there(&f, ROOM), "1");
    }
    quits(&f, other);
    leave(claim);
    run_rounds(f.loop);
    tear_down(&f);
}

static void what_there_was_no_memory_to_hear_is_listed(void **state) {
    struct fixture f;
    struct table table;
    char channel[128];
    (void)state;
    if (!SCARCE_MEMORY) {
        skip();
    }
    set_up_presence(&f);
    snprintf(channel, sizeof channel, "$wshub:presence:%s", digest(ROOM));
    put_instance(&f, &table, "you", FIRST, 1);
    struct claim *claim = subscribed(&f, 0, ROOM);
    struct membership *own = joins(&f, 1);
    for (unsigned allowed = 0; allowed < 12; allowed++) {
        char text[256], id[33];
        put_instance(&f, &table, "you", FIRST, 2 + allowed);
        put_member(&f, &table, "you", FIRST, 2 + allowed);
        connection_text(2 + allowed, id);
        snprintf(text, sizeof text, "{\"instance\":\"you\",\"incarnation\":\"" FIRST "\",\"join\":\"%s\"}",
                 id);
        memory_allowed = allowed;
        fake_deliver(f.fake, channel, text);
        memory_allowed = SIZE_MAX;
        while (!strstr(answered.members, id)) {
            let_pass(&f, 10);
            ask_who(&f, ROOM);
        }
    }
    drop_entries(&f, "ws:");
    quits(&f, own);
    leave(claim);
    run_rounds(f.loop);
    tear_down(&f);
}

// ---- without a registry

static void without_a_registry_there_are_those_here(void **state) {
    struct fixture f;
    (void)state;
    prepare_presence(&f);
    tear_down(&f);
    make(&f, ONE_BROKER "channels: [{match: 'room*', presence: true}]\n");
    f.on_other = take_answer;
    assert_true(hub_start(f.instance.hub, fake_load, on_failure, &f));
    struct claim *claim = subscribed(&f, 0, ROOM);
    struct membership *own = joins(&f, 1), *other = joins(&f, 2);
    await_story(&f, 0, "jj");
    assert_string_equal(who_is_there(&f, ROOM), "1 2");
    quits(&f, own);
    assert_string_equal(who_is_there(&f, ROOM), "2");
    assert_int_equal(count(&f, FAKE_SUBSCRIBE), 1);
    assert_int_equal(count(&f, FAKE_PUBLISH), 0);
    quits(&f, other);
    leave(claim);
    run_rounds(f.loop);
    tear_down(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_member_is_entered_and_announced),
        cmocka_unit_test(those_here_are_told_once),
        cmocka_unit_test(another_identity_is_another_member),
        cmocka_unit_test(info_that_is_too_long_is_left_out),
        cmocka_unit_test(who_comes_back_at_once_keeps_the_key),
        cmocka_unit_test(a_farewell_that_fails_is_said_again),
        cmocka_unit_test(a_user_comes_with_the_first_and_goes_with_the_last),
        cmocka_unit_test(what_is_announced_twice_is_told_once),
        cmocka_unit_test(who_was_there_before_has_not_joined),
        cmocka_unit_test(the_answer_waits_for_the_list),
        cmocka_unit_test(who_leaves_while_the_list_is_read_has_gone),
        cmocka_unit_test(while_the_link_is_down_nobody_knows),
        cmocka_unit_test(the_answer_does_not_wait_for_instances_without_end),
        cmocka_unit_test(what_was_lost_is_found_in_the_list),
        cmocka_unit_test(the_members_of_a_dead_one_leave),
        cmocka_unit_test(who_was_not_dead_is_there_again),
        cmocka_unit_test(after_a_link_was_down_nobody_is_dead_at_once),
        cmocka_unit_test(who_is_unknown_does_not_keep_the_dead_alive),
        cmocka_unit_test(what_a_dead_one_has_left_is_cleared_away),
        cmocka_unit_test(a_list_does_not_hold_up_the_end),
        cmocka_unit_test(who_was_forgotten_is_another_incarnation),
        cmocka_unit_test(heartbeats_that_stood_still_begin_another_incarnation),
        cmocka_unit_test(no_heartbeat_revives_an_old_incarnation),
        cmocka_unit_test(without_memory_it_is_told_later),
        cmocka_unit_test(what_there_was_no_memory_to_hear_is_listed),
        cmocka_unit_test(without_a_registry_there_are_those_here),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
