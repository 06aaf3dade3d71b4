// SPDX-License-Identifier: MIT
// Shared by access.c, access_life.c and access_refusals.c; nobody else's.
#pragma once

#include <stdint.h>

#include "auth/query.h"
#include "hub/access.h"
#include "hub/backlog.h"
#include "loop/wheel.h"
#include "ws/upgrade.h"

enum access_stage {
    ACCESS_ASKED,  // the request is not answered yet
    ACCESS_HELD,   // a WebSocket that has to show a token first
    ACCESS_LET_IN, // somebody
};

struct access {
    struct session *session;
    struct identity *identity;  // LET_IN
    struct auth_query *query;   // under way; HELD: or kept until there is a token
    struct backlog_item *asked; // the operation that waits for its answer; NULL: none does
    struct backlog backlog;     // what came behind it
    struct wheel_entry timer;   // HELD: the end of patience; LET_IN: of the identity
    uint64_t remind;            // ms since 1970: when to ask for another token; 0: not, or it was done
    struct upgrade_answer answer;
    uint32_t plugin;  // in the chain: who let it in
    uint32_t allowed; // the verb of the operation at hand, by a plugin
    uint8_t stage;
    bool asking;     // the query is the hub's
    bool reviewing;  // it is about a subscription, after a refresh
    bool has_token;  // one was shown
    bool is_browser; // which cannot read the answer to a failed upgrade
};

// ---- access_life.c ----

void access_begin_life(struct access *access);       // its identity is new
void access_arm(struct access *access, uint64_t in); // ms

// ---- access_refusals.c: no word of a plugin gets to a client ----

// Over HTTP, or with a closing event where that would not be seen. Not for AUTH_YES.
void access_refuse(struct session *session, enum auth_verdict verdict);
void access_close(struct session *session, enum auth_verdict verdict);
void access_refuse_operation(struct session *session, const struct operation *operation,
                             enum auth_verdict verdict);
