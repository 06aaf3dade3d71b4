/* SPDX-License-Identifier: MIT
 * What the hub offers to a plugin: a table of services, valid from open until close has returned.
 * Every service is called on the hub thread, from within a slot or not, and never blocks. */
#ifndef WSHUB_HOST_H
#define WSHUB_HOST_H

#include <stdint.h>

#include "wshub/message.h"
#include "wshub/status.h"

/* A piece of asynchronous work. One-shot: completed exactly once, or the deadline completes it. Never 0. */
typedef uint64_t wshub_token;

enum wshub_log_level { WSHUB_LOG_DEBUG = 0, WSHUB_LOG_INFO = 1, WSHUB_LOG_WARN = 2, WSHUB_LOG_ERROR = 3 };

enum wshub_link_state {
    WSHUB_LINK_DOWN = 0,    /* operations will fail; the reason says why */
    WSHUB_LINK_UP = 1,      /* a new session: the hub subscribes everything anew */
    WSHUB_LINK_RESUMED = 2, /* up again with every subscription kept */
};

struct wshub_host {
    uint32_t struct_size; /* sizeof, as the hub knows it: a service beyond it does not exist */
    uint32_t abi_minor;   /* the hub's */
    void *self;           /* to be passed to every service */

    /* One line into the hub's log. Borrows text. No secrets. */
    void (*log)(void *self, enum wshub_log_level level, const char *text);

    /* A message has arrived for a channel that is subscribed. Borrows it. WSHUB_OK; or it was not taken:
     * WSHUB_NO_MEMORY, or WSHUB_UNSUPPORTED for a payload that is not JSON, which this version of the hub
     * does not pass on. Per channel, call in the broker's order. */
    int (*deliver)(void *self, const struct wshub_message *message);

    /* The work of this token has ended with a status of enum wshub_status. May be called before the slot that
     * was given the token returns. A token that is unknown, too late or completed already is reported and
     * otherwise harmless. */
    void (*complete)(void *self, wshub_token token, int status);

    /* The link to the broker changed. Borrows reason (NULL is fine). The first call after open says whether
     * it is up. */
    void (*link)(void *self, enum wshub_link_state state, const char *reason);
};

#endif
