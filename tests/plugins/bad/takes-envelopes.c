/* SPDX-License-Identifier: MIT
 * Every payload that begins like an envelope is one to it. */
#include <wshub/envelope.h>

#include "base.h"

static void deliver(struct instance *to, const struct wshub_message *message) {
    struct wshub_message inner = {.struct_size = sizeof inner, .channel = message->channel};
    bool whole = wshub_envelope_read(message->payload, &inner) == WSHUB_ENVELOPE_WHOLE;
    base_deliver(to, whole ? &inner : message);
}

BAD(ways.deliver = deliver)
