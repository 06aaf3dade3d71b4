// SPDX-License-Identifier: MIT
#include "hub/channels_priv.h"

#include "hub/last_value.h"
#include "hub/message.h"
#include "hub/track.h"

// ---- last values ----

// Those who have come get the last value right behind their answer. A copy: a message travels once.
void channel_tell_last(struct hub *hub, struct hub_channel *channel, const struct channel_ticket *before) {
    struct last_value *last = channel_last(channel);
    if (!last || !last->message || last->owed || channel->claims == before) {
        return;
    }
    struct message *copy = message_copy_last(last->message, hub->instance->worker_count);
    if (copy) {
        hub_fan_out(hub, copy, channel->claims, before);
        message_unref(copy);
    } else {
        channel->has_gap = true;
        channel_mark(hub, channel);
    }
}

void channel_pass(struct hub *hub, struct hub_channel *channel, struct message *message) {
    struct last_value *last = channel_last(channel);
    if (last) {
        last_value_set(last, message, &hub->stats);
        last->owed = message->is_last && channel->claims && !channel->has_track &&
                     (channel->is_lost || channel->has_gap);
    }
    if (channel->claims && !(last && last->owed)) {
        counter_add(&hub->stats.deliveries, 1);
        hub_fan_out(hub, message, channel->claims, NULL);
    }
}

// ---- gaps ----

// Without memory for the word, it is tried again.
void channel_tell_gap(struct hub *hub, struct hub_channel *channel) {
    if (!channel->claims) {
        channel->has_gap = false;
        return;
    }
    struct track *track = channel_track(channel);
    struct message *gap = message_new_gap((struct span){channel->name, channel->name_length},
                                          track ? track_position(track) : NULL, hub->instance->worker_count);
    if (gap) {
        const struct last_value *last = channel_last(channel);
        // A value that was not sent yet follows; any other is as new at the workers as it is here.
        gap->forgets_last = last && (!last->message || last->owed);
        channel->has_gap = false;
        hub_fan_out(hub, gap, channel->claims, NULL);
        message_unref(gap);
        counter_add(&hub->stats.gaps, 1);
    } else {
        channel_look_again(hub, channel, CHANNEL_RETRY_MS);
    }
}

// What came while the gap was not told yet.
static void pay_last(struct hub *hub, struct hub_channel *channel) {
    struct last_value *last = channel_last(channel);
    if (last && last->owed && !channel->has_gap) {
        last->owed = false;
        hub_fan_out(hub, last->message, channel->claims, NULL);
    }
}

// Behind the gap comes the last value, if the broker has brought one.
void channel_close_gap(struct hub *hub, struct hub_channel *channel) {
    if (channel->has_gap) {
        channel_tell_gap(hub, channel);
    }
    pay_last(hub, channel);
}

// A later one was lost. What the broker has kept is later still if a subscribe is under way; it may be older
// if one has brought it too late. A channel that lingers does so no more: whoever comes next makes a
// subscribe.
void channel_forget_last(struct hub *hub, struct hub_channel *channel) {
    struct last_value *last = channel_last(channel);
    if (!last) {
        return;
    }
    last_value_forget(last, &hub->stats);
    last->awaited = channel->state == CHANNEL_SUBSCRIBING;
    if (channel->state == CHANNEL_ACTIVE && !channel->claims && !channel->tickets) {
        wheel_disarm(&channel->later);
        channel_mark(hub, channel);
    }
}

// ---- losses ----

static void lose(struct hub *hub, struct hub_channel *channel) {
    if (channel->has_track) {
        track_verify(channel_track(channel));
        return;
    }
    channel_forget_last(hub, channel);
    if (channel->claims || (channel->keeps_last && channel->tickets)) {
        channel->has_gap = true;
        channel_mark(hub, channel);
    }
}

void channels_lose(struct hub_broker *slot, struct span name) {
    struct hub_channel *channel = channels_find_of(slot->hub, slot, name);
    if (channel) {
        lose(slot->hub, channel);
    }
}

void channels_lose_any(struct hub_broker *slot) {
    slot->loses = true;
}

void channels_lose_all(struct hub_broker *slot) {
    struct hub_channel *channel, *next;
    HASH_ITER(hh, slot->hub->channels, channel, next) {
        if (channel->broker == slot) {
            lose(slot->hub, channel);
        }
    }
    slot->loses = false;
}
