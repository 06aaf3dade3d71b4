// SPDX-License-Identifier: MIT
// Life and death of an auth plugin, and what it takes in between: nothing that stays.
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "asking.h"
#include "auth/hostile.h"
#include "cases/flight.h"
#include "cases/guard.h"
#include "cases/process.h"
#include "check_priv.h"
#include "plugin/options.h"

enum { FIRST = 10, OPENS = 100, CYCLES = 50, LATE_MS = 150 };

static bool never(void *context) {
    (void)context;
    return false;
}

// What a thread that was left behind still says, it says in this time.
static void listen_for_late(struct check *check) {
    check_wait(check, never, NULL, LATE_MS);
}

// ---- open and close ----

static void open_often(struct check *check, unsigned times) {
    for (unsigned i = 0; i < times; i++) {
        peer_close(guard_open(check));
    }
}

static void run_opens(struct check *check) {
    open_often(check, FIRST);
    struct process_use before = process_use();
    open_often(check, OPENS - FIRST);
    process_settle(before.threads);
    struct process_use after = process_use();
    listen_for_late(check);
    process_compare(check, &before, &after, OPENS - FIRST, "open and close");
}

static void run_opens_again(struct check *check) {
    for (unsigned i = 0; i < 3; i++) {
        struct peer *peer = guard_open(check);
        guard_do(peer, i == 0 ? "opened" : "opened again after close");
        peer_close(peer);
    }
}

static void run_two_at_once(struct check *check) {
    struct peer *one = guard_open(check), *two = guard_open(check);
    guard_do(one, "two instances are open, the first");
    guard_do(two, "two instances are open, the second");
    peer_close(one);
    guard_do(two, "the first instance was closed, the second");
    one = guard_open(check);
    guard_do(one, "the first instance was opened again");
    peer_close(two);
    guard_do(one, "the second instance was closed, the first");
    peer_close(one);
}

// ---- an open that fails ----

// The first option that check refuses when it has this value; NULL: there is none.
static const char *find_refused(struct check *check, const char *value) {
    const struct wshub_plugin *plugin = check_plugin(check);
    const char *found = NULL;
    for (uint32_t i = 0; i < plugin->option_count && !found; i++) {
        struct buf errors = {0};
        struct asked asked = {0};
        struct options *options = asking_options(check, plugin->options[i].name, value, &errors);
        if (options) {
            asking_check(check, options, 0, &asked);
        }
        if (asked.refused > 0 && strcmp(asked.option, plugin->options[i].name) == 0) {
            found = plugin->options[i].name;
        }
        asked_free(&asked);
        options_free(options);
        buf_free(&errors);
    }
    return found;
}

static void open_refused(struct check *check, unsigned times, const char *name, const char *value) {
    for (unsigned i = 0; i < times; i++) {
        struct peer *peer = peer_open_with(
            check,
            &(struct peer_settings){.auth = true, .option = name, .value = value, .expects_failure = true});
        if (peer) { // it is an option of its broker, perhaps
            peer_close(peer);
        }
    }
}

static void run_refused_open(struct check *check) {
    static const char *const values[] = {"://", "no address at all", "", "\x01\x02", "/no/such/file"};
    const char *name = NULL;
    size_t i;
    for (i = 0; i < sizeof values / sizeof *values && !(name = find_refused(check, values[i])); i++) {
    }
    if (!name) {
        check_skip(check, "its check refuses no option, so that open has none to refuse");
    }
    open_refused(check, 2, name, values[i]);
    struct process_use before = process_use();
    open_refused(check, 20, name, values[i]);
    process_settle(before.threads);
    struct process_use after = process_use();
    process_compare(check, &before, &after, 20, "open with an option that is refused");
}

// ---- nothing stays ----

static void start_many(struct flight *flight, struct peer *peer, unsigned times) {
    size_t count;
    const struct inquiry *all = guard_all(peer_check(peer), &count);
    for (unsigned i = 0; i < times; i++) {
        flight_start(flight, peer, &all[i % count]);
    }
}

static void cycle(struct check *check, unsigned times) {
    for (unsigned i = 0; i < times; i++) {
        struct flight flight = {0};
        struct peer *peer = guard_open(check);
        start_many(&flight, peer, 20);
        flight_land(&flight, peer, "open again and again");
        ask_reload(peer);
        peer_close(peer);
    }
}

static void run_leaves_nothing(struct check *check) {
    cycle(check, FIRST);
    struct process_use before = process_use();
    cycle(check, CYCLES - FIRST);
    process_settle(before.threads);
    struct process_use after = process_use();
    process_compare(check, &before, &after, CYCLES - FIRST, "open, requests and close");
}

static void ask_strangers(struct peer *peer, unsigned times) {
    for (unsigned i = 0; i < times; i++) {
        struct inquiry inquiry;
        hostile_make_stranger(peer_check(peer), &inquiry);
        guard_ask(peer, &inquiry, "again and again");
    }
    guard_do(peer, "again and again");
}

// The same tokens a second time: a cache has them already, a leak takes as much again.
static void run_grows_not(struct check *check) {
    enum { TIMES = 1000 };
    struct peer *peer = guard_open(check);
    ask_strangers(peer, TIMES / 4);
    const uint64_t random = check->random;
    struct process_use before = process_use();
    ask_strangers(peer, TIMES);
    struct process_use after = process_use();
    if (after.blocks >= before.blocks + TIMES) {
        check_warn(check,
                   "%zu blocks of memory more (%zu bytes) after %d tokens that were new: if that is a cache, "
                   "it needs an end, since anyone can show tokens",
                   after.blocks - before.blocks, after.bytes - before.bytes, TIMES);
        check->random = random;
        before = after;
        ask_strangers(peer, TIMES);
        after = process_use();
    }
    process_compare(check, &before, &after, TIMES, "authenticate");
    peer_close(peer);
}

// ---- close with decisions under way ----

static void run_closes_in_flight(struct check *check) {
    enum { FLIGHT = 300 };
    for (unsigned i = 0; i < 5; i++) {
        struct flight flight = {0};
        struct peer *peer = guard_open(check);
        start_many(&flight, peer, FLIGHT);
        if (i % 2 == 1) { // some of it has come back
            check_wait(check, never, NULL, 5);
        }
        peer_close(peer);
        flight_free(&flight);
        listen_for_late(check);
    }
    struct peer *peer = guard_open(check);
    guard_do(peer, "opened after five that were closed with decisions under way");
    peer_close(peer);
}

// ---- rest ----

enum { REST_MS = 1000, CALLBACKS = 500, BUSY_PERCENT = 20 };

static uint64_t cpu_of_process(void) {
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void run_rests(struct check *check) {
    struct peer *peer = guard_open(check);
    guard_do(peer, "before it rests");
    const uint64_t laps = check->stopwatch.laps, cpu = cpu_of_process();
    check_wait_exactly(check, never, NULL, REST_MS);
    const unsigned long long callbacks = check->stopwatch.laps - laps;
    const uint64_t percent = (cpu_of_process() - cpu) / (REST_MS * UINT64_C(10000));
    check_figure(check, "callbacks", (double)callbacks, "in a second");
    check_figure(check, "CPU", (double)percent, "%");
    if (callbacks > CALLBACKS) {
        check_fail(check, "%llu callbacks in a second in which nothing was to do, at most %d are expected",
                   callbacks, CALLBACKS);
    }
    if (percent >= BUSY_PERCENT) {
        check_fail(check,
                   "%llu %% of a CPU were used in a second in which nothing was to do: wait, do not ask",
                   (unsigned long long)percent);
    }
    peer_close(peer);
}

const struct check_case cases_auth_life[] = {
    {"auth-opens-and-closes", "opened and closed 100 times, nothing stays, and nothing is said afterwards",
     run_opens, 0, 0, 60},
    {"auth-opens-again", "can be opened again after close, and works", run_opens_again, 0, 0, 20},
    {"auth-two-at-once", "two instances of it do not know each other", run_two_at_once, 0, 0, 0},
    {"auth-refused-open", "an open that refuses its options keeps nothing", run_refused_open, 0, 0, 0},
    {"auth-leaves-nothing", "no descriptor, thread or memory stays from 50 lives with requests",
     run_leaves_nothing, 0, 0, 60},
    {"auth-does-not-grow", "an instance that is asked for long takes no more memory", run_grows_not, 0, 0,
     60},
    {"auth-closes-in-flight",
     "close with decisions under way returns in time, and nothing is said afterwards", run_closes_in_flight,
     0, 0, 60},
    {"auth-rests", "an idle instance leaves the CPU alone", run_rests, 0, 0, 0},
    {0},
};
