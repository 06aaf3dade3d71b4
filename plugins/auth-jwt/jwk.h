/* SPDX-License-Identifier: MIT
 * Keys of a JWK Set (RFC 7517). What is of no use here is passed over: keys for encryption, of other kinds,
 * or too weak. */
#ifndef JWT_JWK_H
#define JWT_JWK_H

#include <stdbool.h>
#include <stddef.h>

struct keys;

struct jwks_result {
    const char *wrong; /* NULL: it is a set, of whatever keys; else why not, as a constant that goes on from
                          "..., which" */
    bool no_memory;
    size_t used, unused;
    const char *why; /* the first of them is not used, a constant; NULL: all are */
    bool weak;       /* that is because of its strength */
};

/* Adds those that can be used. `secrets`: also of kind "oct". */
void jwks_read(struct jwks_result *result, struct keys *keys, const char *text, size_t length, bool secrets);

#endif
