/* SPDX-License-Identifier: MIT
 * What the backend has answered, read and checked:
 *
 *     {"allow":true,"user":"42","token_id":"t1","expires_in":3600,"issued_at":1700000000,"info":{"name":"Ann"},
 *      "grants":[{"pattern":"room:*","verbs":["subscribe","publish"]}]}
 *     {"allow":false}   {"allow":false,"expired":true}
 *
 * A member that is not known means nothing; one of the wrong type makes it no answer. */
#ifndef AUTH_HTTP_ANSWER_H
#define AUTH_HTTP_ANSWER_H

#include <stddef.h>

#include <wshub/wshub.h>

struct answer;

/* Reads an HTTP answer of this status. NULL with *why, a constant: it is none, and says neither yes nor no.
 * `ask`: the verbs that this plugin wants to be asked for, beyond the grants. */
struct answer *answer_new(long status, const char *body, size_t length, uint32_t ask, const char **why);
void answer_free(struct answer *answer); /* NULL is fine */

int answer_status(const struct answer *answer);              /* WSHUB_OK, WSHUB_DENIED or WSHUB_EXPIRED */
const char *answer_explanation(const struct answer *answer); /* of a no; a constant */
/* Of a yes. Borrowed until it is freed. */
const struct wshub_identity *answer_identity(const struct answer *answer);
/* ms until it expires; UINT64_MAX: it does not. */
uint64_t answer_left(const struct answer *answer);

#endif
