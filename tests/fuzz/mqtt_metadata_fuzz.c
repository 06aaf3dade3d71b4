// SPDX-License-Identifier: MIT
// Fuzzes what reads the user properties of MQTT messages, which anybody may have published.
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <mqtt_protocol.h>

#include "metadata.h"
#include "pieces.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const names[] = {"wshub-sender", "wshub-user",  "wshub-exclude",  "wshub-epoch",
                                    "wshub-offset", "wshub-empty", "wshub-sequence", "other"};

// Each line is a property: its first byte chooses the name.
static mosquitto_property *properties_of(char *text) {
    mosquitto_property *list = NULL;
    for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
        mosquitto_property_add_string_pair(&list, MQTT_PROP_USER_PROPERTY, names[*line & 7], line + 1);
    }
    return list;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char *text = malloc(size + 1);
    FUZZ_CHECK(text);
    memcpy(text, data, size);
    text[size] = 0;
    mosquitto_property *list = properties_of(text);
    struct metadata_read read = {0};
    struct wshub_message message = {0};
    if (metadata_read(&read, &message, list)) {
        FUZZ_CHECK(message.sender.length <= size && message.exclude.length <= size);
        FUZZ_CHECK(message.sender.length == 0 || message.sender.data);
    }
    metadata_read_free(&read);
    mosquitto_property_free_all(&list);
    free(text);
    return 0;
}
