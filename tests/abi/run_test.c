// SPDX-License-Identifier: MIT
// abi-run FILE.so: drives a broker plugin that carries messages within one process, or an auth plugin that
// takes the tokens of v1_2, under a host that is nothing but this file. What a plugin does not claim (the
// registry, a history, options of v1_0) is not asked of it.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <dlfcn.h>
#include <poll.h>
#include <stdbool.h>
#include <time.h>

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

// ---- the host ----

static uint64_t now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000 + (uint64_t)time.tv_nsec / 1000000;
}

static void on_log(void *self, enum wshub_log_level level, const char *text) {
    struct host *host = self;
    assert_true(level >= WSHUB_LOG_DEBUG && level <= WSHUB_LOG_ERROR);
    assert_non_null(text);
    host->lines++;
}

static const struct wshub_option *declared(const struct host *host, const char *name) {
    for (uint32_t i = 0; i < host->plugin->option_count; i++) {
        if (strcmp(host->plugin->options[i].name, name) == 0) {
            return &host->plugin->options[i];
        }
    }
    fail_msg("the plugin asks for '%s', which it does not declare", name);
    return NULL;
}

static const char *on_option_text(void *self, const char *name) {
    struct host *host = self;
    const struct wshub_option *option = declared(host, name);
    return host->title && strcmp(name, "title") == 0 ? host->title : option->fallback;
}

// As much of the forms as the fallbacks of these plugins use.
static uint64_t on_option_number(void *self, const char *name) {
    const struct wshub_option *option = declared(self, name);
    if (!option->fallback) {
        return 0;
    }
    if (option->type == WSHUB_OPTION_BOOL) {
        return strcmp(option->fallback, "true") == 0;
    }
    char *unit;
    uint64_t number = strtoull(option->fallback, &unit, 10);
    static const struct {
        const char *unit;
        uint64_t factor;
    } units[] = {{"", 1}, {"ms", 1}, {"s", 1000}, {"m", 60000}, {"B", 1}, {"KiB", 1 << 10}, {"MiB", 1 << 20}};
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        if (strcmp(unit, units[i].unit) == 0) {
            return number * units[i].factor;
        }
    }
    fail_msg("the fallback of '%s' has no number: %s", name, option->fallback);
    return 0;
}

static void on_option_refuse(void *self, const char *name, const char *expected) {
    struct host *host = self;
    declared(host, name);
    assert_non_null(expected);
    host->refusals++;
}

static int on_post(void *self, wshub_post_fn fn, void *context) {
    struct host *host = self;
    assert_in_range(host->post_count, 0, MOST - 1);
    host->posts[host->post_count].fn = fn;
    host->posts[host->post_count++].context = context;
    return WSHUB_OK;
}

static void on_lose(void *self, struct wshub_bytes channel) {
    (void)self;
    (void)channel;
    fail_msg("a loopback broker loses nothing");
}

static int on_deliver(void *self, const struct wshub_message *m) {
    struct host *host = self;
    assert_int_equal(m->struct_size, sizeof *m);
    assert_int_equal(m->flags & ~(uint32_t)WSHUB_MESSAGE_LAST_VALUE, 0);
    host->flags = m->flags;
    host->offset = m->offset;
    snprintf(host->epoch, sizeof host->epoch, "%.*s", (int)m->epoch.length, (const char *)m->epoch.data);
#define TEXT_OF(bytes) (int)(bytes).length, (bytes).length > 0 ? (const char *)(bytes).data : ""
    snprintf(host->delivered, sizeof host->delivered, "%.*s|%.*s|%.*s|%.*s|%.*s", TEXT_OF(m->channel),
             TEXT_OF(m->payload), TEXT_OF(m->sender), TEXT_OF(m->sender_user), TEXT_OF(m->exclude));
    host->deliveries++;
    return WSHUB_OK;
}

static void on_complete(void *self, wshub_token token, int status) {
    struct host *host = self;
    assert_int_equal(token, host->token); // the calls of this file wait for each other
    assert_false(host->completed);
    host->completed = true;
    host->status = status;
}

static void on_entry(void *self, wshub_token token, struct wshub_bytes key, struct wshub_bytes value) {
    struct host *host = self;
    assert_int_equal(token, host->token);
    assert_false(host->completed);
    snprintf(host->entry, sizeof host->entry, "%.*s=%.*s", TEXT_OF(key), TEXT_OF(value));
    host->entries++;
}

static void on_message(void *self, wshub_token token, const struct wshub_message *m) {
    struct host *host = self;
    size_t length = strlen(host->found);
    assert_int_equal(token, host->token);
    assert_false(host->completed);
    assert_int_equal(m->struct_size, sizeof *m);
    snprintf(host->found + length, sizeof host->found - length, "%.*s@%llu<%llu ", TEXT_OF(m->payload),
             (unsigned long long)m->offset, (unsigned long long)m->previous);
}

static void on_position(void *self, wshub_token token, struct wshub_bytes epoch, uint64_t oldest,
                        uint64_t newest) {
    struct host *host = self;
    size_t length = strlen(host->found);
    assert_int_equal(token, host->token);
    assert_false(host->completed);
    assert_true(epoch.length > 0);
    snprintf(host->found + length, sizeof host->found - length, "%llu-%llu", (unsigned long long)oldest,
             (unsigned long long)newest);
    host->positions++;
    host->newest = newest;
}

// user|token_id|info|issued|expires|ask, and pattern=verbs/flags of each grant.
static int on_identify(void *self, wshub_token token, const struct wshub_identity *who) {
    struct host *host = self;
    size_t size = sizeof host->identity;
    assert_int_equal(token, host->token);
    assert_false(host->completed);
    assert_int_equal(who->struct_size, sizeof *who);
    int length = snprintf(host->identity, size, "%.*s|%.*s|%.*s|%llu|%llu|%x", TEXT_OF(who->user),
                          TEXT_OF(who->token_id), TEXT_OF(who->info), (unsigned long long)who->issued,
                          (unsigned long long)who->expires, (unsigned)who->ask);
    for (uint64_t i = 0; i < who->grant_count; i++) {
        const struct wshub_grant *grant = &who->grants[i];
        assert_in_range(length, 0, size - 1);
        length += snprintf(host->identity + length, size - (size_t)length, "|%.*s=%x/%x",
                           TEXT_OF(grant->pattern), (unsigned)grant->verbs, (unsigned)grant->flags);
    }
    return WSHUB_OK;
}

static void on_explain(void *self, wshub_token token, const char *text) {
    struct host *host = self;
    assert_int_equal(token, host->token);
    assert_false(host->completed);
    snprintf(host->explanation, sizeof host->explanation, "%s", text);
}

static void on_link(void *self, enum wshub_link_state state, const char *reason) {
    struct host *host = self;
    assert_true(state == WSHUB_LINK_UP || (state == WSHUB_LINK_DOWN && reason));
    host->link = state;
    host->links++;
}

static struct wshub_timer *on_timer_new(void *self, wshub_timer_fn fn, void *context) {
    struct host *host = self;
    for (struct wshub_timer *timer = host->timers; timer < host->timers + MOST; timer++) {
        if (!timer->used) {
            *timer = (struct wshub_timer){.fn = fn, .context = context, .used = true};
            return timer;
        }
    }
    return NULL;
}

static void on_timer_start(void *self, struct wshub_timer *timer, uint64_t delay) {
    (void)self;
    assert_true(timer->used);
    timer->armed = true;
    timer->due = now() + delay;
}

static void on_timer_stop(void *self, struct wshub_timer *timer) {
    (void)self;
    assert_true(timer->used);
    timer->armed = false;
}

static void on_timer_free(void *self, struct wshub_timer *timer) {
    (void)self;
    if (timer) {
        assert_true(timer->used);
        *timer = (struct wshub_timer){0};
    }
}

static struct wshub_watch *on_watch_new(void *self, int fd, wshub_watch_fn fn, void *context) {
    struct host *host = self;
    for (struct wshub_watch *watch = host->watches; watch < host->watches + MOST; watch++) {
        if (!watch->used) {
            *watch = (struct wshub_watch){.fn = fn, .context = context, .used = true, .fd = fd};
            return watch;
        }
    }
    return NULL;
}

static void on_watch_set(void *self, struct wshub_watch *watch, unsigned events) {
    (void)self;
    assert_true(watch->used);
    watch->events = events;
}

static void on_watch_free(void *self, struct wshub_watch *watch) {
    (void)self;
    if (watch) {
        assert_true(watch->used);
        *watch = (struct wshub_watch){0};
    }
}

static const struct wshub_host services = {
    .struct_size = sizeof services,
    .abi_minor = WSHUB_ABI_MINOR,
    .instance_id = "abi",
    .name = "main",
    .log = on_log,
    .option_text = on_option_text,
    .option_number = on_option_number,
    .option_refuse = on_option_refuse,
    .post = on_post,
    .deliver = on_deliver,
    .lose = on_lose,
    .complete = on_complete,
    .entry = on_entry,
    .link = on_link,
    .timer_new = on_timer_new,
    .timer_start = on_timer_start,
    .timer_stop = on_timer_stop,
    .timer_free = on_timer_free,
    .watch_new = on_watch_new,
    .watch_set = on_watch_set,
    .watch_free = on_watch_free,
    .timeout = DEADLINE_MS,
    .message = on_message,
    .position = on_position,
    .identify = on_identify,
    .explain = on_explain,
};

// As the hub has it: what a broker says has nobody to hear it.
static void take_brokers_services(struct wshub_host *table) {
    table->deliver = NULL;
    table->lose = NULL;
    table->entry = NULL;
    table->link = NULL;
    table->message = NULL;
    table->position = NULL;
}

// ---- its loop ----

static void turn_timers(struct host *host) {
    for (struct wshub_timer *timer = host->timers; timer < host->timers + MOST; timer++) {
        if (timer->armed && timer->due <= now()) {
            timer->armed = false;
            timer->fn(timer->context);
        }
    }
}

static void turn_watches(struct host *host) {
    for (struct wshub_watch *watch = host->watches; watch < host->watches + MOST; watch++) {
        struct pollfd poller = {.fd = watch->used ? watch->fd : -1};
        poller.events = (short)((watch->events & WSHUB_WATCH_READ ? POLLIN : 0) |
                                (watch->events & WSHUB_WATCH_WRITE ? POLLOUT : 0));
        if (watch->used && watch->events != 0 && poll(&poller, 1, 0) > 0) {
            watch->fn(watch->context, (poller.revents & POLLIN ? (unsigned)WSHUB_WATCH_READ : 0) |
                                          (poller.revents & POLLOUT ? (unsigned)WSHUB_WATCH_WRITE : 0));
        }
    }
}

static void turn(struct host *host) {
    for (unsigned i = 0; i < host->post_count; i++) {
        host->posts[i].fn(host->posts[i].context);
    }
    host->post_count = 0;
    turn_watches(host);
    turn_timers(host);
    poll(NULL, 0, 1); // not a wait for anything: only spares the processor
}

// ---- calls ----

static struct wshub_bytes bytes(const char *text) {
    return (struct wshub_bytes){text, strlen(text)};
}

static wshub_token begin(struct host *host) {
    host->completed = false;
    host->identity[0] = host->explanation[0] = '\0';
    return ++host->token;
}

// What became of a call that has answered `returned`.
static int settle(struct host *host, int returned) {
    if (returned != WSHUB_OK) {
        assert_false(host->completed);
        return returned;
    }
    for (uint64_t end = now() + DEADLINE_MS; !host->completed; turn(host)) {
        assert_true(now() < end);
    }
    return host->status;
}

// For ABI 1.3: with a key, into a history of three messages.
static int publish_once(struct host *host, const char *payload, const char *key) {
    struct wshub_message message = {
        .struct_size = sizeof message,
        .history_size = 3,
        .history_ttl = DEADLINE_MS,
        .channel = bytes("past"),
        .payload = bytes(payload),
        .key = bytes(key),
        .key_ttl = DEADLINE_MS,
    };
    host->positions = 0;
    return settle(host, host->broker->publish(host->self, &message, begin(host)));
}

// `size`: of the channel's history; 0: it has none.
static int publish_kept(struct host *host, uint32_t flags, uint64_t size, const char *channel,
                        const char *payload) {
    struct wshub_message message = {
        .struct_size = sizeof message,
        .flags = flags,
        .history_size = size,
        .history_ttl = size > 0 ? DEADLINE_MS : 0,
        .channel = bytes(channel),
        .payload = bytes(payload),
        .sender = bytes("anna-1"),
        .sender_user = bytes("anna"),
        .exclude = bytes("anna-1 bert-2"),
    };
    return settle(host, host->broker->publish(host->self, &message, begin(host)));
}

static int publish(struct host *host, const char *channel, const char *payload) {
    return publish_kept(host, 0, 0, channel, payload);
}

static const char *history(struct host *host, uint32_t flags, uint64_t after, uint64_t limit, uint64_t ttl) {
    const struct wshub_history_query query = {
        .struct_size = sizeof query,
        .flags = flags,
        .channel = bytes("past"),
        .size = 3,
        .ttl = ttl,
        .after = after,
        .limit = limit,
    };
    host->found[0] = '\0';
    host->positions = 0;
    assert_int_equal(settle(host, host->broker->history(host->self, &query, begin(host))), WSHUB_OK);
    assert_int_equal(host->positions, 1);
    return host->found;
}

static int subscribe(struct host *host, const char *channel) {
    return settle(host, host->broker->subscribe(host->self, bytes(channel), begin(host)));
}

static int unsubscribe(struct host *host, const char *channel) {
    return settle(host, host->broker->unsubscribe(host->self, bytes(channel), begin(host)));
}

static int set(struct host *host, const char *key, const char *value, uint64_t ttl) {
    return settle(host, host->broker->registry_set(host->self, bytes(key), bytes(value), ttl, begin(host)));
}

static int get(struct host *host, const char *key) {
    host->entries = 0;
    return settle(host, host->broker->registry_get(host->self, bytes(key), begin(host)));
}

static unsigned list(struct host *host, const char *prefix) {
    host->entries = 0;
    assert_int_equal(settle(host, host->broker->registry_list(host->self, bytes(prefix), begin(host))),
                     WSHUB_OK);
    return host->entries;
}

static int heartbeat(struct host *host, const char *key, uint64_t ttl) {
    return settle(host, host->broker->heartbeat(host->self, bytes(key), bytes("{}"), ttl, begin(host)));
}

// A client with this token; of the rest as much as shows whether each member stands in its place.
static struct wshub_request request_of(const char *token) {
    static const struct wshub_pair headers[] = {{{"host", 4}, {"hub", 3}}, {{"x-last", 6}, {"value", 5}}};
    static const struct wshub_pair cookies[] = {{{"session", 7}, {"s3cret", 6}}};
    static const struct wshub_bytes subprotocols[] = {{"wshub.json.v1", 13}, {"two", 3}, {"three", 5}};
    return (struct wshub_request){
        .struct_size = sizeof(struct wshub_request),
        .token_source = WSHUB_TOKEN_QUERY,
        .method = bytes("GET"),
        .path = bytes("/ws"),
        .query = bytes("a=1&b"),
        .headers = headers,
        .header_count = 2,
        .cookies = cookies,
        .cookie_count = 1,
        .subprotocols = subprotocols,
        .subprotocol_count = 3,
        .address = bytes("127.0.0.1"),
        .connection_id = bytes("anna-1"),
        .protocol = bytes("wshub.json.v1"),
        .token = bytes(token),
    };
}

static int authenticate(struct host *host, const char *token) {
    const struct wshub_request request = request_of(token);
    return settle(host, host->auth->authenticate(host->self, &request, begin(host)));
}

static int refresh(struct host *host, const char *token) {
    const struct wshub_request request = request_of(token);
    return settle(host, host->auth->refresh(host->self, &request, begin(host)));
}

static int authorize(struct host *host, uint32_t verb, const char *name, size_t size) {
    static const char payload[TEXT];
    const struct wshub_operation operation = {
        .struct_size = sizeof operation,
        .verb = verb,
        .name = bytes(name),
        .user = bytes("anna"),
        .token_id = bytes("v1_2"),
        .connection_id = bytes("anna-1"),
        .data = {payload, size},
    };
    return settle(host, host->auth->authorize(host->self, &operation, begin(host)));
}

// ---- opening and closing ----

static const struct wshub_plugin *plugin_of_test;
static struct host host_of_test;

// The library stays loaded, or LeakSanitizer could not name what it lost.
static const struct wshub_plugin *load(const char *file) {
    void *library = dlopen(file, RTLD_NOW | RTLD_LOCAL);
    const struct wshub_plugin *(*entry)(void) = NULL;
    if (library) {
        *(void **)&entry = dlsym(library, "wshub_plugin_entry");
    }
    if (!entry) {
        fprintf(stderr, "%s\n", dlerror());
    }
    return entry ? entry() : NULL;
}

static int open_auth(struct host *host) {
    take_brokers_services(&host->table);
    assert_int_equal(host->auth->open(&host->table, &host->self), WSHUB_OK);
    return 0;
}

static int open_broker(struct host *host) {
    assert_int_equal(host->broker->open(&host->table, &host->self), WSHUB_OK);
    for (uint64_t end = now() + DEADLINE_MS; host->link != WSHUB_LINK_UP; turn(host)) {
        assert_true(now() < end);
    }
    return 0;
}

static int set_up(void **state) {
    struct host *host = *state = &host_of_test;
    const struct wshub_plugin *plugin = plugin_of_test;
    *host =
        (struct host){.table = services, .plugin = plugin, .broker = plugin->broker, .auth = plugin->auth};
    host->table.self = host;
    return host->auth ? open_auth(host) : open_broker(host);
}

// Nothing stays behind.
static int tear_down(void **state) {
    struct host *host = *state;
    (host->auth ? host->auth->close : host->broker->close)(host->self);
    for (unsigned i = 0; i < MOST; i++) {
        assert_false(host->timers[i].used);
        assert_false(host->watches[i].used);
    }
    return 0;
}

// ---- tests ----

static void test_descriptor(void **state) {
    const struct wshub_plugin *plugin = ((struct host *)*state)->plugin;
    assert_int_equal(plugin->magic, WSHUB_PLUGIN_MAGIC);
    assert_int_equal(plugin->abi_major, 1);
    assert_true(plugin->abi_minor <= WSHUB_ABI_MINOR);
    assert_int_equal(plugin->flags, 0);
    assert_non_null(plugin->name);
    assert_non_null(plugin->version);
    assert_non_null(plugin->summary);
    assert_true(plugin->option_count == 0 || plugin->option_size == sizeof *plugin->options);
}

static void test_messages(void **state) {
    struct host *host = *state;
    assert_int_equal(publish(host, "room:1", "1"), WSHUB_OK);
    assert_int_equal(host->deliveries, 0); // nobody wants it
    assert_int_equal(subscribe(host, "room:1"), WSHUB_OK);
    assert_int_equal(subscribe(host, "room:1"), WSHUB_OK); // asked again
    assert_int_equal(publish(host, "room:1", "{\"n\": 2}"), WSHUB_OK);
    assert_int_equal(publish(host, "room:2", "3"), WSHUB_OK);
    assert_int_equal(host->deliveries, 1);
    assert_string_equal(host->delivered, "room:1|{\"n\": 2}|anna-1|anna|anna-1 bert-2");
    assert_int_equal(unsubscribe(host, "room:1"), WSHUB_OK);
    assert_int_equal(unsubscribe(host, "room:1"), WSHUB_OK);
    assert_int_equal(publish(host, "room:1", "4"), WSHUB_OK);
    assert_int_equal(host->deliveries, 1);
}

// What is subscribed and in flight goes with it; the sanitizers look.
static void test_closes_in_the_middle(void **state) {
    struct host *host = *state;
    struct wshub_message message = {.struct_size = sizeof message, .channel = bytes("room:1")};
    assert_int_equal(subscribe(host, "room:1"), WSHUB_OK);
    assert_int_equal(host->broker->publish(host->self, &message, begin(host)), WSHUB_OK);
}

static void test_registry(void **state) {
    struct host *host = *state;
    if (!(host->broker->capabilities & WSHUB_BROKER_REGISTRY)) {
        skip();
    }
    assert_int_equal(get(host, "ws:conn:1"), WSHUB_NOT_FOUND);
    assert_int_equal(set(host, "ws:conn:1", "{}", 60000), WSHUB_OK);
    assert_int_equal(set(host, "ws:conn:1", "{\"user\":1}", 60000), WSHUB_OK);
    assert_int_equal(set(host, "ws:conn:2", "{}", 60000), WSHUB_OK);
    assert_int_equal(get(host, "ws:conn:1"), WSHUB_OK);
    assert_int_equal(host->entries, 1);
    assert_string_equal(host->entry, "ws:conn:1={\"user\":1}");
    assert_int_equal(list(host, "ws:conn:"), 2);
    assert_int_equal(list(host, "ws:conn:2"), 1);
    assert_int_equal(list(host, "ws:instance:"), 0);
    assert_int_equal(settle(host, host->broker->registry_delete(host->self, bytes("ws:conn:1"), begin(host))),
                     WSHUB_OK);
    assert_int_equal(get(host, "ws:conn:1"), WSHUB_NOT_FOUND);
}

static void test_heartbeat(void **state) {
    struct host *host = *state;
    if (!(host->broker->capabilities & WSHUB_BROKER_REGISTRY)) {
        skip();
    }
    assert_int_equal(heartbeat(host, "ws:instance:a", 60000), WSHUB_NOT_FOUND);
    assert_int_equal(heartbeat(host, "ws:instance:a", 1), WSHUB_OK);
    for (uint64_t end = now() + DEADLINE_MS; get(host, "ws:instance:a") != WSHUB_NOT_FOUND; turn(host)) {
        assert_true(now() < end);
    }
    assert_int_equal(heartbeat(host, "ws:instance:a", 60000), WSHUB_NOT_FOUND);
}

static void test_last_value(void **state) {
    struct host *host = *state;
    if (!(host->broker->capabilities & WSHUB_BROKER_LAST_VALUE)) {
        skip();
    }
    assert_int_equal(publish_kept(host, WSHUB_MESSAGE_LAST_VALUE, 0, "tick", "1"), WSHUB_OK);
    assert_int_equal(publish(host, "tick", "not kept"), WSHUB_OK);
    assert_int_equal(subscribe(host, "tick"), WSHUB_OK);
    assert_int_equal(host->deliveries, 1);
    assert_string_equal(host->delivered, "tick|1|anna-1|anna|anna-1 bert-2");
    assert_int_equal(host->flags, WSHUB_MESSAGE_LAST_VALUE);
    assert_int_equal(publish_kept(host, WSHUB_MESSAGE_LAST_VALUE, 0, "tick", "2"), WSHUB_OK);
    assert_int_equal(host->deliveries, 2);
    assert_int_equal(host->flags, 0); // it is live
    assert_int_equal(unsubscribe(host, "tick"), WSHUB_OK);
    assert_int_equal(subscribe(host, "tick"), WSHUB_OK);
    assert_string_equal(host->delivered, "tick|2|anna-1|anna|anna-1 bert-2");
    assert_int_equal(publish_kept(host, WSHUB_MESSAGE_LAST_VALUE, 0, "tick", ""), WSHUB_OK);
    assert_int_equal(unsubscribe(host, "tick"), WSHUB_OK);
    host->deliveries = 0;
    assert_int_equal(subscribe(host, "tick"), WSHUB_OK);
    assert_int_equal(host->deliveries, 0);
}

static void test_history(void **state) {
    struct host *host = *state;
    if (!(host->broker->capabilities & WSHUB_BROKER_HISTORY)) {
        skip();
    }
    assert_string_equal(history(host, 0, 0, 9, DEADLINE_MS), "0-0");
    assert_int_equal(subscribe(host, "past"), WSHUB_OK);
    for (char payload[] = "a"; payload[0] <= 'e'; payload[0]++) {
        assert_int_equal(publish_kept(host, 0, 3, "past", payload), WSHUB_OK);
    }
    assert_int_equal(publish(host, "past", "not kept"), WSHUB_OK);
    assert_int_equal(host->offset, 0);
    assert_string_equal(history(host, 0, 0, 9, DEADLINE_MS), "c@3<2 d@4<3 e@5<4 3-5");
    assert_string_equal(history(host, 0, 3, 1, DEADLINE_MS), "d@4<3 3-5");
    assert_string_equal(history(host, WSHUB_HISTORY_BACKWARDS, 0, 2, DEADLINE_MS), "e@5<4 d@4<3 3-5");
    assert_string_equal(history(host, WSHUB_HISTORY_BACKWARDS, 4, 9, DEADLINE_MS), "c@3<2 3-5");
    assert_string_equal(history(host, 0, 0, 0, DEADLINE_MS), "3-5");
    assert_string_equal(history(host, 0, 0, 9, 0), "0-5"); // all have expired
    assert_int_equal(publish_kept(host, WSHUB_MESSAGE_LAST_VALUE, 3, "past", "f"), WSHUB_OK);
    assert_int_equal(host->offset, 6);
    assert_int_equal(host->flags, 0);
}

static void test_position_of_a_publish(void **state) {
    struct host *host = *state;
    if (host->plugin->abi_minor < 3 || !(host->broker->capabilities & WSHUB_BROKER_HISTORY)) {
        skip();
    }
    assert_int_equal(subscribe(host, "past"), WSHUB_OK);
    for (uint64_t n = 1; n <= 5; n++) {
        assert_int_equal(publish_once(host, "1", ""), WSHUB_OK);
        assert_int_equal(host->positions, 1);
        assert_int_equal(host->newest, n);
        assert_int_equal(host->offset, n);
        assert_string_not_equal(host->epoch, "");
    }
    host->positions = 0;
    assert_int_equal(publish(host, "past", "not kept"), WSHUB_OK);
    assert_int_equal(host->positions, 0);
    assert_string_equal(host->epoch, "");
}

static void test_keys(void **state) {
    struct host *host = *state;
    if (!(host->broker->capabilities & WSHUB_BROKER_IDEMPOTENT)) {
        skip();
    }
    assert_int_equal(subscribe(host, "past"), WSHUB_OK);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(publish_once(host, "a", "first"), WSHUB_OK);
        assert_int_equal(host->newest, 1);
    }
    assert_int_equal(host->deliveries, 1);
    assert_int_equal(publish_once(host, "b", "second"), WSHUB_OK);
    assert_int_equal(publish_once(host, "a", "first"), WSHUB_OK);
    assert_int_equal(host->newest, 1);
    assert_int_equal(host->deliveries, 2);
    assert_string_equal(history(host, 0, 0, 9, DEADLINE_MS), "a@1<0 b@2<1 1-2");
}

// Positions of the history of another broker.
static void test_carries_positions(void **state) {
    struct host *host = *state;
    struct wshub_message message = {
        .struct_size = sizeof message,
        .channel = bytes("room:1"),
        .epoch = bytes("another"),
        .offset = 44,
    };
    if (host->plugin->abi_minor < 3) {
        skip();
    }
    assert_int_equal(subscribe(host, "room:1"), WSHUB_OK);
    assert_int_equal(settle(host, host->broker->publish(host->self, &message, begin(host))), WSHUB_OK);
    assert_int_equal(host->deliveries, 1);
    assert_string_equal(host->epoch, "another");
    assert_int_equal(host->offset, 44);
}

static void test_groups(void **state) {
    struct host *host = *state;
    if (host->plugin->abi_minor < 3 || !(host->broker->capabilities & WSHUB_BROKER_REGISTRY)) {
        skip();
    }
    assert_int_equal(set(host, "ws:user:a/1", "{}", 60000), WSHUB_OK);
    assert_int_equal(set(host, "ws:user:a/2", "{}", 60000), WSHUB_OK);
    assert_int_equal(set(host, "ws:user:ab/1", "{}", 60000), WSHUB_OK);
    assert_int_equal(set(host, "ws:user:a", "{}", 60000), WSHUB_OK);
    assert_int_equal(list(host, "ws:user:a/"), 2);
    assert_int_equal(list(host, "ws:user:a/2"), 1);
    assert_string_equal(host->entry, "ws:user:a/2={}");
    assert_int_equal(list(host, "ws:user:b/"), 0);
    assert_int_equal(list(host, "ws:user:"), 4);
    assert_int_equal(
        settle(host, host->broker->registry_delete(host->self, bytes("ws:user:a/1"), begin(host))), WSHUB_OK);
    assert_int_equal(list(host, "ws:user:a/"), 1);
}

static void test_check(void **state) {
    struct host *host = *state;
    int (*check)(const struct wshub_host *) = host->auth ? host->auth->check : host->broker->check;
    if (!check) {
        skip();
    }
    assert_int_equal(check(&host->table), WSHUB_OK);
    assert_int_equal(host->refusals, 0);
    if (strcmp(host->plugin->name, "v1_1") != 0) {
        host->title = "";
        assert_int_equal(check(&host->table), WSHUB_INVALID);
        assert_int_equal(host->refusals, 1);
    }
}

static void test_authenticate(void **state) {
    static const char *const tokens[] = {"now:anna", "later:anna", "post:anna"};
    struct host *host = *state;
    for (size_t i = 0; i < sizeof tokens / sizeof *tokens; i++) {
        assert_int_equal(authenticate(host, tokens[i]), WSHUB_OK);
        assert_string_equal(host->identity,
                            "anna|v1_2|\"source=2 method=GET path=/ws query=5 headers=2 header=x-last "
                            "cookies=1 cookie=session subprotocols=3 subprotocol=wshub.json.v1 "
                            "address=127.0.0.1 connection=anna-1 protocol=wshub.json.v1 reloads=0\"|1|"
                            "4102444800000|2|room:*=d/0|user:{user}=3/0|as:*{user}=1/1|*=10/0");
        assert_string_equal(host->explanation, "everybody is welcome");
    }
    assert_int_equal(authenticate(host, ""), WSHUB_PASS);
    assert_int_equal(authenticate(host, "nonsense"), WSHUB_PASS);
    assert_string_equal(host->identity, "");
    assert_int_equal(authenticate(host, "some:anna"), WSHUB_DENIED);
    assert_string_equal(host->explanation, "there is no such way");
    assert_int_equal(authenticate(host, "old:anna"), WSHUB_EXPIRED);
    assert_string_equal(host->explanation, "it was good once");
}

static void test_refresh(void **state) {
    struct host *host = *state;
    assert_int_equal(refresh(host, "later:anna"), WSHUB_OK);
    assert_true(strncmp(host->identity, "anna|", 5) == 0);
    assert_int_equal(refresh(host, "nonsense"), WSHUB_DENIED);
}

static void test_authorize(void **state) {
    struct host *host = *state;
    assert_int_equal(authorize(host, WSHUB_VERB_PUBLISH, "anna:wall", 100), WSHUB_OK);
    assert_int_equal(authorize(host, WSHUB_VERB_PUBLISH, "anna:wall", 101), WSHUB_DENIED);
    assert_string_equal(host->explanation, "it is too much");
    assert_int_equal(authorize(host, WSHUB_VERB_PUBLISH, "bert:wall", 1), WSHUB_DENIED);
    assert_string_equal(host->explanation, "it is not theirs");
    assert_int_equal(authorize(host, WSHUB_VERB_SEND, "anna:wall", 1), WSHUB_INTERNAL);
}

static void test_reload(void **state) {
    struct host *host = *state;
    unsigned lines = host->lines;
    host->auth->reload(host->self);
    assert_int_equal(host->lines, lines + 1);
    assert_int_equal(authenticate(host, "now:anna"), WSHUB_OK);
    assert_non_null(strstr(host->identity, " reloads=1\"|"));
}

static void test_closes_undecided(void **state) {
    static const char *const tokens[] = {"never:anna", "later:anna", "post:anna"};
    struct host *host = *state;
    for (size_t i = 0; i < sizeof tokens / sizeof *tokens; i++) {
        const struct wshub_request request = request_of(tokens[i]);
        assert_int_equal(host->auth->authenticate(host->self, &request, begin(host)), WSHUB_OK);
        assert_false(host->completed);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, set_up, tear_down)

int main(int argc, char **argv) {
    if (argc != 2) {
        fprintf(stderr, "usage: %s FILE.so\n", argv[0]);
        return 2;
    }
    const struct CMUnitTest broker[] = {
        TEST(descriptor), TEST(messages),  TEST(closes_in_the_middle),
        TEST(registry),   TEST(heartbeat), TEST(last_value),
        TEST(history),    TEST(check),     TEST(position_of_a_publish),
        TEST(keys),       TEST(groups),    TEST(carries_positions),
    };
    const struct CMUnitTest auth[] = {
        TEST(descriptor), TEST(authenticate),     TEST(refresh), TEST(authorize),
        TEST(reload),     TEST(closes_undecided), TEST(check),
    };
    plugin_of_test = load(argv[1]);
    if (!plugin_of_test) {
        return 1;
    }
    return plugin_of_test->auth ? cmocka_run_group_tests(auth, NULL, NULL)
                                : cmocka_run_group_tests(broker, NULL, NULL);
}
