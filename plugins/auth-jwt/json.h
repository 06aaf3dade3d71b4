/* SPDX-License-Identifier: MIT
 * JSON as tokens and keys are written: one object, no name twice. */
#ifndef JWT_JSON_H
#define JWT_JSON_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

/* NULL: it is not such a text, or no memory. */
json_t *json_object_of(const char *text, size_t length);
/* The same of its base64url. */
json_t *json_object_of_base64(const char *text, size_t length);

/* The text of a member. NULL: there is none, or it is none. */
const char *json_text(const json_t *object, const char *name);
/* Is it there and something else than a text? */
bool json_is_no_text(const json_t *object, const char *name);

#endif
