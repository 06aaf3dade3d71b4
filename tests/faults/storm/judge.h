// SPDX-License-Identifier: MIT
// The verdict: what each subscription was owed, and what became of it. Pure: it reads the ledger and a log.
//
// A publish is OWED to a subscription when it was acknowledged and
//   with a position (the channel has a history): its offset is after the position that the first subscribe
//   was
//     answered with, in that epoch; of another epoch: it was sent after that answer had come;
//   without: it was sent after that answer had come.
// An owed publish was DELIVERED (once or more), or TOLD of, or it is LOST. It is told of by
//   a gap or "recovered": false with a position: all up to that position in its epoch, and what was sent
//     before it of epochs that were heard of earlier;
//   a gap without a position: what was sent before it came;
//   without a history only: the end of the connection, for what was sent before the next subscribe is
//     answered, unless the connection has shown a hole: a later one of the same publisher came on it.
// Never owed: what the hub did not acknowledge. It may be delivered, and is counted as such.
//
// Violations beside LOST:
//   DUPLICATED  the same publish came again. Not when it was published more than once under its key and the
//               epoch has changed in between: the memory of keys went with the history, and the client was
//               told.
//   REORDERED   an offset that is not after all earlier ones of its epoch or the position of a gap; or, of
//   two
//               that one publisher sent once each on one connection and that were acknowledged, the later one
//               came first.
//   MISPLACED   an offset is missing, or is another one than the acknowledgement said; or two acknowledged
//               publishes of a channel have the same place.
//   FOREIGN     data that nobody has published, or of another channel.
//   TWICE       a publish was answered twice.
#pragma once

#include "storm/ledger.h"

enum finding {
    FOUND_LOST,
    FOUND_DUPLICATED,
    FOUND_REORDERED,
    FOUND_MISPLACED,
    FOUND_FOREIGN,
    FOUND_TWICE,
    FINDINGS
};
extern const char *const finding_names[FINDINGS];

struct verdict {
    uint64_t owed, delivered, told; // of what was owed; told and not delivered
    uint64_t found[FINDINGS];
    uint64_t unacknowledged; // delivered without an acknowledgement: allowed
    uint64_t again;          // delivered again under another epoch: allowed, see DUPLICATED
};

// One violation, for the report. `subscription` is the caller's number; at_ns is when it was seen, of a lost
// one when it was sent.
struct violation {
    enum finding finding;
    uint32_t subscription, publish; // PUBLISH_NONE: not one of ours
    uint64_t at_ns;
};
typedef void (*judge_fn)(void *context, const struct violation *violation);

struct judge {
    const struct ledger *ledger;
    bool history;
    judge_fn found; // may be NULL
    void *context;
    uint32_t *order, *starts; // publishes by channel: order[starts[channel] + place]
    uint32_t *came;           // by place: 1 + where in the log it came first; 0: it did not
    uint32_t *latest;         // by publisher: 1 + place of the latest that came
    uint32_t publishers;
    struct verdict verdict; // of all subscriptions so far
};

// -1: memory is short.
int judge_open(struct judge *judge, const struct ledger *ledger, bool history);
void judge_close(struct judge *judge);

// What can be said of publishes alone: TWICE, and two at the same place.
int judge_publishes(struct judge *judge);
// One subscription's log, of one channel.
void judge_subscription(struct judge *judge, uint32_t subscription, uint32_t channel,
                        const struct seen_log *log);

uint64_t verdict_violations(const struct verdict *verdict);
