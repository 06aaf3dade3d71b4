/* SPDX-License-Identifier: MIT */
#include "histories.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "names.h"
#include "ring.h"

enum { LOOKS = 2 }; /* at histories that may have expired, with each use of any */

struct history {
    UT_hash_handle hh;
    struct history *older, *newer; /* by last use */
    struct ring ring;              /* the last of it has the offset newest */
    uint64_t newest, used, ttl, life;
    char epoch[HISTORIES_EPOCH];
    size_t length;
    char name[];
};

/* ---- what one is ---- */

struct wshub_bytes histories_epoch_of(const struct history *history) {
    return (struct wshub_bytes){history->epoch, strlen(history->epoch)};
}

uint64_t histories_life_of(const struct history *history) {
    return history->life;
}

uint64_t histories_newest_of(const struct history *history) {
    return history->newest;
}

uint64_t histories_oldest_of(const struct history *history) {
    return history->ring.count > 0 ? history->newest - history->ring.count + 1 : 0;
}

struct wshub_message histories_message_at(const struct history *history, uint64_t offset) {
    struct wshub_message message = ring_at(&history->ring, (size_t)(offset - histories_oldest_of(history)));
    message.epoch = histories_epoch_of(history);
    message.offset = offset;
    message.previous = offset - 1;
    return message;
}

static uint64_t weight(const struct history *history) {
    return sizeof *history + history->length + history->ring.bytes;
}

/* ---- the order of use ---- */

static void take_out(struct histories *histories, struct history *history) {
    *(history->older ? &history->older->newer : &histories->oldest) = history->newer;
    *(history->newer ? &history->newer->older : &histories->newest) = history->older;
    history->older = history->newer = NULL;
}

static void append(struct histories *histories, struct history *history) {
    history->older = histories->newest;
    *(histories->newest ? &histories->newest->newer : &histories->oldest) = history;
    histories->newest = history;
}

static void touch(struct histories *histories, struct history *history, uint64_t now) {
    history->used = now;
    if (histories->newest != history) {
        if (histories->hand == history) {
            histories->hand = history->newer;
        }
        take_out(histories, history);
        append(histories, history);
    }
}

/* ---- beginning and forgetting ---- */

struct wshub_bytes histories_write_epoch(const struct histories *histories, uint64_t life,
                                         char text[HISTORIES_EPOCH]) {
    int length = snprintf(text, HISTORIES_EPOCH, "%016" PRIx64 "-%" PRIx64, histories->process, life);
    return (struct wshub_bytes){text, (size_t)length};
}

static struct history *find(const struct histories *histories, struct wshub_bytes channel) {
    struct history *history = NULL;
    if (histories->by_name) {
        HASH_FIND_BYHASHVALUE(hh, histories->by_name, channel.data, channel.length,
                              names_hash(channel, histories->seed), history);
    }
    return history;
}

static struct history *begin(struct histories *histories, struct wshub_bytes channel) {
    struct history *history = calloc(1, sizeof *history + channel.length);
    if (!history) {
        return NULL;
    }
    history->length = channel.length;
    memcpy(history->name, channel.data, channel.length);
    HASH_ADD_KEYPTR_BYHASHVALUE(hh, histories->by_name, history->name, channel.length,
                                names_hash(channel, histories->seed), history);
    if (!history->hh.tbl) { /* uthash found no memory */
        free(history);
        return NULL;
    }
    history->life = ++histories->lives;
    histories_write_epoch(histories, history->life, history->epoch);
    append(histories, history);
    histories->bytes += weight(history);
    return history;
}

static void forget(struct histories *histories, struct history *history) {
    if (histories->hand == history) {
        histories->hand = history->newer;
    }
    histories->bytes -= weight(history);
    take_out(histories, history);
    HASH_DEL(histories->by_name, history);
    ring_clear(&history->ring);
    free(history);
}

static void drop_oldest(struct histories *histories, struct history *history) {
    histories->bytes -= weight(history);
    ring_drop(&history->ring);
    histories->bytes += weight(history);
}

static int is_old(const struct history *history, uint64_t now) {
    return history->ring.count > 0 && now - ring_age(&history->ring) >= history->ttl;
}

static void trim(struct histories *histories, struct history *history, uint64_t size, uint64_t now) {
    while (history->ring.count > size || is_old(history, now)) {
        drop_oldest(histories, history);
    }
}

/* Its messages have gone long since, and who looks at its position now and then is not there any more. */
static int is_forsaken(const struct histories *histories, const struct history *history, uint64_t now) {
    const uint64_t rest = 2 * history->ttl > histories->rest ? 2 * history->ttl : histories->rest;
    return now - history->used >= rest;
}

static void sweep(struct histories *histories, uint64_t now) {
    for (int i = 0; i < LOOKS; i++) {
        struct history *history = histories->hand ? histories->hand : histories->oldest;
        if (!history) {
            return;
        }
        histories->hand = history->newer;
        trim(histories, history, SIZE_MAX, now);
        if (is_forsaken(histories, history, now)) {
            forget(histories, history);
        }
    }
}

/* The newest message of the one that is used now stays. */
static void make_room(struct histories *histories) {
    while (histories->bytes > histories->most) {
        struct history *history = histories->oldest;
        int is_used = history == histories->newest;
        if (history->ring.count > (size_t)is_used) {
            drop_oldest(histories, history);
            histories->dropped++;
        } else if (!is_used) {
            forget(histories, history);
        } else {
            return;
        }
    }
}

/* ---- use ---- */

static struct history *use(struct histories *histories, struct wshub_bytes channel, uint64_t ttl,
                           uint64_t now) {
    sweep(histories, now);
    struct history *history = find(histories, channel);
    history = history ? history : begin(histories, channel);
    if (history) {
        history->ttl = ttl;
        touch(histories, history, now);
    }
    return history;
}

static int push(struct histories *histories, struct history *history, struct ring_entry *entry) {
    uint64_t before = weight(history);
    if (!ring_push(&history->ring, entry)) {
        return 0;
    }
    histories->bytes += weight(history) - before;
    history->newest++;
    return 1;
}

int histories_append(struct histories *histories, struct wshub_message *message, uint64_t now) {
    struct ring_entry *entry = ring_entry_new(message, now);
    if (!entry) {
        return WSHUB_NO_MEMORY;
    }
    if (sizeof(struct history) + message->channel.length + ring_entry_size(entry) > histories->most) {
        ring_entry_free(entry);
        return WSHUB_TOO_LARGE;
    }
    struct history *history = use(histories, message->channel, message->history_ttl, now);
    if (!history || !push(histories, history, entry)) {
        ring_entry_free(entry);
        return WSHUB_NO_MEMORY;
    }
    trim(histories, history, message->history_size, now);
    make_room(histories);
    message->epoch = histories_epoch_of(history);
    message->offset = history->newest;
    message->previous = history->newest - 1;
    return WSHUB_OK;
}

const struct history *histories_get(struct histories *histories, struct wshub_bytes channel, uint64_t size,
                                    uint64_t ttl, uint64_t now) {
    struct history *history = use(histories, channel, ttl, now);
    if (history) {
        trim(histories, history, size, now);
        make_room(histories);
    }
    return history;
}

void histories_free(struct histories *histories) {
    while (histories->oldest) {
        forget(histories, histories->oldest);
    }
}
