// SPDX-License-Identifier: MIT
// Messages to one connection or to one user, wherever they are: the registry says on which instance, and the
// directory broker carries it there. Whoever is not found is told so. Belongs to the hub thread.
#pragma once

#include "hub/mails.h"

struct hub;
struct message;

// What the channel begins with that one instance hears; its instance_id follows.
#define SEND_INSTANCE_PREFIX "$wshub:instance:"
// What a message's channel begins with that goes to one connection; its id follows.
#define SEND_CONNECTION_PREFIX "$wshub:connection:"

void send_ask(struct hub *hub, struct request *request); // MAIL_SEND
// It was not tried, for this reason.
void send_give_up(struct hub *hub, struct request *request, int status);
void send_tried(struct hub *hub, struct request *request); // MAIL_TRIED
// What another instance has sent to a connection of this one.
void send_hear(struct hub *hub, const struct message *message);
