// SPDX-License-Identifier: MIT
// Events change what is wanted and mark the channel; one place, reconcile, compares and calls the broker. So
// races between coming and going converge, and no plugin is called from within its own callback.
//
//     ABSENT ──wanted──► SUBSCRIBING ──confirmed──► ACTIVE ──unwanted──► UNSUBSCRIBING ──confirmed──► ABSENT
//                             ├──refused──► ABSENT                            │
//                             └──timed out──► UNCERTAIN ◄──failed, timed out──┘
//
// UNCERTAIN: the broker may or may not hold a subscription. It is unsubscribed again, or subscribed when
// wanted.
#include "hub/hub_priv.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "config/config.h"
#include "loop/loop.h"
#include "util/map.h"

enum state { ABSENT, SUBSCRIBING, ACTIVE, UNSUBSCRIBING, UNCERTAIN };

enum { RETRY_MS = 1000 }; // of an unsubscribe that failed

struct hub_channel {
    struct hub_broker *broker;
    struct hub_channel *next_dirty;
    struct wheel_entry later;      // armed: looked at again then; a linger, or a retry
    struct mail *tickets;          // of workers that wait for the confirmation, linked by next
    struct channel_ticket *claims; // confirmed ones, at most one of each worker, linked by next_claim
    enum state state;
    bool is_dirty;
    uint16_t name_length;
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

static struct hub_channel *make(struct hub *hub, struct span name, uint32_t hash) {
    struct hub_channel *channel = calloc(1, sizeof *channel + name.length);
    if (!channel) {
        return NULL;
    }
    memcpy(channel->name, name.data, name.length);
    channel->name_length = (uint16_t)name.length;
    channel->broker = hub_broker_for(hub, name);
    MAP_ADD(hub->channels, channel->name, channel->name_length, hash, channel);
    if (!channel->hh.tbl) {
        free(channel);
        return NULL;
    }
    counter_add(&hub->stats.channels, 1);
    return channel;
}

static void mark_dirty(struct hub *hub, struct hub_channel *channel) {
    if (!channel->is_dirty) {
        channel->is_dirty = true;
        channel->next_dirty = NULL;
        *(hub->dirty_last ? &hub->dirty_last->next_dirty : &hub->dirty) = channel;
        hub->dirty_last = channel;
    }
}

static void look_again(struct hub *hub, struct hub_channel *channel, uint64_t milliseconds) {
    wheel_arm(&hub->wheel, &channel->later, loop_now(hub->loop) + milliseconds);
}

static void linger(struct hub *hub, struct hub_channel *channel) {
    uint64_t milliseconds = hub->instance->config->unsubscribe_linger;
    if (channel->claims || channel->tickets || channel->state != ACTIVE) {
        return;
    }
    if (milliseconds > 0 && !drain_is_ending(hub)) {
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

static void answer_all(struct hub *hub, struct hub_channel *channel, int status) {
    while (channel->tickets) {
        struct channel_ticket *ticket = ticket_of(channel->tickets);
        channel->tickets = ticket->mail.next;
        if (status == WSHUB_OK) {
            ticket->next_claim = channel->claims;
            channel->claims = ticket;
        }
        answer(hub, ticket, status);
    }
}

// ---- what the workers say ----

void channels_subscribe(struct hub *hub, struct channel_ticket *ticket) {
    struct hub_channel *channel = find(hub, ticket->name, ticket->hash);
    if (!channel && !(channel = make(hub, ticket->name, ticket->hash))) {
        answer(hub, ticket, WSHUB_NO_MEMORY);
        return;
    }
    ticket->mail.next = channel->tickets;
    channel->tickets = &ticket->mail;
    if (channel->state == ACTIVE) {
        answer_all(hub, channel, WSHUB_OK);
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
        linger(hub, channel);
    }
    ticket->mail.kind = MAIL_RELEASED;
    hub_post(hub, ticket->worker, &ticket->mail);
}

struct channel_ticket *channels_claims(struct hub *hub, struct span name) {
    struct hub_channel *channel = find(hub, name, map_hash(name.data, name.length, hub->instance->hash_seed));
    return channel ? channel->claims : NULL;
}

// ---- what the broker says ----

static void on_subscribed(void *context, void *argument, int status) {
    struct hub *hub = context;
    struct hub_channel *channel = argument;
    channel->state = status == WSHUB_OK ? ACTIVE : status == WSHUB_TIMEOUT ? UNCERTAIN : ABSENT;
    answer_all(hub, channel, status);
    if (channel->state == ACTIVE) {
        linger(hub, channel);
    } else {
        mark_dirty(hub, channel);
    }
}

static void on_unsubscribed(void *context, void *argument, int status) {
    struct hub *hub = context;
    struct hub_channel *channel = argument;
    bool gone = status == WSHUB_OK || status == WSHUB_CLOSED || status == WSHUB_UNAVAILABLE;
    channel->state = gone ? ABSENT : UNCERTAIN;
    if (gone || channel->tickets) {
        mark_dirty(hub, channel);
    } else {
        look_again(hub, channel,
                   RETRY_MS); // in a drain too: a broker that refuses at once would be asked without end
    }
}

// ---- reconciliation ----

static void remove_channel(struct hub *hub, struct hub_channel *channel) {
    wheel_disarm(&channel->later);
    HASH_DEL(hub->channels, channel);
    counter_add(&hub->stats.channels, -1);
    free(channel);
}

static void subscribe(struct hub *hub, struct hub_channel *channel) {
    channel->state = SUBSCRIBING;
    broker_subscribe(channel->broker->broker, bytes_of(channel), on_subscribed, hub, channel);
}

static void unsubscribe(struct hub *hub, struct hub_channel *channel) {
    channel->state = UNSUBSCRIBING;
    broker_unsubscribe(channel->broker->broker, bytes_of(channel), on_unsubscribed, hub, channel);
}

static void reconcile(struct hub *hub, struct hub_channel *channel) {
    bool wanted = channel->claims || channel->tickets;
    bool waits = wheel_is_armed(&channel->later) && !drain_is_ending(hub);
    switch (channel->state) {
    case ABSENT:
        if (wanted) {
            subscribe(hub, channel);
        } else {
            remove_channel(hub, channel);
        }
        break;
    case ACTIVE:
        if (!wanted && !waits) {
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

void channels_reconcile(struct hub *hub) {
    while (hub->dirty) {
        struct hub_channel *channel = hub->dirty;
        hub->dirty = channel->next_dirty;
        if (!hub->dirty) {
            hub->dirty_last = NULL;
        }
        channel->is_dirty = false;
        reconcile(hub, channel);
    }
}

static void on_later(void *context, struct wheel_entry *entry) {
    mark_dirty(context, (struct hub_channel *)(void *)((char *)entry - offsetof(struct hub_channel, later)));
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

void channels_free(struct hub *hub) {
    struct hub_channel *channel, *next;
    HASH_ITER(hh, hub->channels, channel, next) {
        answer_all(hub, channel, WSHUB_CLOSED);
        HASH_DEL(hub->channels, channel);
        free(channel);
    }
    hub->dirty = hub->dirty_last = NULL;
}
