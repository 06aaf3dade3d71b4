// SPDX-License-Identifier: MIT
// What publishers and subscribers have in common: one client that is to be connected to some instance, and
// comes back by the rules of docs/protocol.md when it is not.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "storm/fleet.h"
#include "storm/ledger.h"
#include "storm/peer.h"
#include "storm/random.h"

enum { STRANGE_TEXT = 300 };

struct welcome { // one connection that was let in
    uint64_t at_ns;
    bool again; // not the client's first
};

struct storm { // what every part of it needs
    struct storm_options options;
    const struct backend *backend;
    struct fleet fleet;
    struct peers peers;
    struct ledger ledger;
    struct random random;
    uint64_t now_ns;
    struct welcome *welcomes;
    size_t welcome_count, welcome_room;
    uint64_t strange; // answers that no client should get
    char strange_text[STRANGE_TEXT];
    uint64_t closed[8]; // by why: see member_closes
};

struct member {
    struct peer peer; // first
    struct storm *storm;
    unsigned hub;         // of the latest connection
    uint32_t connection;  // how many were opened
    bool welcomed, known; // now; ever
    uint32_t attempts;    // since the last welcome
    uint64_t open_ns;     // when to connect next, while it is closed
    uint64_t after_ms;    // as `closing` said; 0: it did not
    bool pinged;          // and not heard since
    int receive_buffer;
    bool traced;
};

enum { PING_ID = 4000000000u };

void member_init(struct member *member, struct storm *storm, const struct peer_calls *calls,
                 uint64_t open_ns);
// Connects when it is time to, asks a silent hub for a sign of life, and gives up one that does not answer.
void member_tick(struct member *member);
void member_welcome(struct member *member);
// Plans the next attempt. Called by on_gone.
void member_gone(struct member *member, unsigned code);
bool member_say(struct member *member, const char *format, ...) __attribute__((format(printf, 2, 3)));
void member_strange(struct member *member, const char *text, size_t length);

// Writes it to stderr when the member is traced. `way`: '<' received, '>' sent, '-' neither.
void member_trace(const struct member *member, char way, const char *text, size_t length);

// Names of storm.closed, NULL at the end.
extern const char *const member_closes[];

// The data of a publish: its number, and a word by which nothing else is taken for it.
size_t member_data(const struct storm *storm, uint32_t publish, char *out);
uint32_t member_data_read(const struct storm *storm, const char *data,
                          size_t length); // PUBLISH_NONE: not ours
