/* SPDX-License-Identifier: MIT
 * Forgets its file when there is no memory to read it. */
#include "base.h"

static int read(struct instance *instance) {
    int status = table_read(instance);
    if (status == WSHUB_NO_MEMORY) {
        table_free(instance);
    }
    return status;
}

BAD(ways.read = read)
