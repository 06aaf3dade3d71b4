// SPDX-License-Identifier: MIT
// The questions to one broker's histories: first come first served, some at a time, so that thousands that
// come at once wait here and not in the broker's way. Belongs to the hub thread.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "hub/position.h"
#include "util/counter.h"
#include "util/span.h"

struct broker;
struct found;
struct read;

enum { READ_MESSAGES_MAX = 512, READ_BYTES = 1024 * 1024 }; // of one page, or one message

typedef void (*read_fn)(void *context, struct read *read, int status); // of enum wshub_status

// One question at a time, in the place of who asks. The answer is there until the next one.
struct read {
    struct read *previous, *next;
    struct reads *reads; // not NULL: it waits, or is under way
    bool is_under_way;
    uint8_t rank; // enum read_rank
    // The question.
    read_fn done;
    void (*begin)(void *context); // called when it is asked of the broker; NULL is fine
    void *context;
    struct span channel; // there while it waits
    uint64_t size, ttl;  // of the channel's rule
    uint64_t after;
    uint32_t limit;   // 0: the position alone
    unsigned workers; // deliveries that the messages need
    bool backwards;
    // The answer.
    struct position position; // the epoch, and the newest offset; none: it was not told
    uint64_t oldest;
    struct found *found; // in the order that was asked for; NULL: none
    bool is_full;        // there may be more behind it, whatever was asked for
    bool lacked_memory;
    uint32_t fits; // messages of a page that had room, when one had too many; 0: all have had
};

// Those of a lower rank wait for those of a higher one: live messages are held back; somebody waits; nobody
// does.
enum read_rank { READ_LIVE, READ_MISSED, READ_CHECK, READ_RANKS };

struct reads {
    struct broker *broker;
    struct read_list {
        struct read *first, *last;
    } waiting[READ_RANKS];
    unsigned under_way, most;
    counter *count; // asked of the broker so far
};

// Queues it. `done` is called once, from within reads_proceed or later, unless it is cancelled.
void reads_ask(struct reads *reads, struct read *read, enum read_rank rank);
// True: it waited, and is forgotten. False: it is under way, and `done` will be called; or there was nothing.
bool read_cancel(struct read *read);
bool read_is_busy(const struct read *read);
void read_forget(struct read *read); // the answer's messages
// Asks the broker what it has room for. True: there is more to be asked right away.
bool reads_proceed(struct reads *reads);
