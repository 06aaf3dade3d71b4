// SPDX-License-Identifier: MIT
// An auth plugin, asked: the slots authenticate, refresh and authorize of a peer (host/peer.h), called as a
// hub calls them, and what comes back, held against wshub/auth.h. Belongs to the case's thread.
#pragma once

#include "auth/inquiry.h"
#include "auth/told.h"
#include "host/peer.h"

enum decision { DECISION_YES, DECISION_NO, DECISION_EXPIRED, DECISION_PASS, DECISION_FAILURE };
extern const char *const decision_names[]; // "yes", ...
enum decision decision_of(int status);

struct answer {
    int status; // of enum wshub_status
    enum decision decision;
    uint64_t took;     // ns
    struct told *told; // with a yes to authenticate or refresh; else NULL
};
void answer_free(struct answer *answer);

// Whether there is a slot for it: refresh and authorize may be left out, as a hub knows.
bool ask_can(const struct peer *peer, enum operation slot);
// Starts; the call is to be finished. What the slot returns at once is an answer like any other.
peer_call ask_start(struct peer *peer, const struct inquiry *inquiry);
// Waits, within the peer's timeout, beyond which the case fails.
struct answer ask_finish(struct peer *peer, peer_call call, const struct inquiry *inquiry);
struct answer ask(struct peer *peer, const struct inquiry *inquiry); // both
void ask_reload(struct peer *peer);

// ---- for the host's services ----

struct call;
void ask_fill(struct wshub_host *host); // identify and explain; and takes a broker's services away
// A slot's token ends with this status: the one that counts.
int ask_settle(struct peer *peer, struct call *call, int status);
