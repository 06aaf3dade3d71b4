/* SPDX-License-Identifier: MIT
 * The options of this plugin, read once, immutable after. Texts are borrowed from the host. */
#ifndef JWT_SETTINGS_H
#define JWT_SETTINGS_H

#include <stdbool.h>
#include <stdint.h>

#include "wshub/auth.h"
#include "wshub/host.h"
#include "wshub/option.h"

enum { SETTINGS_VERBS = 5, SETTINGS_GRANTS_MOST = 64 };

/* What a verb of wshub/auth.h is called, and the option that names its claim. */
struct settings_verb {
    const char *name, *option;
    uint32_t verb;
};
extern const struct settings_verb settings_verbs[SETTINGS_VERBS];

struct settings { /* a text that is unsaid or empty is NULL */
    uint32_t algorithms;
    const char *secret, *secret_base64, *key_file, *jwks_file;
    const char *jwks_url, *jwks_ca_file, *jwks_proxy;
    uint64_t jwks_refresh, jwks_cooldown, jwks_timeout; /* ms */
    const char *issuer, *audience;                      /* words with blanks between them */
    uint64_t leeway;                                    /* ms */
    uint64_t max_size;
    bool require_exp;
    const char *user_claim, *id_claim, *info_claim;
    const char *verb_claims[SETTINGS_VERBS]; /* by place in settings_verbs */
    struct wshub_grant grants[SETTINGS_GRANTS_MOST];
    unsigned grant_count;
    unsigned threads;
};

enum { SETTINGS_OPTIONS = 27 };
extern const struct wshub_option settings_options[SETTINGS_OPTIONS];

/* WSHUB_OK; WSHUB_INVALID after option_refuse was called for each option that does not make sense. Looks at
 * no file. */
int settings_read(struct settings *settings, const struct wshub_host *host);

/* Is it one of the words? */
bool settings_list_has(const char *list, const char *word);

#endif
