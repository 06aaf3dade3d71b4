// SPDX-License-Identifier: MIT
// Short names for texts of any length: 32 hexadecimal digits of their SHA-256. Nobody can find two with the
// same one, so they can stand in the names of channels and of registry entries. Pure.
#pragma once

#include <stdbool.h>

#include "util/span.h"

enum { DIGEST_LENGTH = 32 };

// Of `text`; with a second one that is not empty, of both with a NUL between, which none of them holds.
// False: no memory.
bool digest_of(struct span text, struct span second, char out[DIGEST_LENGTH + 1]);

// "$wshub:user:DIGEST": the channel that a user's sessions are reached by.
#define DIGEST_USER_PREFIX "$wshub:user:"
enum { DIGEST_USER_LENGTH = sizeof DIGEST_USER_PREFIX - 1 + DIGEST_LENGTH };
bool digest_user_channel(struct span user, char out[DIGEST_USER_LENGTH + 1]);
