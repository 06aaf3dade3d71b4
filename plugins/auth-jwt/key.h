/* SPDX-License-Identifier: MIT
 * One key that tokens are checked with: a secret, or a public key. Immutable once made. */
#ifndef JWT_KEY_H
#define JWT_KEY_H

#include <openssl/types.h>

#include "algorithm.h"

enum { KEY_RSA_BITS_LEAST = 2048 }; /* RFC 7518 section 3.3 */

struct key {
    enum family family;            /* FAMILY_PSS: a key for that alone; most RSA keys serve both */
    const struct algorithm *bound; /* the only one that it may be used with; NULL: whichever fits */
    char *id;                      /* kid; NULL: none */
    const char *curve;             /* FAMILY_EC */
    unsigned char *data;           /* the secret, or PEM, terminated */
    size_t length;
};

/* Copies the secret. NULL: no memory. */
struct key *key_of_secret(const void *secret, size_t length);
/* Borrows the public key. NULL: *why says why, a constant; NULL there: no memory. */
struct key *key_of_public(EVP_PKEY *theirs, const char **why);
bool key_name(struct key *key, const char *id); /* copies; false: no memory */
void key_free(struct key *key);                 /* wipes it; NULL is fine */

/* Is it of the kind, and of the strength, that the algorithm asks for? This is where a public key can never
 * be taken for the secret of an HMAC. */
bool key_fits(const struct key *key, const struct algorithm *algorithm);

#endif
