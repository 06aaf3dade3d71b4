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
    SUBJECT_KEY_MOST = 128,
    SUBJECT_SIZE = 3 * SUBJECT_NAME_MOST + 2 * SUBJECT_PREFIX_MOST + 64 /* with what stands before */
};

/* Writes head, and the name behind it, terminated. The name is 1 to 255 bytes. Returns the length. */
size_t subject_write(char out[SUBJECT_SIZE], const char *head, struct wshub_bytes name);

/* The name in `subject` behind so many bytes. False: it is none. Of a subscription to what subject_write has
 * made, it is the name that it was made of. */
bool subject_read(const char *subject, size_t head, char name[SUBJECT_NAME_MOST], size_t *length);

/* The same for a key of a bucket, of which fewer bytes may be used: A-Z a-z 0-9 - _ stand for themselves, the
 * others are =XX. What a list asks for ends where a token does: ':' is a dot, and '/' is a token of its own.
 * Between two of them may be nothing, which is '='.
 *
 *     ws:instance:a            ws.instance.a
 *     ws:presence:4f2c/9be1    ws.presence.4f2c./.9be1
 *
 * A list hears of every key in a bucket: one that somebody has written otherwise would be a second entry of
 * its name, and is not read. */
size_t subject_write_key(char out[SUBJECT_SIZE], const char *head, struct wshub_bytes key);
/* What fits all keys that begin with `part`, and no others where it ends with '/'. */
size_t subject_write_keys(char out[SUBJECT_SIZE], const char *head, struct wshub_bytes part);
bool subject_read_key(const char *subject, size_t head, char key[SUBJECT_NAME_MOST], size_t *length);

/* The epoch in the subject that a message of a history was stored under, `head` being the prefix and
 * SUBJECT_HISTORY; empty: it is none. It points into the subject. */
#define SUBJECT_HISTORY "_history."
struct wshub_bytes subject_epoch(const char *subject, const char *head);

#endif
