// SPDX-License-Identifier: MIT
// How long a connection may be held, and an identity last.
#include "hub/access_priv.h"

#include <stddef.h>
#include <stdlib.h>

#include "auth/identity.h"
#include "hub/worker_priv.h"
#include "loop/loop.h"
#include "loop/timer.h"
#include "util/clock.h"

struct access_timers {
    struct loop *loop;
    struct timer *sweeper;
    struct wheel wheel;
};

void access_arm(struct access *access, uint64_t in) {
    struct access_timers *timers = access->session->worker->access_timers;
    wheel_arm(&timers->wheel, &access->timer, loop_now(timers->loop) + in);
}

static uint64_t expires_in(const struct identity *identity, uint64_t now) {
    uint64_t expires = identity_expires(identity);
    if (expires == 0) {
        return 0;
    }
    return expires > now ? expires - now : 1;
}

uint64_t access_expires_in(const struct session *session) {
    return session->access ? expires_in(session->access->identity, clock_wall_ms()) : 0;
}

// Looks at the clock on the wall now and then, which may be set.
static void wait_for_expiry(struct access *access) {
    enum { LOOK_MS = 60 * 1000 };
    uint64_t now = clock_wall_ms(), expires = identity_expires(access->identity);
    uint64_t next = access->remind ? access->remind : expires;
    wheel_disarm(&access->timer);
    if (expires > 0) {
        uint64_t left = next > now ? next - now : 0;
        access_arm(access, left < LOOK_MS ? left : LOOK_MS);
    }
}

// Half of a short life passes before it is asked for a longer one: who shows short ones is not asked on and
// on.
void access_begin_life(struct access *access) {
    uint64_t ahead = access->session->worker->instance->config->timeouts.refresh;
    uint64_t expires = identity_expires(access->identity),
             left = expires_in(access->identity, clock_wall_ms());
    access->remind = expires > 0 && ahead > 0 ? expires - (ahead < left / 2 ? ahead : left / 2) : 0;
    wait_for_expiry(access);
}

static void on_expiry(struct access *access) {
    struct session *session = access->session;
    uint64_t now = clock_wall_ms();
    if (now >= identity_expires(access->identity)) {
        access_close(session, AUTH_EXPIRED);
        return;
    }
    bool reminds = access->remind > 0 && now >= access->remind;
    if (reminds) {
        access->remind = 0;
    }
    wait_for_expiry(access);
    if (reminds) {
        session_send(session, &(struct event){
                                  .kind = EVENT_EXPIRING,
                                  .expires_in = expires_in(access->identity, now),
                              });
    }
}

static void on_due(void *context, struct wheel_entry *entry) {
    struct access *access = (struct access *)(void *)((char *)entry - offsetof(struct access, timer));
    (void)context;
    if (access->stage == ACCESS_LET_IN) {
        on_expiry(access);
    } else {
        access_refuse(access->session, AUTH_UNDECIDED);
    }
}

static void on_sweep(void *context) {
    struct access_timers *timers = context;
    wheel_sweep(&timers->wheel, loop_now(timers->loop), on_due, NULL);
}

struct access_timers *access_timers_new(struct loop *loop) {
    struct access_timers *timers = calloc(1, sizeof *timers);
    if (!timers) {
        return NULL;
    }
    timers->loop = loop;
    timers->sweeper = timer_new(loop, on_sweep, timers);
    if (!timers->sweeper) {
        free(timers);
        return NULL;
    }
    wheel_init(&timers->wheel, loop_now(loop));
    timer_start(timers->sweeper, WHEEL_TICK_MS, WHEEL_TICK_MS);
    return timers;
}

void access_timers_free(struct access_timers *timers) {
    if (timers) {
        timer_free(timers->sweeper);
        free(timers);
    }
}
