// SPDX-License-Identifier: MIT
#include "auth/ask.h"

#include <inttypes.h>
#include <stdlib.h>

#include "host/peer_priv.h"

const char *const decision_names[] = {
    [DECISION_YES] = "yes",   [DECISION_NO] = "no",           [DECISION_EXPIRED] = "expired",
    [DECISION_PASS] = "pass", [DECISION_FAILURE] = "failure",
};

enum decision decision_of(int status) {
    switch (status) {
    case WSHUB_OK:
        return DECISION_YES;
    case WSHUB_DENIED:
        return DECISION_NO;
    case WSHUB_EXPIRED:
        return DECISION_EXPIRED;
    case WSHUB_PASS:
        return DECISION_PASS;
    default:
        return DECISION_FAILURE;
    }
}

void answer_free(struct answer *answer) {
    free(answer->told);
    *answer = (struct answer){0};
}

// ---- what is decided ----

// Where it makes no sense, a failure.
static int look_at_status(struct peer *peer, const struct call *call, int status) {
    const char *name = operation_names[call->operation];
    if (!is_status(status)) {
        check_breach(peer->check, "%s was decided with %d, which is none of enum wshub_status", name, status);
        return WSHUB_INTERNAL;
    }
    if (status == WSHUB_PASS && call->operation != OPERATION_AUTHENTICATE) {
        check_breach(peer->check, "%s was decided with PASS, which is for authenticate alone", name);
        return WSHUB_INTERNAL;
    }
    if (status == WSHUB_EXPIRED && call->operation == OPERATION_AUTHORIZE) {
        check_breach(peer->check, "authorize was decided with EXPIRED, expected OK, DENIED or a failure");
        return WSHUB_INTERNAL;
    }
    return status;
}

int ask_settle(struct peer *peer, struct call *call, int status) {
    const char *name = operation_names[call->operation];
    call->ended = check_now();
    status = look_at_status(peer, call, status);
    bool tells = call->operation != OPERATION_AUTHORIZE;
    enum decision decision = decision_of(status);
    if (decision == DECISION_YES && tells && !call->told) {
        check_breach(peer->check, "%s was decided with OK, and identify had not told who it is", name);
        return WSHUB_INTERNAL;
    }
    if (decision != DECISION_YES && decision != DECISION_FAILURE && call->told) {
        check_breach(peer->check,
                     "%s was decided with %s after identify had told who it is: only OK has an identity",
                     name, status_name(status));
    }
    return status;
}

// ---- calling ----

enum { BEYOND = 16 }; // bytes of members that this kit does not know

bool ask_can(const struct peer *peer, enum operation slot) {
    return slot == OPERATION_AUTHORIZE ? (bool)peer->auth->authorize
           : slot == OPERATION_REFRESH ? (bool)peer->auth->refresh
                                       : true;
}

static int call_slot(struct peer *peer, const struct inquiry *inquiry, struct lent *lent, wshub_token token) {
    const struct wshub_auth *auth = peer->auth;
    const size_t beyond = peer->host->struct_size > sizeof *peer->host ? BEYOND : 0;
    const bool is_operation = inquiry->slot == OPERATION_AUTHORIZE;
    const struct wshub_request *request = is_operation ? NULL : inquiry_lend_request(inquiry, lent, beyond);
    const struct wshub_operation *operation =
        is_operation ? inquiry_lend_operation(inquiry, lent, beyond) : NULL;
    const char *name = operation_names[inquiry->slot];
    stopwatch_carry(&peer->check->stopwatch, 0);
    struct visit visit = visit_begin(peer, name, VISIT_LIMIT);
    stopwatch_carry(&peer->check->stopwatch, inquiry_bytes(inquiry));
    int status = inquiry->slot == OPERATION_AUTHENTICATE ? auth->authenticate(peer->self, request, token)
                 : inquiry->slot == OPERATION_REFRESH    ? auth->refresh(peer->self, request, token)
                                                         : auth->authorize(peer->self, operation, token);
    uint64_t began = check_now();
    lend_end(peer->check, lent, name); // of a thousand headers, that takes its time
    peer->check->stopwatch.excluded += check_now() - began;
    visit_end(peer, &visit);
    return status;
}

static void refuse(struct peer *peer, struct call *call, int status) {
    if (call->end != CALL_FLIES) {
        check_breach(peer->check, "%s completed its token and then returned %s: one of both",
                     operation_names[call->operation], status_name(status));
        return;
    }
    status = ask_settle(peer, call, status);
    tokens_end(&peer->tokens, call, CALL_REFUSED, status);
}

peer_call ask_start(struct peer *peer, const struct inquiry *inquiry) {
    struct check *check = peer->check;
    struct lent lent;
    struct call *call = tokens_new(&peer->tokens, inquiry->slot);
    if (!call || !secrets_add(&peer->secrets, inquiry) ||
        !lend_begin(&lent, inquiry_bytes(inquiry), inquiry_pieces(inquiry), peer->strict)) {
        check_fail(check, "the kit has no memory left");
    }
    uint64_t token = tokens_of(call);
    call->held = true;
    call->in_slot = true;
    call->began = check_now();
    int status = call_slot(peer, inquiry, &lent, token);
    reactor_look_again(check->reactor);
    call->in_slot = false;
    if (status != WSHUB_OK) {
        refuse(peer, call, status);
    }
    check_settle(check);
    return token;
}

// ---- what came ----

struct waiting {
    struct peer *peer;
    peer_call call;
};

static bool is_done(void *context) {
    const struct waiting *waiting = context;
    return peer_is_done(waiting->peer, waiting->call);
}

struct answer ask_finish(struct peer *peer, peer_call token, const struct inquiry *inquiry) {
    struct check *check = peer->check;
    const char *why = "", *name = operation_names[inquiry->slot];
    check_wait_exactly(check, is_done, &(struct waiting){peer, token}, peer->timeout);
    struct call *call = tokens_find(&peer->tokens, token, &why);
    if (!call || call->end == CALL_FLIES) {
        check_fail(check, "%s of %s was not completed within %" PRIu64 " ms, which is host->timeout", name,
                   inquiry->what, peer->timeout);
    }
    struct answer answer = {call->status, decision_of(call->status), call->ended - call->began, call->told};
    if (answer.took > peer->timeout * 1000000 + check_scaled(50) * 1000000) {
        check_fail(check, "%s of %s was completed after %" PRIu64 " ms, host->timeout is %" PRIu64 " ms",
                   name, inquiry->what, answer.took / 1000000, peer->timeout);
    }
    call->told = NULL;
    tokens_forget(&peer->tokens, call);
    return answer;
}

struct answer ask(struct peer *peer, const struct inquiry *inquiry) {
    return ask_finish(peer, ask_start(peer, inquiry), inquiry);
}

void ask_reload(struct peer *peer) {
    enum { RELOAD_LIMIT = 100 }; // ms: files are read, as in open
    if (peer->auth->reload) {
        struct visit visit = visit_begin(peer, "reload", RELOAD_LIMIT);
        peer->auth->reload(peer->self);
        visit_end(peer, &visit);
        reactor_look_again(peer->check->reactor);
    }
}
