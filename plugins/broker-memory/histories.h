/* SPDX-License-Identifier: MIT
 * The histories of all channels that have one: a ring of messages each, with consecutive offsets under an
 * epoch. Bounded by bytes: the channels that were used longest ago lose their oldest messages first, and are
 * forgotten at last. One that comes again after that has a new epoch, which no other had. Belongs to the hub
 * thread; `now` is in ms and never goes back. */
#ifndef BROKER_MEMORY_HISTORIES_H
#define BROKER_MEMORY_HISTORIES_H

#include "wshub/wshub.h"

enum { HISTORIES_EPOCH = 40 }; /* bytes of an epoch, with its NUL */

struct history;

struct histories { /* zero but for most, seed, process and rest */
    struct history *by_name;
    struct history *oldest, *newest; /* by their last use */
    struct history *hand;            /* the next one to be looked at, whether it has expired */
    uint64_t bytes, most;            /* used, and how much may be */
    uint64_t seed;                   /* of the hash */
    uint64_t process;                /* random: what epochs begin with */
    uint64_t rest;                   /* ms that a channel is remembered at least after its last use */
    uint64_t lives;                  /* epochs so far */
    uint64_t dropped;                /* messages that had to make room */
};

/* Keeps the message, as its history_size and history_ttl say, and gives it its epoch (which points into the
 * history, until the next call), offset and previous. WSHUB_OK, WSHUB_NO_MEMORY, or WSHUB_TOO_LARGE: alone it
 * is more than `most`. On an error the channel's history is as before. */
int histories_append(struct histories *histories, struct wshub_message *message, uint64_t now);

/* The channel's history, begun if there was none, without what is beyond size and ttl. Until the next call.
 * NULL: no memory. */
const struct history *histories_get(struct histories *histories, struct wshub_bytes channel, uint64_t size,
                                    uint64_t ttl, uint64_t now);

struct wshub_bytes histories_epoch_of(const struct history *history);
uint64_t histories_life_of(const struct history *history);   /* the number that its epoch is made of */
uint64_t histories_oldest_of(const struct history *history); /* offset; 0: it has no message */
uint64_t histories_newest_of(const struct history *history); /* that it ever had; 0: none */
/* The message at an offset from oldest to newest, without its channel; it points into the history. */
struct wshub_message histories_message_at(const struct history *history, uint64_t offset);

/* The epoch of a life, into `text`. */
struct wshub_bytes histories_write_epoch(const struct histories *histories, uint64_t life,
                                         char text[HISTORIES_EPOCH]);

void histories_free(struct histories *histories);

#endif
