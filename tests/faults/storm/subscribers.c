// SPDX-License-Identifier: MIT
#include "storm/subscribers.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "storm/words.h"

#define MS UINT64_C(1000000)
enum { AGAIN_LEAST_MS = 100, AGAIN_MOST_MS = 500, SMALL_BUFFER = 4096 };

// ---- asking ----

static void ask(struct subscriber *subscriber, uint32_t i) {
    struct subscription *subscription = &subscriber->subscriptions[i];
    struct storm *storm = subscriber->member.storm;
    char since[LEDGER_EPOCH_MAX + 96] = "";
    if (subscription->known)
        snprintf(since, sizeof since, ",\"since\":{\"epoch\":\"%s\",\"offset\":%" PRIu64 "}",
                 ledger_epoch_text(&storm->ledger, subscription->epoch), subscription->offset);
    subscription->state = SUBSCRIPTION_ASKED;
    subscription->ask_ns = 0;
    member_say(&subscriber->member, "{\"op\":\"subscribe\",\"id\":%u,\"channel\":\"storm:%u\"%s}", i,
               subscription->channel, since);
}

static void ask_all(struct subscriber *subscriber) {
    for (uint32_t i = 0; i < subscriber->crowd->per; i++)
        ask(subscriber, i);
}

// ---- being told ----

static void see(struct subscriber *subscriber, struct subscription *subscription, struct seen seen) {
    struct storm *storm = subscriber->member.storm;
    seen.at_ns = storm->peers.now_ns;
    ledger_see(&storm->ledger, &subscription->log, seen);
}

static uint32_t position_of(struct subscriber *subscriber, const struct subscription *subscription,
                            const struct words *words, uint64_t *offset) {
    if (!word_number(words->offset, offset))
        return 0;
    return ledger_epoch(&subscriber->member.storm->ledger, subscription->channel, words->epoch.at,
                        words->epoch.length);
}

static void stand(struct subscription *subscription, uint32_t epoch, uint64_t offset) {
    if (epoch == 0)
        return;
    subscription->known = true;
    subscription->epoch = epoch;
    subscription->offset = offset;
}

static void joined(struct subscriber *subscriber, struct subscription *subscription,
                   const struct words *words) {
    struct subscribers *crowd = subscriber->crowd;
    struct seen seen = {.kind = SEEN_JOINED};
    seen.epoch = position_of(subscriber, subscription, words, &seen.offset);
    if (words->has_recovered)
        seen.kind = words->recovered ? SEEN_RECOVERED : SEEN_UNRECOVERED;
    subscription->state = SUBSCRIPTION_JOINED;
    crowd->recovered += seen.kind == SEEN_RECOVERED;
    crowd->unrecovered += seen.kind == SEEN_UNRECOVERED;
    see(subscriber, subscription, seen);
    if (seen.kind != SEEN_RECOVERED) // who is recovered stands where it said, until the missed ones have come
        stand(subscription, seen.epoch, seen.offset);
}

// A hub with a history says where a channel stands, and says so whether it recovered.
static bool well_answered(const struct subscriber *subscriber, const struct subscription *subscription,
                          const struct words *words) {
    if (!subscriber->member.storm->options.history)
        return true;
    return words->epoch.length && words->offset.length && words->has_recovered == subscription->known;
}

static struct subscription *by_id(struct subscriber *subscriber, const struct words *words) {
    uint64_t id;
    if (!word_number(words->id, &id) || id >= subscriber->crowd->per)
        return NULL;
    struct subscription *subscription = &subscriber->subscriptions[id];
    return subscription->state == SUBSCRIPTION_ASKED ? subscription : NULL;
}

static void on_ok(struct subscriber *subscriber, const struct words *words, const char *text, size_t length) {
    struct subscription *subscription = by_id(subscriber, words);
    uint64_t id;
    if (!subscription && word_number(words->id, &id) && id == PING_ID)
        return;
    if (!subscription || !well_answered(subscriber, subscription, words))
        member_strange(&subscriber->member, text, length);
    if (subscription)
        joined(subscriber, subscription, words);
}

static void later(struct subscriber *subscriber, struct subscription *subscription) {
    struct storm *storm = subscriber->member.storm;
    subscriber->crowd->refused++;
    subscription->state = SUBSCRIPTION_WANTED;
    subscription->ask_ns = storm->now_ns + random_between(&storm->random, AGAIN_LEAST_MS, AGAIN_MOST_MS) * MS;
}

static void on_error(struct subscriber *subscriber, const struct words *words, const char *text,
                     size_t length) {
    struct subscription *subscription = by_id(subscriber, words);
    if (!subscription || !words->retry) {
        member_strange(&subscriber->member, text, length);
        return;
    }
    later(subscriber, subscription);
}

static struct subscription *by_channel(struct subscriber *subscriber, const struct words *words) {
    unsigned channel = 0;
    char name[32];
    if (words->channel.length >= sizeof name)
        return NULL;
    snprintf(name, sizeof name, "%.*s", (int)words->channel.length, words->channel.at);
    if (sscanf(name, "storm:%u", &channel) != 1)
        return NULL;
    for (uint32_t i = 0; i < subscriber->crowd->per; i++)
        if (subscriber->subscriptions[i].channel == channel)
            return &subscriber->subscriptions[i];
    return NULL;
}

static void on_message(struct subscriber *subscriber, const struct words *words, const char *text,
                       size_t length) {
    struct subscribers *crowd = subscriber->crowd;
    struct subscription *subscription = by_channel(subscriber, words);
    struct seen seen = {.kind = SEEN_MESSAGE};
    if (!subscription || subscription->state != SUBSCRIPTION_JOINED) {
        member_strange(&subscriber->member, text, length);
        return;
    }
    seen.publish = member_data_read(subscriber->member.storm, words->data.at, words->data.length);
    seen.has_offset = word_number(words->offset, &seen.offset);
    if (seen.has_offset && seen.offset > subscription->offset)
        subscription->offset = seen.offset;
    crowd->received++;
    crowd->heard_ns = subscriber->member.storm->peers.now_ns;
    see(subscriber, subscription, seen);
}

static void on_gap(struct subscriber *subscriber, const struct words *words, const char *text,
                   size_t length) {
    struct subscription *subscription = by_channel(subscriber, words);
    struct seen seen = {.kind = SEEN_GAP};
    if (!subscription) {
        member_strange(&subscriber->member, text, length);
        return;
    }
    subscriber->crowd->gaps++;
    seen.epoch = position_of(subscriber, subscription, words, &seen.offset);
    see(subscriber, subscription, seen);
    stand(subscription, seen.epoch, seen.offset);
}

// The rest of what was missed cannot be read just now: it is to subscribe again, from where it is.
static void on_unsubscribed(struct subscriber *subscriber, const struct words *words, const char *text,
                            size_t length) {
    struct subscription *subscription = by_channel(subscriber, words);
    if (!subscription || subscription->state != SUBSCRIPTION_JOINED || !subscription->known ||
        !(word_is(words->code, "broker_unavailable") || word_is(words->code, "timeout"))) {
        member_strange(&subscriber->member, text, length);
        return;
    }
    see(subscriber, subscription, (struct seen){.kind = SEEN_LEFT});
    later(subscriber, subscription);
}

static void on_text(struct peer *peer, const char *text, size_t length) {
    struct subscriber *subscriber = (struct subscriber *)(void *)peer;
    struct words words;
    bool read = words_read(text, length, &words);
    member_trace(&subscriber->member, '<', text, length);
    if (read && word_is(words.op, "message")) {
        on_message(subscriber, &words, text, length);
    } else if (read && word_is(words.op, "ok")) {
        on_ok(subscriber, &words, text, length);
    } else if (read && word_is(words.op, "error")) {
        on_error(subscriber, &words, text, length);
    } else if (read && word_is(words.op, "gap")) {
        on_gap(subscriber, &words, text, length);
    } else if (read && word_is(words.op, "unsubscribed")) {
        on_unsubscribed(subscriber, &words, text, length);
    } else if (read && word_is(words.op, "welcome")) {
        member_welcome(&subscriber->member);
        ask_all(subscriber);
    } else if (read && word_is(words.op, "closing")) {
        subscriber->member.after_ms = words.reconnect_after_ms;
    } else {
        member_strange(&subscriber->member, text, length);
    }
}

static void on_gone(struct peer *peer, unsigned code) {
    struct subscriber *subscriber = (struct subscriber *)(void *)peer;
    for (uint32_t i = 0; i < subscriber->crowd->per; i++) {
        struct subscription *subscription = &subscriber->subscriptions[i];
        if (subscription->state == SUBSCRIPTION_JOINED)
            see(subscriber, subscription, (struct seen){.kind = SEEN_LEFT});
        subscription->state = SUBSCRIPTION_WANTED;
        subscription->ask_ns = 0;
    }
    member_gone(&subscriber->member, code);
}

// ---- all of them ----

static const struct peer_calls calls = {on_text, on_gone};

static uint32_t channel_of(const struct storm *storm, uint32_t subscriber, uint32_t i) {
    // In turn over all, so that each channel has as many; of one subscriber never the same twice.
    return (uint32_t)((subscriber * storm->options.per_subscriber + i) % storm->options.channels);
}

int subscribers_open(struct subscribers *subscribers, struct storm *storm, unsigned spread_ms) {
    uint32_t per = (uint32_t)storm->options.per_subscriber;
    *subscribers = (struct subscribers){.storm = storm, .per = per};
    subscribers->all = calloc(storm->options.subscribers, sizeof *subscribers->all);
    subscribers->subscriptions = calloc(storm->options.subscribers * per, sizeof *subscribers->subscriptions);
    if (!subscribers->all || !subscribers->subscriptions)
        return -1;
    subscribers->count = (uint32_t)storm->options.subscribers;
    for (uint32_t i = 0; i < subscribers->count; i++) {
        struct subscriber *subscriber = &subscribers->all[i];
        member_init(&subscriber->member, storm, &calls,
                    storm->now_ns + random_below(&storm->random, spread_ms + 1) * MS);
        subscriber->subscriptions = &subscribers->subscriptions[(size_t)i * per];
        subscriber->crowd = subscribers;
        subscriber->member.traced = storm->options.trace == i + 1;
        for (uint32_t j = 0; j < per; j++)
            subscriber->subscriptions[j].channel = channel_of(storm, i, j);
    }
    return 0;
}

void subscribers_leave(struct subscribers *subscribers) {
    for (uint32_t i = 0; i < subscribers->count; i++)
        peer_leave(&subscribers->all[i].member.peer);
}

bool subscribers_are_gone(const struct subscribers *subscribers) {
    for (uint32_t i = 0; i < subscribers->count; i++)
        if (subscribers->all[i].member.peer.state != PEER_CLOSED)
            return false;
    return true;
}

void subscribers_close(struct subscribers *subscribers) {
    for (uint32_t i = 0; i < subscribers->count; i++)
        peer_cut(&subscribers->all[i].member.peer);
    for (size_t i = 0; i < (size_t)subscribers->count * subscribers->per; i++)
        free(subscribers->subscriptions[i].log.all);
    free(subscribers->subscriptions);
    free(subscribers->all);
}

static void tick(struct subscribers *subscribers, struct subscriber *subscriber) {
    uint64_t now_ns = subscribers->storm->now_ns;
    member_tick(&subscriber->member);
    for (uint32_t i = 0; i < subscribers->per && subscriber->member.welcomed; i++)
        if (subscriber->subscriptions[i].ask_ns && now_ns >= subscriber->subscriptions[i].ask_ns)
            ask(subscriber, i);
}

void subscribers_tick(struct subscribers *subscribers) {
    for (uint32_t i = 0; i < subscribers->count; i++)
        tick(subscribers, &subscribers->all[i]);
}

uint32_t subscribers_missing(const struct subscribers *subscribers) {
    uint32_t missing = 0;
    for (size_t i = 0; i < (size_t)subscribers->count * subscribers->per; i++)
        missing += subscribers->subscriptions[i].state != SUBSCRIPTION_JOINED;
    return missing;
}

bool subscribers_all_joined(const struct subscribers *subscribers) {
    return subscribers_missing(subscribers) == 0;
}
