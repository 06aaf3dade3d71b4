/* SPDX-License-Identifier: MIT */
#include "past.h"

#include <time.h>

enum {
    KEYS_SHARE = 4,         /* of all that is kept, one part in so many is for keys */
    REST = 2 * 3600 * 1000, /* ms: twice what a hub may take from one look at a position to the next */
};

static uint64_t now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000 + (uint64_t)time.tv_nsec / 1000000;
}

void past_init(struct past *past, const struct wshub_host *host, const uint64_t random[2], uint64_t most) {
    past->host = host;
    past->seen = (struct seen){.seed = random[0], .most = most / KEYS_SHARE};
    past->histories = (struct histories){
        .seed = random[0], .process = random[1], .rest = REST, .most = most - most / KEYS_SHARE};
}

void past_free(struct past *past) {
    histories_free(&past->histories);
    seen_free(&past->seen);
}

/* Once: it is a matter of the configuration. */
static void warn(const struct past *past, uint64_t before, uint64_t after, const char *text) {
    if (before == 0 && after > 0) {
        past->host->log(past->host->self, WSHUB_LOG_WARN, text);
    }
}

/* ---- publishing ---- */

/* Since ABI 1.3 a publisher hears where its message stands. */
static void tell_position(const struct past *past, wshub_token token, struct wshub_bytes epoch,
                          uint64_t offset) {
    if (past->host->abi_minor >= 3) {
        past->host->position(past->host->self, token, epoch, 0, offset);
    }
}

bool past_repeats(struct past *past, const struct wshub_message *message, wshub_token token) {
    char epoch[HISTORIES_EPOCH];
    const struct seen_key *key = message->key.length > 0 ? seen_find(&past->seen, message, now()) : NULL;
    if (key) {
        tell_position(past, token, histories_write_epoch(&past->histories, key->life, epoch), key->offset);
    }
    return key != NULL;
}

static int append(struct past *past, struct wshub_message *message) {
    uint64_t dropped = past->histories.dropped;
    int status = histories_append(&past->histories, message, now());
    warn(past, dropped, past->histories.dropped,
         "the histories of all channels are more than the option history takes: those that were used "
         "longest "
         "ago lose their oldest messages");
    return status;
}

static struct seen_key *add_key(struct past *past, const struct wshub_message *message) {
    uint64_t refused = past->seen.refused;
    struct seen_key *key = seen_add(&past->seen, message, now());
    warn(past, refused, past->seen.refused,
         "the keys of publishes are more than a quarter of the option history takes: publishes with keys "
         "are "
         "refused until older keys have had their time");
    return key;
}

static int append_once(struct past *past, struct wshub_message *message) {
    struct seen_key *key = add_key(past, message);
    if (!key) {
        return WSHUB_NO_MEMORY;
    }
    int status = append(past, message);
    if (status == WSHUB_OK) {
        *key = (struct seen_key){histories_life_of(past->histories.newest), message->offset};
    } else {
        seen_take_back(&past->seen, key);
    }
    return status;
}

int past_put(struct past *past, struct wshub_message *message, wshub_token token) {
    int status = message->key.length > 0 ? append_once(past, message) : append(past, message);
    if (status == WSHUB_OK) {
        tell_position(past, token, message->epoch, message->offset);
    }
    return status;
}

/* ---- reading ---- */

static void tell(const struct past *past, const struct history *history, uint64_t offset,
                 struct wshub_bytes channel, wshub_token token) {
    struct wshub_message message = histories_message_at(history, offset);
    message.channel = channel;
    past->host->message(past->host->self, token, &message);
}

static void tell_forwards(const struct past *past, const struct wshub_history_query *query,
                          const struct history *history, wshub_token token) {
    const uint64_t oldest = histories_oldest_of(history), newest = histories_newest_of(history);
    const uint64_t after = query->after < oldest ? oldest - 1 : query->after;
    const uint64_t there_are = after < newest ? newest - after : 0;
    for (uint64_t i = 1; i <= query->limit && i <= there_are; i++) {
        tell(past, history, after + i, query->channel, token);
    }
}

static void tell_backwards(const struct past *past, const struct wshub_history_query *query,
                           const struct history *history, wshub_token token) {
    const uint64_t newest = histories_newest_of(history);
    uint64_t offset = query->after == 0 || query->after > newest ? newest : query->after - 1;
    for (uint64_t left = query->limit; left > 0 && offset >= histories_oldest_of(history); left--) {
        tell(past, history, offset--, query->channel, token);
    }
}

int past_tell(struct past *past, const struct wshub_history_query *query, wshub_token token) {
    const struct history *history =
        histories_get(&past->histories, query->channel, query->size, query->ttl, now());
    if (!history) {
        return WSHUB_NO_MEMORY;
    }
    const uint64_t oldest = histories_oldest_of(history);
    if (oldest > 0) {
        (query->flags & WSHUB_HISTORY_BACKWARDS ? tell_backwards : tell_forwards)(past, query, history,
                                                                                  token);
    }
    past->host->position(past->host->self, token, histories_epoch_of(history), oldest,
                         histories_newest_of(history));
    return WSHUB_OK;
}
