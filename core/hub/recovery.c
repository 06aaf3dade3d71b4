// SPDX-License-Identifier: MIT
#include "hub/recovery.h"

#include <string.h>

#include "config/config.h"
#include "hub/asks.h"
#include "hub/channels_priv.h"
#include "hub/message.h"
#include "hub/track.h"

enum { PART_BYTES = 256 * 1024 }; // of one answer; never more than half of an outbox

// ---- answers: those of one channel and worker travel as one chain ----

struct answers {
    struct hub *hub;
    const struct track *track;
    uint64_t workers; // bits: which of them have a chain
    struct recovery *first[WORKERS_MAX], *last[WORKERS_MAX];
};

static void begin_answers(struct answers *answers, struct track *track) {
    answers->hub = track->hub;
    answers->track = track;
    answers->workers = 0;
}

static void post_answers(struct answers *answers) {
    for (; answers->workers; answers->workers &= answers->workers - 1) {
        unsigned worker = (unsigned)__builtin_ctzll(answers->workers);
        hub_post(answers->hub, worker, &answers->first[worker]->mail);
    }
}

static void count(struct hub *hub, const struct recovery *recovery) {
    enum recovery_result result = recovery->status == WSHUB_OK          ? RECOVERY_WHOLE
                                  : recovery->status == WSHUB_NOT_FOUND ? RECOVERY_NOT_FOUND
                                                                        : RECOVERY_FAILED;
    if (recovery->whole && recovery->since.epoch_length > 0) {
        counter_add(&hub->stats.recoveries[result], 1);
    }
}

static void add_answer(struct answers *answers, struct recovery *recovery) {
    uint64_t bit = UINT64_C(1) << recovery->worker;
    recovery->mail.kind = MAIL_RECOVERED;
    recovery->next = NULL;
    if (answers->workers & bit) {
        answers->last[recovery->worker]->next = recovery;
    } else {
        answers->first[recovery->worker] = recovery;
    }
    answers->last[recovery->worker] = recovery;
    answers->workers |= bit;
    count(answers->hub, recovery);
}

// An answer without messages.
static void answer(struct answers *answers, struct recovery *recovery, int status) {
    recovery->status = status;
    recovery->whole = true;
    recovery->position = *track_position(answers->track);
    recovery->found = NULL;
    recovery->from = recovery->until = 0;
    recovery->weight = 0;
    add_answer(answers, recovery);
}

// ---- those who wait ----

static void append(struct track *track, struct recovery *recovery) {
    recovery->next = NULL;
    *(track->waiting_last ? &track->waiting_last->next : &track->waiting) = recovery;
    track->waiting_last = recovery;
}

static struct recovery *take_all(struct track *track) {
    struct recovery *first = track->waiting;
    track->waiting = track->waiting_last = NULL;
    return first;
}

void recovery_ask(struct hub *hub, struct recovery *recovery) {
    const struct channel_ticket *ticket = recovery->ticket;
    struct hub_channel *channel = channels_find(hub, ticket->name, ticket->hash);
    struct track *track = channel ? channel_track(channel) : NULL;
    static const struct track nowhere;
    struct answers answers;
    if (track && channel_is_subscribed(channel)) {
        recovery->mark = track->questions;
        append(track, recovery);
        track_wake(track);
        return;
    }
    answers = (struct answers){.hub = hub, .track = track ? track : &nowhere};
    answer(&answers, recovery, track ? WSHUB_UNAVAILABLE : WSHUB_UNSUPPORTED);
    post_answers(&answers);
}

void recovery_fail(struct track *track, int status) {
    struct answers answers;
    begin_answers(&answers, track);
    for (struct recovery *recovery = take_all(track), *next; recovery; recovery = next) {
        next = recovery->next;
        answer(&answers, recovery, status);
    }
    post_answers(&answers);
}

void recovery_drop(struct track *track, const struct channel_ticket *ticket) {
    struct answers answers;
    begin_answers(&answers, track);
    for (struct recovery *recovery = take_all(track), *next; recovery; recovery = next) {
        next = recovery->next;
        if (recovery->ticket == ticket) {
            answer(&answers, recovery, WSHUB_CLOSED);
        } else {
            append(track, recovery);
        }
    }
    post_answers(&answers);
}

// ---- what each of them needs ----

enum need {
    NEED_NOTHING, // it stands where the channel stands, or wants to know that alone
    NEED_LIVE,    // messages of the window's runs
    NEED_EARLY,
    NEED_READ,
    NEED_LOOK, // it is further than this hub
    NEED_TIME, // the same, and rightly: the rest is on its way. Or its worker is behind
    NEED_HOPE, // it cannot be helped
};

static bool is_too_much(const struct track *track, const struct recovery *recovery, const struct run *run) {
    uint64_t most = track->hub->instance->config->recovery.messages;
    if (recovery->sent > 0) {
        return false; // it was told already that it gets all of it
    }
    if (run == &track->window.live) {
        return run->count - run_behind(run, recovery->since.offset) > most;
    }
    return track->is_dense && track->stand.offset - recovery->since.offset > most;
}

// Only where the offsets say how many there are between two.
static bool is_gone(const struct track *track, const struct recovery *recovery) {
    return track->is_dense && recovery->since.offset + 1 < track->oldest;
}

static enum need need_of_later(const struct track *track, const struct recovery *recovery) {
    if (recovery->since.offset <= track->target) {
        return NEED_TIME;
    }
    return track->looked > recovery->mark ? NEED_HOPE : NEED_LOOK;
}

static enum need need_of(struct track *track, const struct recovery *recovery) {
    const struct position *since = &recovery->since;
    if (since->epoch_length == 0) {
        return NEED_NOTHING;
    }
    if (!position_is_of(&track->stand, position_epoch(since))) {
        return NEED_HOPE;
    }
    if (since->offset >= track->stand.offset) {
        return since->offset == track->stand.offset ? NEED_NOTHING : need_of_later(track, recovery);
    }
    const struct run *run = window_find(&track->window, since->offset);
    if (is_too_much(track, recovery, run)) {
        return NEED_HOPE;
    }
    if (!congestion_has_room(track->hub, recovery->worker)) {
        track->lacks_room = true; // whatever the worker has done since: nobody else looks again
        return NEED_TIME;
    }
    if (run && run_behind(run, since->offset) < run->count) {
        return run == &track->window.live ? NEED_LIVE : NEED_EARLY;
    }
    return is_gone(track, recovery) ? NEED_HOPE : NEED_READ;
}

// ---- parts: messages that lie in a row somewhere ----

// Where to look for them: a run, or what a read has found.
struct source {
    const struct run *run; // NULL: found
    const struct found *found;
    uint32_t count;
    bool is_up_to_date;  // it ends where the channel stands
    struct found *given; // what the answers share: the source from `first` on
    uint32_t first;
    // What the last one has got: many ask for the same.
    uint32_t from, until;
    uint64_t weight;
};

static struct message *source_at(const struct source *source, uint32_t i) {
    return source->run ? run_at(source->run, i) : found_at(source->found, i);
}

static uint32_t source_behind(const struct source *source, uint64_t offset) {
    uint32_t low = 0, high = source->count;
    if (source->run) {
        return run_behind(source->run, offset);
    }
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (found_at(source->found, middle)->offset > offset) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    return low;
}

// From `from` on, as many as fit, but one at least.
static void measure(struct source *source, uint32_t from, uint64_t most) {
    if (source->until > from && source->from == from) {
        return;
    }
    source->from = source->until = from;
    source->weight = 0;
    while (source->until < source->count) {
        uint64_t weight = message_weight(source_at(source, source->until));
        if (source->until > from && source->weight + weight > most) {
            return;
        }
        source->weight += weight;
        source->until++;
    }
}

static uint64_t part_most(const struct hub *hub) {
    uint64_t half = hub->instance->config->limits.outbox / 2;
    return half < PART_BYTES ? half : PART_BYTES;
}

// A run goes on and forgets while the answers are on their way: they get a copy, from the first that is
// needed to the last. False: no memory.
static bool copy_run(struct source *source, uint32_t first, uint32_t end) {
    source->given = found_new(end - first);
    source->first = first;
    for (uint32_t i = first; source->given && i < end; i++) {
        if (!found_add(source->given, run_at(source->run, i))) {
            found_unref(source->given);
            source->given = NULL;
        }
    }
    return source->given != NULL;
}

// What it gets of the source. Its worker is charged now, so that no more are taken than there is room for:
// the rest are not even measured.
static void reserve(struct hub *hub, struct source *source, struct recovery *recovery) {
    measure(source, source_behind(source, recovery->since.offset), part_most(hub));
    recovery->from = source->from;
    recovery->until = source->until;
    recovery->weight = source->weight;
    congestion_add_old(hub, recovery->worker, source->weight);
}

static void give(struct answers *answers, const struct source *source, struct recovery *recovery) {
    recovery->status = WSHUB_OK;
    recovery->whole = source->is_up_to_date && recovery->until == source->count;
    recovery->position = *track_position(answers->track);
    recovery->found = source->given;
    recovery->from -= source->first;
    recovery->until -= source->first;
    found_ref(source->given);
    add_answer(answers, recovery);
}

// There is no memory for what was reserved; the worker gives back the charge all the same.
static void fail(struct answers *answers, struct recovery *recovery) {
    uint64_t weight = recovery->weight;
    answer(answers, recovery, WSHUB_NO_MEMORY);
    recovery->weight = weight;
}

// Those that a run can serve, and that there is room for, linked by next; *first to *end is what they need of
// it, in all.
static struct recovery *choose(struct track *track, struct source *source, enum need need, uint32_t *first,
                               uint32_t *end) {
    struct recovery *chosen = NULL, **last = &chosen;
    *first = UINT32_MAX;
    *end = 0;
    for (struct recovery *recovery = take_all(track), *next; recovery; recovery = next) {
        next = recovery->next;
        if (need_of(track, recovery) != need) {
            append(track, recovery);
            continue;
        }
        reserve(track->hub, source, recovery);
        *first = recovery->from < *first ? recovery->from : *first;
        *end = recovery->until > *end ? recovery->until : *end;
        recovery->next = NULL;
        *last = recovery;
        last = &recovery->next;
    }
    return chosen;
}

static void serve_run(struct track *track, struct answers *answers, enum need need) {
    const struct run *run = need == NEED_LIVE ? &track->window.live : &track->window.early;
    struct source source = {.run = run, .count = run->count, .is_up_to_date = need == NEED_LIVE};
    uint32_t first, end;
    struct recovery *chosen = choose(track, &source, need, &first, &end);
    if (!chosen) {
        return;
    }
    bool ok = copy_run(&source, first, end);
    for (struct recovery *recovery = chosen, *next; recovery; recovery = next) {
        next = recovery->next;
        if (ok) {
            give(answers, &source, recovery);
        } else {
            fail(answers, recovery);
        }
    }
    found_unref(source.given);
    window_use(&track->window);
}

// Those who get no messages. What can be read only at a broker that is not there is not waited for.
static void serve_others(struct track *track, struct answers *answers) {
    bool is_up = broker_is_up(track->keeper->broker);
    for (struct recovery *recovery = take_all(track), *next; recovery; recovery = next) {
        enum need need = need_of(track, recovery);
        next = recovery->next;
        if (need == NEED_NOTHING) {
            answer(answers, recovery, WSHUB_OK);
        } else if (need == NEED_HOPE) {
            answer(answers, recovery, WSHUB_NOT_FOUND);
        } else if ((need == NEED_READ || need == NEED_LOOK) && !is_up) {
            answer(answers, recovery, WSHUB_UNAVAILABLE);
        } else {
            track->wants_look |= need == NEED_LOOK;
            append(track, recovery);
        }
    }
}

void recovery_serve(struct track *track) {
    struct answers answers;
    if (!track->waiting || !track_stands(track)) {
        return;
    }
    track->lacks_room = false;
    begin_answers(&answers, track);
    serve_others(track, &answers);
    serve_run(track, &answers, NEED_LIVE);
    serve_run(track, &answers, NEED_EARLY);
    post_answers(&answers);
    if (track->waiting && track->lacks_room) {
        track_wait_for_workers(track);
    }
}

// ---- reads ----

// The lowest of those that wait for a read, from `least` on; UINT64_MAX: none.
static uint64_t lowest(struct track *track, uint64_t least) {
    uint64_t low = UINT64_MAX;
    for (const struct recovery *r = track->waiting; r; r = r->next) {
        if (r->since.offset >= least && r->since.offset < low && need_of(track, r) == NEED_READ) {
            low = r->since.offset;
        }
    }
    return low;
}

// What has been read goes on to where the window begins, as long as somebody waits on that way: who comes
// later and has missed more waits for the next time. Else a few could keep all others from their turn.
bool recovery_wants(struct track *track, uint64_t *after) {
    const struct run *early = &track->window.early;
    uint64_t low = early->count > 0 ? lowest(track, early->until) : UINT64_MAX;
    if (low != UINT64_MAX) {
        *after = low - early->until < READ_MESSAGES_MAX ? early->until : low;
        return true;
    }
    low = lowest(track, 0);
    *after = low;
    if (track->lacks_room) {
        track_wait_for_workers(track);
    }
    return low != UINT64_MAX;
}

// Where the page ends: no later than its last message, whatever the history says of its end.
static uint64_t end_of(const struct track *track, uint64_t base) {
    const struct found *found = track->read.found;
    size_t count = found ? found_count(found) : 0;
    return count > 0 ? found_at(found, count - 1)->offset : base;
}

// Whom the read was for, and whose messages it has not found: they have gone.
static bool is_missing(const struct track *track, const struct recovery *recovery, uint64_t base) {
    uint64_t since = recovery->since.offset;
    bool is_empty = !track->read.found || found_count(track->read.found) == 0;
    return since >= track->read.after && (since < base || is_empty);
}

static void keep_page(struct track *track, uint64_t base) {
    const struct found *found = track->read.found;
    size_t count = found ? found_count(found) : 0;
    window_read(&track->window, base);
    for (size_t i = 0; i < count; i++) {
        if (!window_add(&track->window, found_at(found, i))) {
            return;
        }
    }
    window_reach(&track->window, end_of(track, base));
}

// The runs may have forgotten already what was just read: those that were waited for get it all the same.
static void serve_page(struct track *track, struct answers *answers, uint64_t base) {
    struct source source = {.found = track->read.found, .given = track->read.found};
    uint64_t until = end_of(track, base);
    while (source.found && source.count < found_count(source.found) &&
           found_at(source.found, source.count)->offset <= track->stand.offset) {
        source.count++;
    }
    source.is_up_to_date = until >= track->stand.offset;
    for (struct recovery *recovery = take_all(track), *next; recovery; recovery = next) {
        bool waits = need_of(track, recovery) == NEED_READ;
        uint64_t since = recovery->since.offset;
        next = recovery->next;
        if (waits && is_missing(track, recovery, base)) {
            answer(answers, recovery, WSHUB_NOT_FOUND);
        } else if (waits && since >= base && since < until && source_behind(&source, since) < source.count) {
            reserve(track->hub, &source, recovery);
            give(answers, &source, recovery);
        } else {
            append(track, recovery);
        }
    }
}

void recovery_on_page(struct track *track, uint64_t base) {
    struct answers answers;
    keep_page(track, base);
    recovery_serve(track);
    begin_answers(&answers, track);
    serve_page(track, &answers, base);
    post_answers(&answers);
}

// Who asks again may fare better, unless the broker has said that it never will.
static bool is_passing(int status) {
    return status == WSHUB_UNAVAILABLE || status == WSHUB_TIMEOUT || status == WSHUB_NO_MEMORY ||
           status == WSHUB_CLOSED;
}

void recovery_on_failure(struct track *track, int status) {
    struct answers answers;
    begin_answers(&answers, track);
    for (struct recovery *recovery = take_all(track), *next; recovery; recovery = next) {
        next = recovery->next;
        if (need_of(track, recovery) == NEED_READ) {
            answer(&answers, recovery, is_passing(status) ? status : WSHUB_NOT_FOUND);
        } else {
            append(track, recovery);
        }
    }
    post_answers(&answers);
}
