// SPDX-License-Identifier: MIT
// P7 on the hub's side: the registry tells who is connected where, and says so again whenever the broker may
// have forgotten.
#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "hub_fixture.h"
#include "scarce_memory.h"

#define KEEPER "brokers: [{name: main, plugin: keeper}]\n"
#define INSTANCE "ws:instance:me"

enum { WINDOW = 512, MANY = 1200 }; // calls in flight; entries that need more than two windows

static void prepare(struct fixture *f) {
    make(f, KEEPER);
    f->config.registry.connection_ttl = f->config.registry.instance_ttl = LONG;
    f->config.registry.heartbeat = LONG;
}

static void begin(struct fixture *f) {
    assert_true(hub_start(f->instance.hub, fake_load, on_failure, f));
    run_rounds(f->loop);
}

static void set_up_keeper(struct fixture *f) {
    prepare(f);
    begin(f);
}

static uint64_t entries(const struct fixture *f) {
    return hub_registry_entries(f->instance.hub);
}

// ---- what a worker does

// The hub frees it when it has left.
static struct registration *enter_user(struct fixture *f, unsigned number, const char *user) {
    struct registration *registration = calloc(1, sizeof *registration + strlen(user));
    assert_non_null(registration);
    memcpy(registration->user, user, strlen(user));
    registration->user_length = (uint8_t)strlen(user);
    registration->enter.kind = MAIL_REGISTER;
    registration->leave.kind = MAIL_UNREGISTER;
    registration->id[0] = (uint8_t)(number >> 8);
    registration->id[15] = (uint8_t)number;
    mailbox_post(hub_mailbox(f->instance.hub), &registration->enter);
    return registration;
}

static struct registration *enter(struct fixture *f, unsigned number) {
    return enter_user(f, number, "");
}

static void part(struct fixture *f, struct registration *registration) {
    mailbox_post(hub_mailbox(f->instance.hub), &registration->leave);
}

static struct registration *entered(struct fixture *f, unsigned number) {
    struct registration *registration = enter(f, number);
    run_rounds(f->loop);
    return registration;
}

static void part_now(struct fixture *f, struct registration *registration) {
    part(f, registration);
    run_rounds(f->loop);
}

static bool has_entries(void *context) {
    struct fixture *f = context;
    return entries(f) == f->wanted;
}

static void wait_entries(struct fixture *f, size_t count) {
    f->wanted = count;
    run_until(f->loop, has_entries, f);
}

static size_t count(const struct fixture *f, enum fake_slot slot) {
    return f->fake->counts[slot];
}

// The call of this slot that was made last.
static const struct fake_call *last_of(const struct fixture *f, enum fake_slot slot) {
    size_t i = f->fake->call_count;
    while (i > 0 && f->fake->calls[i - 1]->slot != slot) {
        i--;
    }
    assert_int_not_equal(i, 0);
    return f->fake->calls[i - 1];
}

static size_t count_logged(const struct fixture *f, const char *text) {
    return log_count(&f->log, text);
}

// ---- an entry's life

static void an_entry_says_who_is_where(void **state) {
    static const struct {
        const char *address, *text;
    } cases[] = {{"::ffff:192.0.2.7", "192.0.2.7"}, {"2001:db8::1", "2001:db8::1"}, {"::", "unix"}};
    struct fixture f;
    (void)state;
    set_up_keeper(&f);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char value[160];
        struct registration *registration = enter(&f, 1);
        registration->since = 1700000000;
        assert_int_equal(inet_pton(AF_INET6, cases[i].address, &registration->address), 1);
        wait_calls(&f, FAKE_SET, i + 1);
        const struct fake_call *call = last_of(&f, FAKE_SET);
        snprintf(value, sizeof value,
                 "{\"instance\":\"me\",\"address\":\"%s\",\"since\":\"2023-11-14T22:13:20Z\"}",
                 cases[i].text);
        assert_string_equal(call->channel, "ws:conn:00000000000000000000000000000001");
        assert_string_equal(call->payload, value);
        assert_int_equal(call->ttl, LONG);
        part_now(&f, registration);
        call = last_of(&f, FAKE_DELETE);
        assert_string_equal(call->channel, "ws:conn:00000000000000000000000000000001");
        assert_int_equal(entries(&f), 0);
    }
    tear_down(&f);
}

static void it_says_which_user_it_is(void **state) {
    struct fixture f;
    (void)state;
    set_up_keeper(&f);
    struct registration *registration = enter_user(&f, 1, "\"4\\2\"");
    wait_calls(&f, FAKE_SET, 1);
    const struct fake_call *call = last_of(&f, FAKE_SET);
    assert_non_null(strstr(call->payload, ",\"user\":\"\\\"4\\\\2\\\"\",\"since\":"));
    part_now(&f, registration);
    tear_down(&f);
}

static void it_is_renewed_before_half_of_its_time_is_over(void **state) {
    enum { TTL = 1200 };
    struct fixture f;
    (void)state;
    prepare(&f);
    f.config.registry.connection_ttl = TTL;
    begin(&f);
    struct registration *registration = entered(&f, 1);
    for (size_t i = 2; i < 5; i++) {
        uint64_t begun = clock_ns();
        wait_calls(&f, FAKE_SET, i);
        uint64_t took = (clock_ns() - begun) / 1000000;
        assert_in_range(took, TTL * 3 / 8 - 100, TTL / 2 + 200); // the second for a busy machine
    }
    part_now(&f, registration);
    let_pass(&f, TTL);
    assert_int_equal(count(&f, FAKE_SET), 4);
    tear_down(&f);
}

static void who_leaves_before_it_is_written_is_not_written(void **state) {
    struct fixture f;
    (void)state;
    set_up_keeper(&f);
    part_now(&f, enter(&f, 1));
    assert_int_equal(count(&f, FAKE_SET) + count(&f, FAKE_DELETE), 0);
    assert_int_equal(entries(&f), 0);
    tear_down(&f);
}

static void who_leaves_while_it_is_written_is_deleted_after_that(void **state) {
    const int statuses[] = {WSHUB_OK, WSHUB_TIMEOUT, WSHUB_INTERNAL}; // the broker may have it all the same
    (void)state;
    for (size_t i = 0; i < sizeof statuses / sizeof *statuses; i++) {
        struct fixture f;
        set_up_keeper(&f);
        fake_behave(f.fake, FAKE_SET, FAKE_HOLD, 0);
        part_now(&f, entered(&f, 1));
        assert_int_equal(count(&f, FAKE_DELETE), 0);
        assert_int_equal(entries(&f), 1);
        fake_complete(f.fake, f.fake->held, statuses[i]);
        wait_calls(&f, FAKE_DELETE, 1);
        assert_int_equal(entries(&f), 0);
        tear_down(&f);
    }
}

static void a_delete_that_fails_is_tried_again(void **state) {
    struct fixture f;
    (void)state;
    set_up_keeper(&f);
    struct registration *registration = entered(&f, 1);
    fake_behave(f.fake, FAKE_DELETE, FAKE_REFUSE, WSHUB_INTERNAL);
    part_now(&f, registration);
    assert_int_equal(count(&f, FAKE_DELETE), 1);
    assert_int_equal(entries(&f), 1);
    fake_behave(f.fake, FAKE_DELETE, FAKE_AT_ONCE, WSHUB_OK);
    wait_entries(&f, 0);
    assert_int_equal(count(&f, FAKE_DELETE), 2);
    tear_down(&f);
}

// ---- the link

static void who_leaves_while_it_is_down_is_deleted_when_it_is_up(void **state) {
    struct fixture f;
    (void)state;
    set_up_keeper(&f);
    struct registration *registration = entered(&f, 1);
    link_is(&f, WSHUB_LINK_DOWN);
    part_now(&f, registration);
    assert_int_equal(entries(&f), 1);
    link_is(&f, WSHUB_LINK_UP);
    assert_int_equal(count(&f, FAKE_DELETE), 1);
    assert_int_equal(count(&f, FAKE_SET), 1);
    assert_int_equal(entries(&f), 0);
    tear_down(&f);
}

// A link that stays down for days must not keep everybody in memory who has left since.
static void who_leaves_while_it_is_down_is_forgotten_when_the_broker_has_done_so(void **state) {
    struct fixture f;
    (void)state;
    prepare(&f);
    f.config.registry.connection_ttl = 400;
    begin(&f);
    f.config.timeouts.broker = 100;
    struct registration *registration = entered(&f, 1), *stays = entered(&f, 2);
    link_is(&f, WSHUB_LINK_DOWN);
    uint64_t begun = clock_ns();
    part_now(&f, registration);
    part_now(&f, enter(&f, 3)); // the broker never had this one
    assert_int_equal(entries(&f), 2);
    wait_entries(&f, 1);
    assert_true(clock_ns() - begun > 300 * UINT64_C(1000000));
    assert_int_equal(count(&f, FAKE_DELETE), 0);
    link_is(&f, WSHUB_LINK_UP);
    assert_int_equal(count(&f, FAKE_DELETE), 0);
    assert_int_equal(count(&f, FAKE_SET), 3); // who stayed
    part_now(&f, stays);
    tear_down(&f);
}

static void everything_is_written_anew_when_it_is_up(void **state) {
    const enum wshub_link_state states[] = {WSHUB_LINK_UP, WSHUB_LINK_RESUMED, WSHUB_LINK_RESUBSCRIBED};
    struct fixture f;
    (void)state;
    set_up_keeper(&f);
    entered(&f, 1);
    entered(&f, 2);
    assert_int_equal(count(&f, FAKE_HEARTBEAT), 1);
    for (size_t i = 0; i < 3; i++) {
        link_is(&f, WSHUB_LINK_DOWN);
        entered(&f, 3 + (unsigned)i); // comes while it is down
        link_is(&f, states[i]);
        wait_calls(&f, FAKE_HEARTBEAT, 2 + i);
    }
    assert_int_equal(count(&f, FAKE_SET), 2 + 3 + 4 + 5);
    assert_int_equal(count(&f, FAKE_DELETE), 0);
    tear_down(&f); // frees the five
}

// It was taken on the old link; the broker behind the new one may never have heard of it.
static void what_was_under_way_when_it_broke_is_written_anew(void **state) {
    const int statuses[] = {WSHUB_OK, WSHUB_UNAVAILABLE};
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct fixture f;
        set_up_keeper(&f);
        fake_behave(f.fake, FAKE_SET, FAKE_HOLD, 0);
        entered(&f, 1);
        link_is(&f, WSHUB_LINK_DOWN);
        link_is(&f, WSHUB_LINK_UP);
        assert_int_equal(count(&f, FAKE_SET), 1); // one at a time
        fake_behave(f.fake, FAKE_SET, FAKE_AT_ONCE, WSHUB_OK);
        fake_complete(f.fake, f.fake->held, statuses[i]);
        run_rounds(f.loop);
        assert_int_equal(count(&f, FAKE_SET), 2);
        tear_down(&f);
    }
}

// ---- the heartbeat

static void the_heart_beats(void **state) {
    struct fixture f;
    (void)state;
    prepare(&f);
    f.config.registry.heartbeat = 100;
    f.config.registry.instance_ttl = 5000;
    f.instance.started = 1700000000;
    begin(&f);
    wait_calls(&f, FAKE_HEARTBEAT, 4);
    const struct fake_call *call = f.fake->calls[0];
    assert_string_equal(call->channel, INSTANCE);
    assert_int_equal(call->ttl, 5000);
    static const char value[] =
        "{\"connections\":0,\"channels\":0,\"started\":\"2023-11-14T22:13:20Z\",\"version\":\"";
    assert_memory_equal(call->payload, value, sizeof value - 1);
    link_is(&f, WSHUB_LINK_DOWN);
    let_pass(&f, 300); // the fake asserts that it is not called
    link_is(&f, WSHUB_LINK_UP);
    wait_calls(&f, FAKE_HEARTBEAT, 5);
    tear_down(&f);
}

static void one_beat_at_a_time(void **state) {
    struct fixture f;
    (void)state;
    prepare(&f);
    f.config.registry.heartbeat = 20;
    fake_behave(f.fake, FAKE_HEARTBEAT, FAKE_HOLD, 0);
    begin(&f);
    wait_calls(&f, FAKE_HEARTBEAT, 1);
    let_pass(&f, 100);
    assert_int_equal(count(&f, FAKE_HEARTBEAT), 1);
    fake_complete(f.fake, f.fake->held, WSHUB_OK);
    wait_calls(&f, FAKE_HEARTBEAT, 2);
    tear_down(&f);
}

static void a_broker_that_has_lost_its_memory_is_told_everything_again(void **state) {
    struct fixture f;
    (void)state;
    prepare(&f);
    f.config.registry.heartbeat = 50;
    begin(&f);
    entered(&f, 1);
    entered(&f, 2);
    fake_behave(f.fake, FAKE_HEARTBEAT, FAKE_AT_ONCE, WSHUB_NOT_FOUND);
    f.slot = FAKE_SET;
    f.wanted = 4;
    run_until(f.loop, has_calls, &f);
    assert_int_equal(count_logged(&f, "registry cannot be written"), 0); // nothing is wrong
    tear_down(&f);
}

// ---- much at once

static void some_are_written_at_a_time(void **state) {
    struct fixture f;
    static struct registration *all[MANY];
    (void)state;
    set_up_keeper(&f);
    wait_calls(&f, FAKE_HEARTBEAT, 1);
    fake_behave(f.fake, FAKE_SET, FAKE_HOLD, 0);
    fake_behave(f.fake, FAKE_DELETE, FAKE_HOLD, 0);
    for (unsigned i = 0; i < MANY; i++) {
        all[i] = enter(&f, i);
    }
    run_rounds(f.loop);
    for (size_t done = 0; done < MANY; done += WINDOW) {
        assert_int_equal(f.fake->held_count, MANY - done < WINDOW ? MANY - done : WINDOW);
        fake_complete_all(f.fake, WSHUB_OK);
        run_rounds(f.loop);
    }
    assert_int_equal(count(&f, FAKE_SET), MANY);
    for (unsigned i = 0; i < MANY; i++) {
        part(&f, all[i]);
    }
    run_rounds(f.loop);
    assert_int_equal(f.fake->held_count, WINDOW);
    while (fake_complete_all(f.fake, WSHUB_OK) > 0) {
        run_rounds(f.loop);
    }
    assert_int_equal(count(&f, FAKE_DELETE), MANY);
    assert_int_equal(entries(&f), 0);
    tear_down(&f);
}

// ---- failures

static void a_failing_registry_is_logged_once(void **state) {
    struct fixture f;
    (void)state;
    prepare(&f);
    f.config.registry.heartbeat = 20;
    fake_behave(f.fake, FAKE_HEARTBEAT, FAKE_REFUSE, WSHUB_DENIED);
    fake_behave(f.fake, FAKE_SET, FAKE_REFUSE, WSHUB_DENIED);
    begin(&f);
    entered(&f, 1);
    entered(&f, 2);
    f.slot = FAKE_HEARTBEAT;
    f.wanted = 4;
    run_until(f.loop, has_calls, &f);
    assert_int_equal(count(&f, FAKE_SET), 2); // tried again, but not like mad
    assert_int_equal(count_logged(&f, "registry cannot be written"), 1);
    fake_behave(f.fake, FAKE_SET, FAKE_AT_ONCE, WSHUB_OK);
    fake_behave(f.fake, FAKE_HEARTBEAT, FAKE_AT_ONCE, WSHUB_OK);
    wait_calls(&f, FAKE_SET, 4);
    fake_behave(f.fake, FAKE_HEARTBEAT, FAKE_REFUSE, WSHUB_DENIED);
    f.slot = FAKE_HEARTBEAT;
    f.wanted = count(&f, FAKE_HEARTBEAT) + 2;
    run_until(f.loop, has_calls, &f);
    assert_int_equal(count_logged(&f, "registry cannot be written"), 2);
    tear_down(&f);
}

static bool after_scarce_rounds(void *context) {
    int *rounds = context;
    memory_allowed = ++*rounds < 6 ? 0 : SIZE_MAX;
    return *rounds > 6;
}

// A hundred thousand entries that are asked for every second would be worse than what refuses them.
static void what_is_refused_again_is_tried_less_often(void **state) {
    struct fixture f;
    (void)state;
    set_up_keeper(&f);
    fake_behave(f.fake, FAKE_SET, FAKE_REFUSE, WSHUB_DENIED);
    struct registration *registration = entered(&f, 1);
    let_pass(&f, 2600);
    assert_int_equal(count(&f, FAKE_SET), 2); // the third comes 3 seconds after the first
    fake_behave(f.fake, FAKE_SET, FAKE_AT_ONCE, WSHUB_OK);
    wait_calls(&f, FAKE_SET, 3);
    part_now(&f, registration);
    tear_down(&f);
}

static void without_memory_it_is_written_later(void **state) {
    struct fixture f;
    (void)state;
    if (!SCARCE_MEMORY) {
        skip();
    }
    prepare(&f);
    f.config.registry.heartbeat = 500;
    f.fake->opens_down = true;
    begin(&f);
    entered(&f, 1);
    fake_link(f.fake, WSHUB_LINK_UP, NULL);
    memory_allowed = 1; // for the waiting itself
    run_until(f.loop, after_scarce_rounds, &(int){0});
    assert_int_equal(count(&f, FAKE_SET) + count(&f, FAKE_HEARTBEAT), 0);
    wait_calls(&f, FAKE_SET, 1);
    assert_true(count(&f, FAKE_HEARTBEAT) > 0);
    tear_down(&f);
}

static void begin_drain(struct fixture *f) {
    f->config.drain.delay = f->config.drain.window = 0;
    f->config.drain.timeout = LONG;
    hub_drain(f->instance.hub);
}

// ---- a broker that claims a registry, and cannot keep one

#define UNABLE "this broker cannot keep a registry after all"

static void set_up_unable(struct fixture *f, const char *registry) {
    make(f, registry);
    f->config.registry.connection_ttl = f->config.registry.instance_ttl = LONG;
    f->config.registry.heartbeat = 50;
    fake_behave(f->fake, FAKE_SET, FAKE_AT_ONCE, WSHUB_UNSUPPORTED);
    fake_behave(f->fake, FAKE_HEARTBEAT, FAKE_REFUSE, WSHUB_UNSUPPORTED);
    begin(f);
    wait_calls(f, FAKE_HEARTBEAT, 1);
}

static void what_it_cannot_keep_is_told_once(void **state) {
    struct fixture f;
    (void)state;
    set_up_unable(&f, KEEPER);
    assert_false(hub_registry_is_kept(f.instance.hub));
    uint64_t begun = clock_ns();
    entered(&f, 1);
    part_now(&f, entered(&f, 2)); // who leaves is forgotten at once
    assert_int_equal(entries(&f), 1);
    wait_calls(&f, FAKE_HEARTBEAT, 3);
    assert_true(clock_ns() - begun > 2 * 6 * 50 * UINT64_C(1000000) * 9 / 10); // slowly
    link_is(&f, WSHUB_LINK_DOWN);
    link_is(&f, WSHUB_LINK_UP); // by the same server: a heartbeat finds out
    wait_calls(&f, FAKE_HEARTBEAT, 4);
    assert_int_equal(count(&f, FAKE_SET) + count(&f, FAKE_DELETE), 0);
    assert_int_equal(count_logged(&f, UNABLE), 1);
    assert_int_equal(count_logged(&f, "level=warn event=\"" UNABLE), 1);
    assert_int_equal(count_logged(&f, "registry cannot be written"), 0);
    run_until(f.loop, is_ready, &f); // messages flow
    begin_drain(&f);
    run_until(f.loop, has_ended, &f);
    assert_int_equal(count(&f, FAKE_DELETE), 0);
    assert_int_equal(count_logged(&f, "left to expire"), 0);
    tear_down(&f);
}

static void who_demands_it_gets_an_error(void **state) {
    struct fixture f;
    (void)state;
    set_up_unable(&f, KEEPER "registry: {enabled: on}\n");
    assert_int_equal(count_logged(&f, "level=error event=\"" UNABLE), 1);
    run_until(f.loop, is_ready, &f);
    tear_down(&f);
}

static void when_it_can_everything_is_written(void **state) {
    struct fixture f;
    (void)state;
    set_up_unable(&f, KEEPER);
    entered(&f, 1);
    entered(&f, 2);
    fake_behave(f.fake, FAKE_SET, FAKE_AT_ONCE, WSHUB_OK);
    fake_behave(f.fake, FAKE_HEARTBEAT, FAKE_AT_ONCE, WSHUB_NOT_FOUND);
    wait_calls(&f, FAKE_SET, 2);
    assert_true(hub_registry_is_kept(f.instance.hub));
    assert_logged(&f, "this broker can keep a registry now");
    entered(&f, 3);
    assert_int_equal(count(&f, FAKE_SET), 3);
    tear_down(&f);
}

// All that is in flight says so.
static void entries_find_out_as_well(void **state) {
    struct fixture f;
    (void)state;
    set_up_keeper(&f);
    assert_true(hub_registry_is_kept(f.instance.hub));
    link_is(&f, WSHUB_LINK_DOWN);
    assert_false(hub_registry_is_kept(f.instance.hub));
    link_is(&f, WSHUB_LINK_RESUMED);
    assert_true(hub_registry_is_kept(f.instance.hub));
    struct registration *kept = entered(&f, 1);
    fake_behave(f.fake, FAKE_SET, FAKE_HOLD, 0);
    fake_behave(f.fake, FAKE_DELETE, FAKE_AT_ONCE, WSHUB_UNSUPPORTED);
    entered(&f, 2);
    entered(&f, 3);
    assert_int_equal(fake_complete_all(f.fake, WSHUB_UNSUPPORTED), 2);
    entered(&f, 4);
    part_now(&f, kept);
    assert_int_equal(count(&f, FAKE_SET), 3);
    assert_int_equal(count(&f, FAKE_DELETE), 0);
    assert_int_equal(count_logged(&f, UNABLE), 1);
    assert_false(hub_registry_is_kept(f.instance.hub));
    tear_down(&f);
}

// ---- the end

static void a_drain_deletes_everything(void **state) {
    struct fixture f;
    (void)state;
    set_up_keeper(&f);
    wait_calls(&f, FAKE_HEARTBEAT, 1);
    struct registration *registration = entered(&f, 1);
    fake_behave(f.fake, FAKE_DELETE, FAKE_HOLD, 0);
    part(&f, registration);
    begin_drain(&f);
    wait_calls(&f, FAKE_DELETE, 2);
    assert_non_null(fake_held(f.fake, FAKE_DELETE, INSTANCE));
    fake_complete(f.fake, f.fake->held, WSHUB_OK);
    run_rounds(f.loop);
    assert_int_equal(f.ended, 0);
    fake_complete(f.fake, f.fake->held, WSHUB_OK);
    run_until(f.loop, has_ended, &f);
    assert_int_equal(f.ending.unsettled, 0);
    assert_int_equal(entries(&f), 0);
    assert_int_equal(count_logged(&f, "left to expire"), 0);
    tear_down(&f);
}

// Deleted before its last heartbeat is over, it would come back.
static void its_own_entry_goes_after_the_last_heartbeat(void **state) {
    const int statuses[] = {WSHUB_OK, WSHUB_NOT_FOUND, WSHUB_UNAVAILABLE};
    (void)state;
    for (size_t i = 0; i < sizeof statuses / sizeof *statuses; i++) {
        struct fixture f;
        prepare(&f);
        fake_behave(f.fake, FAKE_HEARTBEAT, FAKE_HOLD, 0);
        begin(&f);
        wait_calls(&f, FAKE_HEARTBEAT, 1);
        begin_drain(&f);
        run_rounds(f.loop);
        run_rounds(f.loop);
        assert_int_equal(count(&f, FAKE_DELETE), 0);
        fake_complete(f.fake, f.fake->held, statuses[i]);
        run_until(f.loop, has_ended, &f);
        assert_int_equal(fake_count(f.fake, FAKE_DELETE, INSTANCE), 1);
        tear_down(&f);
    }
}

static void a_broker_that_hangs_does_not_hold_up_the_end(void **state) {
    struct fixture f;
    (void)state;
    prepare(&f);
    fake_behave(f.fake, FAKE_HEARTBEAT, FAKE_HOLD, 0);
    fake_behave(f.fake, FAKE_SET, FAKE_HOLD, 0);
    begin(&f);
    wait_calls(&f, FAKE_HEARTBEAT, 1);
    part_now(&f, entered(&f, 1));
    f.config.timeouts.broker = 100; // for the drain; that of the calls stays long
    begin_drain(&f);
    run_until(f.loop, has_ended, &f);
    assert_int_equal(f.ending.unsettled, 0); // entries expire by themselves
    assert_logged(&f, "registry entries are left to expire");
    tear_down(&f); // the heartbeat ends here, and brings nothing about
    assert_int_equal(f.instance.registers, true);
}

static void a_link_that_is_down_does_not_hold_up_the_end(void **state) {
    struct fixture f;
    (void)state;
    set_up_keeper(&f);
    struct registration *registration = entered(&f, 1);
    link_is(&f, WSHUB_LINK_DOWN);
    part(&f, registration);
    uint64_t begun = clock_ns();
    begin_drain(&f);
    run_until(f.loop, has_ended, &f);
    assert_true(clock_ns() - begun < UINT64_C(2000000000));
    assert_int_equal(f.ending.unsettled, 0);
    tear_down(&f);
}

// ---- whether there is one

static void it_can_be_off_or_impossible(void **state) {
    struct fixture f;
    (void)state;
    make(&f, KEEPER "registry: {enabled: off}\n");
    begin(&f);
    assert_false(f.instance.registers);
    assert_int_equal(count(&f, FAKE_HEARTBEAT), 0);
    tear_down(&f);
    make(&f, ONE_BROKER); // auto
    begin(&f);
    assert_false(f.instance.registers);
    tear_down(&f);
    make(&f, ONE_BROKER "registry: {enabled: on}\n");
    assert_false(hub_start(f.instance.hub, fake_load, on_failure, &f));
    assert_logged(&f, "no broker can keep one");
    tear_down(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_entry_says_who_is_where),
        cmocka_unit_test(it_says_which_user_it_is),
        cmocka_unit_test(it_is_renewed_before_half_of_its_time_is_over),
        cmocka_unit_test(who_leaves_before_it_is_written_is_not_written),
        cmocka_unit_test(who_leaves_while_it_is_written_is_deleted_after_that),
        cmocka_unit_test(a_delete_that_fails_is_tried_again),
        cmocka_unit_test(who_leaves_while_it_is_down_is_deleted_when_it_is_up),
        cmocka_unit_test(who_leaves_while_it_is_down_is_forgotten_when_the_broker_has_done_so),
        cmocka_unit_test(everything_is_written_anew_when_it_is_up),
        cmocka_unit_test(what_was_under_way_when_it_broke_is_written_anew),
        cmocka_unit_test(the_heart_beats),
        cmocka_unit_test(one_beat_at_a_time),
        cmocka_unit_test(a_broker_that_has_lost_its_memory_is_told_everything_again),
        cmocka_unit_test(some_are_written_at_a_time),
        cmocka_unit_test(a_failing_registry_is_logged_once),
        cmocka_unit_test(what_is_refused_again_is_tried_less_often),
        cmocka_unit_test(without_memory_it_is_written_later),
        cmocka_unit_test(what_it_cannot_keep_is_told_once),
        cmocka_unit_test(who_demands_it_gets_an_error),
        cmocka_unit_test(when_it_can_everything_is_written),
        cmocka_unit_test(entries_find_out_as_well),
        cmocka_unit_test(a_drain_deletes_everything),
        cmocka_unit_test(its_own_entry_goes_after_the_last_heartbeat),
        cmocka_unit_test(a_broker_that_hangs_does_not_hold_up_the_end),
        cmocka_unit_test(a_link_that_is_down_does_not_hold_up_the_end),
        cmocka_unit_test(it_can_be_off_or_impossible),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
