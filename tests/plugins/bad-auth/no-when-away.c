/* SPDX-License-Identifier: MIT
 * Says no when nobody can be asked, as if it knew. */
#include "base.h"

static void on_answer(struct work *work, int status) {
    work->answer = status == WSHUB_OK ? WSHUB_OK : WSHUB_DENIED;
    base_queue(work->instance, work);
}

BAD(ways.on_answer = on_answer)
