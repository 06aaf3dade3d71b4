/* SPDX-License-Identifier: MIT */
#include "token.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "algorithm.h"
#include "base64.h"
#include "json.h"
#include "signature.h"

const char TOKEN_FOREIGN[] = "the token is not a JWT";
const char TOKEN_NO_MEMORY[] = "out of memory";

/* '{' and whatever follows it, in base64. */
static bool is_foreign(const char *text) {
    return !strchr(text, '.') || text[0] != 'e' || text[1] < 'w' || text[1] > 'z';
}

struct parts {
    const char *text[3];
    size_t length[3];
};

static const char *split(struct parts *parts, const char *text, size_t length) {
    const char *end = text + length;
    for (int i = 0; i < 3; i++) {
        const char *dot = memchr(text, '.', (size_t)(end - text));
        if (!dot && i < 2) {
            return "the token has no signature: it ends after its claims";
        }
        if (dot && i == 2) {
            return "the token has more than three parts: encrypted ones are not read here";
        }
        parts->text[i] = text;
        parts->length[i] = (size_t)((dot ? dot : end) - text);
        text = dot ? dot + 1 : end;
    }
    return NULL;
}

static const char *check_parts(const struct parts *parts) {
    const char *why = NULL;
    for (int i = 0; i < 3 && !why; i++) {
        unsigned char *decoded = malloc(BASE64_ROOM(parts->length[i]));
        if (!decoded) {
            return TOKEN_NO_MEMORY;
        }
        if (base64_decode(decoded, parts->text[i], parts->length[i], BASE64_URL) < 0) {
            why = "a part of the token is not base64url";
        }
        free(decoded);
    }
    return why ? why : parts->length[2] == 0 ? "the token has no signature" : NULL;
}

/* `typ` is there to tell tokens for different purposes apart (RFC 8725 section 3.11). */
static const char *check_type(const json_t *header) {
    const char *type = json_text(header, "typ");
    if (type && strncasecmp(type, "application/", 12) == 0) {
        type += 12;
    }
    if (json_is_no_text(header, "typ") ||
        (type && strcasecmp(type, "JWT") != 0 && strcasecmp(type, "at+jwt") != 0)) {
        return "the token's typ is neither JWT nor at+jwt: it was made for another purpose";
    }
    if (type && !signature_takes_types() && strcasecmp(json_text(header, "typ"), "JWT") != 0) {
        return "the token's typ is at+jwt, which this libjwt does not take: have the issuer say JWT, or use "
               "libjwt 1.16 or newer";
    }
    return NULL;
}

static const char *read_header(struct token *token) {
    const char *name = json_text(token->header, "alg");
    token->algorithm = name ? algorithm_find(name, strlen(name)) : NULL;
    token->id = json_text(token->header, "kid");
    if (!token->algorithm) {
        return "the token's alg is none that signs, or none that is known here";
    }
    if (json_is_no_text(token->header, "kid")) {
        return "the token's kid is not a text";
    }
    if (json_object_get(token->header, "crit")) { /* RFC 7515 section 4.1.11 */
        return "the token's header demands something (crit) that is not known here";
    }
    const char *content = json_text(token->header, "cty");
    if (content && strcasecmp(content, "JWT") == 0) { /* RFC 7519 section 5.2 */
        return "the token holds another token (cty), which is not read here";
    }
    return check_type(token->header);
}

const char *token_read(struct token *token, const char *text, size_t length) {
    struct parts parts;
    *token = (struct token){.text = text};
    if (is_foreign(text)) {
        return TOKEN_FOREIGN;
    }
    const char *why = split(&parts, text, length);
    why = why ? why : check_parts(&parts);
    if (why) {
        return why;
    }
    token->claims = parts.text[1];
    token->claims_length = parts.length[1];
    token->header = json_object_of_base64(parts.text[0], parts.length[0]);
    why = token->header ? read_header(token) : "the token's header is not a JSON object with each name once";
    if (why) {
        token_free(token);
    }
    return why;
}

void token_free(struct token *token) {
    json_decref(token->header);
    *token = (struct token){0};
}

json_t *token_claims(const struct token *token) {
    return json_object_of_base64(token->claims, token->claims_length);
}
