// SPDX-License-Identifier: MIT
// Events change what is wanted and mark the channel; one place, reconcile, compares and calls the broker. So
// races between coming and going converge, and no plugin is called from within its own callback.
//
//     ABSENT ──wanted──► SUBSCRIBING ──confirmed──► ACTIVE ──unwanted──► UNSUBSCRIBING ──confirmed──► ABSENT
//                             ├──refused──► ABSENT, or UNCERTAIN as before    │
//                             └──timed out──► UNCERTAIN ◄──failed, timed out──┘
//
// UNCERTAIN: the broker may or may not hold a subscription. It is unsubscribed again, or subscribed when
// wanted. A state is true of one session of the link (channels_links.c).
//
// A channel with a history is ACTIVE without being of use yet: whoever waits is answered when its track
// stands, that is when the hub knows where in the history it is (track.h).
#include "hub/channels_priv.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "config/config.h"
#include "hub/digest.h"
#include "hub/last_value.h"
#include "hub/message.h"
#include "hub/recovery.h"
#include "hub/rules.h"
#include "hub/track.h"
#include "hub/users.h"
#include "loop/loop.h"
#include "plugin/probe.h"
#include "util/map.h"

static struct channel_ticket *ticket_of(struct mail *mail) {
    return (struct channel_ticket *)(void *)mail; // mail is the first member
}

static struct wshub_bytes bytes_of(const struct hub_channel *channel) {
    return (struct wshub_bytes){channel->name, channel->name_length};
}

struct hub_channel *channels_find(struct hub *hub, struct span name, uint32_t hash) {
    struct hub_channel *channel = NULL;
    HASH_FIND_BYHASHVALUE(hh, hub->channels, name.data, name.length, hash, channel);
    return channel;
}

// What only some channels have stands behind the name: the last value, then the track.
static size_t align_up(size_t size) {
    const size_t align = _Alignof(max_align_t);
    return (size + align - 1) & ~(align - 1);
}

static size_t last_offset(size_t name_length) {
    return align_up(sizeof(struct hub_channel) + name_length);
}

static size_t track_offset(size_t name_length, bool keeps_last) {
    return align_up(last_offset(name_length) + (keeps_last ? sizeof(struct last_value) : 0));
}

static size_t size_of(size_t name_length, const struct rule *rule) {
    if (rule->history_size > 0) {
        return track_offset(name_length, rule->last_value) + sizeof(struct track);
    }
    return rule->last_value ? last_offset(name_length) + sizeof(struct last_value)
                            : sizeof(struct hub_channel) + name_length;
}

struct last_value *channel_last(struct hub_channel *channel) {
    char *place = (char *)channel + last_offset(channel->name_length);
    return channel->keeps_last ? (struct last_value *)(void *)place : NULL;
}

struct track *channel_track(struct hub_channel *channel) {
    char *place = (char *)channel + track_offset(channel->name_length, channel->keeps_last);
    return channel->has_track ? (struct track *)(void *)place : NULL;
}

static bool has_prefix(struct span name, const char *prefix, size_t length) {
    return name.length > length && memcmp(name.data, prefix, length) == 0;
}

// No client's channel, but one by which instances and users are reached.
static bool is_own(struct span name) {
    return has_prefix(name, PROBE_RESERVED_PREFIX, sizeof PROBE_RESERVED_PREFIX - 1);
}

static bool is_user(struct span name) {
    return has_prefix(name, DIGEST_USER_PREFIX, sizeof DIGEST_USER_PREFIX - 1);
}

static struct span name_of(const struct hub_channel *channel) {
    return (struct span){channel->name, channel->name_length};
}

static void count(struct hub *hub, const struct hub_channel *channel, int64_t by) {
    if (!is_own(name_of(channel))) {
        counter_add(&hub->stats.channels, by);
    }
}

static struct hub_channel *make(struct hub *hub, struct span name, uint32_t hash) {
    struct rule rule = is_own(name) ? (struct rule){.broker = hub->instance->directory}
                                    : rules_find(hub->instance->config, name);
    struct hub_channel *channel = calloc(1, size_of(name.length, &rule));
    if (!channel) {
        return NULL;
    }
    memcpy(channel->name, name.data, name.length);
    channel->name_length = (uint16_t)name.length;
    channel->keeps_last = rule.last_value;
    channel->has_track = rule.history_size > 0;
    channel->broker = &hub->brokers[rule.broker];
    MAP_ADD(hub->channels, channel->name, channel->name_length, hash, channel);
    if (!channel->hh.tbl) {
        free(channel);
        return NULL;
    }
    if (channel->has_track) {
        track_init(channel_track(channel), hub, channel, &rule);
    }
    count(hub, channel, 1);
    return channel;
}

static void free_channel(struct hub *hub, struct hub_channel *channel) {
    if (channel->keeps_last) {
        last_value_forget(channel_last(channel), &hub->stats);
    }
    if (channel->has_track) {
        track_free(channel_track(channel));
    }
    free(channel);
}

void channel_list_append(struct channel_list *list, struct hub_channel *channel) {
    if (!channel->is_listed) {
        channel->is_listed = true;
        channel->next_listed = NULL;
        *(list->last ? &list->last->next_listed : &list->first) = channel;
        list->last = channel;
    }
}

struct hub_channel *channel_list_take(struct channel_list *list) {
    struct hub_channel *channel = list->first;
    if (channel) {
        list->first = channel->next_listed;
        if (!list->first) {
            list->last = NULL;
        }
        channel->is_listed = false;
    }
    return channel;
}

void channel_mark(struct hub *hub, struct hub_channel *channel) {
    channel_list_append(&hub->dirty, channel);
}

// The broker's link is up, and still the one in which the channel's state was reached.
bool channel_is_current(const struct hub_channel *channel) {
    return broker_is_up(channel->broker->broker) && channel->session == channel->broker->session;
}

bool channel_is_subscribed(const struct hub_channel *channel) {
    return channel->state == CHANNEL_ACTIVE && channel_is_current(channel);
}

// Whoever waits can be answered as soon as the broker has confirmed.
static bool is_settled(struct hub_channel *channel) {
    return !channel->has_track || track_stands(channel_track(channel));
}

void channel_look_again(struct hub *hub, struct hub_channel *channel, uint64_t milliseconds) {
    wheel_arm(&hub->wheel, &channel->later, loop_now(hub->loop) + milliseconds);
}

static void linger(struct hub *hub, struct hub_channel *channel) {
    uint64_t milliseconds = hub->instance->config->unsubscribe_linger;
    if (channel->claims || channel->tickets || channel->state == CHANNEL_SUBSCRIBING ||
        channel->state == CHANNEL_UNSUBSCRIBING) {
        return;
    }
    if (milliseconds > 0 && channel->state == CHANNEL_ACTIVE && !drain_is_ending(hub)) {
        channel_look_again(hub, channel, milliseconds);
    } else {
        wheel_disarm(&channel->later); // a retry that was planned before somebody came
        channel_mark(hub, channel);
    }
}

static void answer(struct hub *hub, struct channel_ticket *ticket, int status) {
    ticket->status = status;
    ticket->mail.kind = MAIL_SUBSCRIBED;
    hub_post(hub, ticket->worker, &ticket->mail);
}

static void claim(struct hub_channel *channel, struct channel_ticket *ticket) {
    ticket->next_claim = channel->claims;
    channel->claims = ticket;
    if (ticket->position && channel->has_track) {
        *ticket->position = *track_position(channel_track(channel));
    }
}

// While somebody here has claimed a user's channel, others can find that user here.
static void follow_user(struct hub *hub, const struct hub_channel *channel) {
    if (hub->users && is_user(name_of(channel))) {
        users_follow(hub->users, name_of(channel), channel->claims != NULL);
    }
}

static void answer_all(struct hub *hub, struct hub_channel *channel, int status) {
    const struct channel_ticket *before = channel->claims;
    while (channel->tickets) {
        struct channel_ticket *ticket = ticket_of(channel->tickets);
        channel->tickets = ticket->mail.next;
        if (status == WSHUB_OK) {
            claim(channel, ticket);
        }
        answer(hub, ticket, status);
    }
    if (!before && channel->claims) {
        follow_user(hub, channel);
    }
    channel_tell_last(hub, channel, before);
}

// ---- what the workers say ----

static void subscribe(struct hub *hub, struct hub_channel *channel);

// Whoever waits for the answer need not wait for the turns of thousands.
static bool waits_for_its_turn(const struct hub_channel *channel) {
    return channel->is_lost && channel->is_listed && broker_is_up(channel->broker->broker) &&
           (channel->state == CHANNEL_ABSENT || channel->state == CHANNEL_UNCERTAIN);
}

void channels_subscribe(struct hub *hub, struct channel_ticket *ticket) {
    struct hub_channel *channel = channels_find(hub, ticket->name, ticket->hash);
    if (!channel && !(channel = make(hub, ticket->name, ticket->hash))) {
        answer(hub, ticket, WSHUB_NO_MEMORY);
        return;
    }
    ticket->mail.next = channel->tickets;
    channel->tickets = &ticket->mail;
    if (channel_is_subscribed(channel) && is_settled(channel)) {
        answer_all(hub, channel, WSHUB_OK);
    } else if (waits_for_its_turn(channel)) {
        subscribe(hub, channel);
    } else {
        channel_mark(hub, channel);
    }
}

static void drop_claim(struct hub_channel *channel, const struct channel_ticket *ticket) {
    for (struct channel_ticket **claim = &channel->claims; *claim; claim = &(*claim)->next_claim) {
        if (*claim == ticket) {
            *claim = ticket->next_claim;
            return;
        }
    }
}

void channels_unsubscribe(struct hub *hub, struct channel_ticket *ticket) {
    struct hub_channel *channel = channels_find(hub, ticket->name, ticket->hash);
    if (channel) {
        drop_claim(channel, ticket);
        if (channel->has_track) {
            recovery_drop(channel_track(channel), ticket);
        }
        congestion_on_leave(hub, ticket->worker);
        if (!channel->claims) {
            follow_user(hub, channel);
            channel_set_lost(hub, channel, false);
        }
        linger(hub, channel);
    }
    ticket->mail.kind = MAIL_RELEASED;
    hub_post(hub, ticket->worker, &ticket->mail);
}

struct hub_channel *channels_find_of(struct hub *hub, const struct hub_broker *slot, struct span name) {
    struct hub_channel *channel =
        channels_find(hub, name, map_hash(name.data, name.length, hub->instance->hash_seed));
    return channel && (!slot || channel->broker == slot) ? channel : NULL;
}

struct channel_ticket *channels_claims(struct hub *hub, struct span name) {
    struct hub_channel *channel = channels_find_of(hub, NULL, name);
    return channel ? channel->claims : NULL;
}

// ---- messages ----

// What a broker has kept is wanted once, and nowhere but where the rule asks for it: for all others it is no
// message that was published now.
struct hub_channel *channels_wanting(struct hub_broker *slot, const struct wshub_message *message) {
    struct hub_channel *channel =
        channels_find_of(slot->hub, slot, (struct span){message->channel.data, message->channel.length});
    const struct last_value *last = channel ? channel_last(channel) : NULL;
    bool is_wanted = message->flags & WSHUB_MESSAGE_LAST_VALUE
                         ? last && last->awaited && message->payload.length > 0
                         : channel && (channel->claims || last || channel->has_track);
    return is_wanted ? channel : NULL;
}

void channels_take(struct hub *hub, struct hub_channel *channel, struct message *message) {
    if (channel->has_track && !message->is_last) {
        track_take(channel_track(channel), message);
    } else {
        channel_pass(hub, channel, message);
    }
}

// ---- what the broker says ----

static void end_restoring(struct hub_channel *channel) {
    channel->broker->restoring -= channel->is_restoring;
    channel->is_restoring = false;
}

void channel_settle(struct hub *hub, struct hub_channel *channel, int status) {
    struct last_value *last = channel_last(channel);
    if (status == WSHUB_OK && (channel->claims || !last)) {
        channel_close_gap(hub, channel);
    }
    answer_all(hub, channel, status);
    if (status == WSHUB_OK) {
        channel_close_gap(hub, channel); // for those who have just come: their last value may have been lost
    }
    linger(hub, channel);
}

static void on_confirmed(struct hub *hub, struct hub_channel *channel) {
    bool was_lost = channel->is_lost;
    channel->state = CHANNEL_ACTIVE;
    channel->failures = 0;
    channel_set_lost(hub, channel, false);
    if (channel->has_track) {
        track_verify(channel_track(channel));
    } else {
        channel->has_gap |= was_lost;
        channel_settle(hub, channel, WSHUB_OK);
    }
}

// After a subscribe that has not succeeded in this session. What the broker held before, it may still hold;
// and a link that resumes brings back what it took before it broke.
static bool may_be_subscribed(const struct hub_channel *channel, int status) {
    return status == WSHUB_TIMEOUT || channel->in_doubt || !broker_is_up(channel->broker->broker);
}

static void on_subscribed(void *context, void *argument, int status) {
    struct hub *hub = context;
    struct hub_channel *channel = argument;
    end_restoring(channel);
    if (channel->session != channel->broker->session) { // whatever it says, it was about another link
        channel->state = CHANNEL_ABSENT;
        channel_mark(hub, channel);
        return;
    }
    if (status == WSHUB_OK && channel_is_current(channel)) {
        on_confirmed(hub, channel);
        return;
    }
    channel->state = may_be_subscribed(channel, status) ? CHANNEL_UNCERTAIN : CHANNEL_ABSENT;
    answer_all(hub, channel, status == WSHUB_OK ? WSHUB_UNAVAILABLE : status);
    if (channel->claims) {
        channel_retry_later(hub, channel);
    } else {
        channel->has_gap = false;
        channel_mark(hub, channel);
    }
}

static void on_unsubscribed(void *context, void *argument, int status) {
    struct hub *hub = context;
    struct hub_channel *channel = argument;
    bool gone = status == WSHUB_OK || status == WSHUB_CLOSED || channel->session != channel->broker->session;
    channel->state = gone ? CHANNEL_ABSENT : CHANNEL_UNCERTAIN;
    if (gone || channel->tickets || !broker_is_up(channel->broker->broker)) {
        channel_mark(hub, channel);
    } else {
        channel_look_again(
            hub, channel,
            CHANNEL_RETRY_MS); // in a drain too: a broker that refuses at once would be asked without end
    }
}

// ---- reconciliation ----

// One whose history is being read stays until that has ended.
static void remove_channel(struct hub *hub, struct hub_channel *channel) {
    if (channel->has_track && !track_release(channel_track(channel))) {
        return;
    }
    wheel_disarm(&channel->later);
    HASH_DEL(hub->channels, channel);
    count(hub, channel, -1);
    free_channel(hub, channel);
}

static void subscribe(struct hub *hub, struct hub_channel *channel) {
    struct last_value *last = channel_last(channel);
    if (last && !(channel->has_track && channel->claims && last->message)) { // its history knows a later one
        last_value_await(last, &hub->stats);
    }
    channel->in_doubt = channel->state == CHANNEL_UNCERTAIN;
    channel->state = CHANNEL_SUBSCRIBING;
    channel->session = channel->broker->session;
    broker_subscribe(channel->broker->broker, bytes_of(channel),
                     (struct broker_reply){on_subscribed, hub, channel});
}

static void unsubscribe(struct hub *hub, struct hub_channel *channel) {
    channel->state = CHANNEL_UNSUBSCRIBING;
    channel->session = channel->broker->session;
    broker_unsubscribe(channel->broker->broker, bytes_of(channel),
                       (struct broker_reply){on_unsubscribed, hub, channel});
}

// The link is down: who waits is told, and what nobody wants is forgotten unless the broker may resume it.
static void reconcile_down(struct hub *hub, struct hub_channel *channel) {
    bool may_be_there = channel->state == CHANNEL_ACTIVE || channel->state == CHANNEL_UNCERTAIN;
    answer_all(hub, channel, WSHUB_UNAVAILABLE);
    if (!channel->claims && (!may_be_there || drain_is_ending(hub))) {
        remove_channel(hub, channel);
    }
}

static void reconcile_up(struct hub *hub, struct hub_channel *channel) {
    bool wanted = channel->claims || channel->tickets;
    bool waits = wheel_is_armed(&channel->later) && !drain_is_ending(hub);
    switch ((enum channel_state)channel->state) {
    case CHANNEL_ABSENT:
        if (wanted) {
            subscribe(hub, channel);
        } else {
            remove_channel(hub, channel);
        }
        break;
    case CHANNEL_ACTIVE:
        channel_close_gap(hub, channel);
        if (wanted && is_settled(channel)) {
            answer_all(hub, channel, WSHUB_OK);
        } else if (wanted) {
            track_hurry(channel_track(channel));
        } else if (!waits) {
            unsubscribe(hub, channel);
        }
        break;
    case CHANNEL_UNCERTAIN:
        if (wanted) {
            subscribe(hub, channel);
        } else if (!waits) {
            unsubscribe(hub, channel);
        }
        break;
    case CHANNEL_SUBSCRIBING:
    case CHANNEL_UNSUBSCRIBING:
        break; // the confirmation brings it here again
    }
}

void channel_reconcile(struct hub *hub, struct hub_channel *channel) {
    if (broker_is_up(channel->broker->broker) || channel->state == CHANNEL_SUBSCRIBING ||
        channel->state == CHANNEL_UNSUBSCRIBING) {
        reconcile_up(hub, channel);
    } else {
        reconcile_down(hub, channel);
    }
}

void channels_reconcile(struct hub *hub) {
    struct hub_channel *channel;
    for (unsigned i = 0; i < hub->broker_count; i++) {
        if (hub->brokers[i].loses) {
            channels_lose_all(&hub->brokers[i]);
        }
        channels_restore(&hub->brokers[i]);
    }
    while ((channel = channel_list_take(&hub->dirty))) {
        channel_reconcile(hub, channel);
    }
}

// Lost ones wait for their turn: there may be many.
static void on_later(void *context, struct wheel_entry *entry) {
    struct hub *hub = context;
    struct hub_channel *channel =
        (struct hub_channel *)(void *)((char *)entry - offsetof(struct hub_channel, later));
    channel_list_append(channel->is_lost ? &channel->broker->restore : &hub->dirty, channel);
}

void channels_tick(struct hub *hub) {
    wheel_sweep(&hub->wheel, loop_now(hub->loop), on_later, hub);
}

void channels_end_lingers(struct hub *hub) {
    struct hub_channel *channel, *next;
    HASH_ITER(hh, hub->channels, channel, next) {
        channel_mark(hub, channel);
    }
}

uint64_t channels_left_over(struct hub *hub) {
    struct hub_channel *channel, *next;
    uint64_t count = 0;
    HASH_ITER(hh, hub->channels, channel, next) {
        bool reads = channel->has_track && track_is_busy(channel_track(channel));
        count += !reads && channel->state != CHANNEL_SUBSCRIBING && channel->state != CHANNEL_UNSUBSCRIBING;
    }
    return count;
}

void channels_each_user(struct hub *hub, void (*fn)(void *context, struct span name, bool is_claimed),
                        void *context) {
    struct hub_channel *channel, *next;
    HASH_ITER(hh, hub->channels, channel, next) {
        if (is_user(name_of(channel))) {
            fn(context, name_of(channel), channel->claims != NULL);
        }
    }
}

bool channels_are_gone(const struct hub *hub) {
    return !hub->channels;
}

void channels_free(struct hub *hub) {
    struct hub_channel *channel, *next;
    HASH_ITER(hh, hub->channels, channel, next) {
        answer_all(hub, channel, WSHUB_CLOSED);
        HASH_DEL(hub->channels, channel);
        free_channel(hub, channel);
    }
    hub->dirty = (struct channel_list){NULL, NULL};
}
