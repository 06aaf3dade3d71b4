// SPDX-License-Identifier: MIT
// Who is connected where (P7), kept in one broker: an entry `ws:conn:<connection_id>` for each connection,
// renewed at half of its time to live, and `ws:instance:<instance_id>` by heartbeat. Desired state is here;
// what the broker has follows it, some calls at a time. Belongs to the hub thread.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "wshub/host.h"

struct hub;
struct hub_broker;
struct mail;
struct registration;
struct registry;

struct registry *registry_new(struct hub *hub, struct hub_broker *slot); // NULL: no memory
void registry_free(struct registry *registry);                           // NULL is fine

// MAIL_REGISTER and MAIL_UNREGISTER. Both take the registration, which is freed once the broker has let go of
// it.
void registry_enter(struct registry *registry, struct registration *registration);
void registry_leave(struct registry *registry, struct registration *registration);
struct registration *registration_of_leave(struct mail *leave);

// A link that comes up may have lost everything: all is written anew.
void registry_on_link(struct registry *registry, const struct hub_broker *slot, enum wshub_link_state state);
// Calls the broker for what is due. At the end of each round.
void registry_proceed(struct registry *registry);

// The instance goes, and its connections have gone: deletes its own entry, too.
void registry_end(struct registry *registry);
// After registry_end: nothing of this instance is left in the broker, or it cannot be reached and will
// forget.
bool registry_is_done(const struct registry *registry);
// Its calls among those that are in flight at the broker.
unsigned registry_in_flight(const struct registry *registry);
uint64_t registry_entries(const struct registry *registry); // any thread: connections registered here
// Any thread: the link is up, and the last heartbeat was taken.
bool registry_is_kept(const struct registry *registry);
