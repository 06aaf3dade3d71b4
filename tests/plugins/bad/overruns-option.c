/* SPDX-License-Identifier: MIT
 * Has 64 bytes for an option of any length. */
#include "base.h"

static volatile char seen;

static int check(const struct wshub_host *host) {
    char copy[64];
    const char *url = host->option_text(host->self, "url");
    for (size_t i = 0; url[i]; i++) {
        ((volatile char *)copy)[i] = url[i];
    }
    seen = copy[0];
    return base_check(host);
}

BAD(base_broker.check = check)
