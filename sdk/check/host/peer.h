// SPDX-License-Identifier: MIT
// A peer is the plugin, opened once under a host of the kit's own: a hub as the plugin sees it. Several peers
// of one case are several instances. Everything here belongs to the case's thread; the callbacks of all peers
// run inside check_wait and the calls that wait, and nowhere else.
//
// The host checks at every call: the thread, the token, the arguments, that nothing is called before open or
// after close; and of every slot that it calls, how long it kept the hub thread. What the host lends to a
// slot is poisoned when the slot returns. A breach fails the case (check_breach).
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "check.h"

struct peer;

enum { PEER_TIMEOUT = 5000 }; // ms, a hub's own default

struct peer_settings {       // zeroed: the usual
    const char *instance_id; // NULL: "one", "two", ... in the order of opening, with the case's random part
    uint32_t host_size;      // struct_size that the host claims; 0: all of it
    uint32_t host_minor;     // claims this minor + 1, so that 0 is the usual
    bool auth;               // of the auth table; without it of the broker's, where there is one
    bool expects_down;       // the broker is not there: wait for the first word, whatever it is
    bool expects_failure;    // open may fail: peer_open returns NULL then
    bool at_once;            // comes back when open has, without waiting for any word of the link
    uint64_t timeout;        // ms that a call waits; 0: 5 s, scaled
    // In place of what the configuration says of this option; NULL: nothing is changed. The plugin's
    // declaration must let it through.
    const char *option, *value;
};

// Opens and waits for the link to be up. Fails the case otherwise.
struct peer *peer_open(struct check *check);
struct peer *peer_open_with(struct check *check, const struct peer_settings *settings);
// Calls close, checks what must hold then, and frees. Every peer that a case leaves open is closed after it.
void peer_close(struct peer *peer);
// Lends what slots are given on pages of its own, which are taken away when the slot has returned: then a
// plugin that keeps a pointer crashes where it reads it. Off at first: it finds garbage.
void peer_set_strict(struct peer *peer, bool strict);
const char *peer_instance_id(const struct peer *peer);
bool peer_has_complained(struct peer *peer); // logged a warning or an error, ever
struct check *peer_check(const struct peer *peer);

// ---- calls that wait: the status of the completion, or what the slot returned. No completion within the
// peer's timeout fails the case ----

int peer_subscribe(struct peer *peer, struct wshub_bytes channel);
int peer_unsubscribe(struct peer *peer, struct wshub_bytes channel);
int peer_publish(struct peer *peer, const struct wshub_message *message);
int peer_registry_set(struct peer *peer, const char *key, const char *value, uint64_t ttl);
int peer_registry_delete(struct peer *peer, const char *key);
// The entry's value, to be freed by the caller. NULL with WSHUB_NOT_FOUND, or another status.
int peer_registry_get(struct peer *peer, const char *key, char **value);
int peer_heartbeat(struct peer *peer, const char *key, const char *value, uint64_t ttl);

struct peer_entry {
    char *key, *value;
};
struct peer_entries { // zeroed: empty
    struct peer_entry *items;
    size_t count;
};
int peer_registry_list(struct peer *peer, const char *prefix, struct peer_entries *entries);
void peer_entries_free(struct peer_entries *entries);

struct arrivals;
struct peer_position {
    char epoch[65];
    uint64_t oldest, newest;
};
// As peer_publish; `position` is empty where the plugin has told none, else what it is to the message is
// newest.
int peer_publish_at(struct peer *peer, const struct wshub_message *message, struct peer_position *position);
// Appends what was found to `found`.
int peer_history(struct peer *peer, const struct wshub_history_query *query, struct arrivals *found,
                 struct peer_position *position);

// ---- calls that do not wait ----

typedef uint64_t peer_call; // 0: the slot refused at once, and peer_refused says with which status

peer_call peer_start_subscribe(struct peer *peer, struct wshub_bytes channel);
peer_call peer_start_unsubscribe(struct peer *peer, struct wshub_bytes channel);
peer_call peer_start_publish(struct peer *peer, const struct wshub_message *message);
// `position` until it has ended.
peer_call peer_start_publish_at(struct peer *peer, const struct wshub_message *message,
                                struct peer_position *position);
peer_call peer_start_set(struct peer *peer, const char *key, const char *value, uint64_t ttl);
int peer_refused(const struct peer *peer);
bool peer_is_done(struct peer *peer, peer_call call); // completed, or given up with the link
int peer_finish(struct peer *peer, peer_call call);   // waits, and forgets the call
size_t peer_in_flight(const struct peer *peer);       // calls that are not completed
// Calls without a handle are counted only: how many were completed with WSHUB_OK, and how many otherwise.
void peer_fire_publish(struct peer *peer, const struct wshub_message *message);
void peer_fire_subscribe(struct peer *peer, struct wshub_bytes channel);
void peer_fire_unsubscribe(struct peer *peer, struct wshub_bytes channel);
uint64_t peer_succeeded(const struct peer *peer);
uint64_t peer_failed(const struct peer *peer);

// ---- what arrives ----

struct arrival { // copies, terminated
    char *channel, *payload, *sender, *sender_user, *exclude, *epoch;
    size_t channel_length, payload_length;
    uint64_t offset, previous;
    uint32_t flags;
    uint64_t at; // check_now
};
struct arrivals { // in the order of arrival
    struct arrival *items;
    size_t count, size;
};
const struct arrivals *peer_arrivals(const struct peer *peer); // since the last peer_forget
void peer_forget(struct peer *peer);
void arrivals_free(struct arrivals *arrivals);
// Instead of keeping what arrives: for cases with many messages. NULL: keep again.
typedef void (*peer_on_arrival)(void *context, struct peer *peer, const struct wshub_message *message);
void peer_set_on_arrival(struct peer *peer, peer_on_arrival fn, void *context);
uint64_t peer_losses(const struct peer *peer); // how often the plugin said `lose`, or the host took nothing
// What arrived for a channel that the peer has never asked for. A hub ignores it; it is kept or told as well.
uint64_t peer_strays(const struct peer *peer);

// ---- the link ----

bool peer_is_up(const struct peer *peer);
struct peer_link {
    unsigned downs, ups, resumed, resubscribed; // how often each was told
    uint64_t changed;                           // check_now of the last one
    char reason[256];                           // of the last one that was down
};
const struct peer_link *peer_link(const struct peer *peer);
// What a hub does after link(UP): subscribe anew what the peer had subscribed. On by default.
void peer_set_restores(struct peer *peer, bool restores);

// ---- waiting ----

// Runs the callbacks of all peers until `done` is true (checked after each) or the time is over: false then.
// The milliseconds of all that waits are stretched by check_scaled.
typedef bool (*peer_done)(void *context);
bool check_wait(struct check *check, peer_done done, void *context, uint64_t milliseconds);
bool check_wait_exactly(struct check *check, peer_done done, void *context, uint64_t milliseconds);
bool peer_wait_arrivals(struct peer *peer, size_t count, uint64_t milliseconds);
bool peer_wait_up(struct peer *peer, uint64_t milliseconds);
bool peer_wait_down(struct peer *peer, uint64_t milliseconds);
bool peer_wait_idle(struct peer *peer, uint64_t milliseconds); // nothing in flight
// To prove that nothing comes: publishes a last message by `from` on a channel that `peer` has subscribed,
// and waits until it is there; what was before it in the broker has arrived by then.
void peer_fence(struct peer *peer, struct peer *from);

// ---- names and messages ----

struct wshub_bytes bytes_of(const char *text);
// "kit/<random of this run>/NAME": so that runs beside each other do not meet. Lives as long as the case.
struct wshub_bytes check_channel(struct check *check, const char *name);
struct wshub_message message_of(struct wshub_bytes channel, const char *payload);
