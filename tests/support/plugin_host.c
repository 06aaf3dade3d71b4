// SPDX-License-Identifier: MIT
#include "plugin_host.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "loop/timer.h"
#include "loop/watch.h"
#include "loop_fixture.h"

struct wshub_timer {
    struct plugin_host *host;
    struct timer *timer;
};

struct wshub_watch {
    struct watch watch;
    struct plugin_host *host;
    wshub_watch_fn fn;
    void *context;
    unsigned events;
};

// ---- what the plugin says ----

static void add_line(char *all, const char *text) {
    size_t length = strlen(all);
    assert_true(length + strlen(text) + 2 < HOST_TEXTS);
    snprintf(all + length, HOST_TEXTS - length, "%s\n", text);
}

static void host_log(void *self, enum wshub_log_level level, const char *text) {
    assert_in_range(level, WSHUB_LOG_DEBUG, WSHUB_LOG_ERROR);
    add_line(((struct plugin_host *)self)->log, text);
}

static void host_refuse(void *self, const char *name, const char *expected) {
    char line[512];
    snprintf(line, sizeof line, "%s: expected %s", name, expected);
    add_line(((struct plugin_host *)self)->refused, line);
}

static void host_link(void *self, enum wshub_link_state state, const char *reason) {
    struct plugin_host *host = self;
    host->links++;
    host->link = state;
    if (state != WSHUB_LINK_DOWN) {
        host->ups++;
        return;
    }
    host->downs++;
    assert_non_null(reason);
    snprintf(host->reason, sizeof host->reason, "%s", reason);
    add_line(host->reasons, reason);
}

static void host_complete(void *self, wshub_token token, int status) {
    struct plugin_host *host = self;
    assert_in_range(token, 1, host->last);
    assert_true(status <= WSHUB_OK && status >= WSHUB_NOT_FOUND);
    assert_false(host->calls[token].done); // once only
    host->calls[token].done = true;
    host->calls[token].status = status;
    host->pending--;
    if (host->on_complete) {
        host->on_complete(host, token);
    }
}

static char *copy(struct wshub_bytes bytes) {
    char *text = malloc(bytes.length + 1);
    assert_non_null(text);
    if (bytes.length) {
        memcpy(text, bytes.data, bytes.length);
    }
    text[bytes.length] = 0;
    return text;
}

// Doubles an array at each power of two.
static void *grow(void *array, size_t count, size_t size) {
    if ((count & (count - 1)) == 0) {
        array = realloc(array, (count ? count * 2 : 1) * size);
        assert_non_null(array);
    }
    return array;
}

static struct host_message copy_message(const struct wshub_message *message) {
    assert_int_equal(message->struct_size, sizeof *message);
    return (struct host_message){
        .channel = copy(message->channel),
        .payload = copy(message->payload),
        .payload_length = message->payload.length,
        .sender = copy(message->sender),
        .sender_user = copy(message->sender_user),
        .exclude = copy(message->exclude),
        .epoch = copy(message->epoch),
        .offset = message->offset,
        .previous = message->previous,
        .flags = message->flags,
    };
}

static int host_deliver(void *self, const struct wshub_message *message) {
    struct plugin_host *host = self;
    host->messages = grow(host->messages, host->message_count, sizeof *host->messages);
    host->messages[host->message_count++] = copy_message(message);
    return WSHUB_OK;
}

static void host_message(void *self, wshub_token token, const struct wshub_message *message) {
    struct plugin_host *host = self;
    assert_false(host->calls[token].done);
    host->found = grow(host->found, host->found_count, sizeof *host->found);
    host->found[host->found_count++] = copy_message(message);
}

static void host_position(void *self, wshub_token token, struct wshub_bytes epoch, uint64_t oldest,
                          uint64_t newest) {
    struct plugin_host *host = self;
    assert_false(host->calls[token].done);
    assert_true(host->position_token != token); // once only
    assert_in_range(epoch.length, 1, 64);
    host->position = (struct host_position){.oldest = oldest, .newest = newest};
    memcpy(host->position.epoch, epoch.data, epoch.length);
    host->position_token = token;
}

static void host_lose(void *self, struct wshub_bytes channel) {
    struct plugin_host *host = self;
    (void)channel;
    host->losses++;
}

static void host_entry(void *self, wshub_token token, struct wshub_bytes key, struct wshub_bytes value) {
    struct plugin_host *host = self;
    assert_false(host->calls[token].done);
    host->entries = grow(host->entries, host->entry_count, sizeof *host->entries);
    host->entries[host->entry_count++] = (struct host_entry){token, copy(key), copy(value)};
}

// ---- options ----

static const struct wshub_option *declared(const struct plugin_host *host, const char *name) {
    for (uint32_t i = 0; i < host->plugin->option_count; i++) {
        if (strcmp(host->plugin->options[i].name, name) == 0) {
            return &host->plugin->options[i];
        }
    }
    fail_msg("the plugin asks for an option that it has not declared: %s", name);
    return NULL;
}

static const char *host_option_text(void *self, const char *name) {
    struct plugin_host *host = self;
    const char *text = declared(host, name)->fallback;
    for (unsigned i = 0; i < host->option_count; i++) {
        text = strcmp(host->options[i].name, name) == 0 ? host->options[i].text : text;
    }
    return text;
}

static uint64_t place_among(const char *words, const char *text) {
    uint64_t place = 0;
    size_t length = strlen(text);
    for (; strncmp(words, text, length) != 0 || (words[length] && words[length] != '|'); place++) {
        words = strchr(words, '|');
        assert_non_null(words);
        words++;
    }
    return place;
}

static uint64_t host_option_number(void *self, const char *name) {
    const struct wshub_option *option = declared(self, name);
    const char *text = host_option_text(self, name);
    char *unit = NULL;
    if (!text || option->type == WSHUB_OPTION_WORD) {
        return text ? place_among(option->words, text) : 0;
    }
    if (option->type == WSHUB_OPTION_BOOL) {
        return strcmp(text, "true") == 0;
    }
    uint64_t number = strtoull(text, &unit, 10);
    return strcmp(unit, "s") == 0 ? number * 1000 : strcmp(unit, "m") == 0 ? number * 60000 : number;
}

// ---- timers and watches ----

static struct wshub_timer *host_timer_new(void *self, wshub_timer_fn fn, void *context) {
    struct plugin_host *host = self;
    struct wshub_timer *timer = malloc(sizeof *timer);
    if (!timer) {
        return NULL;
    }
    *timer = (struct wshub_timer){host, timer_new(host->loop, fn, context)};
    if (!timer->timer) {
        free(timer);
        return NULL;
    }
    host->timers++;
    return timer;
}

static void host_timer_start(void *self, struct wshub_timer *timer, uint64_t delay) {
    assert_ptr_equal(self, timer->host);
    timer_start(timer->timer, delay, 0);
}

static void host_timer_stop(void *self, struct wshub_timer *timer) {
    assert_ptr_equal(self, timer->host);
    timer_stop(timer->timer);
}

static void host_timer_free(void *self, struct wshub_timer *timer) {
    if (timer) {
        ((struct plugin_host *)self)->timers--;
        timer_free(timer->timer);
        free(timer);
    }
}

static void on_watch(void *owner, int events, bool error) {
    struct wshub_watch *watch = owner;
    watch->fn(watch->context, error ? watch->events : (unsigned)events);
}

static struct wshub_watch *host_watch_new(void *self, int fd, wshub_watch_fn fn, void *context) {
    struct plugin_host *host = self;
    struct wshub_watch *watch = calloc(1, sizeof *watch);
    assert_non_null(watch);
    watch->host = host;
    watch->fn = fn;
    watch->context = context;
    assert_int_equal(watch_open(&watch->watch, host->loop, fd, on_watch, watch), 0);
    host->watches++;
    return watch;
}

static void host_watch_set(void *self, struct wshub_watch *watch, unsigned events) {
    assert_ptr_equal(self, watch->host);
    watch->events = events;
    assert_int_equal(watch_set(&watch->watch, (int)events), 0);
}

static void host_watch_free(void *self, struct wshub_watch *watch) {
    if (watch) {
        ((struct plugin_host *)self)->watches--;
        watch_close(&watch->watch, free);
    }
}

// ---- life ----

struct plugin_host *plugin_host_new(const struct wshub_plugin *plugin, const char *const *options) {
    struct plugin_host *host = calloc(1, sizeof *host);
    assert_non_null(host);
    host->plugin = plugin;
    host->loop = loop_new();
    for (; options && options[0]; options += 2) {
        assert_true(host->option_count < HOST_OPTIONS);
        host->options[host->option_count].name = options[0];
        host->options[host->option_count++].text = options[1];
    }
    host->table = (struct wshub_host){
        .struct_size = sizeof host->table,
        .abi_minor = WSHUB_ABI_MINOR,
        .self = host,
        .instance_id = "test",
        .name = "main",
        .log = host_log,
        .option_text = host_option_text,
        .option_number = host_option_number,
        .option_refuse = host_refuse,
        .deliver = host_deliver,
        .complete = host_complete,
        .entry = host_entry,
        .link = host_link,
        .timer_new = host_timer_new,
        .timer_start = host_timer_start,
        .timer_stop = host_timer_stop,
        .timer_free = host_timer_free,
        .watch_new = host_watch_new,
        .watch_set = host_watch_set,
        .watch_free = host_watch_free,
        .lose = host_lose,
        .timeout = 5000,
        .message = host_message,
        .position = host_position,
    };
    return host;
}

int plugin_host_check(struct plugin_host *host) {
    return host->plugin->broker->check(&host->table);
}

int plugin_host_open(struct plugin_host *host) {
    return host->plugin->broker->open(&host->table, &host->self);
}

void plugin_host_close(struct plugin_host *host) {
    unsigned links = host->links;
    size_t pending = host->pending;
    host->plugin->broker->close(host->self);
    host->self = NULL;
    assert_int_equal(host->timers, 0);
    assert_int_equal(host->watches, 0);
    assert_int_equal(host->links, links);
    assert_int_equal(host->pending, pending); // the hub settles them
}

static void free_messages(struct host_message *messages, size_t count) {
    for (size_t i = 0; i < count; i++) {
        struct host_message *message = &messages[i];
        free(message->channel);
        free(message->payload);
        free(message->sender);
        free(message->sender_user);
        free(message->exclude);
        free(message->epoch);
    }
    free(messages);
}

void plugin_host_free(struct plugin_host *host) {
    if (host->self) {
        plugin_host_close(host);
    }
    for (size_t i = 0; i < host->entry_count; i++) {
        free(host->entries[i].key);
        free(host->entries[i].value);
    }
    free(host->entries);
    free_messages(host->messages, host->message_count);
    free_messages(host->found, host->found_count);
    loop_free(host->loop);
    free(host);
}

// ---- slots ----

// A copy that is gone when the slot has returned.
static struct wshub_bytes lend(const void *data, size_t length) {
    char *lent = malloc(length + 1);
    assert_non_null(lent);
    memcpy(lent, data, length);
    return (struct wshub_bytes){lent, length};
}

static void take_back(struct wshub_bytes lent) {
    memset((void *)(uintptr_t)lent.data, 0xdd, lent.length);
    free((void *)(uintptr_t)lent.data);
}

static wshub_token begin(struct plugin_host *host) {
    assert_true(host->last + 1 < HOST_CALLS);
    host->pending++;
    return ++host->last;
}

static wshub_token after(struct plugin_host *host, wshub_token token, int status) {
    if (status != WSHUB_OK) {
        host_complete(host, token, status); // fails if the plugin has completed it too
    }
    return token;
}

#define SLOT_OF_ONE(name, slot)                                           \
    wshub_token name(struct plugin_host *host, const char *text) {        \
        wshub_token token = begin(host);                                  \
        struct wshub_bytes lent = lend(text, strlen(text));               \
        int status = host->plugin->broker->slot(host->self, lent, token); \
        take_back(lent);                                                  \
        return after(host, token, status);                                \
    }
SLOT_OF_ONE(plugin_host_subscribe, subscribe)
SLOT_OF_ONE(plugin_host_unsubscribe, unsubscribe)
SLOT_OF_ONE(plugin_host_delete, registry_delete)
SLOT_OF_ONE(plugin_host_get, registry_get)
SLOT_OF_ONE(plugin_host_list, registry_list)

#define SLOT_OF_ENTRY(name, slot)                                                                      \
    wshub_token name(struct plugin_host *host, const char *key, const char *value, uint64_t ttl) {     \
        wshub_token token = begin(host);                                                               \
        struct wshub_bytes lent_key = lend(key, strlen(key)), lent_value = lend(value, strlen(value)); \
        int status = host->plugin->broker->slot(host->self, lent_key, lent_value, ttl, token);         \
        take_back(lent_key);                                                                           \
        take_back(lent_value);                                                                         \
        return after(host, token, status);                                                             \
    }
SLOT_OF_ENTRY(plugin_host_set, registry_set)
SLOT_OF_ENTRY(plugin_host_beat, heartbeat)

wshub_token plugin_host_publish_message(struct plugin_host *host, const struct wshub_message *message) {
    wshub_token token = begin(host);
    struct wshub_message lent = *message;
    lent.struct_size = host->table.abi_minor < 3 ? offsetof(struct wshub_message, key) : sizeof lent;
    lent.channel = lend(message->channel.data, message->channel.length);
    lent.payload = lend(message->payload.data, message->payload.length);
    struct wshub_bytes whole = lend(&lent, lent.struct_size); // nothing is behind an older hub's
    int status = host->plugin->broker->publish(host->self, whole.data, token);
    take_back(whole);
    take_back(lent.channel);
    take_back(lent.payload);
    return after(host, token, status);
}

wshub_token plugin_host_publish(struct plugin_host *host, const char *channel, const void *payload,
                                size_t length) {
    return plugin_host_publish_message(
        host, &(struct wshub_message){.channel = {channel, strlen(channel)}, .payload = {payload, length}});
}

wshub_token plugin_host_history(struct plugin_host *host, const char *channel,
                                struct wshub_history_query query) {
    free_messages(host->found, host->found_count);
    host->found = NULL;
    host->found_count = 0;
    host->position = (struct host_position){0};
    wshub_token token = begin(host);
    query.struct_size = sizeof query;
    query.channel = lend(channel, strlen(channel));
    int status = host->plugin->broker->history(host->self, &query, token);
    take_back(query.channel);
    return after(host, token, status);
}

// ---- waiting ----

struct wish {
    const struct plugin_host *host;
    uint64_t number;
};

static bool is_link(void *context) {
    const struct wish *wish = context;
    return wish->host->links > 0 && wish->host->link == (enum wshub_link_state)wish->number;
}

static bool is_done(void *context) {
    const struct wish *wish = context;
    return wish->host->calls[wish->number].done;
}

static bool has_messages(void *context) {
    const struct wish *wish = context;
    return wish->host->message_count >= wish->number;
}

static bool is_over(void *context) {
    return clock_ns() > *(uint64_t *)context;
}

void plugin_host_wait_link(struct plugin_host *host, enum wshub_link_state state) {
    run_until(host->loop, is_link, &((struct wish){host, state}));
}

int plugin_host_wait(struct plugin_host *host, wshub_token token) {
    run_until(host->loop, is_done, &((struct wish){host, token}));
    return host->calls[token].status;
}

void plugin_host_wait_messages(struct plugin_host *host, size_t count) {
    run_until(host->loop, has_messages, &((struct wish){host, count}));
}

void plugin_host_wait_until(struct plugin_host *host, bool (*done)(void *), void *context, const char *what) {
    run_until_(host->loop, done, context, what, __FILE__, __LINE__);
}

void plugin_host_run(struct plugin_host *host, uint64_t milliseconds) {
    uint64_t until = clock_ns() + milliseconds * 1000000;
    run_until(host->loop, is_over, &until);
}

const char *plugin_host_value(const struct plugin_host *host, wshub_token token, const char *key) {
    for (size_t i = 0; i < host->entry_count; i++) {
        if (host->entries[i].token == token && strcmp(host->entries[i].key, key) == 0) {
            return host->entries[i].value;
        }
    }
    return NULL;
}
