// SPDX-License-Identifier: MIT
#include "hub/orders.h"

#include <stdlib.h>
#include <string.h>

#include "api/routes.h"
#include "hub/worker_priv.h"

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

void orders_forget(struct session *session) {
    if (session->order) {
        session->order->session = NULL;
        session->order = NULL;
    }
}
