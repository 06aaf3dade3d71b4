// SPDX-License-Identifier: MIT
// Fuzzes names as topics of MQTT: one to one, both ways.
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "pieces.h"
#include "topic.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct wshub_bytes prefix = {"wshub", 5};

// A key's levels may be empty, as its parts between colons may be.
static void check_levels(const char *topic, enum topic_kind kind) {
    size_t length = strlen(topic);
    FUZZ_CHECK(length < TOPIC_SIZE && !strpbrk(topic, "+#"));
    FUZZ_CHECK(kind == TOPIC_KEY || (!strstr(topic, "//") && topic[length - 1] != '/'));
}

// Every beginning of a key has a filter that it fits.
static void check_filters(const char *topic, struct wshub_bytes key) {
    char filter[TOPIC_SIZE];
    for (size_t length = 0; length <= key.length; length++) {
        FUZZ_CHECK(topic_of_keys(filter, prefix, (struct wshub_bytes){key.data, length}));
        const size_t before = strlen(filter) - 1;
        FUZZ_CHECK(filter[before] == '#' && filter[before - 1] == '/' && !memchr(filter, '#', before));
        FUZZ_CHECK(strncmp(topic, filter, before) == 0);
    }
}

static void there_and_back(struct wshub_bytes name, enum topic_kind kind) {
    char topic[TOPIC_SIZE], back[TOPIC_CHANNEL_MOST];
    size_t length;
    bool fits = kind == TOPIC_KEY ? topic_of_key(topic, prefix, name) : topic_of_channel(topic, prefix, name);
    if (fits) {
        check_levels(topic, kind);
        FUZZ_CHECK(topic_read(topic, prefix, back, &length) == kind);
        FUZZ_CHECK(length == name.length && memcmp(back, name.data, length) == 0);
        if (kind == TOPIC_KEY) {
            check_filters(topic, name);
        }
    }
}

// What somebody else has made is foreign, or a name that can be written; a key, only as it would be written.
static void back_and_there(const char *topic) {
    char again[TOPIC_SIZE], name[TOPIC_CHANNEL_MOST];
    size_t length = 0;
    enum topic_kind kind = topic_read(topic, prefix, name, &length);
    const struct wshub_bytes bytes = {name, length};
    if (kind == TOPIC_CHANNEL || kind == TOPIC_KEY) {
        FUZZ_CHECK(length > 0);
        FUZZ_CHECK(kind == TOPIC_KEY ? topic_of_key(again, prefix, bytes)
                                     : topic_of_channel(again, prefix, bytes));
        FUZZ_CHECK(kind == TOPIC_CHANNEL || strcmp(again, topic) == 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char *topic = malloc(prefix.length + 1 + size + 1);
    FUZZ_CHECK(topic);
    if (size > 0 && !memchr(data, 0, size)) {
        there_and_back((struct wshub_bytes){data, size}, TOPIC_CHANNEL);
        there_and_back((struct wshub_bytes){data, size}, TOPIC_KEY);
    }
    memcpy(topic, "wshub/", prefix.length + 1);
    memcpy(topic + prefix.length + 1, data, size);
    topic[prefix.length + 1 + size] = 0;
    back_and_there(topic);
    memmove(topic, topic + prefix.length + 1, size + 1);
    size_t length = size;
    topic_unescape_text(topic, &length);
    FUZZ_CHECK(length <= size);
    free(topic);
    return 0;
}
