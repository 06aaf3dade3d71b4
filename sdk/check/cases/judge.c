// SPDX-License-Identifier: MIT
// How traffic ends: the score, and what is held against the plugin.
#include <stdlib.h>

#include "cases/score.h"
#include "cases/traffic_priv.h"

enum {
    SETTLE_MS = 30000,  // until every call has ended
    STRAGGLE_MS = 3000, // until what is under way has come
};

static bool is_idle(const struct end *end) {
    for (unsigned i = 0; i < TRAFFIC_WINDOW; i++) {
        if (end->publishes[i].call) {
            return false;
        }
    }
    return true;
}

static bool are_idle(struct traffic *traffic) {
    for (unsigned i = 0; i < TRAFFIC_PEERS; i++) {
        if (!is_idle(&traffic->ends[i])) {
            return false;
        }
    }
    return true;
}

static void settle_calls(struct traffic *traffic) {
    if (!traffic_go_on(traffic, are_idle, check_scaled(SETTLE_MS))) {
        check_fail(
            traffic->check,
            "calls are still in flight %d s after the fault, though the link is up: complete them with "
            "an error, or tell the link to be down",
            SETTLE_MS / 1000);
    }
}

// The one channel that nobody has subscribed so far.
static void use_new_channel(struct traffic *traffic) {
    const unsigned channel = traffic->channels;
    traffic->wanted = channel + 1;
    if (!traffic_go_on(traffic, traffic_is_subscribed, check_scaled(TRAFFIC_FIRST_MS))) {
        check_fail(traffic->check, "after the fault a new channel cannot be subscribed");
    }
    const uint64_t refused = traffic->refused;
    for (unsigned i = 0; i < TRAFFIC_PEERS; i++) {
        traffic_publish(traffic, i, channel);
    }
    settle_calls(traffic);
    if (traffic->refused != refused) {
        check_fail(traffic->check, "after the fault publishing on a new channel fails");
    }
}

static void wait_stragglers(struct traffic *traffic) {
    enum { LOOK_MS = 20 };
    const uint64_t until = check_now() + check_scaled(STRAGGLE_MS) * 1000000;
    while (!score_is_whole(traffic->score) && check_now() < until) {
        traffic_go_on(traffic, NULL, LOOK_MS);
    }
}

static void show(struct traffic *traffic, const struct score_sum *sum) {
    struct check *check = traffic->check;
    check_figure(check, "published", (double)sum->published, "messages");
    check_figure(check, "acknowledged", (double)sum->taken, "messages");
    check_figure(check, "lost", (double)sum->lost, "messages");
    check_figure(check, "lost but told", (double)sum->told, "messages");
    check_figure(check, "duplicated", (double)sum->duplicated, "messages");
    check_figure(check, "reordered", (double)sum->reordered, "messages");
    check_figure(check, "recovered after", traffic->recovered, "s");
}

static _Noreturn void fail_lost(struct traffic *traffic, const struct score_sum *sum) {
    const struct score_message *first = &sum->first;
    const struct peer_link *from = peer_link(traffic->ends[first->publisher].peer);
    const struct peer_link *to = peer_link(traffic->ends[first->receiver].peer);
    const struct wshub_bytes *name = &traffic->names[first->channel];
    check_fail(
        traffic->check,
        "%llu messages were acknowledged, and are lost without a word: peer %u published number %u on %.*s, "
        "which never came to peer %u; %s (down %u times, up %u, resumed %u, resubscribed %u, lose %llu)",
        (unsigned long long)sum->lost, first->publisher + 1, (unsigned)first->number, (int)name->length,
        (const char *)name->data, first->receiver + 1,
        from->downs + to->downs == 0 ? "both links stayed up"
        : to->downs == 0             ? "its link stayed up"
        : to->resumed                ? "its link told that nothing was missed"
                                     : "what its link told does not cover it",
        to->downs, to->ups, to->resumed, to->resubscribed,
        (unsigned long long)peer_losses(traffic->ends[first->receiver].peer));
}

static void judge(struct traffic *traffic, const struct score_sum *sum) {
    struct check *check = traffic->check;
    const struct score_message *first = &sum->first;
    const unsigned long long out_of_order = sum->reordered + sum->disordered;
    if (sum->lost) {
        fail_lost(traffic, sum);
    }
    if (out_of_order && check_can(check, WSHUB_BROKER_ORDERED)) {
        check_fail(
            check,
            "ORDERED is claimed, and %llu messages came out of order: the first is number %u of peer %u on "
            "channel %u, at peer %u",
            out_of_order, (unsigned)first->number, first->publisher + 1, first->channel, first->receiver + 1);
    }
    if (sum->reordered) {
        check_warn(check, "%llu messages came after a later one of the same publisher",
                   (unsigned long long)sum->reordered);
    }
    if (sum->duplicated) {
        check_warn(check, "%llu messages came more than once", (unsigned long long)sum->duplicated);
    }
}

static void free_traffic(struct traffic *traffic) {
    for (unsigned i = 0; i < TRAFFIC_PEERS; i++) {
        free(traffic->ends[i].subscriptions);
    }
    score_free(traffic->score);
    free(traffic->names);
    free(traffic->goals);
    free(traffic);
}

void traffic_judge(struct traffic *traffic) {
    struct score_sum sum;
    traffic->publishing = false;
    settle_calls(traffic);
    use_new_channel(traffic);
    wait_stragglers(traffic);
    traffic_need(traffic->check, score_sum(traffic->score, &sum) ? traffic : NULL);
    show(traffic, &sum);
    for (unsigned i = 0; i < TRAFFIC_PEERS; i++) {
        peer_close(traffic->ends[i].peer);
    }
    judge(traffic, &sum);
    free_traffic(traffic);
}
