// SPDX-License-Identifier: MIT
// Fuzzes names as subjects and keys of NATS: one to one, both ways.
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "pieces.h"
#include "subject.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define HEAD "wshub."
enum { HEAD_LENGTH = sizeof HEAD - 1 };

static void check_tokens(const char *subject) {
    FUZZ_CHECK(!strpbrk(subject, " \t\r\n*>"));
    FUZZ_CHECK(!strstr(subject, "..") && subject[strlen(subject) - 1] != '.');
}

static void there_and_back(struct wshub_bytes name) {
    char subject[SUBJECT_SIZE], back[SUBJECT_NAME_MOST];
    size_t length;
    FUZZ_CHECK(subject_write(subject, HEAD, name) == strlen(subject));
    check_tokens(subject);
    FUZZ_CHECK(subject_read(subject, HEAD_LENGTH, back, &length));
    FUZZ_CHECK(length == name.length && memcmp(back, name.data, length) == 0);
}

// Every beginning of a key has a filter that it fits; a group's fits nothing else.
static void check_filters(const char *subject, struct wshub_bytes key) {
    const char *bytes = key.data;
    char filter[SUBJECT_SIZE];
    for (size_t length = 0; length <= key.length; length++) {
        const size_t before = subject_write_keys(filter, HEAD, (struct wshub_bytes){key.data, length}) - 1;
        FUZZ_CHECK(filter[before] == '>' && filter[before - 1] == '.');
        FUZZ_CHECK(strncmp(subject, filter, before) == 0 && subject[before]);
        FUZZ_CHECK(length == 0 || bytes[length - 1] != '/' || strcmp(filter + before - 3, "./.>") == 0);
    }
}

static void key_there_and_back(struct wshub_bytes key) {
    char subject[SUBJECT_SIZE], back[SUBJECT_NAME_MOST];
    size_t length;
    FUZZ_CHECK(subject_write_key(subject, HEAD, key) == strlen(subject));
    check_tokens(subject);
    FUZZ_CHECK(subject_read_key(subject, HEAD_LENGTH, back, &length));
    FUZZ_CHECK(length == key.length && memcmp(back, key.data, length) == 0);
    check_filters(subject, key);
}

// What somebody else has made is a name that can be written; a key, only as it would be written.
static void back_and_there(const uint8_t *data, size_t size) {
    char *subject = malloc(HEAD_LENGTH + size + 1), again[SUBJECT_SIZE], name[SUBJECT_NAME_MOST];
    size_t length;
    FUZZ_CHECK(subject);
    memcpy(subject, HEAD, HEAD_LENGTH);
    memcpy(subject + HEAD_LENGTH, data, size);
    subject[HEAD_LENGTH + size] = 0;
    if (subject_read(subject, HEAD_LENGTH, name, &length)) {
        FUZZ_CHECK(length > 0);
        subject_write(again, HEAD, (struct wshub_bytes){name, length});
        check_tokens(again);
    }
    if (subject_read_key(subject, HEAD_LENGTH, name, &length)) {
        FUZZ_CHECK(length > 0);
        subject_write_key(again, HEAD, (struct wshub_bytes){name, length});
        FUZZ_CHECK(strcmp(again, subject) == 0);
    }
    const struct wshub_bytes epoch = subject_epoch(subject, HEAD);
    FUZZ_CHECK(epoch.length <= size && (epoch.length == 0 || !memchr(epoch.data, '.', epoch.length)));
    free(subject);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size > 0 && size <= SUBJECT_NAME_MOST) {
        there_and_back((struct wshub_bytes){data, size});
    }
    if (size > 0 && size <= SUBJECT_KEY_MOST) {
        key_there_and_back((struct wshub_bytes){data, size});
    }
    back_and_there(data, size);
    return 0;
}
