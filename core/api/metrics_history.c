// SPDX-License-Identifier: MIT
#include "api/metrics_priv.h"
#include "hub/hub.h"
#include "hub/instance.h"
#include "util/buf.h"

static void write_number(struct buf *out, const char *name, const char *type, const char *help,
                         const counter *number) {
    metrics_family(out, name, type, help);
    buf_printf(out, "%s %llu\n", name, (unsigned long long)counter_get(number));
}

static void write_results(struct buf *out, const char *name, const char *help, const char *const *results,
                          const counter *numbers, unsigned count) {
    metrics_family(out, name, "counter", help);
    for (unsigned i = 0; i < count; i++) {
        buf_printf(out, "%s{result=\"%s\"} %llu\n", name, results[i],
                   (unsigned long long)counter_get(&numbers[i]));
    }
}

void metrics_write_history(struct buf *out, const struct instance *instance) {
    static const char *const recoveries[RECOVERY_RESULTS] = {
        [RECOVERY_WHOLE] = "recovered", [RECOVERY_NOT_FOUND] = "not_found", [RECOVERY_FAILED] = "failed"};
    static const char *const checks[CHECK_RESULTS] = {
        [CHECK_SAME] = "same", [CHECK_BEHIND] = "behind", [CHECK_LOST] = "lost", [CHECK_FAILED] = "failed"};
    const struct hub_stats *stats = hub_stats(instance->hub);
    write_results(out, "wshub_recoveries_total",
                  "Subscribers that came with a position; recovered: they got all that they had missed.",
                  recoveries, stats->recoveries, RECOVERY_RESULTS);
    write_results(out, "wshub_position_checks_total",
                  "Quiet channels compared with their histories; behind: messages had been lost on the way.",
                  checks, stats->checks, CHECK_RESULTS);
    write_number(out, "wshub_history_reads_total", "counter", "Questions to the histories that brokers keep.",
                 &stats->reads);
    write_number(out, "wshub_holes_filled_total", "counter",
                 "Messages that did not arrive live, and were read from the history.", &stats->filled);
    write_number(out, "wshub_window_bytes", "gauge",
                 "Messages that are kept to bring subscribers up to date; bounded by recovery.memory.",
                 &stats->window_bytes);
}
