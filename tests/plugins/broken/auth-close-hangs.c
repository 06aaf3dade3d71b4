/* SPDX-License-Identifier: MIT */
#include <unistd.h>

#include "broken_auth.h"

static void hang(void *self) {
    (void)self;
    while (pause() < 0) { /* for ever */
    }
}

BROKEN(auth.close = hang)
