// SPDX-License-Identifier: MIT
// Who a session is, and what it may: puts the questions to the auth plugins (which the hub asks), holds a
// connection until it has shown a token, takes another token when it comes, and ends what ends. One question
// of a session is under way at a time; its further operations wait for the answer, in order. Belongs to the
// worker. Where there are no auth plugins there is nothing of this, and session->access is NULL.
//
//     request ──► access_connect ──► yes ───────────────────► let in ──► refresh, authorize, expiry, revoke
//                              ├──► no token: held ──► connect ──┘ └──► 4401, 4410, 4403, 1013
//                              └──► refused: HTTP, or a browser is told by a WebSocket that closes
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "config/config.h"
#include "protocol/protocol.h"
#include "util/span.h"
#include "wshub/auth.h"

struct access_timers;
struct auth_query;
struct http_request;
struct identity;
struct loop;
struct revoke_notice;
struct session;
struct upgrade_answer;
struct worker;

// One per worker. NULL: no memory.
struct access_timers *access_timers_new(struct loop *loop);
void access_timers_free(struct access_timers *timers); // NULL is fine

// Asks who this is, and holds the request meanwhile. Its Origin was checked before.
void access_connect(struct session *session, const struct http_request *request,
                    const struct upgrade_answer *answer);
// The session is closing: forgets all, wipes what is secret.
void access_end(struct session *session);
// The instance is going: who has no answer yet is refused.
void access_drain(struct worker *worker);

void access_answered(struct auth_query *query); // MAIL_AUTHENTICATED; takes it
void access_revoked(struct worker *worker, const struct revoke_notice *notice); // MAIL_REVOKED

// ms until it expires; 0: never.
uint64_t access_expires_in(const struct session *session);
struct identity *access_identity(const struct session *session); // NULL: not known, or nobody asks
// Something is under way that a leaving session has to be given the answer of. Not for who is not let in yet.
bool access_is_busy(const struct session *session);
// Is a question under way, or do operations still wait behind one? Reading pauses then, so that no more than
// one read's worth of them ever waits.
bool access_is_behind(const struct session *session);

// True: the operation is to be done now. Otherwise it was taken, to be done later, or refused.
bool access_admits(struct session *session, const struct operation *operation);
void access_do_connect(struct session *session, const struct operation *operation);
void access_do_refresh(struct session *session, const struct operation *operation);

enum access_answer { ACCESS_YES, ACCESS_NO, ACCESS_ASK };
// What the rule says of a verb on a name, and the session's grants.
enum access_answer access_may(const struct session *session, enum wshub_verb verb, enum config_who who,
                              struct span name);
// Asks the plugin that has let it in. The operation is done again when that has said yes: access_may then
// says so too.
void access_ask(struct session *session, enum wshub_verb verb, struct span name,
                const struct operation *operation);
