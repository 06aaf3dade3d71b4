// SPDX-License-Identifier: MIT
// Which key goes with which algorithm: the place where key confusion ends.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>

#include "absent.h"
#include "keys.h"

static EVP_PKEY *only_pss(void) {
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, "RSA-PSS", NULL);
    EVP_PKEY *theirs = NULL;
    assert_int_equal(EVP_PKEY_keygen_init(context), 1);
    assert_int_equal(EVP_PKEY_keygen(context, &theirs), 1); // 2048 bits unless said
    EVP_PKEY_CTX_free(context);
    return theirs;
}

static struct key *made(EVP_PKEY *theirs) {
    const char *why;
    struct key *key = key_of_public(theirs, &why);
    assert_null(why);
    assert_non_null(key);
    EVP_PKEY_free(theirs);
    return key;
}

// A letter for each algorithm that it fits, in the order of the table.
static void assert_fits(struct key *key, const char *expected) {
    char fits[ALGORITHMS + 1] = "";
    for (int i = 0; i < ALGORITHMS; i++) {
        fits[i] = key_fits(key, &algorithms[i]) ? 'x' : '.';
    }
    assert_string_equal(fits, expected);
    key_free(key);
}

static void each_kind_fits_its_own_alone(void **state) {
    (void)state;
    static const char secret[64] = "x";
    //                                              HS RS PS ES
    assert_fits(key_of_secret(secret, 31), "............");
    assert_fits(key_of_secret(secret, 32), "x...........");
    assert_fits(key_of_secret(secret, 63), "xx..........");
    assert_fits(key_of_secret(secret, 64), "xxx.........");
    assert_fits(made(EVP_RSA_gen(2048)), "...xxxxxx...");
    assert_fits(made(only_pss()), "......xxx...");
    assert_fits(made(EVP_EC_gen("P-256")), ".........x..");
    assert_fits(made(EVP_EC_gen("P-384")), "..........x.");
    assert_fits(made(EVP_EC_gen("P-521")), "...........x");
}

static void a_bound_one_fits_that_alone(void **state) {
    (void)state;
    struct key *key = made(EVP_RSA_gen(2048));
    key->bound = algorithm_find("RS384", 5);
    assert_fits(key, "....x.......");
    key = made(EVP_EC_gen("P-256"));
    key->bound = algorithm_find("RS256", 5);
    assert_fits(key, "............");
    key = key_of_secret("xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", 32);
    key->bound = algorithm_find("HS512", 5);
    assert_fits(key, "............");
}

static void assert_unfit(EVP_PKEY *theirs, const char *expected) {
    const char *why;
    assert_null(key_of_public(theirs, &why));
    assert_string_equal(why, expected);
    EVP_PKEY_free(theirs);
}

static void weak_and_strange_ones_are_none(void **state) {
    (void)state;
    assert_unfit(EVP_RSA_gen(1024), "an RSA key has less than 2048 bits");
    assert_unfit(EVP_EC_gen("secp256k1"), "an elliptic curve is not P-256, P-384 or P-521");
    assert_unfit(EVP_PKEY_Q_keygen(NULL, NULL, "ED25519"), "a key is neither RSA nor of an elliptic curve");
}

static void algorithms_are_read_as_written(void **state) {
    uint32_t set;
    (void)state;
    assert_null(algorithms_read(&set, " HS256  ES512,RS256 "));
    assert_true(algorithm_among(set, algorithm_find("ES512", 5)));
    assert_false(algorithm_among(set, algorithm_find("ES384", 5)));
    assert_true(algorithm_family_among(set, FAMILY_HMAC));
    assert_false(algorithm_family_among(set, FAMILY_PSS));
    static const char *const wrong[] = {"",      " ",      "none", "HS256 none", "NoNe",
                                        "hs256", "HS2566", "HS25", "RSA",        "EdDSA"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        assert_non_null(algorithms_read(&set, wrong[i]));
    }
    assert_null(algorithm_find("none", 4));
    assert_null(algorithm_find("HS256x", 6));
}

static void a_set_takes_so_many(void **state) {
    struct keys *keys = keys_new();
    (void)state;
    for (int i = 0; i < KEYS_MOST; i++) {
        assert_true(keys_add(keys, key_of_secret("x", 1)));
    }
    assert_false(keys_add(keys, key_of_secret("x", 1)));
    assert_true(key_name(keys->items[5], "five"));
    assert_true(keys_know(keys, "five"));
    assert_false(keys_know(keys, "fiv"));
    keys_unref(keys_ref(keys));
    keys_unref(keys);
}

static void what_is_absent_is_remembered_in_bounds(void **state) {
    static struct absent absent;
    char name[32];
    (void)state;
    for (int i = 0; i < ABSENT_MOST * 3; i++) {
        snprintf(name, sizeof name, "kid-%d", i);
        assert_false(absent_has(&absent, name, 0));
        absent_add(&absent, name, 5);
        absent_add(&absent, name, 10); // takes no second place
        assert_true(absent_has(&absent, name, 9));
        assert_false(absent_has(&absent, name, 10));
    }
    assert_int_equal(absent.count, ABSENT_MOST);
    snprintf(name, sizeof name, "kid-%d", ABSENT_MOST * 2);
    assert_true(absent_has(&absent, name, 9)); // the oldest that is still there
    snprintf(name, sizeof name, "kid-%d", ABSENT_MOST * 2 - 1);
    assert_false(absent_has(&absent, name, 9));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_kind_fits_its_own_alone),
        cmocka_unit_test(a_bound_one_fits_that_alone),
        cmocka_unit_test(weak_and_strange_ones_are_none),
        cmocka_unit_test(algorithms_are_read_as_written),
        cmocka_unit_test(a_set_takes_so_many),
        cmocka_unit_test(what_is_absent_is_remembered_in_bounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
