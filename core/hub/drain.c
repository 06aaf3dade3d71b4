// SPDX-License-Identifier: MIT
// How an instance ends (P8): not ready; a delay for load balancers; the workers let their connections go,
// paced; the channels nobody wants any more are unsubscribed, and publishes under way settled; done. The
// deadline of the whole hurries whatever phase it finds.
#include "hub/hub_priv.h"

#include "config/config.h"
#include "hub/control.h"
#include "hub/registry.h"
#include "hub/worker.h"
#include "loop/timer.h"
#include "plugin/probe.h"
#include "util/log.h"

bool drain_is_ending(const struct hub *hub) {
    return hub->drain.phase >= DRAIN_CHANNELS;
}

// What the registry could not delete expires by itself: nobody's work is lost with it.
static bool registry_is_settled(const struct hub *hub) {
    return !hub->registry || registry_is_done(hub->registry);
}

// Somebody's work that waits for a broker, or for a worker; also of clients that have gone.
static uint64_t count_under_way(const struct hub *hub) {
    uint64_t count = hub->congestion.parked;
    for (unsigned i = 0; i < hub->broker_count; i++) {
        count += broker_in_flight(hub->brokers[i].broker) - probe_in_flight(hub->brokers[i].probe);
        count -= hub->control ? control_in_flight(hub->control, &hub->brokers[i]) : 0;
    }
    return count - (hub->registry ? registry_in_flight(hub->registry) : 0);
}

static void finish(struct hub *hub) {
    struct drain *drain = &hub->drain;
    if (!registry_is_settled(hub)) {
        log_warn(hub->instance->log, "registry entries are left to expire",
                 log_number("entries", registry_entries(hub->registry)));
    }
    drain->phase = DRAIN_DONE;
    drain->ending.unsettled = count_under_way(hub) + channels_left_over(hub);
    timer_stop(drain->timer);
    timer_stop(drain->deadline);
    drain->done(drain->context, &drain->ending);
}

static void begin_channels(struct hub *hub) {
    hub->drain.phase = DRAIN_CHANNELS;
    channels_end_lingers(hub);
    if (hub->registry) {
        registry_end(hub->registry);
    }
    // Brokers get the time of one call to confirm, where the deadline of the whole leaves it.
    timer_start(hub->drain.timer, hub->drain.late ? 0 : hub->instance->config->timeouts.broker, 0);
}

static void begin_connections(struct hub *hub) {
    struct drain *drain = &hub->drain;
    drain->phase = DRAIN_CONNECTIONS;
    drain->workers_left = hub->instance->worker_count;
    for (unsigned i = 0; i < hub->instance->worker_count; i++) {
        struct worker_notice *notice = worker_notice(hub->instance->workers[i], MAIL_DRAIN);
        notice->window = drain->hurried ? 0 : hub->instance->config->drain.window;
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

void hub_drain(struct hub *hub, void (*done)(void *context, const struct hub_ending *ending), void *context) {
    struct drain *drain = &hub->drain;
    const struct config *config = hub->instance->config;
    if (drain->phase != DRAIN_NONE) {
        hurry(hub);
        return;
    }
    drain->phase = DRAIN_DELAY;
    drain->done = done;
    drain->context = context;
    hub_judge_readiness(hub);
    log_info(hub->instance->log, "drain begins",
             log_number("connections", atomic_load(&hub->instance->connections)),
             log_number("delay_ms", config->drain.delay), log_number("window_ms", config->drain.window));
    timer_start(drain->deadline, config->drain.timeout, 0);
    timer_start(drain->timer, config->drain.delay, 0);
}

void drain_on_worker(struct hub *hub, const struct worker_notice *notice) {
    struct drain *drain = &hub->drain;
    drain->ending.drained += notice->drained;
    drain->ending.forced += notice->forced;
    drain->ending.lost_bytes += notice->lost_bytes;
    if (--drain->workers_left == 0) {
        begin_channels(hub);
    }
}

void drain_proceed(struct hub *hub) {
    if (hub->drain.phase == DRAIN_CHANNELS && counter_get(&hub->stats.channels) == 0 &&
        registry_is_settled(hub) && count_under_way(hub) == 0) {
        finish(hub);
    }
}

bool drain_init(struct hub *hub) {
    hub->drain.timer = timer_new(hub->loop, on_timer, hub);
    hub->drain.deadline = timer_new(hub->loop, on_deadline, hub);
    return hub->drain.timer && hub->drain.deadline;
}

void drain_free(struct hub *hub) {
    timer_free(hub->drain.timer);
    timer_free(hub->drain.deadline);
}
