/* SPDX-License-Identifier: MIT
 * What wshub/auth.h takes as a user, a token id or a pattern. */
#ifndef JWT_NAMES_H
#define JWT_NAMES_H

#include <stdbool.h>
#include <stddef.h>

/* 1 to 255 bytes without control characters, of a text that is UTF-8 already. */
bool name_is_good(const char *text, size_t length);

#endif
