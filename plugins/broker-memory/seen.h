/* SPDX-License-Identifier: MIT
 * The keys of what was published, each for its time: which position a channel's message with this key has
 * got. Bounded by bytes: what does not fit is refused, for a key that is forgotten before its time would let
 * its message be taken twice. Belongs to the hub thread; `now` is in ms and never goes back. */
#ifndef BROKER_MEMORY_SEEN_H
#define BROKER_MEMORY_SEEN_H

#include "wshub/wshub.h"

struct seen_key {
    uint64_t life, offset; /* of its message: the epoch's number, and where it stands under it */
};

struct seen {                 /* zero but for most and seed */
    struct seen_record *all;  /* a table, in the order of their coming too */
    struct seen_record *hand; /* the next one to be looked at, whether its time is over */
    uint64_t bytes, most;     /* used, and how much may be */
    uint64_t seed;            /* of the hash */
    uint64_t refused;         /* that did not fit */
};

/* NULL: it is not known, or not any more. Until the next call. */
const struct seen_key *seen_find(struct seen *seen, const struct wshub_message *message, uint64_t now);
/* Makes one for the message, which is not known, for its key_ttl: to be filled in or taken back, before the
 * next call. NULL: no memory, or too many. */
struct seen_key *seen_add(struct seen *seen, const struct wshub_message *message, uint64_t now);
void seen_take_back(struct seen *seen, struct seen_key *key);
void seen_free(struct seen *seen);

#endif
