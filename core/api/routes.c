// SPDX-License-Identifier: MIT
#include "api/routes.h"

#include <stdio.h>
#include <string.h>

#include "api/metrics.h"
#include "api/page.h"
#include "hub/instance.h"
#include "util/buf.h"
#include "ws/ws.h"

static void healthz(const struct instance *instance, struct ws *ws) {
    (void)instance;
    static const char body[] = "{\"status\":\"ok\"}\n";
    ws_respond(ws, 200, "application/json", "", body, sizeof body - 1);
}

static void readyz(const struct instance *instance, struct ws *ws) {
    static const struct {
        int status;
        const char *body;
    } answers[] = {
        [READINESS_STARTING] = {503, "{\"status\":\"starting\"}\n"},
        [READINESS_READY] = {200, "{\"status\":\"ready\"}\n"},
        [READINESS_BROKER] =
            {503, "{\"status\":\"broker\",\"message\":\"messages do not come back through a broker; "
                  "the log and wshub_broker_probe_age_seconds say which\"}\n"},
        [READINESS_DRAINING] = {503, "{\"status\":\"draining\"}\n"},
    };
    int readiness = atomic_load(&instance->readiness);
    const char *body = answers[readiness].body;
    ws_respond(ws, answers[readiness].status, "application/json", "", body, strlen(body));
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
