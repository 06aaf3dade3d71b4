// SPDX-License-Identifier: MIT
// Shared by track.c, track_order.c and track_answers.c; nobody else's.
#pragma once

#include "hub/channels_priv.h"
#include "hub/track.h"

static inline bool track_is_known(const struct track *track) {
    return track->stand.epoch_length > 0;
}

static inline bool track_is_in_doubt(const struct track *track) {
    return track->doubts != track->cleared;
}

// Something exists that was not passed on.
static inline bool track_is_behind(const struct track *track) {
    return track->target > track->stand.offset;
}

static inline void track_aim(struct track *track, uint64_t offset) {
    track->target = offset > track->target ? offset : track->target;
}

// ---- track_order.c: what is passed on, in its turn ----

// The next message.
void track_pass(struct track *track, struct message *message);
// Those that came too early, and whose turn has come.
void track_pass_ahead(struct track *track);
void track_forget_ahead(struct track *track);
// Where something is missing, it may be on its way: it gets a moment.
void track_hold(struct track *track);
void track_tell_gap(struct track *track);
// What comes next comes after `offset`; what was before it is lost, which is told.
void track_skip_to(struct track *track, uint64_t offset);
// What is missing does not come any more: goes on with what has come.
void track_give_up(struct track *track);

// ---- track_answers.c: what a history has told ----

void track_on_read(void *context, struct read *read, int status);
// A rest is over, or it is time for a check.
void track_on_later(void *context, struct wheel_entry *entry);

// ---- track.c ----

void track_link_last(struct track_link *head, struct track_link *link);
bool track_list_is_empty(const struct track_link *head);
