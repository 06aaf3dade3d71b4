/* SPDX-License-Identifier: MIT
 * PS256, PS384 and PS512 (RFC 7518 section 3.5), by OpenSSL itself: libjwt 1.10 does not know them, and 1.17
 * names them but refuses them wherever it is built with OpenSSL. Used by signature.c alone. */
#ifndef JWT_PSS_H
#define JWT_PSS_H

#include "signature.h"

/* As signature_check and signature_make; the private key must have no passphrase. */
enum signature pss_check(const char *token, const struct algorithm *algorithm, const struct key *key);
char *pss_make(const struct algorithm *algorithm, const void *key, size_t length, const char *id,
               const char *claims);

#endif
