// SPDX-License-Identifier: MIT
// What the auth plugins have decided. Without such plugins there is none of it.
#include <stddef.h>
#include <stdio.h>

#include "api/metrics_priv.h"
#include "hub/hub.h"
#include "hub/instance.h"
#include "plugin/auth.h"
#include "util/buf.h"

static void write_decisions(struct buf *out, struct auth *auth) {
    for (int slot = 0; slot < AUTH_SLOTS; slot++) {
        for (int result = 0; result < AUTH_RESULTS; result++) {
            buf_printf(out, "wshub_auth_decisions_total{auth=\"%s\",slot=\"%s\",result=\"%s\"} %llu\n",
                       auth_name(auth), auth_slot_names[slot], auth_result_names[result],
                       (unsigned long long)counter_get(&auth_stats(auth)->slots[slot].results[result]));
        }
    }
}

static void write_durations(struct buf *out, struct auth *auth) {
    static const char metric[] = "wshub_auth_seconds";
    const struct auth_stats *stats = auth_stats(auth);
    for (int slot = 0; slot < AUTH_SLOTS; slot++) {
        const char *name = auth_slot_names[slot];
        uint64_t sum = 0;
        for (int b = 0; b < AUTH_BUCKETS; b++) {
            char bound[32] = "+Inf";
            if (b < AUTH_BUCKETS - 1) {
                snprintf(bound, sizeof bound, "%g", auth_bucket_bounds[b]);
            }
            sum += counter_get(&stats->slots[slot].buckets[b]);
            buf_printf(out, "%s_bucket{auth=\"%s\",slot=\"%s\",le=\"%s\"} %llu\n", metric, auth_name(auth),
                       name, bound, (unsigned long long)sum);
        }
        buf_printf(out, "%s_sum{auth=\"%s\",slot=\"%s\"} %.9f\n", metric, auth_name(auth), name,
                   (double)counter_get(&stats->slots[slot].nanoseconds) / 1e9);
        buf_printf(out, "%s_count{auth=\"%s\",slot=\"%s\"} %llu\n", metric, auth_name(auth), name,
                   (unsigned long long)sum);
    }
}

static const struct {
    const char *name, *type, *help;
    size_t offset;
} auth_numbers[] = {
    {"wshub_auth_in_flight", "gauge", "Questions that the auth plugin has not answered yet.",
     offsetof(struct auth_stats, in_flight)},
    {"wshub_auth_late_completions_total", "counter",
     "Completions that came after their deadline: the auth plugin was slow.",
     offsetof(struct auth_stats, late_completions)},
    {"wshub_auth_stray_completions_total", "counter",
     "Completions that came twice or for nothing: errors of a plugin.",
     offsetof(struct auth_stats, stray_completions)},
};

static void write_numbers(struct buf *out, const struct hub *hub, unsigned count) {
    for (size_t n = 0; n < sizeof auth_numbers / sizeof *auth_numbers; n++) {
        metrics_family(out, auth_numbers[n].name, auth_numbers[n].type, auth_numbers[n].help);
        for (unsigned i = 0; i < count; i++) {
            struct auth *auth = hub_auth(hub, i);
            const char *stats = (const char *)auth_stats(auth);
            const counter *number = (const counter *)(const void *)(stats + auth_numbers[n].offset);
            buf_printf(out, "%s{auth=\"%s\"} %llu\n", auth_numbers[n].name, auth_name(auth),
                       (unsigned long long)counter_get(number));
        }
    }
}

void metrics_write_auth(struct buf *out, const struct instance *instance) {
    unsigned count = hub_auth_count(instance->hub);
    if (count == 0) {
        return;
    }
    metrics_family(out, "wshub_auth_decisions_total", "counter", "What the auth plugin has answered.");
    for (unsigned i = 0; i < count; i++) {
        write_decisions(out, hub_auth(instance->hub, i));
    }
    metrics_family(out, "wshub_auth_seconds", "histogram", "Time until the auth plugin answered.");
    for (unsigned i = 0; i < count; i++) {
        write_durations(out, hub_auth(instance->hub, i));
    }
    write_numbers(out, instance->hub, count);
    metrics_family(out, "wshub_revocations", "gauge", "Users and token ids that are not let in now.");
    buf_printf(out, "wshub_revocations %llu\n", (unsigned long long)hub_revocations(instance->hub));
}
