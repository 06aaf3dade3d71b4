// SPDX-License-Identifier: MIT
// What clients ask the hub beside subscribe and publish, and what it has found: histories, what a session has
// missed, who is there, where somebody is. Made by a worker, filled by the hub thread, freed by the worker.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hub/instance.h"
#include "hub/position.h"
#include "loop/mailbox.h"
#include "util/span.h"

struct message;
struct request;
struct subscription;
struct channel_ticket;

// Messages of one channel in the order of their offsets (backwards where that was asked). Shared by those who
// asked for the same: counted, and only given away once it is complete. Any thread.
struct found;
struct found *found_new(size_t room); // one reference; NULL: no memory
bool found_add(struct found *found,
               struct message *message); // takes a reference of its own; false: no memory
size_t found_count(const struct found *found);
struct message *found_at(const struct found *found, size_t i); // borrowed
size_t found_weight(const struct found *found);                // bytes of its messages
void found_ref(struct found *found);
void found_unref(struct found *found); // NULL is fine

// A subscriber has missed something, and asks for it: MAIL_RECOVER, comes back as MAIL_RECOVERED. Its ticket
// is confirmed when it is posted. The hub answers all that belong to a ticket before it answers the ticket's
// UNSUBSCRIBE with RELEASED, and addresses nothing to the ticket between the last message of `found` and the
// answer that could be part of it: what the worker gets for the channel behind a whole answer comes after
// `position`, and what it got before it does not.
struct recovery {
    struct mail mail;
    struct recovery *next; // the hub's while it waits there; then the worker's
    uint32_t worker;
    struct channel_ticket *ticket;
    struct subscription *subscription; // the worker's; NULL: gone meanwhile
    struct request *request; // the worker's: the subscribe to be answered; NULL: this is a later part
    struct position since;   // what it has; none: only where it stands now
    uint32_t sent;           // the worker's: messages that earlier parts brought
    uint64_t mark;           // the hub's
    // The answer.
    int status; // of enum wshub_status; NOT_FOUND: the history has not all of it any more, or is another
    bool whole; // nothing is missing up to `position`, from where it gets what is live; else there is
                // more: asked again from the last of `found`
    struct position position; // where the channel stands (not whole: as well)
    struct found *found;      // NULL: nothing was missed; begins anywhere at or before `from`
    uint32_t from, until;     // of it, this one's: indices, until is the one behind the last
    uint64_t weight;          // bytes that the worker adds to its delivered_bytes when it is done with the
                              // answer, whatever it does with it: the hub waits for those that are behind
};

enum ask_target { ASK_CONNECTION, ASK_USER };

// What a request of kind MAIL_HISTORY, MAIL_PRESENCE or MAIL_SEND asks for; hangs on it as request->ask.
struct ask {
    struct span channel; // HISTORY, PRESENCE; in `bytes`
    // HISTORY. NOT_FOUND: `since` is of another epoch, or what came right behind it (forwards) has gone; the
    // request's position says where the history stands. Bytes are bounded by half of limits.outbox.
    struct position since; // only what comes after it in the direction of reading; none: from its end
    bool backwards;
    uint32_t limit; // 0: the position alone
    struct found *found;
    bool more; // there is more behind it
    // PRESENCE
    bool count_only;
    char *members; // malloced: a JSON array of member objects; NULL: none, or count_only
    size_t members_length;
    uint64_t connections, users;
    // SEND
    enum ask_target to;
    struct span target; // in `bytes`
    // SEND: the hub's.
    bool found_it;
    unsigned tried; // workers so far
    int otherwise;  // status where none has it
    char instance[INSTANCE_ID_MAX + 1];
    char bytes[];
};

struct ask *ask_new(struct span channel, struct span target); // copies both; NULL: no memory
void ask_free(struct ask *ask);                               // and all that it has; NULL is fine

// One connection's presence in one channel. The worker makes it when the subscription is confirmed and posts
// `enter`; when it ends it posts `leave`, which leaves all of it to the hub. Two mails, so that nothing has
// to be awaited.
struct membership {
    struct mail enter;          // MAIL_JOIN
    struct mail leave;          // MAIL_LEAVE
    void *entry;                // the hub's
    uint16_t shown_info_length; // the hub's: all of the info, or 0 where the registry does not take so much
    uint8_t id[16];             // connection_id
    uint8_t channel_length, user_length;
    uint16_t info_length;
    char bytes[]; // channel, user, info: JSON that the auth plugin told
};

struct membership *membership_of_leave(struct mail *leave);
