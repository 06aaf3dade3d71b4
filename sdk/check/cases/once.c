// SPDX-License-Identifier: MIT
#include "cases/once.h"

#include <inttypes.h>
#include <string.h>

#include "cases/shown.h"

void once_expect_told(struct peer *peer, const struct wshub_message *message,
                      const struct peer_position *told) {
    struct check *check = peer_check(peer);
    const uint32_t minor = check_plugin(check)->abi_minor;
    if (told->newest > 0 && told->epoch[0]) {
        return;
    }
    if (minor < 3 && !check_can(check, WSHUB_BROKER_IDEMPOTENT)) {
        check_skip(check, "it asks for ABI 1.%" PRIu32 ", and a publish tells its position since 1.3", minor);
    }
    check_fail(
        check,
        "publish %s on %s, which has a history, was completed with OK: expected host->position to tell its "
        "epoch and offset before that, and got offset %" PRIu64 ", epoch \"%s\"",
        shown_bytes(message->payload).text, shown_bytes(message->channel).text, told->newest, told->epoch);
}

struct peer_position once_put(struct peer *peer, const struct wshub_message *message) {
    struct peer_position told;
    expect_status(peer_check(peer), WSHUB_OK, peer_publish_at(peer, message, &told), "publish %s on %s",
                  shown_bytes(message->payload).text, shown_bytes(message->channel).text);
    once_expect_told(peer, message, &told);
    return told;
}

struct wshub_message once_message(const struct chapter *chapter, const char *payload, const char *key,
                                  uint64_t ttl) {
    struct wshub_message message = chapter_message(chapter, payload);
    message.key = bytes_of(key);
    message.key_ttl = ttl;
    return message;
}

void once_expect_same(struct check *check, const struct peer_position *first,
                      const struct peer_position *again, const char *what) {
    if (first->newest != again->newest || strcmp(first->epoch, again->epoch) != 0) {
        check_fail(check,
                   "%s: the first was told offset %" PRIu64 ", epoch \"%s\", and the repetition %" PRIu64
                   ", \"%s\": expected the same",
                   what, first->newest, first->epoch, again->newest, again->epoch);
    }
}
