// SPDX-License-Identifier: MIT
#include "load/publishers.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ENVELOPE_MAX = 128 };

int publishers_open(struct publishers *publishers, struct client *client, uint32_t count, size_t data_size,
                    bool acked) {
    *publishers = (struct publishers){.client = client, .acked = acked, .data_size = data_size};
    uint32_t first = client->count;
    if (client_connect(client, count, CLIENT_NO_CHANNEL, count) < 0)
        return -1;
    publishers->all = calloc(count, sizeof *publishers->all);
    if (!publishers->all)
        return client_fail(client, "memory is short");
    publishers->count = count;
    for (uint32_t i = 0; i < count; i++)
        publishers->all[i].conn = &client->conns[first + i];
    memset(publishers->data, 'x', data_size);
    publishers->data[0] = publishers->data[data_size - 1] = '"';
    return 0;
}

void publishers_close(struct publishers *publishers) {
    for (uint32_t i = 0; i < publishers->count; i++)
        free(publishers->all[i].bytes);
    free(publishers->all);
}

static int make_room(struct publisher *publisher, size_t more) {
    if (publisher->length + more <= publisher->room)
        return 0;
    size_t room = (publisher->length + more) * 2;
    char *bytes = realloc(publisher->bytes, room);
    if (!bytes)
        return -1;
    publisher->bytes = bytes;
    publisher->room = room;
    return 0;
}

static int operation(const struct publishers *publishers, char *json, size_t room, uint32_t channel) {
    char id[40] = "";
    if (publishers->acked)
        snprintf(id, sizeof id, "\"id\":%" PRIu64 ",", publishers->published + 1);
    return snprintf(json, room, "{\"op\":\"publish\",%s\"channel\":\"bench:%u\",\"data\":%s}", id, channel,
                    publishers->data);
}

int publishers_publish(struct publishers *publishers, uint32_t channel, uint64_t stamp) {
    struct publisher *publisher = &publishers->all[publishers->next];
    publishers->next = (publishers->next + 1) % publishers->count;
    char digits[PUBLISHERS_STAMP + 1], json[PUBLISHERS_DATA_MAX + ENVELOPE_MAX];
    snprintf(digits, sizeof digits, "%016" PRIx64, stamp);
    memcpy(publishers->data + 1, digits, PUBLISHERS_STAMP);
    int length = operation(publishers, json, sizeof json, channel);
    if (length < 0 || (size_t)length >= sizeof json ||
        make_room(publisher, sizeof json + WIRE_HEADER_MAX) < 0)
        return client_fail(publishers->client, "a publication does not fit");
    char *out = publisher->bytes + publisher->length;
    publisher->length += wire_client_frame(out, WIRE_TEXT, json, (size_t)length);
    publishers->published++;
    return 0;
}

int publishers_flush(struct publishers *publishers) {
    for (uint32_t i = 0; i < publishers->count; i++) {
        struct publisher *publisher = &publishers->all[i];
        if (publisher->length == 0)
            continue;
        if (client_send(publishers->client, publisher->conn, publisher->bytes, publisher->length) < 0)
            return -1;
        publisher->length = 0;
    }
    return 0;
}

int publishers_read(const struct publishers *publishers, const char *text, size_t length, uint64_t *stamp) {
    static const char key[] = "\"data\":";
    const char *data = memmem(text, length, key, sizeof key - 1);
    const char *rest = publishers->data + 1 + PUBLISHERS_STAMP;
    size_t rest_length = publishers->data_size - 1 - PUBLISHERS_STAMP;
    char digits[PUBLISHERS_STAMP + 1] = "";
    if (data) {
        data += sizeof key - 1;
        if ((size_t)(text + length - data) > publishers->data_size && data[0] == '"' &&
            memcmp(data + 1 + PUBLISHERS_STAMP, rest, rest_length) == 0) {
            memcpy(digits, data + 1, PUBLISHERS_STAMP);
            *stamp = strtoull(digits, NULL, 16);
            return 0;
        }
    }
    return client_fail(publishers->client, "a delivery does not carry the data that was published: %.*s",
                       (int)length, text);
}
