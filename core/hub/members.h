// SPDX-License-Identifier: MIT
// This instance's members of channels with presence: each stands in the views, and in the registry as
// "ws:presence:DIGEST/CONNECTION", where it is announced to the other instances once it is there, and once it
// has gone. Belongs to the hub thread.
#pragma once

#include <stdint.h>

struct hub;
struct members;
struct membership;

struct members *members_new(struct hub *hub); // NULL: no memory
void members_free(struct members *members);   // after the registry; NULL is fine

// MAIL_JOIN and MAIL_LEAVE. Both take the membership, which is freed when it has left. Where there is no
// memory for it yet, it is tried again.
void members_enter(struct members *members, struct membership *membership);
void members_leave(struct members *members, struct membership *membership);
void members_tick(struct members *members);
