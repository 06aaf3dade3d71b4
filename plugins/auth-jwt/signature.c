/* SPDX-License-Identifier: MIT */
#include "signature.h"

#include <errno.h>
#include <jansson.h>
#include <jwt.h>
#include <openssl/err.h>
#include <stdlib.h>
#include <string.h>

#include "key.h"
#include "pss.h"

bool signature_takes_types(void) {
#ifdef JWT_TAKES_TYPES
    return true;
#else
    return false;
#endif
}

static enum signature check(const char *token, const struct algorithm *algorithm, const struct key *key) {
    jwt_t *jwt = NULL;
    int error = jwt_decode(&jwt, token, key->data, (int)key->length);
    bool good = error == 0 && jwt && jwt_get_alg(jwt) == jwt_str_alg(algorithm->name);
    jwt_free(jwt);
    return good ? SIGNATURE_GOOD : error == ENOMEM ? SIGNATURE_NO_MEMORY : SIGNATURE_WRONG;
}

enum signature signature_check(const char *token, const struct algorithm *algorithm, const struct key *key) {
    enum signature found =
        algorithm->family == FAMILY_PSS ? pss_check(token, algorithm, key) : check(token, algorithm, key);
    ERR_clear_error(); /* a wrong signature leaves some in the queue of this thread */
    return found;
}

static bool add_id(jwt_t *jwt, const char *id) {
    return !id || jwt_add_header(jwt, "kid", id) == 0;
}

static char *make(const struct algorithm *algorithm, const void *key, size_t length, const char *id,
                  const char *claims) {
    jwt_t *jwt = NULL;
    char *token = NULL;
    if (jwt_new(&jwt) == 0 && jwt_add_grants_json(jwt, claims) == 0 && add_id(jwt, id) &&
        jwt_set_alg(jwt, jwt_str_alg(algorithm->name), key, (int)length) == 0) {
        token = jwt_encode_str(jwt);
    }
    jwt_free(jwt);
    return token;
}

char *signature_make(const struct algorithm *algorithm, const void *key, size_t length, const char *id,
                     const char *claims) {
    char *token = algorithm->family == FAMILY_PSS ? pss_make(algorithm, key, length, id, claims)
                                                  : make(algorithm, key, length, id, claims);
    ERR_clear_error();
    return token;
}
