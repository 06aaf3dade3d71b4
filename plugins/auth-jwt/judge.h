/* SPDX-License-Identifier: MIT
 * What becomes of a token: the whole way from its text to an identity or a reason why not. Knows no host, no
 * threads and no clock; `wshub token verify` goes the same way as the hub. */
#ifndef JWT_JUDGE_H
#define JWT_JUDGE_H

#include <jansson.h>
#include <stdbool.h>

#include "claims.h"
#include "keys.h"
#include "mapping.h"
#include "settings.h"

struct verdict {
    int status;             /* WSHUB_OK, WSHUB_DENIED, WSHUB_EXPIRED, WSHUB_PASS, WSHUB_NO_MEMORY */
    bool unknown;           /* DENIED because of a key that is not there: one fetched anew may help */
    char *id;               /* unknown: the kid of that key, owned; NULL: the token names none */
    const char *why;        /* not WSHUB_OK: a sentence without anything of the token */
    json_t *claims;         /* of a signature that is good; else NULL */
    struct mapping mapping; /* WSHUB_OK: the identity */
    struct claims_result times;
};

/* `text` is terminated. Either of the sets may be NULL. `now`: ms since 1970. */
void judge(struct verdict *verdict, const struct settings *settings, const struct keys *const sets[2],
           const char *text, size_t length, uint64_t now);
void verdict_free(struct verdict *verdict);

#endif
