// SPDX-License-Identifier: MIT
// The seam between client protocols and the hub: a protocol turns bytes into operations and events into
// bytes. It knows no sockets, no brokers, no channels' state. Pure, but for the decoder's scratch memory; one
// decoder per worker.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/span.h"

struct buf;
struct json_reader;
struct ask;
struct message;
struct position;

// ---- what clients ask for ----

enum verb {
    VERB_NONE, // the input could not be understood: `error` says why
    VERB_SUBSCRIBE,
    VERB_UNSUBSCRIBE,
    VERB_PUBLISH,
    VERB_HISTORY,
    VERB_PRESENCE,
    VERB_SEND,
    VERB_CONNECT,
    VERB_REFRESH,
    VERB_PING,
    VERB_COUNT,
};

enum error_code { // the words of protocols.md
    ERROR_NONE,
    ERROR_BAD_REQUEST,
    ERROR_TOO_LARGE,
    ERROR_UNAUTHENTICATED,
    ERROR_DENIED,
    ERROR_TOKEN_EXPIRED,
    ERROR_UNKNOWN_OP,
    ERROR_NOT_SUBSCRIBED,
    ERROR_ALREADY_SUBSCRIBED,
    ERROR_LIMIT,
    ERROR_RATE_LIMITED,
    ERROR_UNSUPPORTED,
    ERROR_BROKER_UNAVAILABLE,
    ERROR_TIMEOUT,
    ERROR_INTERNAL,
    ERROR_NOT_FOUND, // send: who is meant is not connected
    ERROR_COUNT,
};

struct error_word {
    const char *name;
    bool retry; // the same operation may succeed later
};
extern const struct error_word error_words[ERROR_COUNT];

struct operation {
    enum verb verb;
    enum error_code error; // VERB_NONE: what is wrong with it
    const char *detail;    // VERB_NONE: one sentence, a constant
    struct span id;        // the client's, as sent; empty: it wants no answer
    struct span channel;
    struct span data;    // JSON, as sent
    struct span exclude; // publish: connection_ids that shall not get it, a blank between two
    struct span token;   // connect, refresh: secret, not empty
    struct span key;   // publish: the client's, 1 to 64 bytes of printable ASCII without blanks; empty: none
    bool has_position; // subscribe: the client wants to recover; history: where to begin
    struct span epoch; // of that position
    uint64_t offset;
    bool has_limit, backwards; // history
    uint32_t limit;
    bool count_only;                    // presence
    struct span to_user, to_connection; // send: one of them
};

// ---- what clients are told ----

enum event_kind {
    EVENT_WELCOME,
    EVENT_OK,
    EVENT_ERROR,
    EVENT_MESSAGE,
    EVENT_GAP,
    EVENT_JOIN,
    EVENT_LEAVE,
    EVENT_DIRECT,
    EVENT_UNSUBSCRIBED, // and the client has not asked for it
    EVENT_EXPIRING,     // its identity
    EVENT_CLOSING,
};

enum recovered { RECOVERED_NOT_ASKED, RECOVERED_NO, RECOVERED_YES };

enum payload_form { PAYLOAD_JSON, PAYLOAD_TEXT, PAYLOAD_BINARY };

struct page_item {
    const struct message *message;
    struct span payload; // of the message
    enum payload_form form;
};

// A page of a history. What does not fit into `room` bytes is left out, but for the first: then there is
// more.
struct page {
    const struct page_item *items;
    size_t count;
    size_t room;
    bool more;                   // behind the last item, or behind what was looked at
    const struct position *next; // where what comes behind all of the items begins
};

struct event {
    enum event_kind kind;
    struct span id;                  // OK, ERROR
    struct span channel;             // OK, where it may be empty; GAP, UNSUBSCRIBED
    enum error_code error;           // ERROR
    const char *detail;              // ERROR: a sentence
    const char *word;                // CLOSING, UNSUBSCRIBED: why, one word
    uint32_t milliseconds;           // WELCOME: ping interval; CLOSING: when to come back
    bool may_return;                 // CLOSING: milliseconds counts
    const char *connection;          // WELCOME
    const char *instance;            // WELCOME
    struct span user;                // WELCOME; empty: anonymous
    uint64_t expires_in;             // WELCOME, EXPIRING, OK: ms; 0: never, or not said
    const struct message *message;   // MESSAGE, JOIN, LEAVE, DIRECT
    struct span payload;             // the same: of the message
    enum payload_form form;          // and what it is
    bool is_last;                    // MESSAGE: the channel's last value, told to a new subscriber
    const struct position *position; // OK of subscribe, publish, history; GAP, where it is known; NULL: none
    enum recovered recovered;        // OK of a subscribe with a position
    const struct page *page;         // OK of history
    const struct ask *ask;           // OK of presence: who was found
};

struct protocol {
    const char *path;
    const char *subprotocol;
    // Decodes one WebSocket text message into one operation or more, each handed to fn, which may close the
    // connection.
    void (*decode)(struct json_reader *json, const char *data, size_t length,
                   void (*fn)(void *context, const struct operation *operation), void *context);
    // Appends one event as the payload of a text frame.
    void (*encode)(struct buf *out, const struct event *event);
};

enum { PROTOCOL_NATIVE, PROTOCOL_COUNT };
extern const struct protocol protocols[PROTOCOL_COUNT];

// What an unusable channel name is refused with, or NULL: it is one. 1 to 255 bytes of UTF-8, no control
// characters.
const char *channel_name_error(struct span name);
enum { CHANNEL_NAME_MAX = 255 };
