// SPDX-License-Identifier: MIT
// Fuzzes the url of the redis plugin, and its list of places.
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "pieces.h"
#include "url.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char *text = malloc(size + 1), *host = NULL;
    struct url url;
    unsigned port = 0;
    FUZZ_CHECK(text);
    memcpy(text, data, size);
    text[size] = 0;
    const char *expected = url_read(&url, text);
    if (expected) {
        FUZZ_CHECK(!url.host && !url.username && !url.password);
    } else {
        FUZZ_CHECK(url.host && *url.host && (url.unix_socket ? url.host[0] == '/' : url.port > 0));
        FUZZ_CHECK(url.database >= URL_NO_DATABASE && url.database <= URL_DATABASE_MOST);
        FUZZ_CHECK(!url.username || url.password);
        url_free(&url);
    }
    if (url_read_place((const char *)data, size, 1, &host, &port)) {
        FUZZ_CHECK(*host && port > 0 && port < 65536);
        free(host);
    }
    free(text);
    return 0;
}
