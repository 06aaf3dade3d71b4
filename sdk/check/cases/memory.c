// SPDX-License-Identifier: MIT
// Memory ends: one allocation of the plugin fails, the first, the second, and so on through all that an
// operation makes. Whatever it was for, the plugin may say so: by a status, a link that goes down and comes
// back, a loss that it tells. It may not crash, nor hang, nor keep silent, and works when there is memory
// again.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cases/duty.h"
#include "cases/once.h"
#include "cases/sweep.h"

enum { RECOVERY_MS = 10000 };

static void expect_up(struct sweep *sweep, struct peer *peer) {
    if (!peer_wait_up(peer, RECOVERY_MS)) {
        check_fail(sweep->check, "%s, the link was down, and did not come up again within %d s: %s",
                   sweep->when, RECOVERY_MS / 1000, peer_link(peer)->reason);
    }
}

static void do_duty(struct sweep *sweep) {
    expect_up(sweep, sweep->peer);
    duty_message(sweep->peer, sweep->when);
}

static void sweep_opened(struct check *check, const char *what, void (*act)(struct sweep *sweep)) {
    struct sweep sweep = {
        .check = check, .what = what, .act = act, .duty = do_duty, .peer = peer_open(check)};
    sweep_run(&sweep);
    peer_close(sweep.peer);
}

// ---- open and close ----

static void act_open(struct sweep *sweep) {
    sweep_arm(sweep);
    struct peer *peer =
        peer_open_with(sweep->check, &(struct peer_settings){.expects_failure = true, .expects_down = true});
    if (peer) { // otherwise it has said so
        expect_up(sweep, peer);
        sweep_disarm(sweep);
        duty_message(peer, sweep->when);
        peer_close(peer);
    }
}

static void run_open(struct check *check) {
    sweep_run(&(struct sweep){.check = check, .what = "open", .act = act_open});
}

static void act_close(struct sweep *sweep) {
    struct peer *peer = peer_open(sweep->check);
    for (unsigned i = 0; i < 20; i++) {
        peer_fire_subscribe(peer, duty_channel(sweep->check, "close", i));
    }
    sweep_arm(sweep);
    peer_close(peer);
}

static void run_close(struct check *check) {
    sweep_run(&(struct sweep){.check = check, .what = "close", .act = act_close});
}

// ---- subscribe, publish, receive ----

static void act_subscribe(struct sweep *sweep) {
    struct wshub_bytes channel = duty_channel(sweep->check, "memory", sweep->round);
    sweep_arm(sweep);
    peer_subscribe(sweep->peer, channel);
    if (peer_is_up(sweep->peer)) {
        peer_unsubscribe(sweep->peer, channel);
    }
    sweep_disarm(sweep);
    expect_up(sweep, sweep->peer);
    duty_expect(sweep->check, peer_unsubscribe(sweep->peer, channel), "unsubscribe", sweep->when);
}

static void run_subscribe(struct check *check) {
    sweep_opened(check, "subscribe and unsubscribe", act_subscribe);
}

struct told { // what would be a word about a message
    struct peer *peer;
    uint64_t losses, changed;
};

static bool is_told(void *context) {
    const struct told *told = context;
    return peer_arrivals(told->peer)->count > 0 || peer_losses(told->peer) > told->losses ||
           peer_link(told->peer)->changed != told->changed;
}

static void act_publish(struct sweep *sweep) {
    struct check *check = sweep->check;
    struct peer *peer = sweep->peer;
    struct wshub_message message = message_of(check_channel(check, "memory"), "{\"memory\":\"ends\"}");
    message.sender = bytes_of("sender");
    struct told told = {peer, peer_losses(peer), peer_link(peer)->changed};
    peer_forget(peer);
    sweep_arm(sweep);
    int status = peer_publish(peer, &message);
    if (status == WSHUB_OK && !check_wait(check, is_told, &told, 5000)) {
        check_fail(
            check,
            "%s: publish was answered with WSHUB_OK, and the message did not arrive, nor was its loss told",
            sweep->when);
    }
    sweep_disarm(sweep);
    peer_forget(peer);
}

static void run_publish(struct check *check) {
    struct sweep sweep = {.check = check, .what = "publish and receive", .act = act_publish, .duty = do_duty};
    sweep.peer = peer_open(check);
    duty_expect(check, peer_subscribe(sweep.peer, check_channel(check, "memory")), "subscribe",
                "with memory");
    sweep_run(&sweep);
    peer_close(sweep.peer);
}

// ---- registry and history ----

static void act_registry(struct sweep *sweep) {
    struct peer *peer = sweep->peer;
    char *value = NULL;
    struct peer_entries entries = {0};
    sweep_arm(sweep);
    if (peer_registry_set(peer, "kit:memory", "{}", 60000) == WSHUB_OK && peer_is_up(peer)) {
        int status = peer_registry_get(peer, "kit:memory", &value);
        if (status == WSHUB_NOT_FOUND || (status == WSHUB_OK && (!value || strcmp(value, "{}") != 0))) {
            check_fail(sweep->check, "%s: registry_set was answered with WSHUB_OK, and registry_get tells %s",
                       sweep->when, value ? value : "nothing");
        }
        free(value);
    }
    if (peer_is_up(peer)) {
        peer_registry_list(peer, "kit:mem", &entries);
        peer_entries_free(&entries);
    }
    if (peer_is_up(peer)) {
        peer_registry_delete(peer, "kit:memory");
    }
    sweep_disarm(sweep);
    expect_up(sweep, peer);
    duty_expect(sweep->check, peer_registry_delete(peer, "kit:memory"), "registry_delete", sweep->when);
}

static void run_registry(struct check *check) {
    sweep_opened(check, "the registry", act_registry);
}

enum { KEPT = 10, KEPT_MS = 60000 };

static int publish_kept(struct peer *peer, struct wshub_bytes channel) {
    struct wshub_message message = message_of(channel, "{\"kept\":true}");
    message.history_size = KEPT;
    message.history_ttl = KEPT_MS;
    return peer_publish(peer, &message);
}

static void act_history(struct sweep *sweep) {
    struct peer *peer = sweep->peer;
    struct wshub_bytes channel = check_channel(sweep->check, "memory-history");
    struct wshub_history_query query = {
        .struct_size = sizeof query, .channel = channel, .size = KEPT, .ttl = KEPT_MS, .limit = 5};
    struct arrivals found = {0};
    struct peer_position position = {0};
    sweep_arm(sweep);
    if (publish_kept(peer, channel) == WSHUB_OK && peer_is_up(peer) &&
        peer_history(peer, &query, &found, &position) == WSHUB_OK && found.count != query.limit) {
        check_fail(sweep->check, "%s, history was answered with WSHUB_OK and told %zu messages, expected %d",
                   sweep->when, found.count, (int)query.limit);
    }
    sweep_disarm(sweep);
    arrivals_free(&found);
}

// Full from the start: what it keeps does not grow any more then.
static void run_history(struct check *check) {
    struct sweep sweep = {
        .check = check, .what = "history", .act = act_history, .duty = do_duty, .peer = peer_open(check)};
    for (int i = 0; i < 2 * KEPT; i++) {
        duty_expect(check, publish_kept(sweep.peer, check_channel(check, "memory-history")), "publish",
                    "with a history");
    }
    sweep_run(&sweep);
    peer_close(sweep.peer);
}

// ---- keys ----

// How often this payload stands in the history.
static size_t count_kept(struct sweep *sweep, const struct chapter *chapter, const char *payload) {
    struct page page = chapter_read_all(sweep->peer, chapter);
    size_t count = 0;
    for (size_t i = 0; i < page.found.count; i++) {
        count += strcmp(page.found.items[i].payload, payload) == 0;
    }
    chapter_close(&page);
    return count;
}

// Whatever became of the first, with its key it is taken once.
static void act_key(struct sweep *sweep) {
    const struct chapter *chapter = sweep->context;
    char text[24];
    snprintf(text, sizeof text, "round-%u", sweep->round);
    const struct wshub_message message = once_message(chapter, text, text, KEPT_MS);
    sweep_arm(sweep);
    peer_publish(sweep->peer, &message);
    sweep_disarm(sweep);
    expect_up(sweep, sweep->peer);
    once_put(sweep->peer, &message);
    const size_t count = count_kept(sweep, chapter, text);
    if (count != 1) {
        check_fail(sweep->check,
                   "%s, a message was published, and again with its key: the history has it %zu times",
                   sweep->when, count);
    }
}

static void run_keys(struct check *check) {
    struct chapter chapter = {check_channel(check, "memory-keys"), KEPT, KEPT_MS};
    struct sweep sweep = {.check = check,
                          .what = "publish with a key",
                          .act = act_key,
                          .duty = do_duty,
                          .context = &chapter,
                          .keeps = true, // keys
                          .peer = peer_open(check)};
    chapter_put_numbers(sweep.peer, &chapter, 1, 2 * KEPT);
    sweep_run(&sweep);
    peer_close(sweep.peer);
}

const struct check_case cases_memory[] = {
    {"memory-of-open", "any allocation of open may fail", run_open, 0, NEEDS_MALLOC, 120},
    {"memory-of-subscribe", "any allocation of subscribe and unsubscribe may fail", run_subscribe, 0,
     NEEDS_MALLOC, 120},
    {"memory-of-publish", "any allocation of publish and deliver may fail", run_publish, 0, NEEDS_MALLOC,
     120},
    {"memory-of-registry", "any allocation of the registry's slots may fail", run_registry,
     WSHUB_BROKER_REGISTRY, NEEDS_MALLOC, 120},
    {"memory-of-history", "any allocation of history may fail", run_history, WSHUB_BROKER_HISTORY,
     NEEDS_MALLOC, 120},
    {"memory-of-keys", "any allocation of a publish with a key may fail, and it is taken once all the same",
     run_keys, WSHUB_BROKER_HISTORY | WSHUB_BROKER_IDEMPOTENT, NEEDS_MALLOC, 120},
    {"memory-of-close", "any allocation of close may fail", run_close, 0, NEEDS_MALLOC, 120},
    {0},
};
