// SPDX-License-Identifier: MIT
// wshub-storm: hubs and a broker under load, with faults, and a verdict: was every acknowledged publish
// received by each who was subscribed, exactly once and in order, or was he told of the loss? It knows
// nothing of the hub's code, only its protocol. See tests/faults/README.md.
//
//     wshub-storm --backend redis --instances 3 --faults rolling:1,kill-broker:2 --seed 7
//
// 0: clean; 1: violations, or it could not be finished; 2: a mistake on the command line, or a server that
// could not be started; 77: skipped, the machine lacks what a fault needs.
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "load/clock.h"
#include "storm/outcome.h"

#define MS UINT64_C(1000000)
enum {
    SPREAD_LEAST_MS = 100, // over which clients connect at first, and a millisecond more for each
    START_MS = 60000,      // until all are subscribed
    SPARE_MS = 30000,      // for the plan, beyond its seconds, and as much as this again for each fault
    QUIET_MS = 500,        // without a message, and all are there: the storm is over
    AFTER_MS = 1500,       // of publishing when the last fault is over, to see it all again
    TICK_NS = 2000000,     // between two rounds over all clients
    LEAVE_MS = 5000,       // for all to say goodbye
    WAIT_MS = 1,
    SKIPPED = 77,
    SUBSCRIBER_BUFFER = 8192, // so that a slow reader is slow for the hub, and not for the kernel
};

struct run {
    struct storm storm;
    struct faults faults;
    struct publishers publishers;
    struct subscribers subscribers;
    struct outcome outcome;
    uint64_t ticked_ns;
};

static volatile sig_atomic_t interrupted; // what a signal handler may write; main.c alone has it

static void on_signal(int signum) {
    interrupted = signum;
}

static int refuse(const char *why) {
    fprintf(stderr, "wshub-storm: %s\n", why);
    return 2;
}

// ---- turns ----

// False: the run has to end.
static bool turn(struct run *run) {
    struct storm *storm = &run->storm;
    if (peers_turn(&storm->peers, WAIT_MS) < 0 || interrupted || storm->fleet.ended[0] ||
        storm->ledger.starved)
        return false;
    storm->now_ns = storm->peers.now_ns;
    if (storm->now_ns - run->ticked_ns >= TICK_NS) {
        run->ticked_ns = storm->now_ns;
        fleet_tick(&storm->fleet, storm->now_ns);
        subscribers_tick(&run->subscribers);
        publishers_tick(&run->publishers);
    }
    return true;
}

static bool gather(struct run *run) {
    uint64_t until_ns = run->storm.now_ns + START_MS * MS;
    while (!subscribers_all_joined(&run->subscribers) || !publishers_all_welcomed(&run->publishers))
        if (!turn(run) || run->storm.now_ns > until_ns)
            return false;
    return true;
}

static uint64_t limit_ms(const struct run *run) {
    return run->storm.options.seconds * 1000 + SPARE_MS * (uint64_t)(run->faults.count + 1);
}

// Publishes until the time is over and the plan is done.
static void blow(struct run *run) {
    struct storm *storm = &run->storm;
    run->outcome.start_ns = storm->now_ns;
    publishers_start(&run->publishers);
    for (;;) {
        uint64_t since_ms = (storm->now_ns - run->outcome.start_ns) / MS;
        bool done = faults_done(&run->faults) && since_ms >= storm->options.seconds * 1000 &&
                    storm->now_ns - faults_ended_ns(&run->faults) >= AFTER_MS * MS;
        if (done || since_ms > limit_ms(run) || !turn(run))
            break;
        faults_tick(&run->faults, since_ms);
    }
    run->outcome.unfinished = !faults_done(&run->faults);
    publishers_stop(&run->publishers);
    run->outcome.stop_ns = storm->now_ns;
}

// ---- the end ----

static void note(void *context, const struct violation *violation) {
    struct outcome *outcome = context;
    if (outcome->example_count < OUTCOME_EXAMPLES)
        outcome->examples[outcome->example_count++] = *violation;
}

static int judge_all(struct run *run) {
    struct judge judge;
    if (judge_open(&judge, &run->storm.ledger, run->storm.options.history) < 0)
        return -1;
    judge.found = note;
    judge.context = &run->outcome;
    run->outcome.example_count = 0;
    int judged = judge_publishes(&judge);
    for (uint32_t i = 0; i < run->subscribers.count * run->subscribers.per; i++) {
        const struct subscription *subscription = &run->subscribers.subscriptions[i];
        judge_subscription(&judge, i / run->subscribers.per, subscription->channel, &subscription->log);
    }
    run->outcome.verdict = judge.verdict;
    judge_close(&judge);
    return judged;
}

static bool is_quiet(const struct run *run, uint64_t stop_ns) {
    uint64_t heard_ns = run->subscribers.heard_ns > stop_ns ? run->subscribers.heard_ns : stop_ns;
    return run->storm.now_ns - heard_ns >= QUIET_MS * MS && subscribers_all_joined(&run->subscribers) &&
           publishers_pending(&run->publishers) == 0;
}

// Until everything that is owed has come, or the time to settle is over: what then is missing is lost.
static int settle(struct run *run) {
    struct storm *storm = &run->storm;
    uint64_t until_ns = run->outcome.stop_ns + storm->options.settle * 1000 * MS;
    uint64_t look_ns = run->outcome.stop_ns;
    while (turn(run) && storm->now_ns < until_ns) {
        if (!is_quiet(run, look_ns))
            continue;
        if (judge_all(run) < 0)
            return -1;
        if (run->outcome.verdict.found[FOUND_LOST] == 0)
            break;
        look_ns = storm->now_ns; // a position check may still find it
    }
    run->outcome.end_ns = storm->now_ns;
    run->outcome.stranded = subscribers_missing(&run->subscribers);
    run->outcome.unsettled = publishers_pending(&run->publishers);
    return judge_all(run);
}

// Nobody comes back any more: only rounds over the members would do that.
static void leave(struct run *run) {
    uint64_t until_ns = run->storm.peers.now_ns + LEAVE_MS * MS;
    subscribers_leave(&run->subscribers);
    publishers_leave(&run->publishers);
    while (!(subscribers_are_gone(&run->subscribers) && publishers_are_gone(&run->publishers)))
        if (peers_turn(&run->storm.peers, WAIT_MS) < 0 || run->storm.peers.now_ns > until_ns)
            return;
}

static int conclude(struct run *run) {
    struct outcome *outcome = &run->outcome;
    const struct storm_options *options = &run->storm.options;
    if (settle(run) < 0 || measures_take(&outcome->measures, &run->storm, &run->subscribers, &run->faults,
                                         outcome->start_ns, outcome->stop_ns) < 0)
        return refuse("memory is short");
    leave(run);
    if (!interrupted)
        fleet_end_hubs(&run->storm.fleet);
    outcome_say(outcome);
    if (options->report && outcome_report(outcome, options->report) < 0)
        return refuse("cannot write the report");
    if (options->picture && outcome_picture(outcome, options->picture) < 0)
        return refuse("cannot write the picture");
    return outcome_clean(outcome) ? 0 : 1;
}

static int storm_run(struct run *run) {
    struct storm *storm = &run->storm;
    if (fleet_start(&storm->fleet, &storm->options, storm->backend, run->faults.cuts, run->faults.apart) < 0)
        return 2;
    storm->now_ns = storm->peers.now_ns = clock_now_ns();
    unsigned spread_ms = SPREAD_LEAST_MS + (unsigned)storm->options.subscribers;
    if (publishers_open(&run->publishers, storm, spread_ms) < 0 ||
        subscribers_open(&run->subscribers, storm, spread_ms) < 0)
        return refuse("memory is short");
    for (uint32_t i = 0; i < run->subscribers.count && run->faults.slow; i++)
        run->subscribers.all[i].member.receive_buffer = SUBSCRIBER_BUFFER;
    if (!gather(run)) {
        fprintf(stderr, "wshub-storm: %u subscriptions are missing after a minute%s%s\n",
                subscribers_missing(&run->subscribers), storm->strange ? "; a hub said " : "",
                storm->strange_text);
        return 1;
    }
    blow(run);
    return conclude(run);
}

// ---- the program ----

static void raise_descriptor_limit(void) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

static int prepare(struct run *run) {
    struct storm *storm = &run->storm;
    storm->backend = backend_find(storm->options.backend);
    if (!storm->backend)
        return refuse("--backend: memory, redis, nats, mqtt, via-nats or via-mqtt");
    if (storm->backend->one_instance && storm->options.instances > 1 && !storm->options.url)
        return refuse("--instances: memory joins no instances, 1 is what there can be");
    if (storm->options.history && strcmp(storm->options.backend, "mqtt") == 0)
        return refuse("--backend mqtt has no history: --no-history, or via-mqtt");
    if (storm->options.per_subscriber > storm->options.channels)
        return refuse("--per-subscriber: more than --channels");
    storm->options.keys &= storm->options.history && storm->backend->keys;
    storm->random.state = storm->options.seed;
    if (faults_plan(&run->faults, &storm->options, storm->backend) < 0)
        return refuse(run->faults.error);
    run->faults.storm = storm;
    run->faults.subscribers = &run->subscribers;
    run->outcome.storm = storm;
    run->outcome.faults = &run->faults;
    run->outcome.subscribers = &run->subscribers;
    run->outcome.publishers = &run->publishers;
    return 0;
}

static void finish(struct run *run, int result) {
    publishers_close(&run->publishers);
    subscribers_close(&run->subscribers);
    fleet_stop(&run->storm.fleet, result != 0 || run->storm.options.keep);
    ledger_close(&run->storm.ledger);
    peers_close(&run->storm.peers);
    measures_free(&run->outcome.measures);
    free(run->storm.welcomes);
}

int main(int argc, char **argv) {
    static struct run run; // too large for the stack
    if (argc == 2 && strcmp(argv[1], "--list") == 0) {
        faults_list();
        return 0;
    }
    if (argc == 2 && strcmp(argv[1], "--help") == 0) {
        storm_options_help();
        return 0;
    }
    if (storm_options_read(&run.storm.options, argc, argv) < 0 || prepare(&run) != 0)
        return 2;
    if (run.storm.options.plan) {
        faults_show(&run.faults);
        return 0;
    }
    raise_descriptor_limit();
    signal(SIGPIPE, SIG_IGN);
    signal(SIGINT, on_signal);
    signal(SIGTERM, on_signal);
    if (run.faults.apart && !netns_enter()) {
        printf("skipped: network namespaces with veth cannot be made here\n");
        return SKIPPED;
    }
    int result = 2;
    if (peers_open(&run.storm.peers) < 0 ||
        ledger_open(&run.storm.ledger, (uint32_t)run.storm.options.channels) < 0)
        refuse("memory is short");
    else
        result = storm_run(&run);
    finish(&run, result);
    return result;
}
