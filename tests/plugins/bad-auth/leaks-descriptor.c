/* SPDX-License-Identifier: MIT
 * Opens a descriptor, and never closes it. */
#include <fcntl.h>

#include "base.h"

static int open_and_keep(const struct wshub_host *host, void **self) {
    int status = base_open(host, self);
    if (status == WSHUB_OK && open("/dev/null", O_RDONLY | O_CLOEXEC) < 0) {
        base_close(*self);
        status = WSHUB_INTERNAL;
    }
    return status;
}

BAD(base_auth.open = open_and_keep)
