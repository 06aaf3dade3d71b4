// SPDX-License-Identifier: MIT
#include <string.h>

#include "hub/message.h"
#include "hub/track_priv.h"
#include "loop/loop.h"
#include "loop/timer.h"

enum { HOLE_MS = 10 }; // two publishers may overtake each other

// ---- messages are passed on ----

void track_pass(struct track *track, struct message *message) {
    window_take(&track->window, message);
    track->stand.offset = message->offset;
    channel_pass(track->hub, track->channel, message);
}

// Nothing is between what was passed on and it. Where offsets are consecutive, they alone tell: a message
// that another broker has carried knows no `previous`, and that 0 must not pass for what came first of all.
static bool follows(const struct track *track, const struct message *message) {
    uint64_t offset = track->stand.offset;
    return message->offset == offset + 1 || (!track->is_dense && message->previous == offset);
}

static struct message *unpark(struct track *track) {
    struct message *message = ahead_take(&track->ahead);
    window_charge(&track->hub->tracks.budget, -(int64_t)message_weight(message));
    return message;
}

void track_forget_ahead(struct track *track) {
    while (ahead_first(&track->ahead)) {
        message_unref(unpark(track));
    }
}

// False: it has no room. It will be read with what is missing before it.
static bool park(struct track *track, struct message *message) {
    uint64_t before = track->ahead.bytes;
    bool parked = ahead_put(&track->ahead, message);
    window_charge(&track->hub->tracks.budget, (int64_t)(track->ahead.bytes - before));
    return parked;
}

// Those that came too early, and whose turn has come.
void track_pass_ahead(struct track *track) {
    struct message *message;
    while ((message = ahead_first(&track->ahead))) {
        if (message->offset > track->stand.offset && !follows(track, message)) {
            return;
        }
        unpark(track);
        if (message->offset > track->stand.offset) {
            track_pass(track, message);
        }
        message_unref(message);
    }
}

// What is missing may be on its way.
void track_hold(struct track *track) {
    struct tracks *tracks = &track->hub->tracks;
    if (track->hole.next || !track_is_behind(track)) {
        return;
    }
    track->held_until = loop_now(track->hub->loop) + HOLE_MS;
    if (track_list_is_empty(&tracks->held)) {
        timer_start(tracks->timer, HOLE_MS, 0);
    }
    track_link_last(&tracks->held, &track->hole);
}

static void take_in_order(struct track *track, struct message *message) {
    track_aim(track, message->offset);
    if (follows(track, message)) {
        track_pass(track, message);
        track_pass_ahead(track);
    } else {
        park(track, message);
    }
    track_hold(track);
}

void track_take(struct track *track, struct message *message) {
    if (message->epoch_length == 0) { // somebody has published it past the history
        channel_pass(track->hub, track->channel, message);
        return;
    }
    track->heard = true;
    if (!track_is_known(track)) {
        track->doubts += !park(track, message);
    } else if (!position_is_of(&track->stand, message_epoch(message))) {
        track->was_foreign = true; // if it is the history's, that will tell it again
        track_wake(track);
    } else if (message->offset > track->stand.offset) {
        take_in_order(track, message);
    }
}

// ---- what cannot be filled ----

void track_tell_gap(struct track *track) {
    channel_forget_last(track->hub, track->channel);
    track->channel->has_gap = true;
    channel_close_gap(track->hub, track->channel);
}

// What comes next comes after `offset`; what was before it is lost.
void track_skip_to(struct track *track, uint64_t offset) {
    track->stand.offset = offset;
    window_stand(&track->window, offset);
    track_tell_gap(track);
}

// Goes on with what has come.
void track_give_up(struct track *track) {
    const struct message *first = ahead_first(&track->ahead);
    uint64_t to = track->target;
    if (first) {
        to = first->previous > track->stand.offset ? first->previous : first->offset - 1;
    }
    track_skip_to(track, to);
    track_pass_ahead(track);
    track->futile = 0;
    track_hold(track);
}
