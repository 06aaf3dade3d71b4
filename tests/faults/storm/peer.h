// SPDX-License-Identifier: MIT
// One WebSocket connection of a client, not blocking, on an epoll: it connects, upgrades, hands on each text,
// answers pings, and says once that it is gone. Who uses it reconnects.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire/wire.h"

enum peer_state { PEER_CLOSED, PEER_CONNECTING, PEER_UPGRADING, PEER_OPEN };

struct peer;
struct peer_calls {
    void (*on_text)(struct peer *peer, const char *text, size_t length);
    void (*on_gone)(struct peer *peer,
                    unsigned code); // of the close frame; 0: there was none. May open it again
};

struct peers { // what all of them share
    int epoll;
    char *scratch;
    uint64_t now_ns; // of this turn
};

struct peer {
    struct peers *peers;
    const struct peer_calls *calls;
    int fd;
    uint8_t state;   // enum peer_state
    bool deaf;       // does not read
    bool leaves;     // has said goodbye
    uint32_t events; // as epoll has them
    unsigned close_code;
    uint64_t heard_ns, opened_ns; // last byte; connect called
    struct wire_rest rest;
    char *out;
    size_t out_length, out_room;
};

int peers_open(struct peers *peers);
void peers_close(struct peers *peers);
// Handles what is ready, waiting at most so long. -1: epoll failed.
int peers_turn(struct peers *peers, int wait_ms);

// `receive_buffer`: bytes, 0: the kernel's default. A failure is told by on_gone in a later turn, never at
// once.
void peer_open(struct peer *peer, const char *address, uint16_t port, int receive_buffer);
// Sends or queues a text. False: it is not open, or memory is short.
bool peer_send(struct peer *peer, const char *text, size_t length);
// Says goodbye. When the server has answered, it is gone: on_gone is called.
void peer_leave(struct peer *peer);
// Cuts it without a word; on_gone is not called.
void peer_cut(struct peer *peer);
// The same, and on_gone is.
void peer_fail(struct peer *peer);
void peer_deafen(struct peer *peer, bool deaf);
