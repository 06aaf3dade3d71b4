// SPDX-License-Identifier: MIT
// One connection to Redis by hiredis, without blocking, on an epoll of the caller's. One thread. hiredis
// formats commands and reads replies; nothing else of it is used, so this is the least that a client with it
// can cost.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <hiredis/hiredis.h>

// Borrows the reply. -1, with a line on stderr, when it is not what was expected.
typedef int (*link_reply_fn)(void *owner, const redisReply *reply);

struct link {
    redisContext *redis;
    int epoll;
    bool blocked; // EPOLLOUT is watched: the socket took only a part
    link_reply_fn on_reply;
    void *owner;
};

// All return 0, or -1 with a line on stderr.
int link_open(struct link *link, int epoll, uint16_t port, link_reply_fn on_reply, void *owner);
int link_append(struct link *link, int count, const char **arguments, const size_t *lengths);
int link_flush(struct link *link);
int link_on_event(struct link *link, uint32_t events);
void link_close(struct link *link);
