/* SPDX-License-Identifier: MIT
 * Every 200th message is overtaken by the next one. */
#include "base.h"

static int publish(void *self, const struct wshub_message *message, wshub_token token) {
    static unsigned count;
    struct instance *instance = self;
    struct work **end = (struct work **)instance->end;
    bool alone = instance->works == NULL;
    int status = base_publish(self, message, token);
    if (status == WSHUB_OK && !alone && ++count % 200 == 0 && instance->works->next == *end) {
        struct work *first = instance->works, *second = first->next;
        instance->works = second;
        second->next = first;
        first->next = NULL;
        instance->end = &first->next;
    }
    return status;
}

BAD(base_broker.publish = publish)
