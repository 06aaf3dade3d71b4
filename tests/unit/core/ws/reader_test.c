// SPDX-License-Identifier: MIT
// Every case is fed whole, byte by byte and in random pieces: what is delivered and how it ends must not
// depend on it. The numbers in names are sections of RFC 6455.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "scarce_memory.h"
#include "util/buf.h"
#include "ws/reader.h"

enum { MESSAGE_MAX = 1000, RANDOM_RUNS = 30, FRAMES_MAX = 8, MANY = 100000 };

// ---- what a client sends

enum { UNMASKED = 1, LENGTH_16 = 2, LENGTH_64 = 4 }; // the last two: the length in that form, needed or not

struct frame {
    int head; // FIN, RSV and opcode
    const char *payload;
    size_t length; // 0: strlen(payload)
    int flags;
    uint64_t announced; // other than 0: the length that the header claims
};

static size_t payload_length(const struct frame *frame) {
    return frame->length ? frame->length : frame->payload ? strlen(frame->payload) : 0;
}

static void put_byte(struct buf *out, int byte) {
    buf_append(out, &(uint8_t){(uint8_t)byte}, 1);
}

static void put_frame(struct buf *out, const struct frame *frame) {
    static const uint8_t mask[4] = {0x37, 0xfa, 0x21, 0x3d}; // of the example in 5.7
    uint64_t length = frame->announced ? frame->announced : payload_length(frame);
    int masked = frame->flags & UNMASKED ? 0 : 0x80;
    put_byte(out, frame->head);
    int bytes = frame->flags & LENGTH_64 || length > 0xffff ? 8
                : frame->flags & LENGTH_16 || length > 125  ? 2
                                                            : 0;
    put_byte(out, masked | (bytes == 8 ? 127 : bytes == 2 ? 126 : (int)length));
    for (int i = bytes - 1; i >= 0; i--) {
        put_byte(out, (int)(length >> (8 * i) & 0xff));
    }
    if (masked) {
        buf_append(out, mask, sizeof mask);
    }
    for (size_t i = 0; i < payload_length(frame); i++) {
        put_byte(out, masked ? frame->payload[i] ^ mask[i % 4] : frame->payload[i]);
    }
}

// ---- what is delivered: a transcript

struct listener {
    struct buf transcript;
    int stop_after; // 0: never
    int count;
};

static void write_down(struct listener *listener, const char *what, const uint8_t *data, size_t length) {
    buf_printf(&listener->transcript, "%s(", what);
    if (length <= 200) {
        buf_append(&listener->transcript, data, length);
    } else {
        uint64_t sum = 0;
        for (size_t i = 0; i < length; i++) {
            sum = sum * 31 + data[i];
        }
        buf_printf(&listener->transcript, "%zu bytes %llx", length, (unsigned long long)sum);
    }
    buf_puts(&listener->transcript, ") ");
}

static bool on_message(void *self, enum ws_opcode opcode, const uint8_t *data, size_t length) {
    struct listener *listener = self;
    assert_true(opcode == WS_TEXT || opcode == WS_BINARY);
    write_down(listener, opcode == WS_TEXT ? "text" : "binary", data, length);
    return ++listener->count != listener->stop_after;
}

static bool on_control(void *self, enum ws_opcode opcode, uint16_t close_code, const uint8_t *data,
                       size_t length) {
    struct listener *listener = self;
    char close[16];
    snprintf(close, sizeof close, "close %d", close_code);
    assert_true(opcode == WS_CLOSE || opcode == WS_PING || opcode == WS_PONG);
    assert_true(length <= WS_CONTROL_MAX);
    write_down(listener, opcode == WS_CLOSE ? close : opcode == WS_PING ? "ping" : "pong", data, length);
    return ++listener->count != listener->stop_after;
}

static const struct ws_reader_handler handler = {.on_message = on_message, .on_control = on_control};

// ---- feeding

// Feeds in pieces of at most `piece` bytes (0: all at once, -1: random), copied to their exact size for the
// sanitizer.
static int feed(struct ws_reader_pool *pool, struct ws_reader **reader, const char *data, size_t length,
                int piece, struct listener *listener) {
    int code = 0;
    for (size_t at = 0; at < length && code == 0;) {
        size_t n = piece == 0 ? length : piece > 0 ? (size_t)piece : 1 + (size_t)rand() % 9;
        n = n > length - at ? length - at : n;
        uint8_t *copy = malloc(n);
        const char *why = NULL;
        assert_non_null(copy);
        memcpy(copy, data + at, n);
        code = ws_reader_feed(pool, reader, copy, n, &handler, listener, &why);
        assert_true((code != 0) == (why != NULL));
        assert_true(code == 0 || *reader || code == 1011);
        free(copy);
        at += n;
    }
    return code;
}

// Renders deliveries, the close code, and "idle" when the reader went back to the pool.
static char *run(const struct buf *input, size_t message_max, int piece, int stop_after) {
    struct ws_reader_pool *pool = ws_reader_pool_new(message_max);
    struct ws_reader *reader = NULL;
    struct listener listener = {.stop_after = stop_after};
    assert_non_null(pool);
    int code = feed(pool, &reader, input->data, input->length, piece, &listener);
    buf_puts(&listener.transcript, reader ? "" : "idle");
    if (code) {
        buf_printf(&listener.transcript, "%d", code);
    }
    buf_append(&listener.transcript, "", 1);
    ws_reader_drop(pool, &reader);
    assert_null(reader);
    ws_reader_pool_free(pool); // asserts that it got everything back
    return listener.transcript.data;
}

static void expect(const struct buf *input, size_t message_max, int stop_after, const char *expected) {
    for (int i = 0; i < RANDOM_RUNS + 2; i++) {
        char *result = run(input, message_max, i == 0 ? 0 : i == 1 ? 1 : -1, stop_after);
        assert_string_equal(result, expected);
        free(result);
    }
}

// ---- cases

#define TEN "0123456789"
#define FIFTY TEN TEN TEN TEN TEN
#define LONGEST FIFTY FIFTY TEN TEN "01234" // 125 bytes
#define CLOSE(high, low, reason) \
    { 0x88, high low reason, sizeof high low reason - 1, 0, 0 }
#define BYTES(head, bytes) \
    { head, bytes, sizeof bytes - 1, 0, 0 }

struct test_case {
    const char *name;
    struct frame frames[FRAMES_MAX]; // up to one without payload
    const char *expected;
};

static const struct test_case cases[] = {
    {"5.7: Hello", {{0x81, "Hello", 0, 0, 0}}, "text(Hello) idle"},
    {"5.7: Hello in fragments", {{0x01, "Hel", 0, 0, 0}, {0x80, "lo", 0, 0, 0}}, "text(Hello) idle"},
    {"5.7: ping", {{0x89, "Hello", 0, 0, 0}}, "ping(Hello) idle"},
    {"binary", {{0x82, "\xff\xfe", 0, 0, 0}}, "binary(\xff\xfe) idle"},
    {"empty text", {{0x81, "", 0, 0, 0}}, "text() idle"},
    {"empty binary", {{0x82, "", 0, 0, 0}}, "binary() idle"},
    {"several",
     {{0x81, "a", 0, 0, 0}, {0x82, "b", 0, 0, 0}, {0x81, "", 0, 0, 0}},
     "text(a) binary(b) text() idle"},
    {"16-bit length", {{0x82, LONGEST "5", 0, 0, 0}}, "binary(" LONGEST "5) idle"},
    {"message not at its end", {{0x81, "Hel", 0, 0, 5}}, ""},
    {"5.4: message without its last frame", {{0x01, "Hel", 0, 0, 0}}, ""},
    {"5.4: empty fragments", {{0x01, "", 0, 0, 0}, {0x00, "", 0, 0, 0}, {0x80, "", 0, 0, 0}}, "text() idle"},
    {"5.4: empty last fragment", {{0x02, "ab", 0, 0, 0}, {0x80, "", 0, 0, 0}}, "binary(ab) idle"},
    {"5.4: empty first fragment", {{0x02, "", 0, 0, 0}, {0x80, "ab", 0, 0, 0}}, "binary(ab) idle"},
    {"5.4: control frames between fragments",
     {{0x01, "a", 0, 0, 0},
      {0x89, "1", 0, 0, 0},
      {0x00, "b", 0, 0, 0},
      {0x8a, "2", 0, 0, 0},
      {0x80, "c", 0, 0, 0}},
     "ping(1) pong(2) text(abc) idle"},
    {"5.4: close between fragments", {{0x01, "a", 0, 0, 0}, CLOSE("\x03", "\xe8", "")}, "close 1000() "},
    {"5.4: continuation of nothing", {{0x80, "a", 0, 0, 0}}, "1002"},
    {"5.4: continuation of nothing, more to come", {{0x00, "a", 0, 0, 0}}, "1002"},
    {"5.4: continuation of a whole message", {{0x81, "a", 0, 0, 0}, {0x80, "b", 0, 0, 0}}, "text(a) 1002"},
    {"5.4: continuation of a whole fragmented message",
     {{0x01, "a", 0, 0, 0}, {0x80, "b", 0, 0, 0}, {0x80, "c", 0, 0, 0}},
     "text(ab) 1002"},
    {"5.4: new text inside a message", {{0x01, "a", 0, 0, 0}, {0x81, "b", 0, 0, 0}}, "1002"},
    {"5.4: new binary inside a message", {{0x01, "a", 0, 0, 0}, {0x02, "b", 0, 0, 0}}, "1002"},
    {"5.4: new message behind an empty fragment", {{0x01, "", 0, 0, 0}, {0x81, "b", 0, 0, 0}}, "1002"},
    {"5.1: unmasked", {{0x81, "a", 0, UNMASKED, 0}}, "1002"},
    {"5.1: unmasked and empty", {{0x81, "", 0, UNMASKED, 0}}, "1002"},
    {"5.1: unmasked ping", {{0x89, "a", 0, UNMASKED, 0}}, "1002"},
    {"5.1: unmasked second", {{0x81, "a", 0, 0, 0}, {0x81, "b", 0, UNMASKED, 0}}, "text(a) 1002"},
    {"5.2: RSV1", {{0xc1, "a", 0, 0, 0}}, "1002"},
    {"5.2: RSV2", {{0xa1, "a", 0, 0, 0}}, "1002"},
    {"5.2: RSV3", {{0x91, "a", 0, 0, 0}}, "1002"},
    {"5.2: RSV1 on a ping", {{0xc9, "a", 0, 0, 0}}, "1002"},
    {"5.2: RSV1 on a continuation", {{0x01, "a", 0, 0, 0}, {0xc0, "a", 0, 0, 0}}, "1002"},
    {"5.2: opcode 3", {{0x83, "a", 0, 0, 0}}, "1002"},
    {"5.2: opcode 4", {{0x84, "", 0, 0, 0}}, "1002"},
    {"5.2: opcode 5", {{0x85, "a", 0, 0, 0}}, "1002"},
    {"5.2: opcode 6", {{0x86, "a", 0, 0, 0}}, "1002"},
    {"5.2: opcode 7", {{0x87, "a", 0, 0, 0}}, "1002"},
    {"5.2: opcode 7 inside a message", {{0x01, "a", 0, 0, 0}, {0x87, "a", 0, 0, 0}}, "1002"},
    {"5.2: opcode 11", {{0x8b, "a", 0, 0, 0}}, "1002"},
    {"5.2: opcode 12", {{0x8c, "", 0, 0, 0}}, "1002"},
    {"5.2: opcode 13", {{0x8d, "a", 0, 0, 0}}, "1002"},
    {"5.2: opcode 14", {{0x8e, "a", 0, 0, 0}}, "1002"},
    {"5.2: opcode 15", {{0x8f, "a", 0, 0, 0}}, "1002"},
    {"5.2: 16-bit length not shortest", {{0x81, "a", 0, LENGTH_16, 0}}, "1002"},
    {"5.2: 64-bit length not shortest", {{0x81, "a", 0, LENGTH_64, 0}}, "1002"},
    {"5.2: 64-bit length of 65535", {{0x81, "a", 0, LENGTH_64, 65535}}, "1002"},
    {"5.2: 64-bit length with its highest bit", {{0x81, "a", 0, 0, 0x8000000000000000}}, "1002"},
    {"5.5: longest control frame", {{0x89, LONGEST, 0, 0, 0}}, "ping(" LONGEST ") idle"},
    {"5.5: control frame too long", {{0x89, LONGEST "5", 0, 0, 0}}, "1002"},
    {"5.5: fragmented control frame", {{0x09, "a", 0, 0, 0}}, "1002"},
    {"5.5: fragmented close", {{0x08, "", 0, 0, 0}}, "1002"},
    {"5.5.2: empty ping", {{0x89, "", 0, 0, 0}}, "ping() idle"},
    {"5.5.2: ping of any bytes", {BYTES(0x89, "\x00\xff\x01")}, "ping("}, // a NUL cuts the transcript
    {"5.5.3: unasked pong", {{0x8a, "x", 0, 0, 0}}, "pong(x) idle"},
    {"5.5.1: close without a code", {{0x88, "", 0, 0, 0}}, "close 1005() "},
    {"5.5.1: close with half a code", {{0x88, "\x03", 0, 0, 0}}, "1002"},
    {"5.5.1: close with a code", {CLOSE("\x03", "\xe9", "")}, "close 1001() "},
    {"5.5.1: close with a reason", {CLOSE("\x03", "\xe8", "bye \xc3\xa4")}, "close 1000(bye \xc3\xa4) "},
    {"5.5.1: longest reason",
     {CLOSE("\x03", "\xe8", FIFTY FIFTY TEN TEN "012")},
     "close 1000(" FIFTY FIFTY TEN TEN "012) "},
    {"5.5.1: nothing is read behind a close",
     {CLOSE("\x03", "\xe8", ""), {0x81, "a", 0, 0, 0}, {0xff, "", 0, 0, 0}},
     "close 1000() "},
    {"8.1: reason not UTF-8", {CLOSE("\x03", "\xe8", "\xc3")}, "1007"},
    {"8.1: reason with a surrogate", {CLOSE("\x03", "\xe8", "a\xed\xa0\x80")}, "1007"},
    {"7.4.2: bad code wins over bad reason", {CLOSE("\x03", "\xec", "\xff")}, "1002"},
    {"8.1: UTF-8",
     {{0x81, "\xce\xba\xe1\xbd\xb9\xf0\x9f\x98\x80", 0, 0, 0}},
     "text(\xce\xba\xe1\xbd\xb9\xf0\x9f\x98\x80) idle"},
    {"8.1: a character over fragments",
     {{0x01, "\xf0", 0, 0, 0}, {0x00, "\x9f", 0, 0, 0}, {0x89, "p", 0, 0, 0}, {0x80, "\x98\x80", 0, 0, 0}},
     "ping(p) text(\xf0\x9f\x98\x80) idle"},
    {"8.1: not UTF-8", {{0x81, "\xff", 0, 0, 0}}, "1007"},
    {"8.1: character not at its end", {{0x81, "a\xc3", 0, 0, 0}}, "1007"},
    {"8.1: overlong", {{0x81, "\xc0\xaf", 0, 0, 0}}, "1007"},
    {"8.1: surrogate", {{0x81, "\xed\xa0\x80", 0, 0, 0}}, "1007"},
    {"8.1: beyond U+10FFFF", {{0x81, "\xf4\x90\x80\x80", 0, 0, 0}}, "1007"},
    {"8.1: not UTF-8 over fragments", {{0x01, "\xc3", 0, 0, 0}, {0x80, "a", 0, 0, 0}}, "1007"},
    {"8.1: binary may be anything, in fragments too",
     {{0x02, "\xc3", 0, 0, 0}, {0x80, "a", 0, 0, 0}},
     "binary(\xc3"
     "a) idle"},
    {"10.4: frame beyond the limit", {{0x81, "a", 0, 0, 1001}}, "1009"},
    {"10.4: frame far beyond the limit", {{0x82, "a", 0, 0, 0x7fffffffffffffff}}, "1009"},
    {"10.4: fragments beyond the limit", {{0x01, FIFTY, 0, 0, 0}, {0x80, "a", 0, 0, 951}}, "1009"},
    {"10.4: overflow of the sum", {{0x01, "ab", 0, 0, 0}, {0x80, "a", 0, 0, 0x7fffffffffffffff}}, "1009"},
    {"10.4: too big, but against the protocol first", {{0x81, "a", 0, UNMASKED, 100000}}, "1002"},
    {"10.4: within the limit, not yet come", {{0x01, FIFTY, 0, 0, 0}, {0x80, "a", 0, 0, 950}}, ""},
};

static void test_cases(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        print_message("  %s\n", cases[i].name);
        struct buf input = {0};
        for (const struct frame *frame = cases[i].frames;
             frame->payload && frame < cases[i].frames + FRAMES_MAX; frame++) {
            put_frame(&input, frame);
        }
        expect(&input, MESSAGE_MAX, 0, cases[i].expected);
        buf_free(&input);
    }
}

// 7.4.1, 7.4.2 and IANA's registry: every code there is.
static bool may_be_sent(unsigned code) {
    return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) || (code >= 3000 && code <= 4999);
}

static void test_every_close_code(void **state) {
    (void)state;
    for (unsigned code = 0; code <= 0xffff; code++) {
        char payload[2] = {(char)(code >> 8), (char)code}, expected[32];
        struct buf input = {0};
        put_frame(&input, &(struct frame){0x88, payload, 2, 0, 0});
        snprintf(expected, sizeof expected, may_be_sent(code) ? "close %u() " : "1002", code);
        char *result = run(&input, MESSAGE_MAX, 0, 0);
        assert_string_equal(result, expected);
        free(result);
        buf_free(&input);
    }
}

static void test_header_cut_anywhere(void **state) {
    (void)state;
    struct buf input = {0};
    put_frame(&input, &(struct frame){0x82, NULL, 0, 0, 66000});
    for (size_t n = 1; n <= input.length;
         n++) { // no payload: nothing is delivered, and the reader is still wanted
        struct buf part = {.data = input.data, .length = n};
        expect(&part, 100000, 0, "");
    }
    buf_free(&input);
}

static void test_stop(void **state) {
    (void)state;
    struct buf input = {0};
    put_frame(&input, &(struct frame){0x81, "a", 0, 0, 0});
    put_frame(&input, &(struct frame){0x89, "b", 0, 0, 0});
    put_frame(&input, &(struct frame){0x81, "\xff", 0, 0, 0});
    expect(&input, MESSAGE_MAX, 1, "text(a) ");
    expect(&input, MESSAGE_MAX, 2, "text(a) ping(b) ");
    expect(&input, MESSAGE_MAX, 3, "text(a) ping(b) 1007");
    buf_free(&input);
}

static char *letters(size_t length) {
    char *text = malloc(length + 1);
    assert_non_null(text);
    for (size_t i = 0; i < length; i++) {
        text[i] = (char)('a' + i * 7 % 26);
    }
    text[length] = '\0';
    return text;
}

// Around every size at which something changes: the length's form, wslay's buffer, the limit.
static void test_sizes(void **state) {
    (void)state;
    static const size_t sizes[] = {125,  126,  4081, 4082, 4087,  4088,  4089,
                                   4095, 4096, 4097, 8192, 65535, 65536, 70000};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        char *text = letters(sizes[i]);
        struct buf input = {0};
        struct listener wanted = {.count = 0};
        put_frame(&input, &(struct frame){0x81, text, sizes[i], 0, 0});
        put_frame(&input, &(struct frame){0x02, text, sizes[i] / 2, 0, 0});
        put_frame(&input, &(struct frame){0x89, "p", 0, 0, 0});
        put_frame(&input, &(struct frame){0x80, text + sizes[i] / 2, sizes[i] - sizes[i] / 2, 0, 0});
        write_down(&wanted, "text", (uint8_t *)text, sizes[i]);
        write_down(&wanted, "ping", (const uint8_t *)"p", 1);
        write_down(&wanted, "binary", (uint8_t *)text, sizes[i]);
        buf_append(&wanted.transcript, "idle", 5);
        expect(&input, sizes[i], 0, wanted.transcript.data); // exactly the limit
        expect(&input, sizes[i] - 1, 0, "1009");
        free(text);
        buf_free(&input);
        buf_free(&wanted.transcript);
    }
}

// 10.4. Bytes that come one by one in frames of their own must not cost more than they are worth.
static void test_many_fragments(void **state) {
    (void)state;
    struct buf input = {0};
    for (int i = 0; i < MANY; i++) {
        put_frame(&input, &(struct frame){i == 0 ? 0x02 : i == MANY - 1 ? 0x80 : 0, "x", 0, 0, 0});
        put_frame(&input, &(struct frame){0x8a, "", 0, 0, 0});
    }
    struct ws_reader_pool *pool = ws_reader_pool_new(MANY);
    struct ws_reader *reader = NULL;
    struct listener listener = {.count = 0};
    assert_int_equal(feed(pool, &reader, input.data, input.length, 5000, &listener), 0);
    assert_int_equal(listener.count, MANY + 1);
    assert_null(reader);
    ws_reader_pool_free(pool);
    buf_free(&input);
    buf_free(&listener.transcript);
}

static void test_nothing_fed(void **state) {
    (void)state;
    struct ws_reader_pool *pool = ws_reader_pool_new(MESSAGE_MAX);
    struct ws_reader *reader = NULL;
    struct listener listener = {.count = 0};
    const char *why = NULL;
    assert_int_equal(ws_reader_feed(pool, &reader, (const uint8_t *)"", 0, &handler, &listener, &why), 0);
    assert_null(reader);
    ws_reader_drop(pool, &reader);
    ws_reader_pool_free(pool);
    ws_reader_pool_free(NULL);
}

// One reader is enough for connections that take turns, and each message in progress has its own.
static void test_pool(void **state) {
    (void)state;
    enum { CONNECTIONS = 100 };
    struct ws_reader_pool *pool = ws_reader_pool_new(MESSAGE_MAX);
    struct ws_reader *readers[CONNECTIONS] = {NULL};
    struct listener listener = {.count = 0};
    struct buf begin = {0}, end = {0};
    put_frame(&begin, &(struct frame){0x01, "a", 0, 0, 0});
    put_frame(&end, &(struct frame){0x80, "b", 0, 0, 0});
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < CONNECTIONS; i++) {
            assert_int_equal(feed(pool, &readers[i], begin.data, begin.length, 0, &listener), 0);
            assert_non_null(readers[i]);
            assert_true(i == 0 || readers[i] != readers[i - 1]);
        }
        for (int i = 0; i < CONNECTIONS; i++) {
            assert_int_equal(feed(pool, &readers[i], end.data, end.length, 0, &listener), 0);
            assert_null(readers[i]);
        }
    }
    assert_int_equal(listener.count, 3 * CONNECTIONS);
    ws_reader_pool_free(pool);
    buf_free(&begin);
    buf_free(&end);
    buf_free(&listener.transcript);
}

// A connection that dies inside a message leaves nothing behind for the next one.
static void test_drop_inside_a_message(void **state) {
    (void)state;
    struct ws_reader_pool *pool = ws_reader_pool_new(MESSAGE_MAX);
    struct ws_reader *reader = NULL;
    struct listener listener = {.count = 0};
    struct buf input = {0};
    put_frame(&input, &(struct frame){0x01, "rest", 0, 0, 0});
    for (size_t n = 1; n <= input.length; n++) {
        assert_int_equal(feed(pool, &reader, input.data, n, 0, &listener), 0);
        assert_non_null(reader);
        ws_reader_drop(pool, &reader);
    }
    input.length = 0;
    put_frame(&input, &(struct frame){0x81, "new", 0, 0, 0});
    assert_int_equal(feed(pool, &reader, input.data, input.length, 0, &listener), 0);
    buf_append(&listener.transcript, "", 1);
    assert_string_equal(listener.transcript.data, "text(new) ");
    ws_reader_pool_free(pool);
    buf_free(&input);
    buf_free(&listener.transcript);
}

// An announced length is a claim: memory follows what has come.
static void test_no_room_ahead(void **state) {
    (void)state;
    enum { ARRIVED = 3000 };
    if (!SCARCE_MEMORY) {
        skip();
    }
    struct ws_reader_pool *pool = ws_reader_pool_new((size_t)1 << 40);
    struct ws_reader *reader = NULL;
    struct listener listener = {.count = 0};
    char *text = letters(ARRIVED);
    struct buf input = {0};
    put_frame(&input, &(struct frame){0x81, text, ARRIVED, 0, (uint64_t)1 << 39});
    memory_largest = 0;
    assert_int_equal(feed(pool, &reader, input.data, input.length, 100, &listener), 0);
    assert_true(memory_largest < 8192); // wslay's own buffers are 4 KiB
    ws_reader_drop(pool, &reader);
    ws_reader_pool_free(pool);
    free(text);
    buf_free(&input);
}

static void test_no_memory(void **state) {
    (void)state;
    if (!SCARCE_MEMORY) {
        skip();
    }
    struct buf input = {0};
    char *text = letters(2000);
    put_frame(&input, &(struct frame){0x01, text, 1000, 0, 0});
    put_frame(&input, &(struct frame){0x80, text + 1000, 1000, 0, 0});
    int code = 1011;
    for (size_t allowed = 0; code == 1011; allowed++) {
        assert_true(allowed < 20);
        struct ws_reader_pool *pool = ws_reader_pool_new(2000);
        struct ws_reader *reader = NULL;
        struct listener listener = {.count = 0};
        const char *why = NULL;
        assert_true(buf_reserve(&listener.transcript, 100)); // so that only the reader allocates
        memory_allowed = allowed;
        code = ws_reader_feed(pool, &reader, (uint8_t *)input.data, input.length,
                              &(struct ws_reader_handler){on_message, on_control}, &listener, &why);
        memory_allowed = SIZE_MAX;
        assert_true(code == 0 || (code == 1011 && why));
        assert_int_equal(listener.count, code == 0);
        ws_reader_drop(pool, &reader);
        ws_reader_pool_free(pool);
        buf_free(&listener.transcript);
    }
    assert_int_equal(code, 0);
    free(text);
    buf_free(&input);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cases),
        cmocka_unit_test(test_every_close_code),
        cmocka_unit_test(test_header_cut_anywhere),
        cmocka_unit_test(test_stop),
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_many_fragments),
        cmocka_unit_test(test_nothing_fed),
        cmocka_unit_test(test_pool),
        cmocka_unit_test(test_drop_inside_a_message),
        cmocka_unit_test(test_no_room_ahead),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
