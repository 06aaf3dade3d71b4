/* SPDX-License-Identifier: MIT
 * Subscribes, unsubscribes and publishes that were sent and not confirmed yet, in their order. NATS says
 * nothing to one that it takes; what it refuses it names, some time later. So a fence is sent behind some of
 * them, and when it is back, those that were not named were taken. Belongs to the driver's thread. */
#ifndef NATS_UNCONFIRMED_H
#define NATS_UNCONFIRMED_H

#include "job.h"

struct unconfirmed {
    struct job *first, *last;
    struct job *open; /* the first that no fence stands behind */
};

/* Takes the job. */
void unconfirmed_push(struct unconfirmed *unconfirmed, struct job *job);
/* A fence of that number stands behind all. */
void unconfirmed_seal(struct unconfirmed *unconfirmed, uint64_t number);
/* Gives the first back if its fence is at most `fenced`; else NULL. UINT64_MAX: whatever is there. */
struct job *unconfirmed_pop(struct unconfirmed *unconfirmed, uint64_t fenced);

/* The server refuses what `text` names: marks the first that it may mean. False: none of them. `head` is what
 * the subjects of channels begin with. */
bool unconfirmed_deny(struct unconfirmed *unconfirmed, const char *head, const char *text);
/* Whether the server's words refuse to publish to the subject, or to subscribe to it. */
bool denial_names(const char *text, bool publish, const char *subject);
/* Whether they refuse anything at all that begins so. */
bool denial_is_below(const char *text, const char *head);

#endif
