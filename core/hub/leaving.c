// SPDX-License-Identifier: MIT
// The worker's part of a drain, and of its end: every connection is let go at its time within the window, so
// that the other instances get their clients at an even pace; taken back, those that are left stay.
#include <stdlib.h>

#include "config/config.h"
#include "hub/access.h"
#include "hub/orders.h"
#include "hub/worker_priv.h"
#include "loop/loop.h"
#include "loop/timer.h"
#include "net/listener.h"
#include "util/random.h"

enum {
    PACE_MS = 20,
    // On top of the pacing, so that clients whose turn was the same do not come back as one.
    RETURN_SPREAD_MS = 1000,
    // For what was answered over HTTP at the very end to reach whoever has asked.
    LAST_WORDS_MS = 1000,
};

// Without a pace that spreads them, how long they wait before they come back does.
uint32_t leaving_return_after(const struct worker *worker) {
    uint64_t window = worker->instance->config->drain.window;
    bool paced = worker->drain.window > 0;
    return (uint32_t)(random_u64() % (paced || window < RETURN_SPREAD_MS ? RETURN_SPREAD_MS : window));
}

// ---- one by one ----

static void let_go(struct worker *worker, uint64_t many) {
    struct session *next;
    for (struct session *session = worker->sessions; session && many > 0; session = next) {
        next = session->next;
        if (ws_is_open(&session->ws) && !session->leaving) {
            session_leave(session);
            worker->drain.let_go++;
            many--;
        }
    }
}

// Of n clients on a worker the first goes at once and the last when (n - 1)/n of the window has passed; the
// workers' turns are set off against each other, so that those of all are as even.
static uint64_t count_due(const struct worker *worker) {
    const struct worker_drain *drain = &worker->drain;
    uint64_t elapsed = loop_now(worker->loop) - drain->begun, workers = worker->instance->worker_count;
    if (elapsed >= drain->window) {
        return UINT64_MAX;
    }
    uint64_t turns = drain->total * workers * elapsed / drain->window; // of all workers
    return turns >= worker->index ? (turns - worker->index) / workers + 1 : 0;
}

static void tell_if_done(struct worker *worker) {
    struct worker_drain *drain = &worker->drain;
    if (drain->active && !drain->told && worker->live == 0) {
        drain->told = true;
        timer_stop(drain->timer);
        worker_tell_hub(worker, &worker_notice(worker, MAIL_DRAINED)->mail);
    }
}

static void keep_pace(struct worker *worker) {
    uint64_t due = count_due(worker);
    if (due > worker->drain.let_go) {
        let_go(worker, due - worker->drain.let_go);
    }
    tell_if_done(worker);
}

void leaving_close_listeners(struct worker *worker, bool take_rest) {
    while (worker->listener_count > 0) {
        listener_close(&worker->listeners[--worker->listener_count], take_rest);
    }
}

void leaving_begin(struct worker *worker, const struct worker_notice *notice) {
    struct worker_drain *drain = &worker->drain;
    if (!notice->keeps_listening) {
        leaving_close_listeners(worker, true);
    }
    drain->active = true;
    drain->told = false;
    drain->begun = loop_now(worker->loop);
    drain->window = notice->window;
    drain->let_go = 0;
    access_drain(worker);
    drain->total = worker->live;
    timer_start(drain->timer, 0, PACE_MS);
}

void leaving_hurry(struct worker *worker) {
    worker->drain.window = 0;
}

void leaving_resume(struct worker *worker) {
    worker->drain.active = false;
    timer_stop(worker->drain.timer);
    for (struct session *session = worker->sessions; session; session = session->next) {
        if (session->leaving && !session->drained) {
            session->leaving = false; // it waits for answers, and reads on when it has them
            session_proceed(session);
        }
    }
    worker_tell_hub(worker, &worker_notice(worker, MAIL_RESUMED)->mail);
}

void leaving_abort(struct worker *worker) {
    struct session *next;
    for (struct session *session = worker->sessions; session; session = next) {
        next = session->next;
        if (session->was_open) {
            ws_abort(&session->ws);
        }
    }
}

// ---- the end of the thread ----

static bool is_said(const struct worker *worker) {
    for (const struct session *session = worker->sessions; session; session = session->next) {
        if (ws_is_answered(&session->ws)) {
            return false;
        }
    }
    return true;
}

static void end(struct worker *worker) {
    struct session *next;
    for (struct session *session = worker->sessions; session; session = next) {
        next = session->next;
        ws_abort(&session->ws);
    }
    net_flush(&worker->net); // forgets those that it still had listed
    loop_stop(worker->loop);
}

void leaving_stop(struct worker *worker) {
    struct session *next;
    leaving_close_listeners(worker, false);
    worker->drain.active = false;
    worker->drain.stopping = true;
    for (struct session *session = worker->sessions; session; session = next) {
        next = session->next;
        if (!orders_end(session) && !ws_is_answered(&session->ws)) {
            ws_abort(&session->ws);
        }
    }
    timer_start(worker->drain.timer, is_said(worker) ? 0 : LAST_WORDS_MS, 0);
}

static void on_timer(void *context) {
    struct worker *worker = context;
    if (worker->drain.stopping) {
        end(worker);
    } else {
        keep_pace(worker);
    }
}

static void count_gone(struct instance *instance, bool whole, size_t unsent) {
    atomic_fetch_add(whole ? &instance->gone.whole : &instance->gone.forced, 1);
    atomic_fetch_add(&instance->gone.lost_bytes, unsent);
}

void leaving_ended(struct session *session, bool orderly, size_t unsent) {
    struct worker *worker = session->worker;
    worker->live -= session->was_open;
    if (session->was_open && worker->drain.active) {
        count_gone(worker->instance, orderly && unsent == 0, unsent);
        tell_if_done(worker);
    }
    if (worker->drain.stopping && is_said(worker)) {
        timer_start(worker->drain.timer, 0, 0);
    }
}

bool leaving_init(struct worker *worker) {
    worker->drain.timer = timer_new(worker->loop, on_timer, worker);
    return worker->drain.timer != NULL;
}
