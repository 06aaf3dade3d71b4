/* SPDX-License-Identifier: MIT */
#include "settings.h"

#include <string.h>

#include "algorithm.h"
#include "base64.h"
#include "fetch.h"
#include "names.h"
#include "wshub/status.h"

enum { SECOND = 1000, MINUTE = 60 * SECOND, HOUR = 60 * MINUTE, KIB = 1024 };

#define TEXT(name_, fallback_, flags_, help_) \
    { .name = name_, .help = help_, .fallback = fallback_, .type = WSHUB_OPTION_TEXT, .flags = flags_ }
#define BOOL(name_, fallback_, help_) \
    { .name = name_, .help = help_, .fallback = fallback_, .type = WSHUB_OPTION_BOOL }
#define RANGE(type_, name_, fallback_, low_, high_, help_)                                              \
    {                                                                                                   \
        .name = name_, .help = help_, .fallback = fallback_, .type = WSHUB_OPTION_##type_, .low = low_, \
        .high = high_                                                                                   \
    }

const struct wshub_option settings_options[SETTINGS_OPTIONS] = {
    TEXT("algorithms", NULL, WSHUB_OPTION_REQUIRED,
         "list of what tokens may be signed with: HS256, RS256, ES256 and so on, 384 and 512 too"),
    TEXT("secret", NULL, WSHUB_OPTION_SECRET,
         "for HS*: the secret that the issuer signs with, as it stands; at least as long as the hash"),
    TEXT("secret_base64", NULL, WSHUB_OPTION_SECRET, "the same in base64, with either alphabet"),
    TEXT("key_file", NULL, 0,
         "PEM file with public keys or certificates, one or several; read again on SIGHUP"),
    TEXT("jwks_file", NULL, 0, "file with a JWK Set; read again on SIGHUP"),
    TEXT("jwks_url", NULL, WSHUB_OPTION_SECRET, "https:// where the issuer publishes its JWK Set"),
    TEXT("jwks_ca_file", NULL, 0, "PEM file of the authorities to trust for it; unsaid: the system's"),
    TEXT("jwks_proxy", NULL, WSHUB_OPTION_SECRET,
         "HTTP proxy to reach it by; unsaid: none, whatever the environment says"),
    BOOL("jwks_plain_http", "false",
         "http:// is good enough for jwks_url: whoever is on the way can then write tokens"),
    RANGE(DURATION, "jwks_refresh", "10m", SECOND, 24 * HOUR, "how often it is fetched anyway"),
    RANGE(DURATION, "jwks_cooldown", "30s", 100, HOUR,
          "how long after a fetch a key that is not known may cause another"),
    RANGE(DURATION, "jwks_timeout", "5s", 100, 5 * MINUTE, "how long a fetch may take"),
    TEXT("issuer", NULL, 0, "list: iss must be one of them; unsaid: it is not looked at"),
    TEXT("audience", NULL, 0, "list: aud must name one of them; unsaid: a token with an aud is refused"),
    RANGE(DURATION, "leeway", "0s", 0, 10 * MINUTE,
          "how much the issuer's clock may differ: for exp, nbf and iat"),
    RANGE(SIZE, "max_size", "8KiB", 128, 64 * KIB, "a token larger than this is refused unread"),
    BOOL("require_exp", "true",
         "a token without exp is refused: it would be good for ever, which no revocation outlasts"),
    TEXT("user_claim", "sub", 0,
         "claim that names the user; a.b is b within a; \"\": everyone with a token is anonymous"),
    TEXT("id_claim", "jti", 0, "claim that names the token, for `revoke`"),
    TEXT("info_claim", NULL, 0, "claim with what other clients may see of the user, any JSON up to 4 KiB"),
    TEXT("subscribe_claim", "subscribe", 0,
         "claim with patterns of channels to subscribe: a list, or one text"),
    TEXT("publish_claim", "publish", 0, "likewise, to publish to"),
    TEXT("presence_claim", "presence", 0, "likewise, to see who is there"),
    TEXT("history_claim", "history", 0, "likewise, to read what was published before"),
    TEXT("send_claim", "send", 0, "claim with patterns of users to send to"),
    TEXT("grants", NULL, 0,
         "list of verbs:pattern for everyone with a good token: [\"subscribe+publish:room:*\", "
         "\"subscribe:user:{user}\"]"),
    RANGE(NUMBER, "threads", "2", 1, 16, "that check signatures"),
};

const struct settings_verb settings_verbs[SETTINGS_VERBS] = {
    {"subscribe", "subscribe_claim", WSHUB_VERB_SUBSCRIBE},
    {"publish", "publish_claim", WSHUB_VERB_PUBLISH},
    {"presence", "presence_claim", WSHUB_VERB_PRESENCE},
    {"history", "history_claim", WSHUB_VERB_HISTORY},
    {"send", "send_claim", WSHUB_VERB_SEND},
};

/* Reads options, and remembers whether one was refused. */
struct reader {
    const struct wshub_host *host;
    struct settings *settings;
    int status;
};

static void refuse(struct reader *reader, const char *name, const char *expected) {
    reader->host->option_refuse(reader->host->self, name, expected);
    reader->status = WSHUB_INVALID;
}

static const char *text_of(const struct reader *reader, const char *name) {
    const char *text = reader->host->option_text(reader->host->self, name);
    return text && *text ? text : NULL;
}

static uint64_t number_of(const struct reader *reader, const char *name) {
    return reader->host->option_number(reader->host->self, name);
}

static void read_texts(struct reader *reader) {
    struct settings *settings = reader->settings;
    const struct {
        const char *name, **place;
    } texts[] = {
        {"secret", &settings->secret},         {"secret_base64", &settings->secret_base64},
        {"key_file", &settings->key_file},     {"jwks_file", &settings->jwks_file},
        {"jwks_url", &settings->jwks_url},     {"jwks_ca_file", &settings->jwks_ca_file},
        {"jwks_proxy", &settings->jwks_proxy}, {"issuer", &settings->issuer},
        {"audience", &settings->audience},     {"user_claim", &settings->user_claim},
        {"id_claim", &settings->id_claim},     {"info_claim", &settings->info_claim},
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        *texts[i].place = text_of(reader, texts[i].name);
    }
    for (size_t i = 0; i < SETTINGS_VERBS; i++) {
        settings->verb_claims[i] = text_of(reader, settings_verbs[i].option);
    }
}

static void read_numbers(struct reader *reader) {
    struct settings *settings = reader->settings;
    settings->jwks_refresh = number_of(reader, "jwks_refresh");
    settings->jwks_cooldown = number_of(reader, "jwks_cooldown");
    settings->jwks_timeout = number_of(reader, "jwks_timeout");
    settings->leeway = number_of(reader, "leeway");
    settings->max_size = number_of(reader, "max_size");
    settings->require_exp = number_of(reader, "require_exp");
    settings->threads = (unsigned)number_of(reader, "threads");
    if (settings->jwks_cooldown > settings->jwks_refresh) {
        refuse(reader, "jwks_cooldown", "at most `jwks_refresh`");
    }
}

static void read_algorithms(struct reader *reader) {
    const char *text = text_of(reader, "algorithms");
    const char *expected = algorithms_read(&reader->settings->algorithms, text ? text : "");
    if (expected) {
        refuse(reader, "algorithms", expected);
    }
}

/* An empty one is hardly meant: its environment variable is set to nothing. */
static void refuse_empty(struct reader *reader, const char *name) {
    const char *text = reader->host->option_text(reader->host->self, name);
    if (text && !*text) {
        refuse(reader, name, "a secret that is not empty: is its environment variable set to nothing?");
    }
}

static void read_secrets(struct reader *reader) {
    const struct settings *settings = reader->settings;
    refuse_empty(reader, "secret");
    refuse_empty(reader, "secret_base64");
    const char *name = settings->secret ? "secret" : "secret_base64";
    if (settings->secret && settings->secret_base64) {
        refuse(reader, "secret_base64", "nothing, as there is `secret`: several are for `jwks_file`");
    }
    if ((settings->secret || settings->secret_base64) && settings->algorithms &&
        !algorithm_family_among(settings->algorithms, FAMILY_HMAC)) {
        refuse(reader, name, "HS256, HS384 or HS512 among `algorithms`: nothing else has use for a secret");
    }
}

static void read_url(struct reader *reader) {
    static const char *const others[] = {"jwks_ca_file", "jwks_proxy"};
    const struct settings *settings = reader->settings;
    const char *wrong =
        settings->jwks_url ? fetch_check_url(settings->jwks_url, number_of(reader, "jwks_plain_http")) : NULL;
    if (wrong) {
        refuse(reader, "jwks_url", wrong);
    }
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        if (!settings->jwks_url && text_of(reader, others[i])) {
            refuse(reader, others[i], "`jwks_url` as well, for which it is");
        }
    }
}

/* The verbs in front of the first colon; 0: there is one that is none. */
static uint32_t read_verbs(const char *text, size_t length) {
    uint32_t verbs = 0;
    for (const char *end = text + length; text <= end;) {
        size_t size = strcspn(text, "+:"), i = 0;
        while (i < SETTINGS_VERBS &&
               (strlen(settings_verbs[i].name) != size || memcmp(settings_verbs[i].name, text, size) != 0)) {
            i++;
        }
        if (i == SETTINGS_VERBS) {
            return 0;
        }
        verbs |= settings_verbs[i].verb;
        text += size + 1;
    }
    return verbs;
}

static const char *read_grant(struct settings *settings, const char *text, size_t length) {
    const char *colon = memchr(text, ':', length);
    uint32_t verbs = colon ? read_verbs(text, (size_t)(colon - text)) : 0;
    if (!verbs) {
        return "each as subscribe:pattern, or with more verbs as "
               "subscribe+publish+presence+history+send:pattern";
    }
    const char *pattern = colon + 1;
    size_t size = length - (size_t)(pattern - text);
    if (!name_is_good(pattern, size)) {
        return "patterns of 1 to 255 bytes without control characters";
    }
    if (settings->grant_count == SETTINGS_GRANTS_MOST) {
        return "at most 64 of them";
    }
    settings->grants[settings->grant_count++] =
        (struct wshub_grant){.pattern = {pattern, size}, .verbs = verbs};
    return NULL;
}

static void read_grants(struct reader *reader) {
    const char *text = text_of(reader, "grants"), *wrong = NULL;
    text = text ? text : "";
    for (text += strspn(text, " "); *text && !wrong; text += strspn(text, " ")) {
        size_t length = strcspn(text, " ");
        wrong = read_grant(reader->settings, text, length);
        text += length;
    }
    if (wrong) {
        refuse(reader, "grants", wrong);
    }
}

int settings_read(struct settings *settings, const struct wshub_host *host) {
    struct reader reader = {host, settings, WSHUB_OK};
    *settings = (struct settings){0};
    read_texts(&reader);
    read_numbers(&reader);
    read_algorithms(&reader);
    read_secrets(&reader);
    read_url(&reader);
    read_grants(&reader);
    return reader.status;
}

bool settings_list_has(const char *list, const char *word) {
    const size_t length = strlen(word);
    for (list += strspn(list, " "); *list; list += strspn(list, " ")) {
        size_t size = strcspn(list, " ");
        if (size == length && memcmp(list, word, size) == 0) {
            return true;
        }
        list += size;
    }
    return false;
}
