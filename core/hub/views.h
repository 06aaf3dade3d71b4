// SPDX-License-Identifier: MIT
// Who is in a channel (presence), over all instances: a table for each channel that somebody here is in, or
// has asked for. This instance's members are known at first hand; those of others are listed once from the
// registry and followed by their announcements. Subscribers here hear of a join and of a leave when the table
// changes: so exactly once, whatever is announced twice, or lost and found again. Without a registry the
// table has this instance's members alone. Belongs to the hub thread.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/span.h"

struct hub;
struct peer;
struct request;
struct views;

struct views *views_new(struct hub *hub); // NULL: no memory
// After the brokers were closed, and with the channels freed. Who waits is answered. NULL is fine.
void views_free(struct views *views);

struct person {        // a member; all borrowed
    const uint8_t *id; // connection_id, 16 bytes
    struct span user;  // empty: anonymous
    struct span info;  // JSON, or empty
};

// Somebody of this instance is there, as `owner` says: another owner for the same connection takes its place.
// False: no memory, nothing has changed.
bool views_enter(struct views *views, struct span channel, const struct person *person, const void *owner);
// Has gone; not if another owner has taken the place.
void views_leave(struct views *views, struct span channel, const uint8_t *id, const void *owner);

// MAIL_PRESENCE: answered now, or when the table is whole.
void views_ask(struct views *views, struct request *request);

// ---- what happens to the registry's broker ----

void views_on_link_up(struct views *views);
void views_on_beat(struct views *views); // this instance's heartbeat was taken
// The instances were listed, or could not be.
void views_on_peers(struct views *views, int status);
// All members of this instance's incarnations that do not count any more have gone; of a peer that lives
// again they may be found again.
void views_on_dead(struct views *views, struct peer *peer);
void views_on_alive(struct views *views, struct peer *peer, bool was_dead);

// Calls the broker for what is due. At the end of each round.
void views_proceed(struct views *views);
unsigned views_in_flight(const struct views *views); // calls under way at the registry's broker
