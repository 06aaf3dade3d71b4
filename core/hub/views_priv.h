// SPDX-License-Identifier: MIT
// Shared by views.c, which has the tables, and feed.c, which learns of other instances' members; nobody
// else's.
#pragma once

#include "hub/hub_priv.h"
#include "hub/own_claim.h"
#include "hub/views.h"
#include "loop/loop.h"
#include "util/buf.h"
#include "util/map.h"
#include "util/random.h"

struct json_reader;
struct view;

struct member {
    struct view *view;
    struct peer *peer;              // NULL: it is connected to this instance
    struct member *previous, *next; // of the peer's
    const void *owner;              // of this instance: who has entered it
    uint32_t incarnation;           // of the peer, when it was last heard of
    uint32_t round;                 // the last listing that has found it, or during which it was announced
    bool shown;                     // it counts, and those here were told
    bool announced;                 // it was not found in a list first
    bool gone;                      // it has left, while the list is read that may still have it
    uint8_t id[RANDOM_ID_BYTES];
    uint8_t user_length;
    uint16_t info_length;
    UT_hash_handle hh; // by id
    char bytes[];      // user, info
};

struct user { // of a view: how many of its members are this user
    uint64_t count;
    bool told; // while they are listed, each once
    UT_hash_handle hh;
    char name[];
};

struct view {
    struct views *views;
    struct own_claim claim; // on "$wshub:presence:DIGEST"
    struct member *members;
    struct user *users;
    uint64_t connections; // members that are shown
    uint64_t locals;      // of this instance
    bool events, per_user;
    bool is_whole;   // it was listed once: who is new now has come now
    bool is_current; // and as far as is known nothing was missed since
    bool is_listing; // now
    bool must_list;
    bool was_missed;   // something may have been announced meanwhile that was not heard
    bool has_doubts;   // some were not found in the last list, and it is not certain yet that they have gone
    bool awaits_peers; // to be whole: instances that are in it are not known yet
    bool is_queued;    // to be listed
    bool is_closing;   // in no table any more, only its claim is still there
    uint32_t round;    // counts its listings
    uint64_t peers_round;  // of the instances' listings, when that was
    uint64_t began, ended; // loop_now: the last listing
    struct view *next_queued;
    struct view *next_closing, *previous_closing;
    struct view *next_doubtful, *previous_doubtful;
    struct wheel_entry later;               // armed: to be listed, or its claim to be asked for again
    struct request *waiting, *waiting_last; // linked by next_waiting
    UT_hash_handle hh;                      // by name
    struct span name;
    char bytes[];
};

struct views {
    struct hub *hub;
    struct view *views;
    struct view *closing;      // linked by next_closing
    struct view *queue, *last; // to be listed
    struct view *doubtful;
    unsigned listing; // under way
    struct wheel wheel;
    struct json_reader *json;
    struct buf scratch;
};

static inline uint64_t views_now(const struct views *views) {
    return loop_now(views->hub->loop);
}

// ---- views.c ----

struct member *view_find(const struct view *view, const uint8_t *id);
// A new one of this peer (NULL: of this instance), not shown yet. NULL: no memory.
struct member *view_add(struct view *view, const struct person *person, struct peer *peer);
void view_remove(struct member *member); // and hides it
void view_attach(struct member *member, struct peer *peer);
void view_detach(struct member *member);
// It counts from now on, or not any more; `tell`: those here hear of it. False: no memory, nothing changed.
bool view_show(struct member *member, bool tell);
void view_hide(struct member *member, bool tell);
bool view_is_same(const struct member *member, const struct person *person);
// Those who have waited for it get their answer.
void view_answer(struct view *view, int status);
void view_free(struct view *view);

// ---- feed.c ----

#define FEED_PREFIX "$wshub:presence:"
#define FEED_KEY_PREFIX "ws:presence:"

// The view was made: it learns of others' members, if there is a registry. False: no memory.
bool feed_init(struct view *view);
// Its claim follows whether somebody of this instance is in it.
void feed_follow(struct view *view);
void feed_list(struct view *view); // soon
// The link is down: what others do meanwhile is not known, whatever was known before.
bool feed_is_cut_off(const struct view *view);
// Nobody needs the view any more; it is freed once its claim has been let go of.
void feed_close(struct view *view);
