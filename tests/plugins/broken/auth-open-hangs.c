/* SPDX-License-Identifier: MIT */
#include <unistd.h>

#include "broken_auth.h"

static int hang(const struct wshub_host *host, void **self) {
    (void)host, (void)self;
    while (pause() < 0) { /* for ever */
    }
    return WSHUB_INTERNAL;
}

BROKEN(auth.open = hang)
