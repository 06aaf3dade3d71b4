// SPDX-License-Identifier: MIT
#include "api/routes.h"

#include <stdio.h>
#include <string.h>

#include "api/metrics.h"
#include "api/page.h"
#include "hub/hub.h"
#include "hub/instance.h"
#include "plugin/broker.h"
#include "util/buf.h"
#include "ws/ws.h"

static void healthz(const struct instance *instance, struct ws *ws) {
    (void)instance;
    static const char body[] = "{\"status\":\"ok\"}\n";
    ws_respond(ws, 200, "application/json", "", body, sizeof body - 1);
}

// Names of brokers need no escapes: config/forms.c lets in none that would.
static void put_unready(struct buf *out, const struct hub *hub) {
    const char *comma = "";
    buf_puts(out, ",\"brokers\":[");
    for (unsigned i = 0; i < hub_broker_count(hub); i++) {
        if (!hub_broker_is_ready(hub, i)) {
            buf_printf(out, "%s\"%s\"", comma, broker_name(hub_broker(hub, i)));
            comma = ",";
        }
    }
    buf_puts(out, "]");
}

static void readyz(const struct instance *instance, struct ws *ws) {
    static const struct {
        int status;
        const char *word;
        bool for_brokers; // it is so because of those that are named
        const char *message;
    } answers[] = {
        [READINESS_STARTING] = {503, "starting", true, NULL},
        [READINESS_READY] = {200, "ready", false, NULL},
        [READINESS_BROKER] = {503, "broker", true,
                              "messages do not come back through these brokers; the log says why"},
        [READINESS_DRAINING] = {503, "draining", false, NULL},
    };
    int readiness = atomic_load(&instance->readiness);
    struct buf out = {0};
    buf_printf(&out, "{\"status\":\"%s\"", answers[readiness].word);
    if (answers[readiness].for_brokers) {
        put_unready(&out, instance->hub);
    }
    if (answers[readiness].message) {
        buf_printf(&out, ",\"message\":\"%s\"", answers[readiness].message);
    }
    buf_puts(&out, "}\n");
    if (out.failed) {
        ws_refuse(ws, 503, "", "internal", "out of memory");
    } else {
        ws_respond(ws, answers[readiness].status, "application/json", "", out.data, out.length);
    }
    buf_free(&out);
}

static void metrics(const struct instance *instance, struct ws *ws) {
    struct buf out = {0};
    metrics_write(&out, instance);
    if (out.failed) {
        ws_refuse(ws, 503, "", "internal", "out of memory");
    } else {
        ws_respond(ws, 200, "text/plain; version=0.0.4; charset=utf-8", "", out.data, out.length);
    }
    buf_free(&out);
}

static void page(const struct instance *instance, struct ws *ws) {
    if (!instance->page) {
        ws_refuse(ws, 404, "", "not_found", "the page is off: `page: on` in the configuration serves it");
        return;
    }
    ws_respond(
        ws, 200, "text/html; charset=utf-8",
        "Content-Security-Policy: default-src 'none'; connect-src 'self' ws: wss:; style-src "
        "'unsafe-inline'; "
        "script-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors "
        "'none'\r\nReferrer-Policy: no-referrer\r\n",
        page_html, page_html_size);
}

static const struct {
    const char *path;
    void (*handle)(const struct instance *instance, struct ws *ws);
} routes[] = {
    {"/healthz", healthz},
    {"/readyz", readyz},
    {"/metrics", metrics},
    {"/", page},
};

void routes_handle(const struct instance *instance, struct ws *ws, const struct http_request *request) {
    for (size_t i = 0; i < sizeof routes / sizeof *routes; i++) {
        if (!http_text_is(request->path, routes[i].path)) {
            continue;
        }
        if (strcmp(request->method, "GET") == 0 || strcmp(request->method, "HEAD") == 0) {
            routes[i].handle(instance, ws);
        } else {
            ws_refuse(ws, 405, "Allow: GET, HEAD\r\n", "method_not_allowed", "this path takes GET and HEAD");
        }
        return;
    }
    ws_refuse(ws, 404, "", "not_found", "there are /ws, /healthz, /readyz and /metrics here");
}
