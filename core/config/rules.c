// SPDX-License-Identifier: MIT
#include "config/rules.h"

#include <string.h>

#include "config/config.h"
#include "config/report.h"
#include "config/tree.h"
#include "config/units.h"
#include "net/address.h"
#include "util/buf.h"

static void refuse_exposed(struct node *node, struct report *report) {
    struct address address;
    const char *why;
    if (node->refused || !address_parse(&address, node->text, &why) || address_is_loopback(&address)) {
        return;
    }
    struct buf shown = {0};
    if (node->variable) {
        report_show_value(&shown, node);
    } else {
        buf_puts(&shown, node->text);
    }
    report_value(
        report, node,
        "%s is reachable from other machines, so the configuration must say how clients are let in: list "
        "plugins in `auth`, add 'auth: none' to let everyone in, or listen on 127.0.0.1",
        report_text(report, &shown));
    buf_free(&shown);
}

// Promise P11: nobody is let in from another machine unless the configuration says so.
static void check_exposure(const struct config *config, struct node *root, struct report *report) {
    struct node *listen = node_child(root, "listen");
    if (!listen || listen->refused || config->auth.mode != CONFIG_AUTH_UNSAID || node_child(root, "auth")) {
        return;
    }
    if (listen->kind == NODE_TEXT) {
        refuse_exposed(listen, report);
    }
    for (struct node *item = listen->first; item; item = item->next) {
        refuse_exposed(item, report);
    }
}

struct order { // `small` must not be more than `large`
    const char *section, *small, *large;
    size_t small_offset, large_offset;
    enum unit unit;
};

static const struct order orders[] = {
    {"limits", "message", "outbox", offsetof(struct config, limits.message),
     offsetof(struct config, limits.outbox), UNIT_SIZE},
    {"registry", "heartbeat", "instance_ttl", offsetof(struct config, registry.heartbeat),
     offsetof(struct config, registry.instance_ttl), UNIT_DURATION},
    {"drain", "window", "timeout", offsetof(struct config, drain.window),
     offsetof(struct config, drain.timeout), UNIT_DURATION},
};

static void refuse_order(const struct order *order, uint64_t small, uint64_t large, struct node *small_node,
                         struct node *large_node, struct report *report) {
    struct node *said = large_node ? large_node : small_node, *other = large_node ? small_node : NULL;
    char value[UNITS_TEXT_SIZE];
    units_format(order->unit, large_node ? small : large, value);
    struct buf expected = {0};
    buf_printf(&expected, "at %s %s.%s", large_node ? "least" : "most", order->section,
               large_node ? order->small : order->large);
    if (!other || !other->variable) {
        buf_printf(&expected, ", which is %s%s", value, other ? "" : " by default");
    }
    report_expected(report, said, report_text(report, &expected));
    buf_free(&expected);
}

static void check_order(const struct order *order, const struct config *config, struct node *root,
                        struct report *report) {
    const struct node *section = node_child(root, order->section);
    struct node *small_node = node_child(section, order->small),
                *large_node = node_child(section, order->large);
    if ((!small_node && !large_node) || (small_node && small_node->refused) ||
        (large_node && large_node->refused)) {
        return;
    }
    uint64_t small, large;
    memcpy(&small, (const char *)config + order->small_offset, sizeof small);
    memcpy(&large, (const char *)config + order->large_offset, sizeof large);
    if (small > large) {
        refuse_order(order, small, large, small_node, large_node, report);
    }
}

// The delay comes before the window, and both within the timeout, or the last clients would be cut.
static void check_drain(const struct config *config, struct node *root, struct report *report) {
    struct node *section = node_child(root, "drain");
    struct node *delay = node_child(section, "delay");
    uint64_t timeout = config->drain.timeout, window = config->drain.window;
    if (delay && !delay->refused && window <= timeout && config->drain.delay > timeout - window) {
        report_expected(report, delay, "so much that delay and window together fit into drain.timeout");
    }
}

static const struct config_plugin *find_plugin(const struct config_plugin *items, size_t count,
                                               const char *name) {
    for (size_t i = 0; i < count; i++) {
        if (items[i].name && strcmp(items[i].name, name) == 0) {
            return &items[i];
        }
    }
    return NULL;
}

static void check_auth_names(const struct config *config, struct node *root, struct report *report) {
    const struct node *auth = node_child(root, "auth");
    struct node *entry = auth ? auth->first : NULL;
    const struct config_plugin *items = config->auth.items;
    for (size_t i = 0; entry && i < config->auth.count; i++, entry = entry->next) {
        const struct config_plugin *first = items[i].name ? find_plugin(items, i, items[i].name) : NULL;
        if (first) {
            struct node *said = node_child(entry, "name");
            report_value(report, said ? said : entry,
                         "found the name of the auth plugin on line %d again, expected one of its own%s",
                         first->line, said ? "" : " (without one it is that of the plugin's file)");
        }
    }
}

static bool needs_identity(enum config_who who) {
    return who == CONFIG_WHO_USER || who == CONFIG_WHO_GRANTED;
}

static void refuse_who(const struct config *config, struct node *node, struct report *report) {
    report_expected(
        report, node,
        config->auth.mode == CONFIG_AUTH_NONE
            ? "all or server: with `auth: none` no client is a user, so nobody would be let in; list "
              "plugins in `auth` that say who a client is"
            : "all or server: without `auth` no client is a user, so nobody would be let in; list "
              "plugins in `auth` that say who a client is");
}

// A rule that asks for what nobody can have is a mistake in one place or the other.
static void check_channel_identities(const struct config *config, struct node *root, struct report *report) {
    const struct node *auth = node_child(root, "auth"), *channels = node_child(root, "channels");
    struct node *entry = channels ? channels->first : NULL;
    if (config->auth.mode == CONFIG_AUTH_PLUGINS || (auth && auth->refused)) {
        return;
    }
    for (size_t i = 0; entry && i < config->channels.count; i++, entry = entry->next) {
        const struct config_channel *channel = &config->channels.items[i];
        if (needs_identity(channel->subscribe)) {
            refuse_who(config, node_child(entry, "subscribe"), report);
        }
        if (needs_identity(channel->publish)) {
            refuse_who(config, node_child(entry, "publish"), report);
        }
    }
}

static void check_send_identities(const struct config *config, struct node *root, struct report *report) {
    const struct node *auth = node_child(root, "auth");
    struct node *send = node_child(root, "send");
    bool has_users = config->auth.mode == CONFIG_AUTH_PLUGINS || (auth && auth->refused);
    if (send && !send->refused && !has_users && needs_identity(config->send)) {
        refuse_who(config, send, report);
    }
}

static void check_proxies(const struct config *config, struct node *root, struct report *report) {
    const struct node *section = node_child(root, "proxies");
    struct node *protocol = node_child(section, "protocol"), *trusted = node_child(section, "trusted");
    if (protocol && config->proxies.protocol == CONFIG_PROXY_PROTOCOL_ON &&
        config->proxies.trusted.count == 0 && !(trusted && trusted->refused)) {
        report_expected(report, protocol,
                        "off, or in proxies.trusted the addresses of the proxies that begin so");
    }
}

static void check_broker_names(const struct config *config, struct node *root, struct report *report) {
    const struct node *brokers = node_child(root, "brokers");
    struct node *entry = brokers ? brokers->first : NULL;
    for (size_t i = 0; entry && i < config->brokers.count; i++, entry = entry->next) {
        const char *name = config->brokers.items[i].name;
        const struct config_plugin *first = name ? find_plugin(config->brokers.items, i, name) : NULL;
        if (first) {
            struct node *said = node_child(entry, "name");
            report_value(report, said ? said : entry,
                         "found the name of the broker on line %d again, expected one of its own%s",
                         first->line, said ? "" : " (without one it is main)");
        }
    }
}

// A name that came from the environment is not shown either.
static void put_broker_name(struct buf *out, const struct config_plugin *broker, const struct node *entry) {
    const struct node *said = entry ? node_child(entry, "name") : NULL;
    if (said && said->variable) {
        buf_printf(out, "${%s}", said->variable);
    } else {
        buf_puts(out, broker->name);
    }
}

static void refuse_broker(const struct config *config, struct node *root, struct node *node,
                          struct report *report) {
    const struct node *brokers = node_child(root, "brokers");
    const struct node *entry = brokers ? brokers->first : NULL;
    struct buf expected = {0};
    buf_puts(&expected, "the name of a broker: ");
    for (size_t i = 0; i < config->brokers.count; i++, entry = entry ? entry->next : NULL) {
        buf_puts(&expected, i == 0 ? "" : ", ");
        put_broker_name(&expected, &config->brokers.items[i], entry);
    }
    report_expected(report, node, report_text(report, &expected));
    buf_free(&expected);
}

static bool knows_brokers(const struct config *config) {
    for (size_t i = 0; i < config->brokers.count; i++) {
        if (!config->brokers.items[i].name) {
            return false;
        }
    }
    return config->brokers.count > 0;
}

static void check_via(const struct config *config, size_t index, struct node *root, struct node *entry,
                      struct report *report) {
    const struct config_channel *channel = &config->channels.items[index];
    struct node *node = node_child(node_child(entry, "history"), "via");
    const char *via = channel->history.via;
    if (!via || !node) {
        return;
    }
    if (!find_plugin(config->brokers.items, config->brokers.count, via)) {
        refuse_broker(config, root, node, report);
    } else if (config_broker_index(config, via) == config_broker_index(config, channel->broker)) {
        report_expected(
            report, node,
            "a broker other than the channel's own, which keeps its history unless `via` is said");
    }
}

static void check_channel_brokers(const struct config *config, struct node *root, struct report *report) {
    const struct node *channels = node_child(root, "channels");
    struct node *entry = channels && knows_brokers(config) ? channels->first : NULL;
    for (size_t i = 0; entry && i < config->channels.count; i++, entry = entry->next) {
        const char *name = config->channels.items[i].broker;
        if (name && !find_plugin(config->brokers.items, config->brokers.count, name)) {
            refuse_broker(config, root, node_child(entry, "broker"), report);
        } else {
            check_via(config, i, root, entry, report);
        }
    }
}

void rules_check(const struct config *config, struct node *root, struct report *report) {
    check_exposure(config, root, report);
    for (size_t i = 0; i < sizeof orders / sizeof orders[0]; i++) {
        check_order(&orders[i], config, root, report);
    }
    check_drain(config, root, report);
    check_proxies(config, root, report);
    check_auth_names(config, root, report);
    check_broker_names(config, root, report);
    check_channel_brokers(config, root, report);
    check_channel_identities(config, root, report);
    check_send_identities(config, root, report);
}
