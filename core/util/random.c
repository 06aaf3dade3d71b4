// SPDX-License-Identifier: MIT
#include "util/random.h"

#include <assert.h>
#include <errno.h>
#include <sys/random.h>

void random_bytes(void *out, size_t length) {
    char *next = out;
    while (length > 0) {
        ssize_t n = getrandom(next, length, 0);
        assert(n > 0 || errno == EINTR);
        if (n > 0) {
            next += n;
            length -= (size_t)n;
        }
    }
}

uint64_t random_u64(void) {
    uint64_t value;
    random_bytes(&value, sizeof value);
    return value;
}

void random_id_format(const uint8_t id[RANDOM_ID_BYTES], char out[RANDOM_ID_LENGTH + 1]) {
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < RANDOM_ID_BYTES; i++) {
        out[2 * i] = digits[id[i] >> 4];
        out[2 * i + 1] = digits[id[i] & 15];
    }
    out[RANDOM_ID_LENGTH] = '\0';
}
