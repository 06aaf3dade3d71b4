// SPDX-License-Identifier: MIT
// What this instance keeps in the registry: each entry is written, renewed at half of its time to live, and
// deleted when it leaves. What is wanted stands here; what the broker has follows it, some calls at a time,
// and again after every failure. Belongs to the hub thread.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "loop/wheel.h"
#include "plugin/broker.h"

struct buf;
struct entries;
struct entry;
struct hub;

enum { ENTRY_KEY_MAX = 128, ENTRY_VALUE_MAX = 4096 }; // bytes that a registry takes

// One for each sort of entries; its owner's, who fills it in.
struct entry_kind {
    void *context;
    void (*key)(void *context, const struct entry *entry, char text[ENTRY_KEY_MAX + 1]);
    void (*value)(void *context, const struct entry *entry, struct buf *out);
    // Tells others that it is there, once it is, or that it has gone, once it has: until that has succeeded.
    // NULL: nobody is told.
    void (*announce)(void *context, struct entry *entry, bool there, struct broker_reply reply);
    void (*forget)(void *context, struct entry *entry); // the broker has let go of it: frees it
};

struct entry { // zeroed by whoever makes it
    const struct entry_kind *kind;
    struct wheel_entry later;      // armed: to be renewed, tried again, or given up
    struct entry *previous, *next; // of all
    struct entry *next_queued;
    uint64_t expires; // loop_now: until then the broker may have it; 0: it never had
    bool queued, in_flight, leaving;
    bool again;                   // its turn came while it was being written
    bool may_be_known, announced; // others may know of it; and do, as it stands
    uint8_t failures;             // to write it, in a row
};

// `slot` keeps them. `told` hears how each write or delete has ended. NULL: no memory.
struct entries *entries_new(struct hub *hub, struct broker *broker, void (*told)(void *context, int status),
                            void *context);
void entries_free(struct entries *entries); // forgets all of them; NULL is fine

// It is to be there: a new one, or one that was leaving, or says something else from now on.
void entries_enter(struct entries *entries, struct entry *entry, const struct entry_kind *kind);
// It is to go; entry_kind.forget follows.
void entries_leave(struct entries *entries, struct entry *entry);
// The broker may have forgotten all of them: writes them anew.
void entries_renew_all(struct entries *entries);
// What was announced does not count any more: writes and announces it anew.
void entries_announce_all(struct entries *entries);
// While the broker cannot keep entries none are written, and what leaves is forgotten when it has expired.
void entries_set_able(struct entries *entries, bool able);
// Calls the broker for what is due. At the end of each round.
void entries_proceed(struct entries *entries);

bool entries_any(const struct entries *entries);
unsigned entries_in_flight(const struct entries *entries); // calls under way at the broker
