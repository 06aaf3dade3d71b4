/* SPDX-License-Identifier: MIT */
#include "algorithm.h"

#include <string.h>
#include <strings.h>

const struct algorithm algorithms[ALGORITHMS] = {
    {"HS256", FAMILY_HMAC, 32, NULL},  {"HS384", FAMILY_HMAC, 48, NULL},  {"HS512", FAMILY_HMAC, 64, NULL},
    {"RS256", FAMILY_RSA, 32, NULL},   {"RS384", FAMILY_RSA, 48, NULL},   {"RS512", FAMILY_RSA, 64, NULL},
    {"PS256", FAMILY_PSS, 32, NULL},   {"PS384", FAMILY_PSS, 48, NULL},   {"PS512", FAMILY_PSS, 64, NULL},
    {"ES256", FAMILY_EC, 32, "P-256"}, {"ES384", FAMILY_EC, 48, "P-384"}, {"ES512", FAMILY_EC, 64, "P-521"},
};

const struct algorithm *algorithm_find(const char *name, size_t length) {
    for (int i = 0; i < ALGORITHMS; i++) {
        if (strlen(algorithms[i].name) == length && memcmp(algorithms[i].name, name, length) == 0) {
            return &algorithms[i];
        }
    }
    return NULL;
}

bool algorithm_among(uint32_t set, const struct algorithm *algorithm) {
    return set >> (algorithm - algorithms) & 1;
}

bool algorithm_family_among(uint32_t set, enum family family) {
    for (int i = 0; i < ALGORITHMS; i++) {
        if (set >> i & 1 && algorithms[i].family == family) {
            return true;
        }
    }
    return false;
}

static const char *expected_instead(const char *name, size_t length) {
    if (length == 4 && strncasecmp(name, "none", 4) == 0) {
        return "algorithms that sign: with `none` everybody could write a token";
    }
    if (length == 5 && memcmp(name, "EdDSA", 5) == 0) {
        return "one of HS256, RS256, PS256, ES256, with 384 and 512 too: this plugin knows no EdDSA";
    }
    return "a list of HS256, HS384, HS512, RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, ES512";
}

const char *algorithms_read(uint32_t *set, const char *text) {
    *set = 0;
    for (text += strspn(text, " ,"); *text; text += strspn(text, " ,")) {
        size_t length = strcspn(text, " ,");
        const struct algorithm *algorithm = algorithm_find(text, length);
        if (!algorithm) {
            return expected_instead(text, length);
        }
        *set |= UINT32_C(1) << (algorithm - algorithms);
        text += length;
    }
    return *set ? NULL : "at least one algorithm, such as RS256";
}
