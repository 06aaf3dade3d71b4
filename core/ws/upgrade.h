// SPDX-License-Identifier: MIT
// The opening handshake, RFC 6455 section 4.2: is this request a proper upgrade, and what is the answer.
// Pure.
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct http_request;

struct upgrade_settings {
    // Allowed origins: "same-host" (the Origin's host and port are those of the Host header), "*", or
    // "https://app.example.com" compared as RFC 6454 origins. A request without an Origin is no browser and
    // is let in.
    const char *const *origins;
    size_t origin_count;
    // "same-host" is granted to pages from this machine alone (localhost, 127.0.0.0/8, [::1]). A hub that
    // only listens on loopback and lets everybody in is otherwise open to any page whose name an attacker's
    // DNS points at 127.0.0.1.
    bool same_host_is_local;
    const char *const *subprotocols; // what this server speaks, in its order of preference
    size_t subprotocol_count;
    // What an offered element begins with that carries a token and is no subprotocol; NULL or "": none does.
    const char *token_prefix;
};

enum { UPGRADE_ACCEPT_LENGTH = 28 };

struct upgrade_answer {
    int status;          // 101, or 400, 403, 405, 426 (to be sent with Sec-WebSocket-Version: 13), 500
    const char *code;    // refusal: a word for machines: bad_request, origin_denied, method_not_allowed,
                         // upgrade_required, unsupported_version, unsupported_subprotocol, internal_error
    const char *message; // refusal: a sentence for people, a constant
    char accept[UPGRADE_ACCEPT_LENGTH + 1]; // 101: Sec-WebSocket-Accept
    // 101: cookies may count, for no page of a stranger has made the browser send them: the Origin is allowed
    // by name, or there is none. False when "*" alone lets it in.
    bool ambient;
    const char *subprotocol; // 101: one of the settings' strings, or NULL when the client offered none
};

// A client that offers subprotocols of which we speak none is refused with 400 (RFC 6455 section 4.2.2 would
// let us go on without one; browsers would then fail the connection without a word). So is one that offers
// nothing but tokens: what is chosen is never one of these.
void upgrade_check(const struct http_request *request, const struct upgrade_settings *settings,
                   struct upgrade_answer *answer);

// False: this machine's OpenSSL does not compute SHA-1, and no handshake could succeed. To be called at
// start, so that it is the start that fails, and not the first client who waits while OpenSSL loads what it
// needs.
bool upgrade_self_test(void);
