// SPDX-License-Identifier: MIT
// What became of each message: publishers number their messages by channel, receivers say what came and when
// they were told that something may be missing. Pure bookkeeping: no clock, no plugin.
//
// A gap begins for a receiver when its link goes down, and ends when it is told that something may be
// missing: of what was published until then, anything that it had not passed yet is excused. Everything else
// that a publisher was told to be taken has to be there.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct score;

struct score_size {
    unsigned publishers, receivers, channels;
};

struct score_message {
    unsigned publisher, channel, receiver;
    uint32_t number;
};

struct score_sum {
    uint64_t published, taken;  // taken: the publisher was told so
    uint64_t arrived;           // over all receivers, each message once
    uint64_t lost;              // taken and missing, without a word
    uint64_t told;              // taken and missing, within a gap that was told
    uint64_t duplicated;        // came once more
    uint64_t reordered;         // came after a later one of the same publisher and channel
    uint64_t disordered;        // stands differently to its predecessor in what another receiver got
    struct score_message first; // that is lost, or else reordered or disordered
};

struct score *score_new(struct score_size size); // NULL: no memory
void score_free(struct score *score);

// The number of a message that is published now, from 0 on; UINT32_MAX: no memory.
uint32_t score_publish(struct score *score, unsigned publisher, unsigned channel);
void score_taken(struct score *score, unsigned publisher, unsigned channel, uint32_t number);
// False: no memory, or a message that was never published.
bool score_arrived(struct score *score, const struct score_message *message);
// A gap begins in a channel, unless one has already; it ends, and was told (false: no memory); or nothing is
// missing after all.
void score_gap(struct score *score, unsigned receiver, unsigned channel);
bool score_told(struct score *score, unsigned receiver, unsigned channel);
void score_resumed(struct score *score, unsigned receiver, unsigned channel);

bool score_is_whole(const struct score *score); // whether all that must be there is
// How many a publisher has published on a channel, and how many of them a receiver knows of: one more than
// the highest number that came.
uint32_t score_published(const struct score *score, unsigned publisher, unsigned channel);
uint32_t score_heard(const struct score *score, unsigned receiver, unsigned publisher, unsigned channel);
// False: no memory.
bool score_sum(const struct score *score, struct score_sum *sum);
