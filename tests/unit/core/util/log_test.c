// SPDX-License-Identifier: MIT
// The log's descriptor is a socket that keeps message boundaries: one receive is one write(2).
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdio.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "util/log.h"

enum { TIME_LENGTH = sizeof "2026-01-02T03:04:05.678Z" - 1 };

struct sink {
    struct log log;
    int reading;
    char line[2 * LOG_LINE_MAX];
    size_t length;
};

static struct sink sink_open(enum log_format format, enum log_level level) {
    int fds[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, fds), 0);
    return (struct sink){.log = {.fd = fds[0], .level = level, .format = format}, .reading = fds[1]};
}

// The next write; "" when there was none.
static const char *sink_take(struct sink *sink) {
    ssize_t n = recv(sink->reading, sink->line, sizeof sink->line - 1, MSG_DONTWAIT);
    sink->length = n < 0 ? 0 : (size_t)n;
    sink->line[sink->length] = '\0';
    return sink->line;
}

static void sink_close(struct sink *sink) {
    assert_string_equal(sink_take(sink), ""); // one event, one write
    close(sink->log.fd);
    close(sink->reading);
}

static void check_time(const char *text) {
    struct tm utc = {0};
    const char *rest = strptime(text, "%Y-%m-%dT%H:%M:%S", &utc);
    assert_non_null(rest);
    assert_int_equal(rest[0], '.');
    assert_int_equal(strspn(rest + 1, "0123456789"), 3);
    assert_int_equal(rest[4], 'Z');
    struct timespec now; // time() may lag behind it by a tick of the kernel
    clock_gettime(CLOCK_REALTIME, &now);
    time_t age = now.tv_sec - timegm(&utc);
    assert_true(age >= 0 && age < 100);
}

// What stands behind the time.
static const char *take_logfmt(struct sink *sink) {
    const char *line = sink_take(sink);
    assert_memory_equal(line, "time=", 5);
    check_time(line + 5);
    return line + 5 + TIME_LENGTH;
}

static const char *take_json(struct sink *sink) {
    const char *line = sink_take(sink);
    assert_memory_equal(line, "{\"time\":\"", 9);
    check_time(line + 9);
    return line + 9 + TIME_LENGTH;
}

static void logfmt(void **state) {
    (void)state;
    struct sink sink = sink_open(LOG_LOGFMT, LOG_DEBUG);
    log_info(&sink.log, "ready");
    assert_string_equal(take_logfmt(&sink), " level=info event=ready\n");
    log_warn(&sink.log, "two words", log_number("n", -42), log_text("bare", "a:b/c"),
             log_bytes("cut", "abcdef", 3));
    assert_string_equal(take_logfmt(&sink), " level=warn event=\"two words\" n=-42 bare=a:b/c cut=abc\n");
    log_error(&sink.log, "e", log_number("largest", INT64_MAX), log_number("least", INT64_MIN));
    assert_string_equal(take_logfmt(&sink),
                        " level=error event=e largest=9223372036854775807 least=-9223372036854775808\n");
    sink_close(&sink);
}

static void json(void **state) {
    (void)state;
    struct sink sink = sink_open(LOG_JSON, LOG_DEBUG);
    log_debug(&sink.log, "ready");
    assert_string_equal(take_json(&sink), "\",\"level\":\"debug\",\"event\":\"ready\"}\n");
    log_info(&sink.log, "two words", log_number("n", -42), log_text("t", "a"), log_text("empty", ""));
    assert_string_equal(
        take_json(&sink),
        "\",\"level\":\"info\",\"event\":\"two words\",\"n\":-42,\"t\":\"a\",\"empty\":\"\"}\n");
    sink_close(&sink);
}

// A client must not be able to write a line, a key or a quote of its own into the log.
static void escapes(void **state) {
    (void)state;
    static const struct {
        const char *text;
        size_t length;
        const char *logfmt, *json;
    } cases[] = {
        {"", 0, "\"\"", "\"\""},
        {"a b", 3, "\"a b\"", "\"a b\""},
        {"a=b", 3, "\"a=b\"", "\"a=b\""},
        {"a\"b", 3, "\"a\\\"b\"", "\"a\\\"b\""},
        {"a\\b", 3, "\"a\\\\b\"", "\"a\\\\b\""},
        {"a\nlevel=error", 13, "\"a\\u000alevel=error\"", "\"a\\u000alevel=error\""},
        {"\r\t", 2, "\"\\u000d\\u0009\"", "\"\\u000d\\u0009\""},
        {"a\0b", 3, "\"a\\u0000b\"", "\"a\\u0000b\""},
        {"\x1b[31m", 5, "\"\\u001b[31m\"", "\"\\u001b[31m\""},
        {"\x7f", 1, "\"\\u007f\"", "\"\\u007f\""},
        {"h\xc3\xa9", 3, "h\xc3\xa9", "\"h\xc3\xa9\""},
        {"{}[],:'", 7, "{}[],:'", "\"{}[],:'\""},
        {"\x9b[31m", 5, "\"\\ufffd[31m\"", "\"\\ufffd[31m\""}, // not UTF-8, and CSI to some terminals
        {"\xc2\x9b[31m", 6, "\"\\u009b[31m\"", "\"\\u009b[31m\""},
        {"\xc2\x9f\xc2\xa0", 4, "\"\\u009f\xc2\xa0\"", "\"\\u009f\xc2\xa0\""},
        {"a\xe2\x82", 3, "\"a\\ufffd\\ufffd\"", "\"a\\ufffd\\ufffd\""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char expected[100];
        struct sink sink = sink_open(LOG_LOGFMT, LOG_DEBUG);
        log_info(&sink.log, "e", log_bytes("k", cases[i].text, cases[i].length));
        snprintf(expected, sizeof expected, " level=info event=e k=%s\n", cases[i].logfmt);
        assert_string_equal(take_logfmt(&sink), expected);
        sink.log.format = LOG_JSON;
        log_info(&sink.log, "e", log_bytes("k", cases[i].text, cases[i].length));
        snprintf(expected, sizeof expected, "\",\"level\":\"info\",\"event\":\"e\",\"k\":%s}\n",
                 cases[i].json);
        assert_string_equal(take_json(&sink), expected);
        sink_close(&sink);
    }
}

static void levels(void **state) {
    (void)state;
    static const char *const names[] = {"debug", "info", "warn", "error"};
    for (int least = LOG_DEBUG; least <= LOG_ERROR; least++) {
        struct sink sink = sink_open(LOG_LOGFMT, (enum log_level)least);
        for (int level = LOG_DEBUG; level <= LOG_ERROR; level++) {
            log_event(&sink.log, (enum log_level)level, "e", NULL, 0);
            char expected[50];
            snprintf(expected, sizeof expected, " level=%s event=e\n", names[level]);
            if (level < least) {
                assert_string_equal(sink_take(&sink), "");
            } else {
                assert_string_equal(take_logfmt(&sink), expected);
            }
        }
        sink_close(&sink);
    }
}

// At every length around the limit: a line is whole, or cut before the field that does not fit, and says so.
static void long_lines_are_cut_at_a_field(void **state) {
    (void)state;
    static char text[LOG_LINE_MAX + 100];
    memset(text, 'x', sizeof text);
    bool was_whole = false, was_cut = false;
    for (int format = LOG_LOGFMT; format <= LOG_JSON; format++) {
        struct sink sink = sink_open((enum log_format)format, LOG_DEBUG);
        for (size_t length = LOG_LINE_MAX - 150; length < sizeof text; length++) {
            log_info(&sink.log, "e", log_number("first", 1), log_bytes("long", text, length),
                     log_number("last", 2));
            const char *line = format == LOG_JSON ? take_json(&sink) : take_logfmt(&sink);
            assert_true(sink.length <= LOG_LINE_MAX);
            assert_int_equal(sink.line[sink.length - 1], '\n');
            assert_ptr_equal(strchr(sink.line, '\n'), sink.line + sink.length - 1);
            const char *end = format == LOG_JSON ? ",\"cut\":true}\n" : " cut=true\n";
            const char *last = format == LOG_JSON ? ",\"last\":2}\n" : " last=2\n";
            const char *tail = sink.line + sink.length;
            bool cut = strcmp(tail - strlen(end), end) == 0;
            assert_true(cut || strcmp(tail - strlen(last), last) == 0);
            bool has_long = strstr(line, "long") != NULL;
            assert_int_equal(strspn(has_long ? strchr(line, 'x') : "", "x"), has_long ? length : 0);
            assert_non_null(strstr(line, format == LOG_JSON ? "\"first\":1" : "first=1"));
            was_cut |= cut;
            was_whole |= !cut;
        }
        sink_close(&sink);
    }
    assert_true(was_whole && was_cut);
}

static void a_field_that_grows_by_escapes_is_cut_too(void **state) {
    (void)state;
    static char text[LOG_LINE_MAX / 2];
    memset(text, '\n', sizeof text);
    struct sink sink = sink_open(LOG_JSON, LOG_DEBUG);
    log_info(&sink.log, "e", log_bytes("long", text, sizeof text));
    assert_string_equal(take_json(&sink), "\",\"level\":\"info\",\"event\":\"e\",\"cut\":true}\n");
    sink_close(&sink);
}

// Someone who puts a whole sentence into the event still gets one whole line.
static void an_event_that_does_not_fit_is_still_a_line(void **state) {
    (void)state;
    static char text[LOG_LINE_MAX + 10];
    for (int format = LOG_LOGFMT; format <= LOG_JSON; format++) {
        struct sink sink = sink_open((enum log_format)format, LOG_DEBUG);
        for (size_t length = LOG_LINE_MAX - 150; length < sizeof text - 1; length++) {
            memset(text, 'x', length);
            text[length] = '\0';
            log_info(&sink.log, text, log_number("n", 1));
            sink_take(&sink);
            assert_true(sink.length > 0 && sink.length <= LOG_LINE_MAX);
            assert_string_equal(sink.line + sink.length - (format == LOG_JSON ? 2 : 1),
                                format == LOG_JSON ? "}\n" : "\n");
            int quotes = 0;
            for (const char *p = sink.line; *p; p++) {
                quotes += *p == '"';
            }
            assert_int_equal(quotes % 2, 0);
        }
        sink_close(&sink);
    }
}

static void at_most_sixteen_fields(void **state) {
    (void)state;
    struct log_field fields[LOG_FIELDS_MAX + 1];
    for (int i = 0; i <= LOG_FIELDS_MAX; i++) {
        fields[i] = log_number("n", i);
    }
    struct sink sink = sink_open(LOG_LOGFMT, LOG_DEBUG);
    log_event(&sink.log, LOG_INFO, "e", fields, LOG_FIELDS_MAX);
    assert_non_null(strstr(take_logfmt(&sink), " n=15\n"));
    log_event(&sink.log, LOG_INFO, "e", fields, LOG_FIELDS_MAX + 1);
    assert_null(strstr(take_logfmt(&sink), " n=16\n"));
    sink_close(&sink);
}

enum { THREADS = 8, LINES = 500 };

static void *log_many(void *self) {
    const struct log *log = self;
    for (int i = 0; i < LINES; i++) {
        log_info(log, "many", log_number("i", i), log_text("text", "a b c"));
    }
    return NULL;
}

static void lines_of_many_threads_stay_whole(void **state) {
    (void)state;
    struct sink sink = sink_open(LOG_LOGFMT, LOG_DEBUG);
    pthread_t threads[THREADS];
    int seen[LINES] = {0};
    for (int i = 0; i < THREADS; i++) {
        pthread_create(&threads[i], NULL, log_many, &sink.log);
    }
    for (int n = 0; n < THREADS * LINES; n++) {
        int i = -1;
        char end = 0;
        ssize_t length = recv(sink.reading, sink.line, sizeof sink.line - 1, 0);
        assert_true(length > 0);
        sink.line[length] = '\0';
        const char *rest = strstr(sink.line, " level=");
        assert_non_null(rest);
        assert_int_equal(sscanf(rest, " level=info event=many i=%d text=\"a b c\"%c", &i, &end), 2);
        assert_int_equal(end, '\n');
        assert_in_range(i, 0, LINES - 1);
        seen[i]++;
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
    for (int i = 0; i < LINES; i++) {
        assert_int_equal(seen[i], THREADS);
    }
    sink_close(&sink);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(logfmt),
        cmocka_unit_test(json),
        cmocka_unit_test(escapes),
        cmocka_unit_test(levels),
        cmocka_unit_test(long_lines_are_cut_at_a_field),
        cmocka_unit_test(a_field_that_grows_by_escapes_is_cut_too),
        cmocka_unit_test(an_event_that_does_not_fit_is_still_a_line),
        cmocka_unit_test(at_most_sixteen_fields),
        cmocka_unit_test(lines_of_many_threads_stay_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
