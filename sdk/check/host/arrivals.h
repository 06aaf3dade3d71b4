// SPDX-License-Identifier: MIT
// Messages, kept.
#pragma once

#include "host/peer.h"

char *arrivals_copy(struct wshub_bytes bytes); // terminated; the caller frees. NULL: no memory
bool arrivals_add(struct arrivals *arrivals, const struct wshub_message *message); // false: no memory
