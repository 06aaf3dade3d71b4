/* SPDX-License-Identifier: MIT
 * Calls of the Lua scripts of scripts/, on the publisher connection: by their SHA-1, and once more as text
 * when the server has forgotten them. Belongs to the hub thread. */
#ifndef REDIS_SCRIPTS_H
#define REDIS_SCRIPTS_H

#include <stdbool.h>
#include <stddef.h>

#include "connection.h"

struct redis;
struct script_call;

enum script_id { SCRIPT_ARRIVE, SCRIPT_PUBLISH, SCRIPT_READ, SCRIPT_ENTER, SCRIPT_LEAVE, SCRIPTS };

struct script {
    const char *name, *text;
    size_t length;
    const char *sha;
};
extern const struct script scripts[SCRIPTS];

/* As pending_fn. The call is borrowed. */
typedef bool (*script_fn)(struct redis *redis, struct script_call *call, const redisReply *reply);

enum { SCRIPT_ARGUMENTS = 13 };

struct script_call {
    script_fn fn;
    wshub_token token;
    void *work; /* fn's: it frees it */
    enum script_id script;
    size_t keys, count;       /* of all arguments, the keys first */
    struct script_call *next; /* whoever keeps it may use it */

    /* private */
    bool again; /* as text */
    struct wshub_bytes arguments[SCRIPT_ARGUMENTS];
    char bytes[];
};

struct script_calls {     /* of one publisher connection */
    bool loaded[SCRIPTS]; /* in this session */
    size_t under_way;
    struct script_call *held, **last; /* last: where the next one goes */
};

/* Copies the arguments. NULL: no memory. */
struct script_call *script_call_new(enum script_id script, const struct argument *arguments, size_t keys,
                                    size_t count);
/* Takes the call, and calls fn once, unless an error is returned, as by connection_send: then it is still the
 * caller's. */
int script_call_send(struct redis *redis, struct script_call *call);

#endif
