// SPDX-License-Identifier: MIT
// A session has another identity: which of its subscriptions go on.
#include <stdlib.h>

#include "hub/access.h"
#include "hub/rules.h"
#include "hub/subscriptions_priv.h"
#include "wshub/status.h"

// The request of a subscription that is not confirmed yet.
static struct request *waiting_request(const struct subscription *subscription) {
    struct request *found = NULL;
    for (struct request *request = subscription->channel->waiting; request; request = request->next_waiting) {
        if (request->session == subscription->session && !request->leaves) {
            found = request;
        }
    }
    return found;
}

// Who waits for the answer to a subscribe gets it, and it is a no: now, or when the channel is confirmed.
static void refuse(struct subscription *subscription) {
    struct session *session = subscription->session;
    struct channel *channel = subscription->channel;
    struct catchup *catchup = catchup_of(subscription);
    struct request *later = waiting_request(subscription);
    struct request *now = catchup && !later ? catchup_take_request(catchup) : NULL;
    subscriptions_drop(subscription);
    if (later) {
        later->status = WSHUB_DENIED;
    } else if (now) {
        session_error(session, request_id(now), ERROR_DENIED, "the grant was taken away meanwhile");
        request_settle(now);
        free(now);
    } else {
        session_send(session, &(struct event){
                                  .kind = EVENT_UNSUBSCRIBED,
                                  .channel = channel->ticket.name,
                                  .word = "revoked",
                              });
    }
    subscriptions_release(session->worker, channel);
    catchup_proceed(session); // it may have been this one's turn
}

// A plugin has to say whether it goes on.
static void set_aside(struct subscription *subscription) {
    subscriptions_set_undecided(subscription, true);
    catchup_set_aside(subscription);
}

static void go_on(struct subscription *subscription) {
    if (!subscription->undecided) {
        return;
    }
    subscriptions_set_undecided(subscription, false);
    if (catchup_of(subscription)) {
        catchup_resume(catchup_of(subscription));
    } else if (subscription->missed) {
        fanout_tell_gap(subscription, subscription->channel->ticket.position);
    }
}

static void judge(struct subscription *subscription) {
    struct session *session = subscription->session;
    struct span name = subscription->channel->ticket.name;
    struct rule rule = rules_find(session->worker->instance->config, name);
    enum access_answer answer = access_may(session, WSHUB_VERB_SUBSCRIBE, rule.subscribe, name);
    if (answer == ACCESS_NO) {
        refuse(subscription);
        return;
    }
    if (!memberships_review(subscription)) {
        ws_close(&session->ws, WS_CLOSE_INTERNAL, "out of memory");
    } else if (answer == ACCESS_ASK) {
        set_aside(subscription);
    } else {
        go_on(subscription);
    }
}

void subscriptions_review(struct session *session) {
    struct subscription *next;
    for (struct subscription *s = session->subscriptions; s && ws_is_open(&session->ws); s = next) {
        next = s->next;
        if (!s->channel->is_own) { // a user's own: a refresh changes no user
            judge(s);
        }
    }
}

bool subscriptions_undecided(const struct session *session, struct span *name) {
    for (const struct subscription *s = session->subscriptions; s; s = s->next) {
        if (s->undecided) {
            *name = s->channel->ticket.name;
            return true;
        }
    }
    return false;
}

void subscriptions_decide(struct session *session, struct span name, bool allowed) {
    struct subscription *subscription = subscriptions_find_by_name(session, name);
    if (!subscription || !subscription->undecided) { // it may have failed meanwhile
        return;
    }
    if (allowed) {
        go_on(subscription);
    } else {
        refuse(subscription);
    }
}
