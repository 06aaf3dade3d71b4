/* SPDX-License-Identifier: MIT
 * Tells of one request who the client of another is. */
#include "base.h"

static int identify(struct instance *instance, struct work *work, const struct entry *entry) {
    struct work other = *work;
    other.token = work->token ^ 1;
    return base_identify(instance, &other, entry);
}

BAD(ways.identify = identify)
