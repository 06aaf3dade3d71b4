// SPDX-License-Identifier: MIT
// Shared by the files of a worker: worker.c, session.c, operations.c, subscriptions.c and their neighbours;
// nobody else's. All of it is on the worker's thread.
#pragma once

#include <pthread.h>

#include "hub/connections.h"
#include "hub/instance.h"
#include "hub/session.h"
#include "hub/worker.h"
#include "net/net.h"
#include "util/buf.h"
#include "util/throttle.h"
#include "ws/ws.h"

struct access_timers;
struct channel;
struct delivery;
struct json_reader;
struct listener;
struct recovery;
struct rule;
struct timer;

enum {
    LISTENERS_MAX = 64,   // as many as the configuration takes
    HTTP_BODY_MAX = 4096, // of the server API's requests
};

struct worker_drain {
    bool active;
    bool told;     // MAIL_DRAINED was posted
    bool stopping; // MAIL_STOP has come
    struct timer *timer;
    uint64_t begun, window; // ms
    uint64_t total, let_go; // sessions open at the beginning; told to go so far
};

struct worker {
    struct instance *instance;
    unsigned index;
    pthread_t thread;
    struct loop *loop;
    struct mailbox *mailbox;
    unsigned unrung; // mails to the hub since it was last rung
    struct net net;
    struct ws_server server;
    struct listener *listeners[LISTENERS_MAX];
    unsigned listener_count;
    struct session *sessions;       // every connection, HTTP too
    uint64_t live;                  // sessions that became WebSockets and whose socket is still there
    struct connections connections; // the sessions that are let in
    struct channel *channels;       // that have a subscriber here, by name
    struct channel *retries;        // of the hub's own, to be subscribed again when `retry` fires
    struct timer *retry;
    struct json_reader *json;
    struct access_timers *access_timers; // NULL: there are no auth plugins
    struct buf scratch;                  // events are encoded here
    struct throttle refused_keys;        // of the server API
    struct worker_drain drain;
    struct worker_notice notices[MAIL_KINDS];
    struct worker_stats stats;
};

// ---- subscriptions.c: channel -> connections, and this worker's claims at the hub ----

// Subscribes the session. ERROR_NONE: it has taken the request, which is answered now, or when the hub has.
// Its position, if it has one, is what the client has. Otherwise nothing has changed, and *detail says why.
// The rule is the channel's. Without a request it is a channel of the hub's own, which nobody has to be told
// of; it is tried until it can be had.
enum error_code subscriptions_add(struct session *session, const struct rule *rule, struct span name,
                                  struct request *request, const char **detail);
// False: it was not subscribed. With *waits true the request is kept: a subscribe that is still waiting is
// answered before it.
bool subscriptions_remove(struct session *session, struct span name, struct request *request, bool *waits);
// All of a session's, which is closing.
void subscriptions_remove_all(struct session *session);
void subscriptions_confirmed(struct worker *worker, struct channel_ticket *ticket); // MAIL_SUBSCRIBED
void subscriptions_released(struct channel_ticket *ticket);                         // MAIL_RELEASED
void subscriptions_retry(void *worker); // of those channels that could not be had
void subscriptions_free(struct worker *worker);

// ---- review.c: the identity of a session is another one ----

// What its rule and grants do not cover any more ends, and the client is told. What only a plugin can decide
// gets nothing until subscriptions_decide.
void subscriptions_review(struct session *session);
// The channel of one that is to be decided, borrowed. False: there is none.
bool subscriptions_undecided(const struct session *session, struct span *name);
void subscriptions_decide(struct session *session, struct span name, bool allowed);

// ---- fanout.c, catchup.c, direct.c, questions.c: what the hub brings ----

void fanout_deliver(struct worker *worker, struct delivery *delivery);   // MAIL_DELIVER
void catchup_answered(struct worker *worker, struct recovery *recovery); // MAIL_RECOVERED; takes the chain
void direct_try(struct worker *worker, struct request *request);         // MAIL_TRY
void questions_answered(struct request *request);                        // MAIL_ANSWERED; takes it

// There may be room in the session's outbox: who waits for it asks for more.
void catchup_proceed(struct session *session);

// The session is let in: it can be found, and messages to its user reach it. False: no memory.
bool direct_begin(struct session *session);
void direct_end(struct session *session); // fine for any session

// ---- operations.c ----

void operations_handle(void *session, const struct operation *operation);
void operations_do(struct session *session, const struct operation *operation);   // it has waited
void operations_deny(struct session *session, const struct operation *operation); // a plugin has said no
void operations_published(struct worker *worker, struct request *request);        // MAIL_PUBLISHED; takes it
enum error_code operations_error_of(int status);                                  // of enum wshub_status
const char *operations_text_of(int status);

// ---- peers.c: whose address a connection has ----

// Gives it a place in the address table, where there is one and the address counts. False: it has its share.
bool peers_admit(struct instance *instance, const struct in6_addr *ip, bool *admitted);
// A PROXY protocol header is to come first.
bool peers_say_first(const struct instance *instance, const struct in6_addr *ip);
// The handler's on_proxied.
bool peers_proxied(struct ws *ws, const struct in6_addr *source, const char *why);
// What the request's X-Forwarded-For says of the session's address. False: that has its share already.
bool peers_forwarded(struct session *session, const struct http_request *request);

// ---- worker.c ----

// Takes the mail to the hub, with all others of this round.
void worker_tell_hub(struct worker *worker, struct mail *mail);

// ---- leaving.c: how the connections go, when the hub says so ----

bool leaving_init(struct worker *worker);                                      // false: no memory
void leaving_begin(struct worker *worker, const struct worker_notice *notice); // MAIL_DRAIN
void leaving_resume(struct worker *worker);                                    // MAIL_RESUME
void leaving_hurry(struct worker *worker);                                     // MAIL_HURRY
void leaving_abort(struct worker *worker);                                     // MAIL_ABORT
void leaving_stop(struct worker *worker);                                      // MAIL_STOP
// `take_rest`: who waits in a backlog is still let in.
void leaving_close_listeners(struct worker *worker, bool take_rest);
// A session has ended, and is in no list any more.
void leaving_ended(struct session *session, bool orderly, size_t unsent);
// For what a session that is told to go is to wait before it comes back, in ms: drawn at random.
uint32_t leaving_return_after(const struct worker *worker);
