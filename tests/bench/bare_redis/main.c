// SPDX-License-Identifier: MIT
// wshub-bare-redis: does with hiredis alone, on epoll and one thread, what the hub does through its Redis
// plugin, and prints one JSON object with what it cost this process. The reference of the rows redis-...
//
//     wshub-bare-redis one-to-one --port 6379 --channels 5000 --window 1000
//
// 0: done; 1: something went wrong, said on stderr; 2: a mistake on the command line.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "bare_redis/bare.h"
#include "load/options.h"

static const struct scenario {
    const char *name;
    int (*run)(struct bare *bare);
    const char *help;
} scenarios[] = {
    {"one-to-one", scenario_one_to_one,
     "publish --messages over --channels, --window outstanding or at --rate"},
    {"subscribe", scenario_subscribe, "subscribe to --channels, --window outstanding"},
    {"set", scenario_set, "write as many keys that expire, --window outstanding"},
};
enum { SCENARIOS = sizeof scenarios / sizeof scenarios[0] };

#define FIELD(name) offsetof(struct bare_options, name)
static const struct option all_options[] = {
    {"--port", FIELD(port), 1, 65535, 0, "of Redis, on 127.0.0.1"},
    {"--channels", FIELD(channels), 1, 10000000, 5000, "how many; set: keys"},
    {"--messages", FIELD(messages), 1, 100000000, 100000, "publications measured"},
    {"--warmup", FIELD(warmup), 1, 1000000, 5000, "publications before, not measured"},
    {"--window", FIELD(window), 1, 10000000, 1000, "commands outstanding"},
    {"--rate", FIELD(rate), 0, 1000000, 0, "publications per second; 0: as --window lets"},
    {"--size", FIELD(size), 1, 4096, 128, "bytes of a publication"},
    {"--ttl", FIELD(ttl), 1, 86400000, 120000, "of a key, in milliseconds"},
};
static const struct options options = {.program = "wshub-bare-redis",
                                       .all = all_options,
                                       .count = sizeof all_options / sizeof all_options[0],
                                       .first = 2};

static int usage(void) {
    fprintf(stderr, "usage: wshub-bare-redis SCENARIO [--option NUMBER]...\n\nscenarios\n");
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

// The report is held back until the run has succeeded: a caller never sees half an object.
static int run(const struct scenario *scenario, struct bare *bare) {
    char *text = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&text, &length);
    if (!out)
        return -1;
    struct report report;
    bare->report = &report;
    report_begin(&report, out);
    report_text(&report, "scenario", scenario->name);
    int result = scenario->run(bare);
    report_end(&report);
    fclose(out);
    if (result >= 0)
        fputs(text, stdout);
    free(text);
    return result;
}

int main(int argc, char **argv) {
    const struct scenario *scenario = argc > 1 ? find_scenario(argv[1]) : NULL;
    struct bare bare = {0};
    if (!scenario)
        return usage();
    if (options_read(&options, &bare.options, argc, argv) < 0)
        return 2;
    bare.epoll = epoll_create1(EPOLL_CLOEXEC);
    if (bare.epoll < 0) {
        perror("wshub-bare-redis: epoll");
        return 1;
    }
    int result = run(scenario, &bare);
    close(bare.epoll);
    return result < 0 ? 1 : 0;
}
