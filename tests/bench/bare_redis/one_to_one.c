// SPDX-License-Identifier: MIT
// one-to-one: one connection publishes to many channels in turn, another is subscribed to all of them. With a
// window of outstanding publications, of which each delivery lets the next one go; or at a steady --rate.
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "bare_redis/bare.h"
#include "bare_redis/link.h"
#include "load/clock.h"

enum { DATA_MAX = 4096, NAME = 24 };

struct one_to_one {
    struct bare *bare;
    struct link publisher, subscriber;
    int timer; // of the pace; -1 where there is none
    uint32_t next;
    uint64_t subscribed, published, answered, delivered, target;
    char data[DATA_MAX];
};

static int surprised(const char *by) {
    fprintf(stderr, "wshub-bare-redis: one-to-one: a reply that is not %s\n", by);
    return -1;
}

static int publish_next(struct one_to_one *run) {
    char name[NAME];
    int length = snprintf(name, sizeof name, "bench:%u", run->next);
    const char *arguments[] = {"PUBLISH", name, run->data};
    const size_t lengths[] = {strlen("PUBLISH"), (size_t)length, run->bare->options.size};
    run->next = (run->next + 1) % (uint32_t)run->bare->options.channels;
    run->published++;
    return link_append(&run->publisher, 3, arguments, lengths);
}

static int on_answer(void *owner, const redisReply *reply) {
    struct one_to_one *run = owner;
    run->answered++;
    return reply->type == REDIS_REPLY_INTEGER && reply->integer == 1 ? 0 : surprised("one receiver's");
}

static int on_push(void *owner, const redisReply *reply) {
    struct one_to_one *run = owner;
    if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 3)
        return surprised("a message");
    if (reply->element[2]->type == REDIS_REPLY_INTEGER) {
        run->subscribed++;
        return 0;
    }
    if ((size_t)reply->element[2]->len != run->bare->options.size || run->delivered >= run->published)
        return surprised("what was published");
    run->delivered++;
    return run->timer < 0 && run->published < run->target ? publish_next(run) : 0;
}

static int subscribe(struct one_to_one *run) {
    for (uint32_t i = 0; i < run->bare->options.channels; i++) {
        char name[NAME];
        const char *arguments[] = {"SUBSCRIBE", name};
        const size_t lengths[] = {strlen("SUBSCRIBE"), (size_t)snprintf(name, sizeof name, "bench:%u", i)};
        if (link_append(&run->subscriber, 2, arguments, lengths) < 0)
            return -1;
    }
    if (link_flush(&run->subscriber) < 0)
        return -1;
    while (run->subscribed < run->bare->options.channels)
        if (bare_turn(run->bare, "subscriptions") < 0)
            return -1;
    return 0;
}

static int publish_due(struct one_to_one *run) {
    uint64_t due = 0;
    if (read(run->timer, &due, sizeof due) < 0)
        return 0; // told twice
    for (; due > 0 && run->published < run->target; due--)
        if (publish_next(run) < 0)
            return -1;
    return 0;
}

static int publish_all(struct one_to_one *run, uint64_t count) {
    run->target += count;
    for (uint64_t i = 0; run->timer < 0 && i < run->bare->options.window && i < count; i++)
        if (publish_next(run) < 0)
            return -1;
    while (run->delivered < run->target || run->answered < run->target) {
        if (link_flush(&run->publisher) < 0)
            return -1;
        int timers = bare_turn(run->bare, "deliveries");
        if (timers < 0 || (timers > 0 && publish_due(run) < 0))
            return -1;
    }
    return 0;
}

static int measure(struct one_to_one *run) {
    const struct bare_options *options = &run->bare->options;
    if (subscribe(run) < 0 || publish_all(run, options->warmup) < 0)
        return -1;
    uint64_t cpu = bare_cpu_ns(), wall = clock_now_ns();
    if (publish_all(run, options->messages) < 0)
        return -1;
    cpu = bare_cpu_ns() - cpu;
    wall = clock_now_ns() - wall;
    report_number(run->bare->report, "us_per_message", (double)cpu / 1e3 / (double)options->messages);
    report_number(run->bare->report, "messages_per_s", (double)options->messages * 1e9 / (double)wall);
    report_number(run->bare->report, "busy", (double)cpu / (double)wall);
    return 0;
}

int scenario_one_to_one(struct bare *bare) {
    struct one_to_one run = {.bare = bare, .timer = -1};
    memset(run.data, 'x', sizeof run.data);
    int result = link_open(&run.publisher, bare->epoll, (uint16_t)bare->options.port, on_answer, &run);
    if (result == 0)
        result = link_open(&run.subscriber, bare->epoll, (uint16_t)bare->options.port, on_push, &run);
    if (result == 0 && bare->options.rate > 0)
        result = run.timer = bare_timer(bare, bare->options.rate);
    if (result >= 0)
        result = measure(&run);
    if (run.timer >= 0)
        close(run.timer);
    link_close(&run.publisher);
    link_close(&run.subscriber);
    return result;
}
