/* SPDX-License-Identifier: MIT
 * What the hub offers to a plugin: a table of services, valid from open (or check) until close has returned.
 *
 * [any thread] may be called from threads of the plugin's own; the others belong to the hub thread, which is
 * the one that calls every slot. No service blocks. Each may be called from within a slot; and complete,
 * deliver and link may call a slot before they return, though none before open has returned. What one thread
 * calls takes effect in its order; what the hub thread calls overtakes what other threads have under way.
 *
 * The process ignores SIGPIPE; SIGTERM, SIGINT and SIGHUP are blocked in every thread that a plugin starts.
 */
#ifndef WSHUB_HOST_H
#define WSHUB_HOST_H

#include <stdint.h>

#include "wshub/message.h"
#include "wshub/status.h"

/* A piece of asynchronous work. One-shot: completed exactly once, or given up by the hub when
 * `timeouts.broker` (of an auth plugin `timeouts.auth`) is over. Never 0. */
typedef uint64_t wshub_token;

enum wshub_log_level { WSHUB_LOG_DEBUG = 0, WSHUB_LOG_INFO = 1, WSHUB_LOG_WARN = 2, WSHUB_LOG_ERROR = 3 };

enum wshub_link_state {
    WSHUB_LINK_DOWN = 0,         /* operations would fail; the reason says why */
    WSHUB_LINK_UP = 1,           /* a new session without subscriptions: the hub makes them anew */
    WSHUB_LINK_RESUMED = 2,      /* up again, every subscription kept, no message missed */
    WSHUB_LINK_RESUBSCRIBED = 3, /* up again, every subscription there, but messages may have been missed */
};

enum wshub_watch_event { WSHUB_WATCH_READ = 1 << 0, WSHUB_WATCH_WRITE = 1 << 1 };

struct wshub_identity;
struct wshub_timer; /* the host's */
struct wshub_watch; /* the host's */

typedef void (*wshub_post_fn)(void *context);
typedef void (*wshub_timer_fn)(void *context);
typedef void (*wshub_watch_fn)(void *context, unsigned events); /* of enum wshub_watch_event */

struct wshub_host {
    uint32_t struct_size;    /* sizeof, as the hub knows it: a service beyond it does not exist */
    uint32_t abi_minor;      /* the hub's */
    void *self;              /* to be passed to every service */
    const char *instance_id; /* of this instance: 1 to 64 of A-Z a-z 0-9 . _ - */
    const char *name;        /* what the configuration calls this plugin, of the same letters */

    /* [any thread] One line into the hub's log. Borrows text. No secrets. */
    void (*log)(void *self, enum wshub_log_level level, const char *text);

    /* ---- options, as the configuration or the fallback has them ---- */

    /* [any thread] The text of a declared option, NULL when it has none. Borrowed until close returns. */
    const char *(*option_text)(void *self, const char *name);
    /* [any thread] The number of a declared option that has one (see enum wshub_option_type); 0 without a
     * value. */
    uint64_t (*option_number)(void *self, const char *name);
    /* Within check or open only: this option cannot be used as it stands. Borrows both; `expected` goes on
     * from "expected ...". The hub adds where the option stands and what was found. */
    void (*option_refuse)(void *self, const char *name, const char *expected);

    /* ---- threads ---- */

    /* [any thread] Calls fn on the hub thread, soon, in the order of the posts of one thread. Copies nothing:
     * what is still waiting when close returns is dropped, so close must find every context by itself.
     * WSHUB_OK, WSHUB_NO_MEMORY. */
    int (*post)(void *self, wshub_post_fn fn, void *context);

    /* ---- what a broker says ---- */

    /* [any thread] A message has arrived for a channel that is subscribed. Borrows it. Per channel, call in
     * the broker's order, from one thread. One for a channel that is not subscribed is ignored. WSHUB_OK;
     * WSHUB_NO_MEMORY or WSHUB_TOO_LARGE: it was not taken, and the hub has told of its loss. */
    int (*deliver)(void *self, const struct wshub_message *message);

    /* [any thread] The work of this token has ended with a status of enum wshub_status. May be called before
     * the slot that was given the token returns. A token that is unknown, too late or completed already is
     * reported and otherwise harmless. Without memory to bring it to the hub thread, the deadline settles it.
     */
    void (*complete)(void *self, wshub_token token, int status);

    /* One entry that registry_get or registry_list has found; before the token's complete. Borrows both. */
    void (*entry)(void *self, wshub_token token, struct wshub_bytes key, struct wshub_bytes value);

    /* The link to the broker changed. Borrows reason (NULL is fine). To be called for the first time within
     * `timeouts.broker` of open: up, or down with the reason; not by an open that fails. When it goes down,
     * complete what cannot end any more with WSHUB_UNAVAILABLE, before link or after it. While it is down no
     * slot but close is called.
     */
    void (*link)(void *self, enum wshub_link_state state, const char *reason);

    /* ---- timers: milliseconds, once; may be freed within their own fn. NULL: no memory ---- */

    struct wshub_timer *(*timer_new)(void *self, wshub_timer_fn fn, void *context);
    void (*timer_start)(void *self, struct wshub_timer *timer, uint64_t delay); /* again: anew */
    void (*timer_stop)(void *self, struct wshub_timer *timer);
    void (*timer_free)(void *self, struct wshub_timer *timer); /* NULL is fine; before close returns */

    /* ---- descriptors, one watch for each: fn is called while one of the events set is true; at first none
     * is set. An error or a hang-up is told as every event that was set. A watch may be freed within its own
     * fn. NULL: no memory, or not pollable ---- */

    struct wshub_watch *(*watch_new)(void *self, int fd, wshub_watch_fn fn, void *context);
    void (*watch_set)(void *self, struct wshub_watch *watch, unsigned events); /* 0: none */
    /* NULL is fine. fn is not called again; free it before the descriptor is closed, and before close
     * returns. */
    void (*watch_free)(void *self, struct wshub_watch *watch);

    /* ---- losses ---- */

    /* [any thread] Messages of this channel may have been lost (empty: of any channel): a queue ran over, or
     * one arrived that cannot be read. The hub tells the subscribers that there is a gap. Borrows channel. A
     * link that was down needs no such word. */
    void (*lose)(void *self, struct wshub_bytes channel);

    /* ---- since ABI 1.1: struct_size says whether they are there ---- */

    uint64_t timeout; /* `timeouts.broker`, of an auth plugin `timeouts.auth`; ms */

    /* One message that the slot history has found; before the token's complete. Borrows it. */
    void (*message)(void *self, wshub_token token, const struct wshub_message *message);
    /* Where the history that was asked for begins and ends: its epoch, the oldest offset that it still has
     * (0: none), and the newest that it ever had, as far as the broker knows (0: none). Before the token's
     * complete. Borrows epoch. Since ABI 1.3 of a publish too: its epoch, 0, and the offset of the message.
     */
    void (*position)(void *self, wshub_token token, struct wshub_bytes epoch, uint64_t oldest,
                     uint64_t newest);

    /* ---- since ABI 1.2, for auth plugins ---- */

    /* [any thread] Who the client of this token is: before its complete with WSHUB_OK. Copies all of it.
     * WSHUB_OK; WSHUB_INVALID: it breaks a rule of wshub/auth.h, which was logged, and lets nobody in;
     * WSHUB_NO_MEMORY. */
    int (*identify)(void *self, wshub_token token, const struct wshub_identity *identity);
    /* [any thread] Why the token will be completed as it will, for the hub's log; before its complete. Copies
     * text, of which a line counts. No secrets, nothing that the client has sent. */
    void (*explain)(void *self, wshub_token token, const char *text);
};

#endif
