// SPDX-License-Identifier: MIT
// An auth plugin in the test's own process that says nothing by itself: each question is kept until the test
// answers it. For the one .c file of a test program; with hub_threads.h behind it.
#pragma once

#include <string.h>

#include "fake_plugin.h"
#include "wshub/wshub.h"

enum { SCRIPTED_MAX = 32 };

struct scripted_question {
    char slot; // 'c' authenticate, 'r' refresh, 'o' authorize
    wshub_token token;
    char shown[64]; // the token that the client showed; of authorize the channel
};

// The hub thread's, from open to close.
static struct {
    const struct wshub_host *host;
    struct scripted_question questions[SCRIPTED_MAX]; // that are open, oldest first
    unsigned count, asked;                            // asked: since open
} scripted;

static inline int scripted_keep(char slot, wshub_token token, struct wshub_bytes shown) {
    struct scripted_question *question = &scripted.questions[scripted.count++];
    assert_true(scripted.count <= SCRIPTED_MAX);
    *question = (struct scripted_question){.slot = slot, .token = token};
    assert_true(shown.length < sizeof question->shown);
    if (shown.length > 0) {
        memcpy(question->shown, shown.data, shown.length);
    }
    scripted.asked++;
    return WSHUB_OK;
}

static inline int scripted_authenticate(void *self, const struct wshub_request *request, wshub_token token) {
    (void)self;
    return scripted_keep('c', token, request->token);
}

static inline int scripted_refresh(void *self, const struct wshub_request *request, wshub_token token) {
    (void)self;
    return scripted_keep('r', token, request->token);
}

static inline int scripted_authorize(void *self, const struct wshub_operation *operation, wshub_token token) {
    (void)self;
    return scripted_keep('o', token, operation->name);
}

static inline int scripted_open(const struct wshub_host *host, void **self) {
    memset(&scripted, 0, sizeof scripted);
    scripted.host = host;
    *self = &scripted;
    return WSHUB_OK;
}

static inline void scripted_close(void *self) {
    (void)self;
    scripted.host = NULL;
}

// A hub_load_fn: "scripted", and what fake_load knows.
static inline bool scripted_load(struct plugin *plugin, const char *name, const struct config *config,
                                 struct buf *why) {
    static const struct wshub_auth auth = {
        .struct_size = sizeof auth,
        .open = scripted_open,
        .close = scripted_close,
        .authenticate = scripted_authenticate,
        .refresh = scripted_refresh,
        .authorize = scripted_authorize,
    };
    static const struct wshub_plugin theirs = {
        .magic = WSHUB_PLUGIN_MAGIC,
        .abi_major = 1,
        .abi_minor = 2,
        .struct_size = sizeof theirs,
        .name = "scripted",
        .version = "1",
        .summary = "says what the test says",
        .auth = &auth,
    };
    return strcmp(name, "scripted") == 0 ? plugin_adopt(plugin, &theirs, "built in", why)
                                         : fake_load(plugin, name, config, why);
}

// The answer to the oldest question, on the hub thread; `identity` for a yes about who it is.
static inline void scripted_answer(int status, const struct wshub_identity *identity) {
    const struct wshub_host *host = scripted.host;
    assert_true(scripted.count > 0);
    wshub_token token = scripted.questions[0].token;
    memmove(scripted.questions, scripted.questions + 1, --scripted.count * sizeof *scripted.questions);
    if (identity) {
        assert_int_equal(host->identify(host->self, token, identity), WSHUB_OK);
    }
    host->complete(host->self, token, status);
}

#define HUB_LOAD scripted_load
