/* SPDX-License-Identifier: MIT
 * Forgets on reload what it was asked. */
#include "base.h"

static void reload(void *self) {
    struct instance *instance = self;
    while (instance->works) {
        struct work *work = instance->works;
        instance->works = work->next;
        base_forget(work);
    }
    instance->end = &instance->works;
    base_reload(self);
}

BAD(base_auth.reload = reload)
