// SPDX-License-Identifier: MIT
// /api/drain: how a drain of this instance goes (GET), to order one (POST), to take it back (DELETE). On the
// worker that got the request.
#pragma once

struct drain_order;
struct http_request;
struct instance;
struct ws;

// Each answers, or has the answer come by drain_answered.
void drain_show(const struct instance *instance, struct ws *ws, const struct http_request *request);
void drain_start(const struct instance *instance, struct ws *ws, const struct http_request *request);
void drain_stop(const struct instance *instance, struct ws *ws, const struct http_request *request);
void drain_answered(const struct instance *instance, struct ws *ws, const struct drain_order *order);
