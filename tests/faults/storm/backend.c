// SPDX-License-Identifier: MIT
#include "storm/backend.h"

#include <stdio.h>
#include <string.h>

static const struct backend backends[] = {
    {"memory", BROKER_NONE, BROKER_NONE, .one_instance = true, .keys = true},
    {"redis", BROKER_REDIS, BROKER_REDIS, .keys = true},
    {"nats", BROKER_NATS, BROKER_NATS, .keys = true},
    {"mqtt", BROKER_MQTT, BROKER_NONE, .keys = false},
    {"via-nats", BROKER_NATS, BROKER_REDIS, .keys = true},
    {"via-mqtt", BROKER_MQTT, BROKER_REDIS, .keys = true},
};
enum { BACKENDS = sizeof backends / sizeof *backends };

const struct backend *backend_find(const char *name) {
    for (size_t i = 0; i < BACKENDS; i++)
        if (strcmp(backends[i].name, name) == 0)
            return &backends[i];
    return NULL;
}

void backend_names(char *out, size_t size) {
    size_t length = 0;
    out[0] = 0;
    for (size_t i = 0; i < BACKENDS && length < size; i++)
        length += (size_t)snprintf(out + length, size - length, "%s%s", i ? ", " : "", backends[i].name);
}
