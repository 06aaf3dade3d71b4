// SPDX-License-Identifier: MIT
// POST /api/revoke: closes a user's connections, or those of one token, on every instance. On the worker that
// got the request.
#pragma once

struct http_request;
struct instance;
struct ws;

// Answers, or has the answer come by revoke_taken.
void revoke_handle(const struct instance *instance, struct ws *ws, const struct http_request *request);
void revoke_taken(struct ws *ws, int status); // of enum wshub_status
