// SPDX-License-Identifier: MIT
// A broker that does what a test says: its slots record every call, and complete at once, later, never, with
// an error or twice. It knows what it holds subscribed, and delivers what is published there. Everything but
// fake_new and fake_free belongs to the hub thread.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "wshub/wshub.h"

enum fake_slot {
    FAKE_SUBSCRIBE,
    FAKE_UNSUBSCRIBE,
    FAKE_PUBLISH,
    FAKE_SET,       // registry_set; `channel` is the key, `payload` the value
    FAKE_DELETE,    // registry_delete
    FAKE_HEARTBEAT, // as registry_set
    FAKE_HISTORY,   // what it finds is the test's to tell
    FAKE_LIST,      // registry_list; finds the entries that the test has put there
    FAKE_SLOTS
};

enum fake_answer {
    FAKE_AT_ONCE, // completes with the status before the slot returns
    FAKE_HOLD,    // keeps the call for fake_complete; or for ever
    FAKE_REFUSE,  // returns the status and completes nothing
    FAKE_BOTH,    // completes with WSHUB_OK, and returns the status all the same: a plugin's mistake
};

struct fake_call {
    enum fake_slot slot;
    wshub_token token;
    struct fake_call *next_held; // oldest first
    uint32_t session;            // of the link: what an earlier one was asked has no effect any more
    size_t payload_length;
    uint64_t ttl;                                 // of an entry; of a publish, history_ttl
    uint64_t history_size;                        // of a publish
    uint32_t flags;                               // of a publish, or a history's query
    uint64_t after, limit;                        // of a history's query
    uint64_t offset;                              // of a publish that comes with a position
    char epoch[32], key[72];                      // of a publish; terminated
    char channel[256], sender[64], exclude[1100]; // terminated
    char payload[];                               // terminated too
};

enum { FAKE_ENTRIES = 128, FAKE_PASTS = 8 };

// A channel's history.
struct fake_past {
    char channel[64], epoch[32];
    uint64_t newest;
    struct fake_stored {
        uint64_t offset, previous;
        char *payload;
    } * stored;
    size_t first, count; // stored[first] to stored[count - 1]; those before have been forgotten
};

struct fake_broker {
    // How it behaves from now on; the test's to change. All zero: everything succeeds at once.
    struct {
        enum fake_answer answer;
        int status;
    } slots[FAKE_SLOTS];
    int open_status;        // not WSHUB_OK: open fails
    bool opens_down;        // open says that the link is down
    bool opens_mute;        // open says nothing of the link
    bool opens_with_a_loss; // open says that messages of any channel were lost
    bool drops;             // takes what is published and delivers nothing
    bool close_says_ok;     // close completes what is held with WSHUB_OK
    bool sees_probe; // the hub's probe is treated like everybody; else it always succeeds and is not recorded

    // What has happened.
    const struct wshub_host *host; // NULL: not open
    unsigned opened, closed;
    struct fake_call **calls; // every one, in order
    size_t call_count;
    size_t counts[FAKE_SLOTS]; // of them
    struct fake_call *held, *held_last;
    size_t held_count;
    size_t probes; // publishes of a probe that was not recorded
    char **subscribed;
    size_t subscribed_count;
    char **kept; // while the link is down: what was subscribed before
    size_t kept_count;
    struct fake_entry { // of the registry; the test's to change
        const char *key, *value;
    } entries[FAKE_ENTRIES];
    size_t entry_count;
    void (*before_list)(void *context); // may change them; NULL: nothing to do
    void *list_context;
    uint32_t session; // how often the link came up anew
    bool down;        // the link: no slot may be called
    // Histories, where keeps_pasts says so: what is published to a channel that has one is stored and has a
    // position, and questions that succeed are answered. Else that is the test's.
    bool keeps_pasts;
    bool is_sparse; // offsets have holes, and what a read begins with does not know its predecessor
    struct fake_past pasts[FAKE_PASTS];
    size_t past_count;
    const struct wshub_history_query *asked; // within its slot
    struct fake_broker *next_to_open;
};

// The plugin's next open gets the one that was made first of those that are not open: a plugin has no other
// way to tell its brokers apart.
struct fake_broker *fake_new(void);
void fake_free(struct fake_broker *fake); // after it was closed

// The plugin, called "fake"; the same with a registry, history and last values, called "keeper"; and that
// with consecutive offsets and keys, called "dense". They keep no last values: fake_deliver_last and the
// services are the test's.
const struct wshub_plugin *fake_plugin(void);
const struct wshub_plugin *fake_keeper(void);
const struct wshub_plugin *fake_dense(void);

void fake_behave(struct fake_broker *fake, enum fake_slot slot, enum fake_answer answer, int status);

// The oldest call of that slot that is still held, or NULL; `channel` NULL: any.
struct fake_call *fake_held(const struct fake_broker *fake, enum fake_slot slot, const char *channel);
// Completes a held call; a publish that succeeds is delivered first where its channel is subscribed.
void fake_complete(struct fake_broker *fake, struct fake_call *call, int status);
// Completes all that are held, oldest first; returns how many there were.
size_t fake_complete_all(struct fake_broker *fake, int status);
// How many calls of that slot there were for the channel.
size_t fake_count(const struct fake_broker *fake, enum fake_slot slot, const char *channel);

// What the broker believes. To set it is to decide what an operation that failed has done in truth.
bool fake_is_subscribed(const struct fake_broker *fake, const char *channel);
void fake_set_subscribed(struct fake_broker *fake, const char *channel, bool subscribed);

// Delivers as if it came from elsewhere, subscribed or not.
int fake_deliver(struct fake_broker *fake, const char *channel, const char *payload);
// As the value that was kept for the channel.
int fake_deliver_last(struct fake_broker *fake, const char *channel, const char *payload);
int fake_deliver_bytes(struct fake_broker *fake, const char *channel, const void *payload, size_t length);
// While the link is down, nothing is subscribed. A new session forgets what was; the others bring it back.
void fake_link(struct fake_broker *fake, enum wshub_link_state state, const char *reason);

// ---- histories ----

// Stores a message and delivers nothing. Returns its offset.
uint64_t fake_store(struct fake_broker *fake, const char *channel, const char *payload);
// Delivers the one that was stored with this offset, forgotten or not.
int fake_deliver_stored(struct fake_broker *fake, const char *channel, uint64_t offset);
// Everything before the offset is forgotten.
void fake_trim(struct fake_broker *fake, const char *channel, uint64_t oldest);
// All of it is lost, and begins anew.
void fake_begin_epoch(struct fake_broker *fake, const char *channel, const char *epoch);
struct fake_past *fake_past(struct fake_broker *fake, const char *channel); // made when it is not there
// fake_broker.c's: answers a question, but does not complete it.
void fake_tell_past(struct fake_broker *fake, const struct fake_call *call);
void fake_forget_pasts(struct fake_broker *fake);
