/* SPDX-License-Identifier: MIT */
#include "page.h"

#include "wshub/envelope.h"

enum { EPOCH_MOST = 64, HEAD = 4 };

static bool is_epoch(const redisReply *reply) {
    const struct wshub_bytes text = reply_bytes(reply);
    if (!reply_is_string(reply) || text.length == 0 || text.length > EPOCH_MOST) {
        return false;
    }
    for (size_t i = 0; i < text.length; i++) {
        const char c = ((const char *)text.data)[i];
        if (c <= ' ' || c >= 0x7f) {
            return false;
        }
    }
    return true;
}

static bool is_offset(const redisReply *reply) {
    return reply_is_integer(reply) && reply->integer >= 0;
}

bool page_read_position(const redisReply *reply, struct wshub_bytes *epoch, uint64_t *offset) {
    if (!reply_is_array(reply, 2) || !is_epoch(reply->element[0]) || !is_offset(reply->element[1])) {
        return false;
    }
    *epoch = reply_bytes(reply->element[0]);
    *offset = (uint64_t)reply->element[1]->integer;
    return *offset > 0;
}

bool page_read(const redisReply *reply, struct page *page) {
    if (!reply_is_array(reply, HEAD) || (reply->elements - HEAD) % 2 || !is_epoch(reply->element[0]) ||
        !is_offset(reply->element[1]) || !is_offset(reply->element[2]) || !is_offset(reply->element[3])) {
        return false;
    }
    *page = (struct page){
        .epoch = reply_bytes(reply->element[0]),
        .oldest = (uint64_t)reply->element[1]->integer,
        .newest = (uint64_t)reply->element[2]->integer,
        .first = (uint64_t)reply->element[3]->integer,
        .count = (reply->elements - HEAD) / 2,
        .entries = reply->element + HEAD,
    };
    return page->oldest <= page->newest && page->first <= page->newest;
}

/* The part before the '-'. 0: it is no id. */
static uint64_t offset_of(const redisReply *id) {
    enum { DIGITS = 18 };
    const struct wshub_bytes text = reply_bytes(id);
    const char *at = text.data;
    uint64_t offset = 0;
    size_t i = 0;
    for (; reply_is_string(id) && i < text.length && i <= DIGITS && at[i] >= '0' && at[i] <= '9'; i++) {
        offset = offset * 10 + (uint64_t)(at[i] - '0');
    }
    return i > 0 && i <= DIGITS && i < text.length && at[i] == '-' ? offset : 0;
}

bool page_message(const struct page *page, size_t index, struct wshub_message *message) {
    const redisReply *id = page->entries[2 * index], *content = page->entries[2 * index + 1];
    const uint64_t offset = offset_of(id);
    *message = (struct wshub_message){.struct_size = sizeof *message};
    if (offset < page->first || offset > page->newest || offset == 0 || !reply_is_string(content) ||
        wshub_envelope_read(reply_bytes(content), message) != WSHUB_ENVELOPE_WHOLE) {
        return false;
    }
    message->epoch = page->epoch; /* the one that the offset counts under, which may have changed since */
    message->offset = offset;
    message->previous = offset - 1;
    return true;
}
