// SPDX-License-Identifier: MIT
// Orders of the server API on their way to the hub and back, while the HTTP client that gave one is held. On
// the worker's thread.
#pragma once

#include <stdbool.h>

#include "hub/mails.h"

struct session;
struct ws;

// Within on_request, for a connection of this worker: holds it, and asks the hub to revoke. Answered by
// routes_revoked. False: no memory, and nothing was done.
bool orders_revoke(struct ws *ws, const struct revocation *revocation);
// MAIL_REVOKE_TAKEN; takes it.
void orders_taken(struct revoke_request *request);
// The same for a drain. Answered by routes_drained.
bool orders_drain(struct ws *ws, enum drain_wish wish);
// MAIL_DRAIN_ORDERED; takes it.
void orders_drained(struct drain_order *order);
// Somebody has tried the server API with none of its keys: logged, ten a second. Within on_request.
void orders_refused(struct ws *ws);
// The session is gone: whatever it has ordered goes on.
void orders_forget(struct session *session);
// The thread ends: who still waits is told so. False: it does not wait.
bool orders_end(struct session *session);
