/* SPDX-License-Identifier: MIT */
#include "settings.h"

#include <ctype.h>
#include <string.h>

#include "subject.h"
#include "wshub/status.h"

enum { NKEY = 56, INBOX_MOST = 64, NAME_MOST = 128 };
enum jetstream_word { JETSTREAM_MEMORY, JETSTREAM_FILE, JETSTREAM_OFF };

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

/* NULL when it is unsaid or empty. */
static const char *text_of(const struct reader *reader, const char *name) {
    const char *text = reader->host->option_text(reader->host->self, name);
    return text && *text ? text : NULL;
}

static uint64_t number_of(const struct reader *reader, const char *name) {
    return reader->host->option_number(reader->host->self, name);
}

static void read_servers(struct reader *reader) {
    const char *text = text_of(reader, "url");
    const char *wrong = servers_read(&reader->settings->servers, text ? text : "");
    if (wrong == SERVERS_NO_MEMORY) {
        reader->status = WSHUB_NO_MEMORY;
    } else if (wrong) {
        refuse(reader, "url", wrong);
    }
}

static void read_texts(struct reader *reader) {
    struct settings *settings = reader->settings;
    const struct {
        const char *name, **place;
    } texts[] = {
        {"user", &settings->user},           {"password", &settings->password},
        {"token", &settings->token},         {"nkey", &settings->nkey},
        {"nkey_seed", &settings->nkey_seed}, {"credentials", &settings->credentials},
        {"tls_ca", &settings->tls_ca},       {"tls_cert", &settings->tls_cert},
        {"tls_key", &settings->tls_key},     {"tls_name", &settings->tls_name},
        {"prefix", &settings->prefix},       {"name", &settings->name},
        {"inbox_prefix", &settings->inbox},
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        *texts[i].place = text_of(reader, texts[i].name);
    }
}

/* ---- who to be ---- */

static bool has_login(const struct servers *servers) {
    bool has = false;
    for (unsigned i = 0; i < servers->count; i++) {
        has = has || servers->all[i].user;
    }
    return has;
}

/* One way to log in, not two. */
static void check_logins(struct reader *reader) {
    const struct settings *settings = reader->settings;
    const struct {
        const char *name, *text;
    } ways[] = {{"user", settings->user},
                {"token", settings->token},
                {"nkey", settings->nkey},
                {"credentials", settings->credentials}};
    const char *first = has_login(&settings->servers) ? "url" : NULL;
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        if (ways[i].text && first) {
            refuse(reader, ways[i].name, "only one of url with a user, user, token, nkey and credentials");
        } else if (ways[i].text) {
            first = ways[i].name;
        }
    }
}

/* nats.c puts them between quotes as they are, in every version so far. */
static bool is_quotable(const char *text) {
    for (; text && *text; text++) {
        if ((unsigned char)*text < ' ' || *text == '"' || *text == '\\') {
            return false;
        }
    }
    return true;
}

static void check_quotes(struct reader *reader) {
    const struct settings *settings = reader->settings;
    const struct {
        const char *name, *text;
    } quoted[] = {{"user", settings->user},
                  {"password", settings->password},
                  {"token", settings->token},
                  {"name", settings->name}};
    for (size_t i = 0; i < sizeof quoted / sizeof *quoted; i++) {
        if (!is_quotable(quoted[i].text)) {
            refuse(reader, quoted[i].name,
                   "no control characters, no \" and no \\, which nats.c cannot send");
        }
    }
    for (unsigned i = 0; i < settings->servers.count; i++) {
        const struct server *server = &settings->servers.all[i];
        if (!is_quotable(server->user) || !is_quotable(server->password)) {
            refuse(reader, "url",
                   "no control characters, no \" and no \\ in user, password and token, which nats.c cannot "
                   "send");
            return;
        }
    }
}

static bool is_nkey(const char *text) {
    return strlen(text) == NKEY && text[0] == 'U' && strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567") == NKEY;
}

static void check_parts(struct reader *reader) {
    const struct settings *settings = reader->settings;
    if (!settings->user != !settings->password) {
        refuse(reader, settings->user ? "user" : "password", "`user` and `password` together");
    }
    if (!settings->nkey != !settings->nkey_seed) {
        refuse(reader, settings->nkey ? "nkey" : "nkey_seed", "`nkey` and `nkey_seed` together");
    }
    if (settings->nkey && !is_nkey(settings->nkey)) {
        refuse(reader, "nkey", "a public key: 56 of A-Z 2-7, the first a U");
    }
}

static void check_tls(struct reader *reader) {
    const struct settings *settings = reader->settings;
    const struct {
        const char *name, *text;
    } of_tls[] = {{"tls_ca", settings->tls_ca},
                  {"tls_cert", settings->tls_cert},
                  {"tls_key", settings->tls_key},
                  {"tls_name", settings->tls_name}};
    for (size_t i = 0; i < sizeof of_tls / sizeof *of_tls; i++) {
        if (of_tls[i].text && !settings->servers.tls) {
            refuse(reader, of_tls[i].name, "a url that begins with tls://");
        }
    }
    if (!settings->tls_cert != !settings->tls_key) {
        refuse(reader, settings->tls_cert ? "tls_cert" : "tls_key", "`tls_cert` and `tls_key` together");
    }
    if (!settings->tls_verify && (settings->tls_ca || settings->tls_name)) {
        refuse(reader, "tls_verify", "true, as `tls_ca` or `tls_name` says whom to trust");
    }
}

/* ---- names ---- */

static bool is_token(const char *text, size_t most, const char *others) {
    size_t length = strlen(text);
    for (size_t i = 0; i < length; i++) {
        if (!isascii(text[i]) || (!isalnum((unsigned char)text[i]) && !strchr(others, text[i]))) {
            return false;
        }
    }
    return length > 0 && length <= most;
}

/* `a_history` is where a hub whose prefix is `a` keeps its histories. */
static bool is_prefix(const char *text) {
    static const char taken[] = "_history";
    const size_t length = strlen(text), end = sizeof taken - 1;
    return is_token(text, SUBJECT_PREFIX_MOST, "-_") &&
           (length < end || strcmp(text + length - end, taken) != 0);
}

/* Whether the inbox is where channels are. */
static bool is_below(const char *inbox, const char *prefix) {
    const size_t length = strlen(prefix);
    return strncmp(inbox, prefix, length) == 0 && (inbox[length] == '.' || inbox[length] == 0);
}

static void check_names(struct reader *reader) {
    struct settings *settings = reader->settings;
    if (!settings->prefix || !is_prefix(settings->prefix)) {
        refuse(reader, "prefix", "1 to 32 of A-Z a-z 0-9 - _, not ending in _history");
    } else if (settings->inbox && is_below(settings->inbox, settings->prefix)) {
        refuse(reader, "inbox_prefix", "another first token than `prefix`, whose subjects are channels");
    }
    if (!settings->inbox || !is_token(settings->inbox, INBOX_MOST, "-_.$") || settings->inbox[0] == '.' ||
        settings->inbox[strlen(settings->inbox) - 1] == '.' || strstr(settings->inbox, "..")) {
        refuse(reader, "inbox_prefix", "tokens of A-Z a-z 0-9 - _ $ with dots between them, at most 64");
    }
    if (settings->name && strlen(settings->name) > NAME_MOST) {
        refuse(reader, "name", "at most 128 bytes");
    }
}

static void read_numbers(struct reader *reader) {
    struct settings *settings = reader->settings;
    const uint64_t jetstream = number_of(reader, "jetstream");
    settings->tls_verify = number_of(reader, "tls_verify") != 0;
    settings->connect_timeout = number_of(reader, "connect_timeout");
    settings->timeout = number_of(reader, "timeout");
    settings->ping_interval = number_of(reader, "ping_interval");
    settings->reconnect_wait = number_of(reader, "reconnect_wait");
    settings->reconnect_jitter = number_of(reader, "reconnect_jitter");
    settings->jetstream = jetstream != JETSTREAM_OFF;
    settings->memory = jetstream == JETSTREAM_MEMORY;
    settings->replicas = (unsigned)number_of(reader, "replicas");
}

int settings_read(struct settings *settings, const struct wshub_host *host) {
    struct reader reader = {host, settings, WSHUB_OK};
    *settings = (struct settings){0};
    read_servers(&reader);
    read_texts(&reader);
    read_numbers(&reader);
    check_logins(&reader);
    check_parts(&reader);
    check_quotes(&reader);
    check_tls(&reader);
    check_names(&reader);
    if (reader.status != WSHUB_OK) {
        settings_free(settings);
    }
    return reader.status;
}

void settings_free(struct settings *settings) {
    servers_free(&settings->servers);
}
