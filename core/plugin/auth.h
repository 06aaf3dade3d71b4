// SPDX-License-Identifier: MIT
// The hub's half of one auth plugin: calls its slots, gives every call a deadline, and settles each exactly
// once whatever the plugin does. Belongs to the hub thread.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/counter.h"
#include "wshub/auth.h"

struct auth;
struct identity;
struct log;
struct loop;
struct options;
struct plugin;

enum auth_slot { AUTH_SLOT_AUTHENTICATE, AUTH_SLOT_REFRESH, AUTH_SLOT_AUTHORIZE, AUTH_SLOTS };
extern const char *const auth_slot_names[AUTH_SLOTS];

enum auth_result {
    AUTH_RESULT_YES,
    AUTH_RESULT_NO,
    AUTH_RESULT_EXPIRED,
    AUTH_RESULT_PASS,
    AUTH_RESULT_FAILED,
    AUTH_RESULT_TIMED_OUT,
    AUTH_RESULTS
};
extern const char *const auth_result_names[AUTH_RESULTS];

// Called exactly once for every call below, possibly before that call returns. `status` is of enum
// wshub_status: WSHUB_OK, and then for authenticate and refresh an identity, which is the caller's reference;
// WSHUB_DENIED, WSHUB_EXPIRED, and from authenticate alone WSHUB_PASS; anything else is a failure. What has
// become of an answer already: a yes without an identity, or after one that breaks a rule, is WSHUB_INTERNAL;
// one to an identity that has expired WSHUB_EXPIRED; any after the deadline WSHUB_TIMEOUT, whether
// auth_expire has looked or not. `explanation` is for the log, one line; borrowed, NULL where nobody gave
// one.
typedef void (*auth_done_fn)(void *context, void *argument, int status, struct identity *identity,
                             const char *explanation);

struct auth_reply {
    auth_done_fn done;
    void *context, *argument;
};

enum { AUTH_BUCKETS = 9 };
extern const double auth_bucket_bounds[AUTH_BUCKETS - 1]; // s; the last is +Inf

struct auth_stats { // read by any thread
    struct {
        counter results[AUTH_RESULTS];
        counter nanoseconds;
        counter buckets[AUTH_BUCKETS];
    } slots[AUTH_SLOTS];
    counter stray_completions, late_completions;
    counter in_flight; // now
};

struct auth_setup { // all borrowed until auth_close has returned
    const char *name;
    const char *instance_id;
    const struct plugin *plugin; // which has an auth table
    const struct options *options;
    struct loop *loop;
    const struct log *log;
    uint64_t timeout; // ms: of every call, of open and of close
};

// Opens the plugin. NULL with a logged reason when that fails. A plugin whose open or close does not return
// within the timeout ends the process, with a logged reason.
struct auth *auth_open(const struct auth_setup *setup);
// Closes the plugin, settles what is in flight with WSHUB_CLOSED, and frees. NULL is fine.
void auth_close(struct auth *auth);

// All borrow what they are given until they return. More than can be kept in flight: WSHUB_UNAVAILABLE.
void auth_authenticate(struct auth *auth, const struct wshub_request *request, struct auth_reply reply);
// Without a slot refresh authenticate is asked, and what it passes is denied.
void auth_refresh(struct auth *auth, const struct wshub_request *request, struct auth_reply reply);
// Without a slot authorize: WSHUB_DENIED.
void auth_authorize(struct auth *auth, const struct wshub_operation *operation, struct auth_reply reply);
void auth_reload(struct auth *auth);
// Settles what was past its deadline when this was called before. To be called some times a second.
void auth_expire(struct auth *auth);

const char *auth_name(const struct auth *auth);
const struct auth_stats *auth_stats(const struct auth *auth);
