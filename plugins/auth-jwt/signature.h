/* SPDX-License-Identifier: MIT
 * What libjwt does for us: it checks signatures, and makes them for `wshub token create`. It takes the
 * algorithm from the token and a key as bytes whatever they are; so nothing gets here before the algorithm
 * was found among those configured and the key to fit it. What it cannot stands in pss.h. */
#ifndef JWT_SIGNATURE_H
#define JWT_SIGNATURE_H

#include "algorithm.h"

struct key;

enum signature { SIGNATURE_GOOD, SIGNATURE_WRONG, SIGNATURE_NO_MEMORY };

/* Does the libjwt that this was built with take tokens whose header says another `typ` than JWT? */
bool signature_takes_types(void);

/* `token` is a whole one, terminated. The key must fit the algorithm. */
enum signature signature_check(const char *token, const struct algorithm *algorithm, const struct key *key);

/* A token of these claims, to be freed. `key` is a secret, or a private key as PEM; `id`, its kid, may be
 * NULL. NULL: the key is not one for the algorithm, or no memory. */
char *signature_make(const struct algorithm *algorithm, const void *key, size_t length, const char *id,
                     const char *claims);

#endif
