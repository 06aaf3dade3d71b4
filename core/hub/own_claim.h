// SPDX-License-Identifier: MIT
// A claim of the hub's own on a channel at the directory broker, for what instances tell each other. It goes
// through the channel table like a worker's: lazily, retried, restored after a lost link, and with the word
// of a gap where something may have been missed. Belongs to the hub thread.
#pragma once

#include <stdbool.h>

#include "hub/mails.h"

struct hub;
struct message;

enum { OWN_CLAIM_NAME_MAX = 96, OWN_CLAIM_RETRY_MS = 1000 };

enum own_claim_state { OWN_CLAIM_NONE, OWN_CLAIM_ASKED, OWN_CLAIM_HELD, OWN_CLAIM_LEAVING };

struct own_claim {
    struct channel_ticket ticket; // first
    struct hub *hub;
    enum own_claim_state state;
    uint64_t retry_at; // loop_now: not before
    bool wanted;
    // It is held from now on, or was refused or let go of. NULL is fine.
    void (*on_state)(struct own_claim *claim);
    // Also of kind GAP. Borrows it; calls no broker.
    void (*on_message)(struct own_claim *claim, struct message *message);
    char name[OWN_CLAIM_NAME_MAX + 1];
};

// The channel is `prefix` and `rest`.
void own_claim_init(struct own_claim *claim, struct hub *hub, const char *prefix, const char *rest);
// What is wanted: followed as soon as the call under way, if any, has ended. One that was refused is asked
// for again when this is called again, after a while.
void own_claim_want(struct own_claim *claim, bool wanted);
// Nobody else knows it: it may be freed.
bool own_claim_is_idle(const struct own_claim *claim);

// MAIL_SUBSCRIBED and MAIL_RELEASED, and a delivery, for a ticket whose worker is HUB_ITSELF.
void own_claim_answered(struct channel_ticket *ticket);
void own_claim_deliver(struct channel_ticket *ticket, struct message *message);
