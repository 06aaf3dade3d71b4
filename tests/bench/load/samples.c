// SPDX-License-Identifier: MIT
#include "load/samples.h"

#include <stdlib.h>

int samples_init(struct samples *samples, size_t room) {
    *samples = (struct samples){.ns = malloc(room * sizeof *samples->ns), .room = room};
    return samples->ns ? 0 : -1;
}

void samples_add(struct samples *samples, uint64_t ns) {
    if (samples->count < samples->room)
        samples->ns[samples->count++] = ns;
}

static int by_size(const void *a, const void *b) {
    uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;
    return left < right ? -1 : left > right;
}

void samples_sort(struct samples *samples) {
    qsort(samples->ns, samples->count, sizeof *samples->ns, by_size);
}

double samples_percentile_us(const struct samples *samples, double percent) {
    if (samples->count == 0)
        return 0;
    size_t at = (size_t)((double)(samples->count - 1) * percent / 100.0 + 0.5);
    return (double)samples->ns[at] / 1e3;
}

void samples_free(struct samples *samples) {
    free(samples->ns);
}
