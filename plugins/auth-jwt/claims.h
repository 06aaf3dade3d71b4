/* SPDX-License-Identifier: MIT
 * Whether what a token claims about itself holds: its times, who made it and for whom (RFC 7519 section 4.1).
 */
#ifndef JWT_CLAIMS_H
#define JWT_CLAIMS_H

#include <jansson.h>
#include <stdint.h>

struct settings;

enum { CLAIMS_WHY = 200 };

struct claims_result {
    int status;               /* WSHUB_OK, WSHUB_DENIED, WSHUB_EXPIRED */
    uint64_t issued, expires; /* ms since 1970, with the leeway in expires; 0: not said */
    char why[CLAIMS_WHY];     /* a sentence without anything of the token; "" with WSHUB_OK */
};

/* `now`: ms since 1970. */
void claims_judge(struct claims_result *result, const struct settings *settings, const json_t *claims,
                  uint64_t now);

/* A member by its name; or, where there is none so called, by the names of the objects on the way to it with
 * dots between them. NULL: there is none. */
const json_t *claims_find(const json_t *claims, const char *name);

#endif
