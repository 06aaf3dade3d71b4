// SPDX-License-Identifier: MIT
// The only way between threads: many senders, one receiving loop. Order is kept per sender. Sending never
// blocks and never fails: a mail is embedded in what it carries, so there is nothing to allocate.
#pragma once

#include <stdatomic.h>

#include "loop/loop.h"

struct mail {
    struct mail *next; // the mailbox's own
    int kind;          // the sender's word for what surrounds this mail
};

typedef void (*mail_fn)(void *context, struct mail *mail); // takes the mail

struct mailbox;

struct mailbox *mailbox_new(struct loop *loop, mail_fn fn, void *context); // NULL: no memory
// Any thread. Takes the mail; the receiver sees it at the latest after the next ring. What a thread did
// before is visible to the receiver.
void mailbox_push(struct mailbox *mailbox, struct mail *mail);
// Any thread. Wakes the receiver, unless it has been rung already and not looked since. A thread that sends
// much rings once for all that it pushed in a round: then both ends work in batches instead of taking turns.
void mailbox_ring(struct mailbox *mailbox);
// Push and ring.
void mailbox_post(struct mailbox *mailbox, struct mail *mail);
// On the receiving thread, with no sender left: what still lies in the box goes to fn, then the box is gone.
void mailbox_free(struct mailbox *mailbox);
