// SPDX-License-Identifier: MIT
// Fuzzes the url of the mqtt plugin.
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "pieces.h"
#include "url.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char *text = malloc(size + 1);
    struct url url;
    FUZZ_CHECK(text);
    memcpy(text, data, size);
    text[size] = 0;
    if (url_read(&url, text)) {
        FUZZ_CHECK(!url.host && !url.username && !url.password);
    } else {
        FUZZ_CHECK(url.host && *url.host && url.port > 0 && url.port < 65536);
        FUZZ_CHECK(!url.password || url.username);
        url_free(&url);
    }
    free(text);
    return 0;
}
