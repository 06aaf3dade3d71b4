/* SPDX-License-Identifier: MIT
 * Its groups keep what has expired. */
#include <string.h>

#include "base.h"

static int run(struct instance *instance, struct work *work) {
    const char *slash = memchr(work->message.channel.data, '/', work->message.channel.length);
    if (work->verb == SET && slash) {
        work->ttl += 60000;
    }
    return base_run(instance, work);
}

BAD(ways.run = run)
