/* SPDX-License-Identifier: MIT
 * Claims a registry, and keeps nothing in it. */
#include "base.h"

static int run(struct instance *instance, struct work *work) {
    switch (work->verb) {
    case SET:
    case DELETE:
    case LIST:
        return WSHUB_OK;
    case GET:
    case HEARTBEAT:
        return WSHUB_NOT_FOUND;
    default:
        return base_run(instance, work);
    }
}

BAD(ways.run = run)
