// SPDX-License-Identifier: MIT
#include "plugin/probe.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "loop/timer.h"
#include "plugin/broker.h"

enum subscription { NOT_SUBSCRIBED, SUBSCRIBING, SUBSCRIBED };

struct probe {
    struct loop *loop;
    struct timer *timer;
    struct broker *broker;
    probe_fn fn;
    void *context;
    enum subscription subscription;
    bool healthy;
    bool awaited;             // one was sent in this session of the link
    bool returned, confirmed; // the one that was sent last came back; the broker said that it had taken it
    unsigned in_flight;       // calls to the broker
    uint64_t session;         // of the link: what was subscribed in an earlier one is gone
    uint64_t sequence;
    uint64_t returned_at; // loop_now
    char channel[128];
};

static struct wshub_bytes channel_of(const struct probe *probe) {
    return (struct wshub_bytes){probe->channel, strlen(probe->channel)};
}

static void judge(struct probe *probe, bool healthy, const char *why) {
    if (probe->healthy != healthy) {
        probe->healthy = healthy;
        probe->fn(probe->context, probe->broker, healthy, why);
    }
}

static void send_probe(struct probe *probe);

// Both halves: a broker that delivers and never confirms serves nobody who publishes.
static void judge_round_trip(struct probe *probe) {
    if (probe->returned && probe->confirmed) {
        probe->returned_at = loop_now(probe->loop);
        judge(probe, true, NULL);
    }
}

// `argument` is the sequence: what fails late says nothing about the round trips made since.
static void on_published(void *context, void *argument, int status) {
    struct probe *probe = context;
    probe->in_flight--;
    if (status == WSHUB_CLOSED || (uintptr_t)argument != (uintptr_t)probe->sequence) {
        return;
    }
    if (status == WSHUB_OK) {
        probe->confirmed = true;
        judge_round_trip(probe);
    } else {
        judge(probe, false, "a probe could not be published");
    }
}

// `argument` is the session.
static void on_subscribed(void *context, void *argument, int status) {
    struct probe *probe = context;
    probe->in_flight--;
    if ((uintptr_t)argument != (uintptr_t)probe->session) {
        return;
    }
    probe->subscription = status == WSHUB_OK ? SUBSCRIBED : NOT_SUBSCRIBED;
    if (status == WSHUB_OK) {
        send_probe(probe);
    } else if (status != WSHUB_CLOSED) {
        judge(probe, false, "the probe's channel could not be subscribed");
    }
}

static void send_probe(struct probe *probe) {
    char payload[32];
    int length = snprintf(payload, sizeof payload, "%" PRIu64, ++probe->sequence);
    struct wshub_message message = {
        .struct_size = sizeof message,
        .channel = channel_of(probe),
        .payload = {payload, (size_t)length},
    };
    probe->returned = probe->confirmed = false;
    probe->awaited = true;
    probe->in_flight++;
    broker_publish(probe->broker, &message, NULL,
                   (struct broker_reply){on_published, probe, (void *)(uintptr_t)probe->sequence});
}

static void on_period(void *context) {
    struct probe *probe = context;
    if (probe->awaited && !probe->returned) {
        judge(probe, false, "a probe was published and did not come back");
    } else if (probe->awaited && !probe->confirmed) {
        judge(probe, false, "a probe came back, but the broker did not confirm that it was published");
    }
    if (probe->subscription == SUBSCRIBING) {
        judge(probe, false, "the probe's channel was not confirmed as subscribed");
    } else if (probe->subscription == NOT_SUBSCRIBED) {
        probe->subscription = SUBSCRIBING;
        probe->in_flight++;
        broker_subscribe(probe->broker, channel_of(probe),
                         (struct broker_reply){on_subscribed, probe, (void *)(uintptr_t)probe->session});
    } else {
        send_probe(probe);
    }
}

bool probe_take(struct probe *probe, const struct wshub_message *message) {
    struct wshub_bytes channel = channel_of(probe);
    if (message->channel.length != channel.length ||
        memcmp(message->channel.data, channel.data, channel.length) != 0) {
        return false;
    }
    char payload[32];
    int length = snprintf(payload, sizeof payload, "%" PRIu64, probe->sequence);
    if (message->payload.length == (size_t)length &&
        memcmp(message->payload.data, payload, (size_t)length) == 0) {
        probe->returned = true;
        judge_round_trip(probe);
    }
    return true;
}

void probe_kick(struct probe *probe) {
    timer_start(probe->timer, 0, PROBE_PERIOD_MS);
}

void probe_link_up(struct probe *probe, bool kept) {
    if (!kept) {
        probe->session++;
        probe->subscription = NOT_SUBSCRIBED;
    }
    probe->awaited = false; // the last one belongs to the time before
    probe_kick(probe);
}

void probe_link_lost(struct probe *probe) {
    judge(probe, false, "the link to the broker is down");
}

unsigned probe_in_flight(const struct probe *probe) {
    return probe->in_flight;
}

uint64_t probe_age(const struct probe *probe) {
    return loop_now(probe->loop) - probe->returned_at;
}

struct probe *probe_new(struct loop *loop, struct broker *broker, const char *instance_id, probe_fn fn,
                        void *context) {
    struct probe *probe = calloc(1, sizeof *probe);
    if (!probe) {
        return NULL;
    }
    *probe = (struct probe){.loop = loop, .broker = broker, .fn = fn, .context = context};
    probe->returned_at = loop_now(loop);
    probe->timer = timer_new(loop, on_period, probe);
    if (!probe->timer) {
        free(probe);
        return NULL;
    }
    snprintf(probe->channel, sizeof probe->channel, PROBE_RESERVED_PREFIX ":probe:%s", instance_id);
    probe_kick(probe);
    return probe;
}

void probe_free(struct probe *probe) {
    if (probe) {
        timer_free(probe->timer);
        free(probe);
    }
}
