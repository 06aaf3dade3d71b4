// SPDX-License-Identifier: MIT
// What a plugin tells of a channel's history, held against what it was asked: the hub splices by offsets, and
// so must be able to rely on them. Pure; belongs to the hub thread.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "wshub/broker.h"

struct reading;

// Copies what it needs of the query. NULL: no memory.
struct reading *reading_new(const struct wshub_history_query *query);
void reading_free(struct reading *reading); // NULL is fine

// Is this the next message of the answer, or its position? False: it is not to be passed on, nor is anything
// after it.
bool reading_take_message(struct reading *reading, const struct wshub_message *message);
bool reading_take_position(struct reading *reading, struct wshub_bytes epoch, uint64_t oldest,
                           uint64_t newest);
// The plugin says that this was all of it: what is wrong with the answer, NULL when nothing is.
const char *reading_end(const struct reading *reading);

// As wshub/message.h wants it where there is one.
bool reading_is_epoch(struct wshub_bytes epoch);
