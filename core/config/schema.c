// SPDX-License-Identifier: MIT
#include "config/schema.h"

#include "config/config.h"
#include "config/forms.h"
#include "config/keys.h"
#include "config/types.h"

#define KiB UINT64_C(1024)
#define MiB (1024 * KiB)
#define GiB (1024 * MiB)
#define SECOND UINT64_C(1000)
#define HOUR (3600 * SECOND)

#define AT(member) .offset = offsetof(struct config, member)
#define AT_BROKER(member) .offset = offsetof(struct config_plugin, member)
#define AT_CHANNEL(member) .offset = offsetof(struct config_channel, member)

static const struct word workers_words[] = {{.text = "auto", .value = 0}, {0}};

static const struct word level_words[] = {
    {.text = "debug", .value = LOG_DEBUG},
    {.text = "info", .value = LOG_INFO},
    {.text = "warn", .value = LOG_WARN},
    {.text = "error", .value = LOG_ERROR},
    {0},
};

static const struct word format_words[] = {
    {.text = "logfmt", .value = LOG_LOGFMT}, {.text = "json", .value = LOG_JSON}, {0}};

// YAML 1.1 has on and off for true and false, so both spellings mean the same.
static const struct word page_words[] = {
    {.text = "auto", .value = CONFIG_PAGE_AUTO},
    {.text = "on", .value = CONFIG_PAGE_ON},
    {.text = "off", .value = CONFIG_PAGE_OFF},
    {.text = "true", .value = CONFIG_PAGE_ON, .unnamed = true},
    {.text = "false", .value = CONFIG_PAGE_OFF, .unnamed = true},
    {0},
};

static const struct word registry_words[] = {
    {.text = "auto", .value = CONFIG_REGISTRY_AUTO},
    {.text = "on", .value = CONFIG_REGISTRY_ON},
    {.text = "off", .value = CONFIG_REGISTRY_OFF},
    {.text = "true", .value = CONFIG_REGISTRY_ON, .unnamed = true},
    {.text = "false", .value = CONFIG_REGISTRY_OFF, .unnamed = true},
    {0},
};

static const struct word proxy_protocol_words[] = {
    {.text = "off", .value = CONFIG_PROXY_PROTOCOL_OFF},
    {.text = "on", .value = CONFIG_PROXY_PROTOCOL_ON},
    {.text = "false", .value = CONFIG_PROXY_PROTOCOL_OFF, .unnamed = true},
    {.text = "true", .value = CONFIG_PROXY_PROTOCOL_ON, .unnamed = true},
    {0},
};

static const struct word who_words[] = {
    {.text = "all", .value = CONFIG_WHO_ALL},
    {.text = "user", .value = CONFIG_WHO_USER},
    {.text = "granted", .value = CONFIG_WHO_GRANTED},
    {.text = "server", .value = CONFIG_WHO_SERVER},
    {0},
};

static const struct word last_value_words[] = {
    {.text = "true", .value = CONFIG_LAST_VALUE_ON},
    {.text = "false", .value = CONFIG_LAST_VALUE_OFF},
    {.text = "on", .value = CONFIG_LAST_VALUE_ON, .unnamed = true},
    {.text = "off", .value = CONFIG_LAST_VALUE_OFF, .unnamed = true},
    {0},
};

static const struct word presence_words[] = {
    {.text = "true", .value = CONFIG_PRESENCE_ON},
    {.text = "false", .value = CONFIG_PRESENCE_OFF},
    {.text = "on", .value = CONFIG_PRESENCE_ON, .unnamed = true},
    {.text = "off", .value = CONFIG_PRESENCE_OFF, .unnamed = true},
    {0},
};

// A rule that says more about presence than yes or no has it.
static const struct word presence_events_words[] = {
    {.text = "true", .value = CONFIG_PRESENCE_ON},
    {.text = "false", .value = CONFIG_PRESENCE_QUIET},
    {.text = "on", .value = CONFIG_PRESENCE_ON, .unnamed = true},
    {.text = "off", .value = CONFIG_PRESENCE_QUIET, .unnamed = true},
    {0},
};

static const struct word presence_per_words[] = {
    {.text = "connection", .value = CONFIG_PRESENCE_PER_CONNECTION},
    {.text = "user", .value = CONFIG_PRESENCE_PER_USER},
    {0},
};

static const struct key log_keys[] = {
    {"level", &type_word, AT(log.level), .fallback = "info", .words = level_words,
     .help = "the least that is written"},
    {"format", &type_word, AT(log.format), .fallback = "logfmt", .words = format_words,
     .help = "how a line is written"},
    {0},
};

static const struct key broker_keys[] = {
    {"name", &type_text, AT_BROKER(name), .fallback = "main", .form = &form_name,
     .help = "what channels call it: 1 to 64 of A-Z a-z 0-9 . _ -"},
    {"plugin", &type_text, AT_BROKER(plugin), .sample = "memory", .required = true, .form = &form_plugin,
     .help = "must be said: a plugin's name, or a path to its .so"},
    {"options", &type_options, 0, .fallback = "{}", .help = "the plugin's own, name: value"},
    {0},
};

static const struct key auth_keys[] = {
    {"plugin", &type_text, AT_BROKER(plugin), .sample = "jwt", .required = true, .form = &form_auth,
     .help = "must be said: a plugin's name, or a path to its .so"},
    {"name", &type_text, AT_BROKER(name), .sample = "jwt", .form = &form_name,
     .help = "what logs and metrics call it; unsaid: as the plugin's file"},
    {"options", &type_options, 0, .fallback = "{}", .help = "the plugin's own, name: value"},
    {0},
};

static const struct key credentials_keys[] = {
    {"query", &type_text, AT(credentials.query), .fallback = "token", .form = &form_parameter,
     .help = "the parameter of the URL's query (\"\": none)"},
    {"cookie", &type_text, AT(credentials.cookie), .fallback = "\"\"", .form = &form_cookie,
     .help = "the cookie's name (\"\": none); not of pages that only \"*\" in `origins` allows"},
    {"subprotocol", &type_text, AT(credentials.subprotocol), .fallback = "\"wshub.token.\"",
     .form = &form_prefix,
     .help = "what an offered subprotocol begins with whose rest is the token (\"\": none)"},
    {0},
};

static const struct key proxies_keys[] = {
    {"trusted", &type_texts, AT(proxies.trusted), .fallback = "[]", .high = 256, .form = &form_network,
     .help = "whose word on a client's address counts: 10.0.0.0/8, \"::1\", unix; one or a list"},
    {"protocol", &type_word, AT(proxies.protocol), .fallback = "off", .words = proxy_protocol_words,
     .help = "on: each of their connections must begin with a PROXY protocol header"},
    {0},
};

static const struct key api_keys[] = {
    {"keys", &type_texts, AT(api.keys), .fallback = "[]", .high = 16, .form = &form_api_key,
     .help = "secret; one or a list, all good at a time, so that they can be replaced; none: no API"},
    {0},
};

static const struct key registry_keys[] = {
    {"enabled", &type_word, AT(registry.enabled), .fallback = "auto", .words = registry_words,
     .help = "auto: on where a broker can keep it; the first that can does"},
    {"connection_ttl", &type_duration, AT(registry.connection_ttl), .fallback = "2m", .low = 1 * SECOND,
     .high = 24 * HOUR, .help = "after which a connection's entry expires unless renewed"},
    {"instance_ttl", &type_duration, AT(registry.instance_ttl), .fallback = "30s", .low = 500,
     .high = 24 * HOUR, .help = "after which an instance's entry expires unless its heart beats"},
    {"heartbeat", &type_duration, AT(registry.heartbeat), .fallback = "10s", .low = 100, .high = HOUR,
     .help = "between two heartbeats, at most `instance_ttl`"},
    {0},
};

static const struct key history_keys[] = {
    {"size", &type_number, AT_CHANNEL(history.size), .sample = "100", .required = true, .low = 1,
     .high = 1000000, .help = "how many messages of a channel are kept"},
    {"ttl", &type_duration, AT_CHANNEL(history.ttl), .sample = "10m", .required = true, .low = 1 * SECOND,
     .high = 720 * HOUR, .help = "and for how long"},
    {"via", &type_text, AT_CHANNEL(history.via), .sample = "redis", .apart = true, .form = &form_name,
     .help = "the broker that keeps them; unsaid: the channel's own"},
    {"key_window", &type_duration, AT_CHANNEL(history.key_window), .fallback = "2m", .low = 1 * SECOND,
     .high = 24 * HOUR, .help = "for how long the `key` of a publish is remembered, at most `ttl`"},
    {0},
};

static const struct key presence_keys[] = {
    {"events", &type_word, AT_CHANNEL(presence), .fallback = "true", .words = presence_events_words,
     .help = "members are told who joins and who leaves"},
    {"per", &type_word, AT_CHANNEL(presence_per), .fallback = "connection", .words = presence_per_words,
     .help = "user: one member, however many connections"},
    {0},
};

static const struct key channel_keys[] = {
    {"match", &type_text, AT_CHANNEL(match), .sample = "\"room:*\"", .required = true, .form = &form_match,
     .help = "must be said: a channel's name, * for any part of it"},
    {"broker", &type_text, AT_CHANNEL(broker), .sample = "main", .form = &form_name,
     .help = "a name among the brokers; unsaid: the first"},
    {"subscribe", &type_word, AT_CHANNEL(subscribe), .sample = "all", .words = who_words,
     .help = "who may (unsaid: all where auth is none, else user)"},
    {"publish", &type_word, AT_CHANNEL(publish), .sample = "all", .words = who_words,
     .help = "who may (the same when unsaid)"},
    {"last_value", &type_word, AT_CHANNEL(last_value), .fallback = "false", .words = last_value_words,
     .help = "a new subscriber gets the latest message; of a broker that keeps it"},
    {"history", &type_section, .keys = history_keys,
     .help = "the last messages, for clients that come back; unsaid: none"},
    {"presence", &type_presence, AT_CHANNEL(presence), .fallback = "false", .words = presence_words,
     .keys = presence_keys, .help = "who is there: true, false (unsaid), or a map"},
    {0},
};

static const struct key limits_keys[] = {
    {"connections", &type_number, AT(limits.connections), .fallback = "100000", .low = 1, .high = 10000000,
     .help = "clients of this instance at a time"},
    {"connections_per_address", &type_number, AT(limits.connections_per_address), .fallback = "0",
     .high = 10000000, .help = "clients from one address at a time (0: no limit)"},
    {"channels_per_connection", &type_number, AT(limits.channels_per_connection), .fallback = "128", .low = 1,
     .high = 1000000, .help = "subscriptions of one client"},
    {"message", &type_size, AT(limits.message), .fallback = "64KiB", .low = 128, .high = 16 * MiB,
     .help = "one message from a client"},
    {"outbox", &type_size, AT(limits.outbox), .fallback = "1MiB", .low = 4 * KiB, .high = 1 * GiB,
     .help = "unsent to a client before it is closed as too slow, and at least `message`"},
    {"operations_per_second", &type_number, AT(limits.operations_per_second), .fallback = "0",
     .high = 1000000, .help = "what one client may ask for (0: no limit)"},
    {"http_head", &type_size, AT(limits.http_head), .fallback = "8KiB", .low = 1 * KiB, .high = 64 * KiB,
     .help = "an HTTP request's line and headers"},
    {0},
};

#define TIMEOUT(name, text, what) \
    { #name, &type_duration, AT(timeouts.name), .fallback = text, .low = 10, .high = HOUR, .help = what }

static const struct key timeouts_keys[] = {
    TIMEOUT(handshake, "10s", "from connected to the end of the WebSocket handshake"),
    TIMEOUT(ping, "54s", "between two pings to a client"),
    TIMEOUT(pong, "10s", "for the answer to a ping"),
    TIMEOUT(write, "10s", "for queued bytes to leave to a client"),
    TIMEOUT(close, "5s", "for the answer to a close frame"),
    TIMEOUT(broker, "5s", "for the answer of a broker"),
    TIMEOUT(auth, "5s", "for the answer of each auth plugin"),
    {"connect", &type_duration, AT(timeouts.connect), .fallback = "10s", .high = HOUR,
     .help = "for the token of a client that connected without (0: it is not let in)"},
    {"refresh", &type_duration, AT(timeouts.refresh), .fallback = "30s", .high = HOUR,
     .help = "how long before it expires a client is asked for a new token (0: it is not)"},
    {0},
};

static const struct key recovery_keys[] = {
    {"memory", &type_size, AT(recovery.memory), .fallback = "64MiB", .low = 1 * MiB, .high = 64 * GiB,
     .help = "of recent messages that are held for those who come back, of all channels"},
    {"messages", &type_number, AT(recovery.messages), .fallback = "10000", .low = 1, .high = 1000000,
     .help = "that one subscriber may have missed; more are not brought back, and it is told"},
    {"reads", &type_number, AT(recovery.reads), .fallback = "16", .low = 1, .high = 1024,
     .help = "of histories at a time, of each broker"},
    {"check", &type_duration, AT(recovery.check), .fallback = "10s", .low = 100, .high = HOUR,
     .help = "how often a channel's position is compared with its history's"},
    {0},
};

static const struct key drain_keys[] = {
    {"delay", &type_duration, AT(drain.delay), .fallback = "0s", .high = HOUR,
     .help = "not ready but still serving, for load balancers to notice"},
    {"window", &type_duration, AT(drain.window), .fallback = "10s", .high = HOUR,
     .help = "over which clients are told to leave, at most `timeout`"},
    {"timeout", &type_duration, AT(drain.timeout), .fallback = "30s", .high = HOUR, .help = "for the whole"},
    {0},
};

const struct key schema_keys[] = {
    {"listen", &type_texts, AT(listen), .fallback = "127.0.0.1:8000", .low = 1, .high = 64,
     .form = &form_address,
     .help = "where clients connect, one or a list: 127.0.0.1:8000, \"[::1]:8000\", \"*:8000\", unix:/path"},
    {"workers", &type_number, AT(workers), .fallback = "auto", .low = 1, .high = 64, .words = workers_words,
     .help = "threads that serve clients (auto: one per core)"},
    {"instance_id", &type_text, AT(instance_id), .fallback = "auto", .form = &form_name,
     .help = "1 to 64 of A-Z a-z 0-9 . _ - (auto: made at start)"},
    {"log", &type_section, .fallback = "{}", .keys = log_keys, .help = "to standard error"},
    {"page", &type_word, AT(page), .fallback = "auto", .words = page_words,
     .help = "the built-in page (auto: on for loopback only)"},
    {"origins", &type_texts, AT(origins), .fallback = "[same-host]", .high = 1024, .form = &form_origin,
     .help = "web pages that may connect: same-host, \"*\", https://app.example.com"},
    {"plugin_path", &type_texts, AT(plugin_path), .fallback = "[]", .high = 64, .form = &form_folder,
     .help = "folders of plugins, one or a list, searched before the hub's own; relative to where it starts"},
    {"brokers", &type_brokers, .fallback = "[{name: main, plugin: memory}]", .low = 1,
     .high = CONFIG_BROKERS_MAX, .keys = broker_keys,
     .help = "what carries messages between instances, 1 to 16; the first is the default"},
    {"registry", &type_section, .fallback = "{}", .keys = registry_keys,
     .help = "who is connected where, kept by a broker that can"},
    {"auth", &type_auth, .sample = "none", .low = 1, .high = CONFIG_AUTH_MAX, .keys = auth_keys,
     .help = "who lets clients in: none (everyone is) or 1 to 16 plugins, asked in order; must be said to "
             "listen beyond loopback"},
    {"credentials", &type_section, .fallback = "{}", .keys = credentials_keys,
     .help = "where a client may put its token, beside the header Authorization: Bearer"},
    {"proxies", &type_section, .fallback = "{}", .keys = proxies_keys, .help = "that stand before this hub"},
    {"api", &type_section, .fallback = "{}", .keys = api_keys, .secret = true,
     .help = "POST /api/..., for servers"},
    {"channels", &type_channels, .fallback = "[]", .high = 10000, .keys = channel_keys,
     .help = "rules for channels, the first match decides; 10000 at most"},
    {"send", &type_word, AT(send), .sample = "granted", .words = who_words,
     .help = "who may send to users and connections (unsaid: granted with auth plugins, else server)"},
    {"recovery", &type_section, .fallback = "{}", .keys = recovery_keys,
     .help = "of what subscribers of channels with a history have missed"},
    {"limits", &type_section, .fallback = "{}", .keys = limits_keys,
     .help = "beyond them a client is refused or closed"},
    {"timeouts", &type_section, .fallback = "{}", .keys = timeouts_keys, .help = "how long is waited"},
    {"unsubscribe_linger", &type_duration, AT(unsubscribe_linger), .fallback = "1s", .high = HOUR,
     .help = "how long a broker subscription outlives its last subscriber"},
    {"drain", &type_section, .fallback = "{}", .keys = drain_keys, .help = "what SIGTERM does"},
    {0},
};
