// SPDX-License-Identifier: MIT
#include "storm/judge.h"

#include <stdlib.h>
#include <string.h>

const char *const finding_names[FINDINGS] = {
    [FOUND_LOST] = "lost",           [FOUND_DUPLICATED] = "duplicated", [FOUND_REORDERED] = "reordered",
    [FOUND_MISPLACED] = "misplaced", [FOUND_FOREIGN] = "foreign",       [FOUND_TWICE] = "answered_twice",
};

// One log while it is read.
struct reading {
    struct judge *judge;
    const struct seen_log *log;
    uint32_t subscription, channel;
    const struct seen *first; // the answer to the first subscribe
    uint32_t epoch;           // where the client stands
    uint64_t offset;
};

// ---- before and after ----

static uint32_t publishers_of(const struct ledger *ledger) {
    uint32_t count = 0;
    for (size_t i = 0; i < ledger->publish_count; i++)
        if (ledger->publishes[i].publisher >= count)
            count = ledger->publishes[i].publisher + 1;
    return count;
}

static uint32_t starts_of(const struct ledger *ledger, uint32_t *starts) {
    uint32_t most = 0, at = 0;
    for (uint32_t i = 0; i < ledger->channels; i++) {
        starts[i] = at;
        at += ledger->counts[i];
        most = ledger->counts[i] > most ? ledger->counts[i] : most;
    }
    return most;
}

int judge_open(struct judge *judge, const struct ledger *ledger, bool history) {
    *judge = (struct judge){.ledger = ledger, .history = history, .publishers = publishers_of(ledger)};
    judge->starts = calloc(ledger->channels + 1u, sizeof *judge->starts);
    judge->order = calloc(ledger->publish_count + 1, sizeof *judge->order);
    judge->latest = calloc(judge->publishers + 1u, sizeof *judge->latest);
    if (judge->starts)
        judge->came = calloc(starts_of(ledger, judge->starts) + 1u, sizeof *judge->came);
    if (!judge->starts || !judge->order || !judge->latest || !judge->came) {
        judge_close(judge);
        return -1;
    }
    for (size_t i = 0; i < ledger->publish_count; i++)
        judge->order[judge->starts[ledger->publishes[i].channel] + ledger->publishes[i].place] = (uint32_t)i;
    return 0;
}

void judge_close(struct judge *judge) {
    free(judge->order);
    free(judge->starts);
    free(judge->came);
    free(judge->latest);
    judge->order = judge->starts = judge->came = judge->latest = NULL;
}

uint64_t verdict_violations(const struct verdict *verdict) {
    uint64_t sum = 0;
    for (int i = 0; i < FINDINGS; i++)
        sum += verdict->found[i];
    return sum;
}

static void find(struct judge *judge, enum finding finding, uint32_t subscription, uint32_t publish,
                 uint64_t at_ns) {
    judge->verdict.found[finding]++;
    if (judge->found)
        judge->found(judge->context, &(struct violation){finding, subscription, publish, at_ns});
}

static const struct publish *publish_of(const struct judge *judge, uint32_t channel, uint32_t place) {
    return &judge->ledger->publishes[judge->order[judge->starts[channel] + place]];
}

static uint32_t index_of(const struct judge *judge, const struct publish *publish) {
    return (uint32_t)(publish - judge->ledger->publishes);
}

// ---- what comes ----

static bool in_order(const struct reading *reading, const struct publish *publish) {
    uint32_t latest = reading->judge->latest[publish->publisher];
    if (latest == 0 || publish->attempts != 1 || publish->state != PUBLISH_ACKED)
        return true;
    const struct publish *before = publish_of(reading->judge, reading->channel, latest - 1);
    return before->place < publish->place || before->connection != publish->connection;
}

// Remembered for the order of what one publisher has sent: of those alone that it was sure of and sent once.
static void passed(struct reading *reading, const struct publish *publish) {
    uint32_t *latest = &reading->judge->latest[publish->publisher];
    if (publish->attempts == 1 && publish->state == PUBLISH_ACKED && publish->place >= *latest)
        *latest = publish->place + 1;
}

static bool well_placed(const struct reading *reading, const struct seen *seen,
                        const struct publish *publish) {
    if (!reading->judge->history)
        return true;
    if (!seen->has_offset)
        return false;
    if (publish->state != PUBLISH_ACKED || publish->epoch == 0)
        return true;
    if (publish->epoch == reading->epoch)
        return publish->offset == seen->offset;
    return publish->attempts > 1; // taken again under the epoch that the repetition found
}

// The epoch under which a log stood when it came to `at`.
static uint32_t epoch_at(const struct seen_log *log, size_t at) {
    while (at > 0)
        if (log->all[--at].epoch)
            return log->all[at].epoch;
    return 0;
}

static void came_again(struct reading *reading, const struct seen *seen, const struct publish *publish) {
    size_t before = reading->judge->came[publish->place] - 1;
    bool forgotten =
        reading->judge->history && publish->attempts > 1 && epoch_at(reading->log, before) != reading->epoch;
    if (forgotten)
        reading->judge->verdict.again++;
    else
        find(reading->judge, FOUND_DUPLICATED, reading->subscription, seen->publish, seen->at_ns);
}

static void came(struct reading *reading, const struct seen *seen) {
    struct judge *judge = reading->judge;
    const struct ledger *ledger = judge->ledger;
    if (seen->publish >= ledger->publish_count ||
        ledger->publishes[seen->publish].channel != reading->channel) {
        find(judge, FOUND_FOREIGN, reading->subscription, PUBLISH_NONE, seen->at_ns);
        return;
    }
    const struct publish *publish = &ledger->publishes[seen->publish];
    if (judge->came[publish->place]) {
        came_again(reading, seen, publish);
        return;
    }
    judge->came[publish->place] = (uint32_t)(seen - reading->log->all) + 1;
    judge->verdict.unacknowledged += publish->state != PUBLISH_ACKED;
    bool after = !judge->history || !seen->has_offset || seen->offset > reading->offset;
    if (!after || !in_order(reading, publish))
        find(judge, FOUND_REORDERED, reading->subscription, seen->publish, seen->at_ns);
    if (!well_placed(reading, seen, publish))
        find(judge, FOUND_MISPLACED, reading->subscription, seen->publish, seen->at_ns);
    if (after && seen->has_offset)
        reading->offset = seen->offset;
    passed(reading, publish);
}

// Where the client stands from here on. Of a recovered one nothing changes: the missed ones come first.
static void stand(struct reading *reading, const struct seen *seen) {
    if (seen->epoch && (seen->epoch != reading->epoch || seen->offset > reading->offset)) {
        reading->epoch = seen->epoch;
        reading->offset = seen->offset;
    }
}

static void see(struct reading *reading, const struct seen *seen) {
    switch ((enum seen_kind)seen->kind) {
    case SEEN_MESSAGE:
        came(reading, seen);
        return;
    case SEEN_JOINED:
    case SEEN_UNRECOVERED:
    case SEEN_GAP:
        stand(reading, seen);
        return;
    case SEEN_RECOVERED:
    case SEEN_LEFT:
        return;
    }
}

// ---- what did not come ----

static bool owed(const struct reading *reading, const struct publish *publish) {
    const struct seen *first = reading->first;
    if (publish->state != PUBLISH_ACKED)
        return false;
    if (first->epoch && first->epoch == publish->epoch)
        return publish->offset > first->offset;
    return publish->first_ns > first->at_ns;
}

// Whether one sent after it by the same publisher on the same connection came before the client left.
static bool shown_by_later(const struct reading *reading, const struct publish *publish, size_t left) {
    const struct judge *judge = reading->judge;
    for (uint32_t i = publish->place + 1; i < judge->ledger->counts[reading->channel]; i++) {
        const struct publish *later = publish_of(judge, reading->channel, i);
        uint32_t at = judge->came[i];
        if (later->publisher == publish->publisher && later->connection == publish->connection && at &&
            at - 1 < left && later->state == PUBLISH_ACKED)
            return true;
    }
    return false;
}

static bool is_answer(const struct seen *seen) {
    return seen->kind == SEEN_JOINED || seen->kind == SEEN_RECOVERED || seen->kind == SEEN_UNRECOVERED;
}

// Without a history: the connection at whose time it was sent has ended, and showed no hole there.
static bool told_by_leaving(const struct reading *reading, const struct publish *publish) {
    const struct seen_log *log = reading->log;
    size_t i = 0, joined = 0;
    for (; i < log->count && log->all[i].at_ns < publish->first_ns; i++)
        if (is_answer(&log->all[i]))
            joined = i;
    for (size_t j = joined; j < log->count; j++) {
        if (log->all[j].kind != SEEN_LEFT)
            continue;
        return log->all[j].at_ns < publish->first_ns || !shown_by_later(reading, publish, j);
    }
    return false;
}

static bool tells(const struct seen *seen, const struct publish *publish) {
    if (seen->kind != SEEN_GAP && seen->kind != SEEN_UNRECOVERED)
        return false;
    if (seen->epoch == 0 || publish->epoch == 0)
        return seen->at_ns >= publish->first_ns;
    if (seen->epoch == publish->epoch)
        return publish->offset <= seen->offset;
    return seen->epoch > publish->epoch && seen->at_ns >= publish->first_ns;
}

static bool told(const struct reading *reading, const struct publish *publish) {
    const struct seen_log *log = reading->log;
    for (size_t i = (size_t)(reading->first - log->all); i < log->count; i++)
        if (tells(&log->all[i], publish))
            return true;
    return !reading->judge->history && told_by_leaving(reading, publish);
}

static void settle(struct reading *reading) {
    struct judge *judge = reading->judge;
    for (uint32_t i = 0; i < judge->ledger->counts[reading->channel]; i++) {
        const struct publish *publish = publish_of(judge, reading->channel, i);
        if (!owed(reading, publish))
            continue;
        judge->verdict.owed++;
        if (judge->came[i])
            judge->verdict.delivered++;
        else if (told(reading, publish))
            judge->verdict.told++;
        else
            find(judge, FOUND_LOST, reading->subscription, index_of(judge, publish), publish->first_ns);
    }
}

void judge_subscription(struct judge *judge, uint32_t subscription, uint32_t channel,
                        const struct seen_log *log) {
    struct reading reading = {.judge = judge, .log = log, .subscription = subscription, .channel = channel};
    memset(judge->came, 0, judge->ledger->counts[channel] * sizeof *judge->came);
    memset(judge->latest, 0, judge->publishers * sizeof *judge->latest);
    for (size_t i = 0; i < log->count; i++) {
        if (!reading.first && is_answer(&log->all[i]))
            reading.first = &log->all[i];
        see(&reading, &log->all[i]);
    }
    if (reading.first)
        settle(&reading);
}

// ---- publishes alone ----

struct place {
    uint64_t offset;
    uint32_t epoch, publish;
};

static int by_place(const void *a, const void *b) {
    const struct place *left = a, *right = b;
    if (left->epoch != right->epoch)
        return left->epoch < right->epoch ? -1 : 1;
    return left->offset < right->offset ? -1 : left->offset > right->offset;
}

int judge_publishes(struct judge *judge) {
    const struct ledger *ledger = judge->ledger;
    struct place *places = calloc(ledger->publish_count + 1, sizeof *places);
    size_t count = 0;
    if (!places)
        return -1;
    for (size_t i = 0; i < ledger->publish_count; i++) {
        const struct publish *publish = &ledger->publishes[i];
        if (publish->answered_twice)
            find(judge, FOUND_TWICE, 0, (uint32_t)i, publish->acked_ns);
        if (publish->state == PUBLISH_ACKED && publish->epoch)
            places[count++] = (struct place){publish->offset, publish->epoch, (uint32_t)i};
    }
    qsort(places, count, sizeof *places, by_place); // an epoch's number is of one channel
    for (size_t i = 1; i < count; i++)
        if (by_place(&places[i - 1], &places[i]) == 0)
            find(judge, FOUND_MISPLACED, 0, places[i].publish, ledger->publishes[places[i].publish].acked_ns);
    free(places);
    return 0;
}
