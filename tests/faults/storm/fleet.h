// SPDX-License-Identifier: MIT
// All servers of a storm: the brokers, perhaps a relay before them, and the hubs, with their configurations
// in one folder. Or hubs that were there already, by their URLs: then nothing is started, nor can be hurt.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "storm/backend.h"
#include "storm/netns.h"
#include "storm/options.h"
#include "storm/relay.h"
#include "storm/server.h"

enum { FLEET_HUBS = 16, FLEET_BROKERS = 2 };

struct fleet {
    const struct storm_options *options;
    const struct backend *backend;
    char folder[64];
    struct server brokers[FLEET_BROKERS];
    enum broker_kind kinds[FLEET_BROKERS];
    struct relay relays[FLEET_BROKERS]; // for faults that cut; a relay's port is what the hubs are told
    struct netns networks[FLEET_BROKERS];
    unsigned broker_count;
    struct server hubs[FLEET_HUBS];
    unsigned hub_count;
    bool ours;           // started here
    bool relayed, apart; // some fault needs relays, or networks of the brokers' own
    char ended[96];      // which server ended by itself, or not well; "": none
};

// Starts all and waits until they are ready, 30 s at most. -1: said on stderr. `apart`: after netns_enter.
int fleet_start(struct fleet *fleet, const struct storm_options *options, const struct backend *backend,
                bool relayed, bool apart);
// Ends the hubs as an operator would, and waits, 15 s at most. One that does not end well is named in
// `ended`.
void fleet_end_hubs(struct fleet *fleet);
unsigned fleet_cut_drains(const struct fleet *fleet); // hubs that could not say goodbye to all
// Kills what runs, and removes the folder unless `keep`.
void fleet_stop(struct fleet *fleet, bool keep);
void fleet_tick(struct fleet *fleet, uint64_t now_ns);

// Asks all hubs anew whether they are ready: something was done to a broker.
void fleet_doubt(struct fleet *fleet);
bool fleet_all_ready(const struct fleet *fleet);
// Cuts all connections between hubs and brokers. False: it could not.
bool fleet_cut(struct fleet *fleet);
// Takes the links to the brokers down, or up again.
void fleet_link(const struct fleet *fleet, bool up);
// Shifts the wall clock of one server by so many seconds. False: without --clock.
bool fleet_shift_clock(const struct fleet *fleet, const struct server *server, int64_t seconds);
