/* SPDX-License-Identifier: MIT
 * Base64 (RFC 4648), strictly. */
#ifndef JWT_BASE64_H
#define JWT_BASE64_H

#include <stddef.h>

enum base64_form {
    BASE64_URL, /* section 5 without padding, as RFC 7515 has it */
    BASE64_ANY, /* this or the alphabet of section 4, padding or none: what people have at hand */
};

/* Room for what a text of so many characters decodes to. */
#define BASE64_ROOM(length) ((length) / 4 * 3 + 3)

/* Room for what so many bytes are encoded to. */
#define BASE64_TEXT(length) ((length) / 3 * 4 + 3)

/* BASE64_URL, not terminated. Returns how many characters it wrote. */
size_t base64_encode(char *out, const void *bytes, size_t length);

/* Returns how many bytes it wrote. -1: another character, a length that cannot be, or bits beyond the last
 * byte, so that no two texts give the same bytes. */
ptrdiff_t base64_decode(unsigned char *out, const char *text, size_t length, enum base64_form form);

#endif
