/* SPDX-License-Identifier: MIT
 * Lets in whom it knows when nobody can be asked. */
#include "base.h"

static void on_answer(struct work *work, int status) {
    (void)status;
    work->answer = WSHUB_OK;
    base_queue(work->instance, work);
}

BAD(ways.on_answer = on_answer)
