// SPDX-License-Identifier: MIT
// What every thread of this instance may read: fixed once the threads run, but for the atomics.
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "net/networks.h"
#include "util/random.h"

struct address_table;
struct config;
struct hub;
struct log;
struct worker;

enum readiness { READINESS_STARTING, READINESS_READY, READINESS_BROKER, READINESS_DRAINING };

enum { INSTANCE_ID_MAX = 64, WORKERS_MAX = 64 };

struct instance {
    const struct config *config;
    const struct log *log;
    char id[INSTANCE_ID_MAX + 1];
    uint64_t hash_seed;
    time_t started;
    bool page;      // the built-in page is served
    bool registers; // connections are entered into the registry
    uint64_t connection_limit;
    struct hub *hub;
    struct worker *workers[WORKERS_MAX];
    unsigned worker_count;
    unsigned directory; // index of the broker for what is no client's channel: instances, users, members
    struct address_table *addresses;     // NULL: no limit per address
    struct networks proxies;             // whose word on a client's address counts
    atomic_int readiness;                // enum readiness, by the hub thread
    atomic_uint paused_listeners;        // out of descriptors
    atomic_bool congested;               // the hub has parked publishes: workers that catch up ring it
    atomic_uint_fast64_t connections;    // WebSockets open on all workers
    struct {                             // WebSockets that have gone since the drain began
        atomic_uint_fast64_t whole;      // with all that was queued to them
        atomic_uint_fast64_t forced;     // cut
        atomic_uint_fast64_t lost_bytes; // what was queued to those
    } gone;
};
