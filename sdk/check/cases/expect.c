// SPDX-License-Identifier: MIT
#include "cases/expect.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cases/shown.h"

enum { PATIENCE = 5000 }; // ms for a message that was taken by the broker to arrive

// ---- bytes ----

struct wshub_bytes bytes_from(const void *data, size_t length) {
    return (struct wshub_bytes){data, length};
}

bool bytes_are(struct wshub_bytes bytes, const void *data, size_t length) {
    return bytes.length == length && (length == 0 || memcmp(bytes.data, data, length) == 0);
}

void *expect_memory(struct check *check, size_t count, size_t size) {
    void *memory = calloc(count ? count : 1, size);
    if (!memory) {
        check_fail(check, "the kit has no memory for %zu times %zu bytes: this says nothing of the plugin",
                   count, size);
    }
    return memory;
}

struct unique unique_payload(struct check *check, const char *name) {
    struct unique unique;
    snprintf(unique.text, sizeof unique.text, "\"%.20s %016" PRIx64 "\"", name, check_random(check));
    return unique;
}

// ---- calls ----

void expect_status(struct check *check, int expected, int got, const char *format, ...) {
    if (got == expected) {
        return;
    }
    char what[256];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(what, sizeof what, format, arguments);
    va_end(arguments);
    check_fail(check, "%s: expected %s, got %s", what, shown_status(expected).text, shown_status(got).text);
}

void expect_subscribed(struct peer *peer, struct wshub_bytes channel) {
    expect_status(peer_check(peer), WSHUB_OK, peer_subscribe(peer, channel), "subscribe to %s",
                  shown_bytes(channel).text);
}

void expect_unsubscribed(struct peer *peer, struct wshub_bytes channel) {
    expect_status(peer_check(peer), WSHUB_OK, peer_unsubscribe(peer, channel), "unsubscribe from %s",
                  shown_bytes(channel).text);
}

void expect_published(struct peer *peer, const struct wshub_message *message) {
    expect_status(peer_check(peer), WSHUB_OK, peer_publish(peer, message), "publish %s on %s",
                  shown_bytes(message->payload).text, shown_bytes(message->channel).text);
}

// ---- one message ----

static void expect_field(struct check *check, const char *what, const char *field, struct wshub_bytes sent,
                         const char *came, size_t length) {
    if (!bytes_are(sent, came, length)) {
        check_fail(check, "%s: %s is not what was published: %s", what, field,
                   shown_difference(sent, bytes_from(came, length)).text);
    }
}

void expect_whole(struct check *check, const struct wshub_message *sent, const struct arrival *came,
                  const char *what) {
    expect_field(check, what, "the channel", sent->channel, came->channel, came->channel_length);
    expect_field(check, what, "the payload", sent->payload, came->payload, came->payload_length);
    expect_field(check, what, "sender", sent->sender, came->sender, strlen(came->sender));
    expect_field(check, what, "sender_user", sent->sender_user, came->sender_user, strlen(came->sender_user));
    expect_field(check, what, "exclude", sent->exclude, came->exclude, strlen(came->exclude));
}

struct awaited {
    struct peer *peer;
    struct wshub_bytes channel, payload;
    size_t looked_at; // arrivals before this one are others
};

static bool is_it(const struct awaited *awaited, const struct arrival *arrival) {
    return bytes_are(awaited->channel, arrival->channel, arrival->channel_length) &&
           bytes_are(awaited->payload, arrival->payload, arrival->payload_length);
}

static bool has_come(void *context) {
    struct awaited *awaited = context;
    const struct arrivals *arrivals = peer_arrivals(awaited->peer);
    while (awaited->looked_at < arrivals->count) {
        if (is_it(awaited, &arrivals->items[awaited->looked_at])) {
            return true;
        }
        awaited->looked_at++;
    }
    return false;
}

const struct arrival *expect_arrival(struct peer *peer, struct wshub_bytes channel,
                                     struct wshub_bytes payload) {
    struct awaited awaited = {.peer = peer, .channel = channel, .payload = payload};
    if (!check_wait(peer_check(peer), has_come, &awaited, PATIENCE)) {
        return NULL;
    }
    return &peer_arrivals(peer)->items[awaited.looked_at];
}

// ---- exactly one ----

// The first has been published, and `last` behind it; `last` is there, or will not come.
static const struct arrival *judge_once(struct peer *to, const struct wshub_message *message,
                                        const struct arrival *last, const char *what) {
    struct check *check = peer_check(to);
    const struct arrivals *came = peer_arrivals(to);
    size_t count = last ? (size_t)(last - came->items) : came->count;
    if (count == 0) {
        check_fail(check, "%s: published %s on %s, and it never came%s", what,
                   shown_bytes(message->payload).text, shown_bytes(message->channel).text,
                   last ? ", though the next message did" : "; nor did the next message");
    }
    expect_whole(check, message, &came->items[0], what);
    if (!last) {
        check_fail(check, "%s: the message came, but one published right after it on %s did not", what,
                   shown_bytes(message->channel).text);
    }
    if (count > 1) {
        bool again = bytes_are(message->payload, came->items[1].payload, came->items[1].payload_length);
        check_fail(check, "%s: published %s once on %s, and %s came on %s%s", what,
                   shown_bytes(message->payload).text, shown_bytes(message->channel).text,
                   again
                       ? "the same"
                       : shown_bytes(bytes_from(came->items[1].payload, came->items[1].payload_length)).text,
                   shown_bytes(bytes_from(came->items[1].channel, came->items[1].channel_length)).text,
                   again ? " a second time" : " with it");
    }
    return &came->items[0];
}

// As expect_published, but a second call is under way with it.
static void publish_both(struct peer *from, const struct wshub_message *first,
                         const struct wshub_message *second, const char *what) {
    const struct wshub_message *messages[2] = {first, second};
    peer_call calls[2];
    int refused[2];
    for (int i = 0; i < 2; i++) {
        calls[i] = peer_start_publish(from, messages[i]);
        refused[i] = calls[i] ? WSHUB_OK : peer_refused(from);
    }
    for (int i = 0; i < 2; i++) {
        int status = calls[i] ? peer_finish(from, calls[i]) : refused[i];
        expect_status(peer_check(from), WSHUB_OK, status, "%s: publish %s on %s", what,
                      shown_bytes(messages[i]->payload).text, shown_bytes(messages[i]->channel).text);
    }
}

const struct arrival *expect_once(struct peer *from, struct peer *to, const struct wshub_message *message,
                                  const char *format, ...) {
    char what[256];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(what, sizeof what, format, arguments);
    va_end(arguments);

    struct unique unique = unique_payload(peer_check(to), "last");
    struct wshub_message last = message_of(message->channel, unique.text);
    peer_forget(to);
    publish_both(from, message, &last, what);
    return judge_once(to, message, expect_arrival(to, last.channel, last.payload), what);
}

void expect_it_came(struct peer *from, struct peer *to, const struct wshub_message *message,
                    const char *what) {
    struct unique unique = unique_payload(peer_check(to), "last");
    struct wshub_message last = message_of(message->channel, unique.text);
    expect_published(from, &last);
    judge_once(to, message, expect_arrival(to, last.channel, last.payload), what);
}

// ---- none at all ----

static void see_none(struct peer *to, struct wshub_bytes channel, const char *what) {
    const struct arrivals *came = peer_arrivals(to);
    for (size_t i = 0; i < came->count; i++) {
        const struct arrival *one = &came->items[i];
        if (bytes_are(channel, one->channel, one->channel_length)) {
            check_fail(peer_check(to), "%s: %s came on %s, which this instance has not subscribed", what,
                       shown_bytes(bytes_from(one->payload, one->payload_length)).text,
                       shown_bytes(channel).text);
        }
    }
}

// Where the publisher hears itself, the broker is known to have passed the message on.
static void publish_heard(struct peer *from, struct peer *to, const struct wshub_message *message,
                          const char *what) {
    if (from != to) {
        expect_subscribed(from, message->channel);
    }
    expect_published(from, message);
    if (from != to && !expect_arrival(from, message->channel, message->payload)) {
        check_fail(peer_check(to), "%s: the publisher has subscribed %s, and did not hear its own message",
                   what, shown_bytes(message->channel).text);
    }
    if (from != to) {
        expect_unsubscribed(from, message->channel);
    }
}

void expect_silence(struct peer *from, struct peer *to, struct wshub_bytes channel, const char *format, ...) {
    char what[256];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(what, sizeof what, format, arguments);
    va_end(arguments);

    struct unique unique = unique_payload(peer_check(to), "unheard");
    struct wshub_message message = message_of(channel, unique.text);
    peer_forget(from);
    peer_forget(to);
    publish_heard(from, to, &message, what);
    peer_fence(to, from);
    see_none(to, channel, what);
}
