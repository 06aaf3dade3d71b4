// SPDX-License-Identifier: MIT
// wshub-load: loads a server that speaks the native protocol on loopback and prints one JSON object with what
// it cost.
//
//     wshub-load fanout --port 8000 --pid 4711 --subscribers 2000 --window 16
//
// 0: done; 1: something did not arrive, said on stderr; 2: a mistake on the command line.
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "load/load.h"
#include "load/options.h"

static const struct scenario {
    const char *name;
    int (*run)(struct load *load);
    const char *help;
} scenarios[] = {
    {"connect", scenario_connect, "open and subscribe --connections, --in-flight at a time"},
    {"idle", scenario_idle, "memory of the server for each of --connections"},
    {"channels", scenario_channels,
     "memory of the server for each of --per-connection channels on --connections"},
    {"hold", scenario_hold,
     "subscribe --connections to --per-connection channels each and stay until stdin ends"},
    {"fanout", scenario_fanout, "--messages to --subscribers of one channel, --window outstanding"},
    {"one-to-one", scenario_one_to_one, "--messages over --channels of one subscriber, --window outstanding"},
    {"paced-fanout", scenario_paced_fanout, "latency of --rate publications/s to --subscribers"},
    {"paced-one-to-one", scenario_paced_one_to_one, "latency of --rate publications/s over --channels"},
};

#define FIELD(name) offsetof(struct load_options, name)
static const struct option all_options[] = {
    {"--port", FIELD(port), 1, 65535, 0, "of the server, on 127.0.0.1"},
    {"--pid", FIELD(pid), 1, 4194304, 0, "of the server, to measure it"},
    {"--connections", FIELD(connections), 1, CLIENT_CONNECTIONS_MAX, 10000,
     "connect, idle, channels, hold: how many"},
    {"--per-connection", FIELD(per_connection), 0, 10000, 0, "hold, channels: channels of each connection"},
    {"--one-channel", FIELD(one_channel), 0, 1, 0, "idle: 1 subscribes all to the same channel"},
    {"--subscribers", FIELD(subscribers), 1, CLIENT_CONNECTIONS_MAX, 2000, "of the one channel"},
    {"--channels", FIELD(channels), 1, CLIENT_CONNECTIONS_MAX, 5000, "with one subscriber each"},
    {"--idle", FIELD(idle), 0, CLIENT_CONNECTIONS_MAX, 0, "connections besides that take no part"},
    {"--publishers", FIELD(publishers), 1, 1000, 1, "publishing connections, used in turn"},
    {"--window", FIELD(window), 1, LOAD_WINDOW_MAX, 1, "publications outstanding"},
    {"--messages", FIELD(messages), 1, 100000000, 100, "publications measured"},
    {"--warmup", FIELD(warmup), 1, 1000000, 10, "publications (connect: connections) before, not measured"},
    {"--rate", FIELD(rate), 1, 1000000, 100, "paced: publications per second"},
    {"--doze", FIELD(doze), 0, 1, 0, "paced: 1 sleeps between publications; latencies then tell nothing"},
    {"--size", FIELD(size), 20, PUBLISHERS_DATA_MAX, 128, "bytes of the data, a JSON string with its quotes"},
    {"--ack", FIELD(ack), 0, 1, 0, "1 publishes with an id, so that each is answered"},
    {"--in-flight", FIELD(in_flight), 1, 4096, 64, "connections under way while connecting"},
    {"--deadline", FIELD(deadline), 1, 3600, 120, "seconds for the whole run"},
};
static const struct options options = {.program = "wshub-load",
                                       .all = all_options,
                                       .count = sizeof all_options / sizeof all_options[0],
                                       .first = 2};
enum { SCENARIOS = sizeof scenarios / sizeof scenarios[0] };

static int usage(void) {
    fprintf(stderr, "usage: wshub-load SCENARIO [--option NUMBER]...\n\nscenarios\n");
    for (size_t i = 0; i < SCENARIOS; i++)
        fprintf(stderr, "  %-18s %s\n", scenarios[i].name, scenarios[i].help);
    options_help(&options, stderr);
    return 2;
}

static const struct scenario *find_scenario(const char *name) {
    for (size_t i = 0; i < SCENARIOS; i++)
        if (strcmp(scenarios[i].name, name) == 0)
            return &scenarios[i];
    return NULL;
}

static void raise_descriptor_limit(void) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

// The report is held back until the run has succeeded: a caller never sees half an object.
static int run(const struct scenario *scenario, struct load *load) {
    char *text = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&text, &length);
    if (!out)
        return -1;
    struct report report;
    load->report = &report;
    report_begin(&report, out);
    report_text(&report, "scenario", scenario->name);
    int result =
        client_open(&load->client, (uint16_t)load->options.port, "/ws", (unsigned)load->options.deadline);
    if (result == 0)
        result = scenario->run(load);
    report_end(&report);
    fclose(out);
    if (result == 0)
        fputs(text, stdout);
    else
        fprintf(stderr, "wshub-load: %s: %s\n", scenario->name, load->client.error);
    free(text);
    publishers_close(&load->publishers);
    client_close(&load->client);
    return result;
}

int main(int argc, char **argv) {
    const struct scenario *scenario = argc > 1 ? find_scenario(argv[1]) : NULL;
    struct load load = {0};
    if (!scenario)
        return usage();
    if (options_read(&options, &load.options, argc, argv) < 0)
        return 2;
    raise_descriptor_limit();
    return run(scenario, &load) < 0 ? 1 : 0;
}
