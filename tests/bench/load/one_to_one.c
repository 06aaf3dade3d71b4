// SPDX-License-Identifier: MIT
// one-to-one: many channels with one subscriber each. A pool of publishing connections publishes to them in
// turn, `window` publications outstanding over all channels; each delivery lets the next publication go.
#include "load/load.h"

#include <inttypes.h>
#include <stdlib.h>

struct one_to_one {
    struct load *load;
    uint32_t first, channels, next;
    uint32_t *sent; // publications per channel
    uint64_t delivered, target;
    bool verify; // compare the data too; only in the warm-up
};

static int publish_next(struct one_to_one *run) {
    uint32_t at = run->next;
    run->next = (run->next + 1) % run->channels;
    return publishers_publish(&run->load->publishers, run->load->client.conns[run->first + at].channel,
                              run->sent[at]++);
}

static int on_message(struct client *client, struct conn *conn, const char *text, size_t length) {
    struct one_to_one *run = client->scenario;
    struct publishers *publishers = &run->load->publishers;
    uint32_t at = (uint32_t)(conn - client->conns) - run->first;
    uint64_t stamp = conn->received - 1;
    if (at >= run->channels || conn->received > run->sent[at])
        return client_fail(client, "channel bench:%u got %u messages, more than were published to it",
                           conn->channel, conn->received);
    if (run->verify && publishers_read(publishers, text, length, &stamp) < 0)
        return -1;
    if (stamp != conn->received - 1)
        return client_fail(client, "channel bench:%u got publication %" PRIu64 " in the place of %u",
                           conn->channel, stamp, conn->received - 1);
    run->delivered++;
    return publishers->published < run->target ? publish_next(run) : 0;
}

static int say_missing(const struct one_to_one *run) {
    struct client *client = &run->load->client;
    uint32_t at = 0;
    while (at + 1 < run->channels && client->conns[run->first + at].received == run->sent[at])
        at++;
    const struct conn *conn = &client->conns[run->first + at];
    return client_fail(
        client, "%" PRIu64 " of %" PRIu64 " publications were delivered; channel bench:%u got %u of %u",
        run->delivered, run->load->publishers.published, conn->channel, conn->received, run->sent[at]);
}

static int publish_all(struct one_to_one *run, uint64_t count) {
    struct load *load = run->load;
    run->target += count;
    for (uint64_t i = 0; i < load->options.window && i < count; i++)
        if (publish_next(run) < 0)
            return -1;
    if (publishers_flush(&load->publishers) < 0)
        return -1;
    while (run->delivered < run->target) {
        bool late;
        if (load_turn(load, 100, &late) < 0)
            return -1;
        if (late)
            return say_missing(run);
    }
    return 0;
}

static int measure(struct one_to_one *run) {
    struct load *load = run->load;
    if (load_connect(load, run->channels, CLIENT_OWN_CHANNEL, &run->first) < 0 ||
        publish_all(run, load->options.warmup) < 0)
        return -1;
    run->verify = false;
    if (load_meter_start(load) < 0 || publish_all(run, load->options.messages) < 0 ||
        load_meter_stop(load) < 0 || load_finish(load) < 0)
        return -1;
    meter_report(&load->meter, load->report, "delivery", load->options.messages);
    return 0;
}

int scenario_one_to_one(struct load *load) {
    struct one_to_one run = {.load = load, .verify = true, .channels = (uint32_t)load->options.channels};
    // One outstanding per channel at most, or publishers could overtake each other on it.
    if (load->options.window > run.channels)
        return client_fail(&load->client, "--window is more than --channels");
    load->client.on_message = on_message;
    load->client.scenario = &run;
    run.sent = calloc(run.channels, sizeof *run.sent);
    int result = run.sent ? measure(&run) : client_fail(&load->client, "memory is short");
    free(run.sent);
    return result;
}
