// SPDX-License-Identifier: MIT
// Auth plugins that answer what a test says: this header stands in the place of core/plugin/auth.c, so it is
// included by the one .c file of a test program.
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "auth/identity.h"
#include "plugin/auth.h"
#include "plugin/plugin.h"
#include "util/buf.h"

enum { FAKE_AUTHS = 3, FAKE_AUTH_HELD = 16 };

struct auth {
    // How it behaves from now on; the test's to change.
    int status;
    bool holds; // the answer comes by fake_auth_answer
    const char *user, *token_id, *explanation;
    uint64_t issued;
    bool tells_nobody; // says yes without an identity
    // What has happened.
    const char *name;
    bool is_open, reloads;
    unsigned asked[AUTH_SLOTS], reloaded, expired;
    struct auth_reply held[FAKE_AUTH_HELD];
    unsigned held_count;
};

// In the order in which they were opened.
static struct auth fake_auths[FAKE_AUTHS];
static unsigned fake_auth_count;
static int fake_auth_fails = -1; // this one cannot be opened

static inline void fake_auth_forget(void) {
    memset(fake_auths, 0, sizeof fake_auths);
    fake_auth_count = 0;
    fake_auth_fails = -1;
}

static inline struct identity *fake_auth_identity(const char *user, const char *token_id, uint64_t issued) {
    const struct wshub_identity theirs = {
        .struct_size = sizeof theirs,
        .user = {user, user ? strlen(user) : 0},
        .token_id = {token_id, token_id ? strlen(token_id) : 0},
        .issued = issued,
    };
    const char *why;
    struct identity *identity = identity_new(&theirs, &why);
    assert_non_null(identity);
    return identity;
}

// Ends the oldest call that is held, as it behaves now.
static inline void fake_auth_settle(struct auth *auth, struct auth_reply reply, int status) {
    bool named = status == WSHUB_OK && !auth->tells_nobody;
    reply.done(reply.context, reply.argument, status,
               named ? fake_auth_identity(auth->user, auth->token_id, auth->issued) : NULL,
               auth->explanation);
}

static inline void fake_auth_answer(struct auth *auth, int status) {
    assert_true(auth->held_count > 0);
    struct auth_reply reply = auth->held[0];
    memmove(auth->held, auth->held + 1, --auth->held_count * sizeof *auth->held);
    fake_auth_settle(auth, reply, status);
}

static inline void fake_auth_take(struct auth *auth, enum auth_slot slot, struct auth_reply reply) {
    assert_true(auth->is_open);
    auth->asked[slot]++;
    if (auth->holds) {
        assert_true(auth->held_count < FAKE_AUTH_HELD);
        auth->held[auth->held_count++] = reply;
    } else if (slot == AUTH_SLOT_AUTHORIZE) {
        reply.done(reply.context, reply.argument, auth->status, NULL, auth->explanation);
    } else {
        fake_auth_settle(auth, reply, auth->status);
    }
}

// ---- in the place of core/plugin/auth.c

struct auth *auth_open(const struct auth_setup *setup) {
    struct auth *auth = &fake_auths[fake_auth_count];
    if ((int)fake_auth_count == fake_auth_fails) {
        return NULL;
    }
    fake_auth_count++;
    auth->name = setup->name;
    auth->is_open = true;
    auth->status = WSHUB_PASS;
    return auth;
}

void auth_close(struct auth *auth) {
    if (auth) {
        auth->is_open = false;
        while (auth->held_count > 0) {
            fake_auth_answer(auth, WSHUB_CLOSED);
        }
    }
}

void auth_authenticate(struct auth *auth, const struct wshub_request *request, struct auth_reply reply) {
    (void)request;
    fake_auth_take(auth, AUTH_SLOT_AUTHENTICATE, reply);
}

void auth_refresh(struct auth *auth, const struct wshub_request *request, struct auth_reply reply) {
    (void)request;
    fake_auth_take(auth, AUTH_SLOT_REFRESH, reply);
}

void auth_authorize(struct auth *auth, const struct wshub_operation *operation, struct auth_reply reply) {
    (void)operation;
    fake_auth_take(auth, AUTH_SLOT_AUTHORIZE, reply);
}

void auth_reload(struct auth *auth) {
    auth->reloaded++;
}

void auth_expire(struct auth *auth) {
    auth->expired++;
}

const char *auth_name(const struct auth *auth) {
    return auth->name;
}

// ---- the plugins, of which only the table's reload counts here

static inline void fake_auth_reload(void *self) {
    (void)self;
}

// Knows "auth", "reloads", and "no-auth", which is none.
static inline bool fake_auth_load(struct plugin *plugin, const char *name, const struct config *config,
                                  struct buf *why) {
    static const struct wshub_auth plain = {.struct_size = sizeof plain};
    static const struct wshub_auth reloads = {.struct_size = sizeof reloads, .reload = fake_auth_reload};
    bool known = strcmp(name, "auth") == 0 || strcmp(name, "reloads") == 0 || strcmp(name, "no-auth") == 0;
    (void)config;
    if (!known) {
        buf_puts(why, "there is no such plugin");
        return false;
    }
    *plugin = (struct plugin){.file = strdup(name)};
    plugin->about = (struct wshub_plugin){.name = plugin->file, .version = "1", .summary = ""};
    plugin->about.auth = name[0] == 'n' ? NULL : name[0] == 'r' ? &reloads : &plain;
    return true;
}
