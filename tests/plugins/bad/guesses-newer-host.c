/* SPDX-License-Identifier: MIT
 * Calls what stands behind the services that it knows. */
#include "base.h"

struct newer {
    struct wshub_host known;
    void (*ready)(void *self);
};

static int open_and_tell(const struct wshub_host *host, void **self) {
    const struct newer *newer = (const struct newer *)host;
    int status = base_open(host, self);
    if (status == WSHUB_OK && host->struct_size >= sizeof *newer) {
        newer->ready(host->self);
    }
    return status;
}

BAD(base_broker.open = open_and_tell)
