// SPDX-License-Identifier: MIT
// Where the hub is in the history of one channel, and that its subscribers get every message of it once and
// in order (P3): live messages by their offsets, what is missing between them from the history, and where
// that has it no more, the word of a gap. Belongs to the hub thread.
//
//     live message ──► follows what was passed on ──► passed on
//                 ├──► not later than that ─────────► dropped: it was passed on before
//                 ├──► later: `ahead` ──a moment, another may overtake it──► the history is read, FILL
//                 └──► of another epoch: the history is asked, which of them it is
//
//     in doubt (a new link, a loss, at first) ──► the history is read from there on: FILL, at first LOOK
//     now and then, while all is quiet ─────────► LOOK: does it stand where the history ends?
//     who comes back has missed more than the window has ──► FETCH (recovery.h)
//
// One question at a time. While in doubt nobody new is confirmed; what follows without a hole is passed on.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "hub/ahead.h"
#include "hub/position.h"
#include "hub/reads.h"
#include "hub/window.h"
#include "loop/wheel.h"
#include "wshub/host.h"

struct hub;
struct hub_broker;
struct hub_channel;
struct message;
struct recovery;
struct rule;

struct track_link { // of a list; NULL: it is in none
    struct track_link *previous, *next;
};

enum errand { ERRAND_NONE, ERRAND_LOOK, ERRAND_FILL, ERRAND_FETCH };

struct track {
    struct hub *hub;
    struct hub_channel *channel;
    struct hub_broker *keeper; // of the history; usually the channel's broker
    struct track_link turn;    // in tracks.ready or tracks.behind
    struct track_link hole;    // in tracks.held: what is missing gets a moment to arrive
    uint64_t held_until;
    struct wheel_entry later; // the next check; or, while it rests, the next try
    struct window window;
    struct ahead ahead;
    struct position stand; // what was passed on last; none: not known yet
    uint64_t target;       // the newest offset that is known to exist
    uint64_t oldest;       // that the history had when it was last asked
    struct read read;
    uint64_t asked;             // where it stood then
    uint32_t doubts, cleared;   // how often it was in doubt, and which of them is over
    uint32_t answers;           // the doubt that the question under way is about
    uint64_t questions, looked; // so far; and the last one that told where the history ends
    struct recovery *waiting, *waiting_last;
    uint8_t errand;    // enum errand: what is being read for
    uint8_t failures;  // to read, in a row
    uint8_t futile;    // reads that have not brought what is missing, in a row
    bool is_dense;     // the keeper's offsets are consecutive
    bool rests;        // it could not be read: not before `later`
    bool wants_look;   // somebody says that he is further
    bool wants_check;  // it is time
    bool is_checking;  // the question under way is a check
    bool was_foreign;  // a message of another epoch has come: is it the history's by now?
    bool asks_foreign; // the question under way will tell
    bool heard;        // a message has come since the last check
    bool lacks_room;   // a worker of some that wait was behind when they were looked at
};

void track_init(struct track *track, struct hub *hub, struct hub_channel *channel, const struct rule *rule);
void track_free(struct track *track);

// Its position is known, and nothing is in doubt.
bool track_stands(const struct track *track);
const struct position *track_position(const struct track *track);
bool track_is_busy(const struct track *track); // a question is under way

// A live message. One without a position is passed on as it is.
void track_take(struct track *track, struct message *message);
// Messages may have been missed. When that is settled, channel_settle is called.
void track_verify(struct track *track);
// Somebody waits: no rest.
void track_hurry(struct track *track);
// Of any broker.
void track_on_link(struct track *track, const struct hub_broker *slot, enum wshub_link_state state);
// The channel would go. False: not before the question under way is answered; the channel is marked then.
bool track_release(struct track *track);

// ---- for recovery.c ----

void track_wake(struct track *track); // to be looked at when the round ends
// The same, but not before workers that are behind have got further.
void track_wait_for_workers(struct track *track);

// ---- all of them ----

struct tracks {
    struct window_budget budget;
    struct wheel wheel;
    struct timer *timer; // for the holes
    // Heads of rings.
    struct track_link ready;  // to be looked at when the round ends
    struct track_link behind; // the same, but they wait for workers that are behind
    struct track_link held;   // the same time for all: first in, first out
};

bool tracks_init(struct hub *hub); // false: no memory
void tracks_free(struct hub *hub);
void tracks_tick(struct hub *hub);
// At the end of each round: asks and answers what is due.
void tracks_proceed(struct hub *hub);
