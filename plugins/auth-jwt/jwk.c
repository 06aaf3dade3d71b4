/* SPDX-License-Identifier: MIT */
#include "jwk.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <stdlib.h>
#include <string.h>

#include "base64.h"
#include "json.h"
#include "keys.h"

static const char weak_rsa[] = "an RSA key has less than 2048 bits";
static const char weak_secret[] = "a secret is shorter than the hash of its alg";

enum { BYTES_MOST = 2048 }; /* of a number: 16,384 bits of RSA */

/* The bytes of a member in base64url; false: there are none. To be freed. */
static bool read_bytes(const json_t *jwk, const char *name, unsigned char **bytes, size_t *length) {
    const char *text = json_text(jwk, name);
    size_t size = text ? strlen(text) : 0;
    *bytes = NULL;
    if (size == 0 || size > BYTES_MOST * 2 || !(*bytes = malloc(BASE64_ROOM(size)))) {
        return false;
    }
    ptrdiff_t decoded = base64_decode(*bytes, text, size, BASE64_URL);
    if (decoded <= 0) {
        free(*bytes);
        *bytes = NULL;
        return false;
    }
    *length = (size_t)decoded;
    return true;
}

static EVP_PKEY *build(const char *kind, OSSL_PARAM_BLD *builder) {
    EVP_PKEY *made = NULL;
    OSSL_PARAM *parameters = OSSL_PARAM_BLD_to_param(builder);
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, kind, NULL);
    if (!parameters || !context || EVP_PKEY_fromdata_init(context) != 1 ||
        EVP_PKEY_fromdata(context, &made, EVP_PKEY_PUBLIC_KEY, parameters) != 1) {
        made = NULL;
    }
    EVP_PKEY_CTX_free(context);
    OSSL_PARAM_free(parameters);
    return made;
}

static EVP_PKEY *read_rsa(const json_t *jwk, OSSL_PARAM_BLD *builder) {
    unsigned char *n, *e = NULL;
    size_t n_length, e_length;
    EVP_PKEY *made = NULL;
    if (read_bytes(jwk, "n", &n, &n_length) && read_bytes(jwk, "e", &e, &e_length)) {
        BIGNUM *modulus = BN_bin2bn(n, (int)n_length, NULL), *exponent = BN_bin2bn(e, (int)e_length, NULL);
        if (modulus && exponent && OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_N, modulus) == 1 &&
            OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_E, exponent) == 1) {
            made = build("RSA", builder);
        }
        BN_free(modulus);
        BN_free(exponent);
    }
    free(n);
    free(e);
    return made;
}

static const struct curve {
    const char *name; /* OpenSSL calls it so too */
    size_t size;      /* bytes of a coordinate: RFC 7518 section 6.2.1.2 wants them all */
} curves[] = {{"P-256", 32}, {"P-384", 48}, {"P-521", 66}};

static const struct curve *curve_of(const json_t *jwk) {
    const char *name = json_text(jwk, "crv");
    for (size_t i = 0; name && i < sizeof curves / sizeof *curves; i++) {
        if (strcmp(curves[i].name, name) == 0) {
            return &curves[i];
        }
    }
    return NULL;
}

/* OpenSSL refuses a point that is not on the curve. */
static EVP_PKEY *read_ec(const json_t *jwk, OSSL_PARAM_BLD *builder) {
    const struct curve *curve = curve_of(jwk);
    unsigned char *x = NULL, *y = NULL, point[1 + 2 * 66] = {4 /* uncompressed */};
    size_t x_length, y_length;
    EVP_PKEY *made = NULL;
    if (curve && read_bytes(jwk, "x", &x, &x_length) && read_bytes(jwk, "y", &y, &y_length) &&
        x_length == curve->size && y_length == curve->size) {
        memcpy(point + 1, x, curve->size);
        memcpy(point + 1 + curve->size, y, curve->size);
        if (OSSL_PARAM_BLD_push_utf8_string(builder, OSSL_PKEY_PARAM_GROUP_NAME, curve->name, 0) == 1 &&
            OSSL_PARAM_BLD_push_octet_string(builder, OSSL_PKEY_PARAM_PUB_KEY, point, 1 + 2 * curve->size) ==
                1) {
            made = build("EC", builder);
        }
    }
    free(x);
    free(y);
    return made;
}

static struct key *read_public(const json_t *jwk, EVP_PKEY *(*read)(const json_t *, OSSL_PARAM_BLD *),
                               const char **why) {
    OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
    EVP_PKEY *theirs = builder ? read(jwk, builder) : NULL;
    struct key *key = NULL;
    *why = builder ? "a key's numbers are missing or no key" : NULL;
    if (theirs) {
        key = key_of_public(theirs, why);
    }
    EVP_PKEY_free(theirs);
    OSSL_PARAM_BLD_free(builder);
    ERR_clear_error();
    return key;
}

static struct key *read_secret(const json_t *jwk, const char **why) {
    unsigned char *bytes;
    size_t length;
    *why = "a secret has no k in base64url";
    if (!read_bytes(jwk, "k", &bytes, &length)) {
        return NULL;
    }
    struct key *key = key_of_secret(bytes, length);
    OPENSSL_cleanse(bytes, length);
    free(bytes);
    *why = NULL;
    return key;
}

static struct key *read_kind(const json_t *jwk, bool secrets, const char **why) {
    const char *kind = json_text(jwk, "kty");
    if (kind && strcmp(kind, "RSA") == 0) {
        return read_public(jwk, read_rsa, why);
    }
    if (kind && strcmp(kind, "EC") == 0) {
        return read_public(jwk, read_ec, why);
    }
    if (kind && strcmp(kind, "oct") == 0) {
        *why = "a secret (kty oct) that is published is none";
        return secrets ? read_secret(jwk, why) : NULL;
    }
    *why = "a key's kty is not RSA, EC or oct";
    return NULL;
}

/* May it be used for signatures? NULL: yes. */
static const char *purpose_of(const json_t *jwk) {
    const char *use = json_text(jwk, "use");
    const json_t *operations = json_object_get(jwk, "key_ops"), *operation;
    size_t i;
    if ((use && strcmp(use, "sig") != 0) || json_is_no_text(jwk, "use")) {
        return "a key is not for signatures (use)";
    }
    if (json_is_no_text(jwk, "kid")) {
        return "a kid is not a text";
    }
    json_array_foreach(operations, i, operation) {
        if (json_is_string(operation) && strcmp(json_string_value(operation), "verify") == 0) {
            return NULL;
        }
    }
    return operations ? "a key is not for checking signatures (key_ops)" : NULL;
}

/* Of its alg, if it has one; false: it cannot be used with that. */
static bool bind_algorithm(struct key *key, const json_t *jwk, const char **why) {
    const char *name = json_text(jwk, "alg");
    key->bound = name ? algorithm_find(name, strlen(name)) : NULL;
    if (json_is_no_text(jwk, "alg") || (name && !key->bound)) {
        *why = "a key's alg is none for signatures that are known here";
        return false;
    }
    if (key->bound && !key_fits(key, key->bound)) {
        *why = key->family == FAMILY_HMAC && key->bound->family == FAMILY_HMAC
                   ? weak_secret
                   : "a key does not fit its own alg";
        return false;
    }
    return true;
}

/* NULL: *why says why, NULL there: no memory. */
static struct key *read_key(const json_t *jwk, bool secrets, const char **why) {
    *why = json_is_object(jwk) ? purpose_of(jwk) : "a key is not an object";
    struct key *key = *why ? NULL : read_kind(jwk, secrets, why);
    if (!key) {
        return NULL;
    }
    const char *id = json_text(jwk, "kid");
    *why = NULL;
    if (!bind_algorithm(key, jwk, why) || (id && !key_name(key, id))) {
        key_free(key);
        return NULL;
    }
    return key;
}

static void pass_over(struct jwks_result *result, const char *why) {
    result->unused++;
    if (!result->why) {
        result->why = why;
    }
    result->weak = result->weak || why == weak_secret || strcmp(why, weak_rsa) == 0;
}

static void read_all(struct jwks_result *result, struct keys *keys, const json_t *list, bool secrets) {
    const json_t *jwk;
    size_t i;
    json_array_foreach(list, i, jwk) {
        const char *why;
        struct key *key = read_key(jwk, secrets, &why);
        if (key && keys_add(keys, key)) {
            result->used++;
        } else if (key || why) {
            pass_over(result, key ? "there are more than 128" : why);
        } else {
            result->no_memory = true;
        }
    }
}

void jwks_read(struct jwks_result *result, struct keys *keys, const char *text, size_t length, bool secrets) {
    json_t *set = json_object_of(text, length);
    json_t *list = json_object_get(set, "keys");
    *result = (struct jwks_result){0};
    if (!set) {
        result->wrong = "is not a JSON object with each name once";
    } else if (!json_is_array(list)) {
        result->wrong = "has no list `keys`, as a JWK Set has";
    } else {
        read_all(result, keys, list, secrets);
    }
    json_decref(set);
}
