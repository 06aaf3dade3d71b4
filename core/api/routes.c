// SPDX-License-Identifier: MIT
#include "api/routes.h"

#include <stdio.h>
#include <string.h>

#include "api/metrics.h"
#include "api/page.h"
#include "api/revoke.h"
#include "config/config.h"
#include "hub/hub.h"
#include "hub/instance.h"
#include "plugin/broker.h"
#include "util/buf.h"
#include "ws/ws.h"

static void healthz(const struct instance *instance, struct ws *ws, const struct http_request *request) {
    (void)request;
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

static void readyz(const struct instance *instance, struct ws *ws, const struct http_request *request) {
    (void)request;
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

static void metrics(const struct instance *instance, struct ws *ws, const struct http_request *request) {
    (void)request;
    struct buf out = {0};
    metrics_write(&out, instance);
    if (out.failed) {
        ws_refuse(ws, 503, "", "internal", "out of memory");
    } else {
        ws_respond(ws, 200, "text/plain; version=0.0.4; charset=utf-8", "", out.data, out.length);
    }
    buf_free(&out);
}

static void page(const struct instance *instance, struct ws *ws, const struct http_request *request) {
    (void)request;
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

// ---- what is where ----

enum method { METHOD_GET, METHOD_POST };

static const struct {
    const char *first, *second; // of request->method
    const char *allow, *message;
} methods[] = {
    [METHOD_GET] = {"GET", "HEAD", "Allow: GET, HEAD\r\n", "this path takes GET and HEAD"},
    [METHOD_POST] = {"POST", "POST", "Allow: POST\r\n", "this path takes POST"},
};

static const struct {
    const char *path;
    enum method method;
    bool of_api; // is there when the API has keys
    void (*handle)(const struct instance *instance, struct ws *ws, const struct http_request *request);
} routes[] = {
    {"/healthz", METHOD_GET, false, healthz},          {"/readyz", METHOD_GET, false, readyz},
    {"/metrics", METHOD_GET, false, metrics},          {"/", METHOD_GET, false, page},
    {"/api/revoke", METHOD_POST, true, revoke_handle},
};

static void serve(size_t i, const struct instance *instance, struct ws *ws,
                  const struct http_request *request) {
    enum method method = routes[i].method;
    if (routes[i].of_api && instance->config->api.keys.count == 0) {
        ws_refuse(ws, 404, "", "not_found",
                  "the server API is off: `api.keys` in the configuration is not set");
    } else if (strcmp(request->method, methods[method].first) == 0 ||
               strcmp(request->method, methods[method].second) == 0) {
        routes[i].handle(instance, ws, request);
    } else {
        ws_refuse(ws, 405, methods[method].allow, "method_not_allowed", methods[method].message);
    }
}

void routes_handle(const struct instance *instance, struct ws *ws, const struct http_request *request) {
    for (size_t i = 0; i < sizeof routes / sizeof *routes; i++) {
        if (http_text_is(request->path, routes[i].path)) {
            serve(i, instance, ws, request);
            return;
        }
    }
    ws_refuse(ws, 404, "", "not_found", "there are /ws, /healthz, /readyz, /metrics and /api/revoke here");
}

void routes_revoked(struct ws *ws, int status) {
    revoke_taken(ws, status);
}
