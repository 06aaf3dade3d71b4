// SPDX-License-Identifier: MIT
// The event loop under the peers of a case: timers, descriptors, and mails from the plugin's threads. Made
// to be watched rather than to be fast: one callback at a time, poll(2), which tells of a descriptor that was
// closed under its watch, and timers and watches that stay recognizable after they were freed.
//
// Everything belongs to the case's thread, except reactor_mail.
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct reactor;

struct reactor *reactor_new(void); // NULL: no memory or no descriptors
void reactor_free(struct reactor *reactor);

// Runs the next callback that is due; waits for one until `deadline` (check_now). False: there was none.
bool reactor_step(struct reactor *reactor, uint64_t deadline);
// Whoever calls reactor_step has done something else in between: what was ready may not be any more.
void reactor_look_again(struct reactor *reactor);

// ---- mails ----

struct mail {
    struct mail *next; // the reactor's
    void (*fn)(struct mail *mail);
};
// [any thread] Calls fn on the case's thread, in the order of one thread's mails.
void reactor_mail(struct reactor *reactor, struct mail *mail);

// ---- timers and watches: their memory is the caller's, and is in use from add to remove ----

struct reactor_timer {
    struct reactor_timer *next;
    void (*fn)(struct reactor_timer *timer);
    uint64_t due; // check_now
    bool running;
};
void reactor_timer_start(struct reactor *reactor, struct reactor_timer *timer, uint64_t due);
void reactor_timer_stop(struct reactor *reactor, struct reactor_timer *timer);

struct reactor_watch {
    struct reactor_watch *next;
    void (*fn)(struct reactor_watch *watch, short events); // of poll(2)
    int fd;
    short events; // of poll(2): what it waits for; 0: nothing
    short ready;
};
void reactor_watch_add(struct reactor *reactor, struct reactor_watch *watch);
void reactor_watch_remove(struct reactor *reactor, struct reactor_watch *watch);
