/* SPDX-License-Identifier: MIT
 * Reasons: MQTT 5's reason codes (0 to 255) and, where none came from the server, our own wshub_status (below
 * 0). */
#ifndef MQTT_REASON_H
#define MQTT_REASON_H

#include <stdbool.h>

#include "wshub/status.h"

enum { REASON_REFUSED = 0x80 }; /* the first of the codes that refuse */

static inline bool reason_is_good(int reason) {
    return reason >= 0 && reason < REASON_REFUSED;
}

/* What a reason means for whoever has asked. */
enum wshub_status reason_status(int reason);
/* In words; what to do, where that is known. */
const char *reason_text(int reason);

#endif
