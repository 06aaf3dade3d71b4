/* SPDX-License-Identifier: MIT */
#include "metadata.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <mqtt_protocol.h>

#include "topic.h"
#include "wshub/status.h"

enum { TEXTS = 4, PROPERTIES_MOST = 32 };

static const char *const text_names[TEXTS] = {"wshub-sender", "wshub-user", "wshub-exclude", "wshub-epoch"};
static const char offset_name[] = "wshub-offset", empty_name[] = "wshub-empty",
                  sequence_name[] = "wshub-sequence";

/* ---- writing ---- */

static int add_pair(struct metadata *metadata, const char *name, const char *value) {
    const size_t length = strlen(value);
    if (length > UINT16_MAX) {
        return WSHUB_TOO_LARGE;
    }
    if (mosquitto_property_add_string_pair(&metadata->list, MQTT_PROP_USER_PROPERTY, name, value) !=
        MOSQ_ERR_SUCCESS) {
        return WSHUB_NO_MEMORY;
    }
    metadata->size += 1 + 2 + strlen(name) + 2 + length;
    return WSHUB_OK;
}

static int add_text(struct metadata *metadata, const char *name, struct wshub_bytes text) {
    enum { USUAL = 512 };
    char usual[USUAL];
    if (text.length == 0) {
        return WSHUB_OK;
    }
    if (text.length > UINT16_MAX) {
        return WSHUB_TOO_LARGE;
    }
    char *escaped = 3 * text.length < USUAL ? usual : malloc(3 * text.length + 1);
    if (!escaped) {
        return WSHUB_NO_MEMORY;
    }
    topic_escape_text(escaped, text);
    int status = add_pair(metadata, name, escaped);
    if (escaped != usual) {
        free(escaped);
    }
    return status;
}

int metadata_add_message(struct metadata *metadata, const struct wshub_message *message) {
    const struct wshub_bytes values[TEXTS] = {message->sender, message->sender_user, message->exclude,
                                              message->epoch};
    int status = WSHUB_OK;
    for (size_t i = 0; i < TEXTS && status == WSHUB_OK; i++) {
        status = add_text(metadata, text_names[i], values[i]);
    }
    if (status == WSHUB_OK && message->offset) {
        char number[24];
        snprintf(number, sizeof number, "%" PRIu64, message->offset);
        status = add_pair(metadata, offset_name, number);
    }
    return status;
}

int metadata_add_empty(struct metadata *metadata) {
    return add_pair(metadata, empty_name, "1");
}

int metadata_add_sequence(struct metadata *metadata, struct sequence_mark mark) {
    char text[48];
    /* All of one width: whether a message fits must not hang on a random number. */
    snprintf(text, sizeof text, "%016" PRIx64 ".%" PRIu64, mark.stream, mark.number);
    return add_pair(metadata, sequence_name, text);
}

int metadata_add_expiry(struct metadata *metadata, uint32_t seconds) {
    if (mosquitto_property_add_int32(&metadata->list, MQTT_PROP_MESSAGE_EXPIRY_INTERVAL, seconds) !=
        MOSQ_ERR_SUCCESS) {
        return WSHUB_NO_MEMORY;
    }
    metadata->size += 1 + 4;
    return WSHUB_OK;
}

void metadata_free(struct metadata *metadata) {
    mosquitto_property_free_all(&metadata->list);
    metadata->size = 0;
}

/* ---- reading ---- */

static bool take_number(const char *text, uint64_t *number) {
    char *end;
    if (*text < '0' || *text > '9') {
        return false;
    }
    *number = strtoull(text, &end, 10);
    return *end == 0;
}

static void take_mark(const char *text, struct sequence_mark *mark) {
    char *end;
    struct sequence_mark read = {.stream = strtoull(text, &end, 16)};
    if (end > text && *end == '.' && take_number(end + 1, &read.number)) {
        *mark = read;
    }
}

/* The value of a property that is a text; keeps it. False: it is none. */
static bool take_text(struct metadata_read *read, struct wshub_bytes *const places[TEXTS], const char *name,
                      char *value) {
    for (size_t i = 0; i < TEXTS; i++) {
        if (strcmp(name, text_names[i]) == 0 && !read->texts[i]) {
            size_t length = 0;
            read->texts[i] = value;
            if (topic_unescape_text(value, &length)) {
                *places[i] = (struct wshub_bytes){value, length};
            }
            return true;
        }
    }
    return false;
}

static void take_other(struct metadata_read *read, struct wshub_message *message, const char *name,
                       const char *value) {
    if (strcmp(name, offset_name) == 0) {
        take_number(value, &message->offset);
    } else if (strcmp(name, sequence_name) == 0) {
        take_mark(value, &read->mark);
    } else if (strcmp(name, empty_name) == 0) {
        read->empty = true;
    }
}

static const mosquitto_property *next_pair(const mosquitto_property *at, bool first, char **name,
                                           char **value) {
    return mosquitto_property_read_string_pair(at, MQTT_PROP_USER_PROPERTY, name, value, !first);
}

bool metadata_read(struct metadata_read *read, struct wshub_message *message,
                   const mosquitto_property *list) {
    struct wshub_bytes *const places[TEXTS] = {&message->sender, &message->sender_user, &message->exclude,
                                               &message->epoch};
    const mosquitto_property *at = list;
    for (size_t i = 0; i < PROPERTIES_MOST && next_pair(at, i == 0, NULL, NULL); i++) {
        char *name = NULL, *value = NULL;
        at = next_pair(at, i == 0, &name, &value);
        if (!at || !name || !value) { /* it was there a moment ago: no memory */
            free(name);
            free(value);
            return false;
        }
        if (!take_text(read, places, name, value)) {
            take_other(read, message, name, value);
            free(value);
        }
        free(name);
    }
    return true;
}

void metadata_read_free(struct metadata_read *read) {
    for (size_t i = 0; i < TEXTS; i++) {
        free(read->texts[i]);
    }
}
