// SPDX-License-Identifier: MIT
// The calls of one plugin that wait for their completion: their tokens and their deadlines. Belongs to the
// hub thread.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/counter.h"
#include "wshub/host.h"

struct calls;
struct plugin_host;

// A call under way; the first member of its owner's. Its token is generation << 32 | index + 1, so one that
// comes late or twice is told from the one that has its place now.
struct call {
    uint32_t generation;
    uint32_t index;
    uint32_t expired; // 1 + the generation that its deadline has ended; 0: it did not, or the completion came
    unsigned slot;    // of the owner's enumeration, below 32
    bool waits;
    uint64_t started;             // ns
    struct call *previous, *next; // oldest first; all have the same timeout, so this is the order of
                                  // deadlines too
};

// The owner's part of an end: it keeps what it needs of the call, gives it back by calls_end, and answers.
typedef void (*calls_settle_fn)(struct calls *calls, struct call *call, int status);

struct calls {
    struct plugin_host *host; // down to the counters: set before calls_init, the rest is zero
    calls_settle_fn settle;
    size_t call_size;         // of the owner's
    const char *const *names; // of the slots
    bool strict;              // what comes after the deadline is no answer, even if calls_expire is late too
    counter *strays, *lates;  // completions: double or unknown; after the deadline

    struct call **all;   // made so far, in use or not
    uint32_t count;      // of them
    struct call *spare;  // linked by next
    struct call expired; // list head: given up by their deadlines, and rest until their completion comes
    size_t expired_count;
    struct call in_flight; // list head
    size_t in_flight_count;
    uint64_t looked;    // clock_ns: when deadlines were last looked at
    unsigned late_told; // bits by slot: one has timed out, and none went well since
};

void calls_init(struct calls *calls);
void calls_free(struct calls *calls); // settles what is left with WSHUB_CLOSED

// The owner's members are as its last call left them. NULL: no memory.
struct call *calls_begin(struct calls *calls, unsigned slot);
wshub_token calls_token(const struct call *call);
struct call *calls_find(const struct calls *calls, wshub_token token); // NULL: late, double or unknown
// Its token means nothing from now on, and the call may be another's. `well`: the plugin works. The time that
// it took, in ns.
uint64_t calls_end(struct calls *calls, struct call *call, bool well);

// A completion by the plugin. While the host closes: WSHUB_CLOSED, since what began now could not be ended.
void calls_complete(struct calls *calls, wshub_token token, int status);
// A completion of what is no call any more: counted, and told once where the plugin is to blame.
void calls_stray(struct calls *calls, wshub_token token);
// Settles with WSHUB_TIMEOUT what was due when this was last called: if the whole process stood still since,
// the answers may lie unread.
void calls_expire(struct calls *calls);

// For histograms: which of these buckets a time falls into, the last one being what lies beyond all bounds.
#define CALLS_BOUNDS 0.0001, 0.0005, 0.001, 0.005, 0.01, 0.05, 0.5, 5 // s
size_t calls_bucket(uint64_t nanoseconds);
