// SPDX-License-Identifier: MIT
// Which other instances live. Each says so by its entry in the registry, with a number that every heartbeat
// counts up; all are listed a few times per heartbeat. Whose number stands still for too long is dead,
// whether its entry is still there or not. No clock but this machine's own monotonic one is looked at.
// Belongs to the hub thread; there is none without a registry, or without a channel that has presence.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/map.h"
#include "util/span.h"

struct config;
struct hub;
struct instances;
struct member;

enum { PROCESS_LENGTH = 16 };

enum peer_state {
    PEER_UNSURE, // something was heard of it, but it has not been listed yet
    PEER_ALIVE,
    PEER_DEAD,
};

// One process of an instance: the same instance_id started anew is another peer.
struct peer {
    enum peer_state state;
    uint32_t incarnation; // the latest that was heard of
    uint32_t dead;        // those up to this one do not count any more; 0: all do
    uint64_t beat;
    uint64_t seen;          // loop_now: when it last gave a sign of life
    uint64_t round;         // the last listing that had it
    uint64_t missed;        // loop_now: the first listing since that did not have it; 0: the last one had
    struct member *members; // of all views; theirs to link
    size_t id_length;
    UT_hash_handle hh; // by id and process
    char bytes[];      // id, process
};

// "PROCESS.NUMBER", as registry_incarnation writes it.
struct incarnation {
    struct span process;
    uint32_t number;
};
bool incarnation_read(struct incarnation *incarnation, struct span text);

struct instances *instances_new(struct hub *hub); // NULL: no memory
void instances_free(struct instances *instances); // NULL is fine

// The peer that something was heard of. NULL: no memory.
struct peer *instances_meet(struct instances *instances, struct span id,
                            const struct incarnation *incarnation);
// What this incarnation says counts.
bool peer_counts(const struct peer *peer, uint32_t incarnation);
struct span peer_id(const struct peer *peer);

// No instance of this id is known to live; false as well where it is not known.
bool instances_is_dead(const struct instances *instances, struct span id);

// All are listed soon; views_on_peers follows when they were.
void instances_list_soon(struct instances *instances);
void instances_proceed(struct instances *instances); // at the end of each round
// The broker may have forgotten others' heartbeats, too: nobody is judged before there was time for another.
void instances_on_loss(struct instances *instances);
void instances_on_link_up(struct instances *instances);
void instances_end(struct instances *instances);                 // the instance goes: it looks no more
unsigned instances_in_flight(const struct instances *instances); // calls under way at the registry's broker

// For so many ms others wait for a heartbeat: so that who was killed is dead for them within instance_ttl,
// where heartbeat is at most a third of it.
uint64_t instances_patience(const struct config *config);
