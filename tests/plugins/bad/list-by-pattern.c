/* SPDX-License-Identifier: MIT
 * A * in the prefix of a list stands for anything. */
#include <string.h>

#include "base.h"

static int run(struct instance *instance, struct work *work) {
    const char *prefix = work->message.channel.data;
    const char *star = memchr(prefix, '*', work->message.channel.length);
    if (work->verb == LIST && star) {
        work->message.channel.length = (size_t)(star - prefix);
    }
    return base_run(instance, work);
}

BAD(ways.run = run)
