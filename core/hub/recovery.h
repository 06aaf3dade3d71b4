// SPDX-License-Identifier: MIT
// Those who come back with a position get what they have missed (P6): from the window of their channel, or
// from one read for all of them. Belongs to the hub thread. Why the answers fit what is live: decision 0010.
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct channel_ticket;
struct hub;
struct recovery;
struct track;

// MAIL_RECOVER; takes it, until it is answered by MAIL_RECOVERED.
void recovery_ask(struct hub *hub, struct recovery *recovery);

// Answers whom it can. Not while the track is in doubt.
void recovery_serve(struct track *track);
// Whether somebody waits for a read, and behind which offset.
bool recovery_wants(struct track *track, uint64_t *after);
// The track has read what recovery_wants said: answers whom it concerns. `base`: where the read's messages
// begin, for what is between it and what was asked for has gone.
void recovery_on_page(struct track *track, uint64_t base);
// It could not.
void recovery_on_failure(struct track *track, int status);
// Where the channel stands cannot be told: answers all.
void recovery_fail(struct track *track, int status);
// The ticket goes: answers all that belong to it.
void recovery_drop(struct track *track, const struct channel_ticket *ticket);
