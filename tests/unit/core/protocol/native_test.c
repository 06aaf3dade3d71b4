// SPDX-License-Identifier: MIT
// The native protocol: what each frame is understood as.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "hub/asks.h"
#include "hub/message.h"
#include "hub/position.h"
#include "protocol/json.h"
#include "protocol/native.h"
#include "util/buf.h"

#define SAY(text_) text_, sizeof text_ - 1

// ---- decoding

struct decoded {
    int times;
    struct operation operation;
    char exclude[2048]; // what is excluded is lent for the call only
};

static void on_operation(void *context, const struct operation *operation) {
    struct decoded *decoded = context;
    decoded->times++;
    decoded->operation = *operation;
    snprintf(decoded->exclude, sizeof decoded->exclude, "%.*s", (int)operation->exclude.length,
             operation->exclude.length > 0 ? operation->exclude.data : "");
}

static int make_reader(void **state) {
    *state = json_reader_new();
    return *state ? 0 : -1;
}

static int free_reader(void **state) {
    json_reader_free(*state);
    return 0;
}

static struct operation decode(struct json_reader *json, const char *text, size_t length) {
    struct decoded decoded = {0};
    native_decode(json, text, length, on_operation, &decoded);
    assert_int_equal(decoded.times, 1);
    return decoded.operation;
}

static bool is(struct span span, const char *text) {
    return span.length == strlen(text) && (span.length == 0 || memcmp(span.data, text, span.length) == 0);
}

static const struct {
    const char *text;
    enum verb verb;
    const char *id, *channel, *data;
    bool has_position;
} understood[] = {
    {"{\"op\":\"subscribe\",\"id\":1,\"channel\":\"room:1\"}", VERB_SUBSCRIBE, "1", "room:1", "", false},
    {"{\"op\":\"subscribe\",\"channel\":\"room:1\"}", VERB_SUBSCRIBE, "", "room:1", "", false},
    {"{\"op\":\"subscribe\",\"id\":1,\"channel\":\"r\",\"since\":{\"epoch\":\"k3f\",\"offset\":41}}",
     VERB_SUBSCRIBE, "1", "r", "", true},
    {"{\"op\":\"unsubscribe\",\"id\":2,\"channel\":\"room:1\"}", VERB_UNSUBSCRIBE, "2", "room:1", "", false},
    {"{\"op\":\"publish\",\"id\":3,\"channel\":\"room:1\",\"data\":{\"text\":\"hi\"}}", VERB_PUBLISH, "3",
     "room:1", "{\"text\":\"hi\"}", false},
    {"{\"op\":\"history\",\"id\":4,\"channel\":\"r\",\"limit\":50}", VERB_HISTORY, "4", "r", "", false},
    {"{\"op\":\"presence\",\"id\":5,\"channel\":\"r\"}", VERB_PRESENCE, "5", "r", "", false},
    {"{\"op\":\"send\",\"id\":6,\"to\":{\"user\":\"42\"},\"data\":[]}", VERB_SEND, "6", "", "[]", false},
    {"{\"op\":\"refresh\",\"id\":7,\"token\":\"x\"}", VERB_REFRESH, "7", "", "", false},
    {"{\"op\":\"connect\",\"id\":7,\"token\":\"x\"}", VERB_CONNECT, "7", "", "", false},
    {"{\"op\":\"ping\",\"id\":8}", VERB_PING, "8", "", "", false},
    {"{\"op\":\"ping\"}", VERB_PING, "", "", "", false},
    // Any order, any space, members that nobody knows.
    {" {\n\"data\" : 1 ,\t\"x\":{\"op\":\"ping\"},\"channel\":\"r\",\"op\":\"publish\"\r\n} ", VERB_PUBLISH,
     "", "r", "1", false},
    // An id comes back as it was sent, whatever its type.
    {"{\"op\":\"ping\",\"id\":\"a\\u0062\"}", VERB_PING, "\"a\\u0062\"", "", "", false},
    {"{\"op\":\"ping\",\"id\":\"\"}", VERB_PING, "\"\"", "", "", false},
    {"{\"op\":\"ping\",\"id\":-1.50e+3}", VERB_PING, "-1.50e+3", "", "", false},
    {"{\"op\":\"ping\",\"id\":123456789012345678901234567890}", VERB_PING, "123456789012345678901234567890",
     "", "", false},
    // Names and channels are unescaped; data is not touched.
    {"{\"\\u006fp\":\"pi\\u006eg\"}", VERB_PING, "", "", "", false},
    {"{\"op\":\"subscribe\",\"channel\":\"a\\/b\\u00e9\"}", VERB_SUBSCRIBE, "", "a/b\xc3\xa9", "", false},
    {"{\"op\":\"publish\",\"channel\":\"r\",\"data\":{ \"a\" : \"\\u00e9\\ud800\" }}", VERB_PUBLISH, "", "r",
     "{ \"a\" : \"\\u00e9\\ud800\" }", false},
    {"{\"op\":\"publish\",\"channel\":\"r\",\"data\":null}", VERB_PUBLISH, "", "r", "null", false},
    {"{\"op\":\"publish\",\"channel\":\"r\",\"data\":\"text\"}", VERB_PUBLISH, "", "r", "\"text\"", false},
    // The hub judges a channel's name, not the protocol.
    {"{\"op\":\"subscribe\",\"channel\":\"\"}", VERB_SUBSCRIBE, "", "", "", false},
};

static void operations_are_understood(void **state) {
    for (size_t i = 0; i < sizeof understood / sizeof *understood; i++) {
        struct operation o = decode(*state, understood[i].text, strlen(understood[i].text));
        if (o.verb != understood[i].verb || !is(o.id, understood[i].id) ||
            !is(o.channel, understood[i].channel) || !is(o.data, understood[i].data) ||
            o.has_position != understood[i].has_position) {
            fail_msg("%s: verb %d, %s", understood[i].text, o.verb, o.detail ? o.detail : "");
        }
        assert_int_equal(o.error, ERROR_NONE);
    }
}

#define HALF "a string holds half of a surrogate pair"

static const struct {
    const char *text;
    enum error_code error;
    const char *id, *detail;
} refused[] = {
    {"", ERROR_BAD_REQUEST, "", "not one JSON object"},
    {"hello", ERROR_BAD_REQUEST, "", "not one JSON object"},
    {"[]", ERROR_BAD_REQUEST, "", "not one JSON object"},
    {"\"op\"", ERROR_BAD_REQUEST, "", "not one JSON object"},
    {"{\"op\":\"ping\",\"id\":1", ERROR_BAD_REQUEST, "", "not one JSON object"},
    {"{\"op\":\"ping\",\"id\":1}{}", ERROR_BAD_REQUEST, "", "not one JSON object"},
    {"{\"op\":\"ping\",\"id\":01}", ERROR_BAD_REQUEST, "", "not one JSON object"},
    {"{\"op\":\"ping\",\"id\":\"\xff\"}", ERROR_BAD_REQUEST, "", "not one JSON object"},
    {"{\"op\":\"ping\",\"op\":\"ping\"}", ERROR_BAD_REQUEST, "", "a member stands there twice"},
    {"{\"op\":\"ping\",\"id\":1,\"\\u0069d\":2}", ERROR_BAD_REQUEST, "", "a member stands there twice"},
    {"{}", ERROR_BAD_REQUEST, "", "\"op\" must be a string"},
    {"{\"id\":1}", ERROR_BAD_REQUEST, "1", "\"op\" must be a string"},
    {"{\"op\":1,\"id\":1}", ERROR_BAD_REQUEST, "1", "\"op\" must be a string"},
    {"{\"op\":null,\"id\":1}", ERROR_BAD_REQUEST, "1", "\"op\" must be a string"},
    {"{\"op\":\"\\udc00\",\"id\":1}", ERROR_BAD_REQUEST, "1", "\"op\" must be a string"},
    {"{\"op\":\"ping\",\"id\":null}", ERROR_BAD_REQUEST, "", "\"id\" must be a number or a string"},
    {"{\"op\":\"ping\",\"id\":[1]}", ERROR_BAD_REQUEST, "", "\"id\" must be a number or a string"},
    {"{\"op\":\"ping\",\"id\":true}", ERROR_BAD_REQUEST, "", "\"id\" must be a number or a string"},
    {"{\"op\":\"Ping\",\"id\":1}", ERROR_UNKNOWN_OP, "1",
     "known ops are subscribe, unsubscribe, publish, history, presence, send, connect, refresh and ping"},
    {"{\"op\":\"ping\\u0000\",\"id\":1}", ERROR_UNKNOWN_OP, "1",
     "known ops are subscribe, unsubscribe, publish, history, presence, send, connect, refresh and ping"},
    {"{\"op\":\"\",\"id\":1}", ERROR_UNKNOWN_OP, "1",
     "known ops are subscribe, unsubscribe, publish, history, presence, send, connect, refresh and ping"},
    {"{\"op\":\"subscribe\",\"id\":1}", ERROR_BAD_REQUEST, "1", "this op needs a \"channel\""},
    {"{\"op\":\"subscribe\",\"id\":1,\"channel\":7}", ERROR_BAD_REQUEST, "1", "\"channel\" must be a string"},
    {"{\"op\":\"subscribe\",\"id\":1,\"channel\":null}", ERROR_BAD_REQUEST, "1",
     "\"channel\" must be a string"},
    {"{\"op\":\"subscribe\",\"id\":1,\"channel\":\"\\ud800\"}", ERROR_BAD_REQUEST, "1", HALF},
    {"{\"op\":\"subscribe\",\"id\":1,\"channel\":\"r\",\"since\":3}", ERROR_BAD_REQUEST, "1",
     "\"since\" must be an object with \"epoch\" and \"offset\""},
    {"{\"op\":\"unsubscribe\",\"id\":1}", ERROR_BAD_REQUEST, "1", "this op needs a \"channel\""},
    {"{\"op\":\"publish\",\"id\":1,\"data\":1}", ERROR_BAD_REQUEST, "1", "this op needs a \"channel\""},
    {"{\"op\":\"publish\",\"id\":1,\"channel\":\"r\"}", ERROR_BAD_REQUEST, "1", "this op needs \"data\""},
    {"{\"op\":\"history\",\"id\":1}", ERROR_BAD_REQUEST, "1", "this op needs a \"channel\""},
    {"{\"op\":\"presence\",\"id\":1}", ERROR_BAD_REQUEST, "1", "this op needs a \"channel\""},
    {"{\"op\":\"send\",\"id\":1,\"data\":1}", ERROR_BAD_REQUEST, "1",
     "this op needs a \"to\" with a \"user\" or a \"connection\""},
    {"{\"op\":\"send\",\"id\":1,\"data\":1,\"to\":\"me\"}", ERROR_BAD_REQUEST, "1",
     "\"to\" must be an object"},
    {"{\"op\":\"send\",\"id\":1,\"to\":{}}", ERROR_BAD_REQUEST, "1", "this op needs \"data\""},
    {"{\"op\":\"refresh\",\"id\":1}", ERROR_BAD_REQUEST, "1", "this op needs a \"token\""},
    {"{\"op\":\"refresh\",\"id\":1,\"token\":1}", ERROR_BAD_REQUEST, "1", "\"token\" must be a string"},
    {"{\"op\":\"refresh\",\"id\":1,\"token\":\"\"}", ERROR_BAD_REQUEST, "1", "\"token\" must not be empty"},
    {"{\"op\":\"connect\",\"id\":1}", ERROR_BAD_REQUEST, "1", "this op needs a \"token\""},
    {"{\"op\":\"connect\",\"id\":1,\"token\":\"\"}", ERROR_BAD_REQUEST, "1", "\"token\" must not be empty"},
    {"{\"op\":\"connect\",\"id\":1,\"token\":\"\\ud800\"}", ERROR_BAD_REQUEST, "1", HALF},
};

static void the_rest_is_refused_in_words(void **state) {
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        struct operation o = decode(*state, refused[i].text, strlen(refused[i].text));
        if (o.verb != VERB_NONE || o.error != refused[i].error || !is(o.id, refused[i].id) || !o.detail ||
            strcmp(o.detail, refused[i].detail) != 0) {
            fail_msg("%s: verb %d, error %d, %s", refused[i].text, o.verb, o.error, o.detail ? o.detail : "");
        }
    }
}

static void an_id_has_at_most_128_bytes(void **state) {
    for (size_t digits = 127; digits <= 130; digits++) {
        char text[200] = "{\"op\":\"ping\",\"id\":";
        size_t start = strlen(text);
        memset(text + start, '1', digits);
        memcpy(text + start + digits, "}", 2);
        struct operation o = decode(*state, text, strlen(text));
        assert_int_equal(o.verb, digits <= 128 ? VERB_PING : VERB_NONE);
        assert_int_equal(o.id.length, digits <= 128 ? digits : 0);
        if (digits > 128) {
            assert_string_equal(o.detail, "\"id\" has at most 128 bytes");
        }
    }
}

static void a_nul_in_the_input_is_a_byte(void **state) {
    struct operation o = decode(*state, SAY("{\"op\":\"ping\"}\0"));
    assert_int_equal(o.verb, VERB_NONE);
    o = decode(*state, SAY("{\"op\":\"subscribe\",\"channel\":\"a\\u0000b\"}"));
    assert_int_equal(o.verb, VERB_SUBSCRIBE);
    assert_int_equal(o.channel.length, 3);
    assert_memory_equal(o.channel.data, "a\0b", 3);
}

// ---- what other members hold

static void a_position_is_read(void **state) {
    static const struct {
        const char *since;
        const char *epoch; // NULL: refused
        uint64_t offset;
    } cases[] = {
        {"{\"epoch\":\"k3f\",\"offset\":41}", "k3f", 41},
        {"{ \"offset\" : 0 , \"x\":[], \"epoch\":\"a\\u002db\" }", "a-b", 0},
        {"{\"epoch\":\"e\",\"offset\":18446744073709551615}", "e", UINT64_MAX},
        {"{\"epoch\":\"e\",\"offset\":18446744073709551616}", NULL, 0},
        {"{\"epoch\":\"e\",\"offset\":-1}", NULL, 0},
        {"{\"epoch\":\"e\",\"offset\":1.0}", NULL, 0},
        {"{\"epoch\":\"e\",\"offset\":1e2}", NULL, 0},
        {"{\"epoch\":\"e\",\"offset\":\"1\"}", NULL, 0},
        {"{\"epoch\":\"e\"}", NULL, 0},
        {"{\"offset\":1}", NULL, 0},
        {"{\"epoch\":\"\",\"offset\":1}", NULL, 0},
        {"{\"epoch\":\"a b\",\"offset\":1}", NULL, 0},
        {"{\"epoch\":\"\\ud800\",\"offset\":1}", NULL, 0},
        {"{\"epoch\":\"e\",\"epoch\":\"f\",\"offset\":1}", NULL, 0},
        {"{}", NULL, 0},
        {"[]", NULL, 0},
    };
    char text[256];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        snprintf(text, sizeof text,
                 "{\"op\":\"subscribe\",\"id\":\"\\u0031\",\"channel\":\"\\u0072\",\"since\":%s}",
                 cases[i].since);
        struct operation o = decode(*state, text, strlen(text));
        if (cases[i].epoch) {
            assert_int_equal(o.verb, VERB_SUBSCRIBE);
            assert_true(o.has_position && is(o.epoch, cases[i].epoch) && o.offset == cases[i].offset);
            assert_true(is(o.channel, "r")); // what was unescaped before is still there
        } else if (o.verb != VERB_NONE || o.error != ERROR_BAD_REQUEST || !is(o.id, "\"\\u0031\"")) {
            fail_msg("%s: not refused", cases[i].since);
        }
    }
}

static void a_target_is_read(void **state) {
    static const struct {
        const char *to;
        const char *user, *connection; // NULL: refused
    } cases[] = {
        {"{\"user\":\"42\"}", "42", ""},
        {"{\"user\":\"a\\u00e9\"}", "a\xc3\xa9", ""},
        {"{\"connection\":\"0123456789abcdef0123456789abcdef\"}", "", "0123456789abcdef0123456789abcdef"},
        {"{\"connection\":\"0123456789ABCDEF0123456789abcdef\"}", NULL, NULL},
        {"{\"connection\":\"0123\"}", NULL, NULL},
        {"{\"connection\":1}", NULL, NULL},
        {"{\"user\":42}", NULL, NULL},
        {"{\"user\":\"\"}", NULL, NULL},
        {"{\"user\":\"a\",\"connection\":\"0123456789abcdef0123456789abcdef\"}", NULL, NULL},
        {"{}", NULL, NULL},
        {"[\"user\"]", NULL, NULL},
    };
    char text[256];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        snprintf(text, sizeof text, "{\"op\":\"send\",\"id\":1,\"data\":{\"a\":1},\"to\":%s}", cases[i].to);
        struct operation o = decode(*state, text, strlen(text));
        if (cases[i].user) {
            assert_int_equal(o.verb, VERB_SEND);
            assert_true(is(o.to_user, cases[i].user) && is(o.to_connection, cases[i].connection));
            assert_true(is(o.data, "{\"a\":1}"));
        } else if (o.verb != VERB_NONE || o.error != ERROR_BAD_REQUEST) {
            fail_msg("%s: not refused", cases[i].to);
        }
    }
}

static void limits_keys_and_flags_are_read(void **state) {
    struct operation o = decode(*state, SAY("{\"op\":\"history\",\"channel\":\"r\"}"));
    assert_false(o.has_limit || o.backwards || o.has_position);
    o = decode(*state, SAY("{\"op\":\"history\",\"channel\":\"r\",\"limit\":0,\"reverse\":true}"));
    assert_true(o.has_limit && o.backwards && o.limit == 0);
    o = decode(*state, SAY("{\"op\":\"history\",\"channel\":\"r\",\"limit\":1000,\"reverse\":false}"));
    assert_true(o.has_limit && !o.backwards && o.limit == 1000);
    o = decode(*state, SAY("{\"op\":\"presence\",\"channel\":\"r\",\"count\":true}"));
    assert_true(o.count_only);
    o = decode(*state, SAY("{\"op\":\"publish\",\"channel\":\"r\",\"data\":1,\"key\":\"a\\u002fb\"}"));
    assert_true(is(o.key, "a/b"));
    static const char *const wrong[] = {
        "{\"op\":\"history\",\"channel\":\"r\",\"limit\":1001}",
        "{\"op\":\"history\",\"channel\":\"r\",\"limit\":-1}",
        "{\"op\":\"history\",\"channel\":\"r\",\"limit\":1.0}",
        "{\"op\":\"history\",\"channel\":\"r\",\"limit\":\"1\"}",
        "{\"op\":\"history\",\"channel\":\"r\",\"reverse\":1}",
        "{\"op\":\"presence\",\"channel\":\"r\",\"count\":null}",
        "{\"op\":\"publish\",\"channel\":\"r\",\"data\":1,\"key\":\"\"}",
        "{\"op\":\"publish\",\"channel\":\"r\",\"data\":1,\"key\":\"a b\"}",
        "{\"op\":\"publish\",\"channel\":\"r\",\"data\":1,\"key\":\"\\u00e9\"}",
        "{\"op\":\"publish\",\"channel\":\"r\",\"data\":1,\"key\":1}",
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        o = decode(*state, wrong[i], strlen(wrong[i]));
        if (o.verb != VERB_NONE || o.error != ERROR_BAD_REQUEST) {
            fail_msg("%s: not refused", wrong[i]);
        }
    }
}

static void what_an_op_does_not_know_is_ignored(void **state) {
    static const char text[] =
        "{\"op\":\"publish\",\"channel\":\"r\",\"data\":1,\"since\":3,\"to\":[],\"token\":7,"
        "\"limit\":\"x\",\"reverse\":1,\"count\":[1]}";
    struct operation o = decode(*state, text, strlen(text));
    assert_int_equal(o.verb, VERB_PUBLISH);
    assert_false(o.has_position || o.has_limit || o.backwards || o.count_only);
}

// ---- exclude

#define A "0123456789abcdef0123456789abcdef"
#define B "ffffffffffffffffffffffffffffffff"

static const struct {
    const char *exclude, *read; // NULL: refused
} excludes[] = {
    {"[]", ""},
    {"[ \n]", ""},
    {"[\"" A "\"]", A},
    {"[\"" A "\",\"" B "\"]", A " " B},
    {" [ \"" A "\"\t,\r\n\"" B "\" ] ", A " " B},
    {"[\"" A "\",\"" A "\"]", A " " A},
    {"[1]", NULL},
    {"[null]", NULL},
    {"[\"\"]", NULL},
    {"[\"abc\"]", NULL},
    {"[\"" A "0\"]", NULL},
    {"[\"0123456789ABCDEF0123456789abcdef\"]", NULL},
    {"[\"\\u0030"
     "123456789abcdef0123456789abcdef\"]",
     NULL}, // ids need no escapes
    {"[\"0123456789abcdef0123456789abcde\\n\"]", NULL},
    {"[\"" A "\",2]", NULL},
    {"[[\"" A "\"]]", NULL},
    {"[{\"" A "\":1}]", NULL},
};

static struct decoded publish_excluding(struct json_reader *json, const char *exclude) {
    char text[2048];
    struct decoded decoded = {0};
    snprintf(text, 2048, "{\"op\":\"publish\",\"id\":1,\"channel\":\"r\",\"exclude\":%s,\"data\":1}",
             exclude);
    native_decode(json, text, strlen(text), on_operation, &decoded);
    assert_int_equal(decoded.times, 1);
    decoded.operation.id = (struct span){NULL, 0}; // they stand in `text`
    decoded.operation.channel = decoded.operation.data = decoded.operation.id;
    return decoded;
}

static void a_publish_may_exclude_connections(void **state) {
    for (size_t i = 0; i < sizeof excludes / sizeof *excludes; i++) {
        struct decoded decoded = publish_excluding(*state, excludes[i].exclude);
        struct operation o = decoded.operation;
        if (excludes[i].read) {
            assert_int_equal(o.verb, VERB_PUBLISH);
            assert_string_equal(decoded.exclude, excludes[i].read);
        } else if (o.verb != VERB_NONE || o.error != ERROR_BAD_REQUEST) {
            fail_msg("%s: not refused", excludes[i].exclude);
        } else {
            assert_string_equal(o.detail, "\"exclude\" must be an array of at most 32 connection ids");
        }
    }
    struct operation o = publish_excluding(*state, "\"" A "\"").operation;
    assert_int_equal(o.verb, VERB_NONE);
    assert_string_equal(o.detail, "\"exclude\" must be an array of connection ids");
    // Of other ops it means nothing.
    o = decode(*state, SAY("{\"op\":\"subscribe\",\"channel\":\"r\",\"exclude\":[1]}"));
    assert_int_equal(o.verb, VERB_SUBSCRIBE);
    assert_int_equal(o.exclude.length, 0);
}

static void at_most_32_are_excluded(void **state) {
    for (int count = 31; count <= 33; count++) {
        char list[1400] = "[";
        for (int i = 0; i < count; i++) {
            strcat(list, i > 0 ? ",\"" A "\"" : "\"" A "\"");
        }
        strcat(list, "]");
        struct operation o = publish_excluding(*state, list).operation;
        assert_int_equal(o.verb, count <= 32 ? VERB_PUBLISH : VERB_NONE);
        assert_int_equal(o.exclude.length, count <= 32 ? count * 33 - 1 : 0);
    }
}

// ---- channel names

static void channel_names_are_judged(void **state) {
    static const struct {
        const char *name;
        bool good;
    } cases[] = {
        {"a", true},
        {"room:1/\xc3\xa9 \xf0\x9f\x98\x80", true},
        {" ", true},
        {"\xc2\xa0", true}, // the first behind the C1 controls
        {"", false},
        {"a\n", false},
        {"\x1f", false},
        {"\x7f", false},
        {"a\xc2\x80", false},
        {"\xc2\x9f"
         "b",
         false},
    };
    char name[257];
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *wrong = channel_name_error((struct span){cases[i].name, strlen(cases[i].name)});
        assert_int_equal(wrong == NULL, cases[i].good);
    }
    assert_non_null(channel_name_error((struct span){"\0", 1}));
    memset(name, 'a', sizeof name);
    assert_null(channel_name_error((struct span){name, 255}));
    assert_non_null(channel_name_error((struct span){name, 256}));
}

static void a_token_is_taken_without_its_escapes(void **state) {
    static const char text[] = "{\"op\":\"connect\",\"token\":\"a\\u002eb\"}";
    struct operation o = decode(*state, text, strlen(text));
    assert_int_equal(o.verb, VERB_CONNECT);
    assert_true(is(o.token, "a.b"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(operations_are_understood),
        cmocka_unit_test(the_rest_is_refused_in_words),
        cmocka_unit_test(an_id_has_at_most_128_bytes),
        cmocka_unit_test(a_nul_in_the_input_is_a_byte),
        cmocka_unit_test(a_position_is_read),
        cmocka_unit_test(a_target_is_read),
        cmocka_unit_test(limits_keys_and_flags_are_read),
        cmocka_unit_test(what_an_op_does_not_know_is_ignored),
        cmocka_unit_test(a_publish_may_exclude_connections),
        cmocka_unit_test(at_most_32_are_excluded),
        cmocka_unit_test(channel_names_are_judged),
        cmocka_unit_test(a_token_is_taken_without_its_escapes),
    };
    return cmocka_run_group_tests(tests, make_reader, free_reader);
}
