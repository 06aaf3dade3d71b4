// SPDX-License-Identifier: MIT
// A listening socket. main binds (one socket per worker for an internet address, by SO_REUSEPORT, so that the kernel
// spreads the connections), a worker accepts. Out of descriptors, accepting pauses and the log says so once.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "net/address.h"

struct listener;
struct log;
struct loop;

// Takes fd, a non-blocking socket.
typedef void (*listener_fn)(void *context, int fd, const struct address *peer);

// Binds and listens. Port 0 is replaced in *address by what the kernel chose. Returns the descriptor, or -1 with a
// sentence in `why` that tells what to do. `first`: nobody may listen there yet (SO_REUSEPORT alone would let a second
// hub of the same user take a share of the connections in silence); the sockets of the other workers then join.
int listener_bind(struct address *address, bool first, char *why, size_t why_size);

// Takes fd. NULL: no memory; fd is still the caller's.
struct listener *listener_new(struct loop *loop, int fd, const struct log *log, listener_fn fn, void *context);
// What waits in the backlog is accepted still, then the socket closes. Sets *listener to NULL.
void listener_close(struct listener **listener);
