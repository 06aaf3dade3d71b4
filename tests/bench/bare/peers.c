// SPDX-License-Identifier: MIT
#include "bare/peers.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

int peers_subscribe(struct peers *peers, int fd, int32_t number) {
    struct channel *channel = &peers->channels[number];
    if (channel->count == channel->room) {
        uint32_t room = channel->room ? channel->room * 2 : 1;
        int *fds = realloc(channel->fds, room * sizeof *fds);
        if (!fds)
            return -1;
        channel->fds = fds;
        channel->room = room;
    }
    channel->fds[channel->count++] = fd;
    peers->by_fd[fd].channel = number;
    return 0;
}

void peers_leave(struct peers *peers, int fd) {
    struct peer *peer = &peers->by_fd[fd];
    if (peer->channel != PEERS_NO_CHANNEL) {
        struct channel *channel = &peers->channels[peer->channel];
        for (uint32_t i = 0; i < channel->count; i++)
            if (channel->fds[i] == fd) {
                channel->fds[i] = channel->fds[--channel->count];
                break;
            }
    }
    wire_rest_drop(&peer->rest);
    *peer = (struct peer){.channel = PEERS_NO_CHANNEL};
}

int peers_send_one(int fd, const char *bytes, size_t length) {
    ssize_t sent = send(fd, bytes, length, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent == (ssize_t)length)
        return 0;
    // The client has gone: its own readiness event will say so and clear it away.
    if (sent < 0 && (errno == EPIPE || errno == ECONNRESET))
        return 0;
    if (sent >= 0)
        errno = EAGAIN;
    return -1;
}

static int send_all(const struct channel *channel, const char *bytes, size_t length) {
    for (uint32_t i = 0; i < channel->count; i++)
        if (peers_send_one(channel->fds[i], bytes, length) < 0)
            return -1;
    return 0;
}

int peers_send(struct peers *peers, int32_t number, const char *frame, size_t length) {
    return send_all(&peers->channels[number], frame, length);
}

int peers_gather(struct peers *peers, int32_t number, const char *frame, size_t length) {
    struct channel *channel = &peers->channels[number];
    if (channel->pending_length + length > channel->pending_room) {
        size_t room = (channel->pending_length + length) * 2;
        char *pending = realloc(channel->pending, room);
        if (!pending)
            return -1;
        channel->pending = pending;
        channel->pending_room = room;
    }
    if (channel->pending_length == 0)
        peers->dirty[peers->dirty_count++] = number;
    memcpy(channel->pending + channel->pending_length, frame, length);
    channel->pending_length += length;
    return 0;
}

int peers_flush(struct peers *peers) {
    for (uint32_t i = 0; i < peers->dirty_count; i++) {
        struct channel *channel = &peers->channels[peers->dirty[i]];
        if (send_all(channel, channel->pending, channel->pending_length) < 0)
            return -1;
        channel->pending_length = 0;
    }
    peers->dirty_count = 0;
    return 0;
}
