// SPDX-License-Identifier: MIT
// Everything that is answered over plain HTTP: health, readiness, metrics, the page, the server API. On the
// worker that got the request.
#pragma once

struct drain_order;
struct http_request;
struct instance;
struct ws;

// Answers, whatever the request is; one of the API perhaps later.
void routes_handle(const struct instance *instance, struct ws *ws, const struct http_request *request);
// What was ordered by orders_revoke has come to an end. The connection is held still.
void routes_revoked(struct ws *ws, int status); // of enum wshub_status
// The same of orders_drain.
void routes_drained(const struct instance *instance, struct ws *ws, const struct drain_order *order);
