// SPDX-License-Identifier: MIT
// What instances tell each other, over the channel "$wshub:control" on the first broker: who was revoked. For
// those that are away it is kept in the registry as well, where there is one, and read from there whenever
// something may have been missed. Until that was done for the first time, nobody is let in. Belongs to the
// hub thread; there is none without auth plugins.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "wshub/host.h"

struct auth_query;
struct control;
struct hub;
struct hub_broker;
struct revoke_request;

// `keeper` has the registry; NULL: there is none. NULL: no memory.
struct control *control_new(struct hub *hub, struct hub_broker *keeper);
// After the brokers and the auth plugins were closed. NULL is fine.
void control_free(struct control *control);

// True when the message was one for the hub, and is done with.
bool control_take(struct control *control, const struct hub_broker *slot,
                  const struct wshub_message *message);
void control_on_link(struct control *control, const struct hub_broker *slot, enum wshub_link_state state);
// Messages of this channel were lost; empty: of any.
void control_on_loss(struct control *control, const struct hub_broker *slot, struct wshub_bytes channel);
// Calls the brokers for what is due. At the end of each round.
void control_proceed(struct control *control);
// Some times a second.
void control_tick(struct control *control);

// MAIL_REVOKE. Comes back as MAIL_REVOKE_TAKEN, with WSHUB_OK once every instance that can be reached has it
// on its way, and those that cannot will find it. This instance follows it at once in any case.
void control_revoke(struct control *control, struct revoke_request *request);
// A yes of the auth plugins may have come to somebody who was revoked: takes it back.
void control_judge(struct control *control, struct auth_query *query);

// Its calls among those in flight at the brokers that nobody waits for.
unsigned control_in_flight(const struct control *control, const struct hub_broker *slot);
uint64_t control_revocations(const struct control *control); // any thread
