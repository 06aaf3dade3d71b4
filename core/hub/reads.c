// SPDX-License-Identifier: MIT
#include "hub/reads.h"

#include <stddef.h>

#include "hub/asks.h"
#include "hub/message.h"
#include "plugin/broker.h"
#include "wshub/status.h"

static void append(struct read_list *list, struct read *read) {
    read->previous = list->last;
    read->next = NULL;
    *(list->last ? &list->last->next : &list->first) = read;
    list->last = read;
}

static void unlink_read(struct read_list *list, struct read *read) {
    *(read->previous ? &read->previous->next : &list->first) = read->next;
    *(read->next ? &read->next->previous : &list->last) = read->previous;
    read->previous = read->next = NULL;
}

bool read_is_busy(const struct read *read) {
    return read->reads != NULL;
}

void read_forget(struct read *read) {
    found_unref(read->found);
    read->found = NULL;
}

void reads_ask(struct reads *reads, struct read *read, enum read_rank rank) {
    read->reads = reads;
    read->is_under_way = false;
    read->rank = rank;
    append(&reads->waiting[rank], read);
}

bool read_cancel(struct read *read) {
    bool waits = read->reads && !read->is_under_way;
    if (waits) {
        unlink_read(&read->reads->waiting[read->rank], read);
        read->reads = NULL;
    }
    return waits;
}

// Of the question that is under way.
static uint32_t limit_of(const struct read *read) {
    return read->fits > 0 && read->fits < read->limit ? read->fits : read->limit;
}

// ---- the answer ----

// Thousands may ask at once: what a page has is bounded, however large its messages are.
static bool has_room(const struct read *read, const struct wshub_message *from) {
    return !read->found || found_count(read->found) == 0 ||
           found_weight(read->found) + from->payload.length <= READ_BYTES;
}

static void on_message(void *context, void *argument, const struct wshub_message *from) {
    struct read *read = argument;
    (void)context;
    read->is_full |= !has_room(read, from);
    if (read->is_full) {
        return; // nor is what follows wanted
    }
    struct message *message = read->lacked_memory ? NULL : message_new(from, read->workers);
    if (!read->found) {
        read->found = found_new(0);
    }
    if (!message || !read->found || !found_add(read->found, message)) {
        read->lacked_memory = true; // what follows would leave a hole
    }
    if (message) {
        message_unref(message);
    }
}

static void on_position(void *context, void *argument, struct wshub_bytes epoch, uint64_t oldest,
                        uint64_t newest) {
    struct read *read = argument;
    (void)context;
    position_set(&read->position, (struct span){epoch.data, epoch.length}, newest);
    read->oldest = oldest;
}

static int judge(const struct read *read, int status) {
    if (status != WSHUB_OK) {
        return status;
    }
    if (read->lacked_memory) {
        return WSHUB_NO_MEMORY;
    }
    return read->position.epoch_length > 0 ? WSHUB_OK : WSHUB_INTERNAL;
}

// What a broker tells in vain is not asked for again.
static void learn(struct read *read, uint32_t asked) {
    uint32_t count = read->found ? (uint32_t)found_count(read->found) : 0;
    if (read->is_full) {
        read->fits = count;
    } else if (read->fits > 0) {
        read->fits = read->fits < READ_MESSAGES_MAX ? 2 * read->fits : 0;
    }
    read->is_full |= count >= asked;
}

static void on_done(void *context, void *argument, int status) {
    struct read *read = argument;
    (void)context;
    learn(read, limit_of(read));
    read->reads->under_way--;
    read->reads = NULL;
    status = judge(read, status);
    if (status != WSHUB_OK) {
        read_forget(read);
    }
    read->done(read->context, read, status);
}

// ---- the question ----

static void begin(struct reads *reads, struct read *read) {
    const struct wshub_history_query query = {
        .struct_size = sizeof query,
        .flags = read->backwards ? WSHUB_HISTORY_BACKWARDS : 0,
        .channel = {read->channel.data, read->channel.length},
        .size = read->size,
        .ttl = read->ttl,
        .after = read->after,
        .limit = limit_of(read),
    };
    read_forget(read);
    read->position = (struct position){0};
    read->oldest = 0;
    read->is_full = read->lacked_memory = false;
    read->is_under_way = true;
    reads->under_way++;
    counter_add(reads->count, 1);
    if (read->begin) {
        read->begin(read->context);
    }
    broker_history(reads->broker, &query, on_message, on_position,
                   (struct broker_reply){on_done, NULL, read});
}

static struct read *take_next(struct reads *reads) {
    for (unsigned rank = 0; rank < READ_RANKS; rank++) {
        struct read *read = reads->waiting[rank].first;
        if (read) {
            unlink_read(&reads->waiting[rank], read);
            return read;
        }
    }
    return NULL;
}

static bool has_waiting(const struct reads *reads) {
    return reads->waiting[READ_LIVE].first || reads->waiting[READ_MISSED].first ||
           reads->waiting[READ_CHECK].first;
}

// A broker that answers at once is asked no more than others in a round: whoever else has come has his turn.
bool reads_proceed(struct reads *reads) {
    struct read *read;
    for (unsigned asked = 0; reads->under_way < reads->most; asked++) {
        if (asked == reads->most) {
            return has_waiting(reads);
        }
        if (!(read = take_next(reads))) {
            return false;
        }
        begin(reads, read);
    }
    return false;
}
