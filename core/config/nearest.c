// SPDX-License-Identifier: MIT
#include "config/nearest.h"

#include <string.h>

#include "config/keys.h"
#include "config/types.h"

static char folded(char c) {
    if (c >= 'A' && c <= 'Z') {
        return (char)(c - 'A' + 'a');
    }
    return c == '-' ? '_' : c;
}

static size_t smaller(size_t a, size_t b) {
    return a < b ? a : b;
}

// Optimal string alignment over three rows: the one being filled and the two before it.
size_t nearest_distance(const char *a, const char *b) {
    size_t rows[3][NEAREST_NAME_MAX + 1];
    size_t length_a = strlen(a), length_b = strlen(b);
    if (length_a > NEAREST_NAME_MAX || length_b > NEAREST_NAME_MAX) {
        return NEAREST_NAME_MAX;
    }
    for (size_t j = 0; j <= length_b; j++) {
        rows[0][j] = j;
    }
    for (size_t i = 1; i <= length_a; i++) {
        size_t *row = rows[i % 3], *above = rows[(i - 1) % 3], *above2 = rows[(i + 1) % 3];
        row[0] = i;
        for (size_t j = 1; j <= length_b; j++) {
            char here = folded(a[i - 1]), there = folded(b[j - 1]);
            row[j] = smaller(smaller(above[j], row[j - 1]) + 1, above[j - 1] + (here != there));
            if (i > 1 && j > 1 && here == folded(b[j - 2]) && there == folded(a[i - 2])) {
                row[j] = smaller(row[j], above2[j - 2] + 1);
            }
        }
    }
    return rows[length_a % 3][length_b];
}

// A short name has fewer letters to get wrong.
static size_t distance_limit(const char *name) {
    return smaller(1 + strlen(name) / 4, 3);
}

struct nearest nearest_to(const char *name) {
    return (struct nearest){.name = name, .distance = distance_limit(name) + 1};
}

bool nearest_offer(struct nearest *nearest, const char *candidate) {
    size_t distance = nearest_distance(candidate, nearest->name);
    if (distance >= nearest->distance) {
        return false;
    }
    nearest->distance = distance;
    nearest->best = candidate;
    return true;
}

// A key that is nearer than all before, or NULL.
static const struct key *nearer(struct nearest *nearest, const struct key *keys) {
    const struct key *best = NULL;
    for (const struct key *key = keys; key->name; key++) {
        if (nearest_offer(nearest, key->name)) {
            best = key;
        }
    }
    return best;
}

const struct key *nearest_key(const struct key *keys, const char *name, const struct key **section) {
    struct nearest nearest = nearest_to(name);
    const struct key *best = nearer(&nearest, keys);
    const char *dot = strrchr(name, '.'); // `limits.message: ...` in one word
    nearest.name = dot ? dot + 1 : name;
    *section = NULL;
    for (const struct key *key = keys; key->name; key++) {
        const struct key *inner = key->type == &type_section ? nearer(&nearest, key->keys) : NULL;
        if (inner) {
            best = inner;
            *section = key;
        }
    }
    return best;
}
