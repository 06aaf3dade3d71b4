// SPDX-License-Identifier: MIT
// Who is connected where (P7), kept in one broker: an entry `ws:conn:<connection_id>` for each connection,
// renewed at half of its time to live, and `ws:instance:<instance_id>` by heartbeat. Desired state is here;
// what the broker has follows it, some calls at a time. Belongs to the hub thread.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "wshub/host.h"

struct entries;
struct hub;
struct hub_broker;
struct mail;
struct registration;
struct registry;

#define REGISTRY_CONNECTION_KEY "ws:conn:"

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

// Some times a second.
void registry_tick(struct registry *registry);

// An instance that was away for so long that others may take it for dead counts as another one from then on:
// its incarnation tells them apart. 16 hexadecimal digits that are the process's own, and a number that
// grows.
enum { INCARNATION_SIZE = 16 + 1 + 10 + 1 };
void registry_incarnation(const struct registry *registry, char text[INCARNATION_SIZE]);

// Where entries of other sorts are put beside the connections; the broker that keeps them; and whether it
// does.
struct entries *registry_queue(struct registry *registry);
struct hub_broker *registry_slot(const struct registry *registry);
bool registry_is_usable(const struct registry *registry);

// The broker has lost nothing between `grace` ms before `from` and `until` (loop_now), as far as the entry of
// this instance can tell. That needs a heartbeat after `until`; views_on_beat follows each.
bool registry_was_whole(const struct registry *registry, uint64_t from, uint64_t until, uint64_t grace);
bool registry_has_beaten_since(const struct registry *registry, uint64_t moment);
void registry_beat_soon(struct registry *registry);

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
