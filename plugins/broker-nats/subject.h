/* SPDX-License-Identifier: MIT
 * Names of channels and keys, as subjects of NATS: one to one, and readable where they are plain.
 *
 * A byte stands for itself, but for blanks and control characters, '*', '>', '%', '"', '\' and DEL, which are
 * %XX; and so is a dot at either end, or after a dot. So no token is empty, none is a wildcard, and what the
 * server quotes in an error is what was sent. */
#ifndef NATS_SUBJECT_H
#define NATS_SUBJECT_H

#include <stdbool.h>
#include <stddef.h>

#include "wshub/message.h"

enum {
    SUBJECT_PREFIX_MOST = 32,
    SUBJECT_NAME_MOST = 255,
    SUBJECT_SIZE = 3 * SUBJECT_NAME_MOST + 2 * SUBJECT_PREFIX_MOST + 64 /* with what stands before */
};

/* Writes head, and the name behind it, terminated. The name is 1 to 255 bytes. Returns the length. */
size_t subject_write(char out[SUBJECT_SIZE], const char *head, struct wshub_bytes name);

/* The name in `subject` behind so many bytes. False: it is none. Of a subscription to what subject_write has
 * made, it is the name that it was made of. */
bool subject_read(const char *subject, size_t head, char name[SUBJECT_NAME_MOST], size_t *length);

/* The same for a key of a bucket, of which fewer bytes may be used: A-Z a-z 0-9 - _ stand for themselves, the
 * others are =XX. Not terminated at a dot: a key is one token. A list hears of every key in a bucket: one
 * that somebody has written otherwise would be a second entry of its name, and is not read. */
size_t subject_write_key(char out[SUBJECT_SIZE], const char *head, struct wshub_bytes key);
bool subject_read_key(const char *subject, size_t head, char key[SUBJECT_NAME_MOST], size_t *length);

#endif
