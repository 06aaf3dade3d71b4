// SPDX-License-Identifier: MIT
// P10: every call is settled exactly once, whatever the plugin does with its token.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "broker_fixture.h"

// ---- a well-behaved plugin

static void completes_at_once(void **state) {
    struct fixture f;
    struct settled s = {0}, p = {0}, u = {0};
    (void)state;
    set_up(&f, LONG);
    subscribe(&f, &s);
    assert_settled(&s, WSHUB_OK);
    publish(&f, &p);
    assert_settled(&p, WSHUB_OK);
    assert_int_equal(f.deliveries, 1);
    unsubscribe(&f, &u);
    assert_settled(&u, WSHUB_OK);
    assert_int_equal(broker_in_flight(f.broker), 0);
    assert_int_equal(strays(&f), 0);
    tear_down(&f);
}

static void completes_later(void **state) {
    struct fixture f;
    struct settled s = {0};
    (void)state;
    set_up(&f, LONG);
    fake_behave(f.fake, FAKE_SUBSCRIBE, FAKE_HOLD, 0);
    subscribe(&f, &s);
    assert_int_equal(s.times, 0);
    assert_int_equal(broker_in_flight(f.broker), 1);
    fake_complete(f.fake, f.fake->held, WSHUB_OK);
    assert_settled(&s, WSHUB_OK);
    assert_int_equal(broker_in_flight(f.broker), 0);
    tear_down(&f);
}

static void passes_every_status_on(void **state) {
    // The last two are none of ours: what they mean is the caller's to decide, but they are no success.
    const int statuses[] = {WSHUB_NO_MEMORY,
                            WSHUB_INVALID,
                            WSHUB_UNAVAILABLE,
                            WSHUB_TIMEOUT,
                            WSHUB_DENIED,
                            WSHUB_TOO_LARGE,
                            WSHUB_UNSUPPORTED,
                            WSHUB_CLOSED,
                            WSHUB_INTERNAL,
                            -99,
                            5};
    struct fixture f;
    (void)state;
    set_up(&f, LONG);
    for (size_t i = 0; i < sizeof statuses / sizeof *statuses; i++) {
        struct settled at_once = {0}, refused = {0};
        fake_behave(f.fake, FAKE_PUBLISH, FAKE_AT_ONCE, statuses[i]);
        publish(&f, &at_once);
        assert_settled(&at_once, statuses[i]);
        fake_behave(f.fake, FAKE_PUBLISH, FAKE_REFUSE, statuses[i]);
        publish(&f, &refused);
        assert_settled(&refused, statuses[i]);
    }
    assert_int_equal(counter_get(&broker_stats(f.broker)->operations[BROKER_PUBLISH].succeeded), 0);
    assert_int_equal(counter_get(&broker_stats(f.broker)->operations[BROKER_PUBLISH].timed_out), 2);
    assert_int_equal(counter_get(&broker_stats(f.broker)->operations[BROKER_PUBLISH].failed), 20);
    assert_int_equal(broker_in_flight(f.broker), 0);
    assert_int_equal(strays(&f), 0);
    tear_down(&f);
}

static void many_in_flight_settle_in_any_order(void **state) {
    enum { MANY = 1000 };
    static struct settled settled[MANY];
    struct fixture f;
    (void)state;
    memset(settled, 0, sizeof settled);
    set_up(&f, LONG);
    fake_behave(f.fake, FAKE_PUBLISH, FAKE_HOLD, 0);
    for (int i = 0; i < MANY; i++) {
        publish(&f, &settled[i]);
    }
    assert_int_equal(broker_in_flight(f.broker), MANY);
    for (int i = 0; i < MANY; i++) {
        int which = (i * 7919 + 13) % MANY; // 7919 is prime: each once
        fake_complete(f.fake, f.fake->calls[which], -(which % 3));
        assert_settled(&settled[which], -(which % 3));
        assert_int_equal(broker_in_flight(f.broker), MANY - 1 - i);
    }
    for (int i = 0; i < MANY; i++) {
        assert_int_equal(settled[i].times, 1);
    }
    assert_int_equal(strays(&f), 0);
    tear_down(&f);
}

struct again {
    struct fixture *fixture;
    int left;
};

static void publish_again(void *context, void *argument, int status) {
    struct again *again = context;
    const struct wshub_message message = {
        .struct_size = sizeof message, .channel = {"room", 4}, .payload = {"1", 1}};
    (void)argument;
    assert_int_equal(status, WSHUB_OK);
    if (again->left-- > 0) {
        broker_publish(again->fixture->broker, &message, NULL,
                       (struct broker_reply){publish_again, again, NULL});
    }
}

static void a_settled_call_may_make_the_next_one(void **state) {
    struct fixture f;
    (void)state;
    set_up(&f, LONG);
    struct again again = {&f, 100};
    publish_again(&again, NULL, WSHUB_OK);
    assert_int_equal(again.left, -1);
    assert_int_equal(f.fake->counts[FAKE_PUBLISH], 100);
    assert_int_equal(broker_in_flight(f.broker), 0);
    tear_down(&f);
}

static void a_payload_beyond_the_brokers_limit_is_not_asked(void **state) {
    struct fixture f;
    struct settled fits = {0}, beyond = {0};
    (void)state;
    set_up(&f, LONG);
    publish_bytes(&f, fake_plugin()->broker->max_payload, &fits);
    assert_settled(&fits, WSHUB_OK);
    publish_bytes(&f, fake_plugin()->broker->max_payload + 1, &beyond);
    assert_settled(&beyond, WSHUB_TOO_LARGE);
    assert_int_equal(f.fake->counts[FAKE_PUBLISH], 1);
    tear_down(&f);
}

// ---- tokens gone wrong

static void completing_and_failing_counts_the_completion(void **state) {
    struct fixture f;
    struct settled s = {0};
    (void)state;
    set_up(&f, LONG);
    fake_behave(f.fake, FAKE_SUBSCRIBE, FAKE_BOTH, WSHUB_INTERNAL);
    subscribe(&f, &s);
    assert_settled(&s, WSHUB_OK);
    assert_int_equal(broker_in_flight(f.broker), 0);
    tear_down(&f);
}

static void completing_twice_is_harmless(void **state) {
    struct fixture f;
    struct settled first = {0}, second = {0};
    (void)state;
    set_up(&f, LONG);
    fake_behave(f.fake, FAKE_PUBLISH, FAKE_HOLD, 0);
    publish(&f, &first);
    wshub_token token = f.fake->held->token;
    fake_complete(f.fake, f.fake->held, WSHUB_OK);
    f.fake->host->complete(f.fake->host->self, token, WSHUB_OK);
    assert_int_equal(strays(&f), 1);
    // The next call gets the same place, yet not the same token.
    publish(&f, &second);
    assert_int_not_equal(f.fake->held->token, token);
    f.fake->host->complete(f.fake->host->self, token, WSHUB_DENIED);
    assert_int_equal(second.times, 0);
    assert_int_equal(strays(&f), 2);
    fake_complete(f.fake, f.fake->held, WSHUB_OK);
    assert_settled(&first, WSHUB_OK);
    assert_settled(&second, WSHUB_OK);
    assert_logged(&f, "twice, or an unknown one");
    tear_down(&f);
}

static void unknown_tokens_are_counted(void **state) {
    struct fixture f;
    struct settled s = {0};
    (void)state;
    set_up(&f, LONG);
    f.fake->host->complete(f.fake->host->self, 1, WSHUB_OK); // before there was any
    fake_behave(f.fake, FAKE_PUBLISH, FAKE_HOLD, 0);
    publish(&f, &s);
    wshub_token token = f.fake->held->token;
    assert_int_not_equal(token, 0);
    const wshub_token unknown[] = {0,          token + 1,  token - 1,         token + (UINT64_C(1) << 32),
                                   UINT64_MAX, UINT32_MAX, UINT64_C(1) << 32, token ^ (UINT64_C(1) << 63)};
    for (size_t i = 0; i < sizeof unknown / sizeof *unknown; i++) {
        f.fake->host->complete(f.fake->host->self, unknown[i], WSHUB_OK);
    }
    assert_int_equal(strays(&f), 1 + sizeof unknown / sizeof *unknown);
    assert_int_equal(s.times, 0);
    fake_complete(f.fake, f.fake->held, WSHUB_OK);
    assert_settled(&s, WSHUB_OK);
    tear_down(&f);
}

// ---- deadlines

static void a_call_that_is_not_completed_times_out(void **state) {
    struct fixture f;
    struct settled s = {0};
    (void)state;
    set_up(&f, SOON);
    fake_behave(f.fake, FAKE_SUBSCRIBE, FAKE_HOLD, 0);
    uint64_t begun = clock_ns();
    subscribe(&f, &s);
    expire_until_settled(&f, &s);
    assert_true(clock_ns() - begun >= SOON * UINT64_C(1000000));
    assert_settled(&s, WSHUB_TIMEOUT);
    assert_logged(&f, "did not answer in time");
    assert_logged(&f, "operation=subscribe");
    // Too late.
    fake_complete(f.fake, f.fake->held, WSHUB_OK);
    assert_settled(&s, WSHUB_TIMEOUT);
    assert_int_equal(strays(&f), 0);
    assert_int_equal(counter_get(&broker_stats(f.broker)->late_completions), 1);
    assert_int_equal(counter_get(&broker_stats(f.broker)->operations[BROKER_SUBSCRIBE].timed_out), 1);
    tear_down(&f);
}

static void each_has_its_own_deadline(void **state) {
    struct fixture f;
    struct settled first = {0}, kept = {0}, last = {0};
    (void)state;
    set_up(&f, SOON);
    fake_behave(f.fake, FAKE_PUBLISH, FAKE_HOLD, 0);
    publish(&f, &first);
    publish(&f, &kept);
    fake_complete(f.fake, f.fake->calls[1], WSHUB_OK); // from the middle of the list
    uint64_t begun = clock_ns();
    while (clock_ns() - begun < SOON * UINT64_C(500000)) {
    }
    uint64_t last_begun = clock_ns();
    publish(&f, &last);
    expire_until_settled(&f, &first);
    assert_settled(&first, WSHUB_TIMEOUT);
    expire_until_settled(&f, &last);
    assert_true(clock_ns() - last_begun >= SOON * UINT64_C(1000000));
    assert_settled(&last, WSHUB_TIMEOUT);
    assert_settled(&kept, WSHUB_OK);
    tear_down(&f);
}

// As after SIGSTOP and SIGCONT: deadlines are over, but the answers have come.
static void after_a_standstill_answers_are_read_first(void **state) {
    struct fixture f;
    struct settled answered = {0}, late = {0};
    (void)state;
    set_up(&f, SOON);
    fake_behave(f.fake, FAKE_PUBLISH, FAKE_HOLD, 0);
    publish(&f, &answered);
    publish(&f, &late);
    broker_expire(f.broker);
    uint64_t begun = clock_ns();
    while (clock_ns() - begun < 2 * SOON * UINT64_C(1000000)) {
    }
    broker_expire(f.broker); // the timers of a loop come before what can be read
    assert_int_equal(answered.times, 0);
    fake_complete(f.fake, f.fake->held, WSHUB_OK);
    broker_expire(f.broker);
    assert_settled(&answered, WSHUB_OK);
    assert_settled(&late, WSHUB_TIMEOUT);
    tear_down(&f);
}

// A broker that hangs has thousands of calls under way.
static void lateness_is_logged_once_until_something_succeeds(void **state) {
    struct fixture f;
    struct settled s[4] = {0};
    (void)state;
    set_up(&f, SOON);
    for (int i = 0; i < 4; i++) {
        fake_behave(f.fake, FAKE_PUBLISH, i == 2 ? FAKE_AT_ONCE : FAKE_HOLD, 0);
        publish(&f, &s[i]);
        expire_until_settled(&f, &s[i]);
        assert_settled(&s[i], i == 2 ? WSHUB_OK : WSHUB_TIMEOUT);
        assert_int_equal(count_logged(&f, "did not answer in time"), i < 3 ? 1 : 2);
    }
    tear_down(&f);
}

// Or clients that subscribe in vain would fill the log while others publish.
static void what_succeeds_elsewhere_does_not_repeat_it(void **state) {
    struct fixture f;
    (void)state;
    set_up(&f, SOON);
    fake_behave(f.fake, FAKE_SUBSCRIBE, FAKE_HOLD, 0);
    for (int i = 0; i < 3; i++) {
        struct settled s = {0}, p = {0};
        subscribe(&f, &s);
        expire_until_settled(&f, &s);
        publish(&f, &p);
        assert_settled(&p, WSHUB_OK);
        assert_int_equal(count_logged(&f, "did not answer in time"), 1);
    }
    tear_down(&f);
}

// ---- what is not asked at all

static void get(struct fixture *f, struct settled *settled);

static void while_the_link_is_down_nothing_is_asked(void **state) {
    struct fixture f;
    struct settled s = {0}, u = {0}, p = {0}, g = {0};
    (void)state;
    set_up(&f, LONG);
    fake_link(f.fake, WSHUB_LINK_DOWN, "gone");
    subscribe(&f, &s);
    unsubscribe(&f, &u);
    publish(&f, &p);
    get(&f, &g);
    assert_settled(&s, WSHUB_UNAVAILABLE);
    assert_settled(&u, WSHUB_UNAVAILABLE);
    assert_settled(&p, WSHUB_UNAVAILABLE);
    assert_settled(&g, WSHUB_UNAVAILABLE);
    assert_int_equal(f.fake->call_count, 0);
    assert_int_equal(counter_get(&broker_stats(f.broker)->operations[BROKER_PUBLISH].failed), 1);
    assert_int_equal(counter_get(&broker_stats(f.broker)->link_losses), 1);
    fake_link(f.fake, WSHUB_LINK_UP, NULL);
    p.times = 0;
    publish(&f, &p);
    assert_settled(&p, WSHUB_OK);
    tear_down(&f);
}

// The broker confirms nothing: what waits for it must not grow without end.
static void too_much_in_flight_is_not_asked(void **state) {
    enum { PAYLOAD = 1000 * 1000, FIT = 128 * 1024 * 1024 / (PAYLOAD + 640) };
    struct fixture f;
    struct settled fits = {0}, beyond = {0}, later = {0};
    (void)state;
    set_up(&f, LONG);
    fake_behave(f.fake, FAKE_PUBLISH, FAKE_HOLD, 0);
    for (int i = 0; i < FIT; i++) {
        publish_bytes(&f, PAYLOAD, &fits);
    }
    publish_bytes(&f, PAYLOAD, &beyond);
    assert_settled(&beyond, WSHUB_UNAVAILABLE);
    assert_int_equal(f.fake->counts[FAKE_PUBLISH], FIT);
    assert_int_equal(fits.times, 0);
    fake_complete(f.fake, f.fake->held, WSHUB_OK);
    publish_bytes(&f, PAYLOAD, &later); // there is room again
    assert_int_equal(later.times, 0);
    assert_int_equal(f.fake->counts[FAKE_PUBLISH], FIT + 1);
    tear_down(&f);
    assert_int_equal(fits.times, FIT);
    assert_settled(&later, WSHUB_CLOSED);
}

// ---- the registry

static void on_entry(void *context, void *argument, struct wshub_bytes key, struct wshub_bytes value) {
    struct settled *settled = argument;
    (void)context;
    assert_int_equal(settled->times, 0); // before the end
    assert_int_equal(key.length, 1);
    assert_memory_equal(key.data, "k", 1);
    assert_memory_equal(value.data, "k", 1);
    settled->entries++;
}

static void get(struct fixture *f, struct settled *settled) {
    broker_registry_get(f->broker, KEY, on_entry, (struct broker_reply){on_done, NULL, settled});
}

static void the_registry_is_asked(void **state) {
    struct fixture f;
    struct settled s[5] = {0};
    (void)state;
    set_up(&f, LONG);
    fake_behave(f.fake, FAKE_HEARTBEAT, FAKE_AT_ONCE, WSHUB_NOT_FOUND);
    f.fake->entries[f.fake->entry_count++] = (struct fake_entry){"k", "k"};
    broker_registry_set(f.broker, KEY, VALUE, 7000, (struct broker_reply){on_done, NULL, &s[0]});
    broker_registry_delete(f.broker, KEY, (struct broker_reply){on_done, NULL, &s[1]});
    broker_heartbeat(f.broker, KEY, VALUE, 8000, (struct broker_reply){on_done, NULL, &s[2]});
    get(&f, &s[3]);
    broker_registry_list(f.broker, KEY, on_entry, (struct broker_reply){on_done, NULL, &s[4]});
    for (int i = 0; i < 5; i++) {
        assert_settled(&s[i], i == 2 ? WSHUB_NOT_FOUND : WSHUB_OK);
        assert_int_equal(s[i].entries, i > 2);
    }
    assert_int_equal(f.fake->calls[0]->slot, FAKE_SET);
    assert_int_equal(f.fake->calls[0]->ttl, 7000);
    assert_string_equal(f.fake->calls[0]->payload, "{}");
    assert_int_equal(f.fake->calls[1]->slot, FAKE_DELETE);
    assert_int_equal(f.fake->calls[2]->ttl, 8000);
    // That an entry was not there is an answer, not a failure.
    assert_int_equal(counter_get(&broker_stats(f.broker)->operations[BROKER_HEARTBEAT].succeeded), 1);
    tear_down(&f);
}

// Of work that expects none, or is over.
static void an_entry_that_nobody_awaits_is_ignored(void **state) {
    struct fixture f;
    struct settled s = {0};
    (void)state;
    set_up(&f, LONG);
    fake_behave(f.fake, FAKE_SUBSCRIBE, FAKE_HOLD, 0);
    subscribe(&f, &s);
    wshub_token token = f.fake->held->token;
    f.fake->host->entry(f.fake->host->self, token, KEY, VALUE);
    fake_complete(f.fake, f.fake->held, WSHUB_OK);
    f.fake->host->entry(f.fake->host->self, token, KEY, VALUE);
    f.fake->host->entry(f.fake->host->self, 0, KEY, VALUE);
    assert_settled(&s, WSHUB_OK);
    assert_int_equal(s.entries, 0);
    tear_down(&f);
}

// ---- histories

static void on_message(void *context, void *argument, const struct wshub_message *message) {
    struct settled *settled = argument;
    (void)context;
    assert_int_equal(settled->times, 0);
    assert_int_equal(message->struct_size, sizeof *message);
    assert_int_equal(message->offset, settled->entries == 0 ? 6 : 5);
    assert_int_equal(message->previous, 0); // an older plugin's message has none
    settled->entries++;
}

static void on_position(void *context, void *argument, struct wshub_bytes epoch, uint64_t oldest,
                        uint64_t newest) {
    struct settled *settled = argument;
    (void)context;
    assert_int_equal(settled->times, 0);
    assert_int_equal(epoch.length, 1);
    assert_int_equal(oldest, 2);
    assert_int_equal(newest, 5);
    settled->entries += 100;
}

static void ask_history(struct fixture *f, struct settled *settled) {
    const struct wshub_history_query query = {
        .struct_size = sizeof query,
        .flags = WSHUB_HISTORY_BACKWARDS,
        .channel = {"room", 4},
        .size = 10,
        .ttl = 60000,
        .after = 7,
        .limit = 3,
    };
    broker_history(f->broker, &query, on_message, on_position, (struct broker_reply){on_done, NULL, settled});
}

static void tell_history(struct fixture *f, wshub_token token) {
    const struct wshub_host *host = f->fake->host;
    struct wshub_message message = {
        .struct_size = offsetof(struct wshub_message, previous),
        .channel = {"room", 4},
        .epoch = KEY,
        .offset = 6,
        .previous = 5,
    };
    host->message(host->self, token, &message);
    message.offset = 5;
    host->message(host->self, token, &message);
    host->position(host->self, token, KEY, 2, 5);
}

static void a_history_is_asked(void **state) {
    struct fixture f;
    struct settled s = {0};
    (void)state;
    set_up(&f, LONG);
    fake_behave(f.fake, FAKE_HISTORY, FAKE_HOLD, 0);
    ask_history(&f, &s);
    const struct fake_call *call = f.fake->calls[0];
    assert_int_equal(call->slot, FAKE_HISTORY);
    assert_string_equal(call->channel, "room");
    assert_int_equal(call->flags, WSHUB_HISTORY_BACKWARDS);
    assert_int_equal(call->history_size, 10);
    assert_int_equal(call->ttl, 60000);
    assert_int_equal(call->after, 7);
    assert_int_equal(call->limit, 3);
    tell_history(&f, call->token);
    assert_int_equal(s.entries, 102);
    f.fake->host->position(f.fake->host->self, call->token, KEY, 3, 6); // once
    assert_int_equal(s.entries, 102);
    fake_complete(f.fake, f.fake->held, WSHUB_OK);
    assert_settled(&s, WSHUB_OK);
    tell_history(&f, call->token); // too late
    tell_history(&f, 0);
    assert_int_equal(s.entries, 102);
    assert_int_equal(counter_get(&broker_stats(f.broker)->operations[BROKER_HISTORY].succeeded), 1);
    tear_down(&f);
}

static void what_a_history_finds_is_nothing_to_others(void **state) {
    struct fixture f;
    struct settled s = {0};
    (void)state;
    set_up(&f, LONG);
    fake_behave(f.fake, FAKE_SUBSCRIBE, FAKE_HOLD, 0);
    subscribe(&f, &s);
    tell_history(&f, f.fake->held->token);
    fake_complete(f.fake, f.fake->held, WSHUB_OK);
    assert_settled(&s, WSHUB_OK);
    assert_int_equal(s.entries, 0);
    tear_down(&f);
}

static void a_history_has_its_deadline_and_its_errors(void **state) {
    struct fixture f;
    struct settled late = {0}, refused = {0}, down = {0};
    (void)state;
    set_up(&f, SOON);
    fake_behave(f.fake, FAKE_HISTORY, FAKE_HOLD, 0);
    ask_history(&f, &late);
    expire_until_settled(&f, &late);
    assert_settled(&late, WSHUB_TIMEOUT);
    assert_logged(&f, "operation=history");
    fake_behave(f.fake, FAKE_HISTORY, FAKE_REFUSE, WSHUB_TOO_LARGE);
    ask_history(&f, &refused);
    assert_settled(&refused, WSHUB_TOO_LARGE);
    fake_link(f.fake, WSHUB_LINK_DOWN, NULL);
    ask_history(&f, &down);
    assert_settled(&down, WSHUB_UNAVAILABLE);
    tear_down(&f);
}

static struct fixture *closing;

static void tell_and_close(void *self) {
    tell_history(closing, closing->fake->held->token);
    fake_keeper()->broker->close(self);
}

static void what_is_found_while_it_closes_is_not_heard(void **state) {
    struct fixture f;
    struct settled s = {0};
    (void)state;
    set_up(&f, LONG);
    fake_behave(f.fake, FAKE_HISTORY, FAKE_HOLD, 0);
    ask_history(&f, &s);
    closing = &f;
    f.plugin.broker.close = tell_and_close;
    tear_down(&f);
    assert_settled(&s, WSHUB_CLOSED);
    assert_int_equal(s.entries, 0);
}

static void a_broker_without_registry_and_history_is_not_asked_for_them(void **state) {
    struct fixture f;
    struct settled s = {0};
    struct buf why = {0};
    (void)state;
    prepare(&f);
    assert_true(fake_load(&f.plugin, "fake", NULL, &why));
    f.broker = broker_open(&(struct broker_setup){.name = "main",
                                                  .instance_id = "me",
                                                  .plugin = &f.plugin,
                                                  .loop = f.loop,
                                                  .log = &f.log,
                                                  .timeout = LONG,
                                                  .listener = {&f, on_deliver, on_link, NULL}});
    assert_non_null(f.broker);
    get(&f, &s);
    assert_settled(&s, WSHUB_UNSUPPORTED);
    s.times = 0;
    ask_history(&f, &s);
    assert_settled(&s, WSHUB_UNSUPPORTED);
    assert_int_equal(broker_in_flight(f.broker), 0);
    buf_free(&why);
    tear_down(&f);
}

static void the_timeout_is_told(void **state) {
    struct fixture f;
    (void)state;
    set_up(&f, SOON);
    assert_int_equal(f.fake->host->struct_size, sizeof *f.fake->host);
    assert_int_equal(f.fake->host->abi_minor, WSHUB_ABI_MINOR);
    assert_int_equal(f.fake->host->timeout, SOON);
    tear_down(&f);
}

// ---- numbers

static uint64_t bucket_sum(const struct fixture *f, enum broker_operation operation, int from) {
    uint64_t sum = 0;
    for (int i = from; i < BROKER_BUCKETS; i++) {
        sum += counter_get(&broker_stats(f->broker)->operations[operation].buckets[i]);
    }
    return sum;
}

static void what_is_settled_is_measured(void **state) {
    struct fixture f;
    struct settled s = {0};
    (void)state;
    set_up(&f, SOON);
    for (int i = 0; i < 10; i++) {
        publish(&f, &s);
    }
    assert_int_equal(counter_get(&broker_stats(f.broker)->operations[BROKER_PUBLISH].succeeded), 10);
    assert_int_equal(bucket_sum(&f, BROKER_PUBLISH, 0), 10);
    assert_int_equal(bucket_sum(&f, BROKER_SUBSCRIBE, 0), 0);
    fake_behave(f.fake, FAKE_SUBSCRIBE, FAKE_HOLD, 0);
    s.times = 0;
    subscribe(&f, &s);
    expire_until_settled(&f, &s);
    assert_true(broker_bucket_bounds[4] < SOON / 1000.0 && SOON / 1000.0 < broker_bucket_bounds[5]);
    assert_int_equal(bucket_sum(&f, BROKER_SUBSCRIBE, 5), 1);
    assert_true(counter_get(&broker_stats(f.broker)->operations[BROKER_SUBSCRIBE].nanoseconds) >=
                SOON * UINT64_C(1000000));
    tear_down(&f);
}

static void every_operation_has_its_name(void **state) {
    (void)state;
    assert_string_equal(broker_operation_names[BROKER_SUBSCRIBE], "subscribe");
    assert_string_equal(broker_operation_names[BROKER_UNSUBSCRIBE], "unsubscribe");
    assert_string_equal(broker_operation_names[BROKER_PUBLISH], "publish");
    assert_string_equal(broker_operation_names[BROKER_HISTORY], "history");
    for (int i = 1; i < BROKER_BUCKETS - 1; i++) {
        assert_true(broker_bucket_bounds[i - 1] < broker_bucket_bounds[i]);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(completes_at_once),
        cmocka_unit_test(completes_later),
        cmocka_unit_test(passes_every_status_on),
        cmocka_unit_test(many_in_flight_settle_in_any_order),
        cmocka_unit_test(a_settled_call_may_make_the_next_one),
        cmocka_unit_test(a_payload_beyond_the_brokers_limit_is_not_asked),
        cmocka_unit_test(completing_and_failing_counts_the_completion),
        cmocka_unit_test(completing_twice_is_harmless),
        cmocka_unit_test(unknown_tokens_are_counted),
        cmocka_unit_test(a_call_that_is_not_completed_times_out),
        cmocka_unit_test(each_has_its_own_deadline),
        cmocka_unit_test(after_a_standstill_answers_are_read_first),
        cmocka_unit_test(lateness_is_logged_once_until_something_succeeds),
        cmocka_unit_test(what_succeeds_elsewhere_does_not_repeat_it),
        cmocka_unit_test(while_the_link_is_down_nothing_is_asked),
        cmocka_unit_test(too_much_in_flight_is_not_asked),
        cmocka_unit_test(the_registry_is_asked),
        cmocka_unit_test(an_entry_that_nobody_awaits_is_ignored),
        cmocka_unit_test(a_history_is_asked),
        cmocka_unit_test(what_a_history_finds_is_nothing_to_others),
        cmocka_unit_test(a_history_has_its_deadline_and_its_errors),
        cmocka_unit_test(what_is_found_while_it_closes_is_not_heard),
        cmocka_unit_test(the_timeout_is_told),
        cmocka_unit_test(a_broker_without_registry_and_history_is_not_asked_for_them),
        cmocka_unit_test(what_is_settled_is_measured),
        cmocka_unit_test(every_operation_has_its_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
