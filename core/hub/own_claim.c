// SPDX-License-Identifier: MIT
#include "hub/own_claim.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "hub/hub_priv.h"
#include "loop/loop.h"
#include "plugin/broker.h"
#include "util/map.h"
#include "wshub/status.h"

static struct own_claim *claim_of(struct channel_ticket *ticket) {
    return (struct own_claim *)(void *)ticket; // ticket is the first member
}

void own_claim_init(struct own_claim *claim, struct hub *hub, const char *prefix, const char *rest) {
    int length = snprintf(claim->name, sizeof claim->name, "%s%s", prefix, rest);
    assert(length > 0 && length <= OWN_CLAIM_NAME_MAX);
    claim->hub = hub;
    claim->ticket = (struct channel_ticket){
        .hash = map_hash(claim->name, (size_t)length, hub->instance->hash_seed),
        .worker = HUB_ITSELF,
        .name = {claim->name, (size_t)length},
    };
}

// By mail: whoever wants something may be within the channel table.
static void post(struct own_claim *claim, enum mail_kind kind) {
    if (!claim->hub->mailbox) {
        return; // the hub is going
    }
    claim->state = kind == MAIL_SUBSCRIBE ? OWN_CLAIM_ASKED : OWN_CLAIM_LEAVING;
    claim->ticket.mail.kind = (int)kind;
    mailbox_post(claim->hub->mailbox, &claim->ticket.mail);
}

static void follow(struct own_claim *claim) {
    uint64_t now = loop_now(claim->hub->loop);
    if (claim->wanted && claim->state == OWN_CLAIM_NONE && now >= claim->retry_at) {
        post(claim, MAIL_SUBSCRIBE);
    } else if (!claim->wanted && claim->state == OWN_CLAIM_HELD) {
        post(claim, MAIL_UNSUBSCRIBE);
    }
}

void own_claim_want(struct own_claim *claim, bool wanted) {
    claim->wanted = wanted;
    if (!wanted || broker_is_up(claim->hub->brokers[claim->hub->instance->directory].broker)) {
        follow(claim);
    }
}

bool own_claim_is_idle(const struct own_claim *claim) {
    return claim->state == OWN_CLAIM_NONE;
}

// One that was refused waits to be wanted again: asked at once, a broker that refuses would be asked without
// end.
void own_claim_answered(struct channel_ticket *ticket) {
    struct own_claim *claim = claim_of(ticket);
    bool was_asked = claim->state == OWN_CLAIM_ASKED;
    bool held = was_asked && ticket->status == WSHUB_OK;
    claim->state = held ? OWN_CLAIM_HELD : OWN_CLAIM_NONE;
    claim->retry_at = was_asked && !held ? loop_now(claim->hub->loop) + OWN_CLAIM_RETRY_MS : 0;
    if (held || !was_asked) {
        follow(claim);
    }
    if (claim->on_state) {
        claim->on_state(claim);
    }
}

void own_claim_deliver(struct channel_ticket *ticket, struct message *message) {
    struct own_claim *claim = claim_of(ticket);
    if (claim->wanted) {
        claim->on_message(claim, message);
    }
}
