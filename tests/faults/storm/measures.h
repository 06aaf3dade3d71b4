// SPDX-License-Identifier: MIT
// What a storm was like, read from its ledger when it is over: delays, silences, reconnects, over time and
// per fault. It judges nothing.
//
// The delay of a delivery is the time from when its publish was sent (the last time before it came, when it
// was repeated) to when the client had it: being away and recovering is in it. The silence of a client is the
// longest time in which no message of any of its channels came, while there was publishing.
#pragma once

#include "load/samples.h"
#include "storm/faults.h"
#include "storm/subscribers.h"

enum { MEASURES_BUCKET_MS = 100 };

struct bucket {
    uint32_t published, delivered, reconnects;
    double delay_ms; // p99 of what came in it
};

struct fault_measures {
    double p50_ms, p99_ms, most_ms; // of deliveries from when it began until all delivered again
    double again_ms; // from its begin until every subscriber had something that was sent after it; -1: never
    uint64_t delivered;
};

struct measures {
    struct bucket *buckets;
    size_t bucket_count;
    uint64_t start_ns;
    double p50_ms, p99_ms, most_ms; // of all deliveries
    double silence_ms;
    uint32_t silent;                      // the subscriber that it was
    uint64_t reconnects, reconnects_peak; // clients that came back; most in any second
    struct fault_measures faults[FAULTS_MOST];
};

// From the first publish at `start_ns` to the last at `stop_ns`. -1: memory is short.
int measures_take(struct measures *measures, const struct storm *storm, const struct subscribers *subscribers,
                  const struct faults *faults, uint64_t start_ns, uint64_t stop_ns);
void measures_free(struct measures *measures);
