// SPDX-License-Identifier: MIT
// The broker dies, hangs, forgets, and is cut off. After each fault all is as before, and whatever was lost
// was told (traffic.h).
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/commands.h"
#include "broker/relay.h"
#include "cases/traffic.h"
#include "host/peer.h"

enum {
    WARM_MS = 300,      // of traffic before a fault
    DOWN_MS = 10000,    // until a connection that was closed is told to be down
    UP_MS = 30000,      // until it is up again
    NOTICE_SLOW_S = 20, // until a connection that says nothing any more is told to be down: a warning,
    NOTICE_S = 90,      // and a failure
    CASE_S = 240,
};

static struct traffic *begin_with(struct check *check, const struct traffic_settings *settings) {
    struct traffic *traffic = traffic_start(check, settings);
    traffic_run(traffic, WARM_MS);
    traffic_mark(traffic);
    return traffic;
}

static struct traffic *begin(struct check *check) {
    commands_mend(check);
    return begin_with(check, &(struct traffic_settings){0});
}

static struct traffic *begin_relayed(struct check *check, struct relay **relay) {
    commands_mend(check);
    *relay = relay_start(check);
    return begin_with(check, &(struct traffic_settings){0});
}

static void check_reason(struct check *check, const struct peer *peer) {
    if (!peer_link(peer)->reason[0]) {
        check_warn(check, "the link was told to be down without a reason");
    }
}

static void expect_down(struct check *check, struct traffic *traffic, const char *after) {
    if (!traffic_all_down(traffic, check_scaled(DOWN_MS))) {
        check_fail(check, "%s, and %d s later a link is still told to be up", after, DOWN_MS / 1000);
    }
    check_reason(check, traffic_peer(traffic, 0));
}

static void expect_up(struct check *check, struct traffic *traffic) {
    if (!traffic_all_up(traffic, check_scaled(UP_MS))) {
        check_fail(check, "the broker can be reached again, and %d s later a link is still down: %s",
                   UP_MS / 1000, peer_link(traffic_peer(traffic, 0))->reason);
    }
}

static uint64_t between(struct check *check, uint64_t low, uint64_t high) {
    return low + check_random(check) % (high - low + 1);
}

// ---- the broker ----

static void kill_broker(struct check *check, struct traffic *traffic) {
    traffic_command(traffic, COMMAND_STOP);
    expect_down(check, traffic, "the broker was stopped");
    traffic_run(traffic, WARM_MS);
    traffic_command(traffic, COMMAND_RESTART);
    traffic_recover(traffic);
    traffic_judge(traffic);
}

static void killed(struct check *check) {
    kill_broker(check, begin(check));
}

static void killed_with_many(struct check *check) {
    enum { MANY = 1000, PACE_US = 100 };
    commands_mend(check);
    kill_broker(check, begin_with(check, &(struct traffic_settings){.channels = MANY, .pace = PACE_US}));
}

static void killed_again(struct check *check) {
    enum { TIMES = 3 };
    struct traffic *traffic = begin(check);
    for (int i = 0; i < TIMES; i++) {
        traffic_mark(traffic);
        traffic_command(traffic, COMMAND_STOP);
        expect_down(check, traffic, "the broker was stopped");
        traffic_command(traffic, COMMAND_RESTART);
        traffic_run(traffic, between(check, 0, 500)); // perhaps before all is as it was
    }
    traffic_recover(traffic);
    traffic_judge(traffic);
}

static void pause_for(struct check *check, uint64_t milliseconds, uint64_t timeout) {
    commands_mend(check);
    struct traffic *traffic = begin_with(check, &(struct traffic_settings){.timeout = timeout});
    traffic_command(traffic, COMMAND_PAUSE);
    traffic_run(traffic, milliseconds);
    traffic_command(traffic, COMMAND_RESUME);
    traffic_recover(traffic);
    traffic_judge(traffic);
}

static void paused_briefly(struct check *check) {
    pause_for(check, 700, 0);
}

static void paused_long(struct check *check) {
    const uint64_t timeout = check_scaled(2000);
    pause_for(check, timeout + timeout / 2, timeout);
}

// ---- what it has forgotten ----

enum { TTL_MS = 60000 };

// The first heartbeat that is answered; the broker may still be busy with its start.
static int beat(struct peer *peer, const char *key) {
    const uint64_t until = check_now() + check_scaled(UP_MS) * 1000000;
    int status = WSHUB_UNAVAILABLE;
    while (status != WSHUB_OK && status != WSHUB_NOT_FOUND && check_now() < until) {
        if (peer_wait_up(peer, UP_MS)) {
            status = peer_heartbeat(peer, key, "{}", check_scaled(TTL_MS));
        }
    }
    return status;
}

static void expect_beat(struct check *check, struct peer *peer, const char *key, int expected,
                        const char *when) {
    const int status = beat(peer, key);
    if (status != expected) {
        check_fail(check, "a heartbeat %s was answered with %d, expected %d", when, status, expected);
    }
}

static void forgotten_registry(struct check *check) {
    char key[256], *value = NULL;
    commands_mend(check);
    struct peer *peer = peer_open(check);
    snprintf(key, sizeof key, WSHUB_INSTANCE_KEY "%s", peer_instance_id(peer));
    expect_beat(check, peer, key, WSHUB_NOT_FOUND, "for the first time");
    expect_beat(check, peer, key, WSHUB_OK, "for the second time");
    const unsigned downs = peer_link(peer)->downs;
    broker_restart(check);
    if (downs == peer_link(peer)->downs && !peer_wait_down(peer, DOWN_MS)) {
        check_fail(check, "the broker was restarted, and %d s later the link was not told to be down",
                   DOWN_MS / 1000);
    }
    expect_beat(check, peer, key, WSHUB_NOT_FOUND, "after the broker was restarted empty");
    expect_beat(check, peer, key, WSHUB_OK, "after that");
    int status = peer_registry_get(peer, key, &value);
    if (status != WSHUB_OK) {
        check_fail(check, "the entry that a heartbeat made anew is not there: %d", status);
    }
    free(value);
    peer_close(peer);
}

// What a publish was told is where the message stands, in the epoch of now.
static void expect_told(struct check *check, const struct peer_position *told, const struct arrival *kept) {
    if (told->newest > 0 && (told->newest != kept->offset || strcmp(told->epoch, kept->epoch) != 0)) {
        check_fail(check,
                   "a publish was told offset %" PRIu64 ", epoch '%s', and the history has it at %" PRIu64
                   ", '%s'",
                   told->newest, told->epoch, kept->offset, kept->epoch);
    }
}

static struct peer_position publish_kept(struct check *check, struct peer *peer, struct wshub_bytes channel) {
    enum { SIZE = 100 };
    struct peer_position position = {0}, told;
    struct arrivals found = {0};
    struct wshub_message message = message_of(channel, "kept");
    message.history_size = SIZE;
    message.history_ttl = check_scaled(TTL_MS);
    const struct wshub_history_query query = {.struct_size = sizeof query,
                                              .channel = channel,
                                              .size = message.history_size,
                                              .ttl = message.history_ttl,
                                              .limit = SIZE};
    const uint64_t until = check_now() + check_scaled(UP_MS) * 1000000;
    int status = WSHUB_UNAVAILABLE;
    while (status != WSHUB_OK && check_now() < until) {
        if (peer_wait_up(peer, UP_MS)) {
            status = peer_publish_at(peer, &message, &told);
        }
    }
    if (status != WSHUB_OK || (status = peer_history(peer, &query, &found, &position)) != WSHUB_OK) {
        check_fail(check, "a message with history could not be published and read: %d", status);
    }
    if (found.count != 1) {
        check_fail(check, "one message was published, and the history has %zu", found.count);
    }
    expect_told(check, &told, &found.items[0]);
    arrivals_free(&found);
    return position;
}

static void forgotten_history(struct check *check) {
    commands_mend(check);
    struct peer *peer = peer_open(check);
    const struct wshub_bytes channel = check_channel(check, "history");
    const struct peer_position before = publish_kept(check, peer, channel);
    const unsigned downs = peer_link(peer)->downs;
    broker_restart(check);
    if (downs == peer_link(peer)->downs && !peer_wait_down(peer, DOWN_MS)) {
        check_fail(check, "the broker was restarted, and %d s later the link was not told to be down",
                   DOWN_MS / 1000);
    }
    const struct peer_position after = publish_kept(check, peer, channel);
    if (strcmp(before.epoch, after.epoch) == 0) {
        check_fail(check, "the broker lost its history, and the epoch is '%s' as before", after.epoch);
    }
    peer_close(peer);
}

// ---- the way to it ----

static void cut(struct check *check) {
    enum { TIMES = 5 };
    struct relay *relay;
    struct traffic *traffic = begin_relayed(check, &relay);
    for (int i = 0; i < TIMES; i++) {
        traffic_mark(traffic);
        relay_cut(relay);
        expect_down(check, traffic, "the connections were reset");
        traffic_recover(traffic);
    }
    traffic_judge(traffic);
}

static void cut_mid_message(struct check *check) {
    enum { TIMES = 15, BYTES = 6000 };
    struct relay *relay;
    struct traffic *traffic = begin_relayed(check, &relay);
    for (int i = 0; i < TIMES; i++) {
        traffic_mark(traffic);
        relay_cut_after(relay, between(check, 1, BYTES));
        if (!traffic_any_down(traffic, check_scaled(DOWN_MS))) {
            check_fail(check, "a connection was closed within a message, and no link was told to be down");
        }
        expect_up(check, traffic);
    }
    relay_heal(relay);
    traffic_recover(traffic);
    traffic_judge(traffic);
}

// Two publishers and all that comes of it are some 3 MB in a second.
static void slow(struct check *check) {
    enum { RATE = 40000, LONG_MS = 3000 };
    struct relay *relay;
    struct traffic *traffic = begin_relayed(check, &relay);
    relay_slow(relay, RATE);
    traffic_run(traffic, LONG_MS);
    relay_heal(relay);
    traffic_recover(traffic);
    traffic_judge(traffic);
}

static void frozen(struct check *check) {
    struct relay *relay;
    struct traffic *traffic = begin_relayed(check, &relay);
    const uint64_t frozen_at = check_now();
    relay_freeze(relay);
    if (!traffic_all_down(traffic, check_scaled(NOTICE_S * 1000))) {
        check_fail(check,
                   "nothing came from the broker for %d s, and a link is still told to be up: ask it for a "
                   "sign of life",
                   NOTICE_S);
    }
    const double took = (double)(check_now() - frozen_at) / 1e9;
    check_figure(check, "noticed after", took, "s");
    if (took > (double)check_scaled(NOTICE_SLOW_S * 1000) / 1000) {
        check_warn(check, "it took %.0f s to notice that nothing comes from the broker any more", took);
    }
    check_reason(check, traffic_peer(traffic, 0));
    relay_heal(relay);
    traffic_recover(traffic);
    traffic_judge(traffic);
}

static void refused(struct check *check) {
    enum { LONG_MS = 3000 };
    struct relay *relay;
    struct traffic *traffic = begin_relayed(check, &relay);
    relay_refuse(relay);
    expect_down(check, traffic, "the connections were reset, and new ones are refused");
    traffic_run(traffic, LONG_MS);
    relay_heal(relay);
    traffic_recover(traffic);
    traffic_judge(traffic);
}

static void flapping(struct check *check) {
    enum { TIMES = 20, AWAY_MS = 150, THERE_MS = 250 };
    struct relay *relay;
    struct traffic *traffic = begin_relayed(check, &relay);
    for (int i = 0; i < TIMES; i++) {
        relay_refuse(relay);
        traffic_run(traffic, between(check, 1, AWAY_MS));
        relay_heal(relay);
        traffic_run(traffic, between(check, 1, THERE_MS));
    }
    traffic_recover(traffic);
    traffic_judge(traffic);
}

static void lead_first(void *context, unsigned peer) {
    relay_lead(context, peer == 0);
}

// One instance is cut off while another one publishes: only the first misses something, and says so.
static void cut_off_alone(struct check *check) {
    enum { LONG_MS = 500 };
    commands_mend(check);
    struct relay *relay = relay_start(check);
    struct traffic *traffic =
        begin_with(check, &(struct traffic_settings){.before_open = lead_first, .context = relay});
    relay_refuse(relay);
    if (!traffic_any_down(traffic, check_scaled(DOWN_MS))) {
        check_fail(check, "the connections were reset, and %d s later the link is still told to be up",
                   DOWN_MS / 1000);
    }
    traffic_run(traffic, LONG_MS);
    relay_heal(relay);
    traffic_recover(traffic);
    if (peer_link(traffic_peer(traffic, 1))->downs) {
        check_warn(check, "the link of the other peer, which was left alone, was told to be down");
    }
    traffic_judge(traffic);
}

// ---- not there at the start, not there at the end ----

static void open_without(struct check *check, void (*spoil)(struct relay *relay)) {
    commands_mend(check);
    struct relay *relay = relay_start(check);
    const struct wshub_bytes channel = check_channel(check, "late");
    spoil(relay);
    struct peer *peer = peer_open_with(check, &(struct peer_settings){.expects_down = true});
    if (peer_is_up(peer)) {
        check_fail(check, "the broker cannot be reached, and the link was told to be up");
    }
    check_reason(check, peer);
    relay_heal(relay);
    if (!peer_wait_up(peer, UP_MS)) {
        check_fail(check, "the broker can be reached now, and %d s later the link is still down: %s",
                   UP_MS / 1000, peer_link(peer)->reason);
    }
    int status = peer_subscribe(peer, channel);
    const struct wshub_message message = message_of(channel, "1");
    if (status != WSHUB_OK || (status = peer_publish(peer, &message)) != WSHUB_OK ||
        !peer_wait_arrivals(peer, 1, DOWN_MS)) {
        check_fail(check, "the link is up, and a message does not come back: %d", status);
    }
    peer_close(peer);
}

static void refused_at_start(struct check *check) {
    open_without(check, relay_refuse);
}

static void silent_at_start(struct check *check) {
    open_without(check, relay_freeze);
}

static void close_without(struct check *check, struct relay *relay, void (*spoil)(struct relay *relay)) {
    enum { CALLS = 100 };
    struct peer *peer = peer_open(check);
    const struct wshub_bytes channel = check_channel(check, "closed");
    const struct wshub_message message = message_of(channel, "1");
    peer_subscribe(peer, channel);
    spoil(relay);
    for (int i = 0; i < CALLS && peer_is_up(peer); i++) {
        peer_fire_publish(peer, &message);
    }
    peer_close(peer);
    relay_heal(relay);
}

static void closed_while_away(struct check *check) {
    commands_mend(check);
    struct relay *relay = relay_start(check);
    close_without(check, relay, relay_freeze);
    close_without(check, relay, relay_refuse);
    close_without(check, relay, relay_cut);
}

enum { CAN_STOP = NEEDS_STOP | NEEDS_RESTART };

const struct check_case cases_faults[] = {
    {"killed", "a broker that was killed and comes back is used again; what was lost is told", killed,
     .needs = CAN_STOP, .seconds = CASE_S},
    {"killed-thrice", "and again, before all is as it was", killed_again, .needs = CAN_STOP,
     .seconds = CASE_S},
    {"killed-with-1000-channels", "a thousand subscriptions come back after it", killed_with_many,
     .needs = CAN_STOP, .seconds = CASE_S},
    {"paused-briefly", "a broker that hangs for less than the timeout costs nothing that is not told",
     paused_briefly, .needs = NEEDS_PAUSE, .seconds = CASE_S},
    {"paused-long", "nor does one that hangs for longer", paused_long, .needs = NEEDS_PAUSE,
     .seconds = CASE_S},
    {"registry-forgotten", "heartbeat says NOT_FOUND after the broker was restarted empty",
     forgotten_registry, WSHUB_BROKER_REGISTRY, NEEDS_RESTART, CASE_S},
    {"history-forgotten", "a history that was lost gets another epoch", forgotten_history,
     WSHUB_BROKER_HISTORY, NEEDS_RESTART, CASE_S},
    {"cut", "connections that are reset are told to be down, and made anew", cut, .needs = NEEDS_RELAY,
     .seconds = CASE_S},
    {"cut-mid-message", "half a message is never delivered", cut_mid_message, .needs = NEEDS_RELAY,
     .seconds = CASE_S},
    {"slow", "a slow way costs nothing that is not told", slow, .needs = NEEDS_RELAY, .seconds = CASE_S},
    {"frozen", "a connection that says nothing any more is noticed", frozen, .needs = NEEDS_RELAY,
     .seconds = CASE_S},
    {"refused", "connections are tried again until one is taken", refused, .needs = NEEDS_RELAY,
     .seconds = CASE_S},
    {"flapping", "a link that comes and goes twenty times ends well", flapping, .needs = NEEDS_RELAY,
     .seconds = CASE_S},
    {"cut-off-alone", "what others publish while one instance is away is told to that one", cut_off_alone,
     .needs = NEEDS_RELAY, .seconds = CASE_S},
    {"refused-at-start", "a broker that is not there is told with its reason, and used when it comes",
     refused_at_start, .needs = NEEDS_RELAY, .seconds = CASE_S},
    {"silent-at-start", "so is one that takes connections and says nothing", silent_at_start,
     .needs = NEEDS_RELAY, .seconds = CASE_S},
    {"closed-while-away", "close returns in time while the broker cannot be reached", closed_while_away,
     .needs = NEEDS_RELAY, .seconds = CASE_S},
    {0},
};
