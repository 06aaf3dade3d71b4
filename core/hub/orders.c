// SPDX-License-Identifier: MIT
#include "hub/orders.h"

#include <stdlib.h>
#include <string.h>

#include "api/routes.h"
#include "hub/worker_priv.h"
#include "loop/loop.h"
#include "net/address.h"
#include "util/log.h"

static struct session *session_of(struct ws *ws) {
    return (struct session *)(void *)ws;
}

// `*place` is where the order knows the session that is to be answered.
static void give(struct session *session, struct mail *mail, struct session **place) {
    *place = session;
    session->order = place;
    ws_hold(&session->ws);
    worker_tell_hub(session->worker, mail);
}

// The session that waits for the order's end, which it has come to. NULL: nobody waits.
static struct session *settle(struct session *session) {
    if (session) {
        session->order = NULL;
    }
    return session && ws_is_held(&session->ws) ? session : NULL;
}

bool orders_revoke(struct ws *ws, const struct revocation *revocation) {
    struct session *session = session_of(ws);
    struct revoke_request *request = calloc(1, sizeof *request + revocation->id.length);
    if (!request) {
        return false;
    }
    request->mail.kind = MAIL_REVOKE;
    request->worker = session->worker->index;
    request->revocation = *revocation;
    memcpy(request->id, revocation->id.data, revocation->id.length);
    request->revocation.id.data = request->id;
    give(session, &request->mail, &request->session);
    return true;
}

void orders_taken(struct revoke_request *request) {
    struct session *session = settle(request->session);
    if (session) {
        routes_revoked(&session->ws, request->status);
    }
    free(request);
}

bool orders_drain(struct ws *ws, enum drain_wish wish) {
    struct session *session = session_of(ws);
    struct drain_order *order = calloc(1, sizeof *order);
    if (!order) {
        return false;
    }
    order->mail.kind = MAIL_DRAIN_ORDER;
    order->worker = session->worker->index;
    order->wish = wish;
    give(session, &order->mail, &order->session);
    return true;
}

void orders_drained(struct drain_order *order) {
    struct session *session = settle(order->session);
    if (session) {
        routes_drained(session->worker->instance, &session->ws, order);
    }
    free(order);
}

void orders_refused(struct ws *ws) {
    struct session *session = session_of(ws);
    struct worker *worker = session->worker;
    uint64_t now = loop_now(worker->loop);
    uint64_t untold = throttle_settle(&worker->refused_keys, now);
    char address[ADDRESS_TEXT_SIZE] = "unix";
    if (!throttle_pass(&worker->refused_keys, now)) {
        return;
    }
    if (!IN6_IS_ADDR_UNSPECIFIED(&session->address)) {
        address_ip_format(&session->address, address, sizeof address);
    }
    log_event(worker->instance->log, LOG_WARN, "API key refused",
              (const struct log_field[]){log_text("address", address), log_number("not_logged", untold)},
              untold > 0 ? 2 : 1);
}

void orders_forget(struct session *session) {
    if (session->order) {
        *session->order = NULL;
        session->order = NULL;
    }
}

bool orders_end(struct session *session) {
    bool waits = session->order && ws_is_held(&session->ws);
    orders_forget(session);
    if (waits) {
        ws_refuse(&session->ws, 503, "", "draining",
                  "this instance is going, and what comes of the order is unknown");
    }
    return waits;
}
