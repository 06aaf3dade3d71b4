/* SPDX-License-Identifier: MIT
 * A broker carries messages between instances. The hub decides what is subscribed, counts, retries, and keeps
 * the deadlines; a broker plugin translates these verbs into one broker's protocol.
 *
 *     open ──► link(up) ──► subscribe / publish / unsubscribe ... ──► close
 *                 └──◄── link(down), link(up): the hub subscribes anew
 *
 * Every slot is called on the hub thread, one at a time, and must not block. A slot that is given a token
 * returns WSHUB_OK and completes the token once, now or later; or it returns an error, and then must not
 * complete it. Work that takes longer than the hub's `timeouts.broker` is given up by the hub. */
#ifndef WSHUB_BROKER_H
#define WSHUB_BROKER_H

#include <stdint.h>

#include "wshub/host.h"

/* What a slot alone cannot say. */
enum wshub_broker_capability {
    WSHUB_BROKER_ORDERED = 1 << 0, /* messages of one channel arrive in one order everywhere */
};

struct wshub_broker {
    uint32_t struct_size;  /* sizeof, as the plugin knows it */
    uint32_t capabilities; /* of enum wshub_broker_capability */
    uint64_t max_payload;  /* bytes; 0: no limit of its own */

    /* Starts. Borrows host until close returns. On WSHUB_OK, *self is what the other slots get, and link will
     * be called; on an error nothing is kept, and the reason was logged. */
    int (*open)(const struct wshub_host *host, void **self);

    /* Stops, and frees self. No service is called after it returned. Work in flight is dropped: the hub
     * settles it. */
    void (*close)(void *self);

    /* Complete once the broker has confirmed: whatever is published to the channel after that is delivered.
     * The hub asks
     * again for a channel only after a subscribe or unsubscribe that failed or timed out, or when the link is
     * up anew; then this is to be answered like the first time. Borrows channel. */
    int (*subscribe)(void *self, struct wshub_bytes channel, wshub_token token);

    /* Complete once nothing more will be delivered for the channel. Borrows channel. */
    int (*unsubscribe)(void *self, struct wshub_bytes channel, wshub_token token);

    /* Complete once the broker has taken the message. It comes back through deliver like everybody else's
     * when the channel is subscribed here. Borrows message. */
    int (*publish)(void *self, const struct wshub_message *message, wshub_token token);
};

#endif
