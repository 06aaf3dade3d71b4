/* SPDX-License-Identifier: MIT
 * Names of keys that were asked for and are not there: a bounded memory for some time, in which the newest
 * take the place of the oldest. A plain table; times are ms of whatever clock. */
#ifndef JWT_ABSENT_H
#define JWT_ABSENT_H

#include <stdbool.h>
#include <stdint.h>

enum { ABSENT_MOST = 256, ABSENT_HASH = 32 };

struct absent {
    struct {
        unsigned char hash[ABSENT_HASH]; /* SHA-256: of names that strangers choose */
        uint64_t until;
    } names[ABSENT_MOST];
    unsigned count, next;
};

void absent_add(struct absent *absent, const char *name, uint64_t until); /* again: until then */
bool absent_has(const struct absent *absent, const char *name, uint64_t now);

#endif
