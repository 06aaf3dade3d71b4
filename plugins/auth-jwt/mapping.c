/* SPDX-License-Identifier: MIT */
#include "mapping.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "claims.h"
#include "names.h"
#include "settings.h"
#include "wshub/status.h"

enum { GRANT_BYTES_MOST = 64 * 1024 };

struct maker {
    struct mapping *mapping;
    const struct settings *settings;
    const json_t *claims;
};

/* `claim` is the configuration's word, not the token's. */
static int refuse(struct maker *maker, const char *claim, const char *why) {
    snprintf(maker->mapping->why, sizeof maker->mapping->why, "the token's claim \"%.80s\" %s", claim, why);
    return WSHUB_DENIED;
}

/* A text, or a whole number as its digits. */
static int read_name(struct maker *maker, const char *claim, const json_t *value, struct wshub_bytes *name) {
    const char *text = json_string_value(value);
    if (json_is_integer(value)) {
        snprintf(maker->mapping->number, sizeof maker->mapping->number, "%" JSON_INTEGER_FORMAT,
                 json_integer_value(value));
        text = maker->mapping->number;
    }
    if (!text || !name_is_good(text, strlen(text))) {
        return refuse(maker, claim, "is not a text of 1 to 255 bytes without control characters");
    }
    *name = (struct wshub_bytes){text, strlen(text)};
    return WSHUB_OK;
}

static int map_user(struct maker *maker) {
    const char *claim = maker->settings->user_claim;
    const json_t *value = claim ? claims_find(maker->claims, claim) : NULL;
    if (claim && !value) {
        return refuse(maker, claim, "is missing: it names the user (see `user_claim`)");
    }
    return claim ? read_name(maker, claim, value, &maker->mapping->identity.user) : WSHUB_OK;
}

static int map_id(struct maker *maker) {
    const char *claim = maker->settings->id_claim;
    const json_t *value = claim ? claims_find(maker->claims, claim) : NULL;
    if (value && !json_is_string(value)) {
        return refuse(maker, claim, "is not a text");
    }
    return value ? read_name(maker, claim, value, &maker->mapping->identity.token_id) : WSHUB_OK;
}

static int map_info(struct maker *maker) {
    const char *claim = maker->settings->info_claim;
    const json_t *value = claim ? claims_find(maker->claims, claim) : NULL;
    if (!value) {
        return WSHUB_OK;
    }
    maker->mapping->info = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
    if (!maker->mapping->info) {
        return WSHUB_NO_MEMORY;
    }
    size_t length = strlen(maker->mapping->info);
    if (length > MAPPING_INFO_MOST) {
        return refuse(maker, claim, "is larger than 4 KiB");
    }
    maker->mapping->identity.info = (struct wshub_bytes){maker->mapping->info, length};
    return WSHUB_OK;
}

static int grant(struct maker *maker, const char *claim, const char *pattern, size_t length, uint32_t verb) {
    struct mapping *mapping = maker->mapping;
    if (!name_is_good(pattern, length)) {
        return refuse(maker, claim,
                      "has a pattern that is empty, longer than 255 bytes or with control characters");
    }
    mapping->grant_bytes += length;
    if (mapping->identity.grant_count == MAPPING_GRANTS_MOST || mapping->grant_bytes > GRANT_BYTES_MOST) {
        return refuse(maker, claim, "makes it more than 1,024 patterns, or 64 KiB of them");
    }
    mapping->grants[mapping->identity.grant_count++] =
        (struct wshub_grant){.pattern = {pattern, length}, .verbs = verb};
    return WSHUB_OK;
}

/* As the claim `scope` has them (RFC 8693 section 4.2). */
static int grant_words(struct maker *maker, const char *claim, const char *text, uint32_t verb) {
    int status = WSHUB_OK;
    for (text += strspn(text, " "); *text && status == WSHUB_OK; text += strspn(text, " ")) {
        size_t length = strcspn(text, " ");
        status = grant(maker, claim, text, length, verb);
        text += length;
    }
    return status;
}

static int grant_list(struct maker *maker, const char *claim, const json_t *list, uint32_t verb) {
    const json_t *item;
    size_t i;
    int status = WSHUB_OK;
    json_array_foreach(list, i, item) {
        const char *text = json_string_value(item);
        status = text ? grant(maker, claim, text, strlen(text), verb)
                      : refuse(maker, claim, "has something else than texts in its list");
        if (status != WSHUB_OK) {
            break;
        }
    }
    return status;
}

static int map_verb(struct maker *maker, size_t place) {
    const char *claim = maker->settings->verb_claims[place];
    const json_t *value = claim ? claims_find(maker->claims, claim) : NULL;
    const uint32_t verb = settings_verbs[place].verb;
    if (!value) {
        return WSHUB_OK;
    }
    if (json_is_string(value)) {
        return grant_words(maker, claim, json_string_value(value), verb);
    }
    return json_is_array(value) ? grant_list(maker, claim, value, verb)
                                : refuse(maker, claim, "is neither a list of patterns nor a text of them");
}

static int map_grants(struct maker *maker) {
    struct mapping *mapping = maker->mapping;
    int status = WSHUB_OK;
    mapping->grants = calloc(MAPPING_GRANTS_MOST, sizeof *mapping->grants);
    if (!mapping->grants) {
        return WSHUB_NO_MEMORY;
    }
    for (unsigned i = 0; i < maker->settings->grant_count; i++) {
        mapping->grants[mapping->identity.grant_count++] = maker->settings->grants[i];
        mapping->grant_bytes += maker->settings->grants[i].pattern.length;
    }
    for (size_t i = 0; i < SETTINGS_VERBS && status == WSHUB_OK; i++) {
        status = map_verb(maker, i);
    }
    mapping->identity.grants = mapping->grants;
    return status;
}

int mapping_make(struct mapping *mapping, const struct settings *settings, const json_t *claims) {
    struct maker maker = {mapping, settings, claims};
    static int (*const steps[])(struct maker *) = {map_user, map_id, map_info, map_grants};
    int status = WSHUB_OK;
    *mapping = (struct mapping){.identity.struct_size = sizeof mapping->identity};
    for (size_t i = 0; i < sizeof steps / sizeof *steps && status == WSHUB_OK; i++) {
        status = steps[i](&maker);
    }
    return status;
}

void mapping_free(struct mapping *mapping) {
    free(mapping->grants);
    free(mapping->info);
    *mapping = (struct mapping){0};
}
