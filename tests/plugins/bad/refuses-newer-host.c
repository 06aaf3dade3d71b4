/* SPDX-License-Identifier: MIT
 * Takes a newer hub for one that it cannot work with. */
#include "base.h"

static int open_if_known(const struct wshub_host *host, void **self) {
    return host->abi_minor > 10 ? WSHUB_UNSUPPORTED : base_open(host, self);
}

BAD(base_broker.open = open_if_known)
