// SPDX-License-Identifier: MIT
// A little of everything that a hub asks of a plugin: for cases that want it to have worked, and are about
// something else.
#pragma once

#include "host/peer.h"

// Subscribes to a channel, publishes to it, gets that back, and unsubscribes; the registry too, where it is
// claimed. Leaves nothing at the broker. Fails the case otherwise: "WHEN: publish was answered with ...".
void duty_do(struct peer *peer, const char *when);
// The first part of it alone: a message there and back.
void duty_message(struct peer *peer, const char *when);
// The registry alone: nothing where it is not claimed.
void duty_registry(struct peer *peer, const char *when);

// A history and a last value, of what of them is claimed; for a while the broker keeps them.
void duty_kept(struct peer *peer, const char *when);

// Fails the case when the answer is not WSHUB_OK.
void duty_expect(struct check *check, int status, const char *verb, const char *when);

// A channel that no other round has: "NAME-17".
struct wshub_bytes duty_channel(struct check *check, const char *name, unsigned number);
