/* SPDX-License-Identifier: MIT
 * From the claims of a good token to an identity with its grants. */
#ifndef JWT_MAPPING_H
#define JWT_MAPPING_H

#include <jansson.h>

#include "wshub/auth.h"

struct settings;

enum { MAPPING_WHY = 200, MAPPING_GRANTS_MOST = 1024, MAPPING_INFO_MOST = 4096 };

struct mapping {
    struct wshub_identity identity; /* points into the rest and into the claims */
    struct wshub_grant *grants;
    size_t grant_bytes; /* of their patterns */
    char *info;         /* owned */
    char number[24];
    char why[MAPPING_WHY]; /* a sentence without anything of the token */
};

/* WSHUB_OK, WSHUB_DENIED with a reason in `why`, WSHUB_NO_MEMORY. Borrows the claims until mapping_free,
 * which is to be called in any case. */
int mapping_make(struct mapping *mapping, const struct settings *settings, const json_t *claims);
void mapping_free(struct mapping *mapping);

#endif
