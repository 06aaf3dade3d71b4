// SPDX-License-Identifier: MIT
// What is behind struct check; for the kit's own files, not for cases.
#pragma once

#include <pthread.h>
#include <stdatomic.h>

#include "check.h"
#include "host/stopwatch.h"
#include "outcome.h"
#include "plugin/plugin.h"
#include "settings.h"
#include "util/buf.h"

struct guard;
struct inquiry;
struct leftovers;
struct options;
struct peer;
struct reactor;
struct relay;

struct name_kept { // texts that live as long as the case
    struct name_kept *next;
    char text[];
};

struct check {
    const struct check_case *item;
    const struct run *run;
    struct outcome *outcome;
    struct plugin plugin;
    const struct wshub_plugin *given; // what its entry returns
    struct settings settings;
    struct options *options;
    struct options *outdated[8]; // of peers that were opened before check_point_at
    size_t outdated_count;
    struct relay *relay; // the last one; they end with the process
    uint64_t random;
    char own[16]; // of this run and case, for names
    struct reactor *reactor;
    struct peer *peers; // all that were ever opened
    unsigned peer_count, open_count;
    struct leftovers *before; // what was there before the first peer was opened
    struct stopwatch stopwatch;
    struct name_kept *names;
    const struct guard *guard; // cases/guard.c: what an auth plugin is asked, once it was made
    const struct inquiry *inquiries;
    size_t inquiry_count;
    unsigned depth; // how much code of the plugin is on the stack
    pthread_t thread;
    pthread_mutex_t lock; // of outcome->breach
    atomic_bool breached;
};

// What every case of a run has in common; set up by main, read only.
struct run {
    const char *plugin; // as it was said
    const char *config; // path; NULL: none
    struct buf text;    // what stood in it: a pipe can be read once
    const char *broker; // in place of the configuration's broker.address; NULL: that
    uint64_t seed;
    bool in_process;
    // In-process: hears the verdict before the program ends with it.
    void (*on_end)(void *context, const struct check_case *item, struct outcome *outcome);
    void *on_end_context;
};

// Runs one case in this process, which ends with it.
_Noreturn void check_run(const struct run *run, const struct check_case *item, struct outcome *outcome);

struct check *check_running(void);
const struct options *check_options(const struct check *check);
// From now on ${BROKER} is this address ("host:port"): for peers that are opened after it.
void check_point_at(struct check *check, const char *address);
// Fails the case as the hub would refuse its configuration: with the place of this option in it.
_Noreturn void check_refuse_option(struct check *check, const char *name, const char *expected);
// The first breach, if there was any, fails the case, once no code of the plugin is on the stack.
void check_settle(struct check *check);
// The plugin's code is called, and has returned. `name` is of the slot or callback.
void check_enter(struct check *check, const char *name);
void check_leave(struct check *check); // settles
bool check_is_inside(const struct check *check);
// Keeps a text for as long as the case lives.
const char *check_keep(struct check *check, const char *text);

// ---- peer.c ----

void peers_close_all(struct check *check);
