// SPDX-License-Identifier: MIT
// The JSON reader, on yajl. Why yajl, and what it gets wrong that is put right here:
// docs/decisions/0002-json-reader.md
#include "protocol/json.h"

#include <setjmp.h>
#include <stdalign.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <yajl/yajl_parse.h>

#include "util/utf8.h"

// yajl's memory: handed out by bumping, taken back all at once when the next message comes. The first chunk
// is kept, so an ordinary message allocates nothing; the chunks that a huge one needed are freed.
enum { CHUNK_SIZE = 64 * 1024, ALIGNMENT = alignof(max_align_t) };

struct chunk {
    struct chunk *older;
    size_t capacity;
    size_t used;
    alignas(max_align_t) char bytes[];
};

// Stands before every allocation: realloc is not told the old size.
struct block {
    size_t size;
    alignas(max_align_t) char bytes[];
};

struct json_reader {
    struct chunk *newest;
    jmp_buf no_memory; // where an allocation that fails goes to: yajl uses what its malloc returns without
                       // looking

    // The message at hand.
    yajl_handle handle;
    const char *data;
    const char *const *names;
    size_t count;
    struct json_member *members;
    struct json_member *wanted; // takes the next value at the top level; NULL: nobody asked for it
    size_t mark;                // behind the last key or value of the top level
    size_t depth;
    bool closed; // the object is complete, and mark behind it
    bool strict; // nothing but what was asked for may stand there
    enum json_result refusal;
};

static bool chunk_push(struct json_reader *reader, size_t capacity) {
    struct chunk *chunk = capacity < SIZE_MAX / 2 ? malloc(sizeof *chunk + capacity) : NULL;
    if (!chunk) {
        return false;
    }
    *chunk = (struct chunk){.older = reader->newest, .capacity = capacity};
    reader->newest = chunk;
    return true;
}

static void chunk_pop(struct json_reader *reader) {
    struct chunk *chunk = reader->newest;
    reader->newest = chunk->older;
    free(chunk);
}

static size_t block_space(size_t size) {
    size_t space = sizeof(struct block) + (size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    return space > size ? space : SIZE_MAX; // a size that wraps around fits nowhere
}

// Never NULL: without memory it leaves through no_memory, which forgets nothing, as all there is to free is
// in chunks.
static void *arena_malloc(void *context, size_t size) {
    struct json_reader *reader = context;
    size_t space = block_space(size);
    struct chunk *chunk = reader->newest;
    if (space > chunk->capacity - chunk->used) {
        size_t doubled = chunk->capacity * 2;
        if (!chunk_push(reader, space > doubled ? space : doubled)) {
            longjmp(reader->no_memory, 1);
        }
        chunk = reader->newest;
    }
    struct block *block = (struct block *)(chunk->bytes + chunk->used);
    chunk->used += space;
    block->size = size;
    return block->bytes;
}

// yajl's stack of open brackets grows by 128 bytes at a time. Growing in place keeps deep nesting linear.
static bool block_extend(struct chunk *chunk, struct block *block, size_t size) {
    size_t old = block_space(block->size);
    size_t space = block_space(size);
    if ((char *)block + old != chunk->bytes + chunk->used || space > chunk->capacity - chunk->used + old) {
        return false;
    }
    chunk->used += space - old;
    block->size = size;
    return true;
}

static void *arena_realloc(void *context, void *old, size_t size) {
    struct json_reader *reader = context;
    if (!old) {
        return arena_malloc(context, size);
    }
    struct block *block = (struct block *)((char *)old - offsetof(struct block, bytes));
    if (size <= block->size || block_extend(reader->newest, block, size)) {
        return old;
    }
    return memcpy(arena_malloc(context, size), old, block->size);
}

static void arena_free(void *context, void *old) {
    (void)context;
    (void)old;
}

static void arena_reset(struct json_reader *reader) {
    while (reader->newest->older) {
        chunk_pop(reader);
    }
    reader->newest->used = 0;
}

// The grammar has been checked when this is asked: escapes are whole, and a quote stands at the end of `raw`.
static unsigned hex4(const char *digits) {
    unsigned value = 0;
    for (int i = 0; i < 4; i++) {
        unsigned c = (unsigned char)digits[i];
        value = value << 4 | (c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
    }
    return value;
}

static bool is_escaped_unit(const char *escape, unsigned first, unsigned last) {
    if (escape[0] != '\\' || escape[1] != 'u') {
        return false;
    }
    unsigned unit = hex4(escape + 2);
    return unit >= first && unit <= last;
}

static bool surrogates_are_paired(const char *raw, size_t length) {
    const char *end = raw + length;
    for (const char *at = raw; (at = memchr(at, '\\', (size_t)(end - at))); at += 2) {
        if (is_escaped_unit(at, 0xdc00, 0xdfff)) {
            return false;
        }
        if (is_escaped_unit(at, 0xd800, 0xdbff)) {
            at += 6;
            if (!is_escaped_unit(at, 0xdc00, 0xdfff)) {
                return false;
            }
        }
    }
    return true;
}

static bool is_space(char c) {
    return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

// yajl tells where a token ends, not where it begins. Between two tokens of the top level there is only this.
static const char *token_start(const struct json_reader *reader) {
    const char *at = reader->data + reader->mark;
    while (is_space(*at) || *at == ',' || *at == ':') {
        at++;
    }
    return at;
}

static size_t token_end(const struct json_reader *reader) {
    return yajl_get_bytes_consumed(reader->handle);
}

// Reading goes on after it: that the message is JSON at all is the first thing to say about it.
static void refuse(struct json_reader *reader, enum json_result refusal) {
    if (reader->refusal == JSON_OK) {
        reader->refusal = refusal;
    }
}

static struct json_member *member_called(const struct json_reader *reader, const char *name, size_t length) {
    for (size_t i = 0; i < reader->count; i++) {
        if (strlen(reader->names[i]) == length && memcmp(reader->names[i], name, length) == 0) {
            return &reader->members[i];
        }
    }
    return NULL;
}

// Every escape is longer than what it stands for, so the length tells whether there was one.
static bool has_escapes(size_t raw_length, size_t text_length) {
    return raw_length != text_length + 2;
}

static void set_text(struct json_reader *reader, struct json_member *member, const void *text,
                     size_t length) {
    if (!has_escapes(member->raw_length, length)) {
        member->text = member->raw + 1;
    } else if (surrogates_are_paired(member->raw, member->raw_length)) {
        member->text =
            memcpy(arena_malloc(reader, length), text, length); // yajl's copy dies with this callback
    } else {
        return;
    }
    member->text_length = length;
}

static void end_value(struct json_reader *reader, enum json_type type, const void *text, size_t text_length) {
    size_t end = token_end(reader);
    struct json_member *member = reader->wanted;
    if (member) {
        const char *raw = token_start(reader);
        *member =
            (struct json_member){.type = type, .raw = raw, .raw_length = (size_t)(reader->data + end - raw)};
        if (type == JSON_STRING) {
            set_text(reader, member, text, text_length);
        }
    }
    reader->mark = end;
}

// yajl's callbacks: 0 stops it.

static int on_scalar(struct json_reader *reader, enum json_type type, const void *text, size_t text_length) {
    if (reader->depth == 1) {
        end_value(reader, type, text, text_length);
    }
    return reader->depth > 0;
}

static int on_null(void *context) {
    return on_scalar(context, JSON_NULL, NULL, 0);
}

static int on_boolean(void *context, int value) {
    (void)value;
    return on_scalar(context, JSON_BOOL, NULL, 0);
}

// That this callback is there also keeps yajl from converting numbers, and so from refusing large ones.
static int on_number(void *context, const char *digits, size_t length) {
    (void)digits;
    (void)length;
    return on_scalar(context, JSON_NUMBER, NULL, 0);
}

static int on_string(void *context, const unsigned char *text, size_t length) {
    return on_scalar(context, JSON_STRING, text, length);
}

static int on_key(void *context, const unsigned char *key, size_t length) {
    struct json_reader *reader = context;
    if (reader->depth != 1) {
        return 1;
    }
    const char *raw = token_start(reader);
    reader->mark = token_end(reader);
    size_t raw_length = (size_t)(reader->data + reader->mark - raw);
    // An unpaired surrogate is part of no name; what yajl makes of it might be.
    bool sayable = !has_escapes(raw_length, length) || surrogates_are_paired(raw, raw_length);
    reader->wanted = sayable ? member_called(reader, (const char *)key, length) : NULL;
    if (reader->wanted && reader->wanted->type != JSON_ABSENT) {
        refuse(reader, JSON_DUPLICATE);
    } else if (!reader->wanted && reader->strict) {
        refuse(reader, JSON_UNKNOWN);
    }
    return 1;
}

static int on_object(void *context) {
    struct json_reader *reader = context;
    if (reader->depth++ == 0) {
        reader->mark = token_end(reader);
    }
    return 1;
}

static int on_array(void *context) {
    struct json_reader *reader = context;
    return reader->depth++ > 0;
}

static int on_array_end(void *context) {
    struct json_reader *reader = context;
    if (--reader->depth == 1) {
        end_value(reader, JSON_ARRAY, NULL, 0);
    }
    return 1;
}

static int on_object_end(void *context) {
    struct json_reader *reader = context;
    if (--reader->depth == 1) {
        end_value(reader, JSON_OBJECT, NULL, 0);
    } else if (reader->depth == 0) {
        reader->mark = token_end(reader);
        reader->closed = true;
    }
    return !reader->closed;
}

static const yajl_callbacks callbacks = {
    .yajl_null = on_null,
    .yajl_boolean = on_boolean,
    .yajl_number = on_number,
    .yajl_string = on_string,
    .yajl_start_map = on_object,
    .yajl_map_key = on_key,
    .yajl_end_map = on_object_end,
    .yajl_start_array = on_array,
    .yajl_end_array = on_array_end,
};

// yajl takes overlong forms, surrogates and code points beyond U+10FFFF for UTF-8, and VT and FF for white
// space. JSON has no place for these two at all.
static bool passes_what_yajl_misses(const char *data, size_t length) {
    return !memchr(data, '\v', length) && !memchr(data, '\f', length) && utf8_is_valid(data, length);
}

static bool is_blank(const char *data, size_t length) {
    while (length > 0 && is_space(data[length - 1])) {
        length--;
    }
    return length == 0;
}

static enum json_result parse(struct json_reader *reader, const char *data, size_t length) {
    yajl_alloc_funcs memory = {arena_malloc, arena_realloc, arena_free, reader};
    if (setjmp(reader->no_memory)) {
        return JSON_NO_MEMORY;
    }
    reader->handle = yajl_alloc(&callbacks, &memory, reader); // never freed: the arena is
    yajl_config(reader->handle, yajl_dont_validate_strings, 1);
    yajl_parse(reader->handle, (const unsigned char *)data, length);
    // Its result says nothing that `closed` does not say: it is "canceled" for each complete object.
    if (!reader->closed || !is_blank(data + reader->mark, length - reader->mark)) {
        return JSON_INVALID;
    }
    return reader->refusal;
}

static void forget(struct json_member *members, size_t count) {
    for (size_t i = 0; i < count; i++) {
        members[i] = (struct json_member){.type = JSON_ABSENT};
    }
}

struct json_reader *json_reader_new(void) {
    struct json_reader *reader = calloc(1, sizeof *reader);
    if (reader && !chunk_push(reader, CHUNK_SIZE)) {
        free(reader);
        return NULL;
    }
    return reader;
}

void json_reader_free(struct json_reader *reader) {
    while (reader && reader->newest) {
        chunk_pop(reader);
    }
    free(reader);
}

enum json_result json_read_within(struct json_reader *reader, const char *data, size_t length,
                                  const char *const *names, size_t count, struct json_member *members) {
    forget(members, count);
    if (length == 0 || !passes_what_yajl_misses(data, length)) {
        return JSON_INVALID;
    }
    reader->data = data;
    reader->names = names;
    reader->count = count;
    reader->members = members;
    reader->wanted = NULL;
    reader->mark = 0;
    reader->depth = 0;
    reader->closed = false;
    reader->refusal = JSON_OK;
    enum json_result result = parse(reader, data, length);
    if (result != JSON_OK) {
        forget(members, count);
    }
    return result;
}

enum json_result json_read(struct json_reader *reader, const char *data, size_t length,
                           const char *const *names, size_t count, struct json_member *members) {
    arena_reset(reader);
    return json_read_within(reader, data, length, names, count, members);
}

enum json_result json_read_strictly(struct json_reader *reader, const char *data, size_t length,
                                    const char *const *names, size_t count, struct json_member *members) {
    reader->strict = true;
    enum json_result result = json_read(reader, data, length, names, count, members);
    reader->strict = false;
    return result;
}

// As the only member of an object: what is more than a value would be more than this member.
enum json_result json_read_value(struct json_reader *reader, const char *data, size_t length,
                                 struct span *value) {
    static const char head[] = "{\"v\":";
    static const char *const names[] = {"v"};
    enum { HEAD = sizeof head - 1 };
    struct json_member member;
    char *object = malloc(HEAD + length + 1);
    if (!object) {
        return JSON_NO_MEMORY;
    }
    memcpy(object, head, HEAD);
    memcpy(object + HEAD, data, length);
    object[HEAD + length] = '}';
    enum json_result result = json_read(reader, object, HEAD + length + 1, names, 1, &member);
    if (result == JSON_OK) {
        size_t start = (size_t)(member.raw - object) - HEAD;
        bool is_all = is_blank(data + start + member.raw_length, length - start - member.raw_length);
        if (is_all) {
            *value = (struct span){data + start, member.raw_length};
        }
        result = is_all ? JSON_OK : JSON_INVALID;
    } else if (result == JSON_DUPLICATE) {
        result = JSON_INVALID;
    }
    free(object);
    return result;
}
