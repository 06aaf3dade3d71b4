// SPDX-License-Identifier: MIT
// The native protocol, wshub.json.v1: one JSON object per text frame. docs/protocol.md describes it for
// clients.
#pragma once

#include "protocol/protocol.h"

void native_decode(struct json_reader *json, const char *data, size_t length,
                   void (*fn)(void *context, const struct operation *operation), void *context);
void native_encode(struct buf *out, const struct event *event);
