// SPDX-License-Identifier: MIT
#include "hub/track.h"

#include <stddef.h>

#include "config/config.h"
#include "hub/message.h"
#include "hub/recovery.h"
#include "hub/rules.h"
#include "hub/track_priv.h"
#include "loop/loop.h"
#include "loop/timer.h"

enum {
    PAGE_FIRST = 128, // messages to ask for, while nothing is known of their size
    PAGE_LEAST = 16,
};

bool track_stands(const struct track *track) {
    return track_is_known(track) && !track_is_in_doubt(track);
}

const struct position *track_position(const struct track *track) {
    return &track->stand;
}

bool track_is_busy(const struct track *track) {
    return read_is_busy(&track->read);
}

// The channel's messages arrive.
static bool is_heard(const struct track *track) {
    return channel_is_subscribed(track->channel);
}

// ---- lists ----

void track_link_last(struct track_link *head, struct track_link *link) {
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
    track_link_last(head, link);
}

bool track_list_is_empty(const struct track_link *head) {
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
    bool lacks = track_is_behind(track) && !track->hole.next;
    return track_is_known(track) && (track_is_in_doubt(track) || track->was_foreign || lacks);
}

// What would be asked now; ERRAND_NONE: nothing.
static enum errand choose(struct track *track, enum read_rank *rank, uint64_t *after) {
    *rank = READ_LIVE;
    *after = track->stand.offset;
    if (track->rests || !is_heard(track)) {
        return ERRAND_NONE;
    }
    if (!track_is_known(track)) {
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
        .done = track_on_read,
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
    track_forget_ahead(track);
    window_free(&track->window);
    read_forget(&track->read);
}

// ---- all of them ----

static void on_held(void *context) {
    struct hub *hub = context;
    struct track_link *held = &hub->tracks.held;
    uint64_t now = loop_now(hub->loop);
    while (!track_list_is_empty(held)) {
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
    wheel_sweep(&hub->tracks.wheel, loop_now(hub->loop), track_on_later, hub);
}

static void proceed_all(struct tracks *tracks) {
    while (!track_list_is_empty(&tracks->behind)) {
        move_to(&tracks->ready, tracks->behind.next);
    }
    while (!track_list_is_empty(&tracks->ready)) {
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
    if (has_more || !track_list_is_empty(&hub->tracks.ready) || hub->dirty.first) {
        loop_come_back(hub->loop); // a broker has answered at once
    }
}
