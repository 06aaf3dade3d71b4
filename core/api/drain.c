// SPDX-License-Identifier: MIT
#include "api/drain.h"

#include <inttypes.h>

#include "hub/instance.h"
#include "hub/mails.h"
#include "hub/orders.h"
#include "net/http.h"
#include "util/buf.h"
#include "ws/ws.h"
#include "wshub/status.h"

static void give(struct ws *ws, const struct http_request *request, enum drain_wish wish) {
    if (request->body.length > 0) { // somebody thinks that it can say how
        ws_refuse(ws, 400, "", "bad_request", "this takes no body: the configuration's `drain` says how");
    } else if (!orders_drain(ws, wish)) {
        ws_refuse(ws, 503, "Retry-After: 1\r\n", "internal", "out of memory");
    }
}

void drain_show(const struct instance *instance, struct ws *ws, const struct http_request *request) {
    (void)instance;
    give(ws, request, DRAIN_ASK);
}

void drain_start(const struct instance *instance, struct ws *ws, const struct http_request *request) {
    (void)instance;
    give(ws, request, DRAIN_BEGIN);
}

void drain_stop(const struct instance *instance, struct ws *ws, const struct http_request *request) {
    (void)instance;
    give(ws, request, DRAIN_CANCEL);
}

// An instance's id needs no escapes: config/forms.c lets in none that would.
static void put_state(struct buf *out, const struct instance *instance, const struct drain_order *order) {
    static const char *const phases[] = {
        [DRAIN_DELAY] = "delay",       [DRAIN_CONNECTIONS] = "connections",
        [DRAIN_RESUMING] = "resuming", [DRAIN_CHANNELS] = "channels",
        [DRAIN_DONE] = "done",
    };
    bool draining = order->phase != DRAIN_NONE;
    buf_printf(out, "{\"status\":\"%s\",\"instance\":\"%s\",\"started\":%" PRId64 ",\"connections\":%" PRIu64,
               draining ? "draining" : "serving", instance->id, (int64_t)instance->started,
               order->connections);
    if (draining) {
        buf_printf(out,
                   ",\"phase\":\"%s\",\"closed\":%" PRIu64 ",\"forced\":%" PRIu64 ",\"unsettled\":%" PRIu64
                   ",\"remaining_ms\":%" PRIu64,
                   phases[order->phase], order->closed, order->forced, order->unsettled, order->remaining);
    }
    buf_puts(out, "}\n");
}

void drain_answered(const struct instance *instance, struct ws *ws, const struct drain_order *order) {
    struct buf out = {0};
    if (order->status == WSHUB_NOT_FOUND) {
        ws_refuse(ws, 409, "", "not_draining", "there is no drain to take back");
        return;
    }
    if (order->status != WSHUB_OK) {
        ws_refuse(ws, 409, "", "too_late",
                  "the sockets are closed, or the connections gone: the instance goes");
        return;
    }
    put_state(&out, instance, order);
    if (out.failed) {
        ws_refuse(ws, 503, "", "internal", "out of memory");
    } else {
        ws_respond(ws, order->wish == DRAIN_BEGIN ? 202 : 200, "application/json", "", out.data, out.length);
    }
    buf_free(&out);
}
