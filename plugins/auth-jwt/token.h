/* SPDX-License-Identifier: MIT
 * A token in its compact form (RFC 7515 section 7.1), taken apart. Nothing of it is trusted by that. */
#ifndef JWT_TOKEN_H
#define JWT_TOKEN_H

#include <jansson.h>
#include <stddef.h>

struct algorithm;

struct token {
    const char *text; /* borrowed, terminated */
    const char *claims;
    size_t claims_length; /* of its base64url */
    json_t *header;
    const struct algorithm *algorithm; /* that it says it has */
    const char *id;                    /* kid, of the header; NULL: none */
};

/* Not a JWT at all: nothing that begins as the base64url of a JSON object and has a dot. */
extern const char TOKEN_FOREIGN[];
extern const char TOKEN_NO_MEMORY[];

/* Reads the header. `text` is terminated and is borrowed by the token. Returns NULL; or, and nothing is kept,
 * why it is no token that can be checked: a constant, or one of those above. */
const char *token_read(struct token *token, const char *text, size_t length);
void token_free(struct token *token);

/* What it claims: to be asked once its signature was found good. NULL: not a JSON object, or no memory. */
json_t *token_claims(const struct token *token);

#endif
