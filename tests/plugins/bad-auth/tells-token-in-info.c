/* SPDX-License-Identifier: MIT
 * Shows the token to other clients. */
#include <stdio.h>

#include "base.h"

static int identify(struct instance *instance, struct work *work, const struct entry *entry) {
    char info[256];
    snprintf(info, sizeof info, "{\"token\":\"%s\"}", entry->token);
    const struct wshub_identity identity = {
        .struct_size = sizeof identity,
        .user = base_bytes(entry->user),
        .info = base_bytes(info),
    };
    return instance->host->identify(instance->host->self, work->token, &identity);
}

BAD(ways.identify = identify)
