// SPDX-License-Identifier: MIT
// Publishing, from the hub to the brokers: to one, or, where another broker keeps the channel's history, to
// that one first and then with the position that it gave. Belongs to the hub thread.
#pragma once

struct hub;
struct request;

// Answers it by hub_answer_publish, once every broker concerned has taken the message or one has not.
void via_publish(struct hub *hub, struct request *request);
