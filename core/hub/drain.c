// SPDX-License-Identifier: MIT
// How an instance ends (P8): not ready; a delay for load balancers; the workers let their connections go,
// paced; the channels nobody wants any more are unsubscribed, and publishes under way settled; done. The
// deadline of the whole hurries whatever phase it finds. Until the connections have gone it can be taken
// back.
#include "hub/hub_priv.h"

#include "config/config.h"
#include "hub/control.h"
#include "hub/instances.h"
#include "hub/registry.h"
#include "hub/views.h"
#include "hub/worker.h"
#include "loop/loop.h"
#include "loop/timer.h"
#include "plugin/probe.h"
#include "util/log.h"

enum { PROGRESS_MS = 1000 };

bool drain_is_ending(const struct hub *hub) {
    return hub->drain.phase >= DRAIN_CHANNELS;
}

// What the registry could not delete expires by itself: nobody's work is lost with it.
static bool registry_is_settled(const struct hub *hub) {
    return !hub->registry || registry_is_done(hub->registry);
}

uint64_t drain_under_way(const struct hub *hub) {
    uint64_t count = hub->congestion.parked;
    for (unsigned i = 0; i < hub->broker_count; i++) {
        count += broker_in_flight(hub->brokers[i].broker) - probe_in_flight(hub->brokers[i].probe);
        count -= hub->control ? control_in_flight(hub->control, &hub->brokers[i]) : 0;
        count -= hub->brokers[i].reads.under_way; // change nothing, and who has asked asks another instance
    }
    count -= hub->instances ? instances_in_flight(hub->instances) + views_in_flight(hub->views) : 0;
    return count - (hub->registry ? registry_in_flight(hub->registry) : 0);
}

static void stop_timers(struct drain *drain) {
    timer_stop(drain->timer);
    timer_stop(drain->deadline);
    timer_stop(drain->progress);
}

static void finish(struct hub *hub) {
    struct drain *drain = &hub->drain;
    const struct instance *instance = hub->instance;
    if (!registry_is_settled(hub)) {
        log_warn(instance->log, "registry entries are left to expire",
                 log_number("entries", registry_entries(hub->registry)));
    }
    drain->phase = DRAIN_DONE;
    drain->ending = (struct hub_ending){
        .drained = atomic_load(&instance->gone.whole),
        .forced = atomic_load(&instance->gone.forced),
        .lost_bytes = atomic_load(&instance->gone.lost_bytes),
        .unsettled = drain_under_way(hub) + channels_left_over(hub),
    };
    stop_timers(drain);
    drain->done(drain->context, &drain->ending);
}

// ---- the phases ----

static void begin_channels(struct hub *hub) {
    hub->drain.phase = DRAIN_CHANNELS;
    channels_end_lingers(hub);
    if (hub->registry) {
        registry_end(hub->registry);
    }
    if (hub->instances) {
        instances_end(hub->instances);
    }
    // Brokers get the time of one call to confirm, where the deadline of the whole leaves it.
    timer_start(hub->drain.timer, hub->drain.late ? 0 : hub->instance->config->timeouts.broker, 0);
}

// Who has ordered it over the API may want to see how it goes, or to take it back, and needs a way in for
// that. A signal says that the process goes: then a successor may have the address at once.
static void begin_connections(struct hub *hub) {
    struct drain *drain = &hub->drain;
    const struct config *config = hub->instance->config;
    drain->phase = DRAIN_CONNECTIONS;
    drain->workers_left = hub->instance->worker_count;
    for (unsigned i = 0; i < hub->instance->worker_count; i++) {
        struct worker_notice *notice = worker_notice(hub->instance->workers[i], MAIL_DRAIN);
        notice->window = drain->hurried ? 0 : config->drain.window;
        notice->keeps_listening = drain->by_api;
        hub_post(hub, i, &notice->mail);
    }
}

static void tell_workers(struct hub *hub, enum mail_kind kind) {
    for (unsigned i = 0; i < hub->instance->worker_count; i++) {
        hub_post(hub, i, &worker_notice(hub->instance->workers[i], kind)->mail);
    }
}

static void hurry(struct hub *hub) {
    struct drain *drain = &hub->drain;
    if (drain->phase == DRAIN_DELAY) {
        drain->hurried = true;
        timer_stop(drain->timer);
        begin_connections(hub);
    } else if (drain->phase == DRAIN_CONNECTIONS && !drain->hurried) {
        drain->hurried = true;
        tell_workers(hub, MAIL_HURRY);
    }
}

// Of the phase: the delay is over, or the brokers took too long.
static void on_timer(void *context) {
    struct hub *hub = context;
    if (hub->drain.phase == DRAIN_DELAY) {
        begin_connections(hub);
    } else if (hub->drain.phase == DRAIN_CHANNELS) {
        finish(hub);
    }
}

static void on_deadline(void *context) {
    struct hub *hub = context;
    hub->drain.late = true;
    log_warn(hub->instance->log, "drain.timeout is over: what is left is cut");
    if (hub->drain.phase == DRAIN_DELAY) {
        hurry(hub);
    }
    if (hub->drain.phase == DRAIN_CONNECTIONS) {
        tell_workers(hub, MAIL_ABORT);
    } else if (hub->drain.phase == DRAIN_CHANNELS) {
        finish(hub);
    }
}

static void on_progress(void *context) {
    struct hub *hub = context;
    const struct instance *instance = hub->instance;
    const struct drain *drain = &hub->drain;
    uint64_t now = loop_now(hub->loop);
    log_info(instance->log, "draining", log_number("connections", atomic_load(&instance->connections)),
             log_number("closed", atomic_load(&instance->gone.whole) + atomic_load(&instance->gone.forced)),
             log_number("unsettled", drain_under_way(hub)),
             log_number("seconds_left", now < drain->ends_at ? (drain->ends_at - now + 999) / 1000 : 0));
}

static void begin(struct hub *hub) {
    struct drain *drain = &hub->drain;
    struct instance *instance = hub->instance;
    const struct config *config = instance->config;
    drain->phase = DRAIN_DELAY;
    drain->hurried = drain->late = false;
    drain->ends_at = loop_now(hub->loop) + config->drain.timeout;
    atomic_store(&instance->gone.whole, 0);
    atomic_store(&instance->gone.forced, 0);
    atomic_store(&instance->gone.lost_bytes, 0);
    hub_judge_readiness(hub);
    log_info(instance->log, "drain begins", log_text("by", drain->by_api ? "api" : "signal"),
             log_number("connections", atomic_load(&instance->connections)),
             log_number("delay_ms", config->drain.delay), log_number("window_ms", config->drain.window));
    timer_start(drain->deadline, config->drain.timeout, 0);
    timer_start(drain->progress, PROGRESS_MS, PROGRESS_MS);
    timer_start(drain->timer, config->drain.delay, 0);
}

void drain_begin(struct hub *hub, bool by_api) {
    struct drain *drain = &hub->drain;
    drain->by_api |= by_api && drain->phase != DRAIN_CONNECTIONS; // then it is settled who gets in
    if (drain->phase == DRAIN_NONE) {
        begin(hub);
    } else if (drain->phase == DRAIN_RESUMING) {
        drain->again = true;
    }
}

bool hub_drain(struct hub *hub) {
    struct drain *drain = &hub->drain;
    drain->signals++;
    if (drain->signals == 1) {
        drain_begin(hub, false);
    } else if (drain->signals == 2) {
        hurry(hub);
    }
    return drain->signals < 3;
}

void drain_on_worker(struct hub *hub) {
    struct drain *drain = &hub->drain;
    // Else it was taken back when this worker had none left.
    if (drain->phase == DRAIN_CONNECTIONS && --drain->workers_left == 0) {
        begin_channels(hub);
    }
}

void drain_proceed(struct hub *hub) {
    if (hub->drain.phase == DRAIN_CHANNELS && channels_are_gone(hub) && registry_is_settled(hub) &&
        drain_under_way(hub) == 0) {
        finish(hub);
    }
}

// ---- taken back ----

static void end_cancelled(struct hub *hub) {
    struct drain *drain = &hub->drain;
    drain->phase = DRAIN_NONE;
    log_info(hub->instance->log, "drain cancelled",
             log_number("connections", atomic_load(&hub->instance->connections)));
    hub_judge_readiness(hub);
}

// Without sockets nobody would come any more.
static bool can_cancel(const struct drain *drain) {
    switch (drain->phase) {
    case DRAIN_DELAY:
    case DRAIN_RESUMING:
        return true;
    case DRAIN_CONNECTIONS:
        return drain->by_api && !drain->late;
    default:
        return false;
    }
}

bool drain_cancel(struct hub *hub) {
    struct drain *drain = &hub->drain;
    if (!can_cancel(drain)) {
        return false;
    }
    drain->again = drain->by_api = false;
    drain->signals = 0;
    if (drain->phase == DRAIN_RESUMING) {
        return true;
    }
    stop_timers(drain);
    if (drain->phase == DRAIN_DELAY) {
        end_cancelled(hub);
        return true;
    }
    drain->phase = DRAIN_RESUMING;
    drain->workers_left = hub->instance->worker_count;
    tell_workers(hub, MAIL_RESUME);
    return true;
}

void drain_on_resumed(struct hub *hub) {
    struct drain *drain = &hub->drain;
    if (--drain->workers_left > 0) {
        return;
    }
    end_cancelled(hub);
    drain_orders_resumed(hub);
    if (drain->again) {
        drain->again = false;
        begin(hub);
        if (drain->signals > 1) {
            hurry(hub);
        }
    }
}

// ---- life ----

void hub_on_drained(struct hub *hub, void (*done)(void *context, const struct hub_ending *ending),
                    void *context) {
    hub->drain.done = done;
    hub->drain.context = context;
}

bool drain_init(struct hub *hub) {
    hub->drain.timer = timer_new(hub->loop, on_timer, hub);
    hub->drain.deadline = timer_new(hub->loop, on_deadline, hub);
    hub->drain.progress = timer_new(hub->loop, on_progress, hub);
    return hub->drain.timer && hub->drain.deadline && hub->drain.progress;
}

void drain_free(struct hub *hub) {
    timer_free(hub->drain.timer);
    timer_free(hub->drain.deadline);
    timer_free(hub->drain.progress);
    drain_orders_free(hub);
}
