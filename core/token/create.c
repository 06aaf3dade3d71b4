// SPDX-License-Identifier: MIT
#include <argp.h>
#include <errno.h>
#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base64.h"
#include "clock.h"
#include "config/units.h"
#include "file.h"
#include "key.h"
#include "signature.h"
#include "token_tool.h"

enum { KEY_ALG = 2000, KEY_KEY, KEY_KID, KEY_SUB, KEY_EXPIRES, KEY_CLAIM, KEY_SUBSCRIBE, KEY_PUBLISH };
enum { ID_BYTES = 16 };

struct create {
    const struct algorithm *algorithm;
    struct secret_source secret;
    const char *key_file, *id;
    json_t *claims;
    uint64_t lifetime; // ms; 0: for ever
};

static const struct argp_option options[] = {
    {"alg", KEY_ALG, "NAME", 0, "what to sign with: HS256 (unless said), RS256, ES256 and so on", 0},
    {"key", KEY_KEY, "FILE", 0, "the private key as PEM, for RS256, ES256 and so on", 1},
    {"kid", KEY_KID, "ID", 0, "what the key is called where it is published", 1},
    {"sub", KEY_SUB, "USER", 0, "the user", 2},
    {"expires", KEY_EXPIRES, "TIME", 0, "how long it is good, such as 90s or 8h, or never; 1h unless said",
     2},
    {"subscribe", KEY_SUBSCRIBE, "PATTERN", 0,
     "channels to subscribe to, into the claim `subscribe`; may be repeated", 2},
    {"publish", KEY_PUBLISH, "PATTERN", 0,
     "channels to publish to, into the claim `publish`; may be repeated", 2},
    {"claim", KEY_CLAIM, "NAME=VALUE", 0, "another claim; a value that is no JSON is a text; may be repeated",
     2},
    {0},
};

// ---- the command line

// Takes the value; NULL is no memory.
static void set_claim(struct argp_state *state, const char *name, json_t *value) {
    struct create *create = state->input;
    if (json_object_set_new(create->claims, name, value) != 0) {
        argp_error(state, "%s cannot be put into a token: it is not UTF-8, or there is no memory", name);
    }
}

static void add_pattern(struct argp_state *state, const char *name, const char *pattern) {
    struct create *create = state->input;
    json_t *list = json_object_get(create->claims, name);
    if (!json_is_array(list)) {
        set_claim(state, name, json_array());
        list = json_object_get(create->claims, name);
    }
    if (json_array_append_new(list, json_string(pattern)) != 0) {
        argp_error(state, "%s cannot be put into a token: it is not UTF-8, or there is no memory", name);
    }
}

static void read_claim(struct argp_state *state, char *argument) {
    char *equals = strchr(argument, '=');
    if (!equals || equals == argument) {
        argp_error(state, "--claim: found '%s', expected NAME=VALUE", argument);
        return;
    }
    *equals = 0;
    json_t *value = json_loads(equals + 1, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, NULL);
    set_claim(state, argument, value ? value : json_string(equals + 1));
}

static void read_algorithm(struct argp_state *state, const char *name) {
    struct create *create = state->input;
    create->algorithm = algorithm_find(name, strlen(name));
    if (!create->algorithm) {
        argp_error(state,
                   "--alg: found '%s', expected one of HS256, RS256, PS256, ES256, with 384 and 512 too",
                   name);
    }
}

static void read_lifetime(struct argp_state *state, const char *text) {
    struct create *create = state->input;
    if (strcmp(text, "never") == 0) {
        create->lifetime = 0;
    } else if (!units_parse(UNIT_DURATION, text, &create->lifetime) || create->lifetime < 1000) {
        argp_error(state, "--expires: found '%s', expected a duration such as 90s or 8h, or never", text);
    }
}

static void check_sources(struct argp_state *state) {
    const struct create *create = state->input;
    if (create->algorithm->family == FAMILY_HMAC) {
        if (!secret_is_said(&create->secret) || create->key_file) {
            argp_error(state, "%s signs with a secret: give --secret-env or --secret-file",
                       create->algorithm->name);
        }
    } else if (!create->key_file || secret_is_said(&create->secret)) {
        argp_error(state, "%s signs with a private key: give --key", create->algorithm->name);
    }
}

static error_t parse(int key, char *argument, struct argp_state *state) {
    struct create *create = state->input;
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &create->secret;
        return 0;
    case KEY_ALG:
        read_algorithm(state, argument);
        return 0;
    case KEY_KEY:
        create->key_file = argument;
        return 0;
    case KEY_KID:
        create->id = argument;
        return 0;
    case KEY_SUB:
        set_claim(state, "sub", json_string(argument));
        return 0;
    case KEY_EXPIRES:
        read_lifetime(state, argument);
        return 0;
    case KEY_SUBSCRIBE:
        add_pattern(state, "subscribe", argument);
        return 0;
    case KEY_PUBLISH:
        add_pattern(state, "publish", argument);
        return 0;
    case KEY_CLAIM:
        read_claim(state, argument);
        return 0;
    case ARGP_KEY_ARG:
        argp_error(state, "no argument is expected, but '%s': options begin with --", argument);
        return 0;
    case ARGP_KEY_END:
        check_sources(state);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

// ---- claims

static bool add_usual(struct create *create) {
    const uint64_t now = clock_wall_ms();
    unsigned char random[ID_BYTES];
    char id[2 * ID_BYTES + 1];
    json_t *usual = json_object();
    bool ok = RAND_bytes(random, sizeof random) == 1;
    for (int i = 0; i < ID_BYTES; i++) {
        snprintf(id + 2 * i, 3, "%02x", random[i]);
    }
    ok = ok && json_object_set_new(usual, "jti", json_string(id)) == 0 &&
         json_object_set_new(usual, "iat", json_integer((json_int_t)(now / 1000))) == 0 &&
         (!create->lifetime ||
          json_object_set_new(usual, "exp", json_integer((json_int_t)((now + create->lifetime) / 1000))) ==
              0) &&
         json_object_update_missing(create->claims, usual) == 0; // what --claim has said stays
    json_decref(usual);
    return ok;
}

// ---- keys

static int no_passphrase(char *buffer, int size, int writing, void *context) {
    (void)buffer;
    (void)size;
    (void)writing;
    (void)context;
    return -1;
}

static struct key *public_half(const char *pem, size_t length, const char **why) {
    BIO *bio = BIO_new_mem_buf(pem, (int)length);
    EVP_PKEY *theirs = bio ? PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, NULL) : NULL;
    *why = "it is no private key in PEM, or has a passphrase";
    struct key *key = theirs ? key_of_public(theirs, why) : NULL;
    EVP_PKEY_free(theirs);
    BIO_free(bio);
    return key;
}

static struct key *secret_key(char *secret, size_t *length, bool base64, const char **why) {
    if (base64) {
        ptrdiff_t size = base64_decode((unsigned char *)secret, secret, *length, BASE64_ANY);
        *why = "it is not base64";
        if (size < 0) {
            return NULL;
        }
        *length = (size_t)size;
    }
    *why = NULL;
    return key_of_secret(secret, *length);
}

static const char *name_of(const struct create *create) {
    return create->key_file      ? create->key_file
           : create->secret.file ? create->secret.file
                                 : create->secret.variable;
}

// The bytes to sign with, and the key that checks what they sign.
static char *read_key(const struct create *create, size_t *length, struct key **checks) {
    const bool hmac = create->algorithm->family == FAMILY_HMAC;
    const char *why = NULL;
    char *bytes = hmac ? secret_read(&create->secret, length) : file_read(create->key_file, length);
    if (!bytes) {
        if (!hmac) {
            fprintf(stderr, "%s: found no file that can be read (%s), expected a private key in PEM\n",
                    create->key_file, strerror(errno));
        }
        return NULL;
    }
    *checks =
        hmac ? secret_key(bytes, length, create->secret.base64, &why) : public_half(bytes, *length, &why);
    if (*checks && key_fits(*checks, create->algorithm)) {
        return bytes;
    }
    fprintf(stderr, "%s: found a key that cannot be used (%s), expected one for %s\n", name_of(create),
            why    ? why
            : hmac ? "a secret must be as long as the hash; openssl rand -base64 64 makes one"
                   : "it is of another kind",
            create->algorithm->name);
    key_free(*checks);
    OPENSSL_cleanse(bytes, *length);
    free(bytes);
    return NULL;
}

static int sign(const struct create *create, const char *claims) {
    struct key *checks = NULL;
    size_t length = 0;
    char *bytes = read_key(create, &length, &checks);
    if (!bytes) {
        return TOKEN_USAGE;
    }
    char *token = signature_make(create->algorithm, bytes, length, create->id, claims);
    bool good = token && signature_check(token, create->algorithm, checks) == SIGNATURE_GOOD;
    if (good) {
        puts(token);
    } else {
        fputs("the token could not be signed\n", stderr);
    }
    free(token);
    key_free(checks);
    OPENSSL_cleanse(bytes, length);
    free(bytes);
    return good ? TOKEN_OK : TOKEN_USAGE;
}

int create_command(int argc, char **argv) {
    struct create create = {
        .algorithm = algorithm_find("HS256", 5), .claims = json_object(), .lifetime = 3600000};
    const struct argp_child children[] = {{&secret_argp, 0, NULL, 0}, {0}};
    const struct argp argp = {
        .options = options,
        .parser = parse,
        .children = children,
        .doc =
            "Print a new token.\vFor trying things out: a real one comes from your own login. There is no "
            "option "
            "to give a secret as it stands, because every user of the machine can read command lines. iat, "
            "jti and exp are added. Example:\n\n"
            "  WSHUB_JWT_SECRET=... wshub token create --secret-env WSHUB_JWT_SECRET --sub 42 --subscribe "
            "'room:*'"};
    argp_parse(&argp, argc, argv, 0, NULL, &create);
    char *claims = add_usual(&create) ? json_dumps(create.claims, JSON_COMPACT) : NULL;
    int code = claims ? sign(&create, claims) : TOKEN_USAGE;
    free(claims);
    json_decref(create.claims);
    return code;
}
