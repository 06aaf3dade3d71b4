/* SPDX-License-Identifier: MIT
 * Closes a descriptor that is not its own. */
#include <unistd.h>

#include "base.h"

static void close_too_much(void *self) {
    close(STDOUT_FILENO);
    base_close(self);
}

BAD(base_broker.close = close_too_much)
