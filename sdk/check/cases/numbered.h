// SPDX-License-Identifier: MIT
// The payloads of traffic: they say whose message they are and how long, so that each is known again, and one
// that was cut is noticed.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "cases/score.h"
#include "wshub/wshub.h"

enum { NUMBERED_HEAD = 64 };

// Into room for NUMBERED_HEAD + padding bytes. Returns the length. The receiver is left out.
size_t numbered_write(char *payload, const struct score_message *message, size_t padding);
// Leaves the receiver as it was. False: not such a payload, or not all of it.
bool numbered_read(struct wshub_bytes payload, struct score_message *message);
