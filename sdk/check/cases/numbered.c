// SPDX-License-Identifier: MIT
#include "cases/numbered.h"

#include <stdio.h>
#include <string.h>

// "publisher channel number padding " and so many bytes.
size_t numbered_write(char *payload, const struct score_message *message, size_t padding) {
    const int head = snprintf(payload, NUMBERED_HEAD, "%u %u %u %zu ", message->publisher, message->channel,
                              (unsigned)message->number, padding);
    memset(payload + head, 'x', padding);
    return (size_t)head + padding;
}

bool numbered_read(struct wshub_bytes payload, struct score_message *message) {
    char text[NUMBERED_HEAD];
    size_t padding = 0;
    int head = 0;
    const size_t length = payload.length < sizeof text - 1 ? payload.length : sizeof text - 1;
    if (length) {
        memcpy(text, payload.data, length);
    }
    text[length] = '\0';
    return sscanf(text, "%u %u %u %zu%n", &message->publisher, &message->channel, &message->number, &padding,
                  &head) == 4 &&
           payload.length == (size_t)head + 1 + padding;
}
