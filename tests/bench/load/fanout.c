// SPDX-License-Identifier: MIT
// fanout: one channel, many subscribers, and `window` publications outstanding. A publication is outstanding
// until it has reached every subscriber; only then the next one leaves.
#include "load/load.h"

#include <inttypes.h>

enum { WINDOW_MAX = 1024 };

struct fanout {
    struct load *load;
    uint32_t first, subscribers, window;
    uint64_t completed, target;     // publications that reached everyone; how many are to
    uint32_t remaining[WINDOW_MAX]; // subscribers that publication n, at n % window, has yet to reach
    bool verify;                    // compare the data too; only in the warm-up, the bulk is counted
};

static int publish_next(struct fanout *fanout) {
    struct publishers *publishers = &fanout->load->publishers;
    fanout->remaining[publishers->published % fanout->window] = fanout->subscribers;
    return publishers_publish(publishers, 0, publishers->published);
}

static int on_message(struct client *client, struct conn *conn, const char *text, size_t length) {
    struct fanout *fanout = client->scenario;
    struct publishers *publishers = &fanout->load->publishers;
    uint64_t number = conn->received - 1, stamp = number;
    if (number >= publishers->published)
        return client_fail(client, "a subscriber got %u messages of %" PRIu64 " published", conn->received,
                           publishers->published);
    if (fanout->verify && publishers_read(publishers, text, length, &stamp) < 0)
        return -1;
    if (stamp != number)
        return client_fail(client, "a subscriber got publication %" PRIu64 " in the place of %" PRIu64, stamp,
                           number);
    if (--fanout->remaining[number % fanout->window] > 0)
        return 0;
    fanout->completed++; // the order per channel makes them complete in order
    return publishers->published < fanout->target ? publish_next(fanout) : 0;
}

static int say_missing(const struct fanout *fanout) {
    struct client *client = &fanout->load->client;
    uint32_t lacking = fanout->first;
    while (client->conns[lacking].received > fanout->completed)
        lacking++;
    return client_fail(client,
                       "publication %" PRIu64
                       " (counted from 0) did not reach %u of %u subscribers; connection %u "
                       "has %u messages",
                       fanout->completed, fanout->remaining[fanout->completed % fanout->window],
                       fanout->subscribers, lacking, client->conns[lacking].received);
}

// Publishes `count` more and returns when all of them have reached everyone.
static int publish_all(struct fanout *fanout, uint64_t count) {
    struct load *load = fanout->load;
    fanout->target += count;
    for (uint64_t i = 0; i < fanout->window && i < count; i++)
        if (publish_next(fanout) < 0)
            return -1;
    if (publishers_flush(&load->publishers) < 0)
        return -1;
    while (fanout->completed < fanout->target) {
        bool late;
        if (load_turn(load, 100, &late) < 0)
            return -1;
        if (late)
            return say_missing(fanout);
    }
    return 0;
}

int scenario_fanout(struct load *load) {
    const struct load_options *options = &load->options;
    struct fanout fanout = {.load = load, .verify = true};
    fanout.subscribers = (uint32_t)options->subscribers;
    fanout.window = (uint32_t)(options->window < WINDOW_MAX ? options->window : WINDOW_MAX);
    load->client.on_message = on_message;
    load->client.scenario = &fanout;
    if (load_connect(load, fanout.subscribers, CLIENT_ONE_CHANNEL, &fanout.first) < 0 ||
        publish_all(&fanout, options->warmup) < 0)
        return -1;
    fanout.verify = false;
    if (load_meter_start(load) < 0 || publish_all(&fanout, options->messages) < 0 ||
        load_meter_stop(load) < 0 || load_finish(load) < 0)
        return -1;
    meter_report(&load->meter, load->report, "delivery", options->messages * options->subscribers);
    return 0;
}
