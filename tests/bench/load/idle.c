// SPDX-License-Identifier: MIT
// idle: the server's memory for a connection that is subscribed to one channel and does nothing.
#include "load/load.h"

#include <inttypes.h>

enum { SAMPLE_MS = 200, SAMPLES_EQUAL = 4, SAMPLES_MAX = 40, EQUAL_KIB = 16 };

// The memory when it has stopped changing: lazily touched pages and queues of the connecting phase settle.
static int settled_rss(struct load *load, long *kib) {
    long last = -1;
    unsigned equal = 0;
    for (unsigned i = 0; i < SAMPLES_MAX && equal < SAMPLES_EQUAL; i++) {
        if (client_idle(&load->client, SAMPLE_MS) < 0)
            return -1;
        *kib = proc_rss_kib((pid_t)load->options.pid);
        if (*kib < 0)
            return client_fail(&load->client, "no process %" PRIu64 " to measure", load->options.pid);
        bool same = last >= 0 && *kib - last <= EQUAL_KIB && last - *kib <= EQUAL_KIB;
        equal = same ? equal + 1 : 0;
        last = *kib;
    }
    return 0;
}

int scenario_idle(struct load *load) {
    const struct load_options *options = &load->options;
    enum client_channels channels = options->one_channel ? CLIENT_ONE_CHANNEL : CLIENT_OWN_CHANNEL;
    uint32_t count = (uint32_t)options->connections;
    long before, after;
    if (settled_rss(load, &before) < 0 ||
        client_connect(&load->client, count, channels, (uint32_t)options->in_flight) < 0 ||
        settled_rss(load, &after) < 0)
        return -1;
    report_number(load->report, "connections", count);
    report_number(load->report, "rss_before_kib", (double)before);
    report_number(load->report, "rss_after_kib", (double)after);
    report_number(load->report, "kib_per_connection", (double)(after - before) / count);
    return 0;
}
