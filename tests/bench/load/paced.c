// SPDX-License-Identifier: MIT
// paced-fanout, paced-one-to-one: latency from publish to delivery at a steady rate below saturation.
//
// Or, with --doze, only the server's CPU at that rate: this client then leaves its core to others between two
// publications, such as a broker.
//
// The stamp in the data is when the publication was due, not when it left, so that a stall of the server
// counts for every publication that it held up. Without --doze the client does not sleep: its own wake-up is
// not the server's latency.
#include "load/load.h"

#include <inttypes.h>

#include "load/clock.h"
#include "load/samples.h"

struct paced {
    struct load *load;
    uint32_t first, subscribers; // connections that receive
    bool fanout;                 // one channel for all of them, else one each
    struct samples samples;
    uint64_t measured_from_ns; // stamps before it belong to the warm-up
    uint64_t expected;         // deliveries, by what was published so far
};

static int on_message(struct client *client, struct conn *conn, const char *text, size_t length) {
    struct paced *paced = client->scenario;
    uint64_t stamp, now = clock_now_ns();
    (void)conn;
    if (publishers_read(&paced->load->publishers, text, length, &stamp) < 0)
        return -1;
    if (stamp >= paced->measured_from_ns)
        samples_add(&paced->samples, now - stamp);
    return 0;
}

static int publish_due(struct paced *paced, uint64_t stamp) {
    struct publishers *publishers = &paced->load->publishers;
    uint32_t at = (uint32_t)(publishers->published % paced->subscribers);
    uint32_t channel = paced->fanout ? 0 : paced->load->client.conns[paced->first + at].channel;
    paced->expected += paced->fanout ? paced->subscribers : 1;
    if (publishers_publish(publishers, channel, stamp) < 0)
        return -1;
    return publishers_flush(publishers);
}

static int say_missing(const struct paced *paced) {
    struct client *client = &paced->load->client;
    return client_fail(client, "%" PRIu64 " of %" PRIu64 " deliveries of %" PRIu64 " publications arrived",
                       client->deliveries, paced->expected, paced->load->publishers.published);
}

static void doze_until(uint64_t ns) {
    struct timespec due = {.tv_sec = (time_t)(ns / 1000000000u), .tv_nsec = (long)(ns % 1000000000u)};
    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &due, NULL);
}

static int publish_all(struct paced *paced, uint64_t count, uint64_t *from_ns) {
    struct load *load = paced->load;
    uint64_t period = UINT64_C(1000000000) / load->options.rate, due = clock_now_ns() + period;
    *from_ns = due;
    while (count > 0 || load->client.deliveries < paced->expected) {
        bool late;
        if (count > 0 && load->options.doze)
            doze_until(due);
        if (count > 0 && clock_now_ns() >= due) {
            if (publish_due(paced, due) < 0)
                return -1;
            due += period;
            count--;
        }
        if (load_turn(load, 0, &late) < 0)
            return -1;
        if (late)
            return say_missing(paced);
    }
    return 0;
}

static int measure(struct paced *paced, enum client_channels channels) {
    struct load *load = paced->load;
    uint64_t ignored;
    if (load_connect(load, paced->subscribers, channels, &paced->first) < 0)
        return -1;
    paced->measured_from_ns = UINT64_MAX;
    if (publish_all(paced, load->options.warmup, &ignored) < 0 || load_meter_start(load) < 0 ||
        publish_all(paced, load->options.messages, &paced->measured_from_ns) < 0 ||
        load_meter_stop(load) < 0 || load_finish(load) < 0)
        return -1;
    if (load->client.deliveries != paced->expected)
        return say_missing(paced);
    return 0;
}

static void report(struct paced *paced) {
    struct load *load = paced->load;
    static const struct {
        const char *name;
        double percent;
    } shown[] = {{"p50_us", 50}, {"p90_us", 90}, {"p99_us", 99}, {"p999_us", 99.9}, {"max_us", 100}};
    samples_sort(&paced->samples);
    report_number(load->report, "samples", (double)paced->samples.count);
    for (size_t i = 0; i < sizeof shown / sizeof shown[0]; i++)
        report_number(load->report, shown[i].name, samples_percentile_us(&paced->samples, shown[i].percent));
    meter_report(&load->meter, load->report, "delivery", paced->samples.count);
}

static int run(struct load *load, bool fanout) {
    struct paced paced = {.load = load, .fanout = fanout};
    paced.subscribers = (uint32_t)(fanout ? load->options.subscribers : load->options.channels);
    load->client.on_message = on_message;
    load->client.scenario = &paced;
    if (samples_init(&paced.samples, load->options.messages * (fanout ? paced.subscribers : 1)) < 0)
        return client_fail(&load->client, "memory is short");
    int result = measure(&paced, fanout ? CLIENT_ONE_CHANNEL : CLIENT_OWN_CHANNEL);
    if (result == 0)
        report(&paced);
    samples_free(&paced.samples);
    return result;
}

int scenario_paced_fanout(struct load *load) {
    return run(load, true);
}

int scenario_paced_one_to_one(struct load *load) {
    return run(load, false);
}
