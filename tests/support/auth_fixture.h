// SPDX-License-Identifier: MIT
// An auth plugin that does what a test has told it, open under the hub's half of it, and somebody who writes
// down the answers. Included by the one .c file of a test program, behind cmocka.h.
#pragma once

#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "auth/identity.h"
#include "log_fixture.h"
#include "loop_fixture.h"
#include "plugin/auth.h"
#include "plugin/plugin.h"
#include "util/buf.h"
#include "util/log.h"

enum { LONG = 60 * 1000, TEXT_MAX = 600 };

struct answer { // the last one
    int status;
    struct identity *identity;
    bool explained;
    char explanation[TEXT_MAX];
};

struct fixture;
typedef int (*slot_fn)(struct fixture *f, wshub_token token); // what a slot does, and answers

struct fixture {
    struct loop *loop;
    struct log log;
    struct wshub_auth table; // as the test wants it, until open_auth
    struct plugin plugin;
    struct auth *auth;
    pthread_t thread; // the hub's

    const struct wshub_host *host; // the plugin's
    slot_fn on_slot;               // NULL: it will be completed later
    int open_status;
    wshub_token token;   // the last one given out
    wshub_token late[2]; // what on_close completes, zero at the end
    const void *shown;   // request or operation
    enum auth_slot slot; // that was called
    int calls, reloads, closes;

    int answers;
    struct answer answer;
    bool asks_again; // out of the answer
};

// ---- the plugin

static struct fixture *opened; // the one of this process

static inline int on_call(void *self, enum auth_slot slot, const void *shown, wshub_token token) {
    struct fixture *f = self;
    assert_true(pthread_equal(pthread_self(), f->thread));
    f->slot = slot;
    f->shown = shown;
    f->token = token;
    f->calls++;
    return f->on_slot ? f->on_slot(f, token) : WSHUB_OK;
}

static inline int on_open(const struct wshub_host *host, void **self) {
    opened->host = host;
    *self = opened;
    return opened->open_status;
}

static inline void on_close(void *self) {
    struct fixture *f = self;
    for (int i = 0; i < 2 && f->late[i]; i++) {
        f->host->complete(f->host->self, f->late[i], WSHUB_OK);
    }
    f->closes++;
}

static inline int on_authenticate(void *self, const struct wshub_request *request, wshub_token token) {
    return on_call(self, AUTH_SLOT_AUTHENTICATE, request, token);
}

static inline int on_refresh(void *self, const struct wshub_request *request, wshub_token token) {
    return on_call(self, AUTH_SLOT_REFRESH, request, token);
}

static inline int on_authorize(void *self, const struct wshub_operation *operation, wshub_token token) {
    return on_call(self, AUTH_SLOT_AUTHORIZE, operation, token);
}

static inline void on_reload(void *self) {
    ((struct fixture *)self)->reloads++;
}

static const struct wshub_auth whole_table = {
    .struct_size = sizeof whole_table,
    .open = on_open,
    .close = on_close,
    .authenticate = on_authenticate,
    .refresh = on_refresh,
    .authorize = on_authorize,
    .reload = on_reload,
};

// ---- who asks

static const struct wshub_request request = {.struct_size = sizeof request};
static const struct wshub_operation operation = {.struct_size = sizeof operation,
                                                 .verb = WSHUB_VERB_SUBSCRIBE};

static inline void forget(struct fixture *f) {
    identity_unref(f->answer.identity);
    f->answer = (struct answer){.status = 1};
}

static inline void on_answer(void *context, void *argument, int status, struct identity *identity,
                             const char *explanation);

static inline struct auth_reply reply_to(struct fixture *f) {
    return (struct auth_reply){on_answer, f, &f->answer};
}

static inline void ask(struct fixture *f, enum auth_slot slot) {
    if (slot == AUTH_SLOT_AUTHORIZE) {
        auth_authorize(f->auth, &operation, reply_to(f));
    } else if (slot == AUTH_SLOT_REFRESH) {
        auth_refresh(f->auth, &request, reply_to(f));
    } else {
        auth_authenticate(f->auth, &request, reply_to(f));
    }
}

static inline void on_answer(void *context, void *argument, int status, struct identity *identity,
                             const char *explanation) {
    struct fixture *f = context;
    assert_true(pthread_equal(pthread_self(), f->thread));
    assert_ptr_equal(argument, &f->answer);
    forget(f);
    f->answers++;
    f->answer.status = status;
    f->answer.identity = identity;
    f->answer.explained = explanation;
    snprintf(f->answer.explanation, sizeof f->answer.explanation, "%s", explanation ? explanation : "");
    if (f->asks_again) {
        f->asks_again = false;
        ask(f, AUTH_SLOT_AUTHENTICATE);
    }
}

// ---- the fixture

static inline void prepare(struct fixture *f) {
    *f = (struct fixture){.loop = loop_new(),
                          .log = {.fd = memfd_create("log", MFD_CLOEXEC), .level = LOG_DEBUG},
                          .table = whole_table,
                          .thread = pthread_self(),
                          .answer = {.status = 1}};
}

// Opens it as "staff", with the table that the fixture has now.
static inline void open_auth(struct fixture *f, uint64_t timeout) {
    const struct wshub_plugin about = {
        .magic = WSHUB_PLUGIN_MAGIC,
        .abi_major = 1,
        .abi_minor = 2,
        .struct_size = sizeof about,
        .name = "doorman",
        .auth = &f->table,
    };
    struct buf why = {0};
    opened = f;
    if (!plugin_adopt(&f->plugin, &about, "/somewhere/doorman.so", &why)) {
        fail_msg("%.*s", (int)why.length, why.data);
    }
    buf_free(&why);
    f->auth = auth_open(&(struct auth_setup){
        .name = "staff",
        .instance_id = "me",
        .plugin = &f->plugin,
        .loop = f->loop,
        .log = &f->log,
        .timeout = timeout,
    });
}

static inline void set_up(struct fixture *f) {
    prepare(f);
    open_auth(f, LONG);
    assert_non_null(f->auth);
}

static inline void tear_down(struct fixture *f) {
    auth_close(f->auth);
    forget(f);
    plugin_unload(&f->plugin);
    loop_free(f->loop);
    close(f->log.fd);
}

static inline size_t count_logged(const struct fixture *f, const char *text) {
    return log_count(&f->log, text);
}

static inline uint64_t result_count(const struct fixture *f, enum auth_slot slot, enum auth_result result) {
    return counter_get(&auth_stats(f->auth)->slots[slot].results[result]);
}

// ---- what a plugin says

enum saying { NOTHING, ANNA, BERT, OVER, TOO_LONG }; // of whom; one that has expired; one against the rules

static inline int identify(const struct fixture *f, wshub_token token, enum saying who) {
    static const char *const users[] = {"", "anna", "bert", "anna", NULL};
    static const char long_user[256] = "x";
    struct wshub_identity identity = {
        .struct_size = sizeof identity,
        .user = {users[who] ? users[who] : long_user, users[who] ? strlen(users[who]) : sizeof long_user},
        .expires = who == OVER ? 1 : 0,
    };
    return f->host->identify(f->host->self, token, &identity);
}

static inline void complete(const struct fixture *f, wshub_token token, int status) {
    f->host->complete(f->host->self, token, status);
}

static inline void explain(const struct fixture *f, wshub_token token, const char *text) {
    f->host->explain(f->host->self, token, text);
}

static inline void assert_user(const struct fixture *f, const char *user) {
    struct span span = identity_user(f->answer.identity);
    assert_non_null(f->answer.identity);
    assert_int_equal(span.length, strlen(user));
    assert_memory_equal(span.data, user, span.length);
}
