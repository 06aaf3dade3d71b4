// SPDX-License-Identifier: MIT
// A question to the auth plugins, and its answer. Made by a worker and posted as MAIL_AUTHENTICATE; comes
// back as MAIL_AUTHENTICATED. All that it needs is copied into it, so that client and worker may go on; what
// it holds is secret, and wiped when it is freed.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "loop/mailbox.h"
#include "util/span.h"
#include "wshub/auth.h"

struct config;
struct http_request;
struct identity;
struct session;

enum auth_question {
    AUTH_CONNECT,   // who is this?
    AUTH_REFRESH,   // who is this now, with another token? The same user, or it is a no
    AUTH_OPERATION, // may it?
};

enum auth_verdict {
    AUTH_FAILED, // a plugin failed, or did not answer in time: nobody is let in by that
    AUTH_YES,
    AUTH_NO,
    AUTH_EXPIRED,
    AUTH_REVOKED,
    AUTH_UNDECIDED, // CONNECT: every plugin has passed
    AUTH_CLOSED,    // the instance is going
};

struct auth_query {
    struct mail mail;
    enum auth_question question;
    uint32_t worker;
    struct session *session;   // the worker's; NULL: the client is gone
    struct auth_query *next;   // the worker's
    enum auth_verdict verdict; // the answer
    struct identity *identity; // a reference. REFRESH, OPERATION: who it is; the answer YES to CONNECT and
                               // REFRESH: who it is now, in its place
    unsigned plugin;           // in the chain. REFRESH, OPERATION: who let it in; the answer YES: who decided
    struct wshub_request request;     // CONNECT, REFRESH
    struct wshub_operation operation; // OPERATION
    char *token;                      // what query_set_token has copied
    size_t size;                      // of bytes
    char *bytes;                      // all else that request and operation point to; behind this struct
};

// Of one request; browsers keep fewer for one host. What is left out of these arrays stands in the headers.
// Each costs ten times the bytes that it had on the wire, and a stranger may be held for a while.
enum { QUERY_COOKIES_MAX = 200, QUERY_SUBPROTOCOLS_MAX = 100 };

struct query_client {                               // borrowed
    const char *connection_id, *protocol, *address; // the address may be ""
};

// Of an opening handshake. Finds the token: Authorization, the query, the subprotocols, the cookie, the first
// that has one. NULL: no memory, here and below. `ambient`: what a browser adds by itself counts (see
// upgrade_answer.ambient).
struct auth_query *query_connect(const struct http_request *request, const struct config *config,
                                 bool ambient, const struct query_client *client);
// A token that came in a message. Takes the place of the one before. False: no memory.
bool query_set_token(struct auth_query *query, struct span token);
// Takes references to the identity.
struct auth_query *query_refresh(struct identity *identity, unsigned plugin, struct span token,
                                 const struct query_client *client);
struct auth_query *query_operation(struct identity *identity, unsigned plugin, enum wshub_verb verb,
                                   struct span name, struct span data, const struct query_client *client);
void query_free(struct auth_query *query); // NULL is fine
