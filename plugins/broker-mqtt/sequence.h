/* SPDX-License-Identifier: MIT
 * Messages that a server drops without a word (mosquitto does, when a subscriber's queue is full) are found
 * by numbers: what an instance publishes to a topic is a stream, numbered from 1 without a gap, and whoever
 * reads it sees which numbers are missing. Tables of a fixed size, so with more topics or publishers than
 * they hold a loss may go unseen; none is ever invented. (A message that the server refuses is one, when
 * others of its stream are under way already.) */
#ifndef MQTT_SEQUENCE_H
#define MQTT_SEQUENCE_H

#include <stdbool.h>
#include <stdint.h>

enum { SEQUENCE_WRITERS = 4096, SEQUENCE_READERS = 2048, SEQUENCE_WAYS = 4 };

struct sequence_mark {
    uint64_t stream; /* random; 0: none */
    uint64_t number;
};

struct sequences {
    uint64_t seed;
    struct {
        uint64_t topic; /* its hash */
        struct sequence_mark last;
    } written[SEQUENCE_WRITERS];
    struct sequence_mark read[SEQUENCE_READERS][SEQUENCE_WAYS];
};

void sequences_init(struct sequences *sequences);
/* The connection was lost: all streams begin anew. */
void sequences_reset(struct sequences *sequences);

/* The mark of the next message to this topic. */
struct sequence_mark sequences_next(struct sequences *sequences, const char *topic);
/* One of them was not published: its number is missing for a reason that was told already. */
void sequences_renew(struct sequences *sequences, const char *topic);

/* One has arrived. False: others before it were lost. */
bool sequences_follows(struct sequences *sequences, const char *topic, struct sequence_mark mark);
/* A subscription begins or ends: what comes next has nothing before it. */
void sequences_forget(struct sequences *sequences, const char *topic);

#endif
