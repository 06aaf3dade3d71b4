// SPDX-License-Identifier: MIT
// channels: the server's memory for a channel with one subscriber, of few connections with many channels
// each. Before and after are the same process with the same connections: first with one channel, then with
// all.
#include "load/load.h"

int scenario_channels(struct load *load) {
    const struct load_options *options = &load->options;
    uint32_t connections = (uint32_t)options->connections;
    uint32_t channels = connections * (uint32_t)options->per_connection;
    long before, after;
    if (channels < 2)
        return client_fail(&load->client, "--connections times --per-connection must be 2 or more");
    if (client_connect(&load->client, connections, CLIENT_NO_CHANNEL, (uint32_t)options->in_flight) < 0 ||
        load_subscribe(load, 0, 1) < 0 || load_settled_rss(load, &before) < 0 ||
        load_subscribe(load, 1, channels - 1) < 0 || load_settled_rss(load, &after) < 0)
        return -1;
    report_number(load->report, "channels", channels);
    report_number(load->report, "rss_before_kib", (double)before);
    report_number(load->report, "rss_after_kib", (double)after);
    report_number(load->report, "bytes_per_channel", (double)(after - before) * 1024 / (channels - 1));
    return 0;
}
