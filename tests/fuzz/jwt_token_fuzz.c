// SPDX-License-Identifier: MIT
// Fuzzes the whole way of a token, with every algorithm allowed. Nobody here knows the secrets, so none may
// be let in; and what the tokens behind the first byte claim is mapped as if they had been good.
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base64.h"
#include "json.h"
#include "judge.h"
#include "pieces.h"
#include "wshub/status.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char unguessable[] = "c1b0f2b6-0d5e-4a5f-9f0a-3b1e6a7d8c9e-c1b0f2b6-0d5e-4a5f-9f0a-3b1e";

static struct settings settings = {
    .max_size = 8192,
    .issuer = "me you",
    .leeway = 1000,
    .user_claim = "sub",
    .id_claim = "jti",
    .info_claim = "a.b",
    .verb_claims = {"subscribe", "publish", "a.c", "history", "scope"},
};

static void check_identity(const struct wshub_identity *identity) {
    FUZZ_CHECK(identity->user.length <= 255 && identity->token_id.length <= 255);
    FUZZ_CHECK(identity->info.length <= MAPPING_INFO_MOST && identity->grant_count <= MAPPING_GRANTS_MOST);
    for (uint64_t i = 0; i < identity->grant_count; i++) {
        FUZZ_CHECK(identity->grants[i].pattern.length > 0 && identity->grants[i].pattern.length <= 255);
    }
}

static void fuzz_claims(const char *text, size_t length) {
    json_t *claims = json_object_of(text, length);
    struct claims_result result;
    struct mapping mapping;
    if (claims) {
        claims_judge(&result, &settings, claims, 1700000000000);
        FUZZ_CHECK((result.status == WSHUB_OK) == (*result.why == 0));
        if (mapping_make(&mapping, &settings, claims) == WSHUB_OK) {
            check_identity(&mapping.identity);
        } else {
            FUZZ_CHECK(*mapping.why);
        }
        mapping_free(&mapping);
        json_decref(claims);
    }
}

static void fuzz_token(const struct keys *keys, const char *text, size_t length) {
    const struct keys *sets[2] = {keys, NULL};
    struct verdict verdict;
    judge(&verdict, &settings, sets, text, length, 1700000000000);
    FUZZ_CHECK(verdict.status != WSHUB_OK && verdict.status != WSHUB_INTERNAL && *verdict.why);
    FUZZ_CHECK(!verdict.claims); // not even looked at
    verdict_free(&verdict);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct keys *keys;
    char *text = malloc(size + 1);
    FUZZ_CHECK(text);
    memcpy(text, data, size);
    text[size] = 0;
    if (!keys) {
        settings.algorithms = 0xfff & ~0x1c0u; // PS* may be unknown
        keys = keys_new();
        FUZZ_CHECK(keys && keys_add(keys, key_of_secret(unguessable, sizeof unguessable - 1)));
    }
    if (size > 0 && text[0] == '{') {
        fuzz_claims(text, size);
    } else {
        fuzz_token(keys, text, size);
    }
    free(text);
    return 0;
}
