// SPDX-License-Identifier: MIT
// Publishes to channels with a history, as a hub of ABI 1.3 makes them: with a key, and asking where the
// message stands. On the case's thread.
#pragma once

#include "cases/chapter.h"

// Published, and told a position; fails the case otherwise. A plugin that was written for an older ABI and
// honours no keys may not tell one: the case is skipped.
struct peer_position once_put(struct peer *peer, const struct wshub_message *message);

// What once_put demands of a publish that was completed with WSHUB_OK.
void once_expect_told(struct peer *peer, const struct wshub_message *message,
                      const struct peer_position *told);

// `key` is borrowed, remembered for `ttl` ms.
struct wshub_message once_message(const struct chapter *chapter, const char *payload, const char *key,
                                  uint64_t ttl);

// They are one position.
void once_expect_same(struct check *check, const struct peer_position *first,
                      const struct peer_position *again, const char *what);
