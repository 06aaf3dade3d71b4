/* SPDX-License-Identifier: MIT
 * The algorithms of RFC 7518 section 3.1, as a table. Which of them may be used is the configuration's word,
 * never a token's. */
#ifndef JWT_ALGORITHM_H
#define JWT_ALGORITHM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum family { FAMILY_HMAC, FAMILY_RSA, FAMILY_PSS, FAMILY_EC };

struct algorithm {
    const char *name;
    enum family family;
    unsigned hash;     /* bytes of its digest */
    const char *curve; /* FAMILY_EC: the only one that it goes with, as a JWK calls it; else NULL */
};

enum { ALGORITHMS = 12 };
extern const struct algorithm algorithms[ALGORITHMS];

/* By its name, to the letter. NULL: there is none, as for `none`. */
const struct algorithm *algorithm_find(const char *name, size_t length);

/* A set is a bit for each place in the table. */
bool algorithm_among(uint32_t set, const struct algorithm *algorithm);
bool algorithm_family_among(uint32_t set, enum family family);

/* Reads names with blanks (or commas) between them. Returns what was expected instead, NULL: all is well. */
const char *algorithms_read(uint32_t *set, const char *text);

#endif
