// SPDX-License-Identifier: MIT
// Who must not be let in any more, though its credentials are good: users and token ids that were revoked, as
// long as that lasts. A plain table; belongs to the hub thread. Times are ms since 1970.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/span.h"

struct buf;
struct identity;
struct revocations;

enum revocation_kind { REVOKE_USER, REVOKE_TOKEN, REVOKE_KINDS };
extern const char *const revocation_kind_names[REVOKE_KINDS]; // as JSON has them

struct revocation {
    enum revocation_kind kind;
    struct span id; // 1 to IDENTITY_TEXT_MAX bytes
    // A user's credentials issued after `at` are good again; where it is not known when they were issued,
    // they are not.
    uint64_t at;
    uint64_t until;
};

// Beyond the first, no instance takes another one, from its API or from others as they tell it. What stands
// in the registry is taken up to the second: it may be somewhat more, when instances are full at the same
// time, and whoever starts must be able to read all of it.
enum { REVOCATIONS_MAX = 100000, REVOCATIONS_KEPT_MAX = 2 * REVOCATIONS_MAX };

struct revocations *revocations_new(uint64_t hash_seed); // NULL: no memory
void revocations_free(struct revocations *revocations);  // NULL is fine
// Copies; one that is there already is made longer, never shorter. False: no memory, or there are `most`.
bool revocations_add(struct revocations *revocations, const struct revocation *revocation, size_t most);
// What is kept of this kind and id, over or not; NULL: nothing. Valid until the next add or expire.
const struct revocation *revocations_find(const struct revocations *revocations, enum revocation_kind kind,
                                          struct span id);
// Forgets what is over: looks at some of them each time, so that no call takes long. To be called some times
// a second. One that is over and still there hits nobody.
void revocations_expire(struct revocations *revocations, uint64_t now);
size_t revocations_count(const struct revocations *revocations);

// Which of them others know: a reading of what they have begins, and tells each that was found there.
void revocations_begin_reading(struct revocations *revocations);
void revocations_found(struct revocations *revocations, const struct revocation *revocation);
// The next that was not found there, or not for as long, each once after a reading. NULL: no more. Valid as
// above.
const struct revocation *revocations_next_missing(struct revocations *revocations);

bool revocations_hit(const struct revocations *revocations, const struct identity *identity, uint64_t now);
// Does this one concern it?
bool revocation_concerns(const struct revocation *revocation, const struct identity *identity);

// {"revoke":{"user":"42"},"at":...,"until":...}, as it goes over the control channel.
void revocation_write(struct buf *out, const struct revocation *revocation);
// False: not such a one. The id points into `scratch`, of IDENTITY_TEXT_MAX bytes at least.
bool revocation_read(struct revocation *revocation, struct span text, char *scratch);
