/* SPDX-License-Identifier: MIT
 * Calls a token by itself. */
#include "base.h"

static int identify(struct instance *instance, struct work *work, const struct entry *entry) {
    const struct wshub_identity identity = {
        .struct_size = sizeof identity,
        .user = base_bytes(entry->user),
        .token_id = work->shown,
    };
    return instance->host->identify(instance->host->self, work->token, &identity);
}

BAD(ways.identify = identify)
