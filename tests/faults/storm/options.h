// SPDX-License-Identifier: MIT
// The command line of wshub-storm. Help, ranges and defaults stand in options.c.
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct storm_options {
    const char *backend, *hub, *url, *faults, *persist, *report, *picture, *clock, *folder;
    uint64_t instances, workers, channels, publishers, subscribers, per_subscriber;
    uint64_t rate, size, seconds, settle, seed, trace;
    uint64_t history_size, window, outbox, pause_ms, instance_ttl_ms, drain_ms, check_ms, broker_timeout_ms;
    bool history, keys, keep, quiet, plan;
};

// -1, with a line on stderr, when something is unknown, missing or out of range.
int storm_options_read(struct storm_options *options, int argc, char **argv);
void storm_options_help(void);
