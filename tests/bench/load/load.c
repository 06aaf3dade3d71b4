// SPDX-License-Identifier: MIT
#include "load/load.h"

#include <inttypes.h>
#include <stdio.h>

#include "load/clock.h"

enum { SURPLUS_MS = 100, WAIT_MS = 100 };
enum { SUBSCRIBES_OUTSTANDING = 1000 };
enum { SAMPLE_MS = 200, SAMPLES_EQUAL = 4, SAMPLES_MAX = 40, EQUAL_KIB = 16 };

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

static int subscribe(struct client *client, uint32_t channel) {
    char text[96], frame[sizeof text + WIRE_HEADER_MAX];
    const struct conn *conn = &client->conns[channel % client->count];
    int length = snprintf(text, sizeof text, "{\"op\":\"subscribe\",\"id\":%u,\"channel\":\"bench:%u\"}",
                          channel + 1, channel);
    return client_send(client, conn, frame, wire_client_frame(frame, WIRE_TEXT, text, (size_t)length));
}

int load_subscribe(struct load *load, uint32_t first_channel, uint32_t count) {
    struct client *client = &load->client;
    uint64_t before = client->acks;
    uint32_t asked = 0;
    bool late = false;
    load->seen_at_ns = 0; // the stall counts from here
    while (client->acks - before < count && !late) {
        for (; asked < count && asked < client->acks - before + SUBSCRIBES_OUTSTANDING; asked++)
            if (subscribe(client, first_channel + asked) < 0)
                return -1;
        if (load_turn(load, WAIT_MS, &late) < 0)
            return -1;
    }
    if (late)
        return client_fail(client, "%" PRIu64 " of %u subscribes were answered", client->acks - before,
                           count);
    return 0;
}

int load_settled_rss(struct load *load, long *kib) {
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
