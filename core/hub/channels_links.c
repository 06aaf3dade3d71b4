// SPDX-License-Identifier: MIT
// A state is true of the session of the link in which it was reached. When the link comes up anew, every
// channel of the broker is ABSENT, and those with claims are subscribed again: some at a time, retried
// without end, and their subscribers are told of the gap, or get what they have missed from the channel's
// history. While the link is down nothing is asked of the broker.
#include "hub/channels_priv.h"

#include "hub/last_value.h"
#include "hub/track.h"

enum {
    RETRIES_DOUBLED = 2,   // of restoring a channel: the later ones wait up to 4 times as long
    RESTORE_WINDOW = 1024, // subscribes under way to one broker that has come back
};

void channel_set_lost(struct hub *hub, struct hub_channel *channel, bool lost) {
    if (channel->is_lost != lost) {
        channel->is_lost = lost;
        counter_add(&hub->stats.lost, lost ? 1 : -1);
        for (struct channel_ticket *claim = channel->claims; claim; claim = claim->next_claim) {
            atomic_store_explicit(&claim->lost, lost, memory_order_relaxed);
        }
    }
}

void channel_retry_later(struct hub *hub, struct hub_channel *channel) {
    channel_look_again(hub, channel, (uint64_t)CHANNEL_RETRY_MS << channel->failures);
    if (channel->failures < RETRIES_DOUBLED) {
        channel->failures++;
    }
}

// UP: nothing is subscribed in the new session. Who has claims is restored; the others go. A call that is
// still under way says so itself when it ends.
static void begin_session(struct hub *hub, struct hub_channel *channel) {
    if (channel->state == CHANNEL_SUBSCRIBING || channel->state == CHANNEL_UNSUBSCRIBING) {
        return;
    }
    channel->state = CHANNEL_ABSENT;
    channel->failures = 0;
    wheel_disarm(&channel->later);
    channel_set_lost(hub, channel, channel->claims != NULL);
    channel_list_append(channel->claims ? &channel->broker->restore : &hub->dirty, channel);
}

static void resume(struct hub *hub, struct hub_channel *channel, bool missed) {
    bool is_there = channel->state == CHANNEL_ACTIVE && channel->session == channel->broker->session;
    if (is_there) {
        channel_set_lost(hub, channel, false);
        channel->has_gap |= missed && !channel->has_track;
    }
    if (channel->has_track) {
        track_verify(channel_track(channel));
    } else if (missed && channel->keeps_last) {
        channel_forget_last(hub, channel);
        channel_last(channel)->awaited = true; // what the plugin has subscribed anew may have brought it anew
    }
    channel_list_append(channel->is_lost ? &channel->broker->restore : &hub->dirty, channel);
}

static void on_link(struct hub *hub, struct hub_channel *channel, enum wshub_link_state state) {
    if (state == WSHUB_LINK_DOWN) {
        channel_set_lost(hub, channel, channel->claims != NULL);
    } else if (state == WSHUB_LINK_UP) {
        begin_session(hub, channel);
    } else {
        resume(hub, channel, state == WSHUB_LINK_RESUBSCRIBED);
    }
}

void channels_on_link(struct hub_broker *slot, enum wshub_link_state state) {
    struct hub *hub = slot->hub;
    struct hub_channel *channel, *next;
    slot->session += state == WSHUB_LINK_UP;
    HASH_ITER(hh, hub->channels, channel, next) {
        if (channel->has_track) {
            track_on_link(channel_track(channel), slot, state);
        }
        if (channel->broker == slot) {
            on_link(hub, channel, state);
        }
    }
}

// While the link is down the list is emptied, for who waits there must be told; the next link fills it anew.
static bool may_restore(const struct hub_broker *slot) {
    return drain_is_ending(slot->hub) || slot->restoring < RESTORE_WINDOW || !broker_is_up(slot->broker);
}

void channels_restore(struct hub_broker *slot) {
    while (slot->restore.first && may_restore(slot)) {
        struct hub_channel *channel = channel_list_take(&slot->restore);
        bool is_due = broker_is_up(slot->broker) && channel->claims &&
                      (channel->state == CHANNEL_ABSENT || channel->state == CHANNEL_UNCERTAIN);
        channel->is_restoring = is_due;
        slot->restoring += is_due;
        channel_reconcile(slot->hub, channel);
    }
}
