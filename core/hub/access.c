// SPDX-License-Identifier: MIT
#include "hub/access_priv.h"

#include <stdlib.h>

#include "auth/identity.h"
#include "auth/revocations.h"
#include "hub/rules.h"
#include "hub/worker_priv.h"
#include "net/address.h"
#include "net/http.h"
#include "util/clock.h"

enum { STRANGERS_BACKLOG_MAX = 64 * 1024 };

// ---- questions ----

struct client { // the texts that a query borrows
    char id[SESSION_ID_LENGTH + 1];
    char address[ADDRESS_TEXT_SIZE];
    struct query_client texts;
};

static const struct query_client *describe(const struct session *session, struct client *client) {
    session_id(session, client->id);
    client->address[0] = '\0';
    if (!IN6_IS_ADDR_UNSPECIFIED(&session->address)) {
        address_ip_format(&session->address, client->address, sizeof client->address);
    }
    client->texts = (struct query_client){client->id, session->protocol->subprotocol, client->address};
    return &client->texts;
}

static void post(struct access *access, struct auth_query *query) {
    struct worker *worker = access->session->worker;
    query->mail.kind = MAIL_AUTHENTICATE;
    query->worker = worker->index;
    query->session = access->session;
    access->query = query;
    access->asking = true;
    worker_tell_hub(worker, &query->mail);
}

// The client waits for the answer to this operation, of which only the id is needed.
static bool post_for(struct access *access, struct auth_query *query, const struct operation *operation) {
    access->asked = backlog_item_new(&(struct operation){.verb = operation->verb, .id = operation->id});
    if (!access->asked) {
        return false;
    }
    post(access, query);
    return true;
}

static void say_no_memory(struct session *session, const struct operation *operation) {
    session_error(session, operation->id, ERROR_INTERNAL, "out of memory");
}

// ---- coming in ----

void access_connect(struct session *session, const struct http_request *request,
                    const struct upgrade_answer *answer) {
    struct client client;
    struct access *access = calloc(1, sizeof *access);
    struct auth_query *query = query_connect(request, session->worker->instance->config, answer->ambient,
                                             describe(session, &client));
    if (!access || !query) {
        query_free(query);
        free(access);
        session_refuse(session, 503, "Retry-After: 1\r\n", "internal", "out of memory");
        return;
    }
    access->session = session;
    access->answer = *answer;
    access->is_browser = http_header(request, "origin", NULL) != NULL;
    access->has_token = query->request.token.length > 0;
    session->access = access;
    ws_hold(&session->ws);
    post(access, query);
}

// Takes the identity out of the query.
static void become(struct access *access, struct auth_query *query) {
    identity_unref(access->identity);
    access->identity = query->identity;
    access->plugin = query->plugin;
    query->identity = NULL;
    access_begin_life(access);
}

static void let_in(struct session *session, struct auth_query *query) {
    struct access *access = session->access;
    struct backlog_item *asked = access->asked; // HELD: the connect
    if (!asked && !session_open(session, &access->answer)) {
        return;
    }
    counter_add(&session->worker->stats.held, -(access->stage == ACCESS_HELD));
    access->asked = NULL;
    access->stage = ACCESS_LET_IN;
    become(access, query);
    session_welcome(session);
    if (asked) {
        session_ok(session, asked->operation.id, (struct span){0});
        backlog_item_free(asked);
    } else {
        ws_resume(&session->ws);
    }
}

// Takes the query: it is asked again once there is a token.
static void hold(struct session *session, struct auth_query *query) {
    struct access *access = session->access;
    if (!session_open(session, &access->answer)) {
        query_free(query);
        return;
    }
    access->stage = ACCESS_HELD;
    access->query = query;
    counter_add(&session->worker->stats.held, 1);
    access_arm(access, session->worker->instance->config->timeouts.connect);
    ws_resume(&session->ws);
}

void access_do_connect(struct session *session, const struct operation *operation) {
    struct access *access = session->access;
    if (!access) {
        session_error(session, operation->id, ERROR_UNSUPPORTED, "this hub asks for no token");
    } else if (access->stage == ACCESS_LET_IN) {
        session_error(session, operation->id, ERROR_BAD_REQUEST,
                      "this connection was let in already: refresh takes another token");
    } else if (!query_set_token(access->query, operation->token) ||
               !post_for(access, access->query, operation)) {
        say_no_memory(session, operation);
    } else {
        access->has_token = true;
        wheel_disarm(&access->timer);
    }
}

static enum auth_verdict verdict_of(const struct auth_query *query) {
    uint64_t expires = identity_expires(query->identity);
    bool is_over = query->verdict == AUTH_YES && expires > 0 && expires <= clock_wall_ms();
    return is_over ? AUTH_EXPIRED : query->verdict;
}

// True: the query was taken.
static bool on_connect(struct session *session, struct auth_query *query) {
    const struct access *access = session->access;
    enum auth_verdict verdict = verdict_of(query);
    bool may_wait = session->worker->instance->config->timeouts.connect > 0;
    if (access->stage == ACCESS_ASKED && !ws_is_held(&session->ws)) {
        return false; // it could not wait any longer
    }
    if (verdict == AUTH_UNDECIDED && access->stage == ACCESS_ASKED && !access->has_token && may_wait) {
        hold(session, query);
        return true;
    }
    if (verdict == AUTH_YES) {
        let_in(session, query);
    } else {
        access_refuse(session, verdict);
    }
    return false;
}

// ---- another token ----

// Only a plugin can say whether these go on; one after the other.
static void review_next(struct session *session) {
    struct access *access = session->access;
    struct client client;
    struct span name;
    while (ws_is_open(&session->ws) && subscriptions_undecided(session, &name)) {
        struct auth_query *query = query_operation(access->identity, access->plugin, WSHUB_VERB_SUBSCRIBE,
                                                   name, (struct span){0}, describe(session, &client));
        if (query) {
            access->reviewing = true;
            post(access, query);
            return;
        }
        subscriptions_decide(session, name, false);
    }
}

static bool on_review(struct session *session, struct auth_query *query) {
    struct span name = {query->operation.name.data, query->operation.name.length};
    session->access->reviewing = false;
    subscriptions_decide(session, name, query->verdict == AUTH_YES);
    review_next(session);
    return false;
}

static bool on_refresh(struct session *session, struct auth_query *query) {
    struct access *access = session->access;
    struct backlog_item *asked = access->asked;
    enum auth_verdict verdict = verdict_of(query);
    access->asked = NULL;
    if (verdict == AUTH_YES) {
        become(access, query);
        session_ok_until(session, asked->operation.id, access_expires_in(session));
        subscriptions_review(session);
        review_next(session);
    } else {
        access_refuse_operation(session, &asked->operation, verdict);
    }
    backlog_item_free(asked);
    return false;
}

void access_do_refresh(struct session *session, const struct operation *operation) {
    struct access *access = session->access;
    struct client client;
    if (!access) {
        session_error(session, operation->id, ERROR_UNSUPPORTED, "this hub asks for no token");
        return;
    }
    struct auth_query *query =
        query_refresh(access->identity, access->plugin, operation->token, describe(session, &client));
    if (!query || !post_for(access, query, operation)) {
        query_free(query);
        say_no_memory(session, operation);
    }
}

// ---- operations ----

// Reading pauses, but what one read has brought is there: of a client that is let in it all waits, of another
// as much as it can have a use for.
static void wait_behind(struct session *session, const struct operation *operation) {
    struct access *access = session->access;
    bool is_much = access->stage != ACCESS_LET_IN && access->backlog.size > STRANGERS_BACKLOG_MAX;
    struct backlog_item *item = is_much ? NULL : backlog_item_new(operation);
    if (item) {
        backlog_append(&access->backlog, item);
    } else if (is_much) {
        session_error(session, operation->id, ERROR_RATE_LIMITED, "this much waits for the token already");
    } else {
        say_no_memory(session, operation);
    }
}

bool access_admits(struct session *session, const struct operation *operation) {
    const struct access *access = session->access;
    if (access && access->asking) {
        wait_behind(session, operation);
        return false;
    }
    bool is_for_all =
        operation->verb == VERB_CONNECT || operation->verb == VERB_PING || operation->verb == VERB_NONE;
    if (access && access->stage == ACCESS_HELD && !is_for_all) {
        session_error(session, operation->id, ERROR_UNAUTHENTICATED, "connect with a token comes first");
        return false;
    }
    return true;
}

enum access_answer access_may(const struct session *session, enum wshub_verb verb, enum config_who who,
                              struct span name) {
    const struct identity *identity = access_identity(session);
    switch (who) {
    case CONFIG_WHO_ALL:
        return ACCESS_YES;
    case CONFIG_WHO_USER:
        return identity_user(identity).length > 0 ? ACCESS_YES : ACCESS_NO;
    case CONFIG_WHO_GRANTED:
        if (identity_may(identity, verb, name)) {
            return ACCESS_YES;
        }
        if (identity_asks(identity, verb)) {
            return session->access->allowed == (uint32_t)verb ? ACCESS_YES : ACCESS_ASK;
        }
        return ACCESS_NO;
    case CONFIG_WHO_SERVER:
    case CONFIG_WHO_UNSAID: // rules_find has said it
        break;
    }
    return ACCESS_NO;
}

void access_ask(struct session *session, enum wshub_verb verb, struct span name,
                const struct operation *operation) {
    struct access *access = session->access;
    struct client client;
    struct auth_query *query = query_operation(access->identity, access->plugin, verb, name, operation->data,
                                               describe(session, &client));
    access->asked = query ? backlog_item_new(operation) : NULL;
    if (access->asked) {
        post(access, query);
    } else {
        query_free(query);
        say_no_memory(session, operation);
    }
}

static bool on_operation(struct session *session, struct auth_query *query) {
    struct access *access = session->access;
    struct backlog_item *asked = access->asked;
    access->asked = NULL;
    if (query->verdict == AUTH_YES) {
        access->allowed = query->operation.verb;
        operations_do(session, &asked->operation);
        if (session->access) { // its answer may have closed it
            session->access->allowed = 0;
        }
    } else if (query->verdict == AUTH_NO) {
        operations_deny(session, &asked->operation);
    } else {
        access_refuse_operation(session, &asked->operation, query->verdict);
    }
    backlog_item_free(asked);
    return false;
}

// ---- answers ----

static void work_off(struct session *session) {
    struct backlog_item *item;
    while (session->access && !session->access->asking && (item = backlog_take(&session->access->backlog))) {
        operations_do(session, &item->operation);
        backlog_item_free(item);
    }
}

void access_answered(struct auth_query *query) {
    static bool (*const handlers[])(struct session *, struct auth_query *) = {
        [AUTH_CONNECT] = on_connect,
        [AUTH_REFRESH] = on_refresh,
        [AUTH_OPERATION] = on_operation,
    };
    struct session *session = query->session;
    if (!session) { // gone
        query_free(query);
        return;
    }
    struct access *access = session->access;
    access->query = NULL;
    access->asking = false;
    bool taken = (access->reviewing ? on_review : handlers[query->question])(session, query);
    if (!taken) {
        query_free(query);
    }
    work_off(session);
    session_proceed(session);
}

void access_revoked(struct worker *worker, const struct revoke_notice *notice) {
    struct session *next;
    for (struct session *session = worker->sessions; session; session = next) {
        const struct identity *identity = access_identity(session);
        next = session->next;
        if (identity && revocation_concerns(&notice->revocation, identity)) {
            access_close(session, AUTH_REVOKED);
        }
    }
}

// ---- the end ----

struct identity *access_identity(const struct session *session) {
    return session->access ? session->access->identity : NULL;
}

bool access_is_behind(const struct session *session) {
    const struct access *access = session->access;
    return access && (access->asking || access->backlog.first);
}

bool access_is_busy(const struct session *session) {
    return access_is_behind(session) && session->access->stage == ACCESS_LET_IN;
}

void access_drain(struct worker *worker) {
    struct session *next;
    for (struct session *session = worker->sessions; session; session = next) {
        next = session->next;
        if (session->access && ws_is_held(&session->ws)) {
            session_refuse(session, 503, "Retry-After: 1\r\n", "draining", "this instance is shutting down");
        }
    }
}

void access_end(struct session *session) {
    struct access *access = session->access;
    if (!access) {
        return;
    }
    session->access = NULL;
    counter_add(&session->worker->stats.held, -(access->stage == ACCESS_HELD));
    wheel_disarm(&access->timer);
    if (access->asking) {
        access->query->session = NULL; // it comes back, and is freed then
    } else {
        query_free(access->query);
    }
    backlog_item_free(access->asked);
    backlog_clear(&access->backlog);
    identity_unref(access->identity);
    free(access);
}
