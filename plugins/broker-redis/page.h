/* SPDX-License-Identifier: MIT
 * What the scripts answer about a history. Replies are untrusted: what cannot be is refused here. */
#ifndef REDIS_PAGE_H
#define REDIS_PAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "reply.h"
#include "wshub/message.h"

/* An answer of read.lua. */
struct page {
    struct wshub_bytes epoch; /* borrowed from the reply, as all of it is */
    uint64_t oldest, newest;  /* of this epoch */
    uint64_t first;           /* that there is, which may be older; 0: none */
    size_t count;
    redisReply **entries; /* private: pairs of id and message */
};

/* {epoch, offset}, as publish.lua answers. False: it is something else. */
bool page_read_position(const redisReply *reply, struct wshub_bytes *epoch, uint64_t *offset);
/* False: it is no page. */
bool page_read(const redisReply *reply, struct page *page);
/* Its message at `index`: whatever an envelope holds, its offset in this history, and the one before. False:
 * it is none that this plugin has put there. `channel` is left empty. */
bool page_message(const struct page *page, size_t index, struct wshub_message *message);

#endif
