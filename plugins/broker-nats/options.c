/* SPDX-License-Identifier: MIT
 * The table of options. */
#include "settings.h"

enum { MINUTE = 60 * 1000 };

#define TEXT(name_, fallback_, flags_, help_) \
    { .name = name_, .help = help_, .fallback = fallback_, .type = WSHUB_OPTION_TEXT, .flags = flags_ }
#define WORD(name_, fallback_, words_, help_) \
    { .name = name_, .help = help_, .fallback = fallback_, .words = words_, .type = WSHUB_OPTION_WORD }
#define DURATION(name_, fallback_, low_, high_, help_)                                                   \
    {                                                                                                    \
        .name = name_, .help = help_, .fallback = fallback_, .type = WSHUB_OPTION_DURATION, .low = low_, \
        .high = high_                                                                                    \
    }

const struct wshub_option settings_options[SETTINGS_OPTIONS] = {
    TEXT("url", "nats://127.0.0.1:4222", WSHUB_OPTION_SECRET,
         "nats://[user:password@ or token@]host[:port], tls:// for TLS; several with commas between them"),
    TEXT("user", NULL, 0, "user name, when it is not in the url"),
    TEXT("password", NULL, WSHUB_OPTION_SECRET, "its password"),
    TEXT("token", NULL, WSHUB_OPTION_SECRET, "token, when it is not in the url"),
    TEXT("nkey", NULL, 0, "public user nkey (U...), together with `nkey_seed`"),
    TEXT("nkey_seed", NULL, 0, "file that holds the seed of `nkey`"),
    TEXT("credentials", NULL, 0, "file of a user's JWT and nkey (.creds)"),
    TEXT("tls_ca", NULL, 0, "file of the authorities to trust, in PEM; unsaid: the system's"),
    TEXT("tls_cert", NULL, 0, "file of the client's certificate, in PEM"),
    TEXT("tls_key", NULL, 0, "file of its key, in PEM"),
    TEXT("tls_name", NULL, 0, "name that the servers' certificates are for; unsaid: the host of each url"),
    {.name = "tls_verify",
     .help = "false: any certificate will do; only for a try",
     .fallback = "true",
     .type = WSHUB_OPTION_BOOL},
    TEXT(
        "prefix", "wshub", 0,
        "first token of every subject, and part of every stream's name, so that several hubs share one NATS"),
    TEXT("name", NULL, 0, "name of the connection; unsaid: wshub- and the instance_id"),
    TEXT("inbox_prefix", "_INBOX", 0, "what the subjects of answers begin with"),
    DURATION("connect_timeout", "2s", 100, 4000, "the longest attempt to connect to one server"),
    DURATION("timeout", "5s", 100, 10 * MINUTE,
             "an answer later than this means that the connection is dead"),
    DURATION("ping_interval", "2s", 50, 10 * MINUTE,
             "a connection that is idle so long is asked for a sign of life"),
    DURATION("reconnect_wait", "250ms", 1, 10 * MINUTE, "pause after all servers were tried in vain"),
    DURATION("reconnect_jitter", "250ms", 0, 10 * MINUTE,
             "and up to so much more, so that many hubs do not come back as one"),
    WORD("jetstream", "memory", "memory|file|off",
         "where JetStream keeps the registry and histories; off: neither is there"),
    {.name = "replicas",
     .help = "copies that JetStream keeps, each on another server of the cluster",
     .fallback = "1",
     .type = WSHUB_OPTION_NUMBER,
     .low = 1,
     .high = 5},
};
