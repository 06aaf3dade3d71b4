// SPDX-License-Identifier: MIT
// The bare server's two tables: its connections, by file descriptor, and its channels, by number. One thread.
//
// A channel is the number at the end of its name ("bench:17" is 17), so that looking one up costs nothing:
// the bare server stands for what the kernel takes, not for a hub.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire/wire.h"

enum { PEERS_MAX = 20000, PEERS_NO_CHANNEL = -1 };

struct peer {
    struct wire_rest rest;
    int32_t channel; // PEERS_NO_CHANNEL: a publisher
    bool upgraded;
};

struct channel {
    int *fds;
    uint32_t count, room;
    char *pending; // --gather: the frames of this turn
    size_t pending_length, pending_room;
};

struct peers {
    struct peer by_fd[PEERS_MAX];
    struct channel channels[PEERS_MAX];
    int32_t dirty[PEERS_MAX]; // --gather: the channels with pending frames
    uint32_t dirty_count;
};

// All return 0, or -1 with errno set.
int peers_subscribe(struct peers *peers, int fd, int32_t channel);
void peers_leave(struct peers *peers, int fd);

// Sends a ready frame to each subscriber now: one send() each, the unit of the benchmark.
int peers_send(struct peers *peers, int32_t channel, const char *frame, size_t length);
// Or queues it for peers_flush, which sends each subscriber all of its turn in one send().
int peers_gather(struct peers *peers, int32_t channel, const char *frame, size_t length);
int peers_flush(struct peers *peers);

// One send of all of it or -1: a benchmark bounds what is outstanding, so a full socket buffer is a mistake
// in it.
int peers_send_one(int fd, const char *bytes, size_t length);
