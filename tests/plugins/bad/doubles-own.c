/* SPDX-License-Identifier: MIT
 * What it has published itself comes back twice: from here, and from the broker. */
#include "base.h"

static struct instance *running; /* whose publish it is */

static int run(struct instance *instance, struct work *work) {
    running = instance;
    int status = base_run(instance, work);
    running = NULL;
    return status;
}

static void deliver(struct instance *to, const struct wshub_message *message) {
    base_deliver(to, message);
    if (to == running) {
        base_deliver(to, message);
    }
}

BAD((ways.run = run, ways.deliver = deliver))
