// SPDX-License-Identifier: MIT
// Latencies, all of them kept: a bounded run has few enough, and percentiles stay exact.
#pragma once

#include <stddef.h>
#include <stdint.h>

struct samples {
    uint64_t *ns;
    size_t count, room;
};

int samples_init(struct samples *samples, size_t room);
void samples_add(struct samples *samples, uint64_t ns); // beyond `room` they are left out
void samples_sort(struct samples *samples);
double samples_percentile_us(const struct samples *samples, double percent); // after samples_sort
void samples_free(struct samples *samples);
