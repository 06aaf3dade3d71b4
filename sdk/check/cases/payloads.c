// SPDX-License-Identifier: MIT
// Payloads are bytes: what is published arrives as it was.
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cases/expect.h"
#include "cases/pair.h"
#include "cases/shown.h"
#include "wshub/envelope.h"

enum { KIB = 1024, MIB = 1024 * KIB };
#define BIGGEST ((uint64_t)16 * MIB)       // as much as a hub lets a client send
#define SMALL_ENOUGH ((uint64_t)128 * MIB) // to be made for the sake of being refused

#define BYTES(text) bytes_from(text, sizeof(text) - 1)

static void pass(struct pair *pair, const char *name, struct wshub_bytes payload) {
    struct wshub_message message = message_of(check_channel(pair->check, "payloads"), "");
    message.payload = payload;
    expect_once(pair->from, pair->to, &message, "%s", name);
}

static struct pair open_subscribed(struct check *check) {
    struct pair pair = pair_open(check);
    expect_subscribed(pair.to, check_channel(check, "payloads"));
    return pair;
}

static void empty(struct check *check) {
    struct pair pair = open_subscribed(check);
    pass(&pair, "an empty payload", BYTES(""));
    struct wshub_message message = message_of(check_channel(check, "payloads"), "");
    message.sender = bytes_of("connection-1");
    expect_once(pair.from, pair.to, &message, "an empty payload with a sender");
}

static void each_byte(struct check *check) {
    struct pair pair = open_subscribed(check);
    unsigned char all[256];
    for (int i = 0; i < 256; i++) {
        unsigned char one = all[i] = (unsigned char)i;
        char name[32];
        snprintf(name, sizeof name, "the byte 0x%02X", i);
        pass(&pair, name, bytes_from(&one, 1));
    }
    pass(&pair, "all 256 bytes", bytes_from(all, sizeof all));
}

static void zeros(struct check *check) {
    static const char many[300];
    struct pair pair = open_subscribed(check);
    pass(&pair, "a NUL in front", BYTES("\0abc"));
    pass(&pair, "a NUL inside", BYTES("ab\0cd"));
    pass(&pair, "a NUL at the end", BYTES("abcd\0"));
    pass(&pair, "300 NULs", bytes_from(many, sizeof many));
}

static void text(struct check *check) {
    static const char *const texts[] = {
        "{}",
        "null",
        "\"\"",
        "{\"a\":[1,2.5e-3,true,null],\"b\":\"\\u00e9 \\\"quoted\\\" \\\\\"}",
        "  [ 1 ,\t2 ]\r\n",
        "\"\xF0\x9F\x90\x98 Zo\xC3\xAB\"",
        "*3\r\n$7\r\nmessage\r\n$1\r\na\r\n$1\r\nb\r\n", // what brokers' own protocols look like
        "MSG a 1 2\r\nhi\r\nPING\r\n",
        "\r\n",
        "\n",
        " ",
    };
    struct pair pair = open_subscribed(check);
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        pass(&pair, "a text", bytes_of(texts[i]));
    }
}

static void not_text(struct check *check) {
    struct pair pair = open_subscribed(check);
    pass(&pair, "a byte that UTF-8 never has", BYTES("\xFF"));
    pass(&pair, "a character cut short", BYTES("\"\xE4\xBD\""));
    pass(&pair, "a character too long for what it is", BYTES("\xC0\x80"));
    pass(&pair, "a surrogate", BYTES("\xED\xA0\x80"));
    pass(&pair, "beyond Unicode", BYTES("\xF4\x90\x80\x80"));
    pass(&pair, "byte order marks",
         BYTES("\xEF\xBB\xBF"
               "a\xFE\xFF\xFF\xFE"));
}

// Whoever wraps payloads must not unwrap one that only looks wrapped.
static void envelopes(struct check *check) {
    struct pair pair = open_subscribed(check);
    struct wshub_message inner = message_of(check_channel(check, "payloads"), "");
    char whole[256];
    inner.sender = bytes_of("not-the-sender");
    inner.exclude = bytes_of("nobody");
    size_t length = wshub_envelope_write(&inner, whole, sizeof whole - 5);
    memcpy(whole + length, "hello", 5);
    pass(&pair, "the first bytes of an envelope", BYTES("\xFFwsh"));
    pass(&pair, "an envelope of another version", BYTES("\xFFwsh\x02\0\0\0x"));
    pass(&pair, "a damaged envelope", BYTES("\xFFwsh\x01\0\xFF\xFFx"));
    pass(&pair, "a whole envelope", bytes_from(whole, length + 5));
    pass(&pair, "an envelope in an envelope", BYTES("\xFFwsh\x01\0\0\0\xFFwsh\x01\0\0\0"));
}

// ---- sizes ----

// Bytes that no compression and no text handling leaves alone by luck.
static char *noise(struct check *check, size_t size) {
    char *bytes = expect_memory(check, size, 1);
    uint64_t state = check_random(check) | 1;
    check_carries(check, size);
    for (size_t i = 0; i < size; i++) {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes[i] = (char)(state >> 32);
    }
    return bytes;
}

static void pass_size(struct pair *pair, size_t size) {
    char *bytes = noise(pair->check, size), name[48];
    snprintf(name, sizeof name, "a payload of %zu bytes", size);
    pass(pair, name, bytes_from(bytes, size));
    free(bytes);
}

// 0: no limit that the table tells.
static uint64_t limit(struct check *check) {
    return check_broker(check)->max_payload;
}

static void sizes(struct check *check) {
    static const size_t around[] = {125,  126,  127,  128,   255,   256,   257,   1023, 1024,
                                    4095, 4096, 4097, 16383, 16384, 32768, 65535, 65536};
    struct pair pair = open_subscribed(check);
    for (size_t i = 0; i < sizeof around / sizeof around[0]; i++) {
        if (limit(check) == 0 || around[i] <= limit(check)) {
            pass_size(&pair, around[i]);
        }
    }
}

static void expect_link_kept(struct pair *pair, unsigned downs, size_t size) {
    if (!peer_is_up(pair->from) || peer_link(pair->from)->downs != downs) {
        check_fail(pair->check, "published %zu bytes: expected the link to stay up, and it went down: %s",
                   size, peer_link(pair->from)->reason);
    }
}

// Refused, with the link up, nothing delivered, and the next message as usual.
static void expect_too_large(struct pair *pair, struct wshub_bytes payload, unsigned downs) {
    struct wshub_message message = message_of(check_channel(pair->check, "payloads"), "");
    message.payload = payload;
    peer_forget(pair->to);
    expect_status(pair->check, WSHUB_TOO_LARGE, peer_publish(pair->from, &message),
                  "publish %zu bytes, max_payload being %" PRIu64, payload.length, limit(pair->check));
    expect_link_kept(pair, downs, payload.length);
    peer_fence(pair->to, pair->from);
    if (peer_arrivals(pair->to)->count > 0 &&
        peer_arrivals(pair->to)->items[0].payload_length == payload.length) {
        check_fail(pair->check, "published %zu bytes: TOO_LARGE, and yet they were delivered",
                   payload.length);
    }
    pass(pair, "the message after one that was too large", BYTES("\"next\""));
}

// True: it passed. False: it was refused as too large, cleanly.
static bool pass_or_refuse(struct pair *pair, size_t size) {
    struct wshub_message message = message_of(check_channel(pair->check, "payloads"), "");
    unsigned downs = peer_link(pair->from)->downs;
    char *bytes = noise(pair->check, size);
    message.payload = bytes_from(bytes, size);
    peer_forget(pair->to);
    int status = peer_publish(pair->from, &message);
    if (status == WSHUB_TOO_LARGE) {
        expect_too_large(pair, message.payload, downs);
    } else {
        char what[48];
        snprintf(what, sizeof what, "a payload of %zu bytes", size);
        expect_status(pair->check, WSHUB_OK, status, "publish %zu bytes", size);
        expect_it_came(pair->from, pair->to, &message, what);
    }
    expect_link_kept(pair, downs, size);
    free(bytes);
    return status == WSHUB_OK;
}

// A server may be set up with a limit of its own, lower than the plugin's.
static void large(struct check *check) {
    struct pair pair = open_subscribed(check);
    for (size_t size = 128 * KIB; size <= BIGGEST && (limit(check) == 0 || size <= limit(check)); size *= 2) {
        if (!pass_or_refuse(&pair, size)) {
            check_figure(check, "refused from", (double)size, "bytes");
            if (size <= MIB) {
                check_warn(check,
                           "%zu bytes are TOO_LARGE for this broker, and a hub may be set up to take 1 MiB",
                           size);
            }
            return;
        }
    }
}

static void max_payload(struct check *check) {
    if (limit(check) == 0) {
        check_skip(check, "max_payload is 0: no limit of its own");
    }
    struct pair pair = open_subscribed(check);
    if (limit(check) <= BIGGEST) {
        pass_size(&pair, (size_t)limit(check));
    }
    if (limit(check) >= SMALL_ENOUGH) {
        return;
    }
    size_t size = (size_t)limit(check) + 1;
    char *bytes = noise(check, size);
    for (int i = 0; i < 3; i++) {
        expect_too_large(&pair, bytes_from(bytes, size), peer_link(pair.from)->downs);
    }
    free(bytes);
}

const struct check_case cases_payloads[] = {
    {"payload-empty", "an empty payload is a message", empty, 0, 0, 0},
    {"payload-bytes", "each of the 256 bytes by itself, and all together", each_byte, 0, 0, 0},
    {"payload-nul", "a NUL is a byte like others", zeros, 0, 0, 0},
    {"payload-text", "JSON, line ends, and what looks like a broker's protocol", text, 0, 0, 0},
    {"payload-not-text", "bytes that are not UTF-8", not_text, 0, 0, 0},
    {"payload-envelope", "what looks like an envelope is not opened", envelopes, 0, 0, 0},
    {"payload-sizes", "sizes around the usual limits, up to 64 KiB", sizes, 0, 0, 0},
    {"payload-large", "up to 16 MiB: whole, or TOO_LARGE with the link up", large, 0, 0, 60},
    {"payload-max", "max_payload passes, a byte more is TOO_LARGE, with the link up", max_payload, 0, 0, 60},
    {0},
};
