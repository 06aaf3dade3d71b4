// SPDX-License-Identifier: MIT
// Clears away what a dead instance has left in the registry: members, users and connections would expire by
// themselves, but nobody has to look at them until then. Its own entry goes last: if it lives after all, it
// finds that out by its next heartbeat, and writes everything anew. Belongs to the hub thread.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "util/span.h"

struct hub;
struct reaper;

struct reaper *reaper_new(struct hub *hub); // NULL: no memory
void reaper_free(struct reaper *reaper);    // NULL is fine
// The entries of this process are cleared away, up to this incarnation. Without memory for that, they expire.
void reaper_add(struct reaper *reaper, struct span id, struct span process, uint32_t incarnation);
void reaper_proceed(struct reaper *reaper); // calls the broker for what is due
void reaper_end(struct reaper *reaper);     // the instance goes: what is not cleared away by now expires
unsigned reaper_in_flight(const struct reaper *reaper);
