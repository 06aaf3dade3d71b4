// SPDX-License-Identifier: MIT
// Fuzzes what keys are read from: JWK Sets and PEM.
#include <stddef.h>
#include <stdint.h>

#include "jwk.h"
#include "keys.h"
#include "pem.h"
#include "pieces.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct keys *keys) {
    for (size_t i = 0; i < keys->count; i++) {
        const struct key *key = keys->items[i];
        FUZZ_CHECK(key->data && (key->length > 0 || key->family == FAMILY_HMAC));
        FUZZ_CHECK(!key->bound || key_fits(key, key->bound));
        for (int a = 0; a < ALGORITHMS; a++) {
            bool both_hmac = algorithms[a].family == FAMILY_HMAC && key->family == FAMILY_HMAC;
            FUZZ_CHECK(!key_fits(key, &algorithms[a]) || both_hmac ||
                       (algorithms[a].family != FAMILY_HMAC && key->family != FAMILY_HMAC));
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const char *text = (const char *)data;
    struct jwks_result result;
    for (int secrets = 0; secrets < 2; secrets++) {
        struct keys *keys = keys_new();
        FUZZ_CHECK(keys);
        jwks_read(&result, keys, text, size, secrets);
        FUZZ_CHECK(result.used == keys->count && (result.unused > 0) == (result.why != NULL));
        check(keys);
        for (size_t i = 0; !secrets && i < keys->count; i++) {
            FUZZ_CHECK(keys->items[i]->family != FAMILY_HMAC);
        }
        keys_unref(keys);
    }
    struct keys *keys = keys_new();
    FUZZ_CHECK(keys);
    pem_read(keys, text, size);
    check(keys);
    keys_unref(keys);
    return 0;
}
