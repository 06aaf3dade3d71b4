// SPDX-License-Identifier: MIT
// What a wshub.yaml says, with every default filled in. Read once by main before any thread starts, immutable
// after. Durations are milliseconds, sizes are bytes. Every string is owned by the struct, UTF-8 without NUL
// bytes.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/log.h"

struct buf;

enum config_auth {
    CONFIG_AUTH_UNSAID,  // no `auth` key: anonymous clients, and so loopback only
    CONFIG_AUTH_NONE,    // `auth: none`: anonymous clients, said out loud
    CONFIG_AUTH_PLUGINS, // plugins decide
};
enum config_registry { CONFIG_REGISTRY_AUTO, CONFIG_REGISTRY_ON, CONFIG_REGISTRY_OFF };
enum config_proxy_protocol { CONFIG_PROXY_PROTOCOL_OFF, CONFIG_PROXY_PROTOCOL_ON };
enum config_page { CONFIG_PAGE_AUTO, CONFIG_PAGE_ON, CONFIG_PAGE_OFF };
// Who may do a thing on a channel. CONFIG_WHO_UNSAID: all where auth is none or unsaid, else user.
enum config_who {
    CONFIG_WHO_UNSAID,
    CONFIG_WHO_ALL,
    CONFIG_WHO_USER,
    CONFIG_WHO_GRANTED,
    CONFIG_WHO_SERVER,
};

struct config_strings {
    char **items;
    size_t count;
};

// One entry of a plugin's `options`, as text, a list with blanks between its items; the plugin's declaration
// types it.
struct config_option {
    char *key;
    char *value;
    char *variable;   // the environment variable that it came from: then messages do not show it; else NULL
    int line, column; // of the value; 0 for a default, here and below
};

struct config_plugin {   // an entry of `brokers` or `auth`
    char *name;          // of an auth plugin, unless said: what `plugin` says, without folder and .so
    char *name_variable; // the environment variable that the name came from; then messages do not show it
    char *plugin;
    struct config_option *options;
    size_t option_count;
    int line, column;               // of the entry
    int plugin_line, plugin_column; // of the value of `plugin`
};

enum { CONFIG_BROKERS_MAX = 16, CONFIG_AUTH_MAX = 16 };

enum config_last_value { CONFIG_LAST_VALUE_OFF, CONFIG_LAST_VALUE_ON };

enum config_presence {
    CONFIG_PRESENCE_OFF,
    CONFIG_PRESENCE_ON,
    CONFIG_PRESENCE_QUIET
}; // QUIET: no join, no leave
enum config_presence_per { CONFIG_PRESENCE_PER_CONNECTION, CONFIG_PRESENCE_PER_USER };

struct config_place { // of a value; zero when it is not said
    int line, column;
};

struct config_channel { // the first whose `match` fits a channel decides
    char *match;        // `*` stands for any bytes, at any place
    char *broker;       // NULL: the first broker
    enum config_who subscribe;
    enum config_who publish;
    enum config_last_value last_value; // the broker keeps the latest message for new subscribers
    struct {
        uint64_t size;       // messages that the broker keeps; 0: the rule has no history
        uint64_t ttl;        // and for how long
        char *via;           // the broker that keeps them; NULL: the channel's own
        uint64_t key_window; // for how long the key of a publish is remembered, if `ttl` is not shorter
    } history;
    enum config_presence presence;
    enum config_presence_per presence_per;
    int line, column; // of the entry
    struct config_place last_value_place, history_place, via_place;
};

struct config {
    struct config_strings listen; // addresses as net/address.h reads them
    uint64_t workers;             // 0: auto, one per core
    char *instance_id;            // "auto": made at start
    struct {
        enum log_level level;
        enum log_format format;
    } log;
    enum config_page page;
    struct config_strings origins;
    struct config_strings plugin_path; // folders, searched before those of the hub itself
    struct {
        struct config_plugin *items;
        size_t count;
    } brokers;
    struct {
        enum config_registry enabled;
        uint64_t connection_ttl, instance_ttl, heartbeat;
    } registry;
    struct {
        enum config_auth mode;
        struct config_plugin *items; // CONFIG_AUTH_PLUGINS: in the order in which they are asked
        size_t count;
    } auth;
    struct {               // where clients may put their token, beside Authorization: Bearer; "": not there
        char *query;       // the parameter's name
        char *cookie;      // the cookie's name
        char *subprotocol; // what the element of Sec-WebSocket-Protocol begins with
    } credentials;
    struct {
        struct config_strings trusted;       // networks such as 10.0.0.0/8 or ::1, and "unix"
        enum config_proxy_protocol protocol; // on: each connection of theirs begins with a PROXY header
    } proxies;
    struct {
        struct config_strings keys; // secret, all of them good; none: there is no server API
    } api;
    struct {
        struct config_channel *items;
        size_t count;
    } channels;
    struct {
        uint64_t connections;             // at least 1
        uint64_t connections_per_address; // 0: no limit
        uint64_t channels_per_connection;
        uint64_t message;               // bytes of one incoming message
        uint64_t outbox;                // bytes queued to one connection
        uint64_t operations_per_second; // per connection; 0: no limit
        uint64_t http_head;             // bytes of request line and headers
    } limits;
    struct {
        uint64_t handshake, ping, pong, write, close, broker;
        uint64_t auth;    // for each auth plugin's answer
        uint64_t connect; // for the token of a client that has connected without; 0: it is not let in
        uint64_t refresh; // how long before it expires a client is asked for another token; 0: it is not
    } timeouts;
    uint64_t unsubscribe_linger;
    struct {
        uint64_t memory;   // bytes of messages that the hub holds to bring subscribers up to date
        uint64_t messages; // that one subscriber may have missed; more: recovered: false
        uint64_t reads;    // under way at a time at one broker
        uint64_t check;    // how often a channel's position is compared with its history's
    } recovery;
    enum config_who
        send; // who may send to users and connections. UNSAID: granted with auth plugins, else server
    struct {
        uint64_t delay, window, timeout;
    } drain;
};

// Reads `text` (`name` is what messages call it: the file's path). On success fills *config and returns true.
// Otherwise every error found stands in `errors`, one line each:
//     wshub.yaml:3:12: limits.message: found "64 Kib", expected a size such as 64KiB, from 128B to 16MiB
// and *config holds nothing. An empty text is a valid configuration. ${NAME} in a value is taken from the
// environment. A lack of memory is an error line like any other; when there was none even for that line,
// errors->failed is set.
bool config_read(struct config *config, const char *name, const char *text, size_t length,
                 struct buf *errors);

// The same for a file; an unreadable one is an error like any other.
bool config_load(struct config *config, const char *path, struct buf *errors);

// Writes every key with its help and default as YAML that config_read accepts.
void config_print_defaults(struct buf *out);

// The index of the broker that a rule calls so; NULL, or unknown: 0, the first.
size_t config_broker_index(const struct config *config, const char *name);

void config_free(struct config *config);
