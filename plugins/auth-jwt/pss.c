/* SPDX-License-Identifier: MIT */
#include "pss.h"

#include <jansson.h>
#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <stdlib.h>
#include <string.h>

#include "base64.h"
#include "key.h"

typedef int start_function(EVP_MD_CTX *, EVP_PKEY_CTX **, const EVP_MD *, ENGINE *, EVP_PKEY *);

/* The salt is as long as the hash: a signature with another one is wrong. MGF1 takes the same hash unasked.
 */
static bool start(EVP_MD_CTX *digest, start_function *function, const struct algorithm *algorithm,
                  EVP_PKEY *key) {
    const EVP_MD *hash = algorithm->hash == 32   ? EVP_sha256()
                         : algorithm->hash == 48 ? EVP_sha384()
                                                 : EVP_sha512();
    EVP_PKEY_CTX *context; /* the digest's own */
    return function(digest, &context, hash, NULL, key) == 1 &&
           EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PSS_PADDING) == 1 &&
           EVP_PKEY_CTX_set_rsa_pss_saltlen(context, RSA_PSS_SALTLEN_DIGEST) == 1;
}

/* ---- checking */

static EVP_PKEY *read_public(const struct key *key) {
    BIO *bio = BIO_new_mem_buf(key->data, (int)key->length);
    EVP_PKEY *theirs = bio ? PEM_read_bio_PUBKEY(bio, NULL, NULL, NULL) : NULL;
    BIO_free(bio);
    return theirs;
}

enum signature pss_check(const char *token, const struct algorithm *algorithm, const struct key *key) {
    const char *text = strrchr(token, '.') + 1; /* token_read has seen two of them */
    const size_t signed_length = (size_t)(text - 1 - token), length = strlen(text);
    unsigned char *signature = malloc(BASE64_ROOM(length));
    EVP_PKEY *theirs = read_public(key); /* we wrote it: only memory can be missing */
    EVP_MD_CTX *digest = EVP_MD_CTX_new();
    enum signature found = SIGNATURE_NO_MEMORY;
    if (signature && theirs && digest) {
        ptrdiff_t size = base64_decode(signature, text, length, BASE64_URL);
        bool good = size > 0 && start(digest, EVP_DigestVerifyInit, algorithm, theirs) &&
                    EVP_DigestVerify(digest, signature, (size_t)size, (const unsigned char *)token,
                                     signed_length) == 1;
        found = good ? SIGNATURE_GOOD : SIGNATURE_WRONG;
    }
    EVP_MD_CTX_free(digest);
    EVP_PKEY_free(theirs);
    free(signature);
    return found;
}

/* ---- making */

static char *make_header(const struct algorithm *algorithm, const char *id) {
    json_t *header = json_pack("{s:s, s:s, s:s*}", "alg", algorithm->name, "typ", "JWT", "kid", id);
    char *text = header ? json_dumps(header, JSON_COMPACT) : NULL;
    json_decref(header);
    return text;
}

/* Appends the signature to the `length` bytes of the token, which has room for it. */
static bool append_signature(char *token, size_t length, const struct algorithm *algorithm, EVP_PKEY *ours) {
    size_t size = (size_t)EVP_PKEY_get_size(ours);
    unsigned char *signature = malloc(size);
    EVP_MD_CTX *digest = EVP_MD_CTX_new();
    bool made = signature && digest && start(digest, EVP_DigestSignInit, algorithm, ours) &&
                EVP_DigestSign(digest, signature, &size, (const unsigned char *)token, length) == 1;
    if (made) {
        token[length++] = '.';
        length += base64_encode(token + length, signature, size);
        token[length] = 0;
    }
    EVP_MD_CTX_free(digest);
    free(signature);
    return made;
}

static char *join(const char *header, const char *claims, const struct algorithm *algorithm, EVP_PKEY *ours) {
    const size_t header_length = strlen(header), claims_length = strlen(claims);
    char *token = malloc(BASE64_TEXT(header_length) + BASE64_TEXT(claims_length) +
                         BASE64_TEXT((size_t)EVP_PKEY_get_size(ours)) + sizeof "..");
    if (!token) {
        return NULL;
    }
    size_t length = base64_encode(token, header, header_length);
    token[length++] = '.';
    length += base64_encode(token + length, claims, claims_length);
    if (!append_signature(token, length, algorithm, ours)) {
        free(token);
        return NULL;
    }
    return token;
}

char *pss_make(const struct algorithm *algorithm, const void *key, size_t length, const char *id,
               const char *claims) {
    char passphrase[] = ""; /* so that nobody is asked for one */
    BIO *bio = BIO_new_mem_buf(key, (int)length);
    EVP_PKEY *ours = bio ? PEM_read_bio_PrivateKey(bio, NULL, NULL, passphrase) : NULL;
    char *header = make_header(algorithm, id);
    char *token = ours && header ? join(header, claims, algorithm, ours) : NULL;
    free(header);
    EVP_PKEY_free(ours);
    BIO_free(bio);
    return token;
}
