// SPDX-License-Identifier: MIT
// Everything that is answered over plain HTTP: health, readiness, metrics, the page. On the worker that got
// the request.
#pragma once

struct http_request;
struct instance;
struct ws;

// Answers, whatever the request is.
void routes_handle(const struct instance *instance, struct ws *ws, const struct http_request *request);
