// SPDX-License-Identifier: MIT
// Without memory nobody is let in: every allocation on the way of a token fails once, and a good token is
// then refused or found to be good, never confused with another; a bad one is never good.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/bio.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include "judge.h"
#include "jwk.h"
#include "scarce_memory.h"
#include "signature.h"
#include "wshub/status.h"

static const char secret[] = "01234567890123456789012345678901";

static const struct settings settings = {
    .algorithms = 1 | 1 << 6, // HS256, PS256
    .max_size = 8192,
    .user_claim = "sub",
    .id_claim = "jti",
    .info_claim = "info",
    .verb_claims = {"subscribe"},
};

static struct keys *keys_of(const char *text) {
    struct keys *keys = keys_new();
    assert_true(keys_add(keys, key_of_secret(text, strlen(text))));
    return keys;
}

// Returns how many allocations it took until the verdict was `wanted`.
static size_t starve(const char *token, const struct keys *keys, int wanted) {
    const struct keys *sets[2] = {keys, NULL};
    for (size_t allowed = 0;; allowed++) {
        struct verdict verdict;
        memory_allowed = allowed;
        judge(&verdict, &settings, sets, token, strlen(token), 1);
        bool enough = memory_allowed > 0;
        memory_allowed = SIZE_MAX;
        int status = verdict.status;
        if (status == WSHUB_OK) {
            assert_int_equal(wanted, WSHUB_OK);
            assert_memory_equal(verdict.mapping.identity.user.data, "anna", 4);
            assert_int_equal(verdict.mapping.identity.grant_count, 2);
        } else {
            assert_non_null(verdict.why);
        }
        verdict_free(&verdict);
        if (enough) {
            assert_int_equal(status, wanted);
            return allowed;
        }
    }
}

static void tokens(void **state) {
    (void)state;
    if (!SCARCE_MEMORY) {
        skip();
    }
    struct keys *good = keys_of(secret), *bad = keys_of("x1234567890123456789012345678901");
    char *token =
        signature_make(&algorithms[0], secret, strlen(secret), "k",
                       "{\"sub\":\"anna\",\"jti\":\"1\",\"info\":{\"a\":[1]},\"subscribe\":[\"a\",\"b\"]}");
    assert_non_null(token);
    assert_true(starve(token, good, WSHUB_OK) > 10);
    assert_true(starve(token, bad, WSHUB_DENIED) > 10);
    free(token);
    keys_unref(good);
    keys_unref(bad);
}

static char *private_pem(EVP_PKEY *ours) {
    BIO *bio = BIO_new(BIO_s_mem());
    char *data;
    assert_int_equal(PEM_write_bio_PrivateKey(bio, ours, NULL, NULL, 0, NULL, NULL), 1);
    const long length = BIO_get_mem_data(bio, &data);
    char *pem = strndup(data, (size_t)length);
    BIO_free(bio);
    return pem;
}

// These are checked and made without libjwt.
static void tokens_of_pss(void **state) {
    (void)state;
    if (!SCARCE_MEMORY) {
        skip();
    }
    const char *why, *claims = "{\"sub\":\"anna\",\"subscribe\":[\"a\",\"b\"]}";
    EVP_PKEY *pairs[] = {EVP_RSA_gen(2048), EVP_RSA_gen(2048)};
    struct keys *good = keys_new(), *bad = keys_new();
    char *pem = private_pem(pairs[0]), *token = NULL;
    assert_true(keys_add(good, key_of_public(pairs[0], &why)));
    assert_true(keys_add(bad, key_of_public(pairs[1], &why)));
    free(signature_make(&algorithms[6], pem, strlen(pem), "k", claims)); // sets OpenSSL up
    for (size_t allowed = 0; !token; allowed++) {
        memory_allowed = allowed;
        token = signature_make(&algorithms[6], pem, strlen(pem), "k", claims);
        memory_allowed = SIZE_MAX;
    }
    assert_true(starve(token, good, WSHUB_OK) > 10);
    assert_true(starve(token, bad, WSHUB_DENIED) > 10);
    free(token);
    free(pem);
    for (int i = 0; i < 2; i++) {
        EVP_PKEY_free(pairs[i]);
    }
    keys_unref(good);
    keys_unref(bad);
}

static void key_sets(void **state) {
    static const char text[] = "{\"keys\":[{\"kty\":\"EC\",\"kid\":\"e\",\"crv\":\"P-256\","
                               "\"x\":\"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4\",\"y\":"
                               "\"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM\"},"
                               "{\"kty\":\"oct\",\"kid\":\"o\",\"alg\":\"HS256\",\"k\":"
                               "\"MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE\"}]}";
    (void)state;
    if (!SCARCE_MEMORY) {
        skip();
    }
    struct jwks_result result;
    struct keys *first = keys_new(); // what OpenSSL could not set up once, it does not try again
    jwks_read(&result, first, text, strlen(text), true);
    assert_int_equal(result.used, 2);
    keys_unref(first);
    for (size_t allowed = 0;; allowed++) {
        struct keys *keys = keys_new();
        memory_allowed = allowed;
        jwks_read(&result, keys, text, strlen(text), true);
        bool enough = memory_allowed > 0;
        memory_allowed = SIZE_MAX;
        assert_int_equal(keys->count, result.used);
        for (size_t i = 0; i < keys->count; i++) {
            assert_true(keys->items[i]->id && keys->items[i]->data);
        }
        keys_unref(keys);
        if (enough) {
            assert_int_equal(result.used, 2);
            break;
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(tokens), cmocka_unit_test(tokens_of_pss),
                                       cmocka_unit_test(key_sets)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
