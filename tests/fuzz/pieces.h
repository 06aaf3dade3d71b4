// SPDX-License-Identifier: MIT
// Cuts an input into pieces as a network would. The cuts follow from the input itself, so a finding repeats;
// a seed is just the bytes that a client sends. Each piece is an allocation of its exact size, for the
// sanitizer.
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FUZZ_CHECK(condition)                                               \
    do {                                                                    \
        if (!(condition)) {                                                 \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition); \
            abort();                                                        \
        }                                                                   \
    } while (0)

struct pieces {
    const uint8_t *data;
    size_t left;
    uint64_t random; // 0: one piece
};

static inline struct pieces pieces_whole(const uint8_t *data, size_t size) {
    return (struct pieces){data, size, 0};
}

static inline struct pieces pieces_random(const uint8_t *data, size_t size) {
    uint64_t hash = 0xcbf29ce484222325; // FNV-1a
    for (size_t i = 0; i < size; i++) {
        hash = (hash ^ data[i]) * 0x100000001b3;
    }
    return (struct pieces){data, size, hash | 1};
}

// The next piece, to be freed by the caller. Most are a few bytes, some are long.
static inline char *pieces_take(struct pieces *pieces, size_t *length) {
    size_t n = pieces->left;
    if (pieces->random) {
        pieces->random ^= pieces->random << 13; // xorshift64
        pieces->random ^= pieces->random >> 7;
        pieces->random ^= pieces->random << 17;
        n = 1 + (pieces->random & 7 ? (pieces->random >> 8) % 7 : (pieces->random >> 8) % 5000);
    }
    *length = n < pieces->left ? n : pieces->left;
    char *piece = malloc(*length);
    if (!piece) {
        abort();
    }
    memcpy(piece, pieces->data, *length);
    pieces->data += *length;
    pieces->left -= *length;
    return piece;
}
