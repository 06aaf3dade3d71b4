// SPDX-License-Identifier: MIT
// Subscribe, publish, unsubscribe: what is promised of every broker.
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cases/expect.h"
#include "cases/pair.h"
#include "cases/shown.h"
#include "cases/tally.h"

enum {
    PATIENCE = 10000, // ms for a thousand calls
    WINDOW = 1000,    // calls under way
};

// A channel of its own for each round: "kit/<random>/<name>-<number>".
static struct wshub_bytes numbered_channel(struct check *check, const char *name, unsigned number) {
    char text[64];
    snprintf(text, sizeof text, "%s-%u", name, number);
    return check_channel(check, text);
}

// `failed`: what peer_failed said before.
static void expect_idle(struct peer *peer, uint64_t failed, const char *what, unsigned count) {
    if (!peer_wait_idle(peer, PATIENCE)) {
        check_fail(peer_check(peer), "%u %s were under way, and %zu of them were not completed within %d ms",
                   count, what, peer_in_flight(peer), PATIENCE);
    }
    if (peer_failed(peer) > failed) {
        check_fail(peer_check(peer), "%u %s were under way, and %" PRIu64 " of them failed", count, what,
                   peer_failed(peer) - failed);
    }
}

// ---- who hears whom ----

static void two_instances(struct check *check) {
    struct pair pair = pair_open_two(check);
    struct wshub_message there = message_of(check_channel(check, "there"), "\"there\"");
    struct wshub_message back = message_of(check_channel(check, "back"), "\"back\"");
    expect_subscribed(pair.to, there.channel);
    expect_subscribed(pair.from, back.channel);
    expect_once(pair.from, pair.to, &there, "published by one instance, subscribed by another");
    expect_once(pair.to, pair.from, &back, "published by the other instance");
}

// Alone first, then with another instance that listens too.
static void own_messages(struct check *check) {
    struct pair pair = pair_open(check);
    struct wshub_bytes channel = check_channel(check, "own");
    expect_subscribed(pair.from, channel);
    for (int round = 0; round < 2; round++) {
        struct tally *tally = tally_new(check, 1);
        size_t lane = tally_add_lane(tally, pair.from, channel);
        tally_hears(tally, tally_add_receiver(tally, pair.from), lane);
        if (round == 1) {
            expect_subscribed(pair.to, channel);
            tally_hears(tally, tally_add_receiver(tally, pair.to), lane);
        }
        for (int i = 0; i < 200; i++) {
            tally_publish(tally, lane);
        }
        tally_judge(tally);
        tally_free(tally);
        if (pair.is_alone) {
            return;
        }
    }
}

static void not_subscribed(struct check *check) {
    struct pair pair = pair_open(check);
    expect_subscribed(pair.to, check_channel(check, "not"));
    expect_subscribed(pair.to, check_channel(check, "not-subscribe"));
    expect_subscribed(pair.to, check_channel(check, "not-subscribed-2"));
    for (unsigned i = 0; i < 20; i++) {
        expect_silence(pair.from, pair.to, check_channel(check, "not-subscribed"), "message %u", i + 1);
    }
}

// All channels are subscribed by the one, half of them by the other, and both publish on any.
static void isolation(struct check *check) {
    enum { CHANNELS = 100, MESSAGES = 5000 };
    struct pair pair = pair_open(check);
    struct tally *tally = tally_new(check, CHANNELS * 2);
    for (unsigned i = 0; i < CHANNELS; i++) {
        struct wshub_bytes channel = numbered_channel(check, "isolated", i);
        tally_add_lane(tally, pair.from, channel);
        tally_add_lane(tally, pair.to, channel);
        expect_subscribed(pair.to, channel);
        if (i % 2 == 0 && !pair.is_alone) {
            expect_subscribed(pair.from, channel);
        }
    }
    tally_hears_all(tally, tally_add_receiver(tally, pair.to));
    size_t half = pair.is_alone ? 0 : tally_add_receiver(tally, pair.from);
    for (unsigned i = 0; i < CHANNELS; i += 2) {
        tally_hears(tally, half, i * 2);
        tally_hears(tally, half, i * 2 + 1);
    }
    for (int i = 0; i < MESSAGES; i++) {
        tally_publish(tally, check_random(check) % (CHANNELS * 2));
    }
    tally_judge(tally);
    tally_free(tally);
}

// ---- from when, and until when ----

static void subscribe_confirmed(struct check *check) {
    enum { ROUNDS = 300 };
    struct pair pair = pair_open(check);
    for (unsigned i = 0; i < ROUNDS; i++) {
        struct wshub_message message = message_of(numbered_channel(check, "confirmed", i), "\"right after\"");
        expect_subscribed(pair.to, message.channel);
        expect_once(pair.from, pair.to, &message, "round %u, right after the subscribe was completed", i + 1);
    }
}

struct joining { // a subscribe while messages pass
    struct peer *to;
    peer_call call;
};

static bool is_joined(void *context) {
    struct joining *joining = context;
    return peer_is_done(joining->to, joining->call);
}

static void fire_number(struct peer *from, struct wshub_bytes channel, unsigned number) {
    char payload[24];
    snprintf(payload, sizeof payload, "%u", number);
    struct wshub_message message = message_of(channel, payload);
    peer_fire_publish(from, &message);
}

// Publishes numbers until the call is done. Returns the last one.
static unsigned publish_meanwhile(struct pair *pair, struct wshub_bytes channel, struct joining *joining) {
    enum { AT_ONCE = 10 };
    uint64_t end = check_now() + check_scaled(PATIENCE) * 1000000;
    unsigned number = 0;
    while (joining->call && !is_joined(joining) && check_now() < end) {
        for (int i = 0; i < AT_ONCE; i++) {
            fire_number(pair->from, channel, ++number);
        }
        check_wait(pair->check, is_joined, joining, 1);
    }
    return number;
}

static int finish(struct joining *joining) {
    return joining->call ? peer_finish(joining->to, joining->call) : peer_refused(joining->to);
}

static unsigned number_of(const struct arrival *arrival) {
    return (unsigned)strtoul(arrival->payload, NULL, 10);
}

// Some of those up to `before` may have come, but from the first one on all must.
static void expect_row(struct peer *to, unsigned before, unsigned last, unsigned round) {
    const struct arrivals *came = peer_arrivals(to);
    unsigned next = 0;
    for (size_t i = 0; i < came->count && next <= last; i++) {
        unsigned number = number_of(&came->items[i]);
        if (i == 0 ? number > before + 1 : number != next) {
            check_fail(peer_check(to),
                       "round %u: the subscribe was completed after message %u of %u; in place %zu came %u, "
                       "expected %s%u",
                       round, before, last, i + 1, number, i ? "" : "at most ", i ? next : before + 1);
        }
        next = number + 1;
    }
}

static void subscribe_under_load(struct check *check) {
    enum { ROUNDS = 20, AFTER = 50 };
    struct pair pair = pair_open(check);
    for (unsigned round = 1; round <= ROUNDS; round++) {
        struct wshub_bytes channel = numbered_channel(check, "joined", round);
        uint64_t failed = peer_failed(pair.from);
        peer_forget(pair.to);
        struct joining joining = {pair.to, peer_start_subscribe(pair.to, channel)};
        unsigned before = publish_meanwhile(&pair, channel, &joining), last = before + AFTER;
        expect_status(check, WSHUB_OK, finish(&joining), "subscribe to %s", shown_bytes(channel).text);
        for (unsigned i = before + 1; i <= last; i++) {
            fire_number(pair.from, channel, i);
        }
        expect_idle(pair.from, failed, "publishes", last);
        char text[24];
        snprintf(text, sizeof text, "%u", last);
        bool came = expect_arrival(pair.to, channel, bytes_of(text));
        expect_row(pair.to, before, last, round);
        if (!came) {
            check_fail(check,
                       "round %u: the subscribe was completed after message %u, and message %u never came",
                       round, before, last);
        }
    }
}

static void unsubscribe_stops(struct check *check) {
    enum { ROUNDS = 50 };
    struct pair pair = pair_open(check);
    struct wshub_bytes channel = check_channel(check, "stopped");
    struct wshub_message message = message_of(channel, "\"heard\"");
    for (unsigned i = 0; i < ROUNDS; i++) {
        expect_subscribed(pair.to, channel);
        expect_once(pair.from, pair.to, &message, "round %u, subscribed", i + 1);
        expect_unsubscribed(pair.to, channel);
        expect_silence(pair.from, pair.to, channel, "round %u, right after the unsubscribe was completed",
                       i + 1);
    }
}

static void expect_no_more(struct peer *to, struct wshub_bytes channel, size_t count, unsigned round) {
    const struct arrivals *came = peer_arrivals(to);
    for (size_t i = count; i < came->count; i++) {
        if (bytes_are(channel, came->items[i].channel, came->items[i].channel_length)) {
            check_fail(peer_check(to),
                       "round %u: the unsubscribe was completed while messages passed, and then %s came",
                       round, shown_bytes(bytes_of(came->items[i].payload)).text);
        }
    }
}

// What was published before may come until the unsubscribe is completed, and not a message later.
static void unsubscribe_under_load(struct check *check) {
    enum { ROUNDS = 20, BEFORE = 50 };
    struct pair pair = pair_open(check);
    for (unsigned round = 1; round <= ROUNDS; round++) {
        struct wshub_bytes channel = numbered_channel(check, "left", round);
        uint64_t failed = peer_failed(pair.from);
        expect_subscribed(pair.to, channel);
        peer_forget(pair.to);
        for (unsigned i = 1; i <= BEFORE; i++) {
            fire_number(pair.from, channel, i);
        }
        struct joining joining = {pair.to, peer_start_unsubscribe(pair.to, channel)};
        publish_meanwhile(&pair, channel, &joining);
        size_t count = peer_arrivals(pair.to)->count;
        expect_status(check, WSHUB_OK, finish(&joining), "unsubscribe from %s", shown_bytes(channel).text);
        expect_idle(pair.from, failed, "publishes", BEFORE);
        peer_fence(pair.to, pair.from);
        expect_no_more(pair.to, channel, count, round);
    }
}

static void resubscribe(struct check *check) {
    enum { ROUNDS = 30 };
    struct pair pair = pair_open(check);
    struct wshub_bytes channel = check_channel(check, "again");
    struct wshub_message message = message_of(channel, "\"once\"");
    for (unsigned i = 0; i < ROUNDS; i++) {
        expect_subscribed(pair.to, channel);
        if (i % 2) {
            expect_once(pair.from, pair.to, &message, "subscribed for the %u. time", i + 1);
        }
        expect_unsubscribed(pair.to, channel);
    }
    expect_subscribed(pair.to, channel);
    expect_once(pair.from, pair.to, &message, "subscribed for the last time");
}

// ---- order, and each once ----

// At first a few at a time, so that queues are found empty and with one in them; then as fast as they go.
static void order(struct check *check) {
    enum { SLOWLY = 1000, MESSAGES = 10000 };
    struct pair pair = pair_open(check);
    struct wshub_bytes channel = check_channel(check, "ordered");
    struct tally *tally = tally_new(check, 1);
    size_t lane = tally_add_lane(tally, pair.from, channel);
    expect_subscribed(pair.to, channel);
    tally_hears_all(tally, tally_add_receiver(tally, pair.to));
    for (int i = 0; i < MESSAGES; i++) {
        tally_publish(tally, lane);
        if (i < SLOWLY && check_random(check) % 2) {
            tally_settle(tally);
        }
    }
    tally_judge(tally);
    tally_free(tally);
}

static void total_order(struct check *check) {
    enum { MESSAGES = 5000 };
    struct pair pair = pair_open_two(check);
    struct wshub_bytes channel = check_channel(check, "one-order");
    struct tally *tally = tally_new(check, 2);
    struct peer *const peers[2] = {pair.from, pair.to};
    for (int i = 0; i < 2; i++) {
        tally_add_lane(tally, peers[i], channel);
        expect_subscribed(peers[i], channel);
    }
    for (int i = 0; i < 2; i++) {
        tally_hears_all(tally, tally_add_receiver(tally, peers[i]));
    }
    for (int i = 0; i < MESSAGES; i++) {
        tally_publish(tally, check_random(check) % 2);
    }
    tally_judge(tally);
    tally_judge_order(tally);
    tally_free(tally);
}

static void exactly_once(struct check *check) {
    enum { CHANNELS = 4, MESSAGES = 20000 };
    struct pair pair = pair_open(check);
    struct tally *tally = tally_new(check, CHANNELS * 2);
    for (unsigned i = 0; i < CHANNELS; i++) {
        struct wshub_bytes channel = numbered_channel(check, "once", i);
        tally_add_lane(tally, pair.from, channel);
        tally_add_lane(tally, pair.to, channel);
        expect_subscribed(pair.to, channel);
        if (!pair.is_alone) {
            expect_subscribed(pair.from, channel);
        }
    }
    tally_hears_all(tally, tally_add_receiver(tally, pair.to));
    if (!pair.is_alone) {
        tally_hears_all(tally, tally_add_receiver(tally, pair.from));
    }
    uint64_t start = check_now();
    for (size_t i = 0; i < MESSAGES; i++) {
        tally_publish(tally, i % (CHANNELS * 2));
    }
    tally_judge(tally);
    check_figure(check, "published and delivered", MESSAGES * 1e9 / (double)(check_now() - start),
                 "messages/s");
    tally_free(tally);
}

// ---- much at once ----

static void fire_all(struct peer *peer, void (*fire)(struct peer *, struct wshub_bytes),
                     const struct wshub_bytes *channels, unsigned count, const char *what) {
    uint64_t failed = peer_failed(peer);
    for (unsigned i = 0; i < count; i++) {
        fire(peer, channels[i]);
    }
    expect_idle(peer, failed, what, count);
}

static void pipelining(struct check *check) {
    enum { CALLS = 1000 };
    struct pair pair = pair_open(check);
    struct tally *tally = tally_new(check, CALLS);
    struct wshub_bytes channels[CALLS];
    for (unsigned i = 0; i < CALLS; i++) {
        channels[i] = numbered_channel(check, "pipelined", i);
        tally_add_lane(tally, pair.from, channels[i]);
    }
    tally_hears_all(tally, tally_add_receiver(tally, pair.to));
    fire_all(pair.to, peer_fire_subscribe, channels, CALLS, "subscribes");
    for (unsigned i = 0; i < CALLS; i++) {
        tally_publish(tally, i);
    }
    tally_judge(tally);
    fire_all(pair.to, peer_fire_unsubscribe, channels, CALLS, "unsubscribes");
    tally_free(tally);
}

static bool has_room(void *context) {
    return peer_in_flight(context) <= WINDOW / 2;
}

struct crowd { // many channels that are not kept, but made when they are needed
    struct peer *peer;
    struct wshub_bytes stem;
    char name[256];
};

static struct wshub_bytes crowd_channel(struct crowd *crowd, unsigned number) {
    int length = snprintf(crowd->name, sizeof crowd->name, "%.*s-%u", (int)crowd->stem.length,
                          (const char *)crowd->stem.data, number);
    return bytes_from(crowd->name, (size_t)length);
}

static void crowd_call(struct crowd *crowd, void (*fire)(struct peer *, struct wshub_bytes), unsigned count,
                       const char *what) {
    struct check *check = peer_check(crowd->peer);
    uint64_t start = check_now(), failed = peer_failed(crowd->peer);
    for (unsigned i = 0; i < count; i++) {
        if (peer_in_flight(crowd->peer) >= WINDOW) {
            check_wait(check, has_room, crowd->peer, PATIENCE);
        }
        fire(crowd->peer, crowd_channel(crowd, i));
    }
    expect_idle(crowd->peer, failed, what, count);
    check_figure(check, what, count * 1e9 / (double)(check_now() - start), "calls/s");
}

// A message on each, in a random order of channels.
static void expect_sample(struct pair *pair, char (*names)[256], size_t count) {
    struct tally *tally = tally_new(pair->check, count);
    for (size_t i = 0; i < count; i++) {
        tally_add_lane(tally, pair->from, bytes_of(names[i]));
    }
    tally_hears_all(tally, tally_add_receiver(tally, pair->to));
    for (size_t i = 0; i < count; i++) {
        tally_publish(tally, i);
    }
    tally_judge(tally);
    tally_free(tally);
}

static void many_channels(struct check *check) {
    enum { CHANNELS = 100000, SAMPLE = 500, SILENT = 20 };
    struct pair pair = pair_open(check);
    struct crowd crowd = {.peer = pair.to, .stem = check_channel(check, "many")};
    char(*names)[256] = expect_memory(check, SAMPLE, sizeof *names);
    for (size_t i = 0; i < SAMPLE; i++) {
        struct wshub_bytes channel = crowd_channel(&crowd, (unsigned)(check_random(check) % CHANNELS));
        memcpy(names[i], channel.data, channel.length);
    }
    crowd_call(&crowd, peer_fire_subscribe, CHANNELS, "subscribes");
    expect_sample(&pair, names, SAMPLE);
    crowd_call(&crowd, peer_fire_unsubscribe, CHANNELS, "unsubscribes");
    for (size_t i = 0; i < SILENT; i++) {
        expect_silence(pair.from, pair.to, bytes_of(names[i]), "after %d channels were unsubscribed",
                       CHANNELS);
    }
    free(names);
}

enum { STORM_CHANNELS = 20, STORM_CALLS = 2000 };

// Without waiting in between. Leaves in `wanted` what was said last.
static void rage(struct peer *peer, const struct wshub_bytes *channels, bool *wanted) {
    struct check *check = peer_check(peer);
    uint64_t failed = peer_failed(peer);
    for (unsigned i = 0; i < STORM_CALLS; i++) {
        unsigned at = (unsigned)(check_random(check) % STORM_CHANNELS);
        wanted[at] = !wanted[at];
        (wanted[at] ? peer_fire_subscribe : peer_fire_unsubscribe)(peer, channels[at]);
        if (peer_in_flight(peer) >= WINDOW) {
            check_wait(check, has_room, peer, PATIENCE);
        }
    }
    expect_idle(peer, failed, "subscribes and unsubscribes of the same channels", STORM_CALLS);
}

static void storm(struct check *check) {
    struct pair pair = pair_open(check);
    struct wshub_bytes channels[STORM_CHANNELS];
    bool wanted[STORM_CHANNELS] = {false};
    for (unsigned i = 0; i < STORM_CHANNELS; i++) {
        channels[i] = numbered_channel(check, "storm", i);
    }
    rage(pair.to, channels, wanted);
    for (unsigned i = 0; i < STORM_CHANNELS; i++) {
        struct wshub_message message = message_of(channels[i], "\"after the storm\"");
        if (wanted[i]) {
            expect_once(pair.from, pair.to, &message,
                        "subscribed and unsubscribed many times, subscribed at last");
        } else {
            expect_silence(pair.from, pair.to, channels[i],
                           "subscribed and unsubscribed many times, unsubscribed at last");
        }
    }
}

// ---- what comes with a message ----

// Connection ids as long as ours, a blank between two, as many as fit.
static void fill_exclude(char *out, size_t size) {
    enum { ID = 32 };
    size_t length = 0;
    for (unsigned i = 0; length + ID + 1 <= size; i++) {
        length += (size_t)snprintf(out + length, size + 1 - length, "%s%032x", i ? " " : "", i * 2654435761U);
    }
    memset(out + length, 'x', size - length);
    out[size] = '\0';
}

static void metadata(struct check *check) {
    enum { EXCLUDE = 4096, USER = 1024 };
    static const char *const users[] = {"u", "Zo\xC3\xAB", " blanks  at both ends ",
                                        "a: b; c=\"d\", e\\f%20/\xF0\x9F\x90\x98"};
    struct pair pair = pair_open(check);
    struct wshub_message message = message_of(check_channel(check, "metadata"), "{\"a\":1}");
    char exclude[EXCLUDE + 1], user[USER + 1];
    fill_exclude(exclude, EXCLUDE);
    memset(user, 'u', USER);
    user[USER] = '\0';
    expect_subscribed(pair.to, message.channel);
    for (size_t i = 0; i < sizeof users / sizeof users[0]; i++) {
        message.sender = bytes_of("0123456789abcdefABCDEF_-.~xyz987");
        message.sender_user = bytes_of(users[i]);
        message.exclude = bytes_of("0123456789abcdefABCDEF_-.~xyz987");
        expect_once(pair.from, pair.to, &message, "with sender, sender_user %s and exclude", users[i]);
    }
    message.sender_user = bytes_of(user);
    message.exclude = bytes_of(exclude);
    expect_once(pair.from, pair.to, &message, "with sender_user of 1024 bytes and exclude of 4096");
}

// Each by itself: one that is not there must not take its neighbour's place.
static void metadata_parts(struct check *check) {
    struct pair pair = pair_open(check);
    struct wshub_message message = message_of(check_channel(check, "parts"), "1");
    expect_subscribed(pair.to, message.channel);
    for (unsigned parts = 0; parts < 8; parts++) {
        message.sender = bytes_of(parts & 1 ? "connection-1" : "");
        message.sender_user = bytes_of(parts & 2 ? "alice" : "");
        message.exclude = bytes_of(parts & 4 ? "connection-1 connection-2" : "");
        const struct arrival *came = expect_once(pair.from, pair.to, &message, "with%s%s%s",
                                                 parts & 1 ? " sender" : "", parts & 2 ? " sender_user" : "",
                                                 parts & 4 ? " exclude"
                                                 : parts   ? ""
                                                           : " no metadata");
        if (came->flags != 0 || came->offset != 0 || came->previous != 0 || came->epoch[0] != '\0') {
            check_fail(check,
                       "an ordinary message came with flags %" PRIu32 ", epoch \"%.60s\", offset %" PRIu64
                       ", previous %" PRIu64 ": expected none of these",
                       came->flags, came->epoch, came->offset, came->previous);
        }
    }
}

const struct check_case cases_delivery[] = {
    {"two-instances", "what one instance publishes reaches another", two_instances, 0, 0, 0},
    {"own-messages", "an instance hears what it publishes itself, once", own_messages, 0, 0, 0},
    {"not-subscribed", "what is not subscribed is not delivered", not_subscribed, 0, 0, 0},
    {"isolation", "100 channels with random traffic: each gets its own messages", isolation, 0, 0, 60},
    {"subscribe-confirmed", "what is published after a subscribe was completed arrives", subscribe_confirmed,
     0, 0, 60},
    {"subscribe-under-load", "from a completed subscribe on, nothing is missing", subscribe_under_load, 0, 0,
     60},
    {"unsubscribe-stops", "nothing arrives after an unsubscribe was completed", unsubscribe_stops, 0, 0, 60},
    {"unsubscribe-under-load", "not even what was published before", unsubscribe_under_load, 0, 0, 60},
    {"resubscribe", "subscribed again, each message arrives once", resubscribe, 0, 0, 0},
    {"order", "10,000 messages of one publisher arrive in its order", order, 0, 0, 60},
    {"total-order", "two instances see the messages of two publishers in one order", total_order,
     WSHUB_BROKER_ORDERED, 0, 60},
    {"exactly-once", "20,000 messages: none is missing, none comes twice", exactly_once, 0, 0, 60},
    {"pipelining", "1,000 subscribes, publishes and unsubscribes may be under way at once", pipelining, 0, 0,
     60},
    {"many-channels", "100,000 channels on one instance", many_channels, 0, 0, 120},
    {"storm", "subscribes and unsubscribes of the same channels end with the last word", storm, 0, 0, 60},
    {"metadata", "sender, sender_user and exclude arrive whole, up to their largest", metadata, 0, 0, 0},
    {"metadata-parts", "and what is not there stays empty", metadata_parts, 0, 0, 0},
    {0},
};
