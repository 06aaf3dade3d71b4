/* SPDX-License-Identifier: MIT */
#include "claims.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "settings.h"
#include "wshub/status.h"

static const double seconds_most = 253402300799.0; /* the end of the year 9999 */

struct judging {
    struct claims_result *result;
    const struct settings *settings;
    const json_t *claims;
    uint64_t now;
};

static bool refuse(struct judging *judging, int status, const char *why) {
    judging->result->status = status;
    snprintf(judging->result->why, sizeof judging->result->why, "%s", why);
    return false;
}

static bool refuse_claim(struct judging *judging, const char *claim, const char *why) {
    char text[CLAIMS_WHY];
    snprintf(text, sizeof text, "the token's %s %s", claim, why);
    return refuse(judging, WSHUB_DENIED, text);
}

/* A NumericDate: seconds, which may have a fraction. Without it *at stays 0; one before 1970 becomes 1.
 * False: refused. */
static bool read_time(struct judging *judging, const char *name, uint64_t *at) {
    const json_t *claim = json_object_get(judging->claims, name);
    *at = 0;
    if (!claim) {
        return true;
    }
    const double seconds = json_number_value(claim);
    if (!json_is_number(claim) || !isfinite(seconds)) {
        return refuse_claim(judging, name, "is not a number of seconds");
    }
    if (seconds > seconds_most) {
        return refuse_claim(judging, name,
                            "is beyond the year 9999: seconds since 1970 are expected, not milliseconds");
    }
    *at = seconds < 0.001 ? 1 : (uint64_t)(seconds * 1000);
    return true;
}

static bool judge_expiry(struct judging *judging) {
    uint64_t *expires = &judging->result->expires;
    if (!read_time(judging, "exp", expires)) {
        return false;
    }
    if (*expires == 0) {
        return !judging->settings->require_exp ||
               refuse(judging, WSHUB_DENIED, "the token never expires: exp is missing (see `require_exp`)");
    }
    *expires += judging->settings->leeway;
    return judging->now < *expires || refuse(judging, WSHUB_EXPIRED, "the token has expired");
}

static bool judge_beginning(struct judging *judging) {
    uint64_t begins, latest = judging->now + judging->settings->leeway;
    if (!read_time(judging, "nbf", &begins) || !read_time(judging, "iat", &judging->result->issued)) {
        return false;
    }
    if (begins > latest) {
        return refuse(judging, WSHUB_DENIED, "the token is not valid yet (nbf; see `leeway`)");
    }
    return judging->result->issued <= latest ||
           refuse(judging, WSHUB_DENIED,
                  "the token was issued in the future (iat): clocks differ by more than `leeway`");
}

static bool judge_issuer(struct judging *judging) {
    const json_t *issuer = json_object_get(judging->claims, "iss");
    if (!judging->settings->issuer) {
        return true;
    }
    return (json_is_string(issuer) &&
            settings_list_has(judging->settings->issuer, json_string_value(issuer))) ||
           refuse(judging, WSHUB_DENIED, "the token's iss is not one of `issuer`");
}

static bool is_audience(const struct settings *settings, const json_t *name) {
    return json_is_string(name) && settings_list_has(settings->audience, json_string_value(name));
}

static bool judge_audience(struct judging *judging) {
    const json_t *audience = json_object_get(judging->claims, "aud"), *name;
    size_t i;
    if (!judging->settings->audience) { /* RFC 7519 section 4.1.3: it is for somebody else, then */
        return !audience ||
               refuse(judging, WSHUB_DENIED,
                      "the token is for an audience (aud), and `audience` is not set: set it to the "
                      "name that the issuer has for this hub");
    }
    json_array_foreach(audience, i, name) {
        if (is_audience(judging->settings, name)) {
            return true;
        }
    }
    return is_audience(judging->settings, audience) ||
           refuse(judging, WSHUB_DENIED, "the token's aud is not one of `audience`");
}

void claims_judge(struct claims_result *result, const struct settings *settings, const json_t *claims,
                  uint64_t now) {
    struct judging judging = {result, settings, claims, now};
    *result = (struct claims_result){.status = WSHUB_OK};
    (void)(judge_issuer(&judging) && judge_audience(&judging) && judge_beginning(&judging) &&
           judge_expiry(&judging));
}

static const json_t *find_below(const json_t *object, const char *path) {
    for (const char *dot; object && (dot = strchr(path, '.')); path = dot + 1) {
        object = json_object_getn(object, path, (size_t)(dot - path));
    }
    return json_object_get(object, path);
}

const json_t *claims_find(const json_t *claims, const char *name) {
    const json_t *claim = json_object_get(claims, name);
    return claim ? claim : find_below(claims, name);
}
