// SPDX-License-Identifier: MIT
// Shared by control.c, which hears what others revoke, and spread.c, which tells them; nobody else's.
#pragma once

#include "auth/revocations.h"
#include "hub/control.h"
#include "hub/hub_priv.h"
#include "loop/loop.h"
#include "plugin/probe.h"
#include "util/throttle.h"

#define CONTROL_CHANNEL PROBE_RESERVED_PREFIX ":control"
#define CONTROL_KEY_PREFIX "ws:revoke:"

enum { CONTROL_RETRY_MS = 1000 };

enum subscription { NOT_SUBSCRIBED, SUBSCRIBING, SUBSCRIBED };

struct control {
    struct hub *hub;
    struct hub_broker *slot;   // the first broker
    struct hub_broker *keeper; // NULL: no registry
    struct revocations *revocations;
    counter count;
    enum subscription subscription;
    uint64_t session;               // of the link: what was subscribed in an earlier one is gone
    uint64_t subscribe_at, read_at; // loop_now; not before
    bool must_read;                 // the registry may have what was not heard here
    bool reading;                   // now
    bool incomplete;                // something of what was read could not be taken
    bool informed;                  // it was read once: this instance knows who was revoked before it came
    bool told;                      // of a failure, since it last went well
    bool spreading;                 // there may be more of what the registry did not have
    unsigned spreads;               // of them, under way
    unsigned in_flight_subscribes, in_flight_spread_sets, in_flight_spread_publishes;
    struct throttle refused, unreadable, unkept;
};

static inline uint64_t control_now(const struct control *control) {
    return loop_now(control->hub->loop);
}

static inline const struct log *control_log(const struct control *control) {
    return control->hub->instance->log;
}

// This instance follows a revocation: its table and its workers know it from now on. Of enum wshub_status.
// `most`: how many its table may have.
int control_follow(struct control *control, const struct revocation *revocation, size_t most);
// Looks for what may have been missed, not before so many ms have passed.
void control_read_later(struct control *control, uint64_t milliseconds);

// Tells others what is known here and was not found in the registry.
void control_spread(struct control *control);
