// SPDX-License-Identifier: MIT
#include "storm/outcome.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "load/report.h"

bool outcome_clean(const struct outcome *outcome) {
    return verdict_violations(&outcome->verdict) == 0 && outcome->stranded == 0 && outcome->unsettled == 0 &&
           !outcome->unfinished && outcome->storm->strange == 0 && !outcome->storm->fleet.ended[0] &&
           !outcome->storm->ledger.starved && outcome->verdict.delivered > 0;
}

static double seconds_of(const struct outcome *outcome, uint64_t at_ns) {
    return ((double)at_ns - (double)outcome->start_ns) / 1e9;
}

// Names like "hub-2"; "" where a fault has no single target.
static const char *target_of(const struct outcome *outcome, const struct fault *fault) {
    const struct fleet *fleet = &outcome->storm->fleet;
    if (strcmp(fault_name(fault), "clock-step") == 0 && fault->target >= fleet->hub_count)
        return fleet->brokers[fault->target - fleet->hub_count].name;
    if (strstr(fault_name(fault), "instance") || strcmp(fault_name(fault), "clock-step") == 0)
        return fleet->hubs[fault->target].name;
    if (strstr(fault_name(fault), "broker"))
        return fleet->brokers[fault->target].name;
    return "";
}

// ---- lines for people ----

static void say_faults(const struct outcome *outcome) {
    for (unsigned i = 0; i < outcome->faults->current; i++) {
        const struct fault *fault = &outcome->faults->all[i];
        const struct fault_measures *measures = &outcome->measures.faults[i];
        printf(
            "  %6.2f s  %-14s %-9s %5.0f ms, all deliver again after %.0f ms, delay p99 %.1f most %.1f ms\n",
            seconds_of(outcome, fault->began_ns), fault_name(fault), target_of(outcome, fault),
            (double)(fault->ended_ns - fault->began_ns) / 1e6, measures->again_ms, measures->p99_ms,
            measures->most_ms);
    }
}

static void say_examples(const struct outcome *outcome) {
    for (size_t i = 0; i < outcome->example_count && i < 10; i++) {
        const struct violation *violation = &outcome->examples[i];
        printf("  %s at %.3f s: subscriber %u", finding_names[violation->finding],
               seconds_of(outcome, violation->at_ns), violation->subscription);
        if (violation->publish != PUBLISH_NONE) {
            const struct publish *publish = &outcome->storm->ledger.publishes[violation->publish];
            printf(", storm:%u offset %" PRIu64 " epoch %s, publish %u of publisher %u, %u times",
                   publish->channel, publish->offset,
                   ledger_epoch_text(&outcome->storm->ledger, publish->epoch), violation->publish,
                   publish->publisher, publish->attempts);
        }
        printf("\n");
    }
}

static void say_troubles(const struct outcome *outcome) {
    if (outcome->stranded)
        printf("  %u subscriptions were not there again at the end\n", outcome->stranded);
    if (outcome->unsettled)
        printf("  %u publishes were not acknowledged by the end\n", outcome->unsettled);
    if (outcome->unfinished)
        printf("  the time was over before all faults were done\n");
    if (outcome->storm->fleet.ended[0])
        printf("  %s\n", outcome->storm->fleet.ended);
    if (outcome->storm->strange)
        printf("  %" PRIu64 " answers that no client should get, the first: %s\n", outcome->storm->strange,
               outcome->storm->strange_text);
    if (outcome->storm->ledger.starved)
        printf("  memory was short: there is no verdict\n");
    if (outcome->verdict.delivered == 0)
        printf("  nothing was delivered that anybody was owed\n");
}

void outcome_say(const struct outcome *outcome) {
    const struct verdict *verdict = &outcome->verdict;
    const struct storm_options *options = &outcome->storm->options;
    printf("%s: %s, seed %" PRIu64 ": acked %" PRIu64 " of %zu, owed %" PRIu64 ", delivered %" PRIu64
           ", told %" PRIu64,
           outcome_clean(outcome) ? "clean" : "VIOLATED", options->backend, options->seed,
           outcome->publishers->acked, outcome->storm->ledger.publish_count, verdict->owed,
           verdict->delivered, verdict->told);
    for (int i = 0; i < FINDINGS; i++)
        printf(", %s %" PRIu64, finding_names[i], verdict->found[i]);
    printf("\n");
    if (!options->quiet) {
        const struct measures *measures = &outcome->measures;
        printf("  delay p50 %.2f p99 %.1f most %.1f ms; longest silence %.0f ms; %" PRIu64
               " reconnects, at most %" PRIu64 " in a second; gaps %" PRIu64 ", recovered %" PRIu64
               ", not recovered %" PRIu64 "\n",
               measures->p50_ms, measures->p99_ms, measures->most_ms, measures->silence_ms,
               measures->reconnects, measures->reconnects_peak, outcome->subscribers->gaps,
               outcome->subscribers->recovered, outcome->subscribers->unrecovered);
        say_faults(outcome);
        if (fleet_cut_drains(&outcome->storm->fleet))
            printf("  %u times a hub ended without having said goodbye to all\n",
                   fleet_cut_drains(&outcome->storm->fleet));
    }
    say_examples(outcome);
    say_troubles(outcome);
    fflush(stdout);
}

// ---- JSON ----

static void report_options(struct report *report, const struct storm_options *options) {
    report_open(report, "options");
    report_text(report, "backend", options->backend);
    report_text(report, "faults", options->faults);
    report_text(report, "persist", options->persist);
    report_number(report, "history", options->history);
    report_number(report, "keys", options->keys);
    report_number(report, "instances", (double)options->instances);
    report_number(report, "channels", (double)options->channels);
    report_number(report, "publishers", (double)options->publishers);
    report_number(report, "subscribers", (double)options->subscribers);
    report_number(report, "per_subscriber", (double)options->per_subscriber);
    report_number(report, "rate", (double)options->rate);
    report_number(report, "size", (double)options->size);
    report_number(report, "seconds", (double)options->seconds);
    report_close(report);
}

static void report_counts(struct report *report, const struct outcome *outcome) {
    const struct verdict *verdict = &outcome->verdict;
    report_number(report, "published", (double)outcome->storm->ledger.publish_count);
    report_number(report, "acknowledged", (double)outcome->publishers->acked);
    report_number(report, "refused", (double)outcome->publishers->refused);
    report_number(report, "repeated", (double)outcome->publishers->repeated);
    report_number(report, "skipped", (double)outcome->publishers->skipped);
    report_number(report, "received", (double)outcome->subscribers->received);
    report_number(report, "owed", (double)verdict->owed);
    report_number(report, "delivered", (double)verdict->delivered);
    report_number(report, "told", (double)verdict->told);
    report_number(report, "unacknowledged", (double)verdict->unacknowledged);
    report_number(report, "again", (double)verdict->again);
    report_number(report, "gaps", (double)outcome->subscribers->gaps);
    report_number(report, "recovered", (double)outcome->subscribers->recovered);
    report_number(report, "not_recovered", (double)outcome->subscribers->unrecovered);
    report_open(report, "closed");
    for (int i = 0; member_closes[i]; i++)
        report_number(report, member_closes[i], (double)outcome->storm->closed[i]);
    report_close(report);
    report_number(report, "cut_drains", fleet_cut_drains(&outcome->storm->fleet));
    report_open(report, "violations");
    for (int i = 0; i < FINDINGS; i++)
        report_number(report, finding_names[i], (double)verdict->found[i]);
    report_number(report, "stranded", outcome->stranded);
    report_number(report, "unsettled", outcome->unsettled);
    report_number(report, "unfinished", outcome->unfinished);
    report_number(report, "strange", (double)outcome->storm->strange);
    report_close(report);
    report_text(report, "strange", outcome->storm->strange_text);
    report_text(report, "ended", outcome->storm->fleet.ended);
}

static void report_measures(struct report *report, const struct outcome *outcome) {
    const struct measures *measures = &outcome->measures;
    report_number(report, "delay_p50_ms", measures->p50_ms);
    report_number(report, "delay_p99_ms", measures->p99_ms);
    report_number(report, "delay_max_ms", measures->most_ms);
    report_number(report, "silence_ms", measures->silence_ms);
    report_number(report, "reconnects", (double)measures->reconnects);
    report_number(report, "reconnects_peak_per_s", (double)measures->reconnects_peak);
}

static void report_faults(struct report *report, const struct outcome *outcome) {
    report_array(report, "faults");
    for (unsigned i = 0; i < outcome->faults->count; i++) {
        const struct fault *fault = &outcome->faults->all[i];
        const struct fault_measures *measures = &outcome->measures.faults[i];
        report_open(report, NULL);
        report_text(report, "fault", fault_name(fault));
        report_number(report, "planned_s", (double)fault->planned_ms / 1e3);
        if (fault->ended_ns) {
            report_text(report, "target", target_of(outcome, fault));
            report_number(report, "began_s", seconds_of(outcome, fault->began_ns));
            report_number(report, "ended_s", seconds_of(outcome, fault->ended_ns));
            report_number(report, "again_ms", measures->again_ms);
            report_number(report, "delay_p50_ms", measures->p50_ms);
            report_number(report, "delay_p99_ms", measures->p99_ms);
            report_number(report, "delay_max_ms", measures->most_ms);
        }
        report_close(report);
    }
    report_array_end(report);
}

static void report_examples(struct report *report, const struct outcome *outcome) {
    report_array(report, "examples");
    for (size_t i = 0; i < outcome->example_count && i < 100; i++) {
        const struct violation *violation = &outcome->examples[i];
        report_open(report, NULL);
        report_text(report, "violation", finding_names[violation->finding]);
        report_number(report, "at_s", seconds_of(outcome, violation->at_ns));
        report_number(report, "subscriber", violation->subscription);
        if (violation->publish != PUBLISH_NONE) {
            const struct publish *publish = &outcome->storm->ledger.publishes[violation->publish];
            report_number(report, "publish", violation->publish);
            report_number(report, "publisher", publish->publisher);
            report_number(report, "channel", publish->channel);
            report_number(report, "offset", (double)publish->offset);
            report_text(report, "epoch", ledger_epoch_text(&outcome->storm->ledger, publish->epoch));
            report_number(report, "attempts", publish->attempts);
        }
        report_close(report);
    }
    report_array_end(report);
}

int outcome_report(const struct outcome *outcome, const char *path) {
    FILE *out = fopen(path, "w");
    struct report report;
    char seed[32];
    if (!out)
        return -1;
    snprintf(seed, sizeof seed, "%" PRIu64, outcome->storm->options.seed);
    report_begin(&report, out);
    report_text(&report, "verdict", outcome_clean(outcome) ? "clean" : "violated");
    report_text(&report, "seed", seed); // a text: 64 bits are more than a JSON number holds
    report_options(&report, &outcome->storm->options);
    report_counts(&report, outcome);
    report_measures(&report, outcome);
    report_faults(&report, outcome);
    report_examples(&report, outcome);
    report_end(&report);
    return fclose(out) == 0 ? 0 : -1;
}
