// SPDX-License-Identifier: MIT
#pragma once

#include <stdbool.h>
#include <stddef.h>

// Well-formed UTF-8 by Unicode's table 3-7: no overlong forms, no surrogates, nothing beyond U+10FFFF.
bool utf8_is_valid(const void *data, size_t length);
// Of well-formed UTF-8: is there a control character, C0, DEL or C1?
bool utf8_has_control(const void *data, size_t length);
// How much of it fits into `most` bytes without cutting a character.
size_t utf8_cut(const char *text, size_t length, size_t most);
