// SPDX-License-Identifier: MIT
// Reads the top level of one JSON object: validates all of it (RFC 8259, UTF-8 too) and gives the members
// asked for as byte spans of the input, so that a payload is passed on byte for byte. No tree. One reader per
// worker, reused.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "util/span.h"

enum json_type { JSON_ABSENT, JSON_NULL, JSON_BOOL, JSON_NUMBER, JSON_STRING, JSON_OBJECT, JSON_ARRAY };

struct json_member {
    enum json_type type;
    const char *raw; // the value as sent, borrowed from the input
    size_t raw_length;
    // JSON_STRING: unescaped UTF-8, may hold NUL. Borrowed from the input where it has no escapes, else from
    // the reader until its next call: good while both are. NULL for a string with an unpaired surrogate
    // escape, which JSON allows and no UTF-8 can say.
    const char *text;
    size_t text_length;
};

enum json_result {
    JSON_OK = 0,
    JSON_INVALID,   // not one JSON object with nothing behind it; outranks the others
    JSON_DUPLICATE, // a member asked for stands there twice
    JSON_UNKNOWN,   // of json_read_strictly: there is one that nobody asked for
    JSON_NO_MEMORY,
};

struct json_reader;

struct json_reader *json_reader_new(void); // NULL: no memory
void json_reader_free(struct json_reader *reader);

// Whether the bytes are one JSON value. *value is the value without the white space around it; untouched
// when they are not.
enum json_result json_read_value(struct json_reader *reader, const char *data, size_t length,
                                 struct span *value);

// members[i] receives the member called names[i]; members not asked for are validated and skipped. Whatever
// is not JSON_OK leaves every member JSON_ABSENT. Numbers are of any size, nesting of any depth: the caller
// limits the length.
enum json_result json_read(struct json_reader *reader, const char *data, size_t length,
                           const char *const *names, size_t count, struct json_member *members);
// For what a person writes: a member not asked for is JSON_UNKNOWN, so that a typing error is not read as
// nothing said.
enum json_result json_read_strictly(struct json_reader *reader, const char *data, size_t length,
                                    const char *const *names, size_t count, struct json_member *members);
// For an object within what was read last: what the reader has lent of that stays good.
enum json_result json_read_within(struct json_reader *reader, const char *data, size_t length,
                                  const char *const *names, size_t count, struct json_member *members);
