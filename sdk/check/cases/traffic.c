// SPDX-License-Identifier: MIT
#include "cases/traffic.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cases/numbered.h"
#include "cases/score.h"
#include "cases/traffic_priv.h"

enum {
    CHANNELS = 8,
    PADDING = 1500,  // bytes that a message is longer, at most
    PACE_US = 1000,  // between two publishes of a peer
    PATIENCE_MS = 2, // between two looks, when nothing happens
    SLOW_S = 10,
    TOO_SLOW_S = 30,
};

void *traffic_need(struct check *check, void *memory) {
    if (!memory) {
        check_fail(check, "the kit has no memory left");
    }
    return memory;
}

static void on_arrival(void *context, struct peer *peer, const struct wshub_message *message) {
    struct end *end = context;
    struct traffic *traffic = end->traffic;
    struct score_message read = {.receiver = end->index};
    (void)peer;
    if (!numbered_read(message->payload, &read) || read.channel > traffic->channels) {
        check_breach(traffic->check, "a message of %zu bytes arrived that nobody published: cut, or changed",
                     message->payload.length);
        return;
    }
    const struct wshub_bytes *name = &traffic->names[read.channel];
    if (name->length != message->channel.length ||
        memcmp(name->data, message->channel.data, name->length) != 0) {
        check_breach(traffic->check, "a message that was published on %.*s arrived on %.*s",
                     (int)name->length, (const char *)name->data, (int)message->channel.length,
                     (const char *)message->channel.data);
        return;
    }
    if (!score_arrived(traffic->score, &read)) {
        check_breach(traffic->check, "a message arrived that nobody published");
    }
}

// ---- what a hub does with its link ----

static void forget_subscriptions(struct end *end) {
    for (unsigned i = 0; i <= end->traffic->channels; i++) {
        struct subscription *subscription = &end->subscriptions[i];
        subscription->stale = subscription->call != 0;
        subscription->confirmed = false;
    }
}

static void tell(struct end *end, unsigned channel) {
    if (!score_told(end->traffic->score, end->index, channel)) {
        check_fail(end->traffic->check, "the kit has no memory left");
    }
}

static void follow_gaps(struct end *end, const struct peer_link *link) {
    struct score *score = end->traffic->score;
    for (unsigned i = 0; i <= end->traffic->channels; i++) {
        if (link->downs != end->seen.downs) {
            score_gap(score, end->index, i);
        }
        if (link->resumed != end->seen.resumed && end->subscriptions[i].confirmed) {
            score_resumed(score, end->index, i);
        }
        if (link->resubscribed != end->seen.resubscribed || peer_losses(end->peer) != end->losses) {
            tell(end, i);
        }
    }
}

static void follow_link(struct end *end) {
    const struct peer_link *link = peer_link(end->peer);
    if (link->ups != end->seen.ups) {
        forget_subscriptions(end);
    }
    if (memcmp(link, &end->seen, sizeof *link) != 0 || peer_losses(end->peer) != end->losses) {
        follow_gaps(end, link);
    }
    end->seen = *link;
    end->losses = peer_losses(end->peer);
}

static void finish_subscribe(struct end *end, unsigned channel) {
    struct subscription *subscription = &end->subscriptions[channel];
    const int status = peer_finish(end->peer, subscription->call);
    subscription->confirmed = status == WSHUB_OK && !subscription->stale;
    subscription->call = 0;
    subscription->stale = false;
    if (subscription->confirmed) { // until here, anything may be missing
        tell(end, channel);
    }
}

static void follow_subscription(struct end *end, unsigned channel) {
    struct subscription *subscription = &end->subscriptions[channel];
    if (subscription->call && peer_is_done(end->peer, subscription->call)) {
        finish_subscribe(end, channel);
    }
    if (!subscription->confirmed && !subscription->call && peer_is_up(end->peer)) {
        subscription->call = peer_start_subscribe(end->peer, end->traffic->names[channel]);
    }
}

// ---- publishing ----

static void finish_publish(struct end *end, struct publish *publish) {
    struct traffic *traffic = end->traffic;
    if (peer_finish(end->peer, publish->call) == WSHUB_OK) {
        score_taken(traffic->score, end->index, publish->channel, publish->number);
    } else {
        traffic->refused++;
    }
    publish->call = 0;
}

static void publish(struct end *end, struct publish *place, unsigned channel) {
    char payload[NUMBERED_HEAD + PADDING];
    struct traffic *traffic = end->traffic;
    const uint32_t number = score_publish(traffic->score, end->index, channel);
    if (number == UINT32_MAX) {
        check_fail(traffic->check, "the kit has no memory left");
    }
    struct wshub_message message = {.struct_size = sizeof message, .channel = traffic->names[channel]};
    message.payload.data = payload;
    message.payload.length = numbered_write(
        payload, &(struct score_message){.publisher = end->index, .channel = channel, .number = number},
        check_random(traffic->check) % PADDING);
    *place = (struct publish){peer_start_publish(end->peer, &message), channel, number};
    traffic->refused += place->call == 0;
}

static struct publish *free_publish(struct end *end) {
    struct publish *found = NULL;
    for (unsigned i = 0; i < TRAFFIC_WINDOW; i++) {
        struct publish *publish = &end->publishes[i];
        if (publish->call && peer_is_done(end->peer, publish->call)) {
            finish_publish(end, publish);
        }
        found = publish->call ? found : publish;
    }
    return found;
}

void traffic_publish(struct traffic *traffic, unsigned publisher, unsigned channel) {
    struct end *end = &traffic->ends[publisher];
    publish(end, free_publish(end), channel);
}

static void follow_publishes(struct end *end) {
    struct publish *place = free_publish(end);
    const uint64_t now = check_now();
    if (place && end->traffic->publishing && peer_is_up(end->peer) && now >= end->next_at) {
        end->next_at = now + end->traffic->pace;
        publish(end, place, end->next_channel);
        end->next_channel = (end->next_channel + 1) % end->traffic->channels;
    }
}

// ---- going on ----

static void step(struct traffic *traffic) {
    for (unsigned i = 0; i < TRAFFIC_PEERS; i++) {
        struct end *end = &traffic->ends[i];
        follow_link(end);
        for (unsigned channel = 0; channel < traffic->wanted; channel++) {
            follow_subscription(end, channel);
        }
        follow_publishes(end);
    }
}

struct goal {
    struct traffic *traffic;
    bool (*reached)(struct traffic *traffic);
};

static bool step_to(void *context) {
    struct goal *goal = context;
    step(goal->traffic);
    return goal->reached && goal->reached(goal->traffic);
}

bool traffic_go_on(struct traffic *traffic, bool (*reached)(struct traffic *traffic), uint64_t milliseconds) {
    struct goal goal = {traffic, reached};
    const uint64_t until = check_now() + milliseconds * 1000000;
    do {
        if (check_wait_exactly(traffic->check, step_to, &goal, PATIENCE_MS)) {
            return true;
        }
    } while (check_now() < until);
    return false;
}

void traffic_run(struct traffic *traffic, uint64_t milliseconds) {
    traffic_go_on(traffic, NULL, milliseconds);
}

void traffic_command(struct traffic *traffic, enum command_kind kind) {
    struct command *command = command_start(traffic->check, kind);
    while (!command_is_over(command)) {
        traffic_go_on(traffic, NULL, PATIENCE_MS);
    }
}

// ---- links ----

void traffic_mark(struct traffic *traffic) {
    for (unsigned i = 0; i < TRAFFIC_PEERS; i++) {
        traffic->ends[i].marked = peer_link(traffic->ends[i].peer)->downs;
    }
}

static unsigned count_downs(const struct traffic *traffic) {
    unsigned count = 0;
    for (unsigned i = 0; i < TRAFFIC_PEERS; i++) {
        const struct end *end = &traffic->ends[i];
        count += !peer_is_up(end->peer) || peer_link(end->peer)->downs != end->marked;
    }
    return count;
}

static bool are_down(struct traffic *traffic) {
    return count_downs(traffic) == TRAFFIC_PEERS;
}

static bool is_one_down(struct traffic *traffic) {
    return count_downs(traffic) > 0;
}

static bool are_up(struct traffic *traffic) {
    for (unsigned i = 0; i < TRAFFIC_PEERS; i++) {
        if (!peer_is_up(traffic->ends[i].peer)) {
            return false;
        }
    }
    return true;
}

bool traffic_all_down(struct traffic *traffic, uint64_t milliseconds) {
    return traffic_go_on(traffic, are_down, milliseconds);
}

bool traffic_any_down(struct traffic *traffic, uint64_t milliseconds) {
    return traffic_go_on(traffic, is_one_down, milliseconds);
}

bool traffic_all_up(struct traffic *traffic, uint64_t milliseconds) {
    return traffic_go_on(traffic, are_up, milliseconds);
}

// ---- all channels carry ----

static void set_goals(struct traffic *traffic) {
    for (unsigned publisher = 0; publisher < TRAFFIC_PEERS; publisher++) {
        for (unsigned channel = 0; channel < traffic->channels; channel++) {
            traffic->goals[publisher * traffic->channels + channel] =
                score_published(traffic->score, publisher, channel);
        }
    }
    traffic->goal = 0;
}

static bool is_heard(const struct traffic *traffic, unsigned publisher, unsigned channel, uint32_t number) {
    for (unsigned receiver = 0; receiver < TRAFFIC_PEERS; receiver++) {
        if (score_heard(traffic->score, receiver, publisher, channel) <= number) {
            return false;
        }
    }
    return true;
}

static bool carries(struct traffic *traffic) {
    const size_t all = (size_t)TRAFFIC_PEERS * traffic->channels;
    while (traffic->goal < all &&
           is_heard(traffic, (unsigned)(traffic->goal / traffic->channels),
                    (unsigned)(traffic->goal % traffic->channels), traffic->goals[traffic->goal])) {
        traffic->goal++;
    }
    return traffic->goal == all;
}

// Why it does not carry.
static void describe(const struct traffic *traffic, char *text, size_t size) {
    for (unsigned i = 0; i < TRAFFIC_PEERS; i++) {
        const struct end *end = &traffic->ends[i];
        if (!peer_is_up(end->peer)) {
            snprintf(text, size, "the link of peer %u is down: %s", i + 1, peer_link(end->peer)->reason);
            return;
        }
        for (unsigned channel = 0; channel < traffic->channels; channel++) {
            if (!end->subscriptions[channel].confirmed) {
                snprintf(text, size, "peer %u has a subscribe that %s", i + 1,
                         end->subscriptions[channel].call ? "is not completed" : "fails");
                return;
            }
        }
    }
    snprintf(text, size, "peer %zu publishes on %.*s, and not all peers get it",
             traffic->goal / traffic->channels + 1,
             (int)traffic->names[traffic->goal % traffic->channels].length,
             (const char *)traffic->names[traffic->goal % traffic->channels].data);
}

static void wait_carries(struct traffic *traffic, const char *since, uint64_t milliseconds) {
    char why[512];
    set_goals(traffic);
    if (!traffic_go_on(traffic, carries, milliseconds)) {
        describe(traffic, why, sizeof why);
        check_fail(traffic->check, "%s, and after %llu s not every channel carries: %s", since,
                   (unsigned long long)milliseconds / 1000, why);
    }
}

void traffic_recover(struct traffic *traffic) {
    const uint64_t begin = check_now();
    wait_carries(traffic, "the broker is there again", check_scaled(TOO_SLOW_S * 1000));
    const double took = (double)(check_now() - begin) / 1e9;
    traffic->recovered = took > traffic->recovered ? took : traffic->recovered;
    if (took > (double)check_scaled(SLOW_S * 1000) / 1000) {
        check_warn(traffic->check, "the broker was there again for %.1f s until every channel carried", took);
    }
}

// ---- beginning ----

static void name_channels(struct traffic *traffic) {
    char name[32];
    for (unsigned i = 0; i <= traffic->channels; i++) {
        snprintf(name, sizeof name, "traffic-%u", i);
        traffic->names[i] = check_channel(traffic->check, name);
    }
}

static void open_end(struct traffic *traffic, unsigned index, const struct traffic_settings *settings) {
    struct end *end = &traffic->ends[index];
    if (settings->before_open) {
        settings->before_open(settings->context, index);
    }
    end->traffic = traffic;
    end->index = index;
    end->peer = peer_open_with(traffic->check, &(struct peer_settings){.timeout = settings->timeout});
    peer_set_restores(end->peer, false);
    peer_set_on_arrival(end->peer, on_arrival, end);
    end->seen = *peer_link(end->peer);
}

bool traffic_is_subscribed(struct traffic *traffic) {
    for (unsigned i = 0; i < TRAFFIC_PEERS; i++) {
        for (unsigned channel = 0; channel < traffic->wanted; channel++) {
            if (!traffic->ends[i].subscriptions[channel].confirmed) {
                return false;
            }
        }
    }
    return true;
}

struct traffic *traffic_start(struct check *check, const struct traffic_settings *settings) {
    struct traffic *traffic = traffic_need(check, calloc(1, sizeof *traffic));
    traffic->check = check;
    traffic->channels = traffic->wanted = settings->channels ? settings->channels : CHANNELS;
    traffic->score = traffic_need(
        check, score_new((struct score_size){TRAFFIC_PEERS, TRAFFIC_PEERS, traffic->channels + 1}));
    traffic->names = traffic_need(check, calloc(traffic->channels + 1, sizeof *traffic->names));
    traffic->goals =
        traffic_need(check, calloc((size_t)TRAFFIC_PEERS * traffic->channels, sizeof *traffic->goals));
    traffic->pace = (settings->pace ? settings->pace : PACE_US) * 1000;
    name_channels(traffic);
    for (unsigned i = 0; i < TRAFFIC_PEERS; i++) {
        traffic->ends[i].subscriptions =
            traffic_need(check, calloc(traffic->channels + 1, sizeof *traffic->ends[i].subscriptions));
        open_end(traffic, i, settings);
    }
    if (!traffic_go_on(traffic, traffic_is_subscribed, check_scaled(TRAFFIC_FIRST_MS))) {
        check_fail(check, "subscribes fail, or are not completed within %d s", TRAFFIC_FIRST_MS / 1000);
    }
    traffic->publishing = true;
    wait_carries(traffic, "the peers have subscribed and publish", check_scaled(TRAFFIC_FIRST_MS));
    return traffic;
}

struct peer *traffic_peer(const struct traffic *traffic, unsigned peer) {
    return traffic->ends[peer].peer;
}
