// SPDX-License-Identifier: MIT
#include "storm/faults.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MS UINT64_C(1000000)
enum { LEAD_MS = 1000, TAIL_MS = 1000, DOWN_LEAST_MS = 100, DOWN_MOST_MS = 1000, CALM_MS = 200 };

struct act { // one turn of a fault that has begun
    struct faults *faults;
    struct fault *fault;
    struct storm *storm;
    uint64_t for_ms; // how long it has been in its stage
};

struct fault_kind {
    const char *name;
    bool (*turn)(struct act *act); // true: what was done has been undone, but for the wait until all is ready
    bool needs_broker, needs_relay, needs_clock;
    const char *help;
};

static bool next_stage(struct act *act) {
    act->fault->stage++;
    act->fault->stage_ns = act->storm->now_ns;
    return false;
}

static uint64_t drawn_between(const struct fault *fault, uint64_t low, uint64_t high) {
    return low + (fault->drawn >> 16) % (high - low + 1);
}

static struct server *target_hub(struct act *act) {
    act->fault->target = (unsigned)(act->fault->drawn % act->storm->fleet.hub_count);
    return &act->storm->fleet.hubs[act->fault->target];
}

static struct server *target_broker(struct act *act) {
    act->fault->target = (unsigned)(act->fault->drawn % act->storm->fleet.broker_count);
    return &act->storm->fleet.brokers[act->fault->target];
}

// ---- ended and started again ----

// Ends a server with a signal and starts it again `down_ms` after it is gone. True when it is ready.
static bool restart(struct act *act, struct server *server, int signum, uint64_t down_ms) {
    switch (act->fault->stage % 3) {
    case 0:
        server_end(server, signum);
        return next_stage(act);
    case 1:
        if (!process_gone(&server->process)) {
            act->fault->stage_ns = act->storm->now_ns;
            return false;
        }
        if (act->for_ms < down_ms)
            return false;
        server_start(server);
        return next_stage(act);
    default:
        return server->ready;
    }
}

// One after the other, as a deploy does it: the next one when the new process of the one before is ready.
static bool rolling(struct act *act) {
    act->fault->target = act->fault->stage / 3;
    if (restart(act, &act->storm->fleet.hubs[act->fault->target], SIGTERM, 0))
        next_stage(act);
    return act->fault->stage == act->storm->fleet.hub_count * 3;
}

static bool kill_instance(struct act *act) {
    return restart(act, target_hub(act), SIGKILL, drawn_between(act->fault, DOWN_LEAST_MS, DOWN_MOST_MS));
}

static bool kill_broker(struct act *act) {
    return restart(act, target_broker(act), SIGKILL, drawn_between(act->fault, DOWN_LEAST_MS, DOWN_MOST_MS));
}

static bool restart_broker(struct act *act) {
    return restart(act, target_broker(act), SIGTERM, 0);
}

// ---- stopped for a while ----

static bool pause_for(struct act *act, struct server *server, uint64_t ms) {
    if (act->fault->stage == 0) {
        server_pause(server, true);
        return next_stage(act);
    }
    if (act->for_ms < ms)
        return false;
    server_pause(server, false);
    return true;
}

static bool pause_broker(struct act *act) {
    return pause_for(act, target_broker(act), act->storm->options.pause_ms);
}

static bool pause_instance(struct act *act) {
    return pause_for(act, target_hub(act), act->storm->options.instance_ttl_ms * 3 / 2);
}

// ---- links, clients, clocks ----

static bool cut_clients(struct act *act) {
    fleet_cut(&act->storm->fleet);
    return true;
}

static void deafen(struct act *act, bool deaf) {
    uint32_t count = act->faults->subscribers->count;
    uint32_t some = count / 10 ? count / 10 : 1;
    uint32_t first = (uint32_t)(act->fault->drawn % count);
    for (uint32_t i = 0; i < some; i++)
        peer_deafen(&act->faults->subscribers->all[(first + i) % count].member.peer, deaf);
}

static bool slow_reader(struct act *act) {
    if (act->fault->stage == 0) {
        deafen(act, true);
        return next_stage(act);
    }
    if (act->for_ms < act->storm->options.pause_ms)
        return false;
    deafen(act, false);
    return true;
}

static bool cut_network(struct act *act) {
    if (act->fault->stage == 0) {
        fleet_link(&act->storm->fleet, false);
        return next_stage(act);
    }
    if (act->for_ms < act->storm->options.pause_ms)
        return false;
    fleet_link(&act->storm->fleet, true);
    return true;
}

// Hubs and brokers: targets from the number of hubs on are brokers.
static bool clock_step(struct act *act) {
    static const int64_t shifts[] = {3600, -3600, 0};
    struct fleet *fleet = &act->storm->fleet;
    unsigned target = (unsigned)(act->fault->drawn % (fleet->hub_count + fleet->broker_count));
    act->fault->target = target;
    if (act->fault->stage > 0 && act->for_ms < act->storm->options.pause_ms / 3)
        return false;
    if (act->fault->stage == 3)
        return true;
    fleet_shift_clock(
        fleet, target < fleet->hub_count ? &fleet->hubs[target] : &fleet->brokers[target - fleet->hub_count],
        shifts[act->fault->stage]);
    return next_stage(act);
}

static const struct fault_kind kinds[] = {
    {"rolling", rolling, .help = "each hub ends by SIGTERM and starts again, one after the other"},
    {"kill-instance", kill_instance, .help = "kill -9 of a hub, started again"},
    {"pause-instance", pause_instance, .help = "SIGSTOP of a hub for longer than its TTL"},
    {"kill-broker", kill_broker, .needs_broker = true, .help = "kill -9 of a broker, started again"},
    {"restart-broker", restart_broker, .needs_broker = true, .help = "SIGTERM of a broker, started again"},
    {"pause-broker", pause_broker, .needs_broker = true, .help = "SIGSTOP of a broker for --pause"},
    {"cut-clients", cut_clients, .needs_broker = true, .needs_relay = true,
     .help = "all connections of hubs to brokers are reset"},
    {"slow-reader", slow_reader, .help = "a tenth of the subscribers does not read for --pause"},
    {"netns", cut_network, .needs_broker = true,
     .help = "the network link between hubs and brokers is down for --pause"},
    {"clock-step", clock_step, .needs_clock = true,
     .help = "the wall clock of a hub or a broker jumps: +1 h, -1 h, right again"},
};
enum { KINDS = sizeof kinds / sizeof *kinds };

const char *fault_name(const struct fault *fault) {
    return fault->kind->name;
}

void faults_list(void) {
    for (size_t i = 0; i < KINDS; i++)
        printf("%-16s %s\n", kinds[i].name, kinds[i].help);
}

// ---- the plan ----

static int refuse(struct faults *faults, const char *name, const char *why) {
    snprintf(faults->error, sizeof faults->error, "--faults: %s: %s", name, why);
    return -1;
}

static const struct fault_kind *kind_find(const char *name) {
    for (size_t i = 0; i < KINDS; i++)
        if (strcmp(kinds[i].name, name) == 0)
            return &kinds[i];
    return NULL;
}

static int may_be(struct faults *faults, const struct fault_kind *kind, const struct storm_options *options,
                  const struct backend *backend) {
    bool ours = kind->turn == slow_reader;
    if (options->url && !ours)
        return refuse(faults, kind->name, "cannot be done to hubs that --url names");
    if (kind->needs_broker && backend->live == BROKER_NONE)
        return refuse(faults, kind->name, "this backend has no server");
    if (kind->needs_clock && !options->clock)
        return refuse(faults, kind->name, "needs --clock LIBRARY");
    faults->cuts |= kind->needs_relay;
    faults->slow |= ours;
    faults->apart |= kind->turn == cut_network;
    if (faults->cuts && faults->apart)
        return refuse(faults, kind->name, "cut-clients and netns need different networks: one or the other");
    return 0;
}

static int read_word(struct faults *faults, char *word, const struct storm_options *options,
                     const struct backend *backend) {
    char *colon = strchr(word, ':');
    long count = colon ? strtol(colon + 1, NULL, 10) : 1;
    if (colon)
        *colon = 0;
    const struct fault_kind *kind = kind_find(word);
    if (!kind)
        return refuse(faults, word, "no such fault; --list names them");
    if (count < 1 || count > (long)(FAULTS_MOST - faults->count))
        return refuse(faults, word, "expected a count from 1 on, 200 in all");
    if (may_be(faults, kind, options, backend) < 0)
        return -1;
    while (count-- > 0)
        faults->all[faults->count++] = (struct fault){.kind = kind};
    return 0;
}

// Each in a slot of its own, in an order that is drawn, and begun in the first half of the slot.
static void draw(struct faults *faults, const struct storm_options *options) {
    struct random random = {options->seed ^ UINT64_C(0x73746f726d)};
    uint64_t span = options->seconds * 1000;
    span = span > LEAD_MS + TAIL_MS ? span - LEAD_MS - TAIL_MS : 0;
    for (unsigned i = faults->count; i > 1; i--) {
        unsigned other = (unsigned)random_below(&random, i);
        struct fault swapped = faults->all[other];
        faults->all[other] = faults->all[i - 1];
        faults->all[i - 1] = swapped;
    }
    for (unsigned i = 0; i < faults->count; i++) {
        uint64_t slot = span / faults->count;
        faults->all[i].planned_ms = LEAD_MS + i * slot + random_below(&random, slot / 2 + 1);
        faults->all[i].drawn = random_next(&random);
    }
}

int faults_plan(struct faults *faults, const struct storm_options *options, const struct backend *backend) {
    char words[512];
    *faults = (struct faults){0};
    if (strlen(options->faults) >= sizeof words)
        return refuse(faults, "the list", "is too long");
    snprintf(words, sizeof words, "%s", options->faults);
    for (char *rest = words, *word; (word = strsep(&rest, ","));)
        if (*word && read_word(faults, word, options, backend) < 0)
            return -1;
    draw(faults, options);
    return 0;
}

void faults_show(const struct faults *faults) {
    for (unsigned i = 0; i < faults->count; i++)
        printf("%8.3f s  %-16s %016" PRIx64 "\n", (double)faults->all[i].planned_ms / 1e3,
               faults->all[i].kind->name, faults->all[i].drawn);
}

// ---- doing it ----

enum { STAGE_CALM = 1000000 }; // after the last of its own: until all servers are ready

static void calm(struct act *act) {
    if (act->for_ms >= CALM_MS && fleet_all_ready(&act->storm->fleet)) {
        act->fault->ended_ns = act->storm->now_ns;
        act->faults->current++;
    }
}

void faults_tick(struct faults *faults, uint64_t since_start_ms) {
    struct fault *fault = &faults->all[faults->current];
    if (faults_done(faults) || since_start_ms < fault->planned_ms)
        return;
    struct act act = {.faults = faults, .fault = fault, .storm = faults->storm};
    if (!fault->began_ns)
        fault->began_ns = fault->stage_ns = faults->storm->now_ns;
    act.for_ms = (faults->storm->now_ns - fault->stage_ns) / MS;
    if (fault->stage == STAGE_CALM) {
        calm(&act);
    } else if (fault->kind->turn(&act)) {
        fault->stage = STAGE_CALM;
        fault->stage_ns = faults->storm->now_ns;
        if (fault->kind->needs_broker)
            fleet_doubt(&faults->storm->fleet);
    }
}

bool faults_done(const struct faults *faults) {
    return faults->current == faults->count;
}

uint64_t faults_ended_ns(const struct faults *faults) {
    return faults->current ? faults->all[faults->current - 1].ended_ns : 0;
}
