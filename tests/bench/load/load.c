// SPDX-License-Identifier: MIT
#include "load/load.h"

#include <inttypes.h>

#include "load/clock.h"

enum { SURPLUS_MS = 100, WAIT_MS = 100 };

int load_connect(struct load *load, uint32_t subscribers, enum client_channels channels, uint32_t *first) {
    const struct load_options *options = &load->options;
    struct client *client = &load->client;
    uint32_t in_flight = (uint32_t)options->in_flight;
    if (client_connect(client, (uint32_t)options->idle, CLIENT_OWN_CHANNEL, in_flight) < 0)
        return -1;
    *first = client->count;
    if (client_connect(client, subscribers, channels, in_flight) < 0)
        return -1;
    return publishers_open(&load->publishers, client, (uint32_t)options->publishers, options->size,
                           options->ack != 0);
}

int load_turn(struct load *load, int wait_ms, bool *late) {
    struct client *client = &load->client;
    if (client_turn(client, wait_ms) < 0 || publishers_flush(&load->publishers) < 0)
        return -1;
    uint64_t now = clock_now_ns(), seen = client->deliveries + client->acks;
    if (seen != load->seen || load->seen_at_ns == 0) {
        load->seen = seen;
        load->seen_at_ns = now;
    }
    *late = now > client->deadline_ns || now - load->seen_at_ns > LOAD_STALL_SECONDS * UINT64_C(1000000000);
    return 0;
}

int load_meter_start(struct load *load) {
    if (meter_start(&load->meter, (pid_t)load->options.pid) < 0)
        return client_fail(&load->client, "no process %" PRIu64 " to measure", load->options.pid);
    return 0;
}

int load_meter_stop(struct load *load) {
    if (meter_stop(&load->meter) < 0)
        return client_fail(&load->client, "the server (process %" PRIu64 ") has gone", load->options.pid);
    return 0;
}

int load_finish(struct load *load) {
    struct client *client = &load->client;
    struct publishers *publishers = &load->publishers;
    bool late = false;
    while (publishers->acked && client->acks < publishers->published && !late)
        if (load_turn(load, WAIT_MS, &late) < 0)
            return -1;
    if (late)
        return client_fail(client, "%" PRIu64 " of %" PRIu64 " publishes were answered", client->acks,
                           publishers->published);
    return client_idle(client, SURPLUS_MS);
}
