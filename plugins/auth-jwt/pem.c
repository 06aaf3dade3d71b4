/* SPDX-License-Identifier: MIT */
#include "pem.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <string.h>

#include "keys.h"

const char PEM_NO_MEMORY[] = "out of memory";

static EVP_PKEY *read_certificate(const unsigned char *der, long length) {
    X509 *certificate = d2i_X509(NULL, &der, length);
    EVP_PKEY *theirs = certificate ? X509_get_pubkey(certificate) : NULL;
    X509_free(certificate);
    return theirs;
}

/* NULL: not such a block, or not well formed. */
static EVP_PKEY *read_block(const char *name, const unsigned char *der, long length) {
    if (strcmp(name, PEM_STRING_PUBLIC) == 0) {
        return d2i_PUBKEY(NULL, &der, length);
    }
    if (strcmp(name, PEM_STRING_RSA_PUBLIC) == 0) {
        return d2i_PublicKey(EVP_PKEY_RSA, NULL, &der, length);
    }
    return strcmp(name, PEM_STRING_X509) == 0 ? read_certificate(der, length) : NULL;
}

static const char *add_block(struct keys *keys, const char *name, const unsigned char *der, long length) {
    const char *why;
    if (strstr(name, "PRIVATE")) {
        return "holds a private key, expected public ones: whoever reads it could write tokens";
    }
    EVP_PKEY *theirs = read_block(name, der, length);
    if (!theirs) {
        return "holds something else than PUBLIC KEY, RSA PUBLIC KEY and CERTIFICATE";
    }
    struct key *key = key_of_public(theirs, &why);
    EVP_PKEY_free(theirs);
    if (!key) {
        return why ? why : PEM_NO_MEMORY;
    }
    return keys_add(keys, key) ? NULL : "holds more than 128 keys";
}

const char *pem_read(struct keys *keys, const char *text, size_t length) {
    BIO *bio = BIO_new_mem_buf(text, (int)length);
    const char *why = bio ? NULL : PEM_NO_MEMORY;
    char *name = NULL, *header = NULL;
    unsigned char *der = NULL;
    long size = 0;
    bool any = false;
    while (!why && PEM_read_bio(bio, &name, &header, &der, &size) == 1) {
        any = true;
        why = add_block(keys, name, der, size);
        OPENSSL_free(name);
        OPENSSL_free(header);
        OPENSSL_clear_free(der, (size_t)size);
    }
    BIO_free(bio);
    ERR_clear_error();
    return why || any ? why : "holds no PEM";
}
