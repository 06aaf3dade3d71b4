// SPDX-License-Identifier: MIT
// A host for one broker plugin, without a hub: real timers and watches on a real loop, and a record of all
// that the plugin says. What a slot borrows is scribbled over when it returns. A double completion, and
// anything that a closed plugin leaves behind, fails the test.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wshub/wshub.h"

enum {
    HOST_CALLS = 70000,
    HOST_TEXTS = 64 * 1024,
    HOST_OPTIONS = 32,
};

// Something that the plugin told, copied and terminated.
struct host_message {
    char *channel, *payload, *sender, *sender_user, *exclude, *epoch;
    size_t payload_length;
    uint64_t offset, previous;
    uint32_t flags;
};

struct host_position {
    char epoch[65];
    uint64_t oldest, newest;
};

struct host_entry {
    wshub_token token;
    char *key, *value;
};

struct plugin_host {
    struct wshub_host table;
    struct loop *loop;
    const struct wshub_plugin *plugin;
    void *self; // NULL: not open
    struct {
        const char *name, *text;
    } options[HOST_OPTIONS];
    unsigned option_count;

    char log[HOST_TEXTS], refused[HOST_TEXTS]; // a line each
    unsigned links, ups, downs;
    enum wshub_link_state link;
    char reason[512];         // of the last link(DOWN)
    char reasons[HOST_TEXTS]; // all of them, a line each
    struct host_message *messages;
    size_t message_count;
    struct host_message *found; // by histories
    size_t found_count;
    struct host_position position; // that was told last
    wshub_token position_token;    // for whom
    size_t losses;                 // told by lose
    struct host_entry *entries;
    size_t entry_count;
    struct {
        bool done;
        int status;
    } calls[HOST_CALLS]; // by token
    wshub_token last;    // that was given out
    size_t pending;      // calls that were taken and are not done
    unsigned timers, watches;
    void (*on_complete)(struct plugin_host *host, wshub_token token); // NULL: nothing
};

// Options are pairs of name and text, as the configuration would have them; NULL ends them.
struct plugin_host *plugin_host_new(const struct wshub_plugin *plugin, const char *const *options);
void plugin_host_free(struct plugin_host *host); // closes it first

int plugin_host_check(struct plugin_host *host);
int plugin_host_open(struct plugin_host *host);
void plugin_host_close(struct plugin_host *host);

// Each returns the token, and asserts nothing of how it ends.
wshub_token plugin_host_subscribe(struct plugin_host *host, const char *channel);
wshub_token plugin_host_unsubscribe(struct plugin_host *host, const char *channel);
wshub_token plugin_host_publish(struct plugin_host *host, const char *channel, const void *payload,
                                size_t length);
wshub_token plugin_host_publish_message(struct plugin_host *host, const struct wshub_message *message);
// The channel is put in; forgets what was found and told before.
wshub_token plugin_host_history(struct plugin_host *host, const char *channel,
                                struct wshub_history_query query);
wshub_token plugin_host_set(struct plugin_host *host, const char *key, const char *value, uint64_t ttl);
wshub_token plugin_host_delete(struct plugin_host *host, const char *key);
wshub_token plugin_host_get(struct plugin_host *host, const char *key);
wshub_token plugin_host_list(struct plugin_host *host, const char *prefix);
wshub_token plugin_host_beat(struct plugin_host *host, const char *key, const char *value, uint64_t ttl);

// Run the loop until then, within a deadline.
void plugin_host_wait_link(struct plugin_host *host, enum wshub_link_state state);
int plugin_host_wait(struct plugin_host *host, wshub_token token); // its status
void plugin_host_wait_messages(struct plugin_host *host, size_t count);
void plugin_host_wait_until(struct plugin_host *host, bool (*done)(void *), void *context, const char *what);
void plugin_host_run(struct plugin_host *host, uint64_t milliseconds); // for what must not happen

// The value of an entry that a token has brought, or NULL.
const char *plugin_host_value(const struct plugin_host *host, wshub_token token, const char *key);
