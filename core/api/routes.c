// SPDX-License-Identifier: MIT
#include "api/routes.h"

#include <stdio.h>
#include <string.h>

#include "api/drain.h"
#include "api/keys.h"
#include "api/metrics.h"
#include "api/page.h"
#include "api/revoke.h"
#include "config/config.h"
#include "hub/hub.h"
#include "hub/instance.h"
#include "hub/orders.h"
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

enum method { METHOD_GET, METHOD_POST, METHOD_DELETE, METHODS };

static const struct {
    const char *first, *second; // of request->method
    const char *words;          // as in Allow
} methods[METHODS] = {
    [METHOD_GET] = {"GET", "HEAD", "GET, HEAD"},
    [METHOD_POST] = {"POST", "POST", "POST"},
    [METHOD_DELETE] = {"DELETE", "DELETE", "DELETE"},
};

typedef void (*handler_fn)(const struct instance *instance, struct ws *ws,
                           const struct http_request *request);

static const struct route {
    const char *path;
    bool of_api;                 // is there when the API has keys, for who has one
    handler_fn handles[METHODS]; // NULL: the path does not take it
} routes[] = {
    {"/healthz", false, {[METHOD_GET] = healthz}},
    {"/readyz", false, {[METHOD_GET] = readyz}},
    {"/metrics", false, {[METHOD_GET] = metrics}},
    {"/", false, {[METHOD_GET] = page}},
    {"/api/revoke", true, {[METHOD_POST] = revoke_handle}},
    {"/api/drain",
     true,
     {[METHOD_GET] = drain_show, [METHOD_POST] = drain_start, [METHOD_DELETE] = drain_stop}},
};

static void refuse_method(const struct route *route, struct ws *ws) {
    struct buf words = {0}, allow = {0}, message = {0};
    for (int i = 0; i < METHODS; i++) {
        if (route->handles[i]) {
            buf_printf(&words, "%s%s", words.length > 0 ? ", " : "", methods[i].words);
        }
    }
    buf_append(&words, "", 1);
    buf_printf(&allow, "Allow: %s\r\n", words.failed ? "" : words.data);
    buf_printf(&message, "this path takes %s", words.failed ? "" : words.data);
    buf_append(&allow, "", 1);
    buf_append(&message, "", 1);
    if (words.failed || allow.failed || message.failed) {
        ws_refuse(ws, 405, "", "method_not_allowed", "this path takes another method");
    } else {
        ws_refuse(ws, 405, allow.data, "method_not_allowed", message.data);
    }
    buf_free(&words);
    buf_free(&allow);
    buf_free(&message);
}

// False: refused.
static bool admit(const struct instance *instance, struct ws *ws, const struct http_request *request) {
    bool shown;
    if (keys_fit(instance->config, request, &shown)) {
        return true;
    }
    if (shown) {
        orders_refused(ws);
    }
    ws_refuse(ws, 401,
              shown ? "WWW-Authenticate: Bearer error=\"invalid_token\"\r\n" : "WWW-Authenticate: Bearer\r\n",
              "unauthenticated",
              shown ? "this is none of `api.keys`" : "expected Authorization: Bearer and one of `api.keys`");
    return false;
}

static handler_fn find_handler(const struct route *route, const char *method) {
    for (int i = 0; i < METHODS; i++) {
        if (strcmp(method, methods[i].first) == 0 || strcmp(method, methods[i].second) == 0) {
            return route->handles[i];
        }
    }
    return NULL;
}

static void serve(const struct route *route, const struct instance *instance, struct ws *ws,
                  const struct http_request *request) {
    handler_fn handle = find_handler(route, request->method);
    if (route->of_api && instance->config->api.keys.count == 0) {
        ws_refuse(ws, 404, "", "not_found",
                  "the server API is off: `api.keys` in the configuration is not set");
    } else if (!handle) {
        refuse_method(route, ws);
    } else if (!route->of_api || admit(instance, ws, request)) {
        handle(instance, ws, request);
    }
}

void routes_handle(const struct instance *instance, struct ws *ws, const struct http_request *request) {
    for (size_t i = 0; i < sizeof routes / sizeof *routes; i++) {
        if (http_text_is(request->path, routes[i].path)) {
            serve(&routes[i], instance, ws, request);
            return;
        }
    }
    ws_refuse(ws, 404, "", "not_found",
              "there are /ws, /healthz, /readyz, /metrics, /api/revoke and /api/drain here");
}

void routes_revoked(struct ws *ws, int status) {
    revoke_taken(ws, status);
}

void routes_drained(const struct instance *instance, struct ws *ws, const struct drain_order *order) {
    drain_answered(instance, ws, order);
}
