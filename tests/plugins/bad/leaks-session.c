/* SPDX-License-Identifier: MIT
 * Does not free what open has made. */
#include <stdlib.h>

#include "base.h"

static void *volatile lost;

static int open_and_lose(const struct wshub_host *host, void **self) {
    lost = malloc(1000);
    return base_open(host, self);
}

BAD(base_broker.open = open_and_lose)
