// SPDX-License-Identifier: MIT
// Many numbered messages, and a verdict on how they arrived. A lane is one publisher on one channel; its
// messages are numbered from 1 and say so. A receiver is a peer and the lanes whose channels it has
// subscribed.
//
//     tally_new ─► lanes ─► receivers, and what each hears ─► tally_publish, many times ─► tally_judge
//
// Messages are published without waiting, up to a window. The judgement publishes one more on each lane: once
// it is there, all before it on the same way are. Whatever is wrong fails the case with the first message
// that it is about. On the case's thread.
#pragma once

#include "host/peer.h"

struct tally;

struct tally *tally_new(struct check *check, size_t lanes_at_most);
void tally_free(struct tally *tally);

// Returns the lane's number. Borrows the channel's bytes until tally_free. All lanes before the receivers.
size_t tally_add_lane(struct tally *tally, struct peer *from, struct wshub_bytes channel);
// From now on, what arrives at the peer is counted instead of kept. It hears nothing at first; at most 4.
size_t tally_add_receiver(struct tally *tally, struct peer *peer);
// The receiver has subscribed the lane's channel.
void tally_hears(struct tally *tally, size_t receiver, size_t lane);
void tally_hears_all(struct tally *tally, size_t receiver);

// The lane's next message; runs the loop while too many are under way.
void tally_publish(struct tally *tally, size_t lane);
// Waits until the broker has taken them all; fails the case when it did not take one.
void tally_settle(struct tally *tally);
// Settles, and judges. What must arrive, did: each once, in the order of its lane, under its own channel, and
// nothing at receivers that do not hear it.
void tally_judge(struct tally *tally);
// After tally_judge: all receivers got all messages in one and the same order.
void tally_judge_order(struct tally *tally);

uint64_t tally_published(const struct tally *tally);
