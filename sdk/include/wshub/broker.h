/* SPDX-License-Identifier: MIT
 * A broker carries messages between instances. The hub decides what is subscribed and registered, counts,
 * retries, and keeps the deadlines; a broker plugin translates these verbs into one broker's protocol.
 *
 *     check                              options only, nothing is connected; `wshub check` stops here
 *     open ──► link(UP) ──► subscribe, publish, unsubscribe, registry_..., heartbeat ──► close
 *                 ▲                        │
 *                 └── the plugin reconnects ◄── link(DOWN, reason)
 *
 * After every link(UP) the hub subscribes and registers everything anew: a plugin keeps no list for that.
 *
 * Threads: every slot is called on the hub thread, one at a time, and must not block; a library with threads
 * of its own comes back through post, deliver and complete.
 * Errors: a slot that is given a token returns WSHUB_OK and completes the token once, now or later; or it
 * returns an error of enum wshub_status, and then must not complete it.
 * Deadline: what is not completed within the hub's `timeouts.broker` is given up by the hub.
 * Ownership: whatever a slot is given it borrows until it returns. */
#ifndef WSHUB_BROKER_H
#define WSHUB_BROKER_H

#include <stdint.h>

#include "wshub/host.h"

/* What a slot alone cannot say. Bits that a hub does not know mean nothing to it. */
enum wshub_broker_capability {
    WSHUB_BROKER_ORDERED = 1 << 0,  /* messages of one channel arrive in one order everywhere */
    WSHUB_BROKER_REGISTRY = 1 << 1, /* registry_... and heartbeat are there; entries expire by themselves */
    /* Since ABI 1.1. */
    WSHUB_BROKER_HISTORY = 1 << 2,    /* the slot history is there, and messages have positions */
    WSHUB_BROKER_LAST_VALUE = 1 << 3, /* WSHUB_MESSAGE_LAST_VALUE is kept, and delivered after a subscribe */
    /* Since ABI 1.3. */
    WSHUB_BROKER_IDEMPOTENT = 1 << 4, /* a message's key is honoured, where its channel has a history */
    WSHUB_BROKER_DENSE = 1 << 5, /* the offsets of a channel are consecutive numbers, the same ones for every
                                    instance: its history can serve channels whose messages go through
                                    another broker */
};

enum wshub_history_flag {
    WSHUB_HISTORY_BACKWARDS = 1 << 0 /* from the newest to the oldest */
};

/* Since ABI 1.1. What is asked of a channel's history. Positions are offsets under an epoch: an offset is
 * greater than all before it in the channel, though it need not be the next number; another epoch means that
 * the history was lost, and its offsets say nothing of the new one. */
struct wshub_history_query {
    uint32_t struct_size;
    uint32_t flags; /* of enum wshub_history_flag */
    struct wshub_bytes channel;
    uint64_t size, ttl; /* what the channel's messages are published with: history_size, history_ttl */
    uint64_t after;     /* only what comes after this offset in the direction of reading; 0: from its end */
    uint64_t limit;     /* at most so many messages; 0: the position alone */
};

/* What the key of an instance's own entry begins with; its instance_id follows. */
#define WSHUB_INSTANCE_KEY "ws:instance:"

struct wshub_broker {
    uint32_t struct_size;  /* sizeof, as the plugin knows it */
    uint32_t capabilities; /* of enum wshub_broker_capability */
    uint64_t max_payload;  /* bytes of one payload, 0: no limit of its own. A hub refuses what is larger; a
                              plugin that is asked nevertheless answers WSHUB_TOO_LARGE */

    /* Options that are well formed may still make no sense: calls host->option_refuse for each that does not,
     * and returns WSHUB_INVALID then. This host has log and the options; its other services are NULL.
     * Never changes anything, and may be called any number of times. NULL: nothing to check. */
    int (*check)(const struct wshub_host *host);

    /* Starts. Borrows host until close returns. On WSHUB_OK, *self is what the other slots get, and link will
     * be called soon, or was already; a broker that cannot be reached is no error, but link(DOWN). On an
     * error nothing is kept, close is not called, and the reason was logged or refused. */
    int (*open)(const struct wshub_host *host, void **self);

    /* Stops within `timeouts.broker`, and frees self. No service is called after it returned, no thread,
     * timer, watch or descriptor stays. Work in flight is dropped: the hub settles it, and
     * ignores whatever is told from within close. */
    void (*close)(void *self);

    /* Complete once the broker has confirmed: whatever is published to the channel after that is delivered.
     * The hub asks again for a channel only after link(UP), or after a subscribe or unsubscribe that failed
     * or timed out. Such a one may have worked at the broker: answer a repeated one like the first. */
    int (*subscribe)(void *self, struct wshub_bytes channel, wshub_token token);

    /* Complete once nothing more will be delivered for the channel. */
    int (*unsubscribe)(void *self, struct wshub_bytes channel, wshub_token token);

    /* Complete once the broker has taken the message. When the channel is subscribed here, the message comes
     * back through deliver like everybody else's: before or after it is completed. Since ABI 1.3, where the
     * channel has a history: host->position tells the epoch and, as `newest`, the offset that the message has
     * got, before it is completed with WSHUB_OK. A message that comes with an epoch and an offset has them
     * from the history of another broker: they are carried to deliver unchanged. */
    int (*publish)(void *self, const struct wshub_message *message, wshub_token token);

    /* The registry tells who is connected where. Keys are 1 to 128 bytes of printable ASCII without blanks,
     * values JSON of at most 4 KiB. All five slots or none; WSHUB_BROKER_REGISTRY says which.
     * Since ABI 1.3 a key may have one '/': what stands before it is its group. A prefix that is a group and
     * its '/', or WSHUB_INSTANCE_KEY, is listed often: that should cost what is found, not all that is there.
     */

    /* Makes or replaces the entry, which expires `ttl` ms from now unless set again. */
    int (*registry_set)(void *self, struct wshub_bytes key, struct wshub_bytes value, uint64_t ttl,
                        wshub_token token);

    /* Deletes the entry; one that is not there is deleted already: WSHUB_OK. */
    int (*registry_delete)(void *self, struct wshub_bytes key, wshub_token token);

    /* Calls host->entry with it, then completes; WSHUB_NOT_FOUND when there is none. */
    int (*registry_get)(void *self, struct wshub_bytes key, wshub_token token);

    /* Calls host->entry once for each entry whose key begins with prefix, in any order, then completes. */
    int (*registry_list)(void *self, struct wshub_bytes prefix, wshub_token token);

    /* As registry_set, for the instance's own entry, whose key is WSHUB_INSTANCE_KEY and its instance_id.
     * WSHUB_OK: it was still there. WSHUB_NOT_FOUND: it was made anew, because the broker had lost it, or it
     * had expired; the hub then registers everything anew.
     */
    int (*heartbeat)(void *self, struct wshub_bytes key, struct wshub_bytes value, uint64_t ttl,
                     wshub_token token);

    /* Since ABI 1.1. Calls host->message for each message that the query asks for, in its order, and
     * host->position once, then completes. A channel that nothing was published to has an empty history:
     * WSHUB_OK. Messages of a channel with a history are delivered live with epoch and offset too. */
    int (*history)(void *self, const struct wshub_history_query *query, wshub_token token);
};

#endif
