// SPDX-License-Identifier: MIT
// Events change what is wanted and mark the channel; one place, reconcile, compares and calls the broker. So
// races between coming and going converge, and no plugin is called from within its own callback.
//
//     ABSENT ──wanted──► SUBSCRIBING ──confirmed──► ACTIVE ──unwanted──► UNSUBSCRIBING ──confirmed──► ABSENT
//                             ├──refused──► ABSENT, or UNCERTAIN as before    │
//                             └──timed out──► UNCERTAIN ◄──failed, timed out──┘
//
// UNCERTAIN: the broker may or may not hold a subscription. It is unsubscribed again, or subscribed when
// wanted.
//
// A state is true of the session of the link in which it was reached. When the link comes up anew, every
// channel of the broker is ABSENT, and those with claims are subscribed again: some at a time, retried
// without end, and their subscribers are told of the gap. While the link is down nothing is asked of the
// broker.
#include "hub/hub_priv.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "config/config.h"
#include "hub/digest.h"
#include "hub/last_value.h"
#include "hub/message.h"
#include "hub/rules.h"
#include "hub/users.h"
#include "loop/loop.h"
#include "plugin/probe.h"
#include "util/map.h"

enum state { ABSENT, SUBSCRIBING, ACTIVE, UNSUBSCRIBING, UNCERTAIN };

enum {
    RETRY_MS = 1000,       // of an unsubscribe that failed, and of a lost channel's first retry
    RETRIES_DOUBLED = 2,   // the later ones wait up to 4 times as long
    RESTORE_WINDOW = 1024, // subscribes under way to one broker that has come back
};

struct hub_channel {
    struct hub_broker *broker;
    struct hub_channel *next_listed;
    struct wheel_entry later;      // armed: looked at again then; a linger, or a retry
    struct mail *tickets;          // of workers that wait for the confirmation, linked by next
    struct channel_ticket *claims; // confirmed ones, at most one of each worker, linked by next_claim
    uint32_t session;              // of the link, when the state was reached or the call began
    uint16_t name_length;
    uint16_t state : 3;        // enum state
    uint16_t failures : 2;     // of restoring it, in a row
    uint16_t is_listed : 1;    // in the dirty list, or its broker's restore list
    uint16_t is_restoring : 1; // SUBSCRIBING, and counted among the broker's restoring ones
    uint16_t is_lost : 1;      // has claims, and no subscription at the broker
    uint16_t has_gap : 1;      // its claims must be told
    uint16_t in_doubt : 1;     // SUBSCRIBING, and was UNCERTAIN before
    uint16_t keeps_last : 1;   // room for a struct last_value stands behind the name
    UT_hash_handle
        hh; // its key's length and hash are at its end: a look-up reads them and the name in one go
    char name[];
};

static struct channel_ticket *ticket_of(struct mail *mail) {
    return (struct channel_ticket *)(void *)mail; // mail is the first member
}

static struct wshub_bytes bytes_of(const struct hub_channel *channel) {
    return (struct wshub_bytes){channel->name, channel->name_length};
}

static struct hub_channel *find(struct hub *hub, struct span name, uint32_t hash) {
    struct hub_channel *channel = NULL;
    HASH_FIND_BYHASHVALUE(hh, hub->channels, name.data, name.length, hash, channel);
    return channel;
}

static size_t last_offset(size_t name_length) {
    size_t align = _Alignof(struct last_value);
    return (sizeof(struct hub_channel) + name_length + align - 1) & ~(align - 1);
}

// NULL: it has none, and no room for one.
static struct last_value *last_of(struct hub_channel *channel) {
    char *end = (char *)channel + last_offset(channel->name_length);
    return channel->keeps_last ? (struct last_value *)(void *)end : NULL;
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
    size_t size = rule.last_value ? last_offset(name.length) + sizeof(struct last_value)
                                  : sizeof(struct hub_channel) + name.length;
    struct hub_channel *channel = calloc(1, size);
    if (!channel) {
        return NULL;
    }
    memcpy(channel->name, name.data, name.length);
    channel->name_length = (uint16_t)name.length;
    channel->keeps_last = rule.last_value;
    channel->broker = &hub->brokers[rule.broker];
    MAP_ADD(hub->channels, channel->name, channel->name_length, hash, channel);
    if (!channel->hh.tbl) {
        free(channel);
        return NULL;
    }
    count(hub, channel, 1);
    return channel;
}

static void free_channel(struct hub *hub, struct hub_channel *channel) {
    if (channel->keeps_last) {
        last_value_forget(last_of(channel), &hub->stats);
    }
    free(channel);
}

static void append(struct channel_list *list, struct hub_channel *channel) {
    if (!channel->is_listed) {
        channel->is_listed = true;
        channel->next_listed = NULL;
        *(list->last ? &list->last->next_listed : &list->first) = channel;
        list->last = channel;
    }
}

static struct hub_channel *take_first(struct channel_list *list) {
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

static void mark_dirty(struct hub *hub, struct hub_channel *channel) {
    append(&hub->dirty, channel);
}

// The broker's link is up, and still the one in which the channel's state was reached.
static bool is_current(const struct hub_channel *channel) {
    return broker_is_up(channel->broker->broker) && channel->session == channel->broker->session;
}

static void look_again(struct hub *hub, struct hub_channel *channel, uint64_t milliseconds) {
    wheel_arm(&hub->wheel, &channel->later, loop_now(hub->loop) + milliseconds);
}

static void linger(struct hub *hub, struct hub_channel *channel) {
    uint64_t milliseconds = hub->instance->config->unsubscribe_linger;
    if (channel->claims || channel->tickets || channel->state == SUBSCRIBING ||
        channel->state == UNSUBSCRIBING) {
        return;
    }
    if (milliseconds > 0 && channel->state == ACTIVE && !drain_is_ending(hub)) {
        look_again(hub, channel, milliseconds);
    } else {
        wheel_disarm(&channel->later); // a retry that was planned before somebody came
        mark_dirty(hub, channel);
    }
}

static void answer(struct hub *hub, struct channel_ticket *ticket, int status) {
    ticket->status = status;
    ticket->mail.kind = MAIL_SUBSCRIBED;
    hub_post(hub, ticket->worker, &ticket->mail);
}

// Those who have come get the last value right behind their answer. A copy: a message travels once.
static void tell_last(struct hub *hub, struct hub_channel *channel, const struct channel_ticket *before) {
    struct last_value *last = last_of(channel);
    if (!last || !last->message || last->owed || channel->claims == before) {
        return;
    }
    struct message *copy = message_copy_last(last->message, hub->instance->worker_count);
    if (copy) {
        hub_fan_out(hub, copy, channel->claims, before);
        message_unref(copy);
    } else {
        channel->has_gap = true;
        mark_dirty(hub, channel);
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
            ticket->next_claim = channel->claims;
            channel->claims = ticket;
        }
        answer(hub, ticket, status);
    }
    if (!before && channel->claims) {
        follow_user(hub, channel);
    }
    tell_last(hub, channel, before);
}

// ---- what was lost with the link ----

static void set_lost(struct hub *hub, struct hub_channel *channel, bool lost) {
    if (channel->is_lost != lost) {
        channel->is_lost = lost;
        counter_add(&hub->stats.lost, lost ? 1 : -1);
        for (struct channel_ticket *claim = channel->claims; claim; claim = claim->next_claim) {
            atomic_store_explicit(&claim->lost, lost, memory_order_relaxed);
        }
    }
}

// Without memory for the word, it is tried again.
static void tell_gap(struct hub *hub, struct hub_channel *channel) {
    if (!channel->claims) {
        channel->has_gap = false;
        return;
    }
    struct message *gap =
        message_new_gap((struct span){channel->name, channel->name_length}, hub->instance->worker_count);
    if (gap) {
        const struct last_value *last = last_of(channel);
        // A value that was not sent yet follows; any other is as new at the workers as it is here.
        gap->forgets_last = last && (!last->message || last->owed);
        channel->has_gap = false;
        hub_fan_out(hub, gap, channel->claims, NULL);
        message_unref(gap);
        counter_add(&hub->stats.gaps, 1);
    } else {
        look_again(hub, channel, RETRY_MS);
    }
}

// What came while the gap was not told yet.
static void pay_last(struct hub *hub, struct hub_channel *channel) {
    struct last_value *last = last_of(channel);
    if (last && last->owed && !channel->has_gap) {
        last->owed = false;
        hub_fan_out(hub, last->message, channel->claims, NULL);
    }
}

// Behind the gap comes the last value, if the broker has brought one.
static void close_gap(struct hub *hub, struct hub_channel *channel) {
    if (channel->has_gap) {
        tell_gap(hub, channel);
    }
    pay_last(hub, channel);
}

// A later one was lost. What the broker has kept is later still if a subscribe is under way; it may be older
// if one has brought it too late. A channel that lingers does so no more: whoever comes next makes a
// subscribe.
static void forget_last(struct hub *hub, struct hub_channel *channel) {
    struct last_value *last = last_of(channel);
    if (!last) {
        return;
    }
    last_value_forget(last, &hub->stats);
    last->awaited = channel->state == SUBSCRIBING;
    if (channel->state == ACTIVE && !channel->claims && !channel->tickets) {
        wheel_disarm(&channel->later);
        mark_dirty(hub, channel);
    }
}

static void retry_later(struct hub *hub, struct hub_channel *channel) {
    look_again(hub, channel, (uint64_t)RETRY_MS << channel->failures);
    if (channel->failures < RETRIES_DOUBLED) {
        channel->failures++;
    }
}

// ---- what the workers say ----

static void subscribe(struct hub *hub, struct hub_channel *channel);

// Whoever waits for the answer need not wait for the turns of thousands.
static bool waits_for_its_turn(const struct hub_channel *channel) {
    return channel->is_lost && channel->is_listed && broker_is_up(channel->broker->broker) &&
           (channel->state == ABSENT || channel->state == UNCERTAIN);
}

void channels_subscribe(struct hub *hub, struct channel_ticket *ticket) {
    struct hub_channel *channel = find(hub, ticket->name, ticket->hash);
    if (!channel && !(channel = make(hub, ticket->name, ticket->hash))) {
        answer(hub, ticket, WSHUB_NO_MEMORY);
        return;
    }
    ticket->mail.next = channel->tickets;
    channel->tickets = &ticket->mail;
    if (channel->state == ACTIVE && is_current(channel)) {
        answer_all(hub, channel, WSHUB_OK);
    } else if (waits_for_its_turn(channel)) {
        subscribe(hub, channel);
    } else {
        mark_dirty(hub, channel);
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
    struct hub_channel *channel = find(hub, ticket->name, ticket->hash);
    if (channel) {
        drop_claim(channel, ticket);
        congestion_on_leave(hub, ticket->worker);
        if (!channel->claims) {
            follow_user(hub, channel);
            set_lost(hub, channel, false);
        }
        linger(hub, channel);
    }
    ticket->mail.kind = MAIL_RELEASED;
    hub_post(hub, ticket->worker, &ticket->mail);
}

static struct hub_channel *find_of(struct hub *hub, const struct hub_broker *slot, struct span name) {
    struct hub_channel *channel = find(hub, name, map_hash(name.data, name.length, hub->instance->hash_seed));
    return channel && (!slot || channel->broker == slot) ? channel : NULL;
}

struct channel_ticket *channels_claims(struct hub *hub, struct span name) {
    struct hub_channel *channel = find_of(hub, NULL, name);
    return channel ? channel->claims : NULL;
}

// ---- messages ----

// What a broker has kept is wanted once, and nowhere but where the rule asks for it: for all others it is no
// message that was published now.
struct hub_channel *channels_wanting(struct hub_broker *slot, const struct wshub_message *message) {
    struct hub_channel *channel =
        find_of(slot->hub, slot, (struct span){message->channel.data, message->channel.length});
    const struct last_value *last = channel ? last_of(channel) : NULL;
    bool is_wanted = message->flags & WSHUB_MESSAGE_LAST_VALUE
                         ? last && last->awaited && message->payload.length > 0
                         : channel && (channel->claims || last);
    return is_wanted ? channel : NULL;
}

void channels_take(struct hub *hub, struct hub_channel *channel, struct message *message) {
    struct last_value *last = last_of(channel);
    if (last) {
        last_value_set(last, message, &hub->stats);
        last->owed = message->is_last && channel->claims && (channel->is_lost || channel->has_gap);
    }
    if (channel->claims && !(last && last->owed)) {
        counter_add(&hub->stats.deliveries, 1);
        hub_fan_out(hub, message, channel->claims, NULL);
    }
}

// ---- what the broker says ----

static void end_restoring(struct hub_channel *channel) {
    channel->broker->restoring -= channel->is_restoring;
    channel->is_restoring = false;
}

static void on_confirmed(struct hub *hub, struct hub_channel *channel) {
    channel->state = ACTIVE;
    channel->failures = 0;
    if (channel->is_lost) {
        set_lost(hub, channel, false);
        channel->has_gap = true;
    }
    if (channel->claims || !channel->keeps_last) {
        close_gap(hub, channel);
    }
    answer_all(hub, channel, WSHUB_OK);
    close_gap(hub, channel); // for those who have just come: their last value may have been lost
    linger(hub, channel);
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
        channel->state = ABSENT;
        mark_dirty(hub, channel);
        return;
    }
    if (status == WSHUB_OK && is_current(channel)) {
        on_confirmed(hub, channel);
        return;
    }
    channel->state = may_be_subscribed(channel, status) ? UNCERTAIN : ABSENT;
    answer_all(hub, channel, status == WSHUB_OK ? WSHUB_UNAVAILABLE : status);
    if (channel->claims) {
        retry_later(hub, channel);
    } else {
        channel->has_gap = false;
        mark_dirty(hub, channel);
    }
}

static void on_unsubscribed(void *context, void *argument, int status) {
    struct hub *hub = context;
    struct hub_channel *channel = argument;
    bool gone = status == WSHUB_OK || status == WSHUB_CLOSED || channel->session != channel->broker->session;
    channel->state = gone ? ABSENT : UNCERTAIN;
    if (gone || channel->tickets || !broker_is_up(channel->broker->broker)) {
        mark_dirty(hub, channel);
    } else {
        look_again(hub, channel,
                   RETRY_MS); // in a drain too: a broker that refuses at once would be asked without end
    }
}

// UP: nothing is subscribed in the new session. Who has claims is restored; the others go. A call that is
// still under way says so itself when it ends.
static void begin_session(struct hub *hub, struct hub_channel *channel) {
    if (channel->state == SUBSCRIBING || channel->state == UNSUBSCRIBING) {
        return;
    }
    channel->state = ABSENT;
    channel->failures = 0;
    wheel_disarm(&channel->later);
    set_lost(hub, channel, channel->claims != NULL);
    append(channel->claims ? &channel->broker->restore : &hub->dirty, channel);
}

static void resume(struct hub *hub, struct hub_channel *channel, bool missed) {
    bool is_there = channel->state == ACTIVE && channel->session == channel->broker->session;
    if (is_there) {
        set_lost(hub, channel, false);
        channel->has_gap |= missed;
    }
    if (missed && channel->keeps_last) {
        forget_last(hub, channel);
        last_of(channel)->awaited = true; // what the plugin has subscribed anew may have brought it anew
    }
    append(channel->is_lost ? &channel->broker->restore : &hub->dirty, channel);
}

void channels_on_link(struct hub_broker *slot, enum wshub_link_state state) {
    struct hub *hub = slot->hub;
    struct hub_channel *channel, *next;
    slot->session += state == WSHUB_LINK_UP;
    HASH_ITER(hh, hub->channels, channel, next) {
        if (channel->broker != slot) {
            continue;
        }
        if (state == WSHUB_LINK_DOWN) {
            set_lost(hub, channel, channel->claims != NULL);
        } else if (state == WSHUB_LINK_UP) {
            begin_session(hub, channel);
        } else {
            resume(hub, channel, state == WSHUB_LINK_RESUBSCRIBED);
        }
    }
}

// ---- reconciliation ----

static void remove_channel(struct hub *hub, struct hub_channel *channel) {
    wheel_disarm(&channel->later);
    HASH_DEL(hub->channels, channel);
    count(hub, channel, -1);
    free_channel(hub, channel);
}

static void subscribe(struct hub *hub, struct hub_channel *channel) {
    if (channel->keeps_last) {
        last_value_await(last_of(channel), &hub->stats);
    }
    channel->in_doubt = channel->state == UNCERTAIN;
    channel->state = SUBSCRIBING;
    channel->session = channel->broker->session;
    broker_subscribe(channel->broker->broker, bytes_of(channel),
                     (struct broker_reply){on_subscribed, hub, channel});
}

static void unsubscribe(struct hub *hub, struct hub_channel *channel) {
    channel->state = UNSUBSCRIBING;
    channel->session = channel->broker->session;
    broker_unsubscribe(channel->broker->broker, bytes_of(channel),
                       (struct broker_reply){on_unsubscribed, hub, channel});
}

// The link is down: who waits is told, and what nobody wants is forgotten unless the broker may resume it.
static void reconcile_down(struct hub *hub, struct hub_channel *channel) {
    bool may_be_there = channel->state == ACTIVE || channel->state == UNCERTAIN;
    answer_all(hub, channel, WSHUB_UNAVAILABLE);
    if (!channel->claims && (!may_be_there || drain_is_ending(hub))) {
        remove_channel(hub, channel);
    }
}

static void reconcile_up(struct hub *hub, struct hub_channel *channel) {
    bool wanted = channel->claims || channel->tickets;
    bool waits = wheel_is_armed(&channel->later) && !drain_is_ending(hub);
    switch ((enum state)channel->state) {
    case ABSENT:
        if (wanted) {
            subscribe(hub, channel);
        } else {
            remove_channel(hub, channel);
        }
        break;
    case ACTIVE:
        close_gap(hub, channel);
        if (wanted) {
            answer_all(hub, channel, WSHUB_OK);
        } else if (!waits) {
            unsubscribe(hub, channel);
        }
        break;
    case UNCERTAIN:
        if (wanted) {
            subscribe(hub, channel);
        } else if (!waits) {
            unsubscribe(hub, channel);
        }
        break;
    case SUBSCRIBING:
    case UNSUBSCRIBING:
        break; // the confirmation brings it here again
    }
}

static void reconcile(struct hub *hub, struct hub_channel *channel) {
    if (broker_is_up(channel->broker->broker) || channel->state == SUBSCRIBING ||
        channel->state == UNSUBSCRIBING) {
        reconcile_up(hub, channel);
    } else {
        reconcile_down(hub, channel);
    }
}

// While the link is down the list is emptied, for who waits there must be told; the next link fills it anew.
static bool may_restore(const struct hub_broker *slot) {
    return drain_is_ending(slot->hub) || slot->restoring < RESTORE_WINDOW || !broker_is_up(slot->broker);
}

static void restore(struct hub_broker *slot) {
    while (slot->restore.first && may_restore(slot)) {
        struct hub_channel *channel = take_first(&slot->restore);
        bool is_due = broker_is_up(slot->broker) && channel->claims &&
                      (channel->state == ABSENT || channel->state == UNCERTAIN);
        channel->is_restoring = is_due;
        slot->restoring += is_due;
        reconcile(slot->hub, channel);
    }
}

static void lose(struct hub *hub, struct hub_channel *channel) {
    forget_last(hub, channel);
    if (channel->claims || (channel->keeps_last && channel->tickets)) {
        channel->has_gap = true;
        mark_dirty(hub, channel);
    }
}

void channels_lose(struct hub_broker *slot, struct span name) {
    struct hub_channel *channel = find_of(slot->hub, slot, name);
    if (channel) {
        lose(slot->hub, channel);
    }
}

void channels_lose_any(struct hub_broker *slot) {
    slot->loses = true;
}

static void lose_all(struct hub_broker *slot) {
    struct hub_channel *channel, *next;
    HASH_ITER(hh, slot->hub->channels, channel, next) {
        if (channel->broker == slot) {
            lose(slot->hub, channel);
        }
    }
    slot->loses = false;
}

void channels_reconcile(struct hub *hub) {
    struct hub_channel *channel;
    for (unsigned i = 0; i < hub->broker_count; i++) {
        if (hub->brokers[i].loses) {
            lose_all(&hub->brokers[i]);
        }
        restore(&hub->brokers[i]);
    }
    while ((channel = take_first(&hub->dirty))) {
        reconcile(hub, channel);
    }
}

// Lost ones wait for their turn: there may be many.
static void on_later(void *context, struct wheel_entry *entry) {
    struct hub *hub = context;
    struct hub_channel *channel =
        (struct hub_channel *)(void *)((char *)entry - offsetof(struct hub_channel, later));
    append(channel->is_lost ? &channel->broker->restore : &hub->dirty, channel);
}

void channels_tick(struct hub *hub) {
    wheel_sweep(&hub->wheel, loop_now(hub->loop), on_later, hub);
}

void channels_end_lingers(struct hub *hub) {
    struct hub_channel *channel, *next;
    HASH_ITER(hh, hub->channels, channel, next) {
        mark_dirty(hub, channel);
    }
}

uint64_t channels_left_over(struct hub *hub) {
    struct hub_channel *channel, *next;
    uint64_t count = 0;
    HASH_ITER(hh, hub->channels, channel, next) {
        count += channel->state != SUBSCRIBING && channel->state != UNSUBSCRIBING;
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
