// SPDX-License-Identifier: MIT
// What the checker remembers: every publish with what was answered, and for each subscription, in the order
// in which the client saw it, what came. The ledger judges nothing. Times are CLOCK_MONOTONIC, in ns.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { LEDGER_EPOCH_MAX = 64 };

enum publish_state {
    PUBLISH_OPEN,    // no answer yet: it may have been delivered
    PUBLISH_ACKED,   // the hub has said ok
    PUBLISH_REFUSED, // answered with an error, and not repeated: it may have been delivered
};

struct publish {
    uint64_t first_ns, last_ns, acked_ns; // sent, sent for the last time, acknowledged
    uint64_t offset;                      // of the acknowledgement, where the channel has a history
    uint32_t epoch;                       // 0: it had no position
    uint32_t channel, publisher;
    uint32_t connection; // the publisher's, counted: order is promised within one
    uint32_t place;      // among the publishes of its channel
    uint16_t attempts;
    uint8_t state; // enum publish_state
    bool answered_twice;
};

enum seen_kind {
    SEEN_JOINED,      // the subscribe was answered ok; the position is where the channel stands
    SEEN_RECOVERED,   // the same, with "recovered": true: what was missed follows
    SEEN_UNRECOVERED, // the same, with false: what was missed up to the position is lost to this client, and
                      // told
    SEEN_MESSAGE,
    SEEN_GAP,
    SEEN_LEFT, // the connection is gone
};

enum { PUBLISH_NONE = UINT32_MAX }; // of a message whose data is not one of ours

struct seen {
    uint64_t at_ns;
    uint64_t offset;
    uint32_t publish; // index, of a message
    uint32_t epoch;   // 0: no position; of a message always 0: it carries an offset alone
    uint8_t kind;     // enum seen_kind
    bool has_offset;
};

struct seen_log {
    struct seen *all;
    size_t count, room;
};

struct epoch {
    uint32_t channel;
    char text[LEDGER_EPOCH_MAX + 1];
};

struct ledger {
    struct publish *publishes;
    size_t publish_count, publish_room;
    uint32_t *counts; // publishes by channel
    uint32_t channels;
    struct epoch *epochs; // number - 1; in the order in which they were first heard of
    size_t epoch_count, epoch_room;
    bool starved; // memory was short: there is no verdict
};

int ledger_open(struct ledger *ledger, uint32_t channels);
void ledger_close(struct ledger *ledger);

// The index of a new publish, or PUBLISH_NONE when memory is short.
uint32_t ledger_publish(struct ledger *ledger, uint32_t channel, uint32_t publisher);

// The number of a channel's epoch, from 1 on. 0: none, or longer than an epoch may be, or memory is short.
uint32_t ledger_epoch(struct ledger *ledger, uint32_t channel, const char *text, size_t length);
const char *ledger_epoch_text(const struct ledger *ledger, uint32_t epoch);

void ledger_see(struct ledger *ledger, struct seen_log *log, struct seen seen);
