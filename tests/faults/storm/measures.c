// SPDX-License-Identifier: MIT
#include "storm/measures.h"

#include <stdlib.h>

#define MS UINT64_C(1000000)
#define BUCKET_NS (MEASURES_BUCKET_MS * MS)
enum { SECOND_BUCKETS = 1000 / MEASURES_BUCKET_MS };

struct delivery {
    uint64_t at_ns, delay_ns;
};

struct deliveries { // all of them, by when they came
    struct delivery *all;
    size_t count;
};

static uint64_t delay_of(const struct ledger *ledger, const struct seen *seen) {
    const struct publish *publish = &ledger->publishes[seen->publish];
    return seen->at_ns - (publish->last_ns <= seen->at_ns ? publish->last_ns : publish->first_ns);
}

static bool is_message(const struct ledger *ledger, const struct seen *seen) {
    return seen->kind == SEEN_MESSAGE && seen->publish < ledger->publish_count;
}

static size_t log_count(const struct subscribers *subscribers) {
    return (size_t)subscribers->count * subscribers->per;
}

static int by_time(const void *a, const void *b) {
    uint64_t left = ((const struct delivery *)a)->at_ns, right = ((const struct delivery *)b)->at_ns;
    return left < right ? -1 : left > right;
}

static int collect(struct deliveries *deliveries, const struct ledger *ledger,
                   const struct subscribers *subscribers) {
    size_t room = 1;
    for (size_t i = 0; i < log_count(subscribers); i++)
        room += subscribers->subscriptions[i].log.count;
    *deliveries = (struct deliveries){.all = calloc(room, sizeof *deliveries->all)};
    if (!deliveries->all)
        return -1;
    for (size_t i = 0; i < log_count(subscribers); i++) {
        const struct seen_log *log = &subscribers->subscriptions[i].log;
        for (size_t j = 0; j < log->count; j++)
            if (is_message(ledger, &log->all[j]))
                deliveries->all[deliveries->count++] =
                    (struct delivery){log->all[j].at_ns, delay_of(ledger, &log->all[j])};
    }
    qsort(deliveries->all, deliveries->count, sizeof *deliveries->all, by_time);
    return 0;
}

// ---- delays ----

struct delays {
    double p50_ms, p99_ms, most_ms;
};

static struct delays delays_of(struct samples *samples, const struct delivery *from, size_t count) {
    samples->count = 0;
    for (size_t i = 0; i < count; i++)
        samples_add(samples, from[i].delay_ns);
    samples_sort(samples);
    return (struct delays){samples_percentile_us(samples, 50) / 1e3, samples_percentile_us(samples, 99) / 1e3,
                           samples_percentile_us(samples, 100) / 1e3};
}

static size_t first_from(const struct deliveries *deliveries, uint64_t at_ns) {
    size_t low = 0, high = deliveries->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (deliveries->all[middle].at_ns < at_ns)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static void take_delays(struct measures *measures, const struct deliveries *deliveries,
                        struct samples *samples) {
    struct delays all = delays_of(samples, deliveries->all, deliveries->count);
    measures->p50_ms = all.p50_ms;
    measures->p99_ms = all.p99_ms;
    measures->most_ms = all.most_ms;
    for (size_t i = 0; i < measures->bucket_count; i++) {
        size_t from = first_from(deliveries, measures->start_ns + i * BUCKET_NS);
        size_t to = first_from(deliveries, measures->start_ns + (i + 1) * BUCKET_NS);
        measures->buckets[i].delivered = (uint32_t)(to - from);
        measures->buckets[i].delay_ms = delays_of(samples, deliveries->all + from, to - from).p99_ms;
    }
}

// ---- faults ----

// When a subscriber first had something that was sent after `since_ns`; 0: never.
static uint64_t delivered_again(const struct ledger *ledger, const struct subscriber *subscriber,
                                uint32_t per, uint64_t since_ns) {
    uint64_t first_ns = 0;
    for (uint32_t i = 0; i < per; i++) {
        const struct seen_log *log = &subscriber->subscriptions[i].log;
        for (size_t j = 0; j < log->count; j++) {
            const struct seen *seen = &log->all[j];
            if (!is_message(ledger, seen) || ledger->publishes[seen->publish].first_ns < since_ns)
                continue;
            if (first_ns == 0 || seen->at_ns < first_ns)
                first_ns = seen->at_ns;
            break;
        }
    }
    return first_ns;
}

static double all_again_ms(const struct ledger *ledger, const struct subscribers *subscribers,
                           const struct fault *fault) {
    uint64_t latest_ns = fault->ended_ns;
    for (uint32_t i = 0; i < subscribers->count; i++) {
        uint64_t at_ns = delivered_again(ledger, &subscribers->all[i], subscribers->per, fault->ended_ns);
        if (at_ns == 0)
            return -1;
        latest_ns = at_ns > latest_ns ? at_ns : latest_ns;
    }
    return (double)(latest_ns - fault->began_ns) / 1e6;
}

static void take_fault(struct fault_measures *measures, const struct fault *fault,
                       const struct ledger *ledger, const struct subscribers *subscribers,
                       const struct deliveries *deliveries, struct samples *samples) {
    measures->again_ms = all_again_ms(ledger, subscribers, fault);
    uint64_t until_ns =
        measures->again_ms < 0 ? UINT64_MAX : fault->began_ns + (uint64_t)(measures->again_ms * 1e6) + 1;
    size_t from = first_from(deliveries, fault->began_ns), to = first_from(deliveries, until_ns);
    struct delays delays = delays_of(samples, deliveries->all + from, to - from);
    measures->p50_ms = delays.p50_ms;
    measures->p99_ms = delays.p99_ms;
    measures->most_ms = delays.most_ms;
    measures->delivered = to - from;
}

// ---- silence ----

static int by_ns(const void *a, const void *b) {
    uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;
    return left < right ? -1 : left > right;
}

static size_t times_of(const struct ledger *ledger, const struct subscriber *subscriber, uint32_t per,
                       uint64_t stop_ns, uint64_t *times) {
    size_t count = 0;
    for (uint32_t i = 0; i < per; i++) {
        const struct seen_log *log = &subscriber->subscriptions[i].log;
        for (size_t j = 0; j < log->count; j++)
            if (is_message(ledger, &log->all[j]) && log->all[j].at_ns < stop_ns)
                times[count++] = log->all[j].at_ns;
    }
    times[count++] = stop_ns;
    qsort(times, count, sizeof *times, by_ns);
    return count;
}

static void take_silence(struct measures *measures, const struct ledger *ledger,
                         const struct subscribers *subscribers, uint64_t stop_ns, uint64_t *times) {
    for (uint32_t i = 0; i < subscribers->count; i++) {
        size_t count = times_of(ledger, &subscribers->all[i], subscribers->per, stop_ns, times);
        uint64_t before_ns = measures->start_ns;
        for (size_t j = 0; j < count; before_ns = times[j++])
            if ((double)(times[j] - before_ns) / 1e6 > measures->silence_ms) {
                measures->silence_ms = (double)(times[j] - before_ns) / 1e6;
                measures->silent = i;
            }
    }
}

// ---- counts over time ----

static void take_counts(struct measures *measures, const struct storm *storm) {
    for (size_t i = 0; i < storm->ledger.publish_count; i++) {
        uint64_t at = (storm->ledger.publishes[i].first_ns - measures->start_ns) / BUCKET_NS;
        if (at < measures->bucket_count)
            measures->buckets[at].published++;
    }
    for (size_t i = 0; i < storm->welcome_count; i++) {
        const struct welcome *welcome = &storm->welcomes[i];
        uint64_t at = (welcome->at_ns - measures->start_ns) / BUCKET_NS;
        if (!welcome->again || welcome->at_ns < measures->start_ns || at >= measures->bucket_count)
            continue;
        measures->reconnects++;
        measures->buckets[at].reconnects++;
    }
    uint64_t within = 0;
    for (size_t i = 0; i < measures->bucket_count; i++) {
        within += measures->buckets[i].reconnects;
        within -= i >= SECOND_BUCKETS ? measures->buckets[i - SECOND_BUCKETS].reconnects : 0;
        measures->reconnects_peak = within > measures->reconnects_peak ? within : measures->reconnects_peak;
    }
}

int measures_take(struct measures *measures, const struct storm *storm, const struct subscribers *subscribers,
                  const struct faults *faults, uint64_t start_ns, uint64_t stop_ns) {
    struct deliveries deliveries;
    struct samples samples = {0};
    *measures = (struct measures){.start_ns = start_ns};
    if (collect(&deliveries, &storm->ledger, subscribers) < 0)
        return -1;
    uint64_t last_ns = deliveries.count ? deliveries.all[deliveries.count - 1].at_ns : stop_ns;
    measures->bucket_count = (size_t)(((last_ns > stop_ns ? last_ns : stop_ns) - start_ns) / BUCKET_NS + 1);
    measures->buckets = calloc(measures->bucket_count, sizeof *measures->buckets);
    uint64_t *times = calloc(deliveries.count + 1, sizeof *times);
    bool enough = measures->buckets && times && samples_init(&samples, deliveries.count + 1) == 0;
    if (enough) {
        take_delays(measures, &deliveries, &samples);
        for (unsigned i = 0; i < faults->current; i++)
            take_fault(&measures->faults[i], &faults->all[i], &storm->ledger, subscribers, &deliveries,
                       &samples);
        take_silence(measures, &storm->ledger, subscribers, stop_ns, times);
        take_counts(measures, storm);
    }
    samples_free(&samples);
    free(times);
    free(deliveries.all);
    return enough ? 0 : -1;
}

void measures_free(struct measures *measures) {
    free(measures->buckets);
}
