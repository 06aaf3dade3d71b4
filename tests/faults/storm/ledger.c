// SPDX-License-Identifier: MIT
#include "storm/ledger.h"

#include <stdlib.h>
#include <string.h>

// Makes room for one more. False: memory is short, nothing has changed.
static bool grow(void **all, size_t count, size_t *room, size_t size) {
    if (count < *room)
        return true;
    size_t more = *room ? *room * 2 : 16;
    void *grown = realloc(*all, more * size);
    if (!grown)
        return false;
    *all = grown;
    *room = more;
    return true;
}

int ledger_open(struct ledger *ledger, uint32_t channels) {
    *ledger = (struct ledger){.channels = channels, .counts = calloc(channels, sizeof *ledger->counts)};
    return ledger->counts ? 0 : -1;
}

void ledger_close(struct ledger *ledger) {
    free(ledger->publishes);
    free(ledger->counts);
    free(ledger->epochs);
    *ledger = (struct ledger){0};
}

uint32_t ledger_publish(struct ledger *ledger, uint32_t channel, uint32_t publisher) {
    void *all = ledger->publishes;
    bool room = grow(&all, ledger->publish_count, &ledger->publish_room, sizeof *ledger->publishes);
    ledger->publishes = all;
    if (!room || ledger->publish_count >= PUBLISH_NONE) {
        ledger->starved = true;
        return PUBLISH_NONE;
    }
    ledger->publishes[ledger->publish_count] =
        (struct publish){.channel = channel, .publisher = publisher, .place = ledger->counts[channel]++};
    return (uint32_t)ledger->publish_count++;
}

static bool epoch_is(const struct epoch *epoch, uint32_t channel, const char *text, size_t length) {
    return epoch->channel == channel && strlen(epoch->text) == length &&
           memcmp(epoch->text, text, length) == 0;
}

uint32_t ledger_epoch(struct ledger *ledger, uint32_t channel, const char *text, size_t length) {
    if (length == 0 || length > LEDGER_EPOCH_MAX)
        return 0;
    for (size_t i = ledger->epoch_count; i > 0; i--) // the latest is the likeliest
        if (epoch_is(&ledger->epochs[i - 1], channel, text, length))
            return (uint32_t)i;
    void *all = ledger->epochs;
    bool room = grow(&all, ledger->epoch_count, &ledger->epoch_room, sizeof *ledger->epochs);
    ledger->epochs = all;
    if (!room) {
        ledger->starved = true;
        return 0;
    }
    struct epoch *epoch = &ledger->epochs[ledger->epoch_count++];
    *epoch = (struct epoch){.channel = channel};
    memcpy(epoch->text, text, length);
    return (uint32_t)ledger->epoch_count;
}

const char *ledger_epoch_text(const struct ledger *ledger, uint32_t epoch) {
    return epoch ? ledger->epochs[epoch - 1].text : "";
}

void ledger_see(struct ledger *ledger, struct seen_log *log, struct seen seen) {
    void *all = log->all;
    bool room = grow(&all, log->count, &log->room, sizeof *log->all);
    log->all = all;
    if (room)
        log->all[log->count++] = seen;
    else
        ledger->starved = true;
}
