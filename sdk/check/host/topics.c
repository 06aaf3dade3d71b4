// SPDX-License-Identifier: MIT
#include "host/topics.h"

#include <stdlib.h>
#include <string.h>

struct topic *topics_find(const struct topics *topics, struct wshub_bytes name) {
    struct topic *topic = NULL;
    HASH_FIND_BYHASHVALUE(hh, topics->all, name.data, name.length, map_hash(name.data, name.length, 0),
                          topic);
    return topic;
}

struct topic *topics_add(struct topics *topics, struct wshub_bytes name) {
    struct topic *topic = topics_find(topics, name);
    if (topic) {
        return topic;
    }
    topic = calloc(1, sizeof *topic + name.length);
    if (!topic) {
        return NULL;
    }
    topic->length = name.length;
    if (name.length > 0) {
        memcpy(topic->name, name.data, name.length);
    }
    MAP_ADD(topics->all, topic->name, name.length, map_hash(name.data, name.length, 0), topic);
    if (!topic->hh.tbl) {
        free(topic);
        return NULL;
    }
    return topic;
}

void topics_free(struct topics *topics) {
    struct topic *topic, *next;
    HASH_ITER(hh, topics->all, topic, next) {
        HASH_DEL(topics->all, topic);
        free(topic);
    }
}
