// SPDX-License-Identifier: MIT
// On which instances a user is: while somebody here has claimed a user's channel, "ws:user:DIGEST/INSTANCE"
// stands in the registry. Belongs to the hub thread; there is none without a registry.
#pragma once

#include <stdbool.h>

#include "util/span.h"

struct hub;
struct users;

struct users *users_new(struct hub *hub); // NULL: no memory
void users_free(struct users *users);     // after the registry; NULL is fine
// A user's channel, by its name, has got its first claim here, or has lost its last.
void users_follow(struct users *users, struct span channel, bool is_here);
void users_tick(struct users *users);

#define USERS_KEY_PREFIX "ws:user:"
