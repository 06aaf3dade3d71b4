// SPDX-License-Identifier: MIT
#include "storm/options.h"

#include <stddef.h>
#include <stdio.h>

#include "load/options.h"

#define FIELD(name) offsetof(struct storm_options, name)

static const struct option_text texts[] = {
    {"--backend", FIELD(backend), "memory",
     "memory, redis, nats, mqtt, via-nats or via-mqtt (history in Redis)"},
    {"--faults", FIELD(faults), "", "NAME[:COUNT],...; --list names them"},
    {"--hub", FIELD(hub), "build/wshub", "the hub's program"},
    {"--url", FIELD(url), NULL, "127.0.0.1:PORT,... of hubs that are there already"},
    {"--persist", FIELD(persist), "always", "what the broker keeps on disk: always, everysec or none"},
    {"--clock", FIELD(clock), NULL, "the library that shifts the wall clock, for clock-step"},
    {"--report", FIELD(report), NULL, "file for the report, JSON"},
    {"--picture", FIELD(picture), NULL, "file for the timeline, SVG"},
    {"--folder", FIELD(folder), "/tmp", "where the servers' own folder is made"},
};

static const struct option_switch switches[] = {
    {"history", FIELD(history), true, "channels have a history, clients recover by their positions"},
    {"keys", FIELD(keys), true,
     "with a history: a publish is repeated under its key until it is acknowledged"},
    {"keep", FIELD(keep), false, "keep the servers' folder also when all is well"},
    {"plan", FIELD(plan), false, "only print the faults, with their times and seeds, and do nothing"},
    {"quiet", FIELD(quiet), false, "only the verdict"},
};

static const struct option numbers[] = {
    {"--instances", FIELD(instances), 1, 16, 2, "hubs"},
    {"--workers", FIELD(workers), 1, 16, 1, "threads of each hub that serve clients"},
    {"--channels", FIELD(channels), 1, 10000, 10, "how many"},
    {"--publishers", FIELD(publishers), 1, 1000, 4, "connections that publish, each to all channels"},
    {"--subscribers", FIELD(subscribers), 1, 15000, 20, "connections that subscribe"},
    {"--per-subscriber", FIELD(per_subscriber), 1, 100, 2, "channels of each"},
    {"--rate", FIELD(rate), 1, 100000, 200, "publishes per second, of all"},
    {"--size", FIELD(size), 32, 60000, 100, "bytes of the data"},
    {"--seconds", FIELD(seconds), 1, 3600, 10, "of publishing; longer when the faults take longer"},
    {"--settle", FIELD(settle), 1, 600, 20, "seconds at most, from the last publish to the verdict"},
    {"--seed", FIELD(seed), 0, UINT64_MAX, 1, "of all that is drawn"},
    {"--history-size", FIELD(history_size), 1, 1000000, 10000, "messages that a channel keeps"},
    {"--window", FIELD(window), 1, 100000, 500, "unanswered publishes of one publisher"},
    {"--outbox", FIELD(outbox), 4096, 1 << 30, 1 << 20, "limits.outbox of the hubs, bytes"},
    {"--pause", FIELD(pause_ms), 100, 60000, 3000, "ms that pauses and cut links last"},
    {"--instance-ttl", FIELD(instance_ttl_ms), 500, 60000, 2000, "registry.instance_ttl of the hubs, ms"},
    {"--drain", FIELD(drain_ms), 0, 60000, 500, "drain.window of the hubs, ms"},
    {"--check", FIELD(check_ms), 100, 60000, 1000, "recovery.check of the hubs, ms"},
    {"--trace", FIELD(trace), 0, 15000, 0,
     "the subscriber, from 1 on, of which all is written to stderr; 0: none"},
    {"--broker-timeout", FIELD(broker_timeout_ms), 100, 60000, 2000, "timeouts.broker of the hubs, ms"},
};

static const struct options options = {
    .program = "wshub-storm",
    .all = numbers,
    .count = sizeof numbers / sizeof *numbers,
    .texts = texts,
    .text_count = sizeof texts / sizeof *texts,
    .switches = switches,
    .switch_count = sizeof switches / sizeof *switches,
    .first = 1,
};

int storm_options_read(struct storm_options *values, int argc, char **argv) {
    return options_read(&options, values, argc, argv);
}

void storm_options_help(void) {
    fprintf(stderr, "usage: wshub-storm [--option VALUE]...\n");
    options_help(&options, stderr);
}
