// SPDX-License-Identifier: MIT
// The host of abi-run: a loop, and services that are as strict as the contract. What a plugin tells is kept
// as text. Belongs to one thread; a breach fails the test.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wshub/wshub.h"

enum { DEADLINE_MS = 20000, MOST = 16, TEXT = 256 };

struct wshub_timer {
    wshub_timer_fn fn;
    void *context;
    bool used, armed;
    uint64_t due;
};

struct wshub_watch {
    wshub_watch_fn fn;
    void *context;
    bool used;
    int fd;
    unsigned events;
};

struct host {
    struct wshub_host table;
    const struct wshub_plugin *plugin;
    const struct wshub_broker *broker; // or
    const struct wshub_auth *auth;
    void *self; // the plugin's

    struct {
        wshub_post_fn fn;
        void *context;
    } posts[MOST];
    unsigned post_count;
    struct wshub_timer timers[MOST];
    struct wshub_watch watches[MOST];

    unsigned links, refusals, lines;
    enum wshub_link_state link;
    const char *title; // what the option "title" is now

    wshub_token token; // the last one given out
    bool completed;
    int status;
    unsigned deliveries, entries, positions;
    uint32_t flags;       // of the last delivery
    uint64_t offset;      // the same
    char epoch[TEXT];     // the same
    uint64_t newest;      // of the last position
    char delivered[TEXT]; // channel|payload|sender|user|exclude
    char entry[TEXT];     // key=value of the last
    char found[TEXT];     // by history: payload@offset<previous of each, a blank behind; then the position
    char identity[4 * TEXT], explanation[TEXT];
};

extern const struct wshub_host run_host_services; // without self
// As the hub has it for auth plugins: what a broker says has nobody to hear it.
void run_host_take_brokers(struct wshub_host *table);

void run_host_turn(struct host *host); // what was posted, watches and timers
uint64_t run_host_now(void);           // ms
