// SPDX-License-Identifier: MIT
// Clients that subscribe, each to some channels, and write into its logs what they see. With a history they
// come back with the position where they stand.
#pragma once

#include "storm/member.h"

struct subscription {
    uint32_t channel;
    uint8_t state; // enum subscription_state
    bool known;    // has a position
    uint32_t epoch;
    uint64_t offset;
    uint64_t ask_ns; // when to subscribe again, after an error; 0: at the welcome
    struct seen_log log;
};

enum subscription_state { SUBSCRIPTION_WANTED, SUBSCRIPTION_ASKED, SUBSCRIPTION_JOINED };

struct subscribers;

struct subscriber {
    struct member member; // first
    struct subscribers *crowd;
    struct subscription *subscriptions; // options.per_subscriber of them
};

struct subscribers {
    struct storm *storm;
    struct subscriber *all;
    struct subscription *subscriptions; // of all
    uint32_t count, per;
    uint64_t received, gaps, recovered, unrecovered, refused; // events
    uint64_t heard_ns;                                        // the last message
};

// They connect over `spread_ms`. -1: memory is short.
int subscribers_open(struct subscribers *subscribers, struct storm *storm, unsigned spread_ms);
void subscribers_leave(struct subscribers *subscribers); // all say goodbye
bool subscribers_are_gone(const struct subscribers *subscribers);
void subscribers_close(struct subscribers *subscribers);
void subscribers_tick(struct subscribers *subscribers);
bool subscribers_all_joined(const struct subscribers *subscribers);
uint32_t subscribers_missing(const struct subscribers *subscribers); // subscriptions that are not there
