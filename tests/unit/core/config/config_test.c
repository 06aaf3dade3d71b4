// SPDX-License-Identifier: MIT
// What each key accepts and refuses, and the rules between keys.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "config/config.h"
#include "config_fixture.h"
#include "util/buf.h"

static void has_every_default_without_a_file(void **state) {
    (void)state;
    struct config config;
    read_ok(&config, "");
    assert_int_equal(config.listen.count, 1);
    assert_string_equal(config.listen.items[0], "127.0.0.1:8000");
    assert_int_equal(config.workers, 0);
    assert_string_equal(config.instance_id, "auto");
    assert_int_equal(config.log.level, LOG_INFO);
    assert_int_equal(config.log.format, LOG_LOGFMT);
    assert_int_equal(config.page, CONFIG_PAGE_AUTO);
    assert_int_equal(config.origins.count, 1);
    assert_string_equal(config.origins.items[0], "same-host");
    assert_int_equal(config.plugin_path.count, 0);
    assert_int_equal(config.brokers.count, 1);
    assert_string_equal(config.brokers.items[0].name, "main");
    assert_string_equal(config.brokers.items[0].plugin, "memory");
    assert_int_equal(config.brokers.items[0].option_count, 0);
    assert_int_equal(config.brokers.items[0].line, 0);
    assert_int_equal(config.auth.mode, CONFIG_AUTH_UNSAID);
    assert_int_equal(config.auth.count, 0);
    assert_string_equal(config.credentials.query, "token");
    assert_string_equal(config.credentials.cookie, "");
    assert_string_equal(config.credentials.subprotocol, "wshub.token.");
    assert_int_equal(config.proxies.trusted.count, 0);
    assert_int_equal(config.proxies.protocol, CONFIG_PROXY_PROTOCOL_OFF);
    assert_int_equal(config.api.keys.count, 0);
    assert_int_equal(config.channels.count, 0);
    assert_int_equal(config.limits.connections, 100000);
    assert_int_equal(config.limits.connections_per_address, 0);
    assert_int_equal(config.limits.channels_per_connection, 128);
    assert_int_equal(config.limits.message, 64 * 1024);
    assert_int_equal(config.limits.outbox, 1024 * 1024);
    assert_int_equal(config.limits.operations_per_second, 0);
    assert_int_equal(config.limits.http_head, 8 * 1024);
    assert_int_equal(config.timeouts.handshake, 10000);
    assert_int_equal(config.timeouts.ping, 54000);
    assert_int_equal(config.timeouts.pong, 10000);
    assert_int_equal(config.timeouts.write, 10000);
    assert_int_equal(config.timeouts.close, 5000);
    assert_int_equal(config.timeouts.broker, 5000);
    assert_int_equal(config.timeouts.auth, 5000);
    assert_int_equal(config.timeouts.connect, 10000);
    assert_int_equal(config.timeouts.refresh, 30000);
    assert_int_equal(config.unsubscribe_linger, 1000);
    assert_int_equal(config.drain.delay, 0);
    assert_int_equal(config.drain.window, 10000);
    assert_int_equal(config.drain.timeout, 30000);
    config_free(&config);
}

// The example of the design, reduced to the keys of this version.
static void reads_the_example(void **state) {
    (void)state;
    struct config config;
    assert_int_equal(setenv("WSHUB_TEST_REDIS", "redis://127.0.0.1:6379", 1), 0);
    read_ok(&config, "listen: [127.0.0.1:8000, \"[::1]:8000\", unix:/run/wshub.sock, \"*:8001\"]\n"
                     "workers: 4\n"
                     "instance_id: node-1.a_B\n"
                     "log: {level: warn, format: json}\n"
                     "page: off\n"
                     "origins: [same-host, https://app.example.com]\n"
                     "plugin_path: [./plugins, /opt/wshub]\n"
                     "brokers:\n"
                     "  - name: main\n"
                     "    plugin: redis\n"
                     "    options: {url: \"${WSHUB_TEST_REDIS}\", prefix: \"\", db: 3}\n"
                     "  - {name: local, plugin: ./my-broker.so}\n"
                     "auth: none\n"
                     "channels:\n"
                     "  - match: \"room:*\"\n"
                     "    broker: local\n"
                     "    subscribe: all\n"
                     "    publish: server\n"
                     "    last_value: true\n"
                     "    history:\n"
                     "      size: 100\n"
                     "      ttl: 10m\n"
                     "      via: main\n"
                     "      key_window: 90s\n"
                     "    presence: {per: user}\n"
                     "  - match: \"*\"\n"
                     "send: all\n"
                     "recovery: {memory: 1GiB, messages: 5, reads: 2, check: 1m}\n"
                     "limits: {connections: 7, message: 1MiB, outbox: 2MiB}\n"
                     "timeouts: {ping: 250ms, close: 2m}\n"
                     "unsubscribe_linger: 0\n"
                     "drain: {delay: 5s}\n");
    assert_int_equal(config.listen.count, 4);
    assert_string_equal(config.listen.items[2], "unix:/run/wshub.sock");
    assert_int_equal(config.workers, 4);
    assert_string_equal(config.instance_id, "node-1.a_B");
    assert_int_equal(config.log.level, LOG_WARN);
    assert_int_equal(config.log.format, LOG_JSON);
    assert_int_equal(config.page, CONFIG_PAGE_OFF);
    assert_int_equal(config.origins.count, 2);
    assert_int_equal(config.auth.mode, CONFIG_AUTH_NONE);
    assert_int_equal(config.limits.connections, 7);
    assert_int_equal(config.limits.message, 1 << 20);
    assert_int_equal(config.limits.channels_per_connection, 128);
    assert_int_equal(config.timeouts.ping, 250);
    assert_int_equal(config.timeouts.close, 120000);
    assert_int_equal(config.unsubscribe_linger, 0);
    assert_int_equal(config.drain.delay, 5000);

    const struct config_plugin *broker = &config.brokers.items[0];
    assert_int_equal(config.brokers.count, 2);
    assert_string_equal(broker->plugin, "redis");
    assert_int_equal(config.plugin_path.count, 2);
    assert_string_equal(config.plugin_path.items[0], "./plugins");
    assert_int_equal(broker->line, 9);
    assert_int_equal(broker->column, 5);
    assert_int_equal(broker->plugin_line, 10);
    assert_int_equal(broker->plugin_column, 13);
    assert_int_equal(broker->option_count, 3);
    assert_string_equal(broker->options[0].key, "url");
    assert_string_equal(broker->options[0].value, "redis://127.0.0.1:6379");
    assert_string_equal(broker->options[0].variable, "WSHUB_TEST_REDIS");
    assert_null(broker->options[1].variable);
    assert_int_equal(broker->options[0].line, 11);
    assert_int_equal(broker->options[0].column, 20);
    assert_string_equal(broker->options[1].value, "");
    assert_string_equal(broker->options[2].value, "3");
    assert_string_equal(config.brokers.items[1].plugin, "./my-broker.so");

    const struct config_channel *channel = config.channels.items;
    assert_int_equal(config.channels.count, 2);
    assert_string_equal(channel[0].match, "room:*");
    assert_string_equal(channel[0].broker, "local");
    assert_int_equal(channel[0].subscribe, CONFIG_WHO_ALL);
    assert_int_equal(channel[0].publish, CONFIG_WHO_SERVER);
    assert_int_equal(channel[0].line, 15);
    assert_int_equal(channel[0].last_value, CONFIG_LAST_VALUE_ON);
    assert_int_equal(channel[0].last_value_place.line, 19);
    assert_int_equal(channel[0].last_value_place.column, 17);
    assert_int_equal(channel[0].history.size, 100);
    assert_int_equal(channel[0].history.ttl, 600000);
    assert_int_equal(channel[0].history_place.line, 21);
    assert_string_equal(channel[0].history.via, "main");
    assert_int_equal(channel[0].via_place.line, 23);
    assert_int_equal(channel[0].via_place.column, 12);
    assert_int_equal(channel[0].history.key_window, 90000);
    assert_int_equal(channel[0].presence, CONFIG_PRESENCE_ON);
    assert_int_equal(channel[0].presence_per, CONFIG_PRESENCE_PER_USER);
    assert_null(channel[1].history.via);
    assert_int_equal(channel[1].via_place.line, 0);
    assert_int_equal(channel[1].presence, CONFIG_PRESENCE_OFF);
    assert_int_equal(config.send, CONFIG_WHO_ALL);
    assert_int_equal(config.recovery.memory, 1 << 30);
    assert_int_equal(config.recovery.messages, 5);
    assert_int_equal(config.recovery.reads, 2);
    assert_int_equal(config.recovery.check, 60000);
    assert_int_equal(channel[1].last_value, CONFIG_LAST_VALUE_OFF);
    assert_int_equal(channel[1].last_value_place.line, 0);
    assert_int_equal(channel[1].history.size, 0);
    assert_int_equal(config_broker_index(&config, channel[0].broker), 1);
    assert_int_equal(config_broker_index(&config, channel[1].broker), 0);
    assert_null(channel[1].broker);
    assert_int_equal(channel[1].subscribe, CONFIG_WHO_UNSAID);
    config_free(&config);
}

static void reads_who_lets_clients_in(void **state) {
    (void)state;
    struct config config;
    assert_int_equal(setenv("WSHUB_TEST_KEY", "0123456789abcdef-second", 1), 0);
    assert_int_equal(setenv("WSHUB_TEST_PLUGIN", "/opt/mine.so", 1), 0);
    read_ok(&config, "listen: 0.0.0.0:80\n"
                     "auth:\n"
                     "  - plugin: ./plugins/my-auth.so\n"
                     "    options: {file: /etc/keys}\n"
                     "  - {plugin: jwt, name: people}\n"
                     "  - {plugin: \"${WSHUB_TEST_PLUGIN}\"}\n"
                     "  - plugin: .so\n"
                     "credentials: {query: \"\", cookie: __Host-sid, subprotocol: \"\"}\n"
                     "proxies: {trusted: [10.0.0.0/8, \"::1\", unix], protocol: on}\n"
                     "api: {keys: [0123456789abcdef, \"${WSHUB_TEST_KEY}\"]}\n"
                     "timeouts: {auth: 1s, connect: 0, refresh: 0s}\n"
                     "channels: [{match: x, subscribe: user, publish: granted}]\n");
    const struct config_plugin *auth = config.auth.items;
    assert_int_equal(config.auth.mode, CONFIG_AUTH_PLUGINS);
    assert_int_equal(config.auth.count, 4);
    assert_string_equal(auth[0].plugin, "./plugins/my-auth.so");
    assert_string_equal(auth[0].name, "my-auth");
    assert_null(auth[0].name_variable);
    assert_int_equal(auth[0].line, 3);
    assert_int_equal(auth[0].plugin_line, 3);
    assert_int_equal(auth[0].plugin_column, 13);
    assert_int_equal(auth[0].option_count, 1);
    assert_string_equal(auth[0].options[0].value, "/etc/keys");
    assert_string_equal(auth[1].name, "people");
    assert_string_equal(auth[2].name, "mine");
    assert_string_equal(auth[2].name_variable, "WSHUB_TEST_PLUGIN");
    assert_string_equal(auth[3].name, ".so");
    assert_string_equal(config.credentials.query, "");
    assert_string_equal(config.credentials.cookie, "__Host-sid");
    assert_string_equal(config.credentials.subprotocol, "");
    assert_int_equal(config.proxies.trusted.count, 3);
    assert_string_equal(config.proxies.trusted.items[2], "unix");
    assert_int_equal(config.proxies.protocol, CONFIG_PROXY_PROTOCOL_ON);
    assert_int_equal(config.api.keys.count, 2);
    assert_string_equal(config.api.keys.items[1], "0123456789abcdef-second");
    assert_int_equal(config.timeouts.auth, 1000);
    assert_int_equal(config.timeouts.connect, 0);
    assert_int_equal(config.timeouts.refresh, 0);
    assert_int_equal(config.channels.items[0].subscribe, CONFIG_WHO_USER);
    assert_int_equal(config.channels.items[0].publish, CONFIG_WHO_GRANTED);
    config_free(&config);
}

static void accepts(void **state) {
    (void)state;
    static const char *const texts[] = {
        "listen: localhost:0",
        "listen: [127.0.0.1:1]",
        "listen: 127.9.9.9:1",
        "listen: '[::ffff:127.0.0.1]:80'",
        "auth: none\nlisten: 0.0.0.0:1",
        "auth: [{plugin: x}]\nlisten: 0.0.0.0:1",
        "auth: [{plugin: x}, {plugin: y, options: }]",
        "credentials:\nproxies:\napi:\n",
        "credentials: {query: access_token, cookie: '!#$%&*+-.^_`|~', subprotocol: bearer.}",
        "proxies: {trusted: unix}",
        "proxies: {trusted: 192.0.2.7, protocol: true}",
        "proxies: {trusted: [], protocol: off}",
        "api: {keys: 0123456789abcdef}",
        "api: {keys: []}",
        "timeouts: {connect: 1h, refresh: 1ms, auth: 10ms}",
        "workers: auto",
        "workers: 1",
        "workers: '64'",
        "instance_id: a",
        "page: on",
        "page: true",
        "page: false",
        "page: \"off\"",
        "origins: []",
        "origins: '*'",
        "origins: [http://localhost:3000, 'https://[::1]:3000']",
        "log:\nlimits:\ntimeouts:\ndrain:\nchannels:\n", // sections with every key commented out
        "log: {}\nlimits: {}\nchannels: []\n",
        "brokers: [{plugin: memory}]",
        "brokers: [{plugin: memory, options: }]",
        "channels: [{match: x, broker: main}]",
        "channels: [{match: x, subscribe: all, publish: server}]",
        "channels: [{match: x, last_value: on, history: {size: 1, ttl: 1s}}]",
        "channels: [{match: x, last_value: \"false\", history: {ttl: 720h, size: 1000000}}]",
        "channels: [{match: x, history: {size: 1, ttl: 1s, via: b, key_window: 24h}}]\n"
        "brokers: [{plugin: memory}, {name: b, plugin: redis}]",
        "channels: [{match: x, broker: b, history: {size: 1, ttl: 1s, via: main}}]\n"
        "brokers: [{plugin: memory}, {name: b, plugin: redis}]",
        "channels: [{match: x, presence: true}, {match: y, presence: \"off\"}, {match: z, presence: {}}]",
        "channels: [{match: x, presence: {events: false, per: connection}}]",
        "send: all\nrecovery:\n",
        "send: server",
        "send: granted\nauth: [{plugin: jwt}]",
        "recovery: {memory: 64GiB, messages: 1000000, reads: 1024, check: 1h}",
        "limits: {connections: 10000000, connections_per_address: 10000000}",
        "limits: {message: 128}",
        "limits: {message: 16MiB, outbox: 16MiB}",
        "limits: {outbox: 1GiB}",
        "limits: {outbox: 4KiB, message: 4096}",
        "limits: {http_head: 64KiB}",
        "timeouts: {handshake: 10ms, broker: 1h}",
        "unsubscribe_linger: 0s",
        "unsubscribe_linger: 60m",
        "drain: {window: 30s}",
        "drain: {window: 0, timeout: 0}",
    };
    for (size_t i = 0; i < COUNT(texts); i++) {
        struct config config;
        read_ok(&config, texts[i]);
        config_free(&config);
    }
}

#define ADDRESS "expected an address such as 127.0.0.1:8000, \"[::1]:8000\" or unix:/path"
#define NAME "expected a name of 1 to 64 characters of A-Z a-z 0-9 . _ -"
#define AUTH "expected none, or a list of 1 to 16 entries {plugin, name, options}"
#define NETWORK "expected an address or a network such as 192.0.2.7, 10.0.0.0/8 or \"2001:db8::/32\", or unix"
#define ORIGIN "expected an origin: same-host, \"*\" or one such as https://app.example.com"

#define OPTION "expected a text, a number or a word (\"\" for an empty one), or a list of such"
#define OPTION_ITEM "expected a text without blanks, a number or a word"

static void refuses_values(void **state) {
    (void)state;
    static const char *const cases[][2] = {
        {"listen: foo:80", "t:1:9: listen: found \"foo:80\", " ADDRESS
                           " (the host is neither a numeric address nor localhost)\n"},
        {"listen: :80", "t:1:9: listen: found \":80\", " ADDRESS
                        " (the host is missing: 0.0.0.0 stands for every address of this machine)\n"},
        {"listen:", "t:1:8: listen: found nothing, " ADDRESS ", or a list of them\n"},
        {"listen: {a: b}", "t:1:9: listen: found a map, " ADDRESS ", or a list of them\n"},
        {"listen: []", "t:1:9: listen: found a list of 0, expected one of 1 to 64\n"},
        {"listen: [[x]]", "t:1:10: listen[0]: found a list, " ADDRESS "\n"},
        {"workers: 0", "t:1:10: workers: found \"0\", expected auto or a number from 1 to 64\n"},
        {"workers: 65", "t:1:10: workers: found \"65\", expected auto or a number from 1 to 64\n"},
        {"workers: -1", "t:1:10: workers: found \"-1\", expected auto or a number from 1 to 64\n"},
        {"workers: [1]", "t:1:10: workers: found a list, expected auto or a number from 1 to 64\n"},
        {"instance_id: a b", "t:1:14: instance_id: found \"a b\", " NAME "\n"},
        {"instance_id: ''", "t:1:14: instance_id: found \"\", " NAME "\n"},
        {"instance_id: ~", "t:1:14: instance_id: found nothing, " NAME "\n"},
        {"log: info", "t:1:6: log: found \"info\", expected a map of level, format\n"},
        {"log: {level: verbose}",
         "t:1:14: log.level: found \"verbose\", expected one of debug, info, warn, error\n"},
        {"log: {format: {}}", "t:1:15: log.format: found a map, expected one of logfmt, json\n"},
        {"page: maybe", "t:1:7: page: found \"maybe\", expected one of auto, on, off\n"},
        {"origins: example.com",
         "t:1:10: origins: found \"example.com\", " ORIGIN " (the scheme is missing)\n"},
        {"origins: [https://a/]",
         "t:1:11: origins[0]: found \"https://a/\", " ORIGIN " (an origin has no path)\n"},
        {"origins: ['https://a b']", "t:1:11: origins[0]: found \"https://a b\", " ORIGIN "\n"},
        {"plugin_path: \"\"",
         "t:1:14: plugin_path: found \"\", expected the path of a folder, such as /opt/wshub/plugins\n"},
        {"plugin_path: {a: b}", "t:1:14: plugin_path: found a map, expected the path of a folder, such as "
                                "/opt/wshub/plugins, or a list of them\n"},
        {"brokers: []", "t:1:10: brokers: found a list of 0, expected one of 1 to 16 entries\n"},
        {"brokers: redis",
         "t:1:10: brokers: found \"redis\", expected a list of 1 to 16 entries {name, plugin, options}\n"},
        {"brokers: [redis]",
         "t:1:11: brokers[0]: found \"redis\", expected a map of name, plugin, options\n"},
        {"brokers: [{name: x}]", "t:1:11: brokers[0]: found no plugin, expected a plugin's name, such as "
                                 "memory, or a path to a .so\n"},
        {"brokers: [{plugin: x, options: [1]}]",
         "t:1:32: brokers[0].options: found a list, expected a map of the plugin's own options\n"},
        {"brokers: [{plugin: x, options: {a: {b: 1}, b: , c: []}}]",
         "t:1:36: brokers[0].options.a: found a map, " OPTION "\n"
         "t:1:47: brokers[0].options.b: found nothing, " OPTION "\n"
         "t:1:52: brokers[0].options.c: found a list, " OPTION "\n"},
        {"brokers: [{plugin: x, options: {a: [b c], b: ['x', [1]], c: ['']}}]",
         "t:1:37: brokers[0].options.a[0]: found blanks, " OPTION_ITEM "\n"
         "t:1:52: brokers[0].options.b[1]: found a list, " OPTION_ITEM "\n"
         "t:1:62: brokers[0].options.c[0]: found \"\", " OPTION_ITEM "\n"},
        {"auth: jwt", "t:1:7: auth: found \"jwt\", " AUTH "\n"},
        {"auth:", "t:1:6: auth: found nothing, " AUTH "\n"},
        {"auth: {plugin: jwt}", "t:1:7: auth: found a map, " AUTH "\n"},
        {"auth: []", "t:1:7: auth: found a list of 0, expected one of 1 to 16 entries\n"},
        {"auth: [jwt]", "t:1:8: auth[0]: found \"jwt\", expected a map of plugin, name, options\n"},
        {"auth: [{name: a}]",
         "t:1:8: auth[0]: found no plugin, expected a plugin's name, such as jwt, or a path to a .so\n"},
        {"auth: [{plugin: ./my auth.so}]", "t:1:8: auth[0]: found no name and none in `plugin`, " NAME "\n"},
        {"auth: [{plugin: x/}]", "t:1:8: auth[0]: found no name and none in `plugin`, " NAME "\n"},
        {"auth: [{plugin: x, name: 'a b'}]", "t:1:26: auth[0].name: found \"a b\", " NAME "\n"},
        {"credentials: {query: 'a&b'}",
         "t:1:22: credentials.query: found \"a&b\", expected a name of at most "
         "64 characters of A-Z a-z 0-9 . _ -, or \"\" for nowhere\n"},
        {"credentials: {cookie: a=b}", "t:1:23: credentials.cookie: found \"a=b\", expected the name of a "
                                       "cookie: at most 64 letters, digits "
                                       "or !#$%&'*+-.^_`|~, or \"\" for nowhere\n"},
        {"credentials: {subprotocol: 'a,b'}", "t:1:28: credentials.subprotocol: found \"a,b\", expected the "
                                              "beginning of a subprotocol: at most 64 "
                                              "letters, digits or !#$%&'*+-.^_`|~, or \"\" for nowhere\n"},
        {"proxies: {trusted: 10.0.0.1/8}", "t:1:20: proxies.trusted: found \"10.0.0.1/8\", " NETWORK
                                           " (the address has bits behind those that count)\n"},
        {"proxies: {trusted: [proxy.example.com]}",
         "t:1:21: proxies.trusted[0]: found \"proxy.example.com\", " NETWORK
         " (what stands before the slash, or alone, is a numeric address without a port)\n"},
        {"proxies: {trusted: unix, protocol: v2}",
         "t:1:36: proxies.protocol: found \"v2\", expected one of off, on\n"},
        {"proxies: {protocol: on}",
         "t:1:21: proxies.protocol: found \"on\", expected off, or in proxies.trusted the addresses of the "
         "proxies that begin so\n"},
        {"timeouts: {auth: 0}",
         "t:1:18: timeouts.auth: found \"0\", expected a duration such as 10s, from 10ms to 1h\n"},
        {"timeouts: {connect: 2h}",
         "t:1:21: timeouts.connect: found \"2h\", expected a duration such as 10s, from 0s to 1h\n"},
        {"channels: [{broker: main}]",
         "t:1:12: channels[0]: found no match, expected a channel's name of 1 to 255 "
         "bytes, with * for any part of it\n"},
        {"channels: [{match: x, publish: nobody}]",
         "t:1:32: channels[0].publish: found \"nobody\", expected one of all, user, granted, server\n"},
        {"channels: [{match: x, last_value: yes}]",
         "t:1:35: channels[0].last_value: found \"yes\", expected one of true, false\n"},
        {"channels: [{match: x, history: 5}]",
         "t:1:32: channels[0].history: found \"5\", expected a map of size, ttl, via, key_window\n"},
        {"channels: [{match: x, history: {size: 0, ttl: 999ms}}]",
         "t:1:39: channels[0].history.size: found \"0\", expected a number from 1 to 1000000\n"
         "t:1:47: channels[0].history.ttl: found \"999ms\", expected a duration such as 10s, from 1s to "
         "720h\n"},
        {"channels: [{match: x, history: {size: 5}}]",
         "t:1:32: channels[0].history: found no ttl, expected a "
         "duration such as 10s, from 1s to 720h\n"},
        {"channels: [{match: x, history: }]",
         "t:1:32: channels[0].history: found no size, expected a number from 1 to 1000000\n"
         "t:1:32: channels[0].history: found no ttl, expected a duration such as 10s, from 1s to 720h\n"},
        {"channels: [{match: x, history: {size: 5, ttl: 1s, seize: 1}}]",
         "t:1:51: channels[0].history.seize: found an unknown key, expected channels[0].history.size "
         "perhaps\n"},
        {"channels: [{match: x, history: {size: 5, ttl: 1s, via: other, key_window: 25h}}]",
         "t:1:56: channels[0].history.via: found \"other\", expected the name of a broker: main\n"
         "t:1:75: channels[0].history.key_window: found \"25h\", expected a duration such as 10s, from 1s to "
         "24h\n"},
        {"channels: [{match: x, history: {size: 5, ttl: 1s, via: main}}]",
         "t:1:56: channels[0].history.via: found \"main\", expected a broker other than the channel's own, "
         "which keeps its history unless `via` is said\n"},
        {"channels: [{match: x, presence: maybe}]",
         "t:1:33: channels[0].presence: found \"maybe\", expected one of true, false, or a map of events, "
         "per\n"},
        {"channels: [{match: x, presence: }]",
         "t:1:33: channels[0].presence: found nothing, expected one of true, false, or a map of events, "
         "per\n"},
        {"channels: [{match: x, presence: {event: false, per: device}}]",
         "t:1:34: channels[0].presence.event: found an unknown key, expected channels[0].presence.events "
         "perhaps\n"
         "t:1:53: channels[0].presence.per: found \"device\", expected one of connection, user\n"},
        {"send: user",
         "t:1:7: send: found \"user\", expected all or server: without `auth` no client is a user, so nobody "
         "would be let in; list plugins in `auth` that say who a client is\n"},
        {"auth: none\nsend: granted",
         "t:2:7: send: found \"granted\", expected all or server: with `auth: none` no client is a user, so "
         "nobody would be let in; list plugins in `auth` that say who a client is\n"},
        {"recovery: {memory: 1KiB, messages: 0, reads: 1025, check: 0}",
         "t:1:20: recovery.memory: found \"1KiB\", expected a size such as 64KiB, from 1MiB to 64GiB\n"
         "t:1:36: recovery.messages: found \"0\", expected a number from 1 to 1000000\n"
         "t:1:46: recovery.reads: found \"1025\", expected a number from 1 to 1024\n"
         "t:1:59: recovery.check: found \"0\", expected a duration such as 10s, from 100ms to 1h\n"},
        {"limits: 5", "t:1:9: limits: found \"5\", expected a map of connections, connections_per_address, "
                      "channels_per_connection, message, outbox, operations_per_second, http_head\n"},
        {"limits: {connections: 0}",
         "t:1:23: limits.connections: found \"0\", expected a number from 1 to 10000000\n"},
        {"limits: {message: 64 Kib}",
         "t:1:19: limits.message: found \"64 Kib\", expected a size such as 64KiB, from 128B to 16MiB\n"},
        {"limits: {message: 127}",
         "t:1:19: limits.message: found \"127\", expected a size such as 64KiB, from 128B to 16MiB\n"},
        {"limits: {outbox: 99999999999999999999GiB}",
         "t:1:18: limits.outbox: found \"99999999999999999999GiB\", expected a size such as 64KiB, from 4KiB "
         "to 1GiB\n"},
        {"timeouts: {ping: 54}",
         "t:1:18: timeouts.ping: found \"54\", expected a duration such as 10s, from 10ms to 1h\n"},
        {"timeouts: {ping: 9ms}",
         "t:1:18: timeouts.ping: found \"9ms\", expected a duration such as 10s, from 10ms to 1h\n"},
        {"unsubscribe_linger: 2h",
         "t:1:21: unsubscribe_linger: found \"2h\", expected a duration such as 10s, from 0s to 1h\n"},
        {"page: 0123456789012345678901234567890123456789012345678901234567890123456789",
         "t:1:7: page: found \"0123456789012345678901234567890123456789012345678901234567890123\"..., "
         "expected one of "
         "auto, on, off\n"},
        {"page: \"a\\nb\"", "t:1:7: page: found \"a\\u000ab\", expected one of auto, on, off\n"},
        {"- listen", "t:1:1: found a list, expected keys with values, such as listen: 127.0.0.1:8000\n"},
        {"listen", "t:1:1: found \"listen\", expected keys with values, such as listen: 127.0.0.1:8000\n"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        expect_errors(cases[i][0], cases[i][1]);
    }
}

static void names_the_nearest_known_key(void **state) {
    (void)state;
    static const char *const cases[][2] = {
        {"lisen: x", "t:1:1: lisen: found an unknown key, expected listen perhaps\n"},
        {"limits: {mesage: 1}",
         "t:1:10: limits.mesage: found an unknown key, expected limits.message perhaps\n"},
        {"Message: 1", "t:1:1: Message: found an unknown key, expected limits: {message: ...} perhaps\n"},
        {"limits.message: 1",
         "t:1:1: limits.message: found an unknown key, expected limits: {message: ...} perhaps\n"},
        {"brokers: [{plugin: x, nmae: y}]",
         "t:1:23: brokers[0].nmae: found an unknown key, expected brokers[0].name perhaps\n"},
        {"log: {colour: on}", "t:1:7: log.colour: found an unknown key, expected one of level, format\n"},
        {"zzz: {}",
         "t:1:1: zzz: found an unknown key, expected one of listen, workers, instance_id, log, page, "
         "origins, plugin_path, brokers, registry, auth, credentials, proxies, api, channels, send, "
         "recovery, limits, "
         "timeouts, "
         "unsubscribe_linger, drain\n"},
        {"log: {\"a\\tb\": 1}",
         "t:1:7: log.\"a\\u0009b\": found an unknown key, expected one of level, format\n"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        expect_errors(cases[i][0], cases[i][1]);
    }
}

// P11: beyond loopback nobody is let in unless the configuration says so.
static void refuses_to_listen_beyond_loopback_without_a_word_on_auth(void **state) {
    (void)state;
    expect_errors("listen: 0.0.0.0:8000", "t:1:9: listen: 0.0.0.0:8000" EXPOSED);
    expect_errors("listen: '*:8000'", "t:1:9: listen: *:8000" EXPOSED);
    expect_errors("listen: '[::]:8000'", "t:1:9: listen: [::]:8000" EXPOSED);
    expect_errors("listen:\n  - 127.0.0.1:1\n  - 10.0.0.1:1\n  - unix:/x\n  - 10.0.0.2:1\n",
                  "t:3:5: listen[1]: 10.0.0.1:1" EXPOSED "t:5:5: listen[3]: 10.0.0.2:1" EXPOSED);
    // A wrong word on auth is an error of its own, and enough.
    expect_errors("listen: 0.0.0.0:8000\nauth: all\n", "t:2:7: auth: found \"all\", " AUTH "\n");
}

static void checks_what_must_fit_into_what(void **state) {
    (void)state;
    static const char *const cases[][2] = {
        {"limits: {message: 2MiB}", "t:1:19: limits.message: found \"2MiB\", expected at most limits.outbox, "
                                    "which is 1MiB by default\n"},
        {"limits: {outbox: 5000}", "t:1:18: limits.outbox: found \"5000\", expected at least limits.message, "
                                   "which is 64KiB by default\n"},
        {"limits: {message: 2MiB, outbox: 1500KiB}",
         "t:1:33: limits.outbox: found \"1500KiB\", expected at least limits.message, which is 2MiB\n"},
        {"drain: {window: 31s}",
         "t:1:17: drain.window: found \"31s\", expected at most drain.timeout, which is 30s by default\n"},
        {"drain: {timeout: 1s, window: 2s}",
         "t:1:18: drain.timeout: found \"1s\", expected at least drain.window, which is 2s\n"},
        {"drain: {delay: 21s}", "t:1:16: drain.delay: found \"21s\", expected so much that delay and window "
                                "together fit into drain.timeout\n"},
        {"drain: {delay: 1s, window: 1s, timeout: 1s}",
         "t:1:16: drain.delay: found \"1s\", expected so much that delay and window together fit into "
         "drain.timeout\n"},
        // Of a value that is wrong in itself no rule complains as well.
        {"limits: {message: 2MiB, outbox: x}",
         "t:1:33: limits.outbox: found \"x\", expected a size such as 64KiB, from 4KiB to 1GiB\n"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        expect_errors(cases[i][0], cases[i][1]);
    }
}

static void ties_channels_to_brokers(void **state) {
    (void)state;
    expect_errors(
        "brokers:\n  - {name: a, plugin: x}\n  - {name: b, plugin: x}\n  - {name: a, plugin: x}\n"
        "channels: [{match: x, broker: b}, {match: y, broker: c}]\n",
        "t:4:12: brokers[2].name: found the name of the broker on line 2 again, expected one of its own\n"
        "t:5:54: channels[1].broker: found \"c\", expected the name of a broker: a, b, a\n");
    expect_errors(
        "brokers: [{plugin: x}, {plugin: y}]\n",
        "t:1:24: brokers[1]: found the name of the broker on line 1 again, expected one of its own (without "
        "one it is main)\n");
    expect_errors("channels: [{match: x, broker: mian}]\n",
                  "t:1:31: channels[0].broker: found \"mian\", expected the name of a broker: main\n");
}

static void gives_each_auth_plugin_a_name_of_its_own(void **state) {
    (void)state;
    expect_errors(
        "auth:\n  - {plugin: a}\n  - {plugin: x, name: a}\n  - {plugin: ./b/a.so}\n",
        "t:3:23: auth[1].name: found the name of the auth plugin on line 2 again, expected one of its own\n"
        "t:4:5: auth[2]: found the name of the auth plugin on line 2 again, expected one of its own (without "
        "one it is that of the plugin's file)\n");
}

// A rule that only users pass, where nobody is one, is a mistake here or there.
static void refuses_rules_that_let_nobody_in(void **state) {
    (void)state;
    expect_errors("channels: [{match: x, subscribe: user, publish: granted}]",
                  "t:1:34: channels[0].subscribe: found \"user\", expected all or server: without `auth` no "
                  "client is a user, so nobody would be let in; list plugins in `auth` that say who a client "
                  "is\n"
                  "t:1:49: channels[0].publish: found \"granted\", expected all or server: without `auth` no "
                  "client is a user, so nobody would be let in; list plugins in `auth` that say who a client "
                  "is\n");
    expect_errors("auth: none\nchannels: [{match: y}, {match: x, publish: user}]",
                  "t:2:44: channels[1].publish: found \"user\", expected all or server: with `auth: none` no "
                  "client is a user, so nobody would be let in; list plugins in `auth` that say who a client "
                  "is\n");
    // What is wrong with auth is said once.
    expect_errors("auth: x\nchannels: [{match: x, publish: user}]", "t:1:7: auth: found \"x\", " AUTH "\n");
    expect_errors("auth: [x]\nchannels: [{match: x, publish: user}]",
                  "t:1:8: auth[0]: found \"x\", expected a map of plugin, name, options\n");
}

// Wherever it was written by mistake.
static void shows_no_key_of_the_api(void **state) {
    (void)state;
    static const char *const texts[] = {
        "api: hunter2",
        "api: [hunter2-hunter2-hunter2]",
        "api: {keys: hunter2}",
        "api: {keys: [0123456789abcdef, hunter2]}",
        "api: {keys: [hunter2-hunter2-hunter2 ]hunter2}",
        "api: {keys: ['hunter2 hunter2 hunter2']}",
        "api: {keys: \"hunter2-hunter2-hunter2\\u00e9\"}",
        "api: {keys: [[hunter2-hunter2-hunter2]]}",
        "api: {keys: {a: hunter2-hunter2-hunter2}}",
        "api: {keys: 'hunter2-hunter2-hunter2${'}",
        "api: {keys: hunter2-hunter2-hunter2}\nworkers: 0",
    };
    for (size_t i = 0; i < COUNT(texts); i++) {
        struct config config;
        struct buf errors = {0};
        assert_false(config_read(&config, "t", texts[i], strlen(texts[i]), &errors));
        buf_append(&errors, "", 1);
        if (strstr(errors.data, "hunter2")) {
            fail_msg("%s", errors.data);
        }
        buf_free(&errors);
    }
    expect_errors(
        "api: {keys: [short]}",
        "t:1:14: api.keys[0]: found a secret, expected a key of 16 to 512 printable ASCII characters "
        "without spaces, from openssl rand -hex 32 say (it is too short)\n");
    expect_errors("api: short", "t:1:6: api: found a secret, expected a map of keys\n");
}

static void reports_all_errors_in_their_order(void **state) {
    (void)state;
    expect_errors(
        "limits: {outbox: 1}\n"
        "drain: {window: 1h}\n"
        "workers: many\n"
        "zzz: 1\n"
        "listen: [0.0.0.0:1, x]\n"
        "workers: 2\n",
        "t:1:18: limits.outbox: found \"1\", expected a size such as 64KiB, from 4KiB to 1GiB\n"
        "t:2:17: drain.window: found \"1h\", expected at most drain.timeout, which is 30s by default\n"
        "t:3:10: workers: found \"many\", expected auto or a number from 1 to 64\n"
        "t:4:1: zzz: found an unknown key, expected one of listen, workers, instance_id, log, page, origins, "
        "plugin_path, brokers, registry, auth, credentials, proxies, api, channels, send, recovery, limits, "
        "timeouts, "
        "unsubscribe_linger, drain\n"
        "t:5:10: listen[0]: 0.0.0.0:1" EXPOSED "t:5:21: listen[1]: found \"x\", " ADDRESS
        " (the port is missing, as in 127.0.0.1:8000)\n"
        "t:6:1: workers: found a second time, expected once: it stands on line 3 already\n");
}

static void loads_a_file(void **state) {
    (void)state;
    char path[] = "/tmp/wshub-config-test-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, "workers: 3\n", 11), 11);
    struct config config;
    struct buf errors = {0};
    assert_true(config_load(&config, path, &errors));
    assert_int_equal(config.workers, 3);
    config_free(&config);

    assert_int_equal(ftruncate(fd, 0), 0); // an empty file is a configuration
    assert_true(config_load(&config, path, &errors));
    config_free(&config);
    close(fd);
    unlink(path);

    assert_false(config_load(&config, path, &errors));
    assert_false(config_load(&config, "/", &errors));
    buf_append(&errors, "", 1);
    char expected[256];
    snprintf(expected, sizeof expected,
             "%s: found no readable file, expected one: No such file or directory\n"
             "/: found no readable file, expected one: Is a directory\n",
             path);
    assert_string_equal(errors.data, expected);
    config_free(&config); // of nothing: allowed
    buf_free(&errors);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(has_every_default_without_a_file),
        cmocka_unit_test(reads_the_example),
        cmocka_unit_test(reads_who_lets_clients_in),
        cmocka_unit_test(accepts),
        cmocka_unit_test(refuses_values),
        cmocka_unit_test(names_the_nearest_known_key),
        cmocka_unit_test(refuses_to_listen_beyond_loopback_without_a_word_on_auth),
        cmocka_unit_test(checks_what_must_fit_into_what),
        cmocka_unit_test(ties_channels_to_brokers),
        cmocka_unit_test(gives_each_auth_plugin_a_name_of_its_own),
        cmocka_unit_test(refuses_rules_that_let_nobody_in),
        cmocka_unit_test(shows_no_key_of_the_api),
        cmocka_unit_test(reports_all_errors_in_their_order),

        cmocka_unit_test(loads_a_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
