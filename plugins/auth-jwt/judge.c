/* SPDX-License-Identifier: MIT */
#include "judge.h"

#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

#include "signature.h"
#include "token.h"
#include "wshub/status.h"

/* For a token that does not say which key it means. */
enum { KEYS_TRIED_MOST = 8 };

static const char out_of_memory[] = "out of memory";
static const char bad_claims[] = "the token's claims are not a JSON object with each name once";

static void decide(struct verdict *verdict, int status, const char *why) {
    verdict->status = status;
    verdict->why = why;
}

static bool names(const struct token *token, const struct key *key) {
    return !token->id || !key->id || strcmp(token->id, key->id) == 0;
}

struct trial {
    const struct token *token;
    unsigned tried;
    bool good, known, no_memory; /* known: a key has the name that the token says */
};

static void try_set(struct trial *trial, const struct keys *keys) {
    const struct token *token = trial->token;
    trial->known = trial->known || (token->id && keys && keys_know(keys, token->id));
    for (size_t i = 0; keys && i < keys->count && !trial->good && !trial->no_memory; i++) {
        const struct key *key = keys->items[i];
        if (names(token, key) && key_fits(key, token->algorithm) && trial->tried < KEYS_TRIED_MOST) {
            enum signature found = signature_check(token->text, token->algorithm, key);
            trial->tried++;
            trial->good = found == SIGNATURE_GOOD;
            trial->no_memory = found == SIGNATURE_NO_MEMORY;
        }
    }
}

/* libjwt reads the claims before it looks at the signature, and says the same of either. */
static const char *why_wrong(const struct token *token) {
    json_t *claims = token_claims(token);
    json_decref(claims);
    return claims ? "the token's signature does not fit" : bad_claims;
}

/* No key was good: is there one that could be, which is not known yet? */
static void decide_unknown(struct verdict *verdict, const struct trial *trial) {
    const char *id = trial->token->id;
    const bool secret = trial->token->algorithm->family == FAMILY_HMAC; /* which nobody publishes */
    verdict->unknown = !secret && !trial->known && (id || !trial->tried);
    verdict->id = verdict->unknown && id ? strdup(id) : NULL;
    if (verdict->unknown && id && !verdict->id) {
        decide(verdict, WSHUB_NO_MEMORY, out_of_memory);
    } else if (trial->tried) {
        decide(verdict, WSHUB_DENIED, why_wrong(trial->token));
    } else if (trial->known) {
        decide(verdict, WSHUB_DENIED, "the key that the token names is not for its alg");
    } else {
        decide(verdict, WSHUB_DENIED,
               id ? "the token names a key (kid) that is not known here"
                  : "there is no key for the token's alg");
    }
}

static bool is_signed(struct verdict *verdict, const struct keys *const sets[2], const struct token *token) {
    struct trial trial = {.token = token};
    try_set(&trial, sets[0]);
    try_set(&trial, sets[1]);
    if (trial.no_memory) {
        decide(verdict, WSHUB_NO_MEMORY, out_of_memory);
    } else if (!trial.good) {
        decide_unknown(verdict, &trial);
    }
    return trial.good;
}

static void judge_claims(struct verdict *verdict, const struct settings *settings, const struct token *token,
                         uint64_t now) {
    verdict->claims = token_claims(token);
    if (!verdict->claims) {
        decide(verdict, WSHUB_DENIED, bad_claims);
        return;
    }
    claims_judge(&verdict->times, settings, verdict->claims, now);
    decide(verdict, verdict->times.status, verdict->times.why);
    if (verdict->status == WSHUB_OK) {
        decide(verdict, mapping_make(&verdict->mapping, settings, verdict->claims), verdict->mapping.why);
        verdict->mapping.identity.issued = verdict->times.issued;
        verdict->mapping.identity.expires = verdict->times.expires;
    }
}

static void judge_token(struct verdict *verdict, const struct settings *settings,
                        const struct keys *const sets[2], const struct token *token, uint64_t now) {
    if (!algorithm_among(settings->algorithms, token->algorithm)) {
        decide(verdict, WSHUB_DENIED, "the token's alg is not one of `algorithms`");
    } else if (is_signed(verdict, sets, token)) {
        judge_claims(verdict, settings, token, now);
    }
}

void judge(struct verdict *verdict, const struct settings *settings, const struct keys *const sets[2],
           const char *text, size_t length, uint64_t now) {
    struct token token;
    *verdict = (struct verdict){.status = WSHUB_INTERNAL, .why = ""};
    if (length > settings->max_size) {
        decide(verdict, WSHUB_DENIED, "the token is larger than `max_size`");
        return;
    }
    const char *wrong = token_read(&token, text, length);
    if (wrong) {
        decide(verdict,
               wrong == TOKEN_FOREIGN     ? WSHUB_PASS
               : wrong == TOKEN_NO_MEMORY ? WSHUB_NO_MEMORY
                                          : WSHUB_DENIED,
               wrong);
        return;
    }
    judge_token(verdict, settings, sets, &token, now);
    token_free(&token);
}

void verdict_free(struct verdict *verdict) {
    mapping_free(&verdict->mapping);
    json_decref(verdict->claims);
    free(verdict->id);
    *verdict = (struct verdict){0};
}
