/* SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L
#include "answer.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <jansson.h>

#include "verbs.h"

enum { GRANTS_MOST = 1024, INFO_MOST = 4096 }; /* what the hub takes */
static const double SECONDS_MOST = 1e11;       /* some thousand years */

struct answer {
    int status;
    const char *explanation;
    struct wshub_identity identity;
    json_t *json; /* what the identity points into, */
    char *info;   /* and this, */
    struct wshub_grant *grants;
};

/* What is wrong with an answer; NULL: nothing. */
typedef const char *problem;

/* Absent and null are the same: what some languages write for "not there". */
static json_t *member(const json_t *object, const char *name) {
    json_t *value = json_object_get(object, name);
    return json_is_null(value) ? NULL : value;
}

static struct wshub_bytes bytes_of(const json_t *string) {
    return (struct wshub_bytes){json_string_value(string), json_string_length(string)};
}

static problem read_text(const json_t *from, const char *name, struct wshub_bytes *to, problem wrong) {
    const json_t *value = member(from, name);
    if (value && !json_is_string(value)) {
        return wrong;
    }
    *to = bytes_of(value);
    return NULL;
}

/* Seconds in JSON to ms since 1970. */
static problem read_time(const json_t *from, const char *name, uint64_t since, uint64_t *to, problem wrong) {
    const json_t *value = member(from, name);
    if (!value) {
        return NULL;
    }
    double seconds = json_is_number(value) ? json_number_value(value) : -1;
    if (!(seconds > 0 && seconds < SECONDS_MOST)) {
        return wrong;
    }
    *to = since + (uint64_t)(seconds * 1000);
    return NULL;
}

static problem read_verbs(const json_t *list, uint32_t *to) {
    size_t i;
    json_t *item;
    if (!json_is_array(list)) {
        return "a grant in the backend's answer has no list of verbs";
    }
    json_array_foreach(list, i, item) {
        uint32_t verb = json_is_string(item) ? verb_named(json_string_value(item)) : 0;
        if (verb == 0) {
            return "a grant in the backend's answer has a verb that there is not";
        }
        *to |= verb;
    }
    return NULL;
}

static problem read_grants(struct answer *answer) {
    const json_t *list = member(answer->json, "grants");
    size_t i;
    json_t *item;
    if (!list) {
        return NULL;
    }
    if (!json_is_array(list) || json_array_size(list) > GRANTS_MOST) {
        return "grants in the backend's answer is not a list of at most 1024";
    }
    answer->grants = calloc(json_array_size(list) + 1, sizeof *answer->grants);
    if (!answer->grants) {
        return "out of memory";
    }
    json_array_foreach(list, i, item) {
        const json_t *pattern = json_object_get(item, "pattern");
        if (!json_is_string(pattern)) {
            return "a grant in the backend's answer has no pattern";
        }
        answer->grants[i].pattern = bytes_of(pattern);
        problem wrong = read_verbs(json_object_get(item, "verbs"), &answer->grants[i].verbs);
        if (wrong) {
            return wrong;
        }
    }
    answer->identity.grants = answer->grants;
    answer->identity.grant_count = json_array_size(list);
    return NULL;
}

static problem read_info(struct answer *answer) {
    const json_t *info = member(answer->json, "info");
    if (!info) {
        return NULL;
    }
    answer->info = json_dumps(info, JSON_COMPACT | JSON_ENCODE_ANY);
    if (!answer->info) {
        return "out of memory";
    }
    answer->identity.info = (struct wshub_bytes){answer->info, strlen(answer->info)};
    return answer->identity.info.length > INFO_MOST ? "info in the backend's answer is larger than 4 KiB"
                                                    : NULL;
}

static uint64_t now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static problem read_identity(struct answer *answer) {
    struct wshub_identity *identity = &answer->identity;
    const json_t *json = answer->json;
    problem wrong;
    (void)((wrong = read_text(json, "user", &identity->user, "user in the backend's answer is no string")) ||
           (wrong = read_text(json, "token_id", &identity->token_id,
                              "token_id in the backend's answer is no string")) ||
           (wrong = read_time(json, "expires_in", now_ms(), &identity->expires,
                              "expires_in in the backend's answer is no number of seconds above 0")) ||
           (wrong = read_time(json, "issued_at", 0, &identity->issued,
                              "issued_at in the backend's answer is no number of seconds since 1970")) ||
           (wrong = read_info(answer)) || (wrong = read_grants(answer)));
    return wrong;
}

static problem read_json(struct answer *answer, const char *body, size_t length) {
    answer->json = json_loadb(body, length, JSON_REJECT_DUPLICATES, NULL);
    const json_t *allow = json_object_get(answer->json, "allow");
    if (!json_is_boolean(allow)) {
        return "the backend's answer is not JSON with allow, true or false";
    }
    if (json_is_true(allow)) {
        return read_identity(answer);
    }
    bool expired = json_is_true(json_object_get(answer->json, "expired"));
    answer->status = expired ? WSHUB_EXPIRED : WSHUB_DENIED;
    answer->explanation = expired ? "the backend says that it has expired" : "the backend says no";
    return NULL;
}

/* 4xx is a no, but for those that say: later. */
static problem read_status(struct answer *answer, long status) {
    if (status < 400 || status > 499 || status == 408 || status == 425 || status == 429) {
        return "the backend's answer has an HTTP status that is neither 200 nor a refusal";
    }
    answer->status = WSHUB_DENIED;
    answer->explanation = status == 401   ? "the backend answered HTTP 401"
                          : status == 403 ? "the backend answered HTTP 403"
                                          : "the backend answered HTTP 4xx: is the url right?";
    return NULL;
}

struct answer *answer_new(long status, const char *body, size_t length, uint32_t ask, const char **why) {
    struct answer *answer = calloc(1, sizeof *answer);
    if (!answer) {
        *why = "out of memory";
        return NULL;
    }
    answer->identity.struct_size = sizeof answer->identity;
    answer->identity.ask = ask;
    *why = status == 200 ? read_json(answer, body, length) : read_status(answer, status);
    if (*why) {
        answer_free(answer);
        return NULL;
    }
    return answer;
}

void answer_free(struct answer *answer) {
    if (answer) {
        json_decref(answer->json);
        free(answer->info);
        free(answer->grants);
        free(answer);
    }
}

int answer_status(const struct answer *answer) {
    return answer->status;
}

const char *answer_explanation(const struct answer *answer) {
    return answer->explanation;
}

const struct wshub_identity *answer_identity(const struct answer *answer) {
    return &answer->identity;
}

uint64_t answer_left(const struct answer *answer) {
    uint64_t expires = answer->identity.expires, now = now_ms();
    return expires == 0 ? UINT64_MAX : expires > now ? expires - now : 0;
}
