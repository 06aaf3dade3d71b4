/* SPDX-License-Identifier: MIT
 * The broker's registry: records that expire. */
#include <search.h>
#include <stdlib.h>
#include <string.h>

#include "base.h"

static void *records; /* of tsearch */

static int compare(const void *a, const void *b) {
    return ways.compare(((const struct record *)a)->name, ((const struct record *)b)->name);
}

static struct record *find_any(struct wshub_bytes name) {
    const struct record key = {.name = name};
    void *node = tfind(&key, &records, compare);
    return node ? *(struct record **)node : NULL;
}

static void drop(struct record *record) {
    tdelete(record, &records, compare);
    free(record);
}

/* One that has expired is not there. */
static struct record *find(struct wshub_bytes name) {
    struct record *record = find_any(name);
    if (record && record->expires <= base_now()) {
        drop(record);
        return NULL;
    }
    return record;
}

static struct record *record_new(const struct work *work) {
    struct wshub_bytes name = work->message.channel;
    struct record *record = malloc(sizeof *record + name.length + work->value.length);
    if (record) {
        memcpy(record->bytes, name.data, name.length);
        memcpy(record->bytes + name.length, work->value.data, work->value.length);
        record->name = (struct wshub_bytes){record->bytes, name.length};
        record->value = (struct wshub_bytes){record->bytes + name.length, work->value.length};
        record->expires = base_now() + work->ttl;
    }
    return record;
}

int registry_set(struct instance *instance, struct work *work) {
    struct record *old = find_any(work->message.channel), *record = record_new(work);
    (void)instance;
    if (!record) {
        return WSHUB_NO_MEMORY;
    }
    if (old) { /* in its place: no memory is needed */
        *(struct record **)tfind(old, &records, compare) = record;
        free(old);
    } else if (!tsearch(record, &records, compare)) {
        free(record);
        return WSHUB_NO_MEMORY;
    }
    return WSHUB_OK;
}

int registry_delete(struct instance *instance, struct work *work) {
    struct record *record = find_any(work->message.channel);
    (void)instance;
    if (record) {
        drop(record);
    }
    return WSHUB_OK;
}

int registry_get(struct instance *instance, struct work *work) {
    struct record *record = find(work->message.channel);
    if (!record) {
        return WSHUB_NOT_FOUND;
    }
    ways.found(instance, work, record->name, record->value);
    return WSHUB_OK;
}

struct listing {
    struct instance *instance;
    struct work *work;
    uint64_t now;
};

static void list_one(const void *node, VISIT visit, void *context) {
    const struct record *record = *(struct record *const *)node;
    const struct listing *listing = context;
    struct wshub_bytes prefix = listing->work->message.channel;
    if ((visit == postorder || visit == leaf) && record->expires > listing->now &&
        record->name.length >= prefix.length && memcmp(record->name.data, prefix.data, prefix.length) == 0) {
        ways.found(listing->instance, listing->work, record->name, record->value);
    }
}

int registry_list(struct instance *instance, struct work *work) {
    struct listing listing = {instance, work, base_now()};
    twalk_r(records, list_one, &listing);
    return WSHUB_OK;
}

int registry_heartbeat(struct instance *instance, struct work *work) {
    bool there = find(work->message.channel) != NULL;
    int status = registry_set(instance, work);
    return status == WSHUB_OK && !there ? WSHUB_NOT_FOUND : status;
}

__attribute__((destructor)) static void forget(void) {
    while (records) {
        drop(*(struct record **)records);
    }
}
