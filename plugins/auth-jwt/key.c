/* SPDX-License-Identifier: MIT */
#include "key.h"

#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *theirs, *ours;
} curves[] = {{"prime256v1", "P-256"}, {"secp384r1", "P-384"}, {"secp521r1", "P-521"}};

struct key *key_of_secret(const void *secret, size_t length) {
    struct key *key = calloc(1, sizeof *key);
    if (key) {
        key->family = FAMILY_HMAC;
        key->length = length;
        key->data = malloc(length + 1);
        if (!key->data) {
            key_free(key);
            return NULL;
        }
        memcpy(key->data, secret, length);
        key->data[length] = 0;
    }
    return key;
}

void key_free(struct key *key) {
    if (key) {
        if (key->data) {
            OPENSSL_cleanse(key->data, key->length);
        }
        free(key->data);
        free(key->id);
        free(key);
    }
}

bool key_name(struct key *key, const char *id) {
    key->id = strdup(id);
    return key->id;
}

/* The public half as PEM. NULL: no memory. */
static char *pem_of(EVP_PKEY *theirs, size_t *length) {
    BIO *bio = BIO_new(BIO_s_mem());
    char *data = NULL, *text = NULL;
    if (bio && PEM_write_bio_PUBKEY(bio, theirs) == 1) {
        *length = (size_t)BIO_get_mem_data(bio, &data);
        text = malloc(*length + 1);
        if (text) {
            memcpy(text, data, *length);
            text[*length] = 0;
        }
    }
    BIO_free(bio);
    return text;
}

/* NULL: it can be used. */
static const char *read_kind(struct key *key, EVP_PKEY *theirs) {
    char name[64];
    size_t length;
    const int kind = EVP_PKEY_get_base_id(theirs);
    if (kind == EVP_PKEY_RSA || kind == EVP_PKEY_RSA_PSS) {
        key->family = kind == EVP_PKEY_RSA ? FAMILY_RSA : FAMILY_PSS;
        return EVP_PKEY_get_bits(theirs) < KEY_RSA_BITS_LEAST ? "an RSA key has less than 2048 bits" : NULL;
    }
    key->family = FAMILY_EC;
    if (kind != EVP_PKEY_EC || EVP_PKEY_get_group_name(theirs, name, sizeof name, &length) != 1) {
        return "a key is neither RSA nor of an elliptic curve";
    }
    for (size_t i = 0; i < sizeof curves / sizeof *curves; i++) {
        if (strcmp(name, curves[i].theirs) == 0) {
            key->curve = curves[i].ours;
            return NULL;
        }
    }
    return "an elliptic curve is not P-256, P-384 or P-521";
}

struct key *key_of_public(EVP_PKEY *theirs, const char **why) {
    struct key *key = calloc(1, sizeof *key);
    *why = key ? read_kind(key, theirs) : NULL;
    if (!key || *why) {
        key_free(key);
        return NULL;
    }
    key->data = (unsigned char *)pem_of(theirs, &key->length);
    if (!key->data) {
        key_free(key);
        return NULL;
    }
    return key;
}

bool key_fits(const struct key *key, const struct algorithm *algorithm) {
    if (key->bound && key->bound != algorithm) {
        return false;
    }
    switch (algorithm->family) {
    case FAMILY_HMAC: /* RFC 7518 section 3.2 */
        return key->family == FAMILY_HMAC && key->length >= algorithm->hash;
    case FAMILY_RSA:
        return key->family == FAMILY_RSA;
    case FAMILY_PSS:
        return key->family == FAMILY_RSA || key->family == FAMILY_PSS;
    case FAMILY_EC:
        return key->family == FAMILY_EC && strcmp(key->curve, algorithm->curve) == 0;
    }
    return false;
}
