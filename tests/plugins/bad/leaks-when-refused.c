/* SPDX-License-Identifier: MIT
 * What open has made is lost when it refuses an option. */
#include <sys/eventfd.h>
#include <unistd.h>

#include "base.h"

static int open_and_lose(const struct wshub_host *host, void **self) {
    int fd = eventfd(0, EFD_CLOEXEC);
    int status = base_open(host, self);
    if (status == WSHUB_OK) {
        close(fd);
    }
    return status;
}

BAD(base_broker.open = open_and_lose)
