/* SPDX-License-Identifier: MIT
 * Each instance has keys of its own. */
#include "base.h"

static int run(struct instance *instance, struct work *work) {
    static const struct instance *first;
    first = first ? first : instance;
    if (work->message.key.length > 0) {
        *(char *)(uintptr_t)work->message.key.data += instance == first ? 0 : 1;
    }
    return base_run(instance, work);
}

BAD(ways.run = run)
