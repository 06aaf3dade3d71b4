// SPDX-License-Identifier: MIT
// Channels with a history, as tests write and read them.
#pragma once

#include "redis_fixture.h"

enum { SIZE = 1000, HOUR = 3600 * 1000 };

static inline struct wshub_bytes text(const char *string) {
    return (struct wshub_bytes){string, strlen(string)};
}

static inline struct wshub_message kept(const char *channel, const char *payload) {
    return (struct wshub_message){
        .channel = text(channel), .payload = text(payload), .history_size = SIZE, .history_ttl = HOUR};
}

// Publishes, and returns the position that was told.
static inline struct host_position put_message(struct plugin_host *host,
                                               const struct wshub_message *message) {
    host->position = (struct host_position){0};
    wshub_token token = plugin_host_publish_message(host, message);
    assert_ends(host, token, WSHUB_OK);
    assert_int_equal(host->position_token, token);
    assert_int_equal(host->position.oldest, 0);
    return host->position;
}

static inline struct host_position put(struct plugin_host *host, const char *channel, const char *payload) {
    struct wshub_message message = kept(channel, payload);
    return put_message(host, &message);
}

static inline void put_numbers(struct plugin_host *host, const char *channel, int first, int last) {
    char payload[16];
    for (int i = first; i <= last; i++) {
        snprintf(payload, sizeof payload, "%d", i);
        put(host, channel, payload);
    }
}

static inline struct host_position ask(struct plugin_host *host, const char *channel,
                                       struct wshub_history_query query) {
    wshub_token token = plugin_host_history(host, channel, query);
    assert_ends(host, token, WSHUB_OK);
    assert_int_equal(host->position_token, token);
    for (size_t i = 0; i < host->found_count; i++) {
        assert_string_equal(host->found[i].channel, channel);
        assert_string_equal(host->found[i].epoch, host->position.epoch);
        assert_int_equal(host->found[i].previous, host->found[i].offset - 1);
    }
    return host->position;
}

static inline struct host_position ask_all(struct plugin_host *host, const char *channel) {
    return ask(host, channel, (struct wshub_history_query){.size = SIZE, .ttl = HOUR, .limit = UINT64_MAX});
}

// What was found are the numbers from first to last, up or down.
static inline void assert_found(const struct plugin_host *host, int first, int last) {
    const int step = first <= last ? 1 : -1;
    char payload[16];
    assert_int_equal(host->found_count, (last - first) * step + 1);
    for (size_t i = 0; i < host->found_count; i++) {
        snprintf(payload, sizeof payload, "%d", first + (int)i * step);
        assert_string_equal(host->found[i].payload, payload);
        assert_int_equal(host->found[i].offset, host->found[0].offset + (uint64_t)((int)i * step));
    }
}

static inline void assert_position(struct host_position position, const char *epoch, uint64_t oldest,
                                   uint64_t newest) {
    assert_string_equal(position.epoch, epoch);
    assert_int_equal(position.oldest, oldest);
    assert_int_equal(position.newest, newest);
}
