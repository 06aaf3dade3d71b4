// SPDX-License-Identifier: MIT
// The host's rules. Each case here is the plugin's voice: it calls services as a plugin would that breaks
// one, from the process and thread in which a plugin would.
#include "check_case_fixture.h"

#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include "host/peer_priv.h"

static const struct wshub_host *host_of(const struct peer *peer) {
    return peer->host;
}

static struct wshub_message message_in(struct check *check) {
    return message_of(check_channel(check, "channel"), "text");
}

// What fn does, a thread of the plugin's does: it has ended when this returns.
static void on_thread(void *(*fn)(void *host), const struct wshub_host *host) {
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, fn, (void *)(uintptr_t)host), 0);
    pthread_join(thread, NULL);
}

// ---- tokens ----

static void unknown_token(struct check *check) {
    const struct wshub_host *host = host_of(peer_open(check));
    host->complete(host->self, 77, WSHUB_OK);
}

static void completed_twice(struct check *check) {
    struct peer *peer = peer_open(check);
    peer_call call = peer_start_subscribe(peer, bytes_of("channel"));
    host_of(peer)->complete(host_of(peer)->self, call, WSHUB_OK); // the memory broker has done so
}

static void completed_oddly(struct check *check) {
    struct peer *peer = peer_open(check);
    struct call *call = tokens_new(&peer->tokens, OPERATION_PUBLISH);
    host_of(peer)->complete(host_of(peer)->self, tokens_of(call), 3);
}

static void entry_of_publish(struct check *check) {
    struct peer *peer = peer_open(check);
    struct call *call = tokens_new(&peer->tokens, OPERATION_PUBLISH);
    host_of(peer)->entry(host_of(peer)->self, tokens_of(call), bytes_of("key"), bytes_of("value"));
}

static void get_without_entry(struct check *check) {
    struct peer *peer = peer_open(check);
    struct call *call = tokens_new(&peer->tokens, OPERATION_GET);
    host_of(peer)->complete(host_of(peer)->self, tokens_of(call), WSHUB_OK);
}

static void history_without_position(struct check *check) {
    struct peer *peer = peer_open(check);
    struct call *call = tokens_new(&peer->tokens, OPERATION_HISTORY);
    host_of(peer)->complete(host_of(peer)->self, tokens_of(call), WSHUB_OK);
}

// A publish of a peer whose hub has this minor, to a channel with a history or without; told a position.
static void tell_publish(struct check *check, uint32_t minor, bool has_history, const char *epoch,
                         uint64_t offset) {
    struct peer *peer = peer_open_with(check, &(struct peer_settings){.host_minor = minor + 1});
    struct call *call = tokens_new(&peer->tokens, OPERATION_PUBLISH);
    call->has_history = has_history;
    host_of(peer)->position(host_of(peer)->self, tokens_of(call), bytes_of(epoch), 0, offset);
    host_of(peer)->complete(host_of(peer)->self, tokens_of(call), WSHUB_OK);
}

static void position_of_publish(struct check *check) {
    tell_publish(check, 3, true, "epoch", 1);
}

static void position_of_no_history(struct check *check) {
    tell_publish(check, 3, false, "epoch", 1);
}

static void position_to_older_hub(struct check *check) {
    tell_publish(check, 2, true, "epoch", 1);
}

static void position_without_offset(struct check *check) {
    tell_publish(check, 3, true, "epoch", 0);
}

static void position_with_odd_epoch(struct check *check) {
    tell_publish(check, 3, true, "an epoch", 1);
}

static void position_of_subscribe(struct check *check) {
    struct peer *peer = peer_open(check);
    struct call *call = tokens_new(&peer->tokens, OPERATION_SUBSCRIBE);
    host_of(peer)->position(host_of(peer)->self, tokens_of(call), bytes_of("epoch"), 0, 1);
}

static void two_positions(struct check *check) {
    struct peer *peer = peer_open(check);
    struct call *call = tokens_new(&peer->tokens, OPERATION_PUBLISH);
    call->has_history = true;
    for (uint64_t offset = 1; offset <= 2; offset++) {
        host_of(peer)->position(host_of(peer)->self, tokens_of(call), bytes_of("epoch"), 0, offset);
    }
    host_of(peer)->complete(host_of(peer)->self, tokens_of(call), WSHUB_OK);
}

// ---- messages ----

static void message_with_odd_epoch(struct check *check) {
    struct peer *peer = peer_open(check);
    struct wshub_message message = message_in(check);
    message.epoch = bytes_of("01234567890123456789012345678901234567890123456789012345678901234");
    host_of(peer)->deliver(host_of(peer)->self, &message);
}

static void unsized_message(struct check *check) {
    struct peer *peer = peer_open(check);
    struct wshub_message message = message_in(check);
    message.struct_size = 0;
    host_of(peer)->deliver(host_of(peer)->self, &message);
}

static void message_at_null(struct check *check) {
    struct peer *peer = peer_open(check);
    struct wshub_message message = message_in(check);
    message.payload = (struct wshub_bytes){NULL, 5};
    host_of(peer)->deliver(host_of(peer)->self, &message);
}

static void stray_message(struct check *check) {
    struct peer *peer = peer_open(check);
    struct wshub_message message = message_in(check);
    assert_int_equal(host_of(peer)->deliver(host_of(peer)->self, &message), WSHUB_OK);
    if (peer_strays(peer) != 1 || peer_arrivals(peer)->count != 1) {
        check_fail(check, "it was not counted");
    }
}

// ---- threads ----

static void *set_link(void *context) {
    const struct wshub_host *host = context;
    host->link(host->self, WSHUB_LINK_DOWN, "gone");
    return NULL;
}

static void link_from_thread(struct check *check) {
    on_thread(set_link, host_of(peer_open(check)));
}

static void *make_timer(void *context) {
    const struct wshub_host *host = context;
    assert_null(host->timer_new(host->self, NULL, NULL));
    return NULL;
}

static void timer_from_thread(struct check *check) {
    on_thread(make_timer, host_of(peer_open(check)));
}

enum { DELIVERIES = 100 };

static void *deliver_many(void *context) {
    const struct wshub_host *host = context;
    char text[16];
    for (int i = 0; i < DELIVERIES; i++) {
        snprintf(text, sizeof text, "%d", i);
        struct wshub_message message = message_of(bytes_of("channel"), text);
        host->deliver(host->self, &message);
    }
    return NULL;
}

static void deliveries_from_thread(struct check *check) {
    struct peer *peer = peer_open(check);
    on_thread(deliver_many, host_of(peer));
    if (peer_arrivals(peer)->count != 0) {
        check_fail(check, "they arrived on another thread");
    }
    if (!peer_wait_arrivals(peer, DELIVERIES, 5000)) {
        check_fail(check, "they did not arrive");
    }
    for (int i = 0; i < DELIVERIES; i++) {
        if (atoi(peer_arrivals(peer)->items[i].payload) != i) {
            check_fail(check, "not in order");
        }
    }
}

static void *leave_late(void *context) {
    (void)context;
    pause();
    return NULL;
}

static void thread_left(struct check *check) {
    pthread_t thread;
    peer_open(check);
    pthread_create(&thread, NULL, leave_late, NULL);
}

// ---- life ----

static void called_after_close(struct check *check) {
    struct peer *peer = peer_open(check);
    const struct wshub_host *host = host_of(peer);
    peer_close(peer);
    host->log(host->self, WSHUB_LOG_INFO, "still here");
}

static void wrong_self(struct check *check) {
    static char mine[sizeof(struct peer)];
    host_of(peer_open(check))->log(mine, WSHUB_LOG_INFO, "hello");
}

static void on_nothing(void *context) {
    (void)context;
}

static void timer_left(struct check *check) {
    const struct wshub_host *host = host_of(peer_open(check));
    host->timer_new(host->self, on_nothing, NULL);
}

static void timer_after_free(struct check *check) {
    const struct wshub_host *host = host_of(peer_open(check));
    struct wshub_timer *timer = host->timer_new(host->self, on_nothing, NULL);
    host->timer_free(host->self, timer);
    host->timer_start(host->self, timer, 1);
}

static void descriptor_left(struct check *check) {
    int ends[2];
    peer_open(check);
    assert_int_equal(pipe(ends), 0);
}

static void on_event(void *context, unsigned events) {
    (void)context, (void)events;
}

static void closed_under_watch(struct check *check) {
    const struct wshub_host *host = host_of(peer_open(check));
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    struct wshub_watch *watch = host->watch_new(host->self, ends[0], on_event, NULL);
    host->watch_set(host->self, watch, WSHUB_WATCH_READ);
    close(ends[0]);
    close(ends[1]);
    host->watch_free(host->self, watch);
}

static void resumed_first(struct check *check) {
    struct peer *peer = peer_open(check);
    peer->link.ups = 0; // as if it had not been up yet
    host_of(peer)->link(host_of(peer)->self, WSHUB_LINK_RESUMED, NULL);
}

static void refused_late(struct check *check) {
    const struct wshub_host *host = host_of(peer_open(check));
    host->option_refuse(host->self, "option", "another");
}

static void undeclared_option(struct check *check) {
    const struct wshub_host *host = host_of(peer_open(check));
    host->option_text(host->self, "nonsense");
}

// ---- a hub's own ----

static void restored(struct check *check) {
    struct peer *peer = peer_open(check);
    const struct wshub_host *host = host_of(peer);
    if (peer_subscribe(peer, bytes_of("channel")) != WSHUB_OK) {
        check_fail(check, "not subscribed");
    }
    host->link(host->self, WSHUB_LINK_DOWN, "gone");
    struct wshub_message message = message_of(bytes_of("channel"), "text");
    if (peer_publish(peer, &message) != WSHUB_UNAVAILABLE) {
        check_fail(check, "a slot was called while the link was down");
    }
    host->link(host->self, WSHUB_LINK_UP, NULL);
    if (!peer_wait_up(peer, 1000) || peer_succeeded(peer) != 0 || peer_link(peer)->ups != 2 ||
        strcmp(peer_link(peer)->reason, "gone") != 0) {
        check_fail(check, "not restored");
    }
}

static void fenced(struct check *check) {
    struct peer *peer = peer_open(check);
    peer_fence(peer, peer);
    peer_fence(peer, peer);
    if (peer_arrivals(peer)->count != 0) {
        check_fail(check, "the fence was shown");
    }
}

static const struct {
    void (*run)(struct check *check);
    enum verdict verdict;
    const char *text; // a part of it
} rules[] = {
    {unknown_token, VERDICT_FAIL, "complete was called for token 4d, which the host never gave out"},
    {completed_twice, VERDICT_FAIL, "which was completed already"},
    {completed_oddly, VERDICT_FAIL, "publish was completed with 3, which is none of enum wshub_status"},
    {entry_of_publish, VERDICT_FAIL, "entry was called for a token of publish"},
    {get_without_entry, VERDICT_FAIL, "registry_get was completed with OK and told no entry"},
    {history_without_position, VERDICT_FAIL, "history was completed with OK and told 0 positions"},
    {position_of_publish, VERDICT_PASS, ""},
    {position_of_no_history, VERDICT_FAIL, "for a publish to a channel without a history"},
    {position_to_older_hub, VERDICT_FAIL, "for a publish of a hub of ABI 1.2"},
    {position_without_offset, VERDICT_FAIL, "for a publish with the offset 0"},
    {position_with_odd_epoch, VERDICT_FAIL, "position was given an epoch of 8 bytes"},
    {position_of_subscribe, VERDICT_FAIL, "position was called for a token of subscribe"},
    {two_positions, VERDICT_FAIL, "publish was told 2 positions"},
    {message_with_odd_epoch, VERDICT_FAIL, "deliver was given an epoch of 65 bytes"},
    {unsized_message, VERDICT_FAIL, "deliver was given a message with struct_size 0"},
    {message_at_null, VERDICT_FAIL, "deliver was given a payload of 5 bytes at NULL"},
    {stray_message, VERDICT_PASS, ""},
    {link_from_thread, VERDICT_FAIL, "link was called by a thread of the plugin's"},
    {timer_from_thread, VERDICT_FAIL, "timer_new was called by a thread of the plugin's"},
    {deliveries_from_thread, VERDICT_PASS, ""},
    {thread_left, VERDICT_FAIL, "left 1 thread behind"},
    {called_after_close, VERDICT_FAIL, "log was called after close had returned"},
    {wrong_self, VERDICT_FAIL, "log was called with a self that is not host->self"},
    {timer_left, VERDICT_FAIL, "1 timer and 0 watches that were not freed"},
    {timer_after_free, VERDICT_FAIL, "timer_start was called for a timer that was freed"},
    {descriptor_left, VERDICT_FAIL, "left 2 descriptors ("},
    {closed_under_watch, VERDICT_FAIL, "was closed before its watch was freed"},
    {resumed_first, VERDICT_FAIL, "link was called with RESUMED (2), before it was up for the first time"},
    {refused_late, VERDICT_FAIL, "option_refuse was called outside of check and open"},
    {undeclared_option, VERDICT_FAIL, "option nonsense, which the plugin does not declare"},
    {restored, VERDICT_PASS, ""},
    {fenced, VERDICT_PASS, ""},
};

static void keeps_every_rule(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
        struct outcome *outcome = run_case(rules[i].run);
        expect_outcome(outcome, rules[i].verdict, rules[i].text);
        outcome_free(outcome);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(keeps_every_rule)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
