// SPDX-License-Identifier: MIT
#include "hub/position.h"

#include <string.h>

static bool is_readable(struct span epoch) {
    for (size_t i = 0; i < epoch.length; i++) {
        if (epoch.data[i] <= ' ' || epoch.data[i] > '~') {
            return false;
        }
    }
    return epoch.length <= EPOCH_MAX;
}

bool position_set(struct position *out, struct span epoch, uint64_t offset) {
    *out = (struct position){0};
    if (epoch.length == 0 || !is_readable(epoch)) {
        return epoch.length == 0;
    }
    out->offset = offset;
    out->epoch_length = (uint8_t)epoch.length;
    memcpy(out->epoch, epoch.data, epoch.length);
    return true;
}

struct span position_epoch(const struct position *position) {
    return (struct span){position->epoch, position->epoch_length};
}

bool position_is_of(const struct position *position, struct span epoch) {
    return position->epoch_length == epoch.length && memcmp(position->epoch, epoch.data, epoch.length) == 0;
}
