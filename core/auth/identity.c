// SPDX-License-Identifier: MIT
#include "auth/identity.h"

#include <assert.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "auth/grants.h"
#include "protocol/json.h"
#include "util/utf8.h"

struct identity {
    atomic_uint references;
    uint32_t ask;
    uint64_t issued, expires;
    struct grants *grants;
    size_t user_length, token_id_length, info_length;
    char bytes[]; // user, token_id, info
};

static struct span span_of(struct wshub_bytes bytes) {
    return (struct span){bytes.data, bytes.length};
}

// ---- the rules of wshub/auth.h ----

struct text_words { // what is said of one that breaks them
    const char *too_long, *not_utf8, *has_control;
};

static const char *check_text(struct wshub_bytes text, const struct text_words *words) {
    if (text.length > IDENTITY_TEXT_MAX) {
        return words->too_long;
    }
    if (!utf8_is_valid(text.data, text.length)) {
        return words->not_utf8;
    }
    return utf8_has_control(text.data, text.length) ? words->has_control : NULL;
}

// False with *why NULL: no memory. *info becomes the value without the white space around it.
static bool check_info(struct span *info, const char **why) {
    if (info->length == 0) {
        return true;
    }
    if (info->length > IDENTITY_INFO_MAX) {
        *why = "info has more than 4 KiB";
        return false;
    }
    struct json_reader *reader = json_reader_new();
    enum json_result result =
        reader ? json_read_value(reader, info->data, info->length, info) : JSON_NO_MEMORY;
    json_reader_free(reader);
    *why = result == JSON_OK || result == JSON_NO_MEMORY ? NULL : "info is not JSON";
    return result == JSON_OK;
}

static const char *check_texts(const struct wshub_identity *theirs) {
    static const struct text_words user = {"user has more than 255 bytes", "user is not UTF-8",
                                           "user has a control character"};
    static const struct text_words token_id = {"token_id has more than 255 bytes", "token_id is not UTF-8",
                                               "token_id has a control character"};
    const char *why = check_text(theirs->user, &user);
    return why ? why : check_text(theirs->token_id, &token_id);
}

// ---- life ----

static char *append(char *at, struct span text) {
    if (text.length > 0) {
        memcpy(at, text.data, text.length);
    }
    return at + text.length;
}

// Takes the grants. NULL: no memory.
static struct identity *make(const struct wshub_identity *theirs, struct span info, struct grants *grants) {
    struct span user = span_of(theirs->user), token_id = span_of(theirs->token_id);
    struct identity *identity = malloc(sizeof *identity + user.length + token_id.length + info.length);
    if (!identity) {
        grants_free(grants);
        return NULL;
    }
    atomic_init(&identity->references, 1);
    identity->ask = theirs->ask;
    identity->issued = theirs->issued;
    identity->expires = theirs->expires;
    identity->grants = grants;
    identity->user_length = user.length;
    identity->token_id_length = token_id.length;
    identity->info_length = info.length;
    append(append(append(identity->bytes, user), token_id), info);
    return identity;
}

// What ABI 1.2 began with. A struct_size that was forgotten must not make a client of a user without an
// expiry.
enum { LEAST_SIZE = offsetof(struct wshub_identity, grant_count) + sizeof(uint64_t) };

struct identity *identity_new(const struct wshub_identity *theirs, const char **why) {
    struct wshub_identity copy = {0}; // what a plugin of an older minor does not have is empty
    if (theirs->struct_size < LEAST_SIZE) {
        *why = "its struct_size is not set to sizeof(struct wshub_identity)";
        return NULL;
    }
    memcpy(&copy, theirs, theirs->struct_size < sizeof copy ? theirs->struct_size : sizeof copy);
    struct span info = span_of(copy.info);
    *why = check_texts(&copy);
    if (*why || !check_info(&info, why)) {
        return NULL;
    }
    struct grants *grants = grants_new(copy.grants, copy.grant_count, span_of(copy.user), why);
    return grants ? make(&copy, info, grants) : NULL;
}

void identity_ref(struct identity *identity) {
    if (identity) {
        atomic_fetch_add_explicit(&identity->references, 1, memory_order_relaxed);
    }
}

void identity_unref(struct identity *identity) {
    if (!identity) {
        return;
    }
    unsigned before = atomic_fetch_sub_explicit(&identity->references, 1, memory_order_acq_rel);
    assert(before > 0);
    if (before == 1) {
        grants_free(identity->grants);
        explicit_bzero(identity, sizeof *identity + identity->user_length + identity->token_id_length +
                                     identity->info_length);
        free(identity);
    }
}

// ---- what it says ----

struct span identity_user(const struct identity *identity) {
    return identity ? (struct span){identity->bytes, identity->user_length} : (struct span){"", 0};
}

struct span identity_token_id(const struct identity *identity) {
    return identity ? (struct span){identity->bytes + identity->user_length, identity->token_id_length}
                    : (struct span){"", 0};
}

struct span identity_info(const struct identity *identity) {
    return identity ? (struct span){identity->bytes + identity->user_length + identity->token_id_length,
                                    identity->info_length}
                    : (struct span){"", 0};
}

uint64_t identity_issued(const struct identity *identity) {
    return identity ? identity->issued : 0;
}

uint64_t identity_expires(const struct identity *identity) {
    return identity ? identity->expires : 0;
}

bool identity_asks(const struct identity *identity, enum wshub_verb verb) {
    return identity && (identity->ask & (uint32_t)verb);
}

bool identity_may(const struct identity *identity, enum wshub_verb verb, struct span name) {
    return identity && grants_cover(identity->grants, verb, name);
}
