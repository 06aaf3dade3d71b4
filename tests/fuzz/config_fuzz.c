// SPDX-License-Identifier: MIT
// Any bytes as a configuration: read or refused, with at least one error line for a refusal, and nothing left
// behind.
#include <assert.h>
#include <stddef.h>
#include <stdint.h>

#include "config/config.h"
#include "util/buf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct config config;
    struct buf errors = {0};
    bool ok = config_read(&config, "fuzz", (const char *)data, size, &errors);
    assert(ok == (errors.length == 0));
    config_free(&config);
    buf_free(&errors);
    return 0;
}
