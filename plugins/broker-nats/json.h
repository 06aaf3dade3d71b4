/* SPDX-License-Identifier: MIT
 * Answers of JetStream. Any thread. */
#ifndef NATS_JSON_H
#define NATS_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <yajl_tree.h>

/* NULL: not JSON, or no memory. To be freed by yajl_tree_free. */
yajl_val json_read(const void *data, size_t length);

/* What stands at a path of one or two names; the second may be NULL. */
const char *json_text(yajl_val json, const char *name, const char *inner); /* NULL: none */
uint64_t json_number(yajl_val json, const char *name, const char *inner);  /* 0: none */

bool json_true(yajl_val json, const char *name); /* false: none */

/* Writes the object that stands at `name`, with another number for one of its members. False: there is none,
 * or no room. */
bool json_with_number(yajl_val json, const char *name, const char *member, uint64_t number, char *out,
                      size_t size);

/* Decodes in place of the caller's: room is for three quarters of the text. Returns the length. */
size_t json_base64(const char *text, unsigned char *out);

/* "2026-01-02T03:04:05.678Z", any number of decimals, as nanoseconds since 1970; 0: not a time. */
uint64_t json_time(const char *text);

#endif
