// SPDX-License-Identifier: MIT
// Weighs JSON libraries for core/protocol/json: ns per message, and what each accepts that RFC 8259 refuses
// or refuses that it accepts. The numbers stand in docs/decisions/0002-json-reader.md. Built by hand: cc -O2
// -std=c11 -D_GNU_SOURCE -Icore tests/bench/json_bench.c core/protocol/json.c -lyajl -lunistring -ljansson
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <yajl/yajl_parse.h>

#define JSMN_STATIC
#define JSMN_STRICT
#define JSMN_PARENT_LINKS // without them it looks for the parent token by token: quadratic
#include <jsmn.h>

// jansson has these names too.
#define JSON_NULL READER_NULL
#define JSON_STRING READER_STRING
#define JSON_OBJECT READER_OBJECT
#define JSON_ARRAY READER_ARRAY
#include "protocol/json.h"
#undef JSON_NULL
#undef JSON_STRING
#undef JSON_OBJECT
#undef JSON_ARRAY

static const char *const NAMES[] = {"op", "id", "channel", "data"};
enum { NAME_COUNT = 4, TOKENS = 64 * 1024, RUNS = 25 };

struct context {
    struct json_reader *reader;
    jsmntok_t *tokens;
};

typedef bool candidate_fn(struct context *context, const char *data, size_t length);

// core/protocol/json: all of what we need.
static bool run_reader(struct context *context, const char *data, size_t length) {
    struct json_member members[NAME_COUNT];
    return json_read(context->reader, data, length, NAMES, NAME_COUNT, members) == JSON_OK;
}

// yajl as it comes: its own malloc, no callbacks, so no spans.
static bool run_yajl(struct context *context, const char *data, size_t length) {
    (void)context;
    yajl_handle handle = yajl_alloc(NULL, NULL, NULL);
    bool ok = yajl_parse(handle, (const unsigned char *)data, length) == yajl_status_ok &&
              yajl_complete_parse(handle) == yajl_status_ok;
    yajl_free(handle);
    return ok;
}

static int skip_token(const jsmntok_t *tokens, int at, int count) {
    int end = tokens[at].end;
    while (at < count && tokens[at].start < end) {
        at++;
    }
    return at;
}

// jsmn: spans of the top level. No unescaping, no validation but its own.
static bool run_jsmn(struct context *context, const char *data, size_t length) {
    jsmn_parser parser;
    jsmn_init(&parser);
    jsmntok_t *tokens = context->tokens;
    int count = jsmn_parse(&parser, data, length, tokens, TOKENS);
    if (count < 1 || tokens[0].type != JSMN_OBJECT) {
        return false;
    }
    int found = 0;
    for (int at = 1; at + 1 < count; at = skip_token(tokens, at + 1, count)) {
        size_t key = (size_t)(tokens[at].end - tokens[at].start);
        for (int i = 0; i < NAME_COUNT; i++) {
            found += strlen(NAMES[i]) == key && memcmp(NAMES[i], data + tokens[at].start, key) == 0;
        }
    }
    return found >= 0;
}

// jansson: a tree and the members out of it; the payload has to be written anew, as the tree has forgotten
// its bytes.
static bool run_jansson(struct context *context, const char *data, size_t length) {
    (void)context;
    json_t *root = json_loadb(data, length, JSON_ALLOW_NUL, NULL);
    if (!json_is_object(root)) {
        json_decref(root);
        return false;
    }
    for (int i = 0; i < NAME_COUNT; i++) {
        json_t *value = json_object_get(root, NAMES[i]);
        if (value && i == NAME_COUNT - 1) {
            free(json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY));
        }
    }
    json_decref(root);
    return true;
}

static const struct {
    const char *name;
    candidate_fn *run;
} CANDIDATES[] = {
    {"core/protocol/json (on yajl)", run_reader},
    {"yajl alone, validating", run_yajl},
    {"jsmn, strict", run_jsmn},
    {"jansson", run_jansson},
};
enum { CANDIDATE_COUNT = sizeof CANDIDATES / sizeof *CANDIDATES };

struct message {
    const char *name;
    char *data;
    size_t length;
};

static void add(struct message *message, const char *text) {
    size_t more = strlen(text);
    message->data = realloc(message->data, message->length + more + 1);
    memcpy(message->data + message->length, text, more + 1);
    message->length += more;
}

static void make_messages(struct message messages[4]) {
    static const char publish[] = "{\"op\":\"publish\",\"id\":3,\"channel\":\"room:42\",\"data\":";
    messages[0].name = "ping";
    add(&messages[0], "{\"op\":\"ping\",\"id\":8}");
    messages[1].name = "subscribe";
    add(&messages[1], "{\"op\":\"subscribe\",\"id\":2,\"channel\":\"room:42\"}");
    messages[2].name = "publish 128 B";
    add(&messages[2], publish);
    add(&messages[2],
        "{\"text\":\"Hello, all of you in here! What is new today?\",\"from\":{\"name\":\"Ada\",\"id\":"
        "1815},\"at\":1700000000.125,\"tags\":[\"a\",\"bc\"]}}");
    messages[3].name = "publish 16 KiB";
    add(&messages[3], publish);
    add(&messages[3], "[");
    for (int i = 0; i < 128; i++) {
        char row[256];
        snprintf(
            row, sizeof row,
            "%s{\"id\":%d,\"name\":\"sensor %d\",\"place\":{\"lat\":52.5%d,\"lon\":13.4%d,\"tags\":[\"roof\","
            "\"n\\u00e4chst\"]},\"on\":true,\"last\":null}",
            i ? "," : "", 1000000 + i, i, i, i);
        add(&messages[3], row);
    }
    add(&messages[3], "]}");
}

static double cpu_seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

// The best of many runs: on a shared machine the others measure the neighbours.
static double nanoseconds(candidate_fn *run, struct context *context, const struct message *message) {
    size_t times = 10 * 1000 * 1000 / (message->length + 200);
    double best = 1e9;
    for (int i = 0; i < RUNS; i++) {
        double start = cpu_seconds();
        for (size_t j = 0; j < times; j++) {
            if (!run(context, message->data, message->length)) {
                abort();
            }
        }
        double took = (cpu_seconds() - start) * 1e9 / (double)times;
        best = took < best ? took : best;
    }
    return best;
}

static void print_speed(struct context *context) {
    struct message messages[4] = {{0}};
    make_messages(messages);
    printf("%-30s", "ns per message");
    for (int i = 0; i < 4; i++) {
        printf(" %10s (%zu)", messages[i].name, messages[i].length);
    }
    for (int i = 0; i < CANDIDATE_COUNT; i++) {
        printf("\n%-30s", CANDIDATES[i].name);
        for (int j = 0; j < 4; j++) {
            printf(" %17.0f", nanoseconds(CANDIDATES[i].run, context, &messages[j]));
        }
    }
    printf("\n\n");
    for (int i = 0; i < 4; i++) {
        free(messages[i].data);
    }
}

static const struct {
    const char *what, *data;
    bool legal;
} CASES[] = {
    {"bare words as values", "{\"a\":truly}", false},
    {"bad numbers", "{\"a\":01.e}", false},
    {"missing comma", "{\"a\":1 \"b\":2}", false},
    {"missing colon", "{\"a\" 1}", false},
    {"trailing comma", "{\"a\":1,}", false},
    {"key that is no string", "{1:2}", false},
    {"second value behind", "{} {}", false},
    {"control character in string", "{\"a\":\"\n\"}", false},
    {"VT, FF as white space", "{\v\f}", false},
    {"UTF-8: lone continuation", "{\"a\":\"\x80\"}", false},
    {"UTF-8: overlong", "{\"a\":\"\xc0\x80\"}", false},
    {"UTF-8: surrogate", "{\"a\":\"\xed\xa0\x80\"}", false},
    {"UTF-8: beyond U+10FFFF", "{\"a\":\"\xf5\x80\x80\x80\"}", false},
    {"comment", "{/**/}", false},
    {"unpaired surrogate escape", "{\"a\":\"\\ud800\"}", true},
    {"1e999", "{\"a\":1e999}", true},
    {"30 digits", "{\"a\":123456789012345678901234567890}", true},
    {"NUL escape", "{\"a\":\"\\u0000\"}", true},
    {"NUL escape in key", "{\"a\\u0000\":1}", true},
};

static void print_verdicts(struct context *context) {
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        printf("%-30s", CASES[i].what);
        for (int j = 0; j < CANDIDATE_COUNT; j++) {
            bool accepted = CANDIDATES[j].run(context, CASES[i].data, strlen(CASES[i].data));
            printf(" %12s%s", accepted ? "accepts" : "refuses",
                   accepted == CASES[i].legal ? "      " : " WRONG");
        }
        printf("\n");
    }
    char *deep = malloc(200 * 1000 + 5);
    memcpy(deep, "{\"a\":", 5);
    memset(deep + 5, '[', 100 * 1000);
    memset(deep + 5 + 100 * 1000, ']', 100 * 1000);
    deep = realloc(deep, 200 * 1000 + 6);
    deep[200 * 1000 + 5] = '}';
    printf("%-30s", "100,000 deep");
    for (int j = 0; j < CANDIDATE_COUNT; j++) {
        bool accepted = CANDIDATES[j].run(context, deep, 200 * 1000 + 6);
        printf(" %12s%s", accepted ? "accepts" : "refuses", accepted ? "      " : " WRONG");
    }
    printf("\n");
    free(deep);
}

int main(void) {
    struct context context = {json_reader_new(), malloc(TOKENS * sizeof(jsmntok_t))};
    if (!context.reader || !context.tokens) {
        return 1;
    }
    print_speed(&context);
    printf("%-30s", "verdicts");
    for (int i = 0; i < CANDIDATE_COUNT; i++) {
        printf(" %.18s", CANDIDATES[i].name);
    }
    printf("\n");
    print_verdicts(&context);
    json_reader_free(context.reader);
    free(context.tokens);
}
