// SPDX-License-Identifier: MIT
// What cases expect, said once: each of these fails the case with what was done, what was expected, and what
// came. On the case's thread.
#pragma once

#include "host/peer.h"

// "subscribe to "x": expected OK, got TIMEOUT: ...". The format says what was done.
void expect_status(struct check *check, int expected, int got, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

void expect_subscribed(struct peer *peer, struct wshub_bytes channel);
void expect_unsubscribed(struct peer *peer, struct wshub_bytes channel);
void expect_published(struct peer *peer, const struct wshub_message *message);

// What arrived is the message that was published: channel, payload, sender, sender_user, exclude, and nothing
// that was not. Positions and flags are left to the caller.
void expect_whole(struct check *check, const struct wshub_message *sent, const struct arrival *came,
                  const char *what);

// Publishes by `from`, then another message on the same channel, and sees that the first arrives at `to`
// once, whole, before the second, and nothing else with it. `to` has subscribed. Forgets what arrived before;
// the arrival returned is the peer's, until it forgets.
const struct arrival *expect_once(struct peer *from, struct peer *to, const struct wshub_message *message,
                                  const char *format, ...) __attribute__((format(printf, 4, 5)));

// The second half of it: the message was published, and taken.
void expect_it_came(struct peer *from, struct peer *to, const struct wshub_message *message,
                    const char *what);

// `to` has not subscribed the channel: what `from` publishes on it does not come. Proved by what comes from
// the broker after it: on the same channel to `from`, if that is another peer, and on another channel to
// `to`. Forgets what arrived before at both.
void expect_silence(struct peer *from, struct peer *to, struct wshub_bytes channel, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

// Waits until the message of this payload is there, on this channel; NULL: it did not come in time. An
// arrival of the peer's.
const struct arrival *expect_arrival(struct peer *peer, struct wshub_bytes channel,
                                     struct wshub_bytes payload);

// Zeroed memory of `count` times `size` bytes, never NULL; for free.
void *expect_memory(struct check *check, size_t count, size_t size);

struct wshub_bytes bytes_from(const void *data, size_t length);
bool bytes_are(struct wshub_bytes bytes, const void *data, size_t length);

// A JSON string that no other message of this case has: what comes last on a channel proves what was before.
struct unique {
    char text[48];
};
struct unique unique_payload(struct check *check, const char *name);
