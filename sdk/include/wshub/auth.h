/* SPDX-License-Identifier: MIT
 * Since ABI 1.2. An auth plugin says who a client is and what it may do. The configuration lists such plugins
 * in order: the first that says yes or no decides, one that passes leaves it to the next, and who is left
 * undecided by all of them is not let in.
 *
 *     check                     options only, nothing is connected; `wshub check` stops here
 *     open ──► authenticate, refresh, authorize, reload ──► close
 *
 * Two tokens: a wshub_token stands for a call, and is completed once; `token` of a request is what the client
 * shows to be let in.
 * Threads: every slot is called on the hub thread, one at a time, and must not block: not for more than a few
 * hundred microseconds either, since every message of the instance waits meanwhile. Work that takes longer
 * goes to a thread of the plugin's own, which comes back through complete, or to timers and watches.
 * Errors: a slot that is given a token returns WSHUB_OK and completes the token once, now or later; or it
 * returns an error of enum wshub_status, and then must not complete it. Either way the status is the
 * decision:
 *     WSHUB_OK       yes; for authenticate and refresh host->identify has told who it is before
 *     WSHUB_DENIED   no
 *     WSHUB_EXPIRED  no: what it shows was good once, and a new one may be tried
 *     WSHUB_PASS     not for this plugin to decide; of authenticate alone, elsewhere it is a failure
 * and every other status is a failure, which lets nobody in and is told to the client as one to try again.
 * Deadline: what is not completed within the hub's `timeouts.auth` (host->timeout) is a failure.
 * Ownership: whatever a slot is given it borrows until it returns.
 * Secrets: a request is full of them (token, cookies, the header Authorization). None of it may go into a log
 * line or an explanation.
 * Host: an auth plugin gets no broker's services: deliver, entry, link, lose, message and position are NULL.
 */
#ifndef WSHUB_AUTH_H
#define WSHUB_AUTH_H

#include <stdint.h>

#include "wshub/host.h"

/* What can be granted on a channel; bits, so that several can stand together. */
enum wshub_verb {
    WSHUB_VERB_SUBSCRIBE = 1 << 0,
    WSHUB_VERB_PUBLISH = 1 << 1,
    WSHUB_VERB_PRESENCE = 1 << 2, /* to see who else is there */
    WSHUB_VERB_HISTORY = 1 << 3,  /* to read what was published before */
    WSHUB_VERB_SEND = 1 << 4,     /* to send to users: the pattern is one of user ids, not of channels */
};

enum wshub_grant_flag {
    WSHUB_GRANT_EXACT = 1 << 0 /* the pattern is a name, byte for byte: '*' and '{' mean themselves */
};

/* What a user may do on channels whose rule in the configuration says `granted`; on others it says nothing.
 * A pattern matches a whole name. `*` stands for any bytes, also none; `{user}` for the id of the user, byte
 * for byte, so that a star in an id is no star of the pattern. Frozen: never grows. */
struct wshub_grant {
    struct wshub_bytes pattern; /* 1 to 255 bytes of UTF-8 without control characters */
    uint32_t verbs;             /* of enum wshub_verb; unknown bits mean nothing */
    uint32_t flags;             /* of enum wshub_grant_flag; a grant with an unknown bit is not used */
};

/* Who a client is. Zeroed, then struct_size and what is known. Times are milliseconds, not seconds, since
 * 1970-01-01 UTC. */
struct wshub_identity {
    uint32_t struct_size;        /* sizeof; less than this is refused, lest an expiry go unread */
    uint32_t ask;                /* verbs for which authorize is asked where no grant covers the name */
    struct wshub_bytes user;     /* 1 to 255 bytes of UTF-8 without control characters; empty: anonymous */
    struct wshub_bytes token_id; /* as user: what `revoke` may name (RFC 7519: jti); or empty */
    struct wshub_bytes info;     /* JSON, at most 4 KiB, for other clients to see; or empty */
    uint64_t issued;             /* when the credentials were made (RFC 7519: iat); 0: not known */
    uint64_t expires;            /* when they end; 0: never. One that has passed: WSHUB_EXPIRED */
    const struct wshub_grant *grants; /* at most 1,024, and 64 KiB of patterns */
    uint64_t grant_count;
};

/* Where a request's token was found. */
enum wshub_token_source {
    WSHUB_TOKEN_NONE = 0,
    WSHUB_TOKEN_HEADER = 1, /* Authorization: Bearer (RFC 6750 section 2.1) */
    WSHUB_TOKEN_QUERY = 2,  /* percent-decoded */
    WSHUB_TOKEN_COOKIE = 3,
    WSHUB_TOKEN_SUBPROTOCOL = 4, /* an element of Sec-WebSocket-Protocol, behind its prefix */
    WSHUB_TOKEN_MESSAGE = 5,     /* the client protocol's own message */
};

struct wshub_pair { /* frozen */
    struct wshub_bytes name, value;
};

/* A client's opening handshake (RFC 6455 section 4.1), checked by the hub: its Origin is one of `origins`.
 * With refresh, and where a client shows its token in a message, the rest is as it was at the handshake
 * where the hub still has it, and empty where not. Of a page whose origin is allowed by "*" alone, what
 * its browser adds by itself is left out, for its user did not ask it to connect: cookies, the header Cookie,
 * and any Authorization but Bearer. */
struct wshub_request {
    uint32_t struct_size;
    uint32_t token_source;            /* enum wshub_token_source */
    struct wshub_bytes method;        /* "GET" */
    struct wshub_bytes path, query;   /* as sent; the query without '?' */
    const struct wshub_pair *headers; /* as sent and in that order; names in lower case */
    uint64_t header_count;
    const struct wshub_pair *cookies; /* RFC 6265 section 5.4, as sent; the first 200 */
    uint64_t cookie_count;
    const struct wshub_bytes *subprotocols; /* the first 100 offered, in order */
    uint64_t subprotocol_count;
    struct wshub_bytes address; /* the client's IP address as text; empty for a UNIX socket. What a
                                   proxy says counts where the configuration trusts that proxy */
    struct wshub_bytes connection_id;
    struct wshub_bytes protocol; /* the client protocol: "wshub.json.v1" */
    struct wshub_bytes token;    /* what the client shows, with no "Bearer "; empty: it may still show one in
                                    a message, and is asked about again, if all plugins PASS now */
};

/* Something that a client wants to do. */
struct wshub_operation {
    uint32_t struct_size;
    uint32_t verb;           /* one of enum wshub_verb */
    struct wshub_bytes name; /* the channel; with SEND the user */
    struct wshub_bytes user; /* who: as identify told */
    struct wshub_bytes token_id;
    struct wshub_bytes connection_id;
    struct wshub_bytes data; /* PUBLISH and SEND: the payload, JSON; else empty */
};

struct wshub_auth {
    uint32_t struct_size; /* sizeof, as the plugin knows it */
    uint32_t flags;       /* 0 */

    /* As in struct wshub_broker: refuses options that make no sense, and changes nothing. `wshub serve` calls
     * it first, too, but open must not count on that. NULL: nothing to check. */
    int (*check)(const struct wshub_host *host);

    /* Starts. Borrows host until close returns. On WSHUB_OK, *self is what the other slots get. What it needs
     * from elsewhere and cannot reach yet is no error: authenticate answers WSHUB_UNAVAILABLE meanwhile. On
     * another status nothing is kept, close is not called, and the reason was logged or refused. */
    int (*open)(const struct wshub_host *host, void **self);

    /* Stops within `timeouts.auth`, and frees self. No service is called after it returned, no thread, timer,
     * watch or descriptor stays. Work in flight is dropped. */
    void (*close)(void *self);

    /* Who is this? The same request gets the same answer, whatever was asked before, as long as nothing
     * outside has changed. */
    int (*authenticate)(void *self, const struct wshub_request *request, wshub_token token);

    /* The client that this plugin has let in shows a new token: who is this now? A user other than before is
     * refused by the hub. NULL: authenticate is asked. */
    int (*refresh)(void *self, const struct wshub_request *request, wshub_token token);

    /* May it? Asked for the verbs in `ask` of the identity, where the configuration says `granted` and no
     * grant covers the name. WSHUB_OK or WSHUB_DENIED. NULL: no. */
    int (*authorize)(void *self, const struct wshub_operation *operation, wshub_token token);

    /* The hub got SIGHUP: reads files again. What cannot be read leaves everything as it was, and is logged.
     * NULL: nothing to read. */
    void (*reload)(void *self);
};

#endif
