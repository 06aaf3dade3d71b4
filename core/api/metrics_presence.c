// SPDX-License-Identifier: MIT
// Who is in channels, which instances live, and what was sent to one of them.
#include "api/metrics_priv.h"

#include "hub/hub.h"
#include "hub/instance.h"
#include "util/buf.h"

static void write_sends(struct buf *out, const struct hub_stats *stats) {
    const struct {
        const char *result;
        const counter *count;
    } results[] = {{"sent", &stats->sent}, {"not_found", &stats->not_found}, {"failed", &stats->not_sent}};
    metrics_family(out, "wshub_sends_total", "counter", "Messages to one user or one connection.");
    for (size_t i = 0; i < sizeof results / sizeof *results; i++) {
        buf_printf(out, "wshub_sends_total{result=\"%s\"} %llu\n", results[i].result,
                   (unsigned long long)counter_get(results[i].count));
    }
}

void metrics_write_presence(struct buf *out, const struct instance *instance) {
    const struct hub_stats *stats = hub_stats(instance->hub);
    const struct {
        const char *name, *type, *help;
        const counter *value;
    } numbers[] = {
        {"wshub_members", "gauge", "Members of channels with presence, of this instance.", &stats->members},
        {"wshub_instances", "gauge", "Instances that live; 0: there is no channel with presence.",
         &stats->instances},
        {"wshub_reaped_total", "counter", "Registry entries of dead instances that were cleared away.",
         &stats->reaped},
    };
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        metrics_family(out, numbers[i].name, numbers[i].type, numbers[i].help);
        buf_printf(out, "%s %llu\n", numbers[i].name, (unsigned long long)counter_get(numbers[i].value));
    }
    write_sends(out, stats);
}
