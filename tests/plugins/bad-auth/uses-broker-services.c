/* SPDX-License-Identifier: MIT
 * Tells of a link, which an auth plugin has not. */
#include "base.h"

static int open_and_tell(const struct wshub_host *host, void **self) {
    int status = base_open(host, self);
    if (status == WSHUB_OK) {
        host->link(host->self, WSHUB_LINK_UP, NULL);
    }
    return status;
}

BAD(base_auth.open = open_and_tell)
