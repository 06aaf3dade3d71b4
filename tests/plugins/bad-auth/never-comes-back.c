/* SPDX-License-Identifier: MIT
 * Gives its backend up for good. */
#include "base.h"

static void on_answer(struct work *work, int status) {
    struct instance *instance = work->instance;
    if (status != WSHUB_OK) {
        instance->extra = instance;
    }
    work->answer = instance->extra ? WSHUB_UNAVAILABLE : WSHUB_OK;
    base_queue(instance, work);
}

BAD(ways.on_answer = on_answer)
