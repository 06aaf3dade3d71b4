// SPDX-License-Identifier: MIT
// connect: what it costs the server to accept, upgrade, welcome and subscribe a connection, each to a channel
// of its own, with a bounded number under way.
#include "load/load.h"

int scenario_connect(struct load *load) {
    const struct load_options *options = &load->options;
    struct client *client = &load->client;
    uint32_t in_flight = (uint32_t)options->in_flight;
    if (client_connect(client, (uint32_t)options->warmup, CLIENT_OWN_CHANNEL, in_flight) < 0 ||
        load_meter_start(load) < 0 ||
        client_connect(client, (uint32_t)options->connections, CLIENT_OWN_CHANNEL, in_flight) < 0 ||
        load_meter_stop(load) < 0)
        return -1;
    meter_report(&load->meter, load->report, "connection", options->connections);
    return 0;
}
