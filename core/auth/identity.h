// SPDX-License-Identifier: MIT
// Who a client is and what it was granted. Immutable once made, counted by references, and so readable by any
// thread.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/span.h"
#include "wshub/auth.h"

struct identity;

enum { IDENTITY_TEXT_MAX = 255, IDENTITY_INFO_MAX = 4096, IDENTITY_GRANTS_MAX = 1024 };

// Copies what a plugin told, with the grants made ready to be asked. One reference. NULL: no memory, with
// *why NULL; or it breaks a rule of wshub/auth.h, with *why a constant that says which. Any thread.
struct identity *identity_new(const struct wshub_identity *theirs, const char **why);
void identity_ref(struct identity *identity);   // NULL is fine, here and below
void identity_unref(struct identity *identity); // the last one wipes it

struct span identity_user(const struct identity *identity); // empty: anonymous, or NULL
struct span identity_token_id(const struct identity *identity);
struct span identity_info(const struct identity *identity);
uint64_t identity_issued(const struct identity *identity);  // ms since 1970; 0: not known
uint64_t identity_expires(const struct identity *identity); // ms since 1970; 0: never
bool identity_asks(const struct identity *identity, enum wshub_verb verb);

// Does a grant of this verb cover the name? In time that depends on the name's length, on how many of its
// patterns have stars, and on the logarithm of how many have none: never on how many channels there are.
bool identity_may(const struct identity *identity, enum wshub_verb verb, struct span name);
