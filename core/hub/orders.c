// SPDX-License-Identifier: MIT
#include "hub/orders.h"

#include <stdlib.h>
#include <string.h>

#include "api/routes.h"
#include "hub/worker_priv.h"
#include "loop/loop.h"
#include "net/address.h"
#include "util/log.h"

bool orders_revoke(struct ws *ws, const struct revocation *revocation) {
    struct session *session = (struct session *)(void *)ws;
    struct revoke_request *request = calloc(1, sizeof *request + revocation->id.length);
    if (!request) {
        return false;
    }
    request->mail.kind = MAIL_REVOKE;
    request->worker = session->worker->index;
    request->session = session;
    request->revocation = *revocation;
    memcpy(request->id, revocation->id.data, revocation->id.length);
    request->revocation.id.data = request->id;
    session->order = request;
    ws_hold(ws);
    worker_tell_hub(session->worker, &request->mail);
    return true;
}

void orders_taken(struct revoke_request *request) {
    struct session *session = request->session;
    if (session) {
        session->order = NULL;
        if (ws_is_held(&session->ws)) {
            routes_revoked(&session->ws, request->status);
        }
    }
    free(request);
}

void orders_refused(struct ws *ws) {
    struct session *session = (struct session *)(void *)ws;
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
        session->order->session = NULL;
        session->order = NULL;
    }
}
