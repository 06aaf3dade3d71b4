// SPDX-License-Identifier: MIT
// What is behind struct traffic: traffic.c makes it go on, judge.c ends it.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "cases/score.h"
#include "cases/traffic.h"

enum {
    TRAFFIC_WINDOW = 32,      // publishes of a peer that are not acknowledged
    TRAFFIC_FIRST_MS = 10000, // until what was just subscribed is confirmed, and carries
};

struct publish {
    peer_call call; // 0: free
    unsigned channel;
    uint32_t number;
};

struct subscription {
    peer_call call; // 0: none under way
    bool stale;     // it is of a session that is gone: what it comes to says nothing
    bool confirmed;
};

struct end {
    struct traffic *traffic;
    unsigned index;
    struct peer *peer;
    struct peer_link seen; // as far as it was reacted to
    uint64_t losses;
    unsigned marked; // downs
    struct subscription *subscriptions;
    struct publish publishes[TRAFFIC_WINDOW];
    unsigned next_channel;
    uint64_t next_at;
};

struct traffic {
    struct check *check;
    struct score *score;
    unsigned channels; // and one more, which is subscribed at the end
    unsigned wanted;   // of all of them, how many are to be subscribed by now
    uint64_t pace;     // ns
    struct wshub_bytes *names;
    struct end ends[TRAFFIC_PEERS];
    uint64_t refused; // publishes that failed
    bool publishing;
    double recovered; // the longest, s
    uint32_t *goals;  // what is to be heard of each line: of publisher and channel
    size_t goal;      // the first that is not reached
};

void *traffic_need(struct check *check, void *memory); // NULL fails the case
// Goes on until it is reached (NULL: for the whole time); false: it was not.
bool traffic_go_on(struct traffic *traffic, bool (*reached)(struct traffic *traffic), uint64_t milliseconds);
bool traffic_is_subscribed(struct traffic *traffic); // everybody to all that is wanted
// Publishes on a channel, now.
void traffic_publish(struct traffic *traffic, unsigned publisher, unsigned channel);
