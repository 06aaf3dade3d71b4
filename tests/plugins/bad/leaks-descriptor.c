/* SPDX-License-Identifier: MIT
 * Leaves a descriptor open. */
#include <fcntl.h>

#include "base.h"

static int open_twice(const struct wshub_host *host, void **self) {
    return open("/dev/null", O_RDONLY | O_CLOEXEC) < 0 ? WSHUB_INTERNAL : base_open(host, self);
}

BAD(base_broker.open = open_twice)
