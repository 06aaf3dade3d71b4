// SPDX-License-Identifier: MIT
#include "util/log.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "util/utf8.h"

static const char *const level_names[] = {"debug", "info", "warn", "error"};

struct line {
    char text[LOG_LINE_MAX];
    size_t length;
    bool full;
};

static void put(struct line *line, const char *text, size_t length) {
    if (line->full || length > sizeof line->text - line->length) {
        line->full = true;
        return;
    }
    memcpy(line->text + line->length, text, length);
    line->length += length;
}

static void put_string(struct line *line, const char *text) {
    put(line, text, strlen(text));
}

static void put_escape(struct line *line, unsigned unit) {
    char escape[8];
    put(line, escape, (size_t)snprintf(escape, sizeof escape, "\\u%04x", unit & 0xffff));
}

// JSON string escapes serve logfmt's quoted values as well. Of what is not UTF-8 each byte above 0x7f becomes
// U+FFFD: a line is JSON whatever a plugin or a server says, and no terminal takes it for a command.
static void put_quoted(struct line *line, const char *text, size_t length) {
    const bool is_utf8 = utf8_is_valid(text, length);
    put(line, "\"", 1);
    for (size_t i = 0; i < length; i++) {
        unsigned char c = (unsigned char)text[i];
        if (c == '"' || c == '\\') {
            put(line, (char[]){'\\', (char)c}, 2);
        } else if (c < 0x20 || c == 0x7f) {
            put_escape(line, c);
        } else if (c > 0x7f && !is_utf8) {
            put_escape(line, 0xfffd);
        } else if (c == 0xc2 && (unsigned char)text[i + 1] < 0xa0) { // C1
            put_escape(line, (unsigned char)text[++i]);
        } else {
            put(line, text + i, 1);
        }
    }
    put(line, "\"", 1);
}

static bool is_bare(const char *text, size_t length) {
    for (size_t i = 0; i < length; i++) {
        unsigned char c = (unsigned char)text[i];
        if (c <= ' ' || c == '"' || c == '=' || c == '\\' || c == 0x7f) {
            return false;
        }
    }
    return length > 0 && utf8_is_valid(text, length) && !utf8_has_control(text, length);
}

static void put_field(struct line *line, enum log_format format, const struct log_field *field) {
    put_string(line, format == LOG_JSON ? ",\"" : " ");
    put_string(line, field->key);
    put_string(line, format == LOG_JSON ? "\":" : "=");
    if (!field->text) {
        char number[24];
        put(line, number, (size_t)snprintf(number, sizeof number, "%lld", (long long)field->number));
        return;
    }
    size_t length = field->length == SIZE_MAX ? strlen(field->text) : field->length;
    if (format == LOG_LOGFMT && is_bare(field->text, length)) {
        put(line, field->text, length);
    } else {
        put_quoted(line, field->text, length);
    }
}

static void put_time(struct line *line, enum log_format format) {
    struct timespec now;
    struct tm utc;
    char text[64];
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &utc);
    size_t n = strftime(text, sizeof text, format == LOG_JSON ? "{\"time\":\"%FT%T" : "time=%FT%T", &utc);
    put(line, text, n);
    put(line, text, (size_t)snprintf(text, sizeof text, ".%03ldZ", now.tv_nsec / 1000000));
    put_string(line, format == LOG_JSON ? "\"" : "");
}

// Room for the marker and the line's end, which a cut line must still get.
static const char cut_logfmt[] = " cut=true";
static const char cut_json[] = ",\"cut\":true";
enum {
    TAIL = sizeof cut_json + sizeof "}\n",
    EVENT_MAX = 320, // six times that, all escaped, still fits a line
};

void log_event(const struct log *log, enum log_level level, const char *event, const struct log_field *fields,
               size_t count) {
    if (level < log->level) {
        return;
    }
    struct line line = {.length = 0};
    put_time(&line, log->format);
    put_field(&line, log->format, &log_text("level", level_names[level]));
    put_field(&line, log->format, &log_bytes("event", event, utf8_cut(event, strlen(event), EVENT_MAX)));
    for (size_t i = 0; i < count && i < LOG_FIELDS_MAX; i++) {
        size_t mark = line.length;
        put_field(&line, log->format, &fields[i]);
        if (line.full || line.length > sizeof line.text - TAIL) {
            line.length = mark;
            line.full = false;
            put_string(&line, log->format == LOG_JSON ? cut_json : cut_logfmt);
            break;
        }
    }
    put_string(&line, log->format == LOG_JSON ? "}\n" : "\n");
    ssize_t written = write(log->fd, line.text, line.length);
    (void)written; // nobody is left to tell
}
