/* SPDX-License-Identifier: MIT
 * Channels with a history: a message is appended and published by one script, and read by another. */
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "lineage.h"
#include "page.h"
#include "redis.h"
#include "scripts.h"
#include "wshub/envelope.h"

enum {
    EPOCH = 16, /* letters of an epoch; channel.lua makes a new one when it finds another length */
    NUMBER = 24,
    NAME = 560,             /* bytes that hold any key */
    PAGE_MESSAGES = 512,    /* of one answer */
    PAGE_BYTES = 512 << 10, /* after which it ends */
    USUAL = 512,
};

static const uint64_t DAY = 24ull * 3600 * 1000;
static const uint64_t TTL_MOST = 10 * 365 * 24ull * 3600 * 1000; /* what Redis can add to its clock */
static const uint64_t NUMBER_MOST = 1ull << 53;                  /* what Lua can count to */

/* What every call for a channel's history begins with. */
struct common {
    char position[NAME], history[NAME], epoch[EPOCH + 1], size[NUMBER], ttl[NUMBER], keep[NUMBER];
};

static uint64_t least(uint64_t a, uint64_t b) {
    return a < b ? a : b;
}

static void print(char out[NUMBER], uint64_t number) {
    snprintf(out, NUMBER, "%" PRIu64, number);
}

/* The braces keep the keys of a channel together in a cluster. */
static void name_key(char out[NAME], const struct redis *redis, const char *kind,
                     struct wshub_bytes channel) {
    const struct wshub_bytes prefix = redis->settings.prefix;
    snprintf(out, NAME, "%.*sws:%s:{%.*s}", (int)prefix.length,
             prefix.length ? (const char *)prefix.data : "", kind, (int)channel.length,
             (const char *)channel.data);
}

static bool make_epoch(char out[EPOCH + 1]) {
    uint64_t random;
    if (getrandom(&random, sizeof random, GRND_NONBLOCK) != sizeof random) {
        return false;
    }
    snprintf(out, EPOCH + 1, "%016" PRIx64, random);
    return true;
}

static bool fill_common(struct common *common, const struct redis *redis, struct wshub_bytes channel,
                        uint64_t size, uint64_t ttl) {
    ttl = ttl ? least(ttl, TTL_MOST) : TTL_MOST;
    name_key(common->position, redis, "position", channel);
    name_key(common->history, redis, "history", channel);
    print(common->size, least(size, NUMBER_MOST));
    print(common->ttl, ttl);
    print(common->keep, ttl + DAY);
    return make_epoch(common->epoch);
}

static bool refused(struct redis *redis, const char *what, wshub_token token, const redisReply *reply) {
    return redis_refused(redis, COMPLAINT_HISTORY, what, token, reply);
}

static int send_call(struct redis *redis, struct script_call *call) {
    const int status = lineage_send(redis, call);
    if (status != WSHUB_OK) {
        free(call);
    }
    return status;
}

/* ---- publishing ---- */

static void tell_position(const struct redis *redis, wshub_token token, struct wshub_bytes epoch,
                          uint64_t offset) {
    const struct wshub_host *host = redis->host;
    const bool hears = host->abi_minor >= 3;
    if (hears && !redis->closing) {
        host->position(host->self, token, epoch, 0, offset);
    }
}

static bool on_published(struct redis *redis, struct script_call *call, const redisReply *reply) {
    struct wshub_bytes epoch;
    uint64_t offset;
    if (!reply || reply_is_error(reply)) {
        return refused(redis, "publish to a history", call->token, reply);
    }
    if (!page_read_position(reply, &epoch, &offset)) {
        return redis_confused(redis, call->token);
    }
    redis_praise(redis, COMPLAINT_HISTORY);
    tell_position(redis, call->token, epoch, offset);
    redis_complete(redis, call->token, WSHUB_OK);
    return true;
}

/* The envelope up to where its epoch stands, which is all that the script cannot know. */
static size_t head_size(const struct wshub_message *message) {
    const size_t size = wshub_envelope_size(message);
    return size ? size - EPOCH - (3 + 8) : 0;
}

static int send_publish(struct redis *redis, const struct wshub_message *message, const struct common *common,
                        struct wshub_bytes head, wshub_token token) {
    char key[NAME], key_ttl[NUMBER];
    const bool keyed = REDIS_KNOWS(message, key_ttl) && message->key.length > 0;
    struct argument arguments[SCRIPT_ARGUMENTS] = {ARGUMENT(common->position), ARGUMENT(common->history)};
    size_t count = 2;
    if (keyed) {
        name_key(key, redis, "once", message->channel);
        print(key_ttl, least(message->key_ttl ? message->key_ttl : 1, TTL_MOST));
        arguments[count++] = (struct argument){connection_text(key), message->key};
    }
    const size_t keys = count;
    const struct argument rest[] = {
        ARGUMENT(common->epoch),
        ARGUMENT(""), /* the generation */
        ARGUMENT(common->size),
        ARGUMENT(common->ttl),
        ARGUMENT(common->keep),
        {redis->settings.prefix, message->channel},
        {head, {NULL, 0}},
        {message->payload, {NULL, 0}},
        ARGUMENT(keyed ? key_ttl : ""),
    };
    memcpy(arguments + count, rest, sizeof rest);
    struct script_call *call =
        script_call_new(SCRIPT_PUBLISH, arguments, keys, count + sizeof rest / sizeof *rest);
    if (!call) {
        return WSHUB_NO_MEMORY;
    }
    call->fn = on_published;
    call->token = token;
    return send_call(redis, call);
}

int history_publish(struct redis *redis, const struct wshub_message *message, wshub_token token) {
    struct wshub_message placed = {.struct_size = sizeof placed};
    struct common common;
    char usual[USUAL];
    if (!fill_common(&common, redis, message->channel, message->history_size, message->history_ttl)) {
        return WSHUB_UNAVAILABLE;
    }
    memcpy(&placed, message, least(message->struct_size, sizeof placed)); /* an older hub's is shorter */
    placed.epoch = connection_text(common.epoch); /* as long as the one that it will get */
    placed.offset = 1;
    const size_t size = wshub_envelope_size(&placed);
    if (size == 0) {
        return WSHUB_TOO_LARGE;
    }
    char *head = size <= USUAL ? usual : malloc(size);
    if (!head) {
        return WSHUB_NO_MEMORY;
    }
    wshub_envelope_write(&placed, head, size);
    const int status =
        send_publish(redis, message, &common, (struct wshub_bytes){head, head_size(&placed)}, token);
    if (head != usual) {
        free(head);
    }
    return status;
}

/* ---- reading, by pages ---- */

struct reading {
    uint64_t size, ttl, after, left;
    bool backwards;
    size_t epoch_length; /* 0: no page has come yet */
    char epoch[EPOCH];
    size_t channel_length;
    char channel[];
};

static int ask_page(struct redis *redis, struct reading *reading, wshub_token token);

static struct wshub_bytes channel_of(const struct reading *reading) {
    return (struct wshub_bytes){reading->channel, reading->channel_length};
}

static void tell_messages(struct redis *redis, struct reading *reading, wshub_token token,
                          const struct page *page) {
    struct wshub_message message;
    for (size_t i = 0; i < page->count && reading->left; i++) {
        if (page_message(page, i, &message)) {
            message.channel = channel_of(reading);
            reading->after = message.offset;
            reading->left--;
            redis->host->message(redis->host->self, token, &message);
        } else {
            redis_complain(
                redis, COMPLAINT_HISTORY,
                "a history holds what this plugin has not written there, or a version that it does "
                "not know: it is left out");
        }
    }
}

/* False: the history was lost between two pages. */
static bool is_of_same_epoch(struct reading *reading, const struct page *page) {
    if (reading->epoch_length == 0) {
        reading->epoch_length = page->epoch.length;
        memcpy(reading->epoch, page->epoch.data, page->epoch.length);
    }
    return reading->epoch_length == page->epoch.length &&
           memcmp(reading->epoch, page->epoch.data, page->epoch.length) == 0;
}

static bool is_over(const struct reading *reading, const struct page *page) {
    const bool end = reading->backwards ? reading->after <= page->first : reading->after >= page->newest;
    return page->count == 0 || reading->left == 0 || end;
}

static bool end_reading(struct redis *redis, struct reading *reading, wshub_token token, int status) {
    free(reading);
    redis_complete(redis, token, status);
    return true;
}

static bool on_page(struct redis *redis, struct script_call *call, const redisReply *reply) {
    struct reading *reading = call->work;
    const wshub_token token = call->token;
    const struct wshub_host *host = redis->host;
    struct page page;
    if (!reply || reply_is_error(reply)) {
        free(reading);
        return refused(redis, "read a history", token, reply);
    }
    if (!page_read(reply, &page) || page.epoch.length > EPOCH) {
        free(reading);
        return redis_confused(redis, token);
    }
    redis_praise(redis, COMPLAINT_HISTORY);
    if (!is_of_same_epoch(reading, &page)) {
        return end_reading(redis, reading, token, WSHUB_UNAVAILABLE);
    }
    const uint64_t before = reading->after;
    tell_messages(redis, reading, token, &page);
    if (is_over(reading, &page) || reading->after == before) {
        host->position(host->self, token, page.epoch, page.oldest, page.newest);
        return end_reading(redis, reading, token, WSHUB_OK);
    }
    const int status = ask_page(redis, reading, token);
    return status == WSHUB_OK || end_reading(redis, reading, token, status);
}

/* An error leaves the reading the caller's. */
static int ask_page(struct redis *redis, struct reading *reading, wshub_token token) {
    struct common common;
    char after[NUMBER], limit[NUMBER], bytes[NUMBER];
    if (!fill_common(&common, redis, channel_of(reading), reading->size, reading->ttl)) {
        return WSHUB_UNAVAILABLE;
    }
    print(after, least(reading->after, NUMBER_MOST));
    print(limit, least(reading->left, PAGE_MESSAGES));
    print(bytes, PAGE_BYTES);
    const struct argument arguments[] = {ARGUMENT(common.position),
                                         ARGUMENT(common.history),
                                         ARGUMENT(common.epoch),
                                         ARGUMENT(""), /* the generation */
                                         ARGUMENT(common.size),
                                         ARGUMENT(common.ttl),
                                         ARGUMENT(common.keep),
                                         ARGUMENT(after),
                                         ARGUMENT(limit),
                                         ARGUMENT(reading->backwards ? "1" : "0"),
                                         ARGUMENT(bytes)};
    struct script_call *call =
        script_call_new(SCRIPT_READ, arguments, 2, sizeof arguments / sizeof *arguments);
    if (!call) {
        return WSHUB_NO_MEMORY;
    }
    call->fn = on_page;
    call->token = token;
    call->work = reading;
    return send_call(redis, call);
}

int redis_history(void *self, const struct wshub_history_query *query, wshub_token token) {
    struct redis *redis = self;
    if (!link_is_up(&redis->link)) {
        return WSHUB_UNAVAILABLE;
    }
    struct reading *reading = malloc(sizeof *reading + query->channel.length);
    if (!reading) {
        return WSHUB_NO_MEMORY;
    }
    *reading = (struct reading){
        .size = query->size,
        .ttl = query->ttl,
        .after = query->after,
        .left = query->limit,
        .backwards = (query->flags & WSHUB_HISTORY_BACKWARDS) != 0,
        .channel_length = query->channel.length,
    };
    memcpy(reading->channel, query->channel.data, query->channel.length);
    const int status = ask_page(redis, reading, token);
    if (status != WSHUB_OK) {
        free(reading);
    }
    return status;
}
