/* SPDX-License-Identifier: MIT
 * Tells of an entry when its call has ended already. */
#include "base.h"

static int run(struct instance *instance, struct work *work) {
    if (work->verb != GET) {
        return base_run(instance, work);
    }
    instance->host->complete(instance->host->self, work->token, WSHUB_OK);
    return base_run(instance, work);
}

static void complete(struct instance *instance, struct work *work, int status) {
    if (work->verb != GET) {
        base_complete(instance, work, status);
    }
}

BAD((ways.run = run, ways.complete = complete))
