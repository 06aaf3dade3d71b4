// SPDX-License-Identifier: MIT
// A listening socket. main binds (one socket per worker for an internet address, by SO_REUSEPORT, so that the
// kernel spreads the connections), a worker accepts. Out of descriptors, accepting pauses and the log says so
// once.
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include "net/address.h"

struct listener;
struct log;
struct loop;

// Takes fd, a non-blocking socket.
typedef void (*listener_fn)(void *context, int fd, const struct address *peer);

// Binds and listens. Port 0 is replaced in *address by what the kernel chose. Returns the descriptor, or -1
// with a sentence in `why` that tells what to do. `first`: nobody may listen there yet (SO_REUSEPORT alone
// would let a second hub of the same user take a share of the connections in silence); the sockets of the
// other workers then join.
int listener_bind(struct address *address, bool first, char *why, size_t why_size);

// Takes fd. `paused` is shared by the listeners of a process: how many of them are paused, so that the log
// says it once for all. NULL: no memory; fd is still the caller's.
struct listener *listener_new(struct loop *loop, int fd, const struct log *log, atomic_uint *paused,
                              listener_fn fn, void *context);
// Closes the socket; with `take_rest`, what waits in the backlog is accepted before. Sets *listener to NULL.
// Not from within fn.
void listener_close(struct listener **listener, bool take_rest);
