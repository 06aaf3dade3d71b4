// SPDX-License-Identifier: MIT
// Peers that publish to each other without end, as hubs do, while a case spoils what is between them and the
// broker; and the verdict on what became of the messages. Each peer publishes numbered messages on every
// channel, and has subscribed all of them; it subscribes anew after link(UP), and tries again what failed.
//
// Held against the plugin: what is acknowledged arrives, or its loss is told (by the link, or `lose`); what
// RESUMED and ORDERED claim; no call stays without an end; after the fault all channels carry again, a new
// one too.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "broker/commands.h"
#include "check.h"
#include "host/peer.h"

enum { TRAFFIC_PEERS = 2 };

struct traffic_settings {                              // zeroed: the usual
    unsigned channels;                                 // 0: 8
    uint64_t pace;                                     // µs between two publishes of a peer; 0: 1000
    uint64_t timeout;                                  // ms of a peer's calls
    void (*before_open)(void *context, unsigned peer); // called before each peer is opened
    void *context;
};

struct traffic;

// Opens the peers, subscribes, and goes on until every channel carries.
struct traffic *traffic_start(struct check *check, const struct traffic_settings *settings);
struct peer *traffic_peer(const struct traffic *traffic, unsigned peer);

void traffic_run(struct traffic *traffic, uint64_t milliseconds);
void traffic_command(struct traffic *traffic, enum command_kind kind); // runs it, with traffic meanwhile

// Until every peer's link (or any peer's) is down, or was since the last traffic_mark. False: it took too
// long.
void traffic_mark(struct traffic *traffic);
bool traffic_all_down(struct traffic *traffic, uint64_t milliseconds);
bool traffic_any_down(struct traffic *traffic, uint64_t milliseconds);
bool traffic_all_up(struct traffic *traffic, uint64_t milliseconds);

// To be called when the fault is over: goes on until every channel carries from every peer to every peer. A
// warning after 10 s, fails after 30 s.
void traffic_recover(struct traffic *traffic);
// Ends the traffic: a new channel carries, all calls end, and the score is what the case comes to. Closes the
// peers.
void traffic_judge(struct traffic *traffic);
