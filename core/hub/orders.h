// SPDX-License-Identifier: MIT
// Orders of the server API on their way to the hub and back, while the HTTP client that gave one is held. On
// the worker's thread.
#pragma once

#include <stdbool.h>

struct revocation;
struct revoke_request;
struct session;
struct ws;

// Within on_request, for a connection of this worker: holds it, and asks the hub to revoke. Answered by
// routes_revoked. False: no memory, and nothing was done.
bool orders_revoke(struct ws *ws, const struct revocation *revocation);
// MAIL_REVOKE_TAKEN; takes it.
void orders_taken(struct revoke_request *request);
// Somebody has tried the server API with none of its keys: logged, ten a second. Within on_request.
void orders_refused(struct ws *ws);
// The session is gone: whatever it has ordered goes on.
void orders_forget(struct session *session);
