// SPDX-License-Identifier: MIT
// The calls that a host has under way, and their tokens. A token that comes twice, late or from nowhere is
// told from one that is due, and what became of it is known.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "host/peer.h"

struct told;
struct topic;

enum operation {
    OPERATION_SUBSCRIBE,
    OPERATION_UNSUBSCRIBE,
    OPERATION_PUBLISH,
    OPERATION_SET,
    OPERATION_DELETE,
    OPERATION_GET,
    OPERATION_LIST,
    OPERATION_HEARTBEAT,
    OPERATION_HISTORY,
    OPERATION_AUTHENTICATE, // and behind it: of auth plugins
    OPERATION_REFRESH,
    OPERATION_AUTHORIZE,
    OPERATIONS
};
extern const char *const operation_names[OPERATIONS]; // of their slots

enum call_end { CALL_FLIES, CALL_COMPLETED, CALL_REFUSED };

struct call {
    uint32_t index, generation;
    enum operation operation;
    enum call_end end;
    bool held;          // its caller will ask for the status; otherwise it is forgotten when it ends
    bool quiet;         // and is not counted
    bool in_slot;       // the slot has not returned
    int status;         // once it is completed
    uint32_t finds;     // how many entries or messages it was told
    uint32_t positions; // and positions
    char *subject;      // the key, prefix or channel that it is about
    struct topic *topic;
    struct peer_entries *entries; // where finds go
    struct arrivals *found;
    struct peer_position *position; // NULL: nobody asks
    bool has_history;               // a publish to a channel that has one
    struct told *told;              // by identify; one block
    uint64_t began, ended;          // of auth plugins; check_now
    struct call *next;              // among the spare ones
};

struct tokens { // zeroed: none
    struct call **all;
    uint32_t count;
    struct call *spare;
    size_t flying;
};

struct call *tokens_new(struct tokens *tokens, enum operation operation); // NULL: no memory
uint64_t tokens_of(const struct call *call);
// NULL: *why is a text for people that says what is wrong with it.
struct call *tokens_find(const struct tokens *tokens, uint64_t token, const char **why);
struct call *tokens_flying(const struct tokens *tokens, uint64_t token, const char **why);
void tokens_end(struct tokens *tokens, struct call *call, enum call_end end, int status);
void tokens_forget(struct tokens *tokens, struct call *call); // which has ended
void tokens_free(struct tokens *tokens);
