/* SPDX-License-Identifier: MIT
 * An open that fails keeps what it has made. */
#include <stdlib.h>

#include "base.h"

static void *volatile kept;

static int open_and_keep(const struct wshub_host *host, void **self) {
    if (base_check(host) != WSHUB_OK) {
        kept = malloc(100);
        return WSHUB_INVALID;
    }
    return base_open(host, self);
}

BAD(base_auth.open = open_and_keep)
