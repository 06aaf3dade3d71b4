// SPDX-License-Identifier: MIT
// What the clients of a peer have sent: none of it may be said. Kept from when a slot is given it until a few
// hundred requests later, since what a plugin logs may come late. [any thread] but for adding.
#pragma once

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

#include "wshub/message.h"

struct inquiry;

enum secret_kind {
    SECRET_TOKEN,
    SECRET_COOKIE,
    SECRET_HEADER, // Authorization, and what is like it
    SECRET_SENT,   // no secret, but the client's words all the same
};
extern const char *const secret_names[]; // "the token", ...

struct secret;
struct secrets { // zeroed: none, and none can be added
    pthread_mutex_t lock;
    struct secret *items;
    size_t next;
};

bool secrets_init(struct secrets *secrets); // before any thread may look. False: no memory

// False: no memory.
bool secrets_add(struct secrets *secrets, const struct inquiry *inquiry);
// The first of which a part stands in the text, of these kinds; NULL: none does. A part is 16 bytes in a row:
// less may well be chance.
const char *secrets_find(struct secrets *secrets, struct wshub_bytes text, unsigned kinds);
void secrets_free(struct secrets *secrets);

enum { SECRETS_ONLY = 1 << SECRET_TOKEN | 1 << SECRET_COOKIE | 1 << SECRET_HEADER };
enum { SECRETS_AND_SENT = SECRETS_ONLY | 1 << SECRET_SENT };
