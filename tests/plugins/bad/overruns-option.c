/* SPDX-License-Identifier: MIT
 * Has 64 bytes for an option of any length. */
#include <stdlib.h>

#include "base.h"

static char *volatile seen;

static int check(const struct wshub_host *host) {
    char *copy = malloc(64);
    if (!copy) {
        return WSHUB_NO_MEMORY;
    }
    char *at = copy;
    for (const char *from = host->option_text(host->self, "url"); *from; from++) {
        *at++ = *from;
    }
    seen = copy;
    free(copy);
    return base_check(host);
}

BAD(base_broker.check = check)
