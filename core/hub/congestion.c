// SPDX-License-Identifier: MIT
// A worker whose fan-out cannot keep up with what is published must not collect it without bound. Publishes
// to channels with subscribers on such a worker, and what is sent to a user there, are parked here, in order,
// until it has caught up; their publishers, who get no answer meanwhile, are not read from once they have
// enough under way (session.c). Others are not concerned.
#include "hub/hub_priv.h"

#include "config/config.h"
#include "hub/message.h"
#include "hub/send.h"
#include "hub/via.h"
#include "hub/worker.h"
#include "loop/loop.h"

enum {
    BACKLOG_MAX = 16 * 1024 * 1024,  // bytes on their way to one worker
    RECOVERED_MAX = 2 * 1024 * 1024, // beyond these, no old messages are added while there are some already
};

static uint64_t backlog(const struct hub *hub, unsigned worker) {
    return hub->congestion.posted[worker] - worker_delivered_bytes(hub->instance->workers[worker]);
}

static void add(struct hub *hub, unsigned worker, uint64_t bytes) {
    hub->congestion.posted[worker] += bytes;
    if (backlog(hub, worker) > BACKLOG_MAX) {
        hub->congestion.late |= UINT64_C(1) << worker;
    }
}

void congestion_count(struct hub *hub, unsigned worker, const struct message *message) {
    add(hub, worker, message_weight(message));
}

void congestion_add_old(struct hub *hub, unsigned worker, uint64_t bytes) {
    add(hub, worker, bytes);
    hub->congestion.posted_old[worker] = hub->congestion.posted[worker];
}

// A worker that is behind for good gets a little at a time all the same: else who comes back there would wait
// without end.
static bool has_old(const struct hub *hub, unsigned worker) {
    uint64_t since = hub->congestion.posted[worker] - hub->congestion.posted_old[worker];
    return backlog(hub, worker) > since;
}

bool congestion_has_room(const struct hub *hub, unsigned worker) {
    return backlog(hub, worker) <= RECOVERED_MAX || !has_old(hub, worker);
}

static bool is_late(const struct hub *hub, unsigned worker) {
    return worker != HUB_ITSELF && hub->congestion.late & UINT64_C(1) << worker;
}

bool congestion_is_late(const struct hub *hub, const struct channel_ticket *claims) {
    const struct channel_ticket *claim = claims;
    while (claim && !is_late(hub, claim->worker)) {
        claim = claim->next_claim;
    }
    return claim != NULL;
}

static bool is_blocked(struct hub *hub, const struct request *request) {
    if (hub->congestion.stale) {
        return true; // those that are parked go first
    }
    if (hub->congestion.late == 0) {
        return false;
    }
    return congestion_is_late(hub, channels_claims(hub, message_channel(request->message)));
}

// Workers ring the hub when they get further.
static void tell_workers(struct hub *hub) {
    atomic_store(&hub->instance->congested, hub->congestion.first != NULL || hub->congestion.is_watched);
}

void congestion_watch(struct hub *hub) {
    hub->congestion.is_watched = true;
    tell_workers(hub);
}

static void append(struct congestion *congestion, struct request *request) {
    request->next_waiting = NULL;
    *(congestion->last ? &congestion->last->next_waiting : &congestion->first) = request;
    congestion->last = request;
    congestion->parked++;
}

static void go_on(struct hub *hub, struct request *request) {
    if (request->ask) {
        send_ask(hub, request);
    } else {
        via_publish(hub, request);
    }
}

static void give_up(struct hub *hub, struct request *request, int status) {
    if (request->ask) {
        send_give_up(hub, request, status);
    } else {
        hub_answer_publish(hub, request, status);
    }
}

bool congestion_park(struct hub *hub, struct request *request) {
    if (!is_blocked(hub, request)) {
        return false;
    }
    request->parked_at = loop_now(hub->loop);
    append(&hub->congestion, request);
    tell_workers(hub);
    return true;
}

void congestion_on_leave(struct hub *hub, unsigned worker) {
    if (worker != HUB_ITSELF && hub->congestion.first && is_late(hub, worker)) {
        hub->congestion.stale = true;
    }
}

// Late workers that have caught up halfway are late no more: not at the edge, or each message would wait for
// its own turn.
static void look_at_workers(struct hub *hub) {
    for (uint64_t left = hub->congestion.late; left; left &= left - 1) {
        unsigned worker = (unsigned)__builtin_ctzll(left);
        if (backlog(hub, worker) <= BACKLOG_MAX / 2) {
            hub->congestion.late &= ~(UINT64_C(1) << worker);
            hub->congestion.stale = hub->congestion.first != NULL;
        }
    }
}

static struct request *take_all(struct congestion *congestion) {
    struct request *first = congestion->first;
    congestion->first = congestion->last = NULL;
    congestion->parked = 0;
    return first;
}

void congestion_resume(struct hub *hub) {
    struct congestion *congestion = &hub->congestion;
    look_at_workers(hub);
    if (congestion->is_watched) { // who waits says so again
        congestion->is_watched = false;
        tell_workers(hub);
    }
    if (!congestion->stale) {
        return;
    }
    congestion->stale = false;
    struct request *request = take_all(congestion);
    while (request) { // each goes, or is parked again behind those before it
        struct request *next = request->next_waiting;
        if (is_blocked(hub, request)) {
            append(congestion, request);
        } else {
            go_on(hub, request);
        }
        request = next;
    }
    tell_workers(hub);
}

void congestion_expire(struct hub *hub) {
    struct congestion *congestion = &hub->congestion;
    uint64_t timeout = hub->instance->config->timeouts.broker;
    while (congestion->first && loop_now(hub->loop) - congestion->first->parked_at >= timeout) {
        struct request *request = congestion->first;
        congestion->first = request->next_waiting;
        congestion->last = congestion->first ? congestion->last : NULL;
        congestion->parked--;
        give_up(hub, request, REQUEST_OVERLOADED);
    }
    tell_workers(hub);
}

void congestion_free(struct hub *hub) {
    struct request *request = take_all(&hub->congestion);
    while (request) {
        struct request *next = request->next_waiting;
        give_up(hub, request, WSHUB_CLOSED);
        request = next;
    }
}
