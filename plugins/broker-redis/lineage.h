/* SPDX-License-Identifier: MIT
 * The generation of the server's data, which every call for a history brings along: found out when the first
 * history of a session is used, and looked at again now and then. Belongs to the hub thread. */
#ifndef REDIS_LINEAGE_H
#define REDIS_LINEAGE_H

#include <stdint.h>

struct redis;
struct script_call;

enum { GENERATION = 24 }; /* bytes of its text */

struct lineage {
    char generation[GENERATION];         /* empty: not known */
    uint64_t asked;                      /* ms: when it was looked at last */
    struct script_call *waiting, **last; /* calls that it was not known for; last: where the next goes */
};

/* A new session. */
void lineage_forget(struct redis *redis);
/* As script_call_send, for a call whose second argument behind the keys is the generation. When that cannot
 * be found out, the call is answered with the error that finding out has met. */
int lineage_send(struct redis *redis, struct script_call *call);

#endif
