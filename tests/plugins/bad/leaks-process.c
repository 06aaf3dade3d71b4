/* SPDX-License-Identifier: MIT
 * Starts a process, and forgets it. */
#include <unistd.h>

#include "base.h"

static int open_and_fork(const struct wshub_host *host, void **self) {
    int status = base_open(host, self);
    if (status == WSHUB_OK && fork() == 0) {
        for (;;) {
            pause();
        }
    }
    return status;
}

BAD(base_broker.open = open_and_fork)
