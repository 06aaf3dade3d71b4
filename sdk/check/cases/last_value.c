// SPDX-License-Identifier: MIT
// Last values: a message that was published with the flag is kept, and whoever subscribes later gets it once,
// with the flag, before anything that is published afterwards.
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cases/expect.h"
#include "cases/pair.h"
#include "cases/shown.h"

static struct wshub_message to_keep(struct wshub_bytes channel, const char *payload) {
    struct wshub_message message = message_of(channel, payload);
    message.flags = WSHUB_MESSAGE_LAST_VALUE;
    return message;
}

static void keep(struct peer *peer, struct wshub_bytes channel, const char *payload) {
    struct wshub_message message = to_keep(channel, payload);
    expect_published(peer, &message);
}

// Subscribes, and publishes one that comes after whatever the subscribe brings. Returns how many came before
// it; they are the first arrivals of `to`.
static size_t join(struct peer *from, struct peer *to, struct wshub_bytes channel, const char *what) {
    struct unique unique = unique_payload(peer_check(to), "after");
    struct wshub_message after = message_of(channel, unique.text);
    peer_forget(to);
    expect_subscribed(to, channel);
    expect_published(from, &after);
    const struct arrival *last = expect_arrival(to, channel, after.payload);
    if (!last) {
        check_fail(peer_check(to), "%s: subscribed to %s, and a message published then never came", what,
                   shown_bytes(channel).text);
    }
    if (last->flags & WSHUB_MESSAGE_LAST_VALUE) {
        check_fail(peer_check(to),
                   "%s: a message published after the subscribe was completed came as a last value", what);
    }
    return (size_t)(last - peer_arrivals(to)->items);
}

static void expect_kept(struct peer *from, struct peer *to, const struct wshub_message *kept,
                        const char *what) {
    struct check *check = peer_check(to);
    size_t count = join(from, to, kept->channel, what);
    const struct arrivals *came = peer_arrivals(to);
    if (count == 0) {
        check_fail(check, "%s: %s was kept as the last value of %s, and did not come after the subscribe",
                   what, shown_bytes(kept->payload).text, shown_bytes(kept->channel).text);
    }
    expect_whole(check, kept, &came->items[0], what);
    if (!(came->items[0].flags & WSHUB_MESSAGE_LAST_VALUE)) {
        check_fail(check,
                   "%s: the last value of %s came without WSHUB_MESSAGE_LAST_VALUE, as if it were live", what,
                   shown_bytes(kept->channel).text);
    }
    if (count > 1) {
        check_fail(
            check,
            "%s: after the subscribe %zu messages came, expected the last value alone; the second is %s",
            what, count, shown_bytes(bytes_from(came->items[1].payload, came->items[1].payload_length)).text);
    }
}

static void expect_nothing_kept(struct peer *from, struct peer *to, struct wshub_bytes channel,
                                const char *what) {
    if (join(from, to, channel, what) > 0) {
        const struct arrival *came = &peer_arrivals(to)->items[0];
        check_fail(peer_check(to), "%s: after the subscribe to %s came %s, expected nothing", what,
                   shown_bytes(channel).text,
                   shown_bytes(bytes_from(came->payload, came->payload_length)).text);
    }
}

// ---- cases ----

static void kept(struct check *check) {
    struct pair pair = pair_open(check);
    struct wshub_message message = to_keep(check_channel(check, "kept"), "{\"n\":1}");
    expect_published(pair.from, &message);
    expect_kept(pair.from, pair.to, &message, "at another instance");
    if (!pair.is_alone) {
        expect_kept(pair.to, pair.from, &message, "at the instance that published it");
        expect_kept(pair.from, peer_open(check), &message, "at an instance that was opened later");
    }
}

// Who is subscribed already gets it like any other message.
static void live(struct check *check) {
    struct pair pair = pair_open(check);
    struct wshub_message message = to_keep(check_channel(check, "live"), "{\"n\":1}");
    expect_subscribed(pair.to, message.channel);
    for (int i = 0; i < 5; i++) {
        const struct arrival *came =
            expect_once(pair.from, pair.to, &message, "subscribed before it was published");
        if (came->flags & WSHUB_MESSAGE_LAST_VALUE) {
            check_fail(
                check,
                "published after the subscribe was completed, and it came with WSHUB_MESSAGE_LAST_VALUE");
        }
    }
}

static void replaced(struct check *check) {
    struct pair pair = pair_open(check);
    struct wshub_bytes channel = check_channel(check, "replaced");
    for (unsigned i = 1; i <= 10; i++) {
        char payload[16];
        snprintf(payload, sizeof payload, "%u", i);
        struct wshub_message message = to_keep(channel, payload);
        expect_published(i % 2 ? pair.from : pair.to, &message);
        expect_kept(pair.from, pair.to, &message, "the latest of several");
        expect_unsubscribed(pair.to, channel);
    }
}

static void none(struct check *check) {
    struct pair pair = pair_open(check);
    struct wshub_bytes channel = check_channel(check, "none"), other = check_channel(check, "none-but-here");
    keep(pair.from, other, "1");
    expect_nothing_kept(pair.from, pair.to, channel, "nothing was published");
    expect_unsubscribed(pair.to, channel);
    expect_nothing_kept(pair.from, pair.to, channel, "an ordinary message was published");
}

// An ordinary message on the channel does not touch what is kept.
static void beside(struct check *check) {
    struct pair pair = pair_open(check);
    struct wshub_message message = to_keep(check_channel(check, "beside"), "\"kept\"");
    struct wshub_message ordinary = message_of(message.channel, "\"ordinary\"");
    expect_published(pair.from, &message);
    for (int i = 0; i < 5; i++) {
        expect_published(i % 2 ? pair.from : pair.to, &ordinary);
        expect_kept(pair.from, pair.to, &message, "after ordinary messages");
        expect_unsubscribed(pair.to, message.channel);
    }
}

static void again(struct check *check) {
    struct pair pair = pair_open(check);
    struct wshub_message message = to_keep(check_channel(check, "again"), "\"kept\"");
    expect_subscribed(pair.to, message.channel);
    expect_once(pair.from, pair.to, &message, "live");
    for (int i = 0; i < 5; i++) {
        expect_unsubscribed(pair.to, message.channel);
        expect_kept(pair.from, pair.to, &message, "subscribed again");
    }
}

static void closed(struct check *check) {
    struct pair pair = pair_open_two(check);
    struct wshub_message message = to_keep(check_channel(check, "closed"), "\"kept\"");
    expect_published(pair.from, &message);
    peer_close(pair.from);
    expect_kept(pair.to, pair.to, &message, "after the publisher was closed");
    peer_close(pair.to);
    struct peer *late = peer_open(check);
    expect_kept(late, late, &message, "after all instances were closed");
}

static void whole(struct check *check) {
    enum { LARGE = 65536 };
    struct pair pair = pair_open(check);
    char *large = expect_memory(check, LARGE, 1);
    for (int i = 0; i < LARGE; i++) {
        large[i] = (char)(i * 7 + i / 256);
    }
    const struct wshub_bytes payloads[] = {bytes_of("{\"a\":1}"), bytes_from("\0", 1),
                                           bytes_from("a\0b\xFF", 4), bytes_from("\xFFwsh\x01\0\0\0x", 9),
                                           bytes_from(large, LARGE)};
    for (unsigned i = 0; i < sizeof payloads / sizeof payloads[0]; i++) {
        char name[32];
        snprintf(name, sizeof name, "whole-%u", i);
        struct wshub_message message = to_keep(check_channel(check, name), "");
        message.payload = payloads[i];
        message.sender = bytes_of(i % 2 ? "" : "0123456789abcdef");
        message.sender_user = bytes_of(i % 3 ? "Zo\xC3\xAB" : "");
        message.exclude = bytes_of(i % 2 ? "0123456789abcdef 0123456789abcdee" : "");
        expect_published(pair.from, &message);
        expect_kept(pair.from, pair.to, &message, "kept");
    }
    free(large);
}

// Subscribed in any order, each channel brings its own, and a name that looks like a pattern nobody else's.
static void isolation(struct check *check) {
    static const char *const names[] = {"a", "A", "a.b", "a/b", "a/b/c", "a ", "ab", "a%2Fb"};
    static const char *const looks[] = {"*", "#", "+", ">", "a/#", "a/+", "a.*", "a.>", "a*", "a?", "[aA]"};
    struct pair pair = pair_open(check);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        keep(pair.from, check_channel(check, names[i]), names[i]);
    }
    for (size_t i = 0; i < sizeof looks / sizeof looks[0]; i++) {
        expect_nothing_kept(pair.from, pair.to, check_channel(check, looks[i]), "nothing was kept for it");
    }
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct wshub_message message = to_keep(check_channel(check, names[i]), names[i]);
        expect_kept(pair.from, pair.to, &message, "among others");
    }
}

// Many at once, as after a reconnect.
struct many {
    struct peer *peer;
    size_t count;
};

static bool have_all_come(void *context) {
    const struct many *many = context;
    return peer_arrivals(many->peer)->count >= many->count;
}

static void many_at_once(struct check *check) {
    enum { CHANNELS = 300 };
    struct pair pair = pair_open(check);
    struct wshub_bytes channels[CHANNELS];
    char payload[16], seen[CHANNELS] = {0};
    for (unsigned i = 0; i < CHANNELS; i++) {
        snprintf(payload, sizeof payload, "%u", i);
        channels[i] = check_channel(check, payload);
        keep(pair.from, channels[i], payload);
    }
    struct many many = {pair.to, CHANNELS};
    for (unsigned i = 0; i < CHANNELS; i++) {
        peer_fire_subscribe(pair.to, channels[i]);
    }
    check_wait(check, have_all_come, &many, 10000);
    peer_fence(pair.to, pair.from);
    const struct arrivals *came = peer_arrivals(pair.to);
    for (size_t i = 0; i < came->count; i++) {
        unsigned number = (unsigned)strtoul(came->items[i].payload, NULL, 10);
        if (!(came->items[i].flags & WSHUB_MESSAGE_LAST_VALUE) || number >= CHANNELS) {
            continue; // the fence
        }
        if (!bytes_are(channels[number], came->items[i].channel, came->items[i].channel_length) ||
            seen[number]++) {
            check_fail(check,
                       "subscribed to %d channels at once: the last value of %s came on %s, the %u. time",
                       CHANNELS, shown_bytes(channels[number]).text,
                       shown_bytes(bytes_of(came->items[i].channel)).text, (unsigned)seen[number]);
        }
    }
    for (unsigned i = 0; i < CHANNELS; i++) {
        if (!seen[i]) {
            check_fail(check, "subscribed to %d channels at once: the last value of %s did not come",
                       CHANNELS, shown_bytes(channels[i]).text);
        }
    }
}

#define LAST_VALUE WSHUB_BROKER_LAST_VALUE, 0
const struct check_case cases_last_value[] = {
    {"last-value-kept", "the last value comes once after a subscribe, flagged, at any instance", kept,
     LAST_VALUE, 0},
    {"last-value-live", "who is subscribed already gets it without the flag", live, LAST_VALUE, 0},
    {"last-value-replaced", "the next one takes its place", replaced, LAST_VALUE, 0},
    {"last-value-none", "what is published without the flag is not kept", none, LAST_VALUE, 0},
    {"last-value-beside", "ordinary messages leave the last value alone", beside, LAST_VALUE, 0},
    {"last-value-again", "each subscribe brings it anew", again, LAST_VALUE, 0},
    {"last-value-closed", "it outlives the instance that published it", closed, LAST_VALUE, 0},
    {"last-value-whole", "payload and metadata are kept as they were", whole, LAST_VALUE, 0},
    {"last-value-isolation", "each channel has its own; names are no patterns", isolation, LAST_VALUE, 0},
    {"last-value-many", "300 channels subscribed at once bring 300 last values", many_at_once, LAST_VALUE, 0},
    {0},
};
