// SPDX-License-Identifier: MIT
// What goes wrong, and when. The plan comes from the seed alone; the faults are done one after the other,
// each beginning at its time or when the one before has ended.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "storm/member.h"
#include "storm/subscribers.h"

enum { FAULTS_MOST = 200 };

struct fault_kind;

struct fault {
    const struct fault_kind *kind;
    uint64_t planned_ms;         // after the first publish
    uint64_t drawn;              // of which its target and length are made
    unsigned target;             // hub or broker that was hurt, from 0 on
    uint64_t began_ns, ended_ns; // 0: not yet. It ends when all servers are ready again
    unsigned stage;
    uint64_t stage_ns; // since when
};

struct faults {
    struct storm *storm;
    struct subscribers *subscribers;
    struct fault all[FAULTS_MOST];
    unsigned count, current;
    bool cuts, slow, apart; // some of them needs a relay; small buffers of the clients; networks
    char error[200];
};

// Draws the plan. -1: `error` says what is wrong with --faults.
int faults_plan(struct faults *faults, const struct storm_options *options, const struct backend *backend);
void faults_tick(struct faults *faults, uint64_t since_start_ms);
bool faults_done(const struct faults *faults);
uint64_t faults_ended_ns(const struct faults *faults); // the latest; 0: none yet
const char *fault_name(const struct fault *fault);
void faults_list(void); // on stdout, as the plan is
void faults_show(const struct faults *faults);
