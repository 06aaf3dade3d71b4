// SPDX-License-Identifier: MIT
// Fuzzes what reads the answers of JetStream.
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"
#include "pieces.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_text(const char *text) {
    unsigned char *out = malloc(strlen(text) * 3 / 4 + 1);
    FUZZ_CHECK(out);
    FUZZ_CHECK(json_base64(text, out) <= strlen(text) * 3 / 4);
    json_time(text);
    free(out);
}

// What is written is what was read, with that number.
static void write_config(yajl_val json) {
    char out[512], again[512];
    if (!json_with_number(json, "config", "window", 7, out, sizeof out)) {
        return;
    }
    yajl_val object = json_read(out, strlen(out));
    FUZZ_CHECK(object && json_number(object, "window", NULL) == 7);
    yajl_tree_free(object);
    char whole[sizeof out + 16];
    const int length = snprintf(whole, sizeof whole, "{\"config\":%s}", out);
    yajl_val second = json_read(whole, (size_t)length);
    FUZZ_CHECK(second && json_with_number(second, "config", "window", 7, again, sizeof again));
    FUZZ_CHECK(strcmp(out, again) == 0);
    yajl_tree_free(second);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char *text = malloc(size + 1);
    FUZZ_CHECK(text);
    memcpy(text, data, size);
    text[size] = 0;
    read_text(text);
    yajl_val json = json_read(data, size);
    const char *inner = json_text(json, "message", "data");
    if (inner) {
        read_text(inner);
    }
    json_number(json, "seq", NULL);
    json_true(json, "duplicate");
    write_config(json);
    json_number(json, "error", "err_code");
    json_text(json, "created", NULL);
    yajl_tree_free(json);
    free(text);
    return 0;
}
