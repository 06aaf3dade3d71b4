// SPDX-License-Identifier: MIT
#include "bare_redis/link.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>

static int failed(const struct link *link, const char *step) {
    const char *why = link->redis && link->redis->err ? link->redis->errstr : strerror(errno);
    fprintf(stderr, "wshub-bare-redis: %s: %s\n", step, why);
    return -1;
}

// It connects blocking: what is measured begins later.
int link_open(struct link *link, int epoll, uint16_t port, link_reply_fn on_reply, void *owner) {
    *link = (struct link){.epoll = epoll, .on_reply = on_reply, .owner = owner};
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = link};
    link->redis = redisConnect("127.0.0.1", port);
    if (!link->redis || link->redis->err || fcntl(link->redis->fd, F_SETFL, O_NONBLOCK) < 0)
        return failed(link, "connecting");
    link->redis->flags &= ~REDIS_BLOCK;
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, link->redis->fd, &event) < 0)
        return failed(link, "epoll_ctl");
    return 0;
}

int link_append(struct link *link, int count, const char **arguments, const size_t *lengths) {
    if (redisAppendCommandArgv(link->redis, count, arguments, lengths) != REDIS_OK)
        return failed(link, "formatting a command");
    return 0;
}

int link_flush(struct link *link) {
    int done = 0;
    if (redisBufferWrite(link->redis, &done) != REDIS_OK)
        return failed(link, "writing");
    if (link->blocked == !done)
        return 0;
    link->blocked = !done;
    struct epoll_event event = {.events = EPOLLIN | (done ? 0 : (uint32_t)EPOLLOUT), .data.ptr = link};
    return epoll_ctl(link->epoll, EPOLL_CTL_MOD, link->redis->fd, &event) < 0 ? failed(link, "epoll_ctl") : 0;
}

static int take_replies(struct link *link) {
    for (;;) {
        void *reply = NULL;
        if (redisGetReplyFromReader(link->redis, &reply) != REDIS_OK)
            return failed(link, "reading a reply");
        if (!reply)
            return 0;
        int result = link->on_reply(link->owner, reply);
        freeReplyObject(reply);
        if (result < 0)
            return -1;
    }
}

int link_on_event(struct link *link, uint32_t events) {
    if ((events & EPOLLOUT) && link_flush(link) < 0)
        return -1;
    if (!(events & (EPOLLIN | EPOLLHUP | EPOLLERR)))
        return 0;
    if (redisBufferRead(link->redis) != REDIS_OK)
        return failed(link, "reading");
    return take_replies(link);
}

void link_close(struct link *link) {
    if (link->redis)
        redisFree(link->redis);
}
