/* SPDX-License-Identifier: MIT
 * Answers to an operation that it has expired. */
#include "base.h"

static int decide(struct instance *instance, struct work *work) {
    int status = base_decide(instance, work);
    return work->slot == AUTHORIZE && status == WSHUB_DENIED ? WSHUB_EXPIRED : status;
}

BAD(ways.decide = decide)
