// SPDX-License-Identifier: MIT
#undef NDEBUG
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fake_broker.h"

static struct wshub_bytes bytes_of(const char *text) {
    return (struct wshub_bytes){text, strlen(text)};
}

struct fake_past *fake_past(struct fake_broker *fake, const char *channel) {
    for (size_t i = 0; i < fake->past_count; i++) {
        if (strcmp(fake->pasts[i].channel, channel) == 0) {
            return &fake->pasts[i];
        }
    }
    assert(fake->past_count < FAKE_PASTS);
    struct fake_past *past = &fake->pasts[fake->past_count++];
    snprintf(past->channel, sizeof past->channel, "%s", channel);
    snprintf(past->epoch, sizeof past->epoch, "first");
    return past;
}

uint64_t fake_store(struct fake_broker *fake, const char *channel, const char *payload) {
    struct fake_past *past = fake_past(fake, channel);
    uint64_t previous = past->newest;
    past->newest += fake->is_sparse ? 3 : 1;
    if ((past->count & (past->count - 1)) == 0) { // the table doubles at powers of two
        past->stored = realloc(past->stored, (past->count ? past->count * 2 : 1) * sizeof *past->stored);
        assert(past->stored);
    }
    past->stored[past->count++] = (struct fake_stored){past->newest, previous, strdup(payload)};
    return past->newest;
}

static struct wshub_message message_of(const struct fake_past *past, const struct fake_stored *stored) {
    return (struct wshub_message){
        .struct_size = sizeof(struct wshub_message),
        .channel = bytes_of(past->channel),
        .payload = bytes_of(stored->payload),
        .epoch = bytes_of(past->epoch),
        .offset = stored->offset,
        .previous = stored->previous,
    };
}

int fake_deliver_stored(struct fake_broker *fake, const char *channel, uint64_t offset) {
    const struct fake_past *past = fake_past(fake, channel);
    for (size_t i = 0; i < past->count; i++) {
        if (past->stored[i].offset == offset) {
            const struct wshub_message message = message_of(past, &past->stored[i]);
            return fake->host->deliver(fake->host->self, &message);
        }
    }
    assert(!"it was stored");
    return WSHUB_NOT_FOUND;
}

void fake_trim(struct fake_broker *fake, const char *channel, uint64_t oldest) {
    struct fake_past *past = fake_past(fake, channel);
    while (past->first < past->count && past->stored[past->first].offset < oldest) {
        past->first++;
    }
}

void fake_begin_epoch(struct fake_broker *fake, const char *channel, const char *epoch) {
    struct fake_past *past = fake_past(fake, channel);
    while (past->count > 0) {
        free(past->stored[--past->count].payload);
    }
    past->first = past->newest = 0;
    snprintf(past->epoch, sizeof past->epoch, "%s", epoch);
}

static void tell_one(struct fake_broker *fake, const struct fake_call *call, const struct fake_past *past,
                     size_t i, bool is_first) {
    struct wshub_message message = message_of(past, &past->stored[i]);
    if (fake->is_sparse && is_first) {
        message.previous = 0;
    }
    fake->host->message(fake->host->self, call->token, &message);
}

void fake_tell_past(struct fake_broker *fake, const struct fake_call *call) {
    const struct fake_past *past = fake_past(fake, call->channel);
    uint64_t told = 0;
    if (call->flags & WSHUB_HISTORY_BACKWARDS) {
        for (size_t i = past->count; i > past->first && told < call->limit; i--) {
            if (call->after == 0 || past->stored[i - 1].offset < call->after) {
                tell_one(fake, call, past, i - 1, told++ == 0);
            }
        }
    } else {
        for (size_t i = past->first; i < past->count && told < call->limit; i++) {
            if (past->stored[i].offset > call->after) {
                tell_one(fake, call, past, i, told++ == 0);
            }
        }
    }
    uint64_t oldest = past->first < past->count ? past->stored[past->first].offset : 0;
    fake->host->position(fake->host->self, call->token, bytes_of(past->epoch), oldest, past->newest);
}

void fake_forget_pasts(struct fake_broker *fake) {
    for (size_t i = 0; i < fake->past_count; i++) {
        struct fake_past *past = &fake->pasts[i];
        while (past->count > 0) {
            free(past->stored[--past->count].payload);
        }
        free(past->stored);
    }
}
