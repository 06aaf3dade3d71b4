/* SPDX-License-Identifier: MIT
 * Reading a part of a stream: a consumer of JetStream that lives as long as the reading, asked for so many
 * messages at a time. On the driver's thread. */
#ifndef NATS_READING_H
#define NATS_READING_H

#include <nats/nats.h>
#include <stdbool.h>
#include <stdint.h>

struct driver;
struct job;
struct stream;
struct reading;

enum { READING_NAME = 64 };

struct reading {
    struct job *job;
    const struct stream *stream;
    /* One message. False: enough. */
    bool (*on_message)(struct driver *driver, struct reading *reading, natsMsg *message, uint64_t sequence);
    /* Once, at the end; the reading is freed after it. */
    void (*on_end)(struct driver *driver, struct reading *reading, int status);

    uint64_t wanted; /* so many messages at most; 0: not known */

    /* private */
    struct reading *next;
    uint64_t id, due;
    uint64_t again; /* when it is asked again though it was not answered; clock_ms */
    char consumer[READING_NAME];
    unsigned left; /* of the batch */
    bool ended;
};

/* Reads what fits the filter, a subject that may end with '>', from a sequence on; `latest`: of each subject
 * only the newest. on_end is called in any case, at once when there is no memory. Copies *what. */
void reading_start(struct driver *driver, const struct reading *what, const char *filter, uint64_t from,
                   bool latest);

/* What has come to the inbox but is no answer to a question. False: nor to a reading. */
bool reading_take(struct driver *driver, natsMsg *message);
void reading_fail(struct driver *driver, int status);
uint64_t reading_expire(struct driver *driver); /* as requests_expire */

#endif
