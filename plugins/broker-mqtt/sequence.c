/* SPDX-License-Identifier: MIT */
#include "sequence.h"

#include <string.h>
#include <sys/random.h>

#include "clock.h"

/* FNV-1a. */
static uint64_t hash(const char *topic) {
    uint64_t value = UINT64_C(0xcbf29ce484222325);
    for (; *topic; topic++) {
        value = (value ^ (unsigned char)*topic) * UINT64_C(0x100000001b3);
    }
    return value ^ value >> 32;
}

/* SplitMix64: the streams of many instances shall not meet. */
static uint64_t new_stream(struct sequences *sequences) {
    uint64_t z = sequences->seed += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    z ^= z >> 31;
    return z ? z : 1;
}

void sequences_init(struct sequences *sequences) {
    memset(sequences, 0, sizeof *sequences);
    if (getrandom(&sequences->seed, sizeof sequences->seed, GRND_NONBLOCK) != sizeof sequences->seed) {
        sequences->seed = clock_ms() ^ (uint64_t)(uintptr_t)sequences << 20;
    }
}

void sequences_reset(struct sequences *sequences) {
    memset(sequences->written, 0, sizeof sequences->written);
    memset(sequences->read, 0, sizeof sequences->read);
}

struct sequence_mark sequences_next(struct sequences *sequences, const char *topic) {
    const uint64_t key = hash(topic);
    struct sequence_mark *last = &sequences->written[key % SEQUENCE_WRITERS].last;
    if (sequences->written[key % SEQUENCE_WRITERS].topic != key || last->stream == 0) {
        sequences->written[key % SEQUENCE_WRITERS].topic = key;
        *last = (struct sequence_mark){new_stream(sequences), 0};
    }
    last->number++;
    return *last;
}

void sequences_renew(struct sequences *sequences, const char *topic) {
    const uint64_t key = hash(topic);
    if (sequences->written[key % SEQUENCE_WRITERS].topic == key) {
        sequences->written[key % SEQUENCE_WRITERS].last.stream = 0;
    }
}

bool sequences_follows(struct sequences *sequences, const char *topic, struct sequence_mark mark) {
    struct sequence_mark *last =
        &sequences->read[hash(topic) % SEQUENCE_READERS][mark.stream % SEQUENCE_WAYS];
    if (mark.stream == 0) {
        return true;
    }
    const bool known = last->stream == mark.stream;
    const bool follows = !known || mark.number <= last->number + 1;
    if (!known || mark.number > last->number) {
        *last = mark;
    }
    return follows;
}

void sequences_forget(struct sequences *sequences, const char *topic) {
    memset(sequences->read[hash(topic) % SEQUENCE_READERS], 0, sizeof sequences->read[0]);
}
