// SPDX-License-Identifier: MIT
// idle: the server's memory for a connection that is subscribed to one channel and does nothing.
#include "load/load.h"

int scenario_idle(struct load *load) {
    const struct load_options *options = &load->options;
    enum client_channels channels = options->one_channel ? CLIENT_ONE_CHANNEL : CLIENT_OWN_CHANNEL;
    uint32_t count = (uint32_t)options->connections;
    long before, after;
    if (load_settled_rss(load, &before) < 0 ||
        client_connect(&load->client, count, channels, (uint32_t)options->in_flight) < 0 ||
        load_settled_rss(load, &after) < 0)
        return -1;
    report_number(load->report, "connections", count);
    report_number(load->report, "rss_before_kib", (double)before);
    report_number(load->report, "rss_after_kib", (double)after);
    report_number(load->report, "kib_per_connection", (double)(after - before) / count);
    return 0;
}
