/* SPDX-License-Identifier: MIT */
#include "operation.h"

#include <stdlib.h>
#include <string.h>

struct operation *operation_new(enum operation_kind kind, const char *topic, struct wshub_bytes payload) {
    const size_t length = strlen(topic);
    struct operation *operation = malloc(sizeof *operation + length + 1 + payload.length);
    if (operation) {
        *operation = (struct operation){.kind = kind, .length = length};
        memcpy(operation->topic, topic, length + 1);
        if (payload.length) {
            memcpy(operation->topic + length + 1, payload.data, payload.length);
        }
        operation->payload = (struct wshub_bytes){operation->topic + length + 1, payload.length};
    }
    return operation;
}

void operation_free(struct operation *operation) {
    if (operation) {
        metadata_free(&operation->metadata);
        free(operation);
    }
}

size_t operation_size(const struct operation *operation) {
    return sizeof *operation + operation->length + operation->payload.length + operation->metadata.size;
}

/* Of MQTT's variable byte integer. */
static size_t number_size(size_t number) {
    return number < 128 ? 1 : number < 16384 ? 2 : number < 2097152 ? 3 : 4;
}

size_t operation_packet(const struct operation *operation) {
    const size_t properties = operation->metadata.size;
    const size_t rest = 2 + operation->length + (operation->qos ? 2 : 0) + number_size(properties) +
                        properties + operation->payload.length;
    return 1 + number_size(rest) + rest;
}
