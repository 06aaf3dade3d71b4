// SPDX-License-Identifier: MIT
#include "plugin/broker.h"

#include <stdio.h>
#include <stdlib.h>

#include "plugin/broker_priv.h"
#include "plugin/plugin.h"
#include "plugin/watchdog.h"
#include "util/clock.h"
#include "util/log.h"

// Publishes that the broker has not confirmed, each with what the hub and a plugin keep for it.
enum { IN_FLIGHT_BYTES_MAX = 128 * 1024 * 1024, PUBLISH_OVERHEAD = 640 };

const char *broker_name(const struct broker *broker) {
    return broker->setup.name;
}

bool broker_can(const struct broker *broker, uint32_t capability) {
    return (broker->table->capabilities & capability) == capability;
}

bool broker_is_up(const struct broker *broker) {
    return broker->up;
}

size_t broker_in_flight(const struct broker *broker) {
    return broker->calls.in_flight_count;
}

const struct broker_stats *broker_stats(const struct broker *broker) {
    return &broker->stats;
}

// ---- calls ----

// NULL: settled already.
static struct call *begin(struct broker *broker, enum broker_operation operation, size_t bytes,
                          struct broker_reply reply) {
    struct call *call = calls_begin(broker, operation, bytes, reply);
    if (call && (broker->closing || !broker->up)) {
        calls_settle(broker, call, broker->closing ? WSHUB_CLOSED : WSHUB_UNAVAILABLE);
        return NULL;
    }
    return call;
}

// What a slot answered at once: an error settles the call, unless the plugin has completed it in spite of
// that.
static void after_slot(struct broker *broker, struct call *call, wshub_token token, int status) {
    if (status != WSHUB_OK && calls_find(broker, token) == call) {
        calls_settle(broker, call, status);
    }
}

void broker_subscribe(struct broker *broker, struct wshub_bytes channel, struct broker_reply reply) {
    struct call *call = begin(broker, BROKER_SUBSCRIBE, 0, reply);
    if (call) {
        wshub_token token = calls_token(call);
        after_slot(broker, call, token, broker->table->subscribe(broker->self, channel, token));
    }
}

void broker_unsubscribe(struct broker *broker, struct wshub_bytes channel, struct broker_reply reply) {
    struct call *call = begin(broker, BROKER_UNSUBSCRIBE, 0, reply);
    if (call) {
        wshub_token token = calls_token(call);
        after_slot(broker, call, token, broker->table->unsubscribe(broker->self, channel, token));
    }
}

void broker_publish(struct broker *broker, const struct wshub_message *message, struct broker_reply reply) {
    size_t length = message->payload.length;
    struct call *call = begin(broker, BROKER_PUBLISH, length + PUBLISH_OVERHEAD, reply);
    if (!call) {
        return;
    }
    wshub_token token = calls_token(call);
    int status;
    if (broker->table->max_payload > 0 && length > broker->table->max_payload) {
        status = WSHUB_TOO_LARGE;
    } else if (broker->calls.in_flight_bytes > IN_FLIGHT_BYTES_MAX) {
        status = WSHUB_UNAVAILABLE;
    } else {
        status = broker->table->publish(broker->self, message, token);
    }
    after_slot(broker, call, token, status);
}

// NULL: settled already.
static struct call *begin_with(struct broker *broker, uint32_t capability, enum broker_operation operation,
                               struct broker_reply reply) {
    struct call *call = begin(broker, operation, 0, reply);
    if (call && !broker_can(broker, capability)) {
        calls_settle(broker, call, WSHUB_UNSUPPORTED);
        return NULL;
    }
    return call;
}

static struct call *begin_registry(struct broker *broker, enum broker_operation operation,
                                   struct broker_reply reply) {
    return begin_with(broker, WSHUB_BROKER_REGISTRY, operation, reply);
}

void broker_registry_set(struct broker *broker, struct wshub_bytes key, struct wshub_bytes value,
                         uint64_t ttl, struct broker_reply reply) {
    struct call *call = begin_registry(broker, BROKER_REGISTRY_SET, reply);
    if (call) {
        wshub_token token = calls_token(call);
        after_slot(broker, call, token, broker->table->registry_set(broker->self, key, value, ttl, token));
    }
}

void broker_registry_delete(struct broker *broker, struct wshub_bytes key, struct broker_reply reply) {
    struct call *call = begin_registry(broker, BROKER_REGISTRY_DELETE, reply);
    if (call) {
        wshub_token token = calls_token(call);
        after_slot(broker, call, token, broker->table->registry_delete(broker->self, key, token));
    }
}

void broker_registry_get(struct broker *broker, struct wshub_bytes key, broker_entry_fn entry,
                         struct broker_reply reply) {
    struct call *call = begin_registry(broker, BROKER_REGISTRY_GET, reply);
    if (call) {
        wshub_token token = calls_token(call);
        call->entry = entry;
        after_slot(broker, call, token, broker->table->registry_get(broker->self, key, token));
    }
}

void broker_registry_list(struct broker *broker, struct wshub_bytes prefix, broker_entry_fn entry,
                          struct broker_reply reply) {
    struct call *call = begin_registry(broker, BROKER_REGISTRY_LIST, reply);
    if (call) {
        wshub_token token = calls_token(call);
        call->entry = entry;
        after_slot(broker, call, token, broker->table->registry_list(broker->self, prefix, token));
    }
}

void broker_heartbeat(struct broker *broker, struct wshub_bytes key, struct wshub_bytes value, uint64_t ttl,
                      struct broker_reply reply) {
    struct call *call = begin_registry(broker, BROKER_HEARTBEAT, reply);
    if (call) {
        wshub_token token = calls_token(call);
        after_slot(broker, call, token, broker->table->heartbeat(broker->self, key, value, ttl, token));
    }
}

void broker_history(struct broker *broker, const struct wshub_history_query *query, broker_message_fn message,
                    broker_position_fn position, struct broker_reply reply) {
    struct call *call = begin_with(broker, WSHUB_BROKER_HISTORY, BROKER_HISTORY, reply);
    if (call) {
        wshub_token token = calls_token(call);
        call->message = message;
        call->position = position;
        after_slot(broker, call, token, broker->table->history(broker->self, query, token));
    }
}

// ---- opening and closing ----

const char *broker_status_text(int status) {
    static const char *const texts[] = {
#define STATUS_TEXT(value, name, text) [-(value)] = text,
        WSHUB_STATUS_MAP(STATUS_TEXT)
#undef STATUS_TEXT
    };
    bool known = status <= 0 && (size_t)-status < sizeof texts / sizeof *texts;
    return known ? texts[-status] : "an unknown status";
}

static void tell_unopened(const struct broker *broker, const char *reason) {
    const struct plugin *plugin = broker->setup.plugin;
    log_error(broker->setup.log, "broker cannot be opened", log_text("broker", broker->setup.name),
              log_text("plugin", plugin->about.name), log_text("file", plugin->file),
              log_text("reason", reason));
}

static bool open_plugin(struct broker *broker) {
    const struct broker_setup *setup = &broker->setup;
    struct watchdog *watchdog = watchdog_start(setup, "open");
    int status = broker->table->open(&broker->host, &broker->self);
    watchdog_stop(watchdog);
    if (status != WSHUB_OK) {
        char reason[128];
        snprintf(reason, sizeof reason, "open() answered %d: %s", status, broker_status_text(status));
        tell_unopened(broker, reason);
    }
    return status == WSHUB_OK;
}

struct broker *broker_open(const struct broker_setup *setup) {
    struct broker *broker = calloc(1, sizeof *broker);
    if (!broker) {
        log_error(setup->log, "out of memory");
        return NULL;
    }
    broker->setup = *setup;
    broker->table = setup->plugin->about.broker;
    broker->opened = clock_ns();
    calls_init(&broker->calls);
    bool ready = host_init(broker);
    if (!ready) {
        log_error(setup->log, "out of memory or descriptors");
    }
    if (!ready || !open_plugin(broker)) {
        broker->closing = true;
        host_free(broker);
        free(broker);
        return NULL;
    }
    return broker;
}

bool broker_is_mute(const struct broker *broker) {
    return !broker->link_told && clock_ns() - broker->opened > broker->setup.timeout * 1000000;
}

void broker_tell_mute(const struct broker *broker) {
    char reason[160];
    snprintf(reason, sizeof reason,
             "open() returned, but host->link was not called within %llu ms (timeouts.broker): it must say "
             "whether "
             "the link is up",
             (unsigned long long)broker->setup.timeout);
    tell_unopened(broker, reason);
}

void broker_close(struct broker *broker) {
    if (!broker) {
        return;
    }
    const struct broker_setup *setup = &broker->setup;
    broker->closing = true;
    struct watchdog *watchdog = watchdog_start(setup, "close");
    broker->table->close(broker->self);
    watchdog_stop(watchdog);
    calls_free(broker);
    host_free(broker);
    free(broker);
}
