// SPDX-License-Identifier: MIT
// Connections that only publish. What one turn of the client publishes leaves in one send() per connection,
// as a busy backend's does.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "load/client.h"

enum { PUBLISHERS_DATA_MAX = 4096, PUBLISHERS_STAMP = 16 };

struct publisher {
    struct conn *conn;
    char *bytes;
    size_t length, room;
};

struct publishers {
    struct client *client;
    struct publisher *all;
    uint32_t count, next;
    uint64_t published;
    bool acked;       // with an id, so that the server answers each
    size_t data_size; // bytes of the JSON value of "data", quotes included
    char data[PUBLISHERS_DATA_MAX + 1];
};

// Opens `count` publishing connections. `data_size` is what the payload occupies in the frame.
int publishers_open(struct publishers *publishers, struct client *client, uint32_t count, size_t data_size,
                    bool acked);
void publishers_close(struct publishers *publishers);

// Queues a publication to "bench:<channel>" on the next connection. `stamp` goes into the data as 16 hex
// digits.
int publishers_publish(struct publishers *publishers, uint32_t channel, uint64_t stamp);
int publishers_flush(struct publishers *publishers);

// The stamp of a delivered message. -1, with the error said, when the data is not what was published.
int publishers_read(const struct publishers *publishers, const char *text, size_t length, uint64_t *stamp);
