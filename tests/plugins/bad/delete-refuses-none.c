/* SPDX-License-Identifier: MIT
 * Deleting what is not there is an error to it. */
#include "base.h"

static int run(struct instance *instance, struct work *work) {
    if (work->verb == DELETE && registry_get(instance, work) == WSHUB_NOT_FOUND) {
        return WSHUB_NOT_FOUND;
    }
    return base_run(instance, work);
}

static void found(struct instance *to, struct work *work, struct wshub_bytes key, struct wshub_bytes value) {
    if (work->verb != DELETE) {
        to->host->entry(to->host->self, work->token, key, value);
    }
}

BAD((ways.run = run, ways.found = found))
