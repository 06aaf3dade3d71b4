/* SPDX-License-Identifier: MIT
 * The live messages of one subscription, in the order of their offsets: a server republishes what several
 * clients have stored at the same time in any order. One that comes before its predecessor waits for it.
 * Belongs to the thread of nats.c that delivers. */
#ifndef NATS_ORDER_H
#define NATS_ORDER_H

#include <nats/nats.h>
#include <stdbool.h>
#include <stdint.h>

enum { ORDER_WAIT_MS = 250, ORDER_HELD_MOST = 1024, ORDER_BYTES_MOST = 8 << 20 };

struct held {
    struct held *next;
    natsMsg *message;
    uint64_t offset, previous;
};

struct order {
    uint64_t last;      /* offset; 0: nothing with one was delivered yet */
    struct held *first; /* by offset */
    unsigned count;
    size_t bytes;   /* of their payloads */
    uint64_t since; /* when the first of those held came, clock_ms */
};

enum order_turn {
    ORDER_NOW,    /* it is its turn, or there is no memory: deliver it, then those of order_next */
    ORDER_HELD,   /* it waits; the message is the order's */
    ORDER_LATE,   /* its turn is over: it was given up */
    ORDER_GIVE_UP /* as HELD, but too many wait: see order_give_up */
};

enum order_turn order_take(struct order *order, natsMsg *message, uint64_t offset, uint64_t previous);
/* One whose turn has come, to be delivered and destroyed; NULL: none. */
natsMsg *order_next(struct order *order);
/* Whether those held have waited long enough. */
bool order_is_overdue(const struct order *order);
/* What they wait for does not come: order_next gives them out. */
void order_give_up(struct order *order);
void order_free(struct order *order);

#endif
