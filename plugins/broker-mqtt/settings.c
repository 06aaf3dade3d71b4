/* SPDX-License-Identifier: MIT */
#include "settings.h"

#include <stdio.h>
#include <string.h>

#include <mosquitto.h>

#include "topic.h"
#include "wshub/status.h"

enum { MINUTE = 60 * 1000, CLIENT_ID_MOST = 128 };

#define TEXT(name_, fallback_, flags_, help_) \
    { .name = name_, .help = help_, .fallback = fallback_, .type = WSHUB_OPTION_TEXT, .flags = flags_ }
#define DURATION(name_, fallback_, low_, high_, help_)                                                   \
    {                                                                                                    \
        .name = name_, .help = help_, .fallback = fallback_, .type = WSHUB_OPTION_DURATION, .low = low_, \
        .high = high_                                                                                    \
    }
#define QOS(name_, fallback_, help_) \
    { .name = name_, .help = help_, .fallback = fallback_, .type = WSHUB_OPTION_NUMBER, .low = 0, .high = 1 }

const struct wshub_option settings_options[SETTINGS_OPTIONS] = {
    TEXT("url", "mqtt://127.0.0.1:1883", WSHUB_OPTION_SECRET,
         "mqtt://[user:password@]host[:port], or mqtts:// over TLS"),
    TEXT("username", NULL, 0, "user name, when it is not in the url"),
    TEXT("password", NULL, WSHUB_OPTION_SECRET, "its password"),
    TEXT("client_id", NULL, 0, "client id; unsaid: wshub-INSTANCE-NAME, which no other client has"),
    TEXT("prefix", "wshub", 0, "the topic that all of this hub's topics are below"),
    {.name = "protocol",
     .help = "version of MQTT; 3.1.1 is refused, for it has no expiry, no user properties and no reasons",
     .fallback = "5",
     .words = "5|3.1.1",
     .type = WSHUB_OPTION_WORD},
    QOS("qos", "1", "of what is published: 1, the server confirms it; 0, it was written to the server"),
    QOS("delivery_qos", "0", "of the subscriptions; see docs/mqtt.md before setting it to 1"),
    TEXT("tls_ca", NULL, 0, "file of the authorities to trust, in PEM; unsaid: the system's"),
    TEXT("tls_cert", NULL, 0, "file of the client's certificate, in PEM"),
    TEXT("tls_key", NULL, 0, "file of its key, in PEM"),
    TEXT("tls_server_name", NULL, 0, "the name in the server's certificate; unsaid: the host of the url"),
    {.name = "tls_verify",
     .help = "false: any certificate will do, and anybody may be the server",
     .fallback = "true",
     .type = WSHUB_OPTION_BOOL},
    DURATION("timeout", "5s", 100, 10 * MINUTE,
             "an answer later than this means that the connection is dead"),
    DURATION(
        "keepalive", "10s", 5000, 60 * MINUTE,
        "whole seconds: an idle connection is asked for a sign of life, and the server drops a silent one "
        "after one and a half times as long"),
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
    const char *text = text_of(reader, "url");
    const char *wrong = url_read(&reader->settings->url, text ? text : "");
    if (wrong == URL_NO_MEMORY) {
        reader->status = WSHUB_NO_MEMORY;
    } else if (wrong) {
        refuse(reader, "url", wrong);
    }
}

/* From the url or from the option of that name, not from both. MQTT has them as texts, of 65535 bytes. */
static const char *from_either(struct reader *reader, const char *url, const char *name,
                               const char *refusal) {
    const char *option = text_of(reader, name);
    if (url && option) {
        refuse(reader, name, refusal);
    }
    option = option ? option : url;
    if (option && strlen(option) > UINT16_MAX) {
        refuse(reader, name, "at most 65535 bytes");
    }
    return option;
}

static void read_account(struct reader *reader) {
    struct settings *settings = reader->settings;
    const struct url *url = &settings->url;
    settings->username =
        from_either(reader, url->username, "username", "nothing, as the url has a user name");
    settings->password = from_either(reader, url->password, "password", "nothing, as the url has a password");
    if (settings->password && !settings->username) {
        refuse(reader, "password", "a user name as well: set `username`");
    }
    if (settings->username &&
        mosquitto_validate_utf8(settings->username, (int)strlen(settings->username)) != MOSQ_ERR_SUCCESS) {
        refuse(reader, "username", "UTF-8 without control characters");
    }
}

static void read_client_id(struct reader *reader) {
    struct settings *settings = reader->settings;
    const char *text = text_of(reader, "client_id");
    if (!text) {
        snprintf(settings->client_id, sizeof settings->client_id, "wshub-%s-%s",
                 reader->host->instance_id ? reader->host->instance_id : "", reader->host->name);
        return;
    }
    size_t length = strlen(text);
    for (size_t i = 0; i < length; i++) {
        if (text[i] <= ' ' || text[i] >= 0x7f || strchr("/+#", text[i])) {
            length = SIZE_MAX;
            break;
        }
    }
    if (length > CLIENT_ID_MOST) {
        refuse(reader, "client_id", "at most 128 printable ASCII characters without blanks, /, + and #");
    } else {
        memcpy(settings->client_id, text, length + 1);
    }
}

static void read_prefix(struct reader *reader) {
    const char *text = text_of(reader, "prefix");
    const size_t length = text ? strlen(text) : 0;
    if (!topic_is_prefix(text, length)) {
        refuse(reader, "prefix",
               "1 to 64 printable ASCII characters without blanks, +, # and %, with something before and "
               "behind each /, and no $ at its beginning");
    }
    reader->settings->prefix = (struct wshub_bytes){text, length};
}

static void read_protocol(struct reader *reader) {
    if (number_of(reader, "protocol") != 0) {
        refuse(reader, "protocol",
               "5: MQTT 3.1.1 cannot tell who has sent a message, why one was refused, or when an entry of "
               "the registry expires");
    }
    reader->settings->qos = (int)number_of(reader, "qos");
    reader->settings->delivery_qos = (int)number_of(reader, "delivery_qos");
}

static void read_tls(struct reader *reader) {
    struct settings *settings = reader->settings;
    const struct {
        const char *name, **place;
    } texts[] = {{"tls_ca", &settings->tls_ca},
                 {"tls_cert", &settings->tls_cert},
                 {"tls_key", &settings->tls_key},
                 {"tls_server_name", &settings->tls_server_name}};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        *texts[i].place = text_of(reader, texts[i].name);
        if (*texts[i].place && !settings->url.tls) {
            refuse(reader, texts[i].name, "a url that begins with mqtts://");
        }
    }
    if (!settings->tls_cert != !settings->tls_key) {
        refuse(reader, settings->tls_cert ? "tls_cert" : "tls_key", "`tls_cert` and `tls_key` together");
    }
    settings->tls_verify = number_of(reader, "tls_verify") != 0;
    settings->tls_server_name = settings->tls_server_name ? settings->tls_server_name : settings->url.host;
}

static void read_times(struct reader *reader) {
    struct settings *settings = reader->settings;
    settings->timeout = number_of(reader, "timeout");
    settings->keepalive = number_of(reader, "keepalive");
    settings->reconnect_min = number_of(reader, "reconnect_min");
    settings->reconnect_max = number_of(reader, "reconnect_max");
    if (settings->keepalive % 1000 != 0) {
        refuse(reader, "keepalive", "whole seconds");
    }
    if (settings->reconnect_min > settings->reconnect_max) {
        refuse(reader, "reconnect_min", "at most `reconnect_max`");
    }
}

int settings_read(struct settings *settings, const struct wshub_host *host) {
    static void (*const parts[])(struct reader *) = {read_url,      read_account, read_client_id, read_prefix,
                                                     read_protocol, read_tls,     read_times};
    struct reader reader = {host, settings, WSHUB_OK};
    *settings = (struct settings){0};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        parts[i](&reader);
    }
    if (reader.status != WSHUB_OK) {
        settings_free(settings);
    }
    return reader.status;
}

void settings_free(struct settings *settings) {
    url_free(&settings->url);
    *settings = (struct settings){0};
}
