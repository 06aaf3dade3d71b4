// SPDX-License-Identifier: MIT
#include <stdlib.h>
#include <string.h>

#include "auth/identity.h"
#include "hub/access.h"
#include "hub/rules.h"
#include "hub/subscriptions_priv.h"

static char *append(char *at, struct span text) {
    if (text.length > 0) {
        memcpy(at, text.data, text.length);
    }
    return at + text.length;
}

static struct membership *membership_new(const struct session *session, struct span channel) {
    const struct identity *identity = access_identity(session);
    struct span user = identity_user(identity), info = identity_info(identity);
    struct membership *membership =
        calloc(1, sizeof *membership + channel.length + user.length + info.length);
    if (membership) {
        membership->enter.kind = MAIL_JOIN;
        membership->leave.kind = MAIL_LEAVE;
        memcpy(membership->id, session->id, sizeof membership->id);
        membership->channel_length = (uint8_t)channel.length;
        membership->user_length = (uint8_t)user.length;
        membership->info_length = (uint16_t)info.length;
        append(append(append(membership->bytes, channel), user), info);
    }
    return membership;
}

static bool enter(struct subscription *subscription) {
    struct session *session = subscription->session;
    struct membership *membership = membership_new(session, subscription->channel->ticket.name);
    if (membership) {
        extra_of(subscription)->membership = membership;
        worker_tell_hub(session->worker, &membership->enter);
    }
    return membership != NULL;
}

// A plugin that decides each operation is not asked for each event: who has no grant asks with `presence`.
static void look_whether_it_watches(struct subscription *subscription) {
    const struct session *session = subscription->session;
    struct span name = subscription->channel->ticket.name;
    struct rule rule = rules_find(session->worker->instance->config, name);
    subscription->watches =
        rule.presence_events && access_may(session, WSHUB_VERB_PRESENCE, rule.subscribe, name) == ACCESS_YES;
}

bool memberships_begin(struct subscription *subscription) {
    if (!subscription->channel->has_members || extra_of(subscription)->membership) {
        return true;
    }
    look_whether_it_watches(subscription);
    return enter(subscription);
}

static bool is_of(const struct membership *membership, const struct identity *identity) {
    struct span info = identity_info(identity);
    return membership->info_length == info.length &&
           memcmp(membership->bytes + membership->channel_length + membership->user_length, info.data,
                  info.length) == 0;
}

bool memberships_review(struct subscription *subscription) {
    const struct subscription_extra *extra = extra_of(subscription);
    if (!extra || !extra->membership) {
        return true; // looked at when it is confirmed
    }
    look_whether_it_watches(subscription);
    if (is_of(extra->membership, access_identity(subscription->session))) {
        return true;
    }
    memberships_end(subscription);
    return enter(subscription);
}

void memberships_end(struct subscription *subscription) {
    struct subscription_extra *extra = extra_of(subscription);
    if (extra && extra->membership) {
        worker_tell_hub(subscription->session->worker, &extra->membership->leave);
        extra->membership = NULL; // the hub's now
    }
}
