/* SPDX-License-Identifier: MIT */
#include "settings.h"

#include <stdlib.h>
#include <string.h>

#include "tls.h"
#include "wshub/status.h"

enum { PREFIX_MOST = 128 };
enum { MINUTE = 60 * 1000 };

#define TEXT(name_, fallback_, flags_, help_) \
    { .name = name_, .help = help_, .fallback = fallback_, .type = WSHUB_OPTION_TEXT, .flags = flags_ }
#define DURATION(name_, fallback_, low_, high_, help_)                                                   \
    {                                                                                                    \
        .name = name_, .help = help_, .fallback = fallback_, .type = WSHUB_OPTION_DURATION, .low = low_, \
        .high = high_                                                                                    \
    }

const struct wshub_option settings_options[SETTINGS_OPTIONS] = {
    TEXT("url", "redis://127.0.0.1:6379", WSHUB_OPTION_SECRET,
         "redis://[user:password@]host[:port][/database], rediss:// over TLS, or unix:///path[?db=database]"),
    TEXT("username", NULL, 0, "user of Redis' ACL, when it is not in the url"),
    TEXT("password", NULL, WSHUB_OPTION_SECRET, "its password, or that of `requirepass`"),
    {.name = "database",
     .help = "number of the database that holds the registry, when it is not in the url",
     .type = WSHUB_OPTION_NUMBER,
     .high = URL_DATABASE_MOST},
    TEXT("prefix", "", 0, "put before every channel and key, so that several hubs share one Redis"),
    {.name = "envelope",
     .help = "always: what is published carries its metadata; never: bare payloads, for readers that are not "
             "wshub",
     .fallback = "always",
     .words = "always|never",
     .type = WSHUB_OPTION_WORD},
    {.name = "restarts",
     .help = "lossless: the server keeps all that it has confirmed (appendfsync always), so positions in "
             "histories outlive its restart; lossy: they do not",
     .fallback = "lossy",
     .words = "lossy|lossless",
     .type = WSHUB_OPTION_WORD},
    TEXT("sentinels", NULL, 0, "host:port,host:port of the Sentinels that know where the master is"),
    TEXT("sentinel_master", NULL, 0, "the master's name in the Sentinels' configuration"),
    TEXT("sentinel_username", NULL, 0, "user for the Sentinels themselves"),
    TEXT("sentinel_password", NULL, WSHUB_OPTION_SECRET, "password for the Sentinels themselves"),
    TEXT("tls_ca", NULL, 0, "file of the authorities to trust, in PEM; unsaid: the system's"),
    TEXT("tls_cert", NULL, 0, "file of the client's certificate, in PEM"),
    TEXT("tls_key", NULL, 0, "file of its key, in PEM"),
    DURATION("timeout", "5s", 100, 10 * MINUTE,
             "an answer later than this means that the connection is dead"),
    DURATION("keepalive", "2s", 50, 10 * MINUTE,
             "a connection that is idle so long is asked for a sign of life"),
    DURATION("reconnect_min", "100ms", 1, 10 * MINUTE,
             "the longest wait before the first attempt to reconnect"),
    DURATION("reconnect_max", "2s", 1, 10 * MINUTE, "and before any; it doubles in between"),
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

/* NULL when it is unsaid or empty. */
static const char *text_of(const struct reader *reader, const char *name) {
    const char *text = reader->host->option_text(reader->host->self, name);
    return text && *text ? text : NULL;
}

static uint64_t number_of(const struct reader *reader, const char *name) {
    return reader->host->option_number(reader->host->self, name);
}

static void read_url(struct reader *reader) {
    struct settings *settings = reader->settings;
    const char *text = text_of(reader, "url");
    const char *wrong = url_read(&settings->url, text ? text : "");
    if (wrong == URL_NO_MEMORY) {
        reader->status = WSHUB_NO_MEMORY;
    } else if (wrong) {
        refuse(reader, "url", wrong);
    } else if (settings->url.tls && tls_missing()) {
        refuse(reader, "url", tls_missing());
    }
    settings->tls = settings->url.tls;
    settings->server = (struct endpoint){settings->url.unix_socket, settings->url.host, settings->url.port};
}

/* From the url or from the option of that name, not from both. */
static const char *from_either(struct reader *reader, const char *url, const char *name,
                               const char *refusal) {
    const char *option = text_of(reader, name);
    if (url && option) {
        refuse(reader, name, refusal);
    }
    return option ? option : url;
}

static void read_account(struct reader *reader) {
    const struct url *url = &reader->settings->url;
    struct account *account = &reader->settings->account;
    account->username = from_either(reader, url->username, "username", "nothing, as the url has a user name");
    account->password = from_either(reader, url->password, "password", "nothing, as the url has a password");
    if (account->username && !account->password) {
        refuse(reader, "username", "a password as well: set `password`");
    }
    account->database = url->database == URL_NO_DATABASE ? 0 : url->database;
    if (text_of(reader, "database")) {
        if (url->database != URL_NO_DATABASE) {
            refuse(reader, "database", "nothing, as the url has a database");
        }
        account->database = (int)number_of(reader, "database");
    }
}

static void read_prefix(struct reader *reader) {
    const char *text = text_of(reader, "prefix");
    size_t length = text ? strlen(text) : 0;
    bool printable = true;
    for (size_t i = 0; i < length; i++) {
        printable = printable && text[i] > ' ' && text[i] < 0x7f;
    }
    if (!printable || length > PREFIX_MOST) {
        refuse(reader, "prefix", "at most 128 printable ASCII characters without blanks");
    }
    reader->settings->prefix = (struct wshub_bytes){text, length};
}

static void read_sentinel_list(struct reader *reader, const char *text) {
    enum { PORT = 26379 };
    struct settings *settings = reader->settings;
    for (const char *end; *text; text = *end ? end + 1 : end) {
        end = strchrnul(text, ',');
        struct endpoint *sentinel = &settings->sentinels[settings->sentinel_count];
        if (settings->sentinel_count == SENTINELS_MOST ||
            !url_read_place(text, (size_t)(end - text), PORT, &sentinel->host, &sentinel->port)) {
            refuse(reader, "sentinels",
                   "at most 16 of host:port with commas between them and without blanks");
            return;
        }
        settings->sentinel_count++;
    }
}

static void read_sentinels(struct reader *reader) {
    struct settings *settings = reader->settings;
    const char *list = text_of(reader, "sentinels");
    settings->sentinel_master = text_of(reader, "sentinel_master");
    settings->sentinel_account.username = text_of(reader, "sentinel_username");
    settings->sentinel_account.password = text_of(reader, "sentinel_password");
    if (list) {
        read_sentinel_list(reader, list);
    }
    if (list && !settings->sentinel_master) {
        refuse(reader, "sentinels", "`sentinel_master` as well, the name of the master to ask them for");
    }
    if (!list && settings->sentinel_master) {
        refuse(reader, "sentinel_master", "`sentinels` as well, the places to ask for it");
    }
    if (list && settings->url.unix_socket) {
        refuse(reader, "url", "redis:// or rediss:// with `sentinels`, for they name hosts");
    }
    if (settings->sentinel_account.username && !settings->sentinel_account.password) {
        refuse(reader, "sentinel_username", "a password as well: set `sentinel_password`");
    }
}

static void read_restarts(struct reader *reader) {
    struct settings *settings = reader->settings;
    settings->lossless = number_of(reader, "restarts") == 1;
    if (settings->lossless && settings->sentinel_count) {
        refuse(reader, "restarts", "lossy with `sentinels`, as a failover loses what was not replicated yet");
    }
}

static void read_tls(struct reader *reader) {
    struct settings *settings = reader->settings;
    const struct {
        const char *name, **place;
    } files[] = {
        {"tls_ca", &settings->tls_ca}, {"tls_cert", &settings->tls_cert}, {"tls_key", &settings->tls_key}};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        *files[i].place = text_of(reader, files[i].name);
        if (*files[i].place && !settings->tls) {
            refuse(reader, files[i].name, "a url that begins with rediss://");
        }
    }
    if (!settings->tls_cert != !settings->tls_key) {
        refuse(reader, settings->tls_cert ? "tls_cert" : "tls_key", "`tls_cert` and `tls_key` together");
    }
}

static void read_times(struct reader *reader) {
    struct settings *settings = reader->settings;
    settings->timeout = number_of(reader, "timeout");
    settings->keepalive = number_of(reader, "keepalive");
    settings->reconnect_min = number_of(reader, "reconnect_min");
    settings->reconnect_max = number_of(reader, "reconnect_max");
    if (settings->reconnect_min > settings->reconnect_max) {
        refuse(reader, "reconnect_min", "at most `reconnect_max`");
    }
}

int settings_read(struct settings *settings, const struct wshub_host *host) {
    struct reader reader = {host, settings, WSHUB_OK};
    *settings = (struct settings){.url.database = URL_NO_DATABASE};
    read_url(&reader);
    read_account(&reader);
    read_prefix(&reader);
    read_sentinels(&reader);
    read_tls(&reader);
    read_times(&reader);
    settings->envelope = number_of(&reader, "envelope") == 0;
    read_restarts(&reader);
    if (reader.status != WSHUB_OK) {
        settings_free(settings);
    }
    return reader.status;
}

void settings_free(struct settings *settings) {
    url_free(&settings->url);
    for (unsigned i = 0; i < settings->sentinel_count; i++) {
        free(settings->sentinels[i].host);
    }
    *settings = (struct settings){.url.database = URL_NO_DATABASE};
}
