/* SPDX-License-Identifier: MIT
 * Tells on stdout what it does. */
#include <stdio.h>

#include "base.h"

static int check(const struct wshub_host *host) {
    puts("checking");
    fflush(stdout);
    return base_check(host);
}

BAD(base_broker.check = check)
