// SPDX-License-Identifier: MIT
// Names, payloads and statuses as a person reads them in a verdict. By value, so that they can be written
// inside a call: check_fail(check, "%s never came", shown_bytes(channel).text). Any thread, no memory.
#pragma once

#include "wshub/wshub.h"

struct shown {
    char text[192];
};

// In quotes; what is not printable ASCII, a quote and a backslash as \xNN; what is long is cut, and its
// length told.
struct shown shown_bytes(struct wshub_bytes bytes);

// How `came` differs from what was sent: both in full where they are short, else the first byte that differs.
struct shown shown_difference(struct wshub_bytes sent, struct wshub_bytes came);

// "NOT_FOUND: there is no such entry".
struct shown shown_status(int status);
