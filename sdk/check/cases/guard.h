// SPDX-License-Identifier: MIT
// What an auth plugin is always able to do: to say what it says. In between, whatever else a case does.
#pragma once

#include "auth/ask.h"
#include "auth/inquiry.h"

struct guard { // the configuration's requests; none without
    struct inquiry *items;
    size_t count;
    // A request without any credentials is let in, as this user (NULL: it is not): then so may be others.
    const char *anyone;
};

struct peer *guard_open(struct check *check); // of the auth table
// With this timeout (ms, scaled by it) instead of the usual one.
struct peer *guard_open_hasty(struct check *check, uint64_t timeout);

// Lives as long as the case.
const struct guard *guard_requests(struct check *check);
// Fails the case when the answer is not the expected one. `when` begins the text.
void guard_expect(struct check *check, const struct inquiry *inquiry, const struct answer *answer,
                  const char *when);
// Asks, and expects.
void guard_ask(struct peer *peer, const struct inquiry *inquiry, const char *when);
// Asks the configuration's requests, and three that nobody knows; and expects.
void guard_do(struct peer *peer, const char *when);
// Asks one that nobody knows, whatever it answers.
void guard_ask_any(struct peer *peer);
// A list of them that are not too large: those of the configuration first. *count: how many.
const struct inquiry *guard_all(struct check *check, size_t *count);

// An operation of the configuration: who wants it is asked first, and must be let in.
struct inquiry guard_operation(struct peer *peer, size_t index);
