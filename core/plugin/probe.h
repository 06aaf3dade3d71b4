// SPDX-License-Identifier: MIT
// Proves that messages really flow through a broker (P9): subscribes to a channel of this instance's own,
// publishes a counter to it every PROBE_PERIOD_MS, and wants it confirmed and back. Belongs to the hub
// thread.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "wshub/message.h"

struct broker;
struct loop;
struct probe;

enum { PROBE_PERIOD_MS = 2000 };

// Names that begin so belong to the hub; clients may not use them.
#define PROBE_RESERVED_PREFIX "$wshub"

// Called when the verdict changes. `why` tells what is wrong.
typedef void (*probe_fn)(void *context, struct broker *broker, bool healthy, const char *why);

// NULL: no memory. A verdict of unhealthy stands until the first round trip.
struct probe *probe_new(struct loop *loop, struct broker *broker, const char *instance_id, probe_fn fn,
                        void *context);
void probe_free(struct probe *probe); // after the broker was closed; NULL is fine

// A round starts now rather than at the next period.
void probe_kick(struct probe *probe);
// The link is up. `kept`: with its subscriptions.
void probe_link_up(struct probe *probe, bool kept);
void probe_link_lost(struct probe *probe);
// True when the message was this probe's, and is done with.
bool probe_take(struct probe *probe, const struct wshub_message *message);
// Its calls among those that are in flight at the broker: nobody's work is lost with them.
unsigned probe_in_flight(const struct probe *probe);
// Milliseconds since the last round trip, or since the start.
uint64_t probe_age(const struct probe *probe);
