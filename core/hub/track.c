// SPDX-License-Identifier: MIT
#include "hub/track.h"

#include <stddef.h>
#include <string.h>

#include "config/config.h"
#include "hub/asks.h"
#include "hub/channels_priv.h"
#include "hub/last_value.h"
#include "hub/message.h"
#include "hub/recovery.h"
#include "hub/rules.h"
#include "loop/loop.h"
#include "loop/timer.h"
#include "util/random.h"

enum {
    HOLE_MS = 10,     // two publishers may overtake each other
    REST_MS = 1000,   // after a read that failed; twice as long each time
    FAILURES_MAX = 3, // of reads in a row: then what is missing counts as lost
    FUTILE_MS = 50,   // before what is missing is read once more; twice as long each time
    FUTILES_MAX = 3,  // such reads in a row
    PAGE_FIRST = 128, // messages, while nothing is known of their size
    PAGE_LEAST = 16,
};

static bool is_known(const struct track *track) {
    return track->stand.epoch_length > 0;
}

bool track_stands(const struct track *track) {
    return is_known(track) && track->doubts == track->cleared;
}

const struct position *track_position(const struct track *track) {
    return &track->stand;
}

bool track_is_busy(const struct track *track) {
    return read_is_busy(&track->read);
}

static bool is_in_doubt(const struct track *track) {
    return track->doubts != track->cleared;
}

// The channel's messages arrive.
static bool is_heard(const struct track *track) {
    return channel_is_subscribed(track->channel);
}

// ---- lists ----

static void link_last(struct track_link *head, struct track_link *link) {
    link->previous = head->previous;
    link->next = head;
    head->previous->next = link;
    head->previous = link;
}

static void unlink_track(struct track_link *link) {
    if (link->next) {
        link->previous->next = link->next;
        link->next->previous = link->previous;
        *link = (struct track_link){NULL, NULL};
    }
}

static void move_to(struct track_link *head, struct track_link *link) {
    unlink_track(link);
    link_last(head, link);
}

static bool is_empty(const struct track_link *head) {
    return head->next == head;
}

static struct track *of_turn(struct track_link *turn) {
    return (struct track *)(void *)((char *)turn - offsetof(struct track, turn));
}

void track_wake(struct track *track) {
    move_to(&track->hub->tracks.ready, &track->turn);
}

void track_wait_for_workers(struct track *track) {
    move_to(&track->hub->tracks.behind, &track->turn);
    congestion_watch(track->hub);
}

// ---- messages are passed on ----

static void pass(struct track *track, struct message *message) {
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

static void forget_ahead(struct track *track) {
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
static void pass_ahead(struct track *track) {
    struct message *message;
    while ((message = ahead_first(&track->ahead))) {
        if (message->offset > track->stand.offset && !follows(track, message)) {
            return;
        }
        unpark(track);
        if (message->offset > track->stand.offset) {
            pass(track, message);
        }
        message_unref(message);
    }
}

static bool is_behind(const struct track *track) {
    return track->target > track->stand.offset;
}

static void aim(struct track *track, uint64_t offset) {
    track->target = offset > track->target ? offset : track->target;
}

// What is missing may be on its way.
static void hold(struct track *track) {
    struct tracks *tracks = &track->hub->tracks;
    if (track->hole.next || !is_behind(track)) {
        return;
    }
    track->held_until = loop_now(track->hub->loop) + HOLE_MS;
    if (is_empty(&tracks->held)) {
        timer_start(tracks->timer, HOLE_MS, 0);
    }
    link_last(&tracks->held, &track->hole);
}

static void take_in_order(struct track *track, struct message *message) {
    aim(track, message->offset);
    if (follows(track, message)) {
        pass(track, message);
        pass_ahead(track);
    } else {
        park(track, message);
    }
    hold(track);
}

void track_take(struct track *track, struct message *message) {
    if (message->epoch_length == 0) { // somebody has published it past the history
        channel_pass(track->hub, track->channel, message);
        return;
    }
    track->heard = true;
    if (!is_known(track)) {
        track->doubts += !park(track, message);
    } else if (!position_is_of(&track->stand, message_epoch(message))) {
        track->was_foreign = true; // if it is the history's, that will tell it again
        track_wake(track);
    } else if (message->offset > track->stand.offset) {
        take_in_order(track, message);
    }
}

// ---- what cannot be filled ----

static void tell_gap(struct track *track) {
    channel_forget_last(track->hub, track->channel);
    track->channel->has_gap = true;
    channel_close_gap(track->hub, track->channel);
}

// What comes next comes after `offset`; what was before it is lost.
static void skip_to(struct track *track, uint64_t offset) {
    track->stand.offset = offset;
    window_stand(&track->window, offset);
    tell_gap(track);
}

// Goes on with what has come.
static void give_up(struct track *track) {
    const struct message *first = ahead_first(&track->ahead);
    uint64_t to = track->target;
    if (first) {
        to = first->previous > track->stand.offset ? first->previous : first->offset - 1;
    }
    skip_to(track, to);
    pass_ahead(track);
    track->futile = 0;
    hold(track);
}

// ---- questions ----

static uint32_t page_of(const struct track *track) {
    const struct run *live = &track->window.live;
    uint64_t weight = live->count > 0 ? message_weight(run_at(live, live->count - 1)) : 0;
    uint64_t fit = weight > 0 ? READ_BYTES / weight : PAGE_FIRST;
    fit = fit < PAGE_LEAST ? PAGE_LEAST : fit;
    return fit < READ_MESSAGES_MAX ? (uint32_t)fit : READ_MESSAGES_MAX;
}

// What the answer will be about: all that is open by now.
static void note_question(struct track *track) {
    track->asked = track->stand.offset;
    track->answers = track->doubts;
    track->asks_foreign |= track->was_foreign;
    track->was_foreign = false;
    track->questions++;
}

static void ask(struct track *track, enum errand errand, enum read_rank rank, uint64_t after) {
    bool looks = errand == ERRAND_LOOK;
    track->errand = errand;
    track->is_checking = looks && rank == READ_CHECK;
    track->asks_foreign = false;
    track->wants_look &= !looks;
    track->wants_check = false;
    note_question(track);
    track->read.after = after;
    track->read.limit = looks ? 0 : page_of(track);
    track->read.workers = errand == ERRAND_FILL ? track->hub->instance->worker_count : 0;
    reads_ask(&track->keeper->reads, &track->read, rank);
}

static void take_back(struct track *track) {
    if (read_cancel(&track->read)) {
        track->was_foreign |= track->asks_foreign;
        track->wants_check |= track->is_checking;
        track->wants_look |= track->errand == ERRAND_LOOK && !track->is_checking;
        track->errand = ERRAND_NONE;
    }
}

static bool must_fill(const struct track *track) {
    bool lacks = is_behind(track) && !track->hole.next;
    return is_known(track) && (is_in_doubt(track) || track->was_foreign || lacks);
}

// What would be asked now; ERRAND_NONE: nothing.
static enum errand choose(struct track *track, enum read_rank *rank, uint64_t *after) {
    *rank = READ_LIVE;
    *after = track->stand.offset;
    if (track->rests || !is_heard(track)) {
        return ERRAND_NONE;
    }
    if (!is_known(track)) {
        return ERRAND_LOOK;
    }
    if (must_fill(track)) {
        bool can = !congestion_is_late(track->hub, track->channel->claims);
        if (!can) {
            track_wait_for_workers(track);
        }
        return can ? ERRAND_FILL : ERRAND_NONE;
    }
    *rank = READ_MISSED;
    if (track->wants_look) {
        return ERRAND_LOOK;
    }
    if (recovery_wants(track, after)) {
        return ERRAND_FETCH;
    }
    *rank = READ_CHECK;
    return track->wants_check && broker_is_up(track->keeper->broker) ? ERRAND_LOOK : ERRAND_NONE;
}

static void proceed(struct track *track) {
    enum read_rank rank;
    uint64_t after;
    recovery_serve(track);
    if (track_is_busy(track) && track->read.is_under_way) {
        return;
    }
    enum errand errand = choose(track, &rank, &after);
    bool is_queued = track_is_busy(track);
    if (is_queued && errand == (enum errand)track->errand && errand != ERRAND_FETCH) {
        track->read.after = after; // it waits for its turn, and may as well be about what is new
        note_question(track);
    } else if (errand != ERRAND_NONE && (!is_queued || rank < (enum read_rank)track->read.rank)) {
        take_back(track);
        ask(track, errand, rank, after);
    }
}

// ---- checks ----

static void check_later(struct track *track) {
    uint64_t check = track->hub->instance->config->recovery.check;
    uint64_t spread = check / 2 + random_u64() % (check + 1); // half of it to one and a half
    wheel_arm(&track->hub->tracks.wheel, &track->later, loop_now(track->hub->loop) + spread);
}

// A channel whose messages come tells by their offsets what is missing.
static void on_later(void *context, struct wheel_entry *entry) {
    struct track *track = (struct track *)(void *)((char *)entry - offsetof(struct track, later));
    (void)context;
    bool rested = track->rests;
    track->rests = false;
    track->wants_check |= !rested && track->channel->claims && !track->heard && !drain_is_ending(track->hub);
    track->heard = false;
    if (is_known(track)) {
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
    forget_ahead(track);
    track->stand = read->position;
    track->target = read->position.offset;
    track->oldest = read->oldest;
    track->futile = 0;
    skip_to(track, read->position.offset);
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
    if (!is_known(track)) {
        establish(track);
    } else if (!is_same(track)) {
        restart(track);
    } else {
        count_check(track, newest > track->stand.offset ? CHECK_BEHIND : CHECK_SAME);
        aim(track, newest);
        hold(track);
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
            skip_to(track, message->offset - 1);
        }
        pass(track, message);
        counter_add(&track->hub->stats.filled, 1);
    }
}

// What is missing is not in the history. It may be on its way there, or not be readable yet.
static void judge_hole(struct track *track, bool has_progressed) {
    if (has_progressed || !is_behind(track)) {
        track->futile = 0;
        hold(track);
    } else if (++track->futile >= FUTILES_MAX) {
        give_up(track);
    } else {
        rest(track, (uint64_t)FUTILE_MS << track->futile);
    }
}

// The history has told all that it has.
static void end_fill(struct track *track, bool has_progressed) {
    uint64_t newest = track->read.position.offset, stand = track->stand.offset;
    bool has_forgotten = track->read.oldest == 0 && newest > stand;
    bool is_unknown = is_in_doubt(track) && newest == 0 && stand > 0; // and nobody knows what was there
    if (has_forgotten) {
        skip_to(track, newest);
    } else if (is_unknown || track->asks_foreign) {
        tell_gap(track);
    }
    pass_ahead(track);
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
    aim(track, newest);
    bool has_progressed = track->stand.offset > before;
    bool is_full = track->read.found && found_count(track->read.found) >= track->read.limit;
    if (is_full || (has_progressed && newest > track->stand.offset)) { // there is more
        pass_ahead(track);
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
    if (is_in_doubt(track) && is_known(track)) {
        tell_gap(track);
        settle(track);
    }
    if (is_behind(track)) {
        give_up(track);
    }
}

static void on_failure(struct track *track, enum errand errand, int status) {
    bool is_asked_for = errand == ERRAND_FETCH || (errand == ERRAND_LOOK && !track->is_checking);
    count_check(track, CHECK_FAILED);
    track->was_foreign |= track->asks_foreign;
    if (is_in_doubt(track)) {
        channel_settle(track->hub, track->channel, status);
    }
    if (is_in_doubt(track) || (is_asked_for && errand == ERRAND_LOOK)) {
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

static void on_read(void *context, struct read *read, int status) {
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

// ---- what happens ----

void track_hurry(struct track *track) {
    track->rests = false;
    track_wake(track);
}

void track_verify(struct track *track) {
    track->doubts++;
    track_hurry(track);
}

void track_on_link(struct track *track, const struct hub_broker *slot, enum wshub_link_state state) {
    bool is_ours = slot == track->channel->broker || slot == track->keeper;
    if (!is_ours) {
        return;
    }
    if (state == WSHUB_LINK_DOWN) {
        recovery_fail(track, WSHUB_UNAVAILABLE);
        track->doubts += slot == track->channel->broker;
    } else {
        track->failures = 0;
        track->wants_check |= slot != track->channel->broker; // else all is in doubt
        track_hurry(track);
    }
}

// ---- life ----

void track_init(struct track *track, struct hub *hub, struct hub_channel *channel, const struct rule *rule) {
    const struct config *config = hub->instance->config;
    uint64_t most =
        rule->history_size < config->recovery.messages ? rule->history_size : config->recovery.messages;
    track->hub = hub;
    track->channel = channel;
    track->keeper = &hub->brokers[rule->history_broker];
    track->is_dense = broker_can(track->keeper->broker, WSHUB_BROKER_DENSE);
    track->doubts = 1; // not known yet
    track->read = (struct read){
        .done = on_read,
        .context = track,
        .channel = {channel->name, channel->name_length},
        .size = rule->history_size,
        .ttl = rule->history_ttl,
    };
    window_init(&track->window, &hub->tracks.budget, most);
}

bool track_release(struct track *track) {
    take_back(track);
    return !track_is_busy(track);
}

void track_free(struct track *track) {
    recovery_fail(track, WSHUB_CLOSED);
    unlink_track(&track->turn);
    unlink_track(&track->hole);
    wheel_disarm(&track->later);
    forget_ahead(track);
    window_free(&track->window);
    read_forget(&track->read);
}

// ---- all of them ----

static void on_held(void *context) {
    struct hub *hub = context;
    struct track_link *held = &hub->tracks.held;
    uint64_t now = loop_now(hub->loop);
    while (!is_empty(held)) {
        struct track *track = (struct track *)(void *)((char *)held->next - offsetof(struct track, hole));
        if (track->held_until > now) {
            timer_start(hub->tracks.timer, track->held_until - now, 0);
            return;
        }
        unlink_track(&track->hole);
        track_wake(track);
    }
}

bool tracks_init(struct hub *hub) {
    struct tracks *tracks = &hub->tracks;
    struct track_link *const heads[] = {&tracks->ready, &tracks->behind, &tracks->held};
    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++) {
        *heads[i] = (struct track_link){heads[i], heads[i]};
    }
    tracks->budget.limit = hub->instance->config->recovery.memory;
    tracks->budget.bytes = &hub->stats.window_bytes;
    wheel_init(&tracks->wheel, loop_now(hub->loop));
    tracks->timer = timer_new(hub->loop, on_held, hub);
    return tracks->timer != NULL;
}

void tracks_free(struct hub *hub) {
    timer_free(hub->tracks.timer);
}

void tracks_tick(struct hub *hub) {
    wheel_sweep(&hub->tracks.wheel, loop_now(hub->loop), on_later, hub);
}

static void proceed_all(struct tracks *tracks) {
    while (!is_empty(&tracks->behind)) {
        move_to(&tracks->ready, tracks->behind.next);
    }
    while (!is_empty(&tracks->ready)) {
        struct track *track = of_turn(tracks->ready.next);
        unlink_track(&track->turn);
        proceed(track);
    }
}

void tracks_proceed(struct hub *hub) {
    bool has_more = false;
    proceed_all(&hub->tracks);
    for (unsigned i = 0; i < hub->broker_count; i++) {
        has_more |= reads_proceed(&hub->brokers[i].reads);
    }
    if (has_more || !is_empty(&hub->tracks.ready) || hub->dirty.first) {
        loop_come_back(hub->loop); // a broker has answered at once
    }
}
