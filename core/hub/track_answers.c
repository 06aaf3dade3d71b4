// SPDX-License-Identifier: MIT
#include <stddef.h>

#include "config/config.h"
#include "hub/asks.h"
#include "hub/message.h"
#include "hub/recovery.h"
#include "hub/track_priv.h"
#include "loop/loop.h"
#include "util/random.h"

enum {
    REST_MS = 1000,   // after a read that failed; twice as long after the next
    FAILURES_MAX = 3, // of reads in a row: then what is missing counts as lost
    FUTILE_MS = 50,   // before what is missing is read once more; twice as long each time
    FUTILES_MAX = 3,  // such reads in a row
};

// ---- checks ----

static void check_later(struct track *track) {
    uint64_t check = track->hub->instance->config->recovery.check;
    uint64_t spread = check / 2 + random_u64() % (check + 1); // half of it to one and a half
    wheel_arm(&track->hub->tracks.wheel, &track->later, loop_now(track->hub->loop) + spread);
}

// A channel whose messages come tells by their offsets what is missing.
void track_on_later(void *context, struct wheel_entry *entry) {
    struct track *track = (struct track *)(void *)((char *)entry - offsetof(struct track, later));
    (void)context;
    bool rested = track->rests;
    track->rests = false;
    track->wants_check |= !rested && track->channel->claims && !track->heard && !drain_is_ending(track->hub);
    track->heard = false;
    if (track_is_known(track)) {
        check_later(track);
    }
    track_wake(track);
}

static void count_check(struct track *track, enum check_result result) {
    if (track->is_checking) {
        counter_add(&track->hub->stats.checks[result], 1);
    }
}

// ---- answers ----

static void rest(struct track *track, uint64_t milliseconds) {
    track->rests = true;
    wheel_arm(&track->hub->tracks.wheel, &track->later, loop_now(track->hub->loop) + milliseconds);
}

// The same history, with all that was passed on.
static bool is_same(const struct track *track) {
    const struct position *told = &track->read.position;
    bool has_shrunk = told->offset < track->asked && (told->offset > 0 || track->is_dense);
    return position_is_of(&track->stand, position_epoch(told)) && !has_shrunk;
}

// Another history, or less of the same: its numbers say nothing of what was passed on. What it has may be
// old, as that of a server that has come back with what it had and cannot know whether that is all; so it is
// told, and nothing is passed on twice.
static void restart(struct track *track) {
    const struct read *read = &track->read;
    count_check(track, CHECK_LOST);
    track_forget_ahead(track);
    track->stand = read->position;
    track->target = read->position.offset;
    track->oldest = read->oldest;
    track->futile = 0;
    track_skip_to(track, read->position.offset);
}

static void settle(struct track *track) {
    track->cleared = track->answers;
    track->failures = 0;
    if (!wheel_is_armed(&track->later)) {
        check_later(track);
    }
    if (track_stands(track)) {
        channel_settle(track->hub, track->channel, WSHUB_OK);
    }
}

static void take_parked(struct track *track) {
    struct ahead parked = track->ahead;
    track->ahead = (struct ahead){0};
    window_charge(&track->hub->tracks.budget, -(int64_t)parked.bytes);
    while (ahead_first(&parked)) {
        struct message *message = ahead_take(&parked);
        track_take(track, message);
        message_unref(message);
    }
}

static void establish(struct track *track) {
    track->stand = track->read.position;
    track->target = track->stand.offset;
    window_stand(&track->window, track->stand.offset);
    take_parked(track); // they were published before anybody was confirmed
    settle(track);
}

static void on_look(struct track *track) {
    uint64_t newest = track->read.position.offset;
    track->looked = track->questions;
    if (!track_is_known(track)) {
        establish(track);
    } else if (!is_same(track)) {
        restart(track);
    } else {
        count_check(track, newest > track->stand.offset ? CHECK_BEHIND : CHECK_SAME);
        track_aim(track, newest);
        track_hold(track);
    }
}

// Whether nothing is missing between what was asked for and the read's first message. `previous` 0 says
// nothing here: a broker that reads from the midst may not know it.
static bool is_proven(const struct track *track, uint64_t after, const struct message *first) {
    uint64_t oldest = track->read.oldest;
    return first->offset == after + 1 || (first->previous > 0 && first->previous == after) ||
           (oldest > 0 && oldest <= after);
}

static void pass_page(struct track *track) {
    const struct found *found = track->read.found;
    size_t count = found ? found_count(found) : 0;
    for (size_t i = 0; i < count; i++) {
        struct message *message = found_at(found, i);
        if (message->offset <= track->stand.offset) {
            continue; // it came meanwhile
        }
        if (i == 0 && !is_proven(track, track->read.after, message) &&
            !is_proven(track, track->stand.offset, message)) {
            track_skip_to(track, message->offset - 1);
        }
        track_pass(track, message);
        counter_add(&track->hub->stats.filled, 1);
    }
}

// What is missing is not in the history. It may be on its way there, or not be readable yet.
static void judge_hole(struct track *track, bool has_progressed) {
    if (has_progressed || !track_is_behind(track)) {
        track->futile = 0;
        track_hold(track);
    } else if (++track->futile >= FUTILES_MAX) {
        track_give_up(track);
    } else {
        rest(track, (uint64_t)FUTILE_MS << track->futile);
    }
}

// The history has told all that it has.
static void end_fill(struct track *track, bool has_progressed) {
    uint64_t newest = track->read.position.offset, stand = track->stand.offset;
    bool has_forgotten = track->read.oldest == 0 && newest > stand;
    bool is_unknown = track_is_in_doubt(track) && newest == 0 && stand > 0; // and nobody knows what was there
    if (has_forgotten) {
        track_skip_to(track, newest);
    } else if (is_unknown || track->asks_foreign) {
        track_tell_gap(track);
    }
    track_pass_ahead(track);
    settle(track);
    judge_hole(track, has_progressed || has_forgotten);
}

static void on_fill(struct track *track) {
    uint64_t before = track->stand.offset, newest = track->read.position.offset;
    if (!is_same(track)) {
        restart(track);
        return;
    }
    pass_page(track);
    track_aim(track, newest);
    bool has_progressed = track->stand.offset > before;
    if (track->read.is_full || (has_progressed && newest > track->stand.offset)) { // there is more
        track_pass_ahead(track);
        track->was_foreign |= track->asks_foreign;
    } else {
        end_fill(track, has_progressed);
    }
}

static void on_fetch(struct track *track) {
    const struct found *found = track->read.found;
    const struct message *first = found && found_count(found) > 0 ? found_at(found, 0) : NULL;
    uint64_t base = track->read.after;
    if (!is_same(track)) {
        restart(track);
        return;
    }
    if (!first) {
        base = track->read.position.offset;
    } else if (!is_proven(track, base, first)) {
        base = first->offset - 1;
    }
    recovery_on_page(track, base);
}

// Where messages may be missing that cannot be had, that is said in the end.
static void give_up_reading(struct track *track) {
    track->failures = 0;
    if (track_is_in_doubt(track) && track_is_known(track)) {
        track_tell_gap(track);
        settle(track);
    }
    if (track_is_behind(track)) {
        track_give_up(track);
    }
}

static void on_failure(struct track *track, enum errand errand, int status) {
    bool is_asked_for = errand == ERRAND_FETCH || (errand == ERRAND_LOOK && !track->is_checking);
    count_check(track, CHECK_FAILED);
    track->was_foreign |= track->asks_foreign;
    if (track_is_in_doubt(track)) {
        channel_settle(track->hub, track->channel, status);
    }
    if (track_is_in_doubt(track) || (is_asked_for && errand == ERRAND_LOOK)) {
        recovery_fail(track, status);
    } else if (is_asked_for) {
        recovery_on_failure(track, status);
    }
    if (status == WSHUB_CLOSED || errand == ERRAND_FETCH || track->is_checking) {
        return;
    }
    track->failures += broker_is_up(track->keeper->broker);
    if (track->failures >= FAILURES_MAX) {
        give_up_reading(track);
    } else {
        rest(track, (uint64_t)REST_MS << (track->failures > 0 ? track->failures - 1 : 0));
    }
}

void track_on_read(void *context, struct read *read, int status) {
    static void (*const answers[])(struct track *) = {
        [ERRAND_LOOK] = on_look, [ERRAND_FILL] = on_fill, [ERRAND_FETCH] = on_fetch};
    struct track *track = context;
    enum errand errand = track->errand;
    track->errand = ERRAND_NONE;
    if (status == WSHUB_OK) {
        answers[errand](track);
        track->oldest = read->oldest;
    } else {
        on_failure(track, errand, status);
    }
    read_forget(read);
    track_wake(track);
    if (!track->channel->claims && !track->channel->tickets) {
        channel_mark(track->hub, track->channel); // it may have waited for this in order to go
    }
}
