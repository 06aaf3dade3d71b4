// SPDX-License-Identifier: MIT
#include "hub/backlog.h"

#include <stdlib.h>
#include <string.h>

struct backlog_item *backlog_item_new(const struct operation *operation) {
    struct backlog_item *item = NULL;
    struct operation copy = *operation;
    struct span *const parts[] = {&copy.id,  &copy.channel, &copy.data,    &copy.exclude,      &copy.token,
                                  &copy.key, &copy.epoch,   &copy.to_user, &copy.to_connection};
    size_t size = 0, count = sizeof parts / sizeof *parts;
    for (size_t i = 0; i < count; i++) {
        size += parts[i]->length;
    }
    item = malloc(sizeof *item + size);
    if (!item) {
        return NULL;
    }
    char *at = item->bytes;
    for (size_t i = 0; i < count; i++) {
        if (parts[i]->length > 0) {
            memcpy(at, parts[i]->data, parts[i]->length);
        }
        parts[i]->data = at;
        at += parts[i]->length;
    }
    item->next = NULL;
    item->size = size;
    item->operation = copy;
    return item;
}

void backlog_item_free(struct backlog_item *item) {
    if (item) {
        explicit_bzero(item->bytes, item->size);
        free(item);
    }
}

void backlog_append(struct backlog *backlog, struct backlog_item *item) {
    *(backlog->last ? &backlog->last->next : &backlog->first) = item;
    backlog->last = item;
    backlog->size += sizeof *item + item->size;
}

struct backlog_item *backlog_take(struct backlog *backlog) {
    struct backlog_item *item = backlog->first;
    if (item) {
        backlog->first = item->next;
        backlog->size -= sizeof *item + item->size;
        if (!backlog->first) {
            backlog->last = NULL;
        }
    }
    return item;
}

void backlog_clear(struct backlog *backlog) {
    struct backlog_item *item;
    while ((item = backlog_take(backlog))) {
        backlog_item_free(item);
    }
}
