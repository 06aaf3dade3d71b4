/* SPDX-License-Identifier: MIT */
#include "sources.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base64.h"
#include "file.h"
#include "jwk.h"
#include "keys.h"
#include "pem.h"
#include "settings.h"
#include "wshub/status.h"

struct reading {
    struct sources_result *result;
    const struct settings *settings;
    struct keys *keys;
};

static int refuse(struct reading *reading, const char *option, const char *before, const char *why) {
    reading->result->option = option;
    snprintf(reading->result->why, sizeof reading->result->why, "%s%s", before, why);
    return WSHUB_INVALID;
}

static int add_secret(struct reading *reading, const char *option, const void *secret, size_t length) {
    struct key *key = key_of_secret(secret, length);
    if (!key) {
        return WSHUB_NO_MEMORY;
    }
    for (int i = 0; i < ALGORITHMS; i++) {
        const struct algorithm *algorithm = &algorithms[i];
        if (algorithm->family == FAMILY_HMAC && algorithm_among(reading->settings->algorithms, algorithm) &&
            length < algorithm->hash) {
            char why[SOURCES_WHY];
            snprintf(why, sizeof why,
                     "at least %u bytes, as %s asks for (RFC 7518 section 3.2), such as from `openssl rand "
                     "-base64 %u`",
                     algorithm->hash, algorithm->name, algorithm->hash);
            key_free(key);
            return refuse(reading, option, "", why);
        }
    }
    return keys_add(reading->keys, key) ? WSHUB_OK : WSHUB_INTERNAL;
}

static int read_secret(struct reading *reading) {
    const char *text = reading->settings->secret;
    return text ? add_secret(reading, "secret", text, strlen(text)) : WSHUB_OK;
}

static int read_secret_base64(struct reading *reading) {
    const char *text = reading->settings->secret_base64;
    const size_t length = text ? strlen(text) : 0;
    unsigned char *secret = text ? malloc(BASE64_ROOM(length)) : NULL;
    if (!secret) {
        return text ? WSHUB_NO_MEMORY : WSHUB_OK;
    }
    ptrdiff_t size = base64_decode(secret, text, length, BASE64_ANY);
    int status = size < 0 ? refuse(reading, "secret_base64", "", "base64, of which this is none")
                          : add_secret(reading, "secret_base64", secret, (size_t)size);
    OPENSSL_cleanse(secret, BASE64_ROOM(length));
    free(secret);
    return status;
}

static int read_pem(struct reading *reading, const char *text, size_t length) {
    const char *wrong = pem_read(reading->keys, text, length);
    if (wrong == PEM_NO_MEMORY) {
        return WSHUB_NO_MEMORY;
    }
    return wrong ? refuse(reading, "key_file", "a file of public keys in PEM; this one is not used: ", wrong)
                 : WSHUB_OK;
}

static int read_jwks(struct reading *reading, const char *text, size_t length) {
    static const char option[] = "jwks_file";
    struct jwks_result result;
    jwks_read(&result, reading->keys, text, length, true);
    reading->result->unused = result.unused;
    reading->result->unused_why = result.why;
    if (result.no_memory) {
        return WSHUB_NO_MEMORY;
    }
    if (result.wrong) {
        return refuse(reading, option, "a JWK Set; this file ", result.wrong);
    }
    if (result.weak) { /* said here, where somebody reads it, rather than passed over */
        return refuse(reading, option, "keys that are strong enough; in this file ", result.why);
    }
    return result.used > 0 ? WSHUB_OK
                           : refuse(reading, option, "a JWK Set with a key that can be used; in this file ",
                                    result.why ? result.why : "there is none");
}

static int read_file(struct reading *reading, const char *option, const char *path,
                     int (*read)(struct reading *, const char *, size_t)) {
    size_t length;
    char *text = path ? file_read(path, &length) : NULL;
    if (!text) {
        return path ? refuse(reading, option, "a file that can be read: ", strerror(errno)) : WSHUB_OK;
    }
    int status = read(reading, text, length);
    OPENSSL_cleanse(text, length);
    free(text);
    return status;
}

static int read_key_file(struct reading *reading) {
    return read_file(reading, "key_file", reading->settings->key_file, read_pem);
}

static int read_jwks_file(struct reading *reading) {
    return read_file(reading, "jwks_file", reading->settings->jwks_file, read_jwks);
}

struct keys *sources_read(struct sources_result *result, const struct settings *settings) {
    static int (*const steps[])(struct reading *) = {read_secret, read_secret_base64, read_key_file,
                                                     read_jwks_file};
    struct reading reading = {result, settings, keys_new()};
    *result = (struct sources_result){.status = reading.keys ? WSHUB_OK : WSHUB_NO_MEMORY};
    for (size_t i = 0; i < sizeof steps / sizeof *steps && result->status == WSHUB_OK; i++) {
        result->status = steps[i](&reading);
    }
    if (result->status != WSHUB_OK) {
        keys_unref(reading.keys);
        return NULL;
    }
    return reading.keys;
}

const char *sources_lack(const struct settings *settings, const struct keys *keys) {
    for (int i = 0; i < ALGORITHMS; i++) {
        const bool fetched = settings->jwks_url && algorithms[i].family != FAMILY_HMAC;
        if (algorithm_among(settings->algorithms, &algorithms[i]) && !fetched &&
            !keys_fit(keys, &algorithms[i])) {
            return algorithms[i].name;
        }
    }
    return NULL;
}
