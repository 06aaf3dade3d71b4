// SPDX-License-Identifier: MIT
// Shared by peer.c, slots.c, services.c and descriptors.c; nobody else's.
#pragma once

#include <pthread.h>
#include <stdatomic.h>

#include "auth/secrets.h"
#include "check_priv.h"
#include "host/lend.h"
#include "host/memory.h"
#include "host/peer.h"
#include "host/reactor.h"
#include "host/tokens.h"
#include "host/topics.h"

enum peer_state { PEER_NEW, PEER_CHECKING, PEER_OPENING, PEER_OPEN, PEER_CLOSING, PEER_CLOSED };

struct wshub_timer;
struct wshub_watch;

#define PEER_MAGIC UINT64_C(0x776873756270656b)

// Never freed while its case lives: a plugin that calls late is to be told from one that crashes.
struct peer {
    uint64_t magic; // PEER_MAGIC: `self` is really what the host gave
    struct check *check;
    atomic_int state; // enum peer_state
    struct peer *next;
    struct wshub_host *host;
    char *texts; // of instance_id and name, poisoned with the close
    size_t texts_size;
    char instance_id[65];
    uint64_t timeout;                 // ms
    void *self;                       // the plugin's
    const struct wshub_broker *table; // one of both
    const struct wshub_auth *auth;
    struct secrets secrets;        // of the requests that it was given
    const struct options *options; // the case's, when it was opened
    struct options *own_options;   // in their place; NULL: none
    struct tokens tokens;
    struct topics topics;
    int refused; // status of the slot that was called last
    uint64_t succeeded, failed, losses, strays;
    struct arrivals arrivals;
    peer_on_arrival on_arrival;
    void *on_arrival_context;
    struct peer_link link;
    bool up, link_told, strict, restores;
    size_t restoring;
    struct reactor_timer again; // for a restored subscription that failed
    struct wshub_timer *timers; // freed ones too
    struct wshub_watch *watches;
    unsigned timers_used, watches_used;
    struct topic *fence;
    uint64_t fences, fence_seen;
    char refusals[1024];  // of options, a line each
    char said[512];       // the last warning or error that it logged
    pthread_mutex_t lock; // of said
};

// ---- visits: the plugin's code is on the stack ----

struct visit {
    struct lap lap;
    enum memory_side side;
};
enum { VISIT_LIMIT = 5, OPEN_LIMIT = 100 }; // ms
struct visit visit_begin(struct peer *peer, const char *name, unsigned limit);
void visit_end(struct peer *peer, const struct visit *visit); // may end the case

// ---- services.c ----

void services_fill(struct wshub_host *host, struct peer *peer);       // what a hub offers
void services_fill_check(struct wshub_host *host, struct peer *peer); // what the slot check sees

// A breach where a part of what nobody may say stands in the text: of the clients' secrets those `kinds`, and
// the options that are secret. "the token WHERE WHAT".
void services_look_for_secrets(struct peer *peer, struct wshub_bytes text, unsigned kinds, const char *where,
                               const char *what);

// A service is at work: what it does is the kit's. False: it must not go on; the breach is told.
struct service {
    struct peer *peer;
    enum memory_side side;
    uint64_t began, excluded;
    bool on_case_thread;
};
enum service_rule { ANY_THREAD, HUB_THREAD };
bool service_begin(struct service *service, void *self, const char *name, enum service_rule rule);
void service_end(struct service *service);

// ---- descriptors.c: timers and watches ----

void descriptors_fill(struct wshub_host *host);
void descriptors_close(struct peer *peer); // breaches for what was not freed

// ---- slots.c ----

void slots_complete(struct peer *peer, uint64_t token, int status);
void slots_restore(struct peer *peer); // after link(UP)

bool is_status(int status);
const char *status_name(int status);
