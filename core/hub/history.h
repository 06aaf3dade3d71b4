// SPDX-License-Identifier: MIT
// Clients look into a channel's history: answered by the broker that keeps it, for it alone knows the newest.
// Those who ask the same before it was asked get one answer. Belongs to the hub thread.
#pragma once

struct hub;
struct history_query;
struct request;

// MAIL_HISTORY; takes it, until it is answered by MAIL_ANSWERED.
void history_ask(struct hub *hub, struct request *request);
void history_free(struct hub *hub); // answers what still waits: the hub is going
