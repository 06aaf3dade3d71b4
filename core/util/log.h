// SPDX-License-Identifier: MIT
// One line per event, as logfmt or JSON, on one file descriptor. Any thread may log: a line leaves in one
// write(2). No secret ever goes in here: options marked secret stay with the plugin, tokens and payloads are
// never logged.
#pragma once

#include <stddef.h>
#include <stdint.h>

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };
enum log_format { LOG_LOGFMT, LOG_JSON };

struct log {
    int fd;
    enum log_level level; // events below it are dropped
    enum log_format format;
};

struct log_field {
    const char *key;
    const char *text; // NULL: the field is `number`
    size_t length;    // of text
    int64_t number;
};

#define log_text(key_, text_) ((struct log_field){.key = (key_), .text = (text_), .length = SIZE_MAX})
#define log_bytes(key_, data_, length_) \
    ((struct log_field){.key = (key_), .text = (const char *)(data_), .length = (length_)})
#define log_number(key_, number_) ((struct log_field){.key = (key_), .number = (int64_t)(number_)})

// The event is a short fixed phrase; what varies goes into fields, at most LOG_FIELDS_MAX of them. A line
// longer than LOG_LINE_MAX is cut at a field, and says so.
#define LOG_FIELDS_MAX 16
#define LOG_LINE_MAX 2048

void log_event(const struct log *log, enum log_level level, const char *event, const struct log_field *fields,
               size_t count);

#define LOG_EVENT_(log_, level_, event_, ...)                                           \
    log_event(log_, level_, event_, (const struct log_field[]){{0}, ##__VA_ARGS__} + 1, \
              sizeof((const struct log_field[]){{0}, ##__VA_ARGS__}) / sizeof(struct log_field) - 1)
#define log_debug(log_, event_, ...) LOG_EVENT_(log_, LOG_DEBUG, event_, ##__VA_ARGS__)
#define log_info(log_, event_, ...) LOG_EVENT_(log_, LOG_INFO, event_, ##__VA_ARGS__)
#define log_warn(log_, event_, ...) LOG_EVENT_(log_, LOG_WARN, event_, ##__VA_ARGS__)
#define log_error(log_, event_, ...) LOG_EVENT_(log_, LOG_ERROR, event_, ##__VA_ARGS__)
