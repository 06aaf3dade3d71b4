// SPDX-License-Identifier: MIT
#include "plugin/reading.h"

#include <stdlib.h>
#include <string.h>

enum { EPOCH_MAX = 64 };

struct reading {
    bool backwards, has_position;
    uint64_t left;         // of the limit
    uint64_t edge;         // the next offset lies beyond it, in the direction of reading
    uint8_t epoch_length;  // 0: none was told yet
    char epoch[EPOCH_MAX]; // of all that is told
    const char *fault;     // the first
    size_t channel_length;
    char channel[];
};

struct reading *reading_new(const struct wshub_history_query *query) {
    struct reading *reading = calloc(1, sizeof *reading + query->channel.length);
    if (reading) {
        reading->backwards = query->flags & WSHUB_HISTORY_BACKWARDS;
        reading->left = query->limit;
        reading->edge = reading->backwards && query->after == 0 ? UINT64_MAX : query->after;
        reading->channel_length = query->channel.length;
        memcpy(reading->channel, query->channel.data, query->channel.length);
    }
    return reading;
}

void reading_free(struct reading *reading) {
    free(reading);
}

bool reading_is_epoch(struct wshub_bytes epoch) {
    const char *letters = epoch.data;
    for (size_t i = 0; i < epoch.length && i < EPOCH_MAX; i++) {
        if (letters[i] <= ' ' || letters[i] > '~') {
            return false;
        }
    }
    return epoch.length > 0 && epoch.length <= EPOCH_MAX;
}

static const char *hold_epoch(struct reading *reading, struct wshub_bytes epoch) {
    if (!reading_is_epoch(epoch)) {
        return "an epoch that is not 1 to 64 bytes of printable ASCII without blanks";
    }
    if (reading->epoch_length == 0) {
        reading->epoch_length = (uint8_t)epoch.length;
        memcpy(reading->epoch, epoch.data, epoch.length);
    }
    bool same =
        reading->epoch_length == epoch.length && memcmp(reading->epoch, epoch.data, epoch.length) == 0;
    return same ? NULL : "two epochs in one answer";
}

static bool is_in_order(const struct reading *reading, const struct wshub_message *message) {
    return message->offset > 0 && message->previous < message->offset &&
           (reading->backwards ? message->offset < reading->edge : message->offset > reading->edge);
}

static const char *hold_message(struct reading *reading, const struct wshub_message *message) {
    if (reading->left == 0) {
        return "more messages than the limit";
    }
    if (message->channel.length != reading->channel_length ||
        memcmp(message->channel.data, reading->channel, reading->channel_length) != 0) {
        return "a message of another channel";
    }
    if (!is_in_order(reading, message)) {
        return "offsets that are not in the order of the query, or do not lie behind its `after`";
    }
    return hold_epoch(reading, message->epoch);
}

bool reading_take_message(struct reading *reading, const struct wshub_message *message) {
    reading->fault = reading->fault ? reading->fault : hold_message(reading, message);
    if (reading->fault) {
        return false;
    }
    reading->left--;
    reading->edge = message->offset;
    return true;
}

// A channel without any history may have no epoch either.
static const char *hold_position(struct reading *reading, struct wshub_bytes epoch, uint64_t oldest,
                                 uint64_t newest) {
    if (oldest > newest) {
        return "a position whose oldest offset is beyond its newest";
    }
    return epoch.length == 0 && newest == 0 && reading->epoch_length == 0 ? NULL : hold_epoch(reading, epoch);
}

bool reading_take_position(struct reading *reading, struct wshub_bytes epoch, uint64_t oldest,
                           uint64_t newest) {
    reading->fault = reading->fault ? reading->fault : hold_position(reading, epoch, oldest, newest);
    reading->has_position = true;
    return !reading->fault;
}

const char *reading_end(const struct reading *reading) {
    if (!reading->fault && !reading->has_position) {
        return "no position";
    }
    return reading->fault;
}
