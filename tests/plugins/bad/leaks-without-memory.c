/* SPDX-License-Identifier: MIT
 * What open has made is lost when memory ends. */
#include <stdlib.h>

#include "base.h"

static void *volatile lost;

static int open_in_parts(const struct wshub_host *host, void **self) {
    void *first = malloc(100);
    if (!first) {
        return WSHUB_NO_MEMORY;
    }
    int status = base_open(host, self);
    if (status == WSHUB_OK) {
        free(first);
    } else {
        lost = first;
    }
    return status;
}

BAD(base_broker.open = open_in_parts)
