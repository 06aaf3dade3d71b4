// SPDX-License-Identifier: MIT
// core/protocol/json. The source is included, not linked, so that its memory can be made to run out at each
// allocation.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static size_t allocations_left = SIZE_MAX;
static size_t allocations_made;

static void *scarce_malloc(size_t size) {
    if (allocations_made >= allocations_left) {
        return NULL;
    }
    allocations_made++;
    return malloc(size);
}

static void *scarce_calloc(size_t count, size_t size) {
    void *block = scarce_malloc(count * size);
    return block ? memset(block, 0, count * size) : NULL;
}

#define malloc scarce_malloc
#define calloc scarce_calloc
#include "protocol/json.c"
#undef malloc
#undef calloc

// A literal that may hold NUL.
#define BYTES(literal) (literal), sizeof(literal) - 1

static const char *const NAMES[] = {"op", "id", "channel", "data"};
enum { OP, ID, CHANNEL, DATA, COUNT };

struct fixture {
    struct json_reader *reader;
    struct json_member members[COUNT];
};

static int setup(void **state) {
    struct fixture *fixture = calloc(1, sizeof *fixture);
    fixture->reader = json_reader_new();
    *state = fixture;
    return fixture->reader ? 0 : -1;
}

static int teardown(void **state) {
    struct fixture *fixture = *state;
    json_reader_free(fixture->reader);
    free(fixture);
    return 0;
}

// To be freed.
static char *repeat(const char *before, const char *piece, size_t times, const char *after, size_t *length) {
    size_t each = strlen(piece);
    *length = strlen(before) + times * each + strlen(after);
    char *text = malloc(*length + 1);
    char *at = stpcpy(text, before);
    for (size_t i = 0; i < times; i++) {
        at = memcpy(at, piece, each);
        at += each;
    }
    strcpy(at, after);
    return text;
}

struct place {
    const char *before, *after;
};

// Reads a copy of exactly this size, so that a sanitizer sees a byte read beyond it. Spans die with the copy.
static enum json_result judge(struct fixture *fixture, const char *data, size_t length) {
    char *copy = malloc(length ? length : 1);
    memcpy(copy, data, length);
    enum json_result result = json_read(fixture->reader, copy, length, NAMES, COUNT, fixture->members);
    free(copy);
    return result;
}

struct text {
    const char *data;
    size_t length;
};
#define TEXT(literal) \
    { BYTES(literal) }

static void judge_all(struct fixture *fixture, const struct text *texts, size_t count,
                      enum json_result expected) {
    for (size_t i = 0; i < count; i++) {
        enum json_result result = judge(fixture, texts[i].data, texts[i].length);
        if (result != expected) {
            fail_msg("%d for %.*s", (int)result, (int)texts[i].length, texts[i].data);
        }
    }
}

static const struct text ACCEPTED[] = {
    TEXT("{}"),
    TEXT(" \t\r\n{ \t\r\n} \t\r\n"),
    TEXT("{\"op\":\"ping\",\"id\":8}"),
    TEXT("{\"\":0}"),
    TEXT("{\"a\":[],\"b\":{},\"c\":[[],{}],\"d\":[1,[2,{\"e\":[null]}]]}"),
    TEXT("{\"a\":0,\"b\":-0,\"c\":-1,\"d\":10,\"e\":0.0,\"f\":1e5,\"g\":1E+5,\"h\":1.25e-05,\"i\":0e0}"),
    TEXT("{\"a\":123456789012345678901234567890,\"b\":1e999,\"c\":-1e-999}"),
    TEXT("{\"a\":true,\"b\":false,\"c\":null}"),
    TEXT("{\"a\":\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u0000\\uABCD\\uabcd\"}"),
    TEXT("{\"a\":\"\x7f\",\"b\":\"/\"}"),
    TEXT("{\"a\":\"\xc2\x80\xdf\xbf\xe0\xa0\x80\xed\x9f\xbf\xee\x80\x80\xef\xbf\xbf\"}"),
    TEXT("{\"a\":\"\xf0\x90\x80\x80\xf4\x8f\xbf\xbf\"}"),
    TEXT("{\"x\":1,\"x\":2,\"y\":{\"op\":1,\"op\":2}}"), // not asked for, not at the top level
    TEXT("{\"op\":{\"op\":{\"op\":1}},\"x\":{\"id\":1}}"),
    TEXT("{\"x\":\"\\ud800\",\"y\":[\"\\udc00\"],\"data\":[\"\\ud800\"]}"), // the grammar of JSON has them
    TEXT("{\"x\":\"\\ud800\\\\d\"}"), // aborts in a yajl without the fix for CVE-2017-16516
    TEXT("{\"\\ud800\":1,\"\\ud800\":2,\"\\udc00\\ud800\":3}"),
    TEXT("{\"op\":\"\\ud83d\\ude00\\\\ud800\"}"),
};

static const struct text REFUSED[] = {
    TEXT(""),
    TEXT(" "),
    TEXT("\n\n"),
    // not an object
    TEXT("1"),
    TEXT("-"),
    TEXT("\"op\""),
    TEXT("true"),
    TEXT("null"),
    TEXT("[]"),
    TEXT("[{}]"),
    TEXT("}"),
    TEXT("]"),
    TEXT(":"),
    TEXT(","),
    // unfinished
    TEXT("{"),
    TEXT("{\""),
    TEXT("{\"op"),
    TEXT("{\"op\""),
    TEXT("{\"op\":"),
    TEXT("{\"op\":1"),
    TEXT("{\"op\":tru"),
    TEXT("{\"op\":\"\\"),
    TEXT("{\"op\":\"\\u00"),
    TEXT("{\"op\":\"x\xc3"),
    TEXT("{\"op\":1,"),
    TEXT("{\"op\":[1"),
    TEXT("{\"op\":{}"),
    TEXT("{\"op\":[}"),
    TEXT("{\"op\":[{]}}"),
    // something behind it
    TEXT("{}{}"),
    TEXT("{} {}"),
    TEXT("{}1"),
    TEXT("{} 1"),
    TEXT("{},"),
    TEXT("{}}"),
    TEXT("{}]"),
    TEXT("{}\""),
    TEXT("{}x"),
    TEXT("{}\0"),
    TEXT("{} /**/"),
    // commas and colons
    TEXT("{,}"),
    TEXT("{\"op\":1,}"),
    TEXT("{,\"op\":1}"),
    TEXT("{\"op\":1,,\"id\":2}"),
    TEXT("{\"op\":1 \"id\":2}"),
    TEXT("{\"op\":1:\"id\":2}"),
    TEXT("{\"op\"::1}"),
    TEXT("{\"op\":,}"),
    TEXT("{\"op\",1}"),
    TEXT("{\"op\" 1}"),
    TEXT("{\"op\":1 2}"),
    TEXT("{\"op\":}"),
    TEXT("{\"op\"}"),
    TEXT("{\"a\":[1,]}"),
    TEXT("{\"a\":[,1]}"),
    TEXT("{\"a\":[1 2]}"),
    TEXT("{\"a\":[1:2]}"),
    TEXT("{\"a\":[\"b\":1]}"),
    // keys
    TEXT("{op:1}"),
    TEXT("{'op':1}"),
    TEXT("{1:1}"),
    TEXT("{null:1}"),
    TEXT("{{}:1}"),
    TEXT("{[]:1}"),
    // numbers
    TEXT("{\"id\":01}"),
    TEXT("{\"id\":-01}"),
    TEXT("{\"id\":+1}"),
    TEXT("{\"id\":.5}"),
    TEXT("{\"id\":1.}"),
    TEXT("{\"id\":1.e1}"),
    TEXT("{\"id\":1e}"),
    TEXT("{\"id\":1e+}"),
    TEXT("{\"id\":1e1.5}"),
    TEXT("{\"id\":-}"),
    TEXT("{\"id\":--1}"),
    TEXT("{\"id\":- 1}"),
    TEXT("{\"id\":0x10}"),
    TEXT("{\"id\":1a}"),
    TEXT("{\"id\":1 000}"),
    TEXT("{\"id\":NaN}"),
    TEXT("{\"id\":Infinity}"),
    TEXT("{\"id\":-Infinity}"),
    // words
    TEXT("{\"id\":True}"),
    TEXT("{\"id\":TRUE}"),
    TEXT("{\"id\":truex}"),
    TEXT("{\"id\":tru}"),
    TEXT("{\"id\":nul}"),
    TEXT("{\"id\":undefined}"),
    TEXT("{\"id\":'x'}"),
    // strings
    TEXT("{\"op\":\"\n\"}"),
    TEXT("{\"op\":\"\t\"}"),
    TEXT("{\"op\":\"\x1f\"}"),
    TEXT("{\"op\":\"\0\"}"),
    TEXT("{\"op\0\":1}"),
    TEXT("{\"op\":\"\\x41\"}"),
    TEXT("{\"op\":\"\\a\"}"),
    TEXT("{\"op\":\"\\'\"}"),
    TEXT("{\"op\":\"\\\n\"}"),
    TEXT("{\"op\":\"\\U0041\"}"),
    TEXT("{\"op\":\"\\u\"}"),
    TEXT("{\"op\":\"\\u004\"}"),
    TEXT("{\"op\":\"\\u004g\"}"),
    TEXT("{\"op\":\"\\u 041\"}"),
    TEXT("{\"op\":\"\\ud800\\u\"}"),
    // white space that is none, comments, a byte order mark, UTF-16
    TEXT("\v{}"),
    TEXT("{\f}"),
    TEXT("{}\f"),
    TEXT("{\"op\":\v1}"),
    TEXT("{\xc2\xa0}"),
    TEXT("{\xe2\x80\xa8}"),
    TEXT("{\0}"),
    TEXT("\0{}"),
    TEXT("/**/{}"),
    TEXT("{/**/}"),
    TEXT("{//\n}"),
    TEXT("{\"op\":1}//"),
    TEXT("#\n{}"),
    TEXT("\xef\xbb\xbf{}"),
    TEXT("{\0}\0"),
};

// Each stands in a string, in a key and outside of both.
static const struct text NOT_UTF8[] = {
    TEXT("\x80"),                     // a continuation alone
    TEXT("\xbf"),                     //
    TEXT("\xc3"),                     // one missing
    TEXT("\xc3("),                    //
    TEXT("\xe2\x82"),                 //
    TEXT("\xe2\x82("),                //
    TEXT("\xe2(\xa1"),                //
    TEXT("\xf0\x9f\x98"),             //
    TEXT("\xf0\x9f\x98("),            //
    TEXT("\xf0(\x8c\xbc"),            //
    TEXT("\xc3\xa9\xa9"),             // one too many
    TEXT("\xc0\x80"),                 // overlong
    TEXT("\xc1\xbf"),                 //
    TEXT("\xe0\x80\x80"),             //
    TEXT("\xe0\x9f\xbf"),             //
    TEXT("\xf0\x80\x80\x80"),         //
    TEXT("\xf0\x8f\xbf\xbf"),         //
    TEXT("\xed\xa0\x80"),             // surrogates
    TEXT("\xed\xbf\xbf"),             //
    TEXT("\xed\xa0\xbd\xed\xb8\x80"), //
    TEXT("\xf4\x90\x80\x80"),         // beyond U+10FFFF
    TEXT("\xf5\x80\x80\x80"),         //
    TEXT("\xf8\x88\x80\x80\x80"),     // never
    TEXT("\xfc\x84\x80\x80\x80\x80"),
    TEXT("\xfe"),
    TEXT("\xff"),
};

static const struct text DUPLICATED[] = {
    TEXT("{\"op\":1,\"op\":1}"),           TEXT("{\"op\":1,\"id\":2,\"op\":3}"),
    TEXT("{\"op\":1,\"\\u006fp\":2}"),     TEXT("{\"data\":{},\"data\":[]}"),
    TEXT("{\"data\":null,\"data\":null}"), TEXT("{\"op\":1,\"op\":\"\\ud800\"}"),
};

static const struct text UNSAYABLE[] = {
    TEXT("{\"op\":\"\\ud800\"}"),          TEXT("{\"op\":\"\\uD800\"}"),
    TEXT("{\"op\":\"\\uDBFF!\"}"),         TEXT("{\"op\":\"\\udc00\"}"),
    TEXT("{\"op\":\"\\udfff\\ud800\"}"),   TEXT("{\"op\":\"\\ud800\\ud800\"}"),
    TEXT("{\"op\":\"\\ud800\\u0041\"}"),   TEXT("{\"op\":\"\\ud800\\n\"}"),
    TEXT("{\"op\":\"\\ud800\\\\udc00\"}"), TEXT("{\"op\":\"\\ud83d\\ude00\\ude00\"}"),
};

#define JUDGE_ALL(texts, expected) judge_all(*state, texts, sizeof(texts) / sizeof *(texts), expected)

static void accepts_rfc_8259(void **state) {
    JUDGE_ALL(ACCEPTED, JSON_OK);
}

static void refuses_what_is_not_one_object(void **state) {
    JUDGE_ALL(REFUSED, JSON_INVALID);
}

static void refuses_duplicates_of_what_is_asked_for(void **state) {
    JUDGE_ALL(DUPLICATED, JSON_DUPLICATE);
}

static void gives_no_text_for_unpaired_surrogates(void **state) {
    static const char *const names[] = {"op"};
    JUDGE_ALL(UNSAYABLE, JSON_OK);
    for (size_t i = 0; i < sizeof UNSAYABLE / sizeof *UNSAYABLE; i++) {
        struct json_member op;
        assert_int_equal(json_read(((struct fixture *)*state)->reader, UNSAYABLE[i].data, UNSAYABLE[i].length,
                                   names, 1, &op),
                         JSON_OK);
        assert_int_equal(op.type, JSON_STRING);
        assert_null(op.text);
        assert_true(op.raw_length > 2);
    }
}

// Whether it is JSON comes first, whatever else was found on the way.
static void invalid_outranks_other_refusals(void **state) {
    static const struct text texts[] = {
        TEXT("{\"op\":1,\"op\":1"),
        TEXT("{\"op\":1,\"op\":1}x"),
        TEXT("{\"op\":\"\\ud800\",}"),
    };
    JUDGE_ALL(texts, JSON_INVALID);
}

static void refuses_all_classes_of_invalid_utf8(void **state) {
    static const struct place places[] = {
        {"{\"op\":\"", "\"}"},
        {"{\"", "\":1}"},
        {"{\"x\":[\"aaaaaaaaaa", "\"]}"},
        {"{", "}"},
        {"", "{}"},
        {"{}", ""},
    };
    for (size_t i = 0; i < sizeof NOT_UTF8 / sizeof *NOT_UTF8; i++) {
        for (size_t j = 0; j < sizeof places / sizeof *places; j++) {
            size_t length;
            char *text = repeat(places[j].before, NOT_UTF8[i].data, 1, places[j].after, &length);
            if (judge(*state, text, length) != JSON_INVALID) {
                fail_msg("bytes %zu accepted behind '%s'", i, places[j].before);
            }
            free(text);
        }
    }
}

// Every beginning of a message is refused, and every byte put in the place of another is read without harm.
static void survives_cuts_and_changed_bytes(void **state) {
    static const char text[] =
        "{ \"op\" : \"a\\ud83d\\ude00\xc3\xa9\" ,\"id\":-1.5e+3,\"data\":[{\"x\":[true,null]}]}";
    for (size_t length = 0; length < sizeof text - 1; length++) {
        assert_int_equal(judge(*state, text, length), JSON_INVALID);
    }
    for (size_t at = 0; at < sizeof text - 1; at++) {
        char changed[sizeof text];
        memcpy(changed, text, sizeof text);
        for (int byte = 0; byte < 256; byte++) {
            changed[at] = (char)byte;
            judge(*state, changed, sizeof text - 1);
        }
    }
}

static enum json_result read_here(struct fixture *fixture, const char *data) {
    return json_read(fixture->reader, data, strlen(data), NAMES, COUNT, fixture->members);
}

static void assert_span(const char *got, size_t got_length, const char *expected) {
    if (got_length != strlen(expected) || memcmp(got, expected, got_length) != 0) {
        fail_msg("got '%.*s', expected '%s'", (int)got_length, got, expected);
    }
}

static const struct {
    const char *value;
    enum json_type type;
} VALUES[] = {
    {"null", JSON_NULL},
    {"true", JSON_BOOL},
    {"false", JSON_BOOL},
    {"0", JSON_NUMBER},
    {"-12.50e+3", JSON_NUMBER},
    {"123456789012345678901234567890", JSON_NUMBER},
    {"\"\"", JSON_STRING},
    {"\"x, : } ] \"", JSON_STRING},
    {"\" \\\" \"", JSON_STRING},
    {"{}", JSON_OBJECT},
    {"{ }", JSON_OBJECT},
    {"[]", JSON_ARRAY},
    {"[ 1 , [ ] , { \"op\" : 2 } ]", JSON_ARRAY},
    {"{\"b\" :\t1,\r\n\"a\":1.0,\"b\":\"\\u0041/\\/\"}", JSON_OBJECT},
};

// Each kind of value, in each place, with each kind of white space around each token.
static void spans_are_exact(void **state) {
    static const struct place places[] = {
        {"{\"data\":", "}"},
        {"{\"data\":", ",\"id\":1}"},
        {"{\"x\":[1,2],\"data\":", ",\"y\":{}}"},
        {" { \"x\" : \"\\\"\" , \"data\" : ", " , \"y\" : 2 } "},
        {"\r\n{\r\n\"x\"\r\n:\r\n1\r\n,\r\n\"data\"\r\n:\r\n", "\r\n}\r\n"},
        {"\t\t{\t\t\"data\"\t\t:\t\t", "\t\t}\t\t"},
        {"{\"\\u0064ata\":", "}"},
    };
    struct fixture *fixture = *state;
    const struct json_member *data = &fixture->members[DATA];
    for (size_t i = 0; i < sizeof VALUES / sizeof *VALUES; i++) {
        for (size_t j = 0; j < sizeof places / sizeof *places; j++) {
            size_t length;
            char *text = repeat(places[j].before, VALUES[i].value, 1, places[j].after, &length);
            assert_int_equal(json_read(fixture->reader, text, length, NAMES, COUNT, fixture->members),
                             JSON_OK);
            assert_int_equal(data->type, VALUES[i].type);
            assert_ptr_equal(data->raw, text + strlen(places[j].before));
            assert_span(data->raw, data->raw_length, VALUES[i].value);
            free(text);
        }
    }
}

static void gives_each_member_asked_for(void **state) {
    struct fixture *fixture = *state;
    struct json_member *members = fixture->members;
    assert_int_equal(read_here(fixture, "{\"id\":7,\"x\":{\"op\":1},\"op\":\"publish\",\"data\":[1, 2]}"),
                     JSON_OK);
    assert_span(members[OP].raw, members[OP].raw_length, "\"publish\"");
    assert_span(members[OP].text, members[OP].text_length, "publish");
    assert_span(members[ID].raw, members[ID].raw_length, "7");
    assert_null(members[ID].text);
    assert_span(members[DATA].raw, members[DATA].raw_length, "[1, 2]");
    assert_int_equal(members[CHANNEL].type, JSON_ABSENT);
    assert_null(members[CHANNEL].raw);
}

static void nothing_asked_for_is_validation(void **state) {
    struct fixture *fixture = *state;
    assert_int_equal(json_read(fixture->reader, BYTES("{\"op\":1,\"op\":2}"), NULL, 0, NULL), JSON_OK);
    assert_int_equal(json_read(fixture->reader, BYTES("{\"op\"}"), NULL, 0, NULL), JSON_INVALID);
}

static void a_refusal_leaves_no_member(void **state) {
    static const char *const texts[] = {"{\"op\":1", "{\"op\":1,\"op\":2}"};
    struct fixture *fixture = *state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        assert_int_equal(read_here(fixture, "{\"op\":1,\"id\":2}"), JSON_OK);
        assert_int_not_equal(read_here(fixture, texts[i]), JSON_OK);
        for (size_t j = 0; j < COUNT; j++) {
            assert_int_equal(fixture->members[j].type, JSON_ABSENT);
            assert_null(fixture->members[j].raw);
        }
    }
}

static const struct {
    const char *raw;
    const char *text;
    size_t length;
} STRINGS[] = {
    {"\"\"", BYTES("")},
    {"\"plain \xc3\xa9\"", BYTES("plain \xc3\xa9")},
    {"\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", BYTES("\"\\/\b\f\n\r\t")},
    {"\"\\u0000\"", BYTES("\0")},
    {"\"a\\u0000b\\u0000\"", BYTES("a\0b\0")},
    {"\"\\u0041\\u007f\\u0080\\u07FF\\u0800\\uffff\"",
     BYTES("A\x7f\xc2\x80\xdf\xbf\xe0\xa0\x80\xef\xbf\xbf")},
    {"\"\\ud7ff\\ue000\"", BYTES("\xed\x9f\xbf\xee\x80\x80")},
    {"\"\\ud800\\udc00\\uDBFF\\uDFFF\"", BYTES("\xf0\x90\x80\x80\xf4\x8f\xbf\xbf")},
    {"\"\\ud83d\\ude00\"", BYTES("\xf0\x9f\x98\x80")},
    {"\"\\\\ud800\"", BYTES("\\ud800")},
    {"\"?\\n?\"", BYTES("?\n?")},
};

static void strings_are_unescaped(void **state) {
    struct fixture *fixture = *state;
    for (size_t i = 0; i < sizeof STRINGS / sizeof *STRINGS; i++) {
        size_t length;
        // The string after it makes yajl decode into the same buffer again.
        char *text = repeat("{\"op\":", STRINGS[i].raw, 1, ",\"x\":\"\\t\\t\\t\\t\\t\\t\\t\\t\"}", &length);
        assert_int_equal(json_read(fixture->reader, text, length, NAMES, COUNT, fixture->members), JSON_OK);
        const struct json_member *op = &fixture->members[OP];
        assert_span(op->raw, op->raw_length, STRINGS[i].raw);
        assert_int_equal(op->text_length, STRINGS[i].length);
        assert_memory_equal(op->text, STRINGS[i].text, STRINGS[i].length);
        free(text);
    }
}

static void keys_match_unescaped(void **state) {
    struct fixture *fixture = *state;
    assert_int_equal(
        read_here(fixture, "{\"\\u006fp\":1,\"i\\u0064\":2,\"op \":3,\"OP\":4,\"o\":5,\"opp\":6}"), JSON_OK);
    assert_span(fixture->members[OP].raw, fixture->members[OP].raw_length, "1");
    assert_span(fixture->members[ID].raw, fixture->members[ID].raw_length, "2");
    assert_int_equal(judge(fixture, BYTES("{\"op\\u0000\":1}")), JSON_OK);
    assert_int_equal(fixture->members[OP].type, JSON_ABSENT);
}

// yajl decodes the first to "?", and the second to U+10041.
static void an_unpaired_surrogate_is_part_of_no_name(void **state) {
    static const char *const names[] = {"?", "\xf0\x90\x81\x81"};
    static const char text[] = "{\"\\ud800\":1,\"\\ud800\\u0041\":2}";
    struct fixture *fixture = *state;
    struct json_member members[2];
    assert_int_equal(json_read(fixture->reader, BYTES(text), names, 2, members), JSON_OK);
    assert_int_equal(members[0].type, JSON_ABSENT);
    assert_int_equal(members[1].type, JSON_ABSENT);
}

enum { DEEP = 100 * 1000 };

static void nesting_may_be_deep(void **state) {
    struct fixture *fixture = *state;
    size_t length;
    char *closing = repeat("", "]}", DEEP, "}", &length);
    char *text = repeat("{\"op\":1,\"data\":", "{\"op\":[", DEEP, closing, &length);
    assert_int_equal(json_read(fixture->reader, text, length, NAMES, COUNT, fixture->members), JSON_OK);
    assert_int_equal(fixture->members[DATA].raw_length, 9 * DEEP);
    assert_int_equal(judge(fixture, text, length - 1), JSON_INVALID);
    free(text);
    free(closing);
}

// Quadratic work on any of these would outlast every patience.
static void hostile_messages_are_linear(void **state) {
    static const struct {
        const char *before, *piece;
    } hostile[] = {
        {"{\"data\":", "["},
        {"{\"data\":", "{\"\":"},
        {"{\"data\":", "[\"\\n\","},
        {"{\"data\":", "[1,"},
        {"{\"data\":\"", "\\ud800"},
        {"{\"data\":[", "\"\\u0041\","},
        {"{", "\"op\":1,"},
        {"{", "\"op\":\"\\n\","},
        {"{\"op\":\"", "\xf0\x9f\x98\x80"},
        {"", " "},
        {"{\"op\":\"", "\\"},
        {"{\"id\":", "1"},
    };
    for (size_t i = 0; i < sizeof hostile / sizeof *hostile; i++) {
        size_t length;
        char *text = repeat(hostile[i].before, hostile[i].piece, 1000 * 1000, "", &length);
        assert_int_equal(judge(*state, text, length), JSON_INVALID);
        free(text);
    }
}

static size_t memory_held(const struct json_reader *reader) {
    size_t held = 0;
    for (const struct chunk *chunk = reader->newest; chunk; chunk = chunk->older) {
        held += chunk->capacity;
    }
    return held;
}

static void a_huge_string_is_read_and_its_memory_given_back(void **state) {
    enum { SIZE = 16 * 1024 * 1024 };
    struct fixture *fixture = *state;
    const struct json_member *data = &fixture->members[DATA];
    size_t length;
    char *plain = repeat("{\"data\":\"", "x", SIZE, "\"}", &length);
    assert_int_equal(json_read(fixture->reader, plain, length, NAMES, COUNT, fixture->members), JSON_OK);
    assert_int_equal(data->text_length, SIZE);
    assert_ptr_equal(data->text, plain + strlen("{\"data\":\"")); // not copied
    assert_int_equal(memory_held(fixture->reader), CHUNK_SIZE);
    free(plain);

    char *escaped = repeat("{\"data\":\"", "\\u0041", SIZE / 6, "\"}", &length);
    assert_int_equal(json_read(fixture->reader, escaped, length, NAMES, COUNT, fixture->members), JSON_OK);
    assert_int_equal(data->text_length, SIZE / 6);
    assert_int_equal(data->text[SIZE / 6 - 1], 'A');
    free(escaped);
    assert_int_equal(judge(fixture, BYTES("{}")), JSON_OK);
    assert_int_equal(memory_held(fixture->reader), CHUNK_SIZE);
}

static void an_ordinary_message_allocates_nothing(void **state) {
    struct fixture *fixture = *state;
    size_t before = allocations_made;
    for (int i = 0; i < 1000; i++) {
        assert_int_equal(
            read_here(fixture, "{\"op\":\"publish\",\"channel\":\"a\\/b\",\"data\":{\"x\":[1]}}"), JSON_OK);
    }
    assert_int_equal(allocations_made, before);
}

static void no_memory_is_an_error_everywhere(void **state) {
    struct fixture *fixture = *state;
    static const char *const endings[] = {"\",\"id\":[1]}", "\",\"id\":"};
    for (size_t i = 0; i < 2; i++) {
        size_t length;
        char *text = repeat("{\"data\":\"", "\\n\\u00e9", 1000 * 1000, endings[i], &length);
        enum json_result result = JSON_NO_MEMORY;
        size_t allowed = 0;
        for (; result == JSON_NO_MEMORY; allowed++) {
            allocations_left = allocations_made + allowed;
            result = json_read(fixture->reader, text, length, NAMES, COUNT, fixture->members);
            assert_true(result == JSON_OK || fixture->members[DATA].type == JSON_ABSENT);
        }
        allocations_left = SIZE_MAX;
        assert_int_equal(result, i == 0 ? JSON_OK : JSON_INVALID);
        assert_true(allowed > 2);
        assert_int_equal(read_here(fixture, "{\"op\":1}"), JSON_OK);
        free(text);
    }
}

static void no_memory_for_a_reader_is_null(void **state) {
    (void)state;
    for (size_t allowed = 0; allowed < 2; allowed++) {
        allocations_left = allocations_made + allowed;
        assert_null(json_reader_new());
    }
    allocations_left = SIZE_MAX;
    json_reader_free(NULL);
}

// ---- one value by itself

static const struct {
    const char *text, *value; // NULL: it is not one value
} values[] = {
    {"1", "1"},
    {"-0.5e+3", "-0.5e+3"},
    {"123456789012345678901234567890", "123456789012345678901234567890"},
    {"true", "true"},
    {"false", "false"},
    {"null", "null"},
    {"\"\"", "\"\""},
    {"\"a\\n\\ud800\"", "\"a\\n\\ud800\""},
    {"[]", "[]"},
    {"{}", "{}"},
    {"[1,{\"v\":[2]}]", "[1,{\"v\":[2]}]"},
    {"{\"v\":1,\"v\":2}", "{\"v\":1,\"v\":2}"}, // its names are its own
    {" \t\r\n1 \n", "1"},
    {"\n[ 1 ]\n", "[ 1 ]"},
    {"", NULL},
    {" ", NULL},
    {"1,\"w\":2", NULL},
    {"1,\"v\":2", NULL},
    {"1, \"w\" : {}", NULL},
    {"1}", NULL},
    {"1} ", NULL},
    {"1}{\"v\":2", NULL},
    {"}", NULL},
    {"]", NULL},
    {"1]", NULL},
    {"{}}", NULL},
    {"1 2", NULL},
    {"\"a\"\"b\"", NULL},
    {"1,", NULL},
    {"1,2", NULL},
    {",1", NULL},
    {":1", NULL},
    {"\"w\":1", NULL},
    {"[1", NULL},
    {"[1,]", NULL},
    {"{\"a\":", NULL},
    {"{\"a\"}", NULL},
    {"\"abc", NULL},
    {"\"abc\\", NULL},
    {"\"abc\\\"", NULL},
    {"tru", NULL},
    {"truefalse", NULL},
    {"nul", NULL},
    {"01", NULL},
    {"+1", NULL},
    {"1.", NULL},
    {".5", NULL},
    {"NaN", NULL},
    {"'a'", NULL},
    {"hello", NULL},
    {"// a\n1", NULL},
    {"/* a */1", NULL},
    {"\v1", NULL},
    {"1\f", NULL},
    {"\"\xff\"", NULL},
    {"\"\xed\xa0\x80\"", NULL},
    {"\"\xc0\x80\"", NULL},
    {"\"\n\"", NULL},
    {"\xef\xbb\xbf"
     "1",
     NULL},
};

static void reads_one_value(void **state) {
    struct fixture *fixture = *state;
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        const char *text = values[i].text, *value = values[i].value;
        struct span span = {NULL, 0};
        enum json_result result = json_read_value(fixture->reader, text, strlen(text), &span);
        if (result != (value ? JSON_OK : JSON_INVALID)) {
            fail_msg("%s: %d", text, result);
        }
        assert_true(value || !span.data);
        if (value) {
            assert_int_equal(span.length, strlen(value));
            assert_ptr_equal(span.data, strstr(text, value)); // of the input, not of a copy
        }
    }
    struct span span;
    assert_int_equal(json_read_value(fixture->reader, BYTES("1\0"), &span), JSON_INVALID);
    assert_int_equal(json_read_value(fixture->reader, BYTES("\0"), &span), JSON_INVALID);
    assert_int_equal(json_read_value(fixture->reader, BYTES("\"a\0b\""), &span), JSON_INVALID);
}

// It is read to the end that is given, whatever stands behind.
static void a_value_is_read_at_any_length(void **state) {
    static const char text[] = "[\"a\",{\"b\":[null,1.5e3]},true]";
    struct fixture *fixture = *state;
    for (size_t length = 0; length < sizeof text; length++) {
        struct span span;
        char *exact = malloc(length + 1); // a read beyond it is seen by the sanitizer
        memcpy(exact, text, length);
        enum json_result result = json_read_value(fixture->reader, exact, length, &span);
        assert_int_equal(result, length == sizeof text - 1 ? JSON_OK : JSON_INVALID);
        free(exact);
    }
}

static void a_huge_value_is_read(void **state) {
    enum { SIZE = 4 * 1024 * 1024 };
    static const char *const pieces[][2] = {{"\"", "x"}, {"\"", "\\n"}, {"", "["}, {"1", "2"}};
    struct fixture *fixture = *state;
    for (size_t i = 0; i < 4; i++) {
        struct span span;
        size_t length;
        char *text = repeat(pieces[i][0], pieces[i][1], SIZE, i < 2 ? "\"" : "", &length);
        enum json_result result = json_read_value(fixture->reader, text, length, &span);
        assert_int_equal(result, i == 2 ? JSON_INVALID : JSON_OK);
        assert_true(i == 2 || (span.data == text && span.length == length));
        free(text);
    }
}

static void no_memory_for_a_value_is_an_error(void **state) {
    struct fixture *fixture = *state;
    struct span span;
    allocations_left = allocations_made;
    enum json_result result = json_read_value(fixture->reader, BYTES("1"), &span);
    allocations_left = SIZE_MAX;
    assert_int_equal(result, JSON_NO_MEMORY);
    assert_int_equal(json_read_value(fixture->reader, BYTES("1"), &span), JSON_OK);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(accepts_rfc_8259),
        TEST(refuses_what_is_not_one_object),
        TEST(refuses_duplicates_of_what_is_asked_for),
        TEST(gives_no_text_for_unpaired_surrogates),
        TEST(invalid_outranks_other_refusals),
        TEST(refuses_all_classes_of_invalid_utf8),
        TEST(survives_cuts_and_changed_bytes),
        TEST(spans_are_exact),
        TEST(gives_each_member_asked_for),
        TEST(nothing_asked_for_is_validation),
        TEST(a_refusal_leaves_no_member),
        TEST(strings_are_unescaped),
        TEST(keys_match_unescaped),
        TEST(an_unpaired_surrogate_is_part_of_no_name),
        TEST(nesting_may_be_deep),
        TEST(hostile_messages_are_linear),
        TEST(a_huge_string_is_read_and_its_memory_given_back),
        TEST(an_ordinary_message_allocates_nothing),
        TEST(no_memory_is_an_error_everywhere),
        TEST(reads_one_value),
        TEST(a_value_is_read_at_any_length),
        TEST(a_huge_value_is_read),
        TEST(no_memory_for_a_value_is_an_error),
        cmocka_unit_test(no_memory_for_a_reader_is_null),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
