// SPDX-License-Identifier: MIT
// wslay's frame API finds the frames and unmasks them; all else that RFC 6455 asks of a receiver is here. Why
// not its event API: docs/decisions/0001-wslay-frame-api.md.
#include "ws/reader.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <wslay/wslay.h>

#include "util/buf.h"
#include "util/utf8.h"

enum {
    SPARES_MAX = 64,         // readers that a pool keeps for the next bytes
    SPARE_BUFFER_MAX = 4096, // of message buffer that a spare reader keeps
};

enum {
    PROTOCOL_ERROR = 1002,
    NO_CODE = 1005,
    INVALID_TEXT = 1007,
    TOO_BIG = 1009,
    NO_MEMORY = 1011,
};

struct ws_reader {
    struct ws_reader *next; // in the pool's list of spares
    wslay_frame_context_ptr wslay;

    const uint8_t *input; // what feed was given and wslay has not taken yet; only while feed runs
    size_t input_left;
    // wslay takes bytes of a header before it reports the frame: only when the frames reported account for
    // every byte taken does it stand at a frame boundary with nothing in its buffer.
    uint64_t taken, accounted;

    bool in_frame; // a frame was reported and frame_left bytes of it are still to come
    uint64_t frame_left;

    bool in_message; // a data frame without FIN was reported, or a final one not yet to its end
    enum ws_opcode opcode;
    struct buf message;

    uint8_t control[WS_CONTROL_MAX];
    size_t control_length;

    bool finished; // after an error, a stop or a close frame
};

struct ws_reader_pool {
    size_t message_max;
    struct ws_reader *spares;
    size_t spare_count;
    size_t lent;
};

// What one call of ws_reader_feed carries along.
struct feed {
    struct ws_reader_pool *pool;
    struct ws_reader *reader;
    const struct ws_reader_handler *handler;
    void *self;
    const char **why;
};

static int fail(const struct feed *feed, int code, const char *why) {
    *feed->why = why;
    feed->reader->finished = true;
    return code;
}

static int fail_no_memory(const struct feed *feed) {
    return fail(feed, NO_MEMORY, "The server has no memory for this message.");
}

static bool is_control(uint8_t opcode) {
    return opcode & 0x8;
}

// ---- the first report of a frame

static bool is_unmasked(const struct feed *feed, const struct wslay_frame_iocb *frame) {
    (void)feed;
    return !frame->mask;
}

static bool has_reserved_bits(const struct feed *feed, const struct wslay_frame_iocb *frame) {
    (void)feed;
    return frame->rsv != 0;
}

static bool has_reserved_opcode(const struct feed *feed, const struct wslay_frame_iocb *frame) {
    (void)feed;
    return (frame->opcode & 0x7) > 2;
}

static bool continues_nothing(const struct feed *feed, const struct wslay_frame_iocb *frame) {
    return frame->opcode == WS_CONTINUATION && !feed->reader->in_message;
}

static bool interrupts_message(const struct feed *feed, const struct wslay_frame_iocb *frame) {
    return !is_control(frame->opcode) && frame->opcode != WS_CONTINUATION && feed->reader->in_message;
}

// By what the header announces, not by what has come. The buffer never holds more than message_max.
static bool is_too_big(const struct feed *feed, const struct wslay_frame_iocb *frame) {
    return !is_control(frame->opcode) &&
           frame->payload_length > feed->pool->message_max - feed->reader->message.length;
}

static const struct {
    bool (*is_broken)(const struct feed *feed, const struct wslay_frame_iocb *frame);
    int code;
    const char *why;
} frame_rules[] = {
    {is_unmasked, PROTOCOL_ERROR, "A client's frames must be masked."},
    {has_reserved_bits, PROTOCOL_ERROR, "A reserved bit is set, but no extension was negotiated."},
    {has_reserved_opcode, PROTOCOL_ERROR, "The frame's opcode is reserved."},
    {continues_nothing, PROTOCOL_ERROR, "A continuation frame without a message to continue."},
    {interrupts_message, PROTOCOL_ERROR, "A new message began before the last one ended."},
    {is_too_big, TOO_BIG, "The message is too big."},
};

// wslay refuses lengths that are not in their shortest form, so the length tells the header's size.
static size_t header_size(const struct wslay_frame_iocb *frame) {
    return ws_header_size(frame->payload_length) + 4;
}

static int begin_frame(const struct feed *feed, const struct wslay_frame_iocb *frame) {
    struct ws_reader *reader = feed->reader;
    for (size_t i = 0; i < sizeof frame_rules / sizeof frame_rules[0]; i++) {
        if (frame_rules[i].is_broken(feed, frame)) {
            return fail(feed, frame_rules[i].code, frame_rules[i].why);
        }
    }
    reader->in_frame = true;
    reader->frame_left = frame->payload_length;
    reader->accounted += header_size(frame);
    if (frame->opcode == WS_TEXT || frame->opcode == WS_BINARY) {
        reader->in_message = true;
        reader->opcode = frame->opcode;
    }
    return 0;
}

// ---- data frames

static int deliver_message(const struct feed *feed, const uint8_t *data, size_t length) {
    struct ws_reader *reader = feed->reader;
    if (reader->opcode == WS_TEXT && !utf8_is_valid(data, length)) {
        return fail(feed, INVALID_TEXT, "The text is not valid UTF-8.");
    }
    reader->finished = !feed->handler->on_message(feed->self, reader->opcode, data, length);
    reader->in_message = false;
    buf_clear(&reader->message);
    return 0;
}

static int take_data(const struct feed *feed, const struct wslay_frame_iocb *frame) {
    struct ws_reader *reader = feed->reader;
    bool last = frame->fin && reader->frame_left == 0;
    if (last && reader->message.length == 0) { // the usual case: it lies whole in wslay's buffer
        return deliver_message(feed, frame->data, frame->data_length);
    }
    buf_append(&reader->message, frame->data, frame->data_length);
    if (reader->message.failed) {
        return fail_no_memory(feed);
    }
    return last ? deliver_message(feed, (const uint8_t *)reader->message.data, reader->message.length) : 0;
}

// ---- control frames

// RFC 6455 section 7.4, and what IANA has registered since (1012 to 1014). 1004, 1005, 1006 and 1015 are
// never sent.
static bool is_close_code(uint16_t code) {
    static const struct { uint16_t first, last; } ranges[] = {{1000, 1003}, {1007, 1014}, {3000, 4999}};
    for (size_t i = 0; i < sizeof ranges / sizeof ranges[0]; i++) {
        if (code >= ranges[i].first && code <= ranges[i].last) {
            return true;
        }
    }
    return false;
}

static int deliver_close(const struct feed *feed, const uint8_t *data, size_t length) {
    uint16_t code = NO_CODE;
    if (length == 1) {
        return fail(feed, PROTOCOL_ERROR, "A close frame with half a close code.");
    }
    if (length >= 2) {
        code = (uint16_t)(data[0] << 8 | data[1]);
        data += 2;
        length -= 2;
        if (!is_close_code(code)) {
            return fail(feed, PROTOCOL_ERROR, "The close code is not one that may be sent.");
        }
    }
    if (!utf8_is_valid(data, length)) {
        return fail(feed, INVALID_TEXT, "The close reason is not valid UTF-8.");
    }
    feed->handler->on_control(feed->self, WS_CLOSE, code, data, length);
    feed->reader->finished = true; // nothing may follow a close frame, so nobody need read it
    return 0;
}

// wslay has seen to it that a control frame is final and has at most 125 bytes.
static int take_control(const struct feed *feed, const struct wslay_frame_iocb *frame) {
    struct ws_reader *reader = feed->reader;
    assert(frame->data_length <= sizeof reader->control - reader->control_length);
    memcpy(reader->control + reader->control_length, frame->data, frame->data_length);
    reader->control_length += frame->data_length;
    if (reader->frame_left > 0) {
        return 0;
    }
    size_t length = reader->control_length;
    reader->control_length = 0;
    if (frame->opcode == WS_CLOSE) {
        return deliver_close(feed, reader->control, length);
    }
    reader->finished = !feed->handler->on_control(feed->self, frame->opcode, 0, reader->control, length);
    return 0;
}

// ---- the reader

static ssize_t give_input(uint8_t *out, size_t length, int flags, void *self) {
    (void)flags;
    struct ws_reader *reader = self;
    size_t n = length < reader->input_left ? length : reader->input_left;
    memcpy(out, reader->input, n);
    reader->input += n;
    reader->input_left -= n;
    reader->taken += n;
    return (ssize_t)n;
}

static struct ws_reader *reader_new(void) {
    static const struct wslay_frame_callbacks callbacks = {.recv_callback = give_input};
    struct ws_reader *reader = calloc(1, sizeof *reader);
    if (reader && wslay_frame_context_init(&reader->wslay, &callbacks, reader) != 0) {
        free(reader);
        return NULL;
    }
    return reader;
}

static void reader_free(struct ws_reader *reader) {
    wslay_frame_context_free(reader->wslay);
    buf_free(&reader->message);
    free(reader);
}

static bool is_idle(const struct ws_reader *reader) {
    return !reader->finished && !reader->in_frame && !reader->in_message &&
           reader->accounted == reader->taken;
}

static int take_chunk(const struct feed *feed, const struct wslay_frame_iocb *frame) {
    struct ws_reader *reader = feed->reader;
    int code = reader->in_frame ? 0 : begin_frame(feed, frame);
    if (code) {
        return code;
    }
    reader->frame_left -= frame->data_length;
    reader->accounted += frame->data_length;
    reader->in_frame = reader->frame_left > 0;
    return is_control(frame->opcode) ? take_control(feed, frame) : take_data(feed, frame);
}

static int take_input(const struct feed *feed) {
    int code = 0;
    while (code == 0 && !feed->reader->finished) {
        struct wslay_frame_iocb frame;
        ssize_t n = wslay_frame_recv(feed->reader->wslay, &frame);
        if (n == WSLAY_ERR_WANT_READ) {
            break;
        }
        code =
            n < 0 ? fail(feed, PROTOCOL_ERROR, "The frame's header is invalid.") : take_chunk(feed, &frame);
    }
    return code;
}

// ---- the pool

struct ws_reader_pool *ws_reader_pool_new(size_t message_max) {
    struct ws_reader_pool *pool = calloc(1, sizeof *pool);
    if (pool) {
        pool->message_max = message_max;
    }
    return pool;
}

void ws_reader_pool_free(struct ws_reader_pool *pool) {
    if (!pool) {
        return;
    }
    assert(pool->lent == 0);
    while (pool->spares) {
        struct ws_reader *reader = pool->spares;
        pool->spares = reader->next;
        reader_free(reader);
    }
    free(pool);
}

static struct ws_reader *borrow(struct ws_reader_pool *pool) {
    struct ws_reader *reader = pool->spares;
    if (reader) {
        pool->spares = reader->next;
        pool->spare_count--;
    } else {
        reader = reader_new();
    }
    pool->lent += reader != NULL;
    return reader;
}

static void give_back(struct ws_reader_pool *pool, struct ws_reader **reader) {
    struct ws_reader *spare = *reader;
    *reader = NULL;
    pool->lent--;
    // wslay cannot be brought back to a frame boundary from anywhere else.
    if (pool->spare_count == SPARES_MAX || !is_idle(spare)) {
        reader_free(spare);
        return;
    }
    if (spare->message.capacity > SPARE_BUFFER_MAX) {
        buf_free(&spare->message);
    }
    spare->next = pool->spares;
    pool->spares = spare;
    pool->spare_count++;
}

int ws_reader_feed(struct ws_reader_pool *pool, struct ws_reader **reader, const uint8_t *data, size_t length,
                   const struct ws_reader_handler *handler, void *self, const char **why) {
    if (length == 0 || (*reader && (*reader)->finished)) {
        return 0;
    }
    if (!*reader && !(*reader = borrow(pool))) {
        *why = "The server has no memory to read a frame.";
        return NO_MEMORY;
    }
    (*reader)->input = data;
    (*reader)->input_left = length;
    struct feed feed = {pool, *reader, handler, self, why};
    int code = take_input(&feed);
    (*reader)->input = NULL; // borrowed from the caller
    (*reader)->input_left = 0;
    if (is_idle(*reader)) {
        give_back(pool, reader);
    }
    return code;
}

void ws_reader_drop(struct ws_reader_pool *pool, struct ws_reader **reader) {
    if (*reader) {
        give_back(pool, reader);
    }
}
