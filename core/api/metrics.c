// SPDX-License-Identifier: MIT
// Names and units by the conventions of prometheus.io/docs/practices/naming: base units, _total for counters.
#include "api/metrics.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "api/metrics_priv.h"
#include "hub/hub.h"
#include "hub/instance.h"
#include "hub/worker.h"
#include "plugin/broker.h"
#include "util/buf.h"

void metrics_family(struct buf *out, const char *name, const char *type, const char *help) {
    buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

// ---- one number per worker ----

static const struct {
    const char *name, *type, *help;
    size_t offset;
} worker_numbers[] = {
    {"wshub_connections", "gauge", "WebSocket connections open.", offsetof(struct worker_stats, connections)},
    {"wshub_worker_channels", "gauge", "Channels with a subscriber on the worker.",
     offsetof(struct worker_stats, channels)},
    {"wshub_connections_held", "gauge", "Of them, those that are not let in yet.",
     offsetof(struct worker_stats, held)},
    {"wshub_subscriptions", "gauge", "Subscriptions of connections to channels.",
     offsetof(struct worker_stats, subscriptions)},
    {"wshub_outbox_bytes", "gauge", "Bytes queued to connections.",
     offsetof(struct worker_stats, outbox_bytes)},
    {"wshub_accepted_connections_total", "counter", "Sockets taken from the listeners.",
     offsetof(struct worker_stats, accepted)},
    {"wshub_refused_upgrades_total", "counter", "WebSocket handshakes refused.",
     offsetof(struct worker_stats, refused)},
    {"wshub_messages_received_total", "counter", "WebSocket messages received from clients.",
     offsetof(struct worker_stats, messages_received)},
    {"wshub_messages_sent_total", "counter", "Channel messages queued to clients.",
     offsetof(struct worker_stats, messages_sent)},
    {"wshub_received_bytes_total", "counter", "Bytes read from sockets.",
     offsetof(struct worker_stats, bytes_received)},
    {"wshub_sent_bytes_total", "counter", "Bytes written to sockets.",
     offsetof(struct worker_stats, bytes_sent)},
    {"wshub_send_calls_total", "counter", "System calls that wrote to sockets.",
     offsetof(struct worker_stats, sends)},
};

static void write_worker_numbers(struct buf *out, const struct instance *instance) {
    for (size_t i = 0; i < sizeof worker_numbers / sizeof *worker_numbers; i++) {
        metrics_family(out, worker_numbers[i].name, worker_numbers[i].type, worker_numbers[i].help);
        for (unsigned w = 0; w < instance->worker_count; w++) {
            const char *stats = (const char *)worker_stats(instance->workers[w]);
            const counter *number = (const counter *)(const void *)(stats + worker_numbers[i].offset);
            buf_printf(out, "%s{worker=\"%u\"} %llu\n", worker_numbers[i].name, w,
                       (unsigned long long)counter_get(number));
        }
    }
}

// ---- sums over the workers ----

static void write_closes(struct buf *out, const struct instance *instance) {
    metrics_family(out, "wshub_connection_closes_total", "counter",
                   "WebSocket connections closed, by reason.");
    for (int reason = 0; reason < CLOSE_REASONS; reason++) {
        uint64_t sum = 0;
        for (unsigned w = 0; w < instance->worker_count; w++) {
            sum += counter_get(&worker_stats(instance->workers[w])->closes[reason]);
        }
        buf_printf(out, "wshub_connection_closes_total{reason=\"%s\"} %llu\n", worker_close_reasons[reason],
                   (unsigned long long)sum);
    }
}

static void write_errors(struct buf *out, const struct instance *instance) {
    metrics_family(out, "wshub_errors_total", "counter", "Error answers to clients' operations, by code.");
    for (int code = ERROR_NONE + 1; code < ERROR_COUNT; code++) {
        uint64_t sum = 0;
        for (unsigned w = 0; w < instance->worker_count; w++) {
            sum += counter_get(&worker_stats(instance->workers[w])->errors[code]);
        }
        buf_printf(out, "wshub_errors_total{code=\"%s\"} %llu\n", error_words[code].name,
                   (unsigned long long)sum);
    }
}

// ---- brokers ----

static void write_operations(struct buf *out, const char *name, const struct broker_stats *stats) {
    static const char *const results[] = {"ok", "error", "timeout"};
    for (int op = 0; op < BROKER_OPERATIONS; op++) {
        const counter *counts[] = {&stats->operations[op].succeeded, &stats->operations[op].failed,
                                   &stats->operations[op].timed_out};
        for (int r = 0; r < 3; r++) {
            buf_printf(
                out, "wshub_broker_operations_total{broker=\"%s\",operation=\"%s\",result=\"%s\"} %llu\n",
                name, broker_operation_names[op], results[r], (unsigned long long)counter_get(counts[r]));
        }
    }
}

static void write_durations(struct buf *out, const char *name, const struct broker_stats *stats) {
    static const char metric[] = "wshub_broker_operation_duration_seconds";
    for (int op = 0; op < BROKER_OPERATIONS; op++) {
        const char *operation = broker_operation_names[op];
        uint64_t sum = 0;
        for (int b = 0; b < BROKER_BUCKETS; b++) {
            char bound[32] = "+Inf";
            if (b < BROKER_BUCKETS - 1) {
                snprintf(bound, sizeof bound, "%g", broker_bucket_bounds[b]);
            }
            sum += counter_get(&stats->operations[op].buckets[b]);
            buf_printf(out, "%s_bucket{broker=\"%s\",operation=\"%s\",le=\"%s\"} %llu\n", metric, name,
                       operation, bound, (unsigned long long)sum);
        }
        buf_printf(out, "%s_sum{broker=\"%s\",operation=\"%s\"} %.9f\n", metric, name, operation,
                   (double)counter_get(&stats->operations[op].nanoseconds) / 1e9);
        buf_printf(out, "%s_count{broker=\"%s\",operation=\"%s\"} %llu\n", metric, name, operation,
                   (unsigned long long)sum);
    }
}

// ---- one number per broker ----

static const struct {
    const char *name, *type, *help;
    size_t offset;
} broker_numbers[] = {
    {"wshub_broker_up", "gauge", "1 while the link to the broker is up.",
     offsetof(struct broker_stats, link_up)},
    {"wshub_broker_link_losses_total", "counter", "How often the link to the broker was lost.",
     offsetof(struct broker_stats, link_losses)},
    {"wshub_broker_dropped_deliveries_total", "counter",
     "Messages from the broker that were not taken, for want of memory or for their size.",
     offsetof(struct broker_stats, dropped)},
    {"wshub_broker_late_completions_total", "counter",
     "Completions that came after their deadline: the broker was slow.",
     offsetof(struct broker_stats, late_completions)},
    {"wshub_broker_stray_completions_total", "counter",
     "Completions that came twice or for nothing: errors of a plugin.",
     offsetof(struct broker_stats, stray_completions)},
};

static void write_broker_numbers(struct buf *out, const struct instance *instance) {
    for (size_t i = 0; i < sizeof broker_numbers / sizeof *broker_numbers; i++) {
        metrics_family(out, broker_numbers[i].name, broker_numbers[i].type, broker_numbers[i].help);
        for (unsigned b = 0; b < hub_broker_count(instance->hub); b++) {
            struct broker *broker = hub_broker(instance->hub, b);
            const char *stats = (const char *)broker_stats(broker);
            const counter *number = (const counter *)(const void *)(stats + broker_numbers[i].offset);
            buf_printf(out, "%s{broker=\"%s\"} %llu\n", broker_numbers[i].name, broker_name(broker),
                       (unsigned long long)counter_get(number));
        }
    }
}

static void write_brokers(struct buf *out, const struct instance *instance) {
    unsigned count = hub_broker_count(instance->hub);
    write_broker_numbers(out, instance);
    metrics_family(out, "wshub_broker_ready", "gauge",
                   "1 while probe messages come back through the broker.");
    for (unsigned i = 0; i < count; i++) {
        buf_printf(out, "wshub_broker_ready{broker=\"%s\"} %d\n", broker_name(hub_broker(instance->hub, i)),
                   hub_broker_is_ready(instance->hub, i));
    }
    metrics_family(out, "wshub_broker_probe_age_seconds", "gauge",
                   "Time since a probe message last came back through the broker.");
    for (unsigned i = 0; i < count; i++) {
        buf_printf(out, "wshub_broker_probe_age_seconds{broker=\"%s\"} %.3f\n",
                   broker_name(hub_broker(instance->hub, i)),
                   (double)hub_probe_age_ms(instance->hub, i) / 1e3);
    }
    metrics_family(out, "wshub_broker_operations_total", "counter",
                   "Operations asked of the broker, by result.");
    for (unsigned i = 0; i < count; i++) {
        struct broker *broker = hub_broker(instance->hub, i);
        write_operations(out, broker_name(broker), broker_stats(broker));
    }
    metrics_family(out, "wshub_broker_operation_duration_seconds", "histogram",
                   "Time until the broker settled an operation.");
    for (unsigned i = 0; i < count; i++) {
        struct broker *broker = hub_broker(instance->hub, i);
        write_durations(out, broker_name(broker), broker_stats(broker));
    }
}

// ---- the hub and the process ----

static void write_hub(struct buf *out, const struct instance *instance) {
    const struct hub_stats *stats = hub_stats(instance->hub);
    metrics_family(out, "wshub_channels", "gauge",
                   "Channels that this instance is subscribed to, or is about to.");
    buf_printf(out, "wshub_channels %llu\n", (unsigned long long)counter_get(&stats->channels));
    metrics_family(out, "wshub_channels_lost", "gauge",
                   "Channels with subscribers here that the broker is not subscribed to.");
    buf_printf(out, "wshub_channels_lost %llu\n", (unsigned long long)counter_get(&stats->lost));
    metrics_family(out, "wshub_gaps_total", "counter",
                   "Channels whose subscribers were told that messages may be missing.");
    buf_printf(out, "wshub_gaps_total %llu\n", (unsigned long long)counter_get(&stats->gaps));
    metrics_family(out, "wshub_registry_entries", "gauge",
                   "Connections of this instance in the registry, or on their way.");
    buf_printf(out, "wshub_registry_entries %llu\n", (unsigned long long)hub_registry_entries(instance->hub));
    metrics_family(out, "wshub_registry_kept", "gauge",
                   "1 while a broker keeps the registry; 0: there is none, or it cannot be written.");
    buf_printf(out, "wshub_registry_kept %d\n", hub_registry_is_kept(instance->hub));
    metrics_family(out, "wshub_last_values", "gauge",
                   "Last values that this instance holds for new subscribers.");
    buf_printf(out, "wshub_last_values %llu\n", (unsigned long long)counter_get(&stats->last_values));
    metrics_family(out, "wshub_last_value_bytes", "gauge", "Memory of these messages.");
    buf_printf(out, "wshub_last_value_bytes %llu\n",
               (unsigned long long)counter_get(&stats->last_value_bytes));
    metrics_family(out, "wshub_deliveries_total", "counter",
                   "Messages from brokers for a channel with subscribers here.");
    buf_printf(out, "wshub_deliveries_total %llu\n", (unsigned long long)counter_get(&stats->deliveries));
    metrics_family(out, "wshub_delayed_publishes_total", "counter",
                   "Publishes and sends that waited for a worker to catch up.");
    buf_printf(out, "wshub_delayed_publishes_total %llu\n", (unsigned long long)counter_get(&stats->delayed));
    metrics_family(out, "wshub_loop_lag_seconds", "gauge", "How late the thread's periodic timer last ran.");
    buf_printf(out, "wshub_loop_lag_seconds{thread=\"hub\"} %.3f\n",
               (double)counter_get(&stats->lag_ms) / 1e3);
    for (unsigned w = 0; w < instance->worker_count; w++) {
        buf_printf(out, "wshub_loop_lag_seconds{thread=\"worker-%u\"} %.3f\n", w,
                   (double)counter_get(&worker_stats(instance->workers[w])->lag_ms) / 1e3);
    }
    metrics_family(out, "wshub_ready", "gauge", "1 while /readyz answers 200.");
    buf_printf(out, "wshub_ready %d\n", atomic_load(&instance->readiness) == READINESS_READY);
    metrics_family(out, "wshub_connection_limit", "gauge", "Connections that this instance takes at most.");
    buf_printf(out, "wshub_connection_limit %llu\n", (unsigned long long)instance->connection_limit);
    metrics_family(out, "wshub_build_info", "gauge", "The running version; the value is 1.");
    buf_printf(out, "wshub_build_info{version=\"%s\",instance=\"%s\"} 1\n", WSHUB_VERSION, instance->id);
}

static uint64_t resident_bytes(void) {
    unsigned long pages = 0;
    FILE *statm = fopen("/proc/self/statm", "re");
    if (statm) {
        if (fscanf(statm, "%*u %lu", &pages) != 1) {
            pages = 0;
        }
        fclose(statm);
    }
    return (uint64_t)pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

static void write_process(struct buf *out, const struct instance *instance) {
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    metrics_family(out, "process_resident_memory_bytes", "gauge", "Resident memory.");
    buf_printf(out, "process_resident_memory_bytes %llu\n", (unsigned long long)resident_bytes());
    metrics_family(out, "process_cpu_seconds_total", "counter", "User and system CPU time.");
    buf_printf(out, "process_cpu_seconds_total %.3f\n",
               (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
                   (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6);
    metrics_family(out, "process_start_time_seconds", "gauge", "Start, in seconds since the epoch.");
    buf_printf(out, "process_start_time_seconds %lld\n", (long long)instance->started);
}

void metrics_write(struct buf *out, const struct instance *instance) {
    write_worker_numbers(out, instance);
    write_closes(out, instance);
    write_errors(out, instance);
    write_brokers(out, instance);
    metrics_write_auth(out, instance);
    metrics_write_history(out, instance);
    metrics_write_presence(out, instance);
    write_hub(out, instance);
    write_process(out, instance);
}
