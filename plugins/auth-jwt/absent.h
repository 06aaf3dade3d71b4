/* SPDX-License-Identifier: MIT
 * Names of keys that were asked for and are not there: a bounded memory, in which the newest take the place
 * of the oldest. A plain table. */
#ifndef JWT_ABSENT_H
#define JWT_ABSENT_H

#include <stdbool.h>
#include <stdint.h>

enum { ABSENT_MOST = 256, ABSENT_HASH = 32 };

struct absent {
    unsigned char hashes[ABSENT_MOST][ABSENT_HASH]; /* SHA-256: of names that strangers choose */
    unsigned count, next;
};

void absent_add(struct absent *absent, const char *name);
bool absent_has(const struct absent *absent, const char *name);
void absent_clear(struct absent *absent);

#endif
