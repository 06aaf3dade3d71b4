// SPDX-License-Identifier: MIT
// Shared by channels.c, channels_gaps.c, channels_links.c, track.c and recovery.c. All of it is the hub
// thread's.
#pragma once

#include "hub/hub_priv.h"
#include "util/map.h"

struct last_value;
struct track;

enum channel_state {
    CHANNEL_ABSENT,
    CHANNEL_SUBSCRIBING,
    CHANNEL_ACTIVE,
    CHANNEL_UNSUBSCRIBING,
    CHANNEL_UNCERTAIN
};

enum { CHANNEL_RETRY_MS = 1000 }; // of what has failed: an unsubscribe, a first restoring, the word of a gap

struct hub_channel {
    struct hub_broker *broker;
    struct hub_channel *next_listed;
    struct wheel_entry later;      // armed: looked at again then; a linger, or a retry
    struct mail *tickets;          // of workers that wait for the confirmation, linked by next
    struct channel_ticket *claims; // confirmed ones, at most one of each worker, linked by next_claim
    uint32_t session;              // of the link, when the state was reached or the call began
    uint16_t name_length;
    uint16_t state : 3;        // enum channel_state
    uint16_t failures : 2;     // of restoring it, in a row
    uint16_t is_listed : 1;    // in the dirty list, or its broker's restore list
    uint16_t is_restoring : 1; // SUBSCRIBING, and counted among the broker's restoring ones
    uint16_t is_lost : 1;      // has claims, and no subscription at the broker
    uint16_t has_gap : 1;      // its claims must be told
    uint16_t in_doubt : 1;     // SUBSCRIBING, and was UNCERTAIN before
    uint16_t keeps_last : 1;   // room for a struct last_value stands behind the name
    uint16_t has_track : 1;    // and room for a struct track behind that
    UT_hash_handle
        hh; // its key's length and hash are at its end: a look-up reads them and the name in one go
    char name[];
};

// ---- channels.c ----

struct hub_channel *channels_find(struct hub *hub, struct span name, uint32_t hash);
struct hub_channel *channels_find_of(struct hub *hub, const struct hub_broker *slot, struct span name);
struct last_value *channel_last(struct hub_channel *channel);    // NULL: it keeps none
struct track *channel_track(struct hub_channel *channel);        // NULL: it has no history
bool channel_is_current(const struct hub_channel *channel);      // the session of its link is still the same
bool channel_is_subscribed(const struct hub_channel *channel);   // confirmed by the broker, and current
void channel_mark(struct hub *hub, struct hub_channel *channel); // to be reconciled
void channel_look_again(struct hub *hub, struct hub_channel *channel, uint64_t milliseconds);
void channel_reconcile(struct hub *hub, struct hub_channel *channel);
// Where a channel with a history stands is known, or (not WSHUB_OK) cannot be told now: who waits for that
// has his answer.
void channel_settle(struct hub *hub, struct hub_channel *channel, int status);

void channel_list_append(struct channel_list *list, struct hub_channel *channel);
struct hub_channel *channel_list_take(struct channel_list *list); // NULL: empty

// ---- channels_gaps.c: last values, and the word that messages are missing ----

// To all subscribers, in the order of the calls.
void channel_pass(struct hub *hub, struct hub_channel *channel, struct message *message);
// Those who have come since `before` get the last value right behind their answer.
void channel_tell_last(struct hub *hub, struct hub_channel *channel, const struct channel_ticket *before);
void channel_tell_gap(struct hub *hub, struct hub_channel *channel); // now; without memory for it, later
void channel_close_gap(struct hub *hub, struct hub_channel *channel);
void channel_forget_last(struct hub *hub, struct hub_channel *channel);
void channels_lose_all(struct hub_broker *slot);

// ---- channels_links.c: what was lost with a link, and is restored ----

void channel_set_lost(struct hub *hub, struct hub_channel *channel, bool lost);
void channel_retry_later(struct hub *hub, struct hub_channel *channel);
void channels_restore(struct hub_broker *slot);
