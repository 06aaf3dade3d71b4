// SPDX-License-Identifier: MIT
// subscribe, set: how fast one connection subscribes to --channels, or writes as many keys that expire, with
// --window commands outstanding: what a hub does that finds its broker empty. The time counts from the first
// command to the last confirmation; the connection stands already.
#include <stdio.h>
#include <string.h>

#include "bare_redis/bare.h"
#include "bare_redis/link.h"
#include "load/clock.h"

struct rebuild {
    struct bare *bare;
    struct link link;
    int (*ask)(struct rebuild *rebuild, unsigned number);
    unsigned asked, confirmed;
};

static int subscribe(struct rebuild *rebuild, unsigned number) {
    char name[24];
    const char *arguments[] = {"SUBSCRIBE", name};
    const size_t lengths[] = {strlen("SUBSCRIBE"), (size_t)snprintf(name, sizeof name, "bench:%u", number)};
    return link_append(&rebuild->link, 2, arguments, lengths);
}

// Key and value as long as the hub's.
static int set(struct rebuild *rebuild, unsigned number) {
    static const char value[] = "{\"instance\":\"0123456789abcdef\",\"address\":\"127.0.0.1\","
                                "\"since\":\"2026-01-01T00:00:00Z\"}";
    char key[48], ttl[24];
    const char *arguments[] = {"SET", key, value, "PX", ttl};
    const size_t lengths[] = {
        3, (size_t)snprintf(key, sizeof key, "ws:conn:%032x", number), sizeof value - 1, 2,
        (size_t)snprintf(ttl, sizeof ttl, "%llu", (unsigned long long)rebuild->bare->options.ttl)};
    return link_append(&rebuild->link, 5, arguments, lengths);
}

static int on_reply(void *owner, const redisReply *reply) {
    struct rebuild *rebuild = owner;
    if (reply->type == REDIS_REPLY_ERROR) {
        fprintf(stderr, "wshub-bare-redis: Redis answered: %s\n", reply->str);
        return -1;
    }
    rebuild->confirmed++;
    return 0;
}

static int ask_more(struct rebuild *rebuild) {
    const struct bare_options *options = &rebuild->bare->options;
    while (rebuild->asked < options->channels && rebuild->asked - rebuild->confirmed < options->window)
        if (rebuild->ask(rebuild, rebuild->asked++) < 0)
            return -1;
    return link_flush(&rebuild->link);
}

static int run(struct bare *bare, int (*ask)(struct rebuild *rebuild, unsigned number)) {
    struct rebuild rebuild = {.bare = bare, .ask = ask};
    int result = link_open(&rebuild.link, bare->epoll, (uint16_t)bare->options.port, on_reply, &rebuild);
    uint64_t cpu = bare_cpu_ns(), wall = clock_now_ns();
    while (result >= 0 && rebuild.confirmed < bare->options.channels) {
        result = ask_more(&rebuild);
        if (result == 0)
            result = bare_turn(bare, "confirmations");
    }
    cpu = bare_cpu_ns() - cpu;
    wall = clock_now_ns() - wall;
    report_number(bare->report, "seconds", (double)wall / 1e9);
    report_number(bare->report, "per_s", (double)bare->options.channels * 1e9 / (double)wall);
    report_number(bare->report, "busy", (double)cpu / (double)wall);
    link_close(&rebuild.link);
    return result;
}

int scenario_subscribe(struct bare *bare) {
    return run(bare, subscribe);
}

int scenario_set(struct bare *bare) {
    return run(bare, set);
}
