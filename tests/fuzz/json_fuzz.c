// SPDX-License-Identifier: MIT
// Fuzzes core/protocol/json. What is accepted must have spans inside the input that are JSON again by
// themselves, and text that is UTF-8.
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistr.h>

#include "protocol/json.h"

static const char *const NAMES[] = {"op", "id", "channel", "data", "\xc3\xa9"};
enum { COUNT = sizeof NAMES / sizeof *NAMES };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

// {"op":<raw>} must give back this very member.
static void check_raw(const struct json_member *member) {
    static const char before[] = "{\"op\":";
    const size_t offset = sizeof before - 1;
    const size_t length = offset + member->raw_length + 1;
    char *text = malloc(length);
    memcpy(text, before, offset);
    memcpy(text + offset, member->raw, member->raw_length);
    text[length - 1] = '}';

    struct json_reader *reader = json_reader_new();
    struct json_member again;
    assert(json_read(reader, text, length, NAMES, 1, &again) == JSON_OK);
    assert(again.type == member->type && again.raw == text + offset &&
           again.raw_length == member->raw_length);
    assert(again.text_length == member->text_length);
    assert(again.text_length == 0 || memcmp(again.text, member->text, again.text_length) == 0);
    json_reader_free(reader);
    free(text);
}

static void check_member(const struct json_member *member, const char *data, size_t size) {
    if (member->type == JSON_ABSENT) {
        assert(!member->raw && !member->text);
        return;
    }
    assert(member->raw > data && member->raw_length > 0 && member->raw_length < size);
    assert(member->raw + member->raw_length < data + size);
    assert(member->type == JSON_STRING || !member->text); // a string with half a surrogate pair has none
    if (member->text) {
        assert(member->text_length + 2 <= member->raw_length);
        assert(!u8_check((const uint8_t *)member->text, member->text_length));
    }
    check_raw(member);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct json_reader *reader = json_reader_new();
    struct json_member members[COUNT];
    // Twice, as a reader is used again and again.
    enum json_result first = json_read(reader, (const char *)data, size, NAMES, COUNT, members);
    enum json_result result = json_read(reader, (const char *)data, size, NAMES, COUNT, members);
    assert(first == result && result != JSON_NO_MEMORY);
    // What is not asked for can be neither twice nor badly written.
    enum json_result unasked = json_read(reader, (const char *)data, size, NULL, 0, NULL);
    assert(unasked == (result == JSON_INVALID ? JSON_INVALID : JSON_OK));
    result = json_read(reader, (const char *)data, size, NAMES, COUNT, members);
    for (size_t i = 0; i < COUNT; i++) {
        assert(result == JSON_OK || members[i].type == JSON_ABSENT);
        check_member(&members[i], (const char *)data, size);
    }
    json_reader_free(reader);
    return 0;
}
