// SPDX-License-Identifier: MIT
// Clients that publish at a steady rate, all of them to all channels. Without keys each publish is sent once,
// whatever becomes of it; with keys it is sent again until it is acknowledged.
#pragma once

#include "storm/member.h"

struct pending { // a publish without an acknowledgement
    uint32_t publish;
    uint64_t again_ns; // when to send it again; 0: it is under way
};

struct publisher {
    struct member member; // first
    struct publishers *crowd;
    uint32_t number;
    struct pending *pending; // options.window of them
    uint32_t pending_count;
};

struct publishers {
    struct storm *storm;
    struct publisher *all;
    uint32_t count;
    uint32_t turn;                              // whose it is
    uint64_t due_ns;                            // when the next is to leave
    bool publishing;                            // false: only what is pending goes on
    uint64_t acked, refused, repeated, skipped; // skipped: nobody was there to send it
};

int publishers_open(struct publishers *publishers, struct storm *storm, unsigned spread_ms);
void publishers_leave(struct publishers *publishers); // all say goodbye
bool publishers_are_gone(const struct publishers *publishers);
void publishers_close(struct publishers *publishers);
void publishers_start(struct publishers *publishers);
void publishers_stop(struct publishers *publishers);
void publishers_tick(struct publishers *publishers);
bool publishers_all_welcomed(const struct publishers *publishers);
uint32_t publishers_pending(const struct publishers *publishers);
