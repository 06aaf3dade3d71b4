// SPDX-License-Identifier: MIT
#include "plugin/broker.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "loop/loop.h"
#include "plugin/broker_priv.h"
#include "plugin/calls.h"
#include "plugin/plugin.h"
#include "plugin/watchdog.h"
#include "util/clock.h"
#include "util/log.h"

// Publishes that the broker has not confirmed, each with what the hub and a plugin keep for it.
enum { IN_FLIGHT_BYTES_MAX = 128 * 1024 * 1024, PUBLISH_OVERHEAD = 640 };

const char *const broker_operation_names[BROKER_OPERATIONS] = {
    [BROKER_SUBSCRIBE] = "subscribe",
    [BROKER_UNSUBSCRIBE] = "unsubscribe",
    [BROKER_PUBLISH] = "publish",
    [BROKER_REGISTRY_SET] = "registry_set",
    [BROKER_REGISTRY_DELETE] = "registry_delete",
    [BROKER_REGISTRY_GET] = "registry_get",
    [BROKER_REGISTRY_LIST] = "registry_list",
    [BROKER_HEARTBEAT] = "heartbeat",
    [BROKER_HISTORY] = "history",
};
const double broker_bucket_bounds[BROKER_BUCKETS - 1] = {CALLS_BOUNDS};

const char *broker_name(const struct broker *broker) {
    return broker->host.setup.name;
}

bool broker_can(const struct broker *broker, uint32_t capability) {
    return (broker->table->capabilities & capability) == capability;
}

bool broker_is_up(const struct broker *broker) {
    return broker->up;
}

size_t broker_in_flight(const struct broker *broker) {
    return broker->host.calls.in_flight_count;
}

const struct broker_stats *broker_stats(const struct broker *broker) {
    return &broker->stats;
}

// ---- calls ----

static struct broker_call *call_of(struct call *call) {
    return (struct broker_call *)(void *)call; // its first member
}

static bool went_well(int status) {
    return status == WSHUB_OK || status == WSHUB_NOT_FOUND;
}

static void count(struct broker *broker, enum broker_operation operation, int status, uint64_t took) {
    counter_add(&broker->stats.operations[operation].buckets[calls_bucket(took)], 1);
    counter_add(&broker->stats.operations[operation].nanoseconds, (int64_t)took);
    counter_add(went_well(status)         ? &broker->stats.operations[operation].succeeded
                : status == WSHUB_TIMEOUT ? &broker->stats.operations[operation].timed_out
                                          : &broker->stats.operations[operation].failed,
                1);
}

void broker_tell_untrue(struct broker *broker, enum broker_operation operation, const char *fault) {
    const struct host_setup *setup = &broker->host.setup;
    if (throttle_pass(&broker->untrue, loop_now(setup->loop))) {
        log_error(setup->log, "broker plugin gives an answer that cannot be: it has a bug",
                  log_text("broker", setup->name), log_text("operation", broker_operation_names[operation]),
                  log_text("found", fault));
    }
}

// What a history's answer was worth.
static int end_reading(struct broker *broker, struct broker_call *call, int status) {
    const char *fault = call->reading && status == WSHUB_OK ? reading_end(call->reading) : NULL;
    if (fault) {
        broker_tell_untrue(broker, BROKER_HISTORY, fault);
        status = WSHUB_INTERNAL;
    }
    reading_free(call->reading);
    call->reading = NULL;
    return status;
}

static void settle(struct calls *calls, struct call *head, int status) {
    struct broker *broker = (struct broker *)(void *)calls->host; // its first member
    struct broker_call *call = call_of(head);
    struct broker_reply reply = call->reply;
    status = end_reading(broker, call, status);
    broker->in_flight_bytes -= call->bytes;
    count(broker, head->slot, status, calls_end(calls, head, went_well(status)));
    reply.done(reply.context, reply.argument, status);
}

// NULL: settled already.
static struct broker_call *begin(struct broker *broker, enum broker_operation operation, size_t bytes,
                                 struct broker_reply reply) {
    struct broker_call *call = call_of(calls_begin(&broker->host.calls, operation));
    if (!call) {
        reply.done(reply.context, reply.argument, WSHUB_NO_MEMORY);
        return NULL;
    }
    call->bytes = bytes;
    call->reply = reply;
    call->entry = NULL;
    call->message = NULL;
    call->position = NULL;
    call->reading = NULL;
    broker->in_flight_bytes += bytes;
    if (broker->host.closing || !broker->up) {
        settle(&broker->host.calls, &call->head, broker->host.closing ? WSHUB_CLOSED : WSHUB_UNAVAILABLE);
        return NULL;
    }
    return call;
}

// What a slot answered at once: an error settles the call, unless the plugin has completed it in spite of
// that.
static void after_slot(struct broker *broker, struct broker_call *call, wshub_token token, int status) {
    if (status != WSHUB_OK && calls_find(&broker->host.calls, token) == &call->head) {
        settle(&broker->host.calls, &call->head, status);
    }
}

void broker_subscribe(struct broker *broker, struct wshub_bytes channel, struct broker_reply reply) {
    struct broker_call *call = begin(broker, BROKER_SUBSCRIBE, 0, reply);
    if (call) {
        wshub_token token = calls_token(&call->head);
        after_slot(broker, call, token, broker->table->subscribe(broker->self, channel, token));
    }
}

void broker_unsubscribe(struct broker *broker, struct wshub_bytes channel, struct broker_reply reply) {
    struct broker_call *call = begin(broker, BROKER_UNSUBSCRIBE, 0, reply);
    if (call) {
        wshub_token token = calls_token(&call->head);
        after_slot(broker, call, token, broker->table->unsubscribe(broker->self, channel, token));
    }
}

// A key is for a plugin that knows what it is.
static int publish(struct broker *broker, const struct wshub_message *message, wshub_token token) {
    struct wshub_message keyless;
    if (message->key.length > 0 && !broker_can(broker, WSHUB_BROKER_IDEMPOTENT)) {
        keyless = *message;
        keyless.key = (struct wshub_bytes){NULL, 0};
        keyless.key_ttl = 0;
        message = &keyless;
    }
    return broker->table->publish(broker->self, message, token);
}

void broker_publish(struct broker *broker, const struct wshub_message *message, broker_position_fn position,
                    struct broker_reply reply) {
    size_t length = message->payload.length;
    struct broker_call *call = begin(broker, BROKER_PUBLISH, length + PUBLISH_OVERHEAD, reply);
    if (!call) {
        return;
    }
    wshub_token token = calls_token(&call->head);
    int status;
    call->position = position;
    if (broker->table->max_payload > 0 && length > broker->table->max_payload) {
        status = WSHUB_TOO_LARGE;
    } else if (broker->in_flight_bytes > IN_FLIGHT_BYTES_MAX) {
        status = WSHUB_UNAVAILABLE;
    } else {
        status = publish(broker, message, token);
    }
    after_slot(broker, call, token, status);
}

// NULL: settled already.
static struct broker_call *begin_with(struct broker *broker, uint32_t capability,
                                      enum broker_operation operation, struct broker_reply reply) {
    struct broker_call *call = begin(broker, operation, 0, reply);
    if (call && !broker_can(broker, capability)) {
        settle(&broker->host.calls, &call->head, WSHUB_UNSUPPORTED);
        return NULL;
    }
    return call;
}

static struct broker_call *begin_registry(struct broker *broker, enum broker_operation operation,
                                          struct broker_reply reply) {
    return begin_with(broker, WSHUB_BROKER_REGISTRY, operation, reply);
}

void broker_registry_set(struct broker *broker, struct wshub_bytes key, struct wshub_bytes value,
                         uint64_t ttl, struct broker_reply reply) {
    struct broker_call *call = begin_registry(broker, BROKER_REGISTRY_SET, reply);
    if (call) {
        wshub_token token = calls_token(&call->head);
        after_slot(broker, call, token, broker->table->registry_set(broker->self, key, value, ttl, token));
    }
}

void broker_registry_delete(struct broker *broker, struct wshub_bytes key, struct broker_reply reply) {
    struct broker_call *call = begin_registry(broker, BROKER_REGISTRY_DELETE, reply);
    if (call) {
        wshub_token token = calls_token(&call->head);
        after_slot(broker, call, token, broker->table->registry_delete(broker->self, key, token));
    }
}

void broker_registry_get(struct broker *broker, struct wshub_bytes key, broker_entry_fn entry,
                         struct broker_reply reply) {
    struct broker_call *call = begin_registry(broker, BROKER_REGISTRY_GET, reply);
    if (call) {
        wshub_token token = calls_token(&call->head);
        call->entry = entry;
        after_slot(broker, call, token, broker->table->registry_get(broker->self, key, token));
    }
}

void broker_registry_list(struct broker *broker, struct wshub_bytes prefix, broker_entry_fn entry,
                          struct broker_reply reply) {
    struct broker_call *call = begin_registry(broker, BROKER_REGISTRY_LIST, reply);
    if (call) {
        wshub_token token = calls_token(&call->head);
        call->entry = entry;
        after_slot(broker, call, token, broker->table->registry_list(broker->self, prefix, token));
    }
}

void broker_heartbeat(struct broker *broker, struct wshub_bytes key, struct wshub_bytes value, uint64_t ttl,
                      struct broker_reply reply) {
    struct broker_call *call = begin_registry(broker, BROKER_HEARTBEAT, reply);
    if (call) {
        wshub_token token = calls_token(&call->head);
        after_slot(broker, call, token, broker->table->heartbeat(broker->self, key, value, ttl, token));
    }
}

void broker_history(struct broker *broker, const struct wshub_history_query *query, broker_message_fn message,
                    broker_position_fn position, struct broker_reply reply) {
    struct broker_call *call = begin_with(broker, WSHUB_BROKER_HISTORY, BROKER_HISTORY, reply);
    if (!call) {
        return;
    }
    wshub_token token = calls_token(&call->head);
    call->message = message;
    call->position = position;
    call->reading = reading_new(query);
    int status = call->reading ? broker->table->history(broker->self, query, token) : WSHUB_NO_MEMORY;
    after_slot(broker, call, token, status);
}

static void tell_untold(struct broker *broker) {
    uint64_t untold = throttle_settle(&broker->untrue, loop_now(broker->host.setup.loop));
    if (untold > 0) {
        log_error(broker->host.setup.log, "more answers of a broker plugin that cannot be",
                  log_text("broker", broker->host.setup.name), log_number("count", untold));
    }
}

static void tell_overrun(struct broker *broker) {
    if (atomic_load_explicit(&broker->overrun, memory_order_relaxed) &&
        atomic_exchange(&broker->overrun, false)) {
        log_error(broker->host.setup.log,
                  "broker plugin delivers faster than the hub can take: messages were lost",
                  log_text("broker", broker->host.setup.name));
        broker_tell_loss(broker, (struct wshub_bytes){NULL, 0});
    }
}

void broker_expire(struct broker *broker) {
    tell_overrun(broker);
    tell_untold(broker);
    calls_expire(&broker->host.calls);
}

// ---- opening and closing ----

static const struct host_words words = {
    .field = "broker",
    .slot = "operation",
    .timeout = "timeouts.broker",
    .unopened = "broker cannot be opened",
    .unclosed = "broker cannot be closed",
    .refused = "broker option cannot be used",
    .left = "broker plugin has left timers or watches behind",
    .late = "broker did not answer in time",
    .strays = "broker plugin completed an operation twice, or an unknown one; further ones are only counted",
};

// The plugin was looked at before, but its file may have changed since.
static bool open_plugin(struct broker *broker) {
    if (!broker->table) {
        host_tell_unopened(&broker->host, "it is not a broker: list it under `auth`");
        return false;
    }
    struct watchdog *watchdog = watchdog_start(&broker->host.setup, "open");
    int status = broker->table->open(&broker->host.services, &broker->self);
    watchdog_stop(watchdog);
    if (status != WSHUB_OK) {
        host_tell_status(&broker->host, status);
    }
    return status == WSHUB_OK;
}

static bool init(struct broker *broker, const struct broker_setup *setup) {
    const struct host_setup common = {
        .words = &words,
        .name = setup->name,
        .instance_id = setup->instance_id,
        .plugin = setup->plugin,
        .options = setup->options,
        .loop = setup->loop,
        .log = setup->log,
        .timeout = setup->timeout,
    };
    broker->host.calls = (struct calls){
        .settle = settle,
        .call_size = sizeof(struct broker_call),
        .names = broker_operation_names,
        .strays = &broker->stats.stray_completions,
        .lates = &broker->stats.late_completions,
    };
    broker->listener = setup->listener;
    broker->table = setup->plugin->about.broker;
    broker->opened = clock_ns();
    bool ok = host_init(&broker->host, &common, broker_host_take);
    broker_host_init(broker);
    return ok;
}

struct broker *broker_open(const struct broker_setup *setup) {
    struct broker *broker = calloc(1, sizeof *broker);
    if (!broker) {
        log_error(setup->log, "out of memory");
        return NULL;
    }
    if (!init(broker, setup) || !open_plugin(broker)) {
        host_free(&broker->host);
        free(broker);
        return NULL;
    }
    return broker;
}

bool broker_is_mute(const struct broker *broker) {
    return !broker->link_told && clock_ns() - broker->opened > broker->host.setup.timeout * 1000000;
}

void broker_tell_mute(const struct broker *broker) {
    char reason[160];
    snprintf(reason, sizeof reason,
             "open() returned, but host->link was not called within %llu ms (timeouts.broker): it must say "
             "whether "
             "the link is up",
             (unsigned long long)broker->host.setup.timeout);
    host_tell_unopened(&broker->host, reason);
}

void broker_close(struct broker *broker) {
    if (!broker) {
        return;
    }
    broker->host.closing = true;
    struct watchdog *watchdog = watchdog_start(&broker->host.setup, "close");
    broker->table->close(broker->self);
    watchdog_stop(watchdog);
    host_free(&broker->host);
    free(broker);
}
