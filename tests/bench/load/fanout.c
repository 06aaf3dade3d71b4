// SPDX-License-Identifier: MIT
// fanout: one channel, many subscribers, and `window` publications outstanding. A publication is outstanding
// until it has reached every subscriber; only then the next one leaves.
#include "load/load.h"

#include <inttypes.h>
#include <stdlib.h>

// Publications of different connections may overtake each other, but all subscribers must see the one order.
struct place {
    uint32_t number;  // of the publication that stands here in the channel's order
    bool taken, seen; // `seen`: the publication with this number has a place
};

struct fanout {
    struct load *load;
    uint32_t first, subscribers, window;
    uint64_t completed, target;          // places that reached everyone; how many are to
    uint32_t remaining[LOAD_WINDOW_MAX]; // subscribers that place n, at n % window, has yet to reach
    struct place *order;                 // of the warm-up's publications; the bulk is only counted
    uint64_t verified;                   // how many these are
};

static int publish_next(struct fanout *fanout) {
    struct publishers *publishers = &fanout->load->publishers;
    fanout->remaining[publishers->published % fanout->window] = fanout->subscribers;
    return publishers_publish(publishers, 0, publishers->published);
}

static int verify(struct fanout *fanout, uint64_t at, const char *text, size_t length) {
    struct client *client = &fanout->load->client;
    struct place *place = &fanout->order[at];
    uint64_t number;
    if (publishers_read(&fanout->load->publishers, text, length, &number) < 0)
        return -1;
    if (number >= fanout->load->publishers.published)
        return client_fail(client, "publication %" PRIu64 " was delivered and never published", number);
    if (!place->taken) {
        if (fanout->order[number].seen)
            return client_fail(client, "publication %" PRIu64 " was delivered twice", number);
        *place = (struct place){.number = (uint32_t)number, .taken = true, .seen = place->seen};
        fanout->order[number].seen = true;
    }
    if (place->number != number)
        return client_fail(client,
                           "the order differs: one subscriber got publication %u as number %" PRIu64
                           ", another %" PRIu64,
                           place->number, at, number);
    return 0;
}

static int on_message(struct client *client, struct conn *conn, const char *text, size_t length) {
    struct fanout *fanout = client->scenario;
    struct publishers *publishers = &fanout->load->publishers;
    uint64_t at = conn->received - 1;
    if (at >= publishers->published)
        return client_fail(client, "a subscriber got %u messages of %" PRIu64 " published", conn->received,
                           publishers->published);
    if (at < fanout->verified && verify(fanout, at, text, length) < 0)
        return -1;
    if (--fanout->remaining[at % fanout->window] > 0)
        return 0;
    fanout->completed++; // everyone gets them in one order, so places complete in order
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

static int measure(struct fanout *fanout) {
    struct load *load = fanout->load;
    const struct load_options *options = &load->options;
    if (load_connect(load, fanout->subscribers, CLIENT_ONE_CHANNEL, &fanout->first) < 0 ||
        publish_all(fanout, options->warmup) < 0 || load_meter_start(load) < 0 ||
        publish_all(fanout, options->messages) < 0 || load_meter_stop(load) < 0 || load_finish(load) < 0)
        return -1;
    meter_report(&load->meter, load->report, "delivery", options->messages * options->subscribers);
    return 0;
}

int scenario_fanout(struct load *load) {
    const struct load_options *options = &load->options;
    struct fanout fanout = {.load = load, .verified = options->warmup};
    fanout.subscribers = (uint32_t)options->subscribers;
    fanout.window = (uint32_t)options->window;
    load->client.on_message = on_message;
    load->client.scenario = &fanout;
    fanout.order = calloc(fanout.verified, sizeof *fanout.order);
    int result = fanout.order ? measure(&fanout) : client_fail(&load->client, "memory is short");
    free(fanout.order);
    return result;
}
