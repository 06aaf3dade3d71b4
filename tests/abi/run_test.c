// SPDX-License-Identifier: MIT
// abi-run FILE.so: drives a broker plugin that carries messages within one process, under a host that is
// nothing but this file. What a plugin does not claim (the registry, a history, options of v1_0) is not asked
// of it.
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
    const struct wshub_broker *broker;
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
    char delivered[TEXT]; // channel|payload|sender|user|exclude
    char entry[TEXT];     // key=value of the last
    char found[TEXT];     // by history: payload@offset<previous of each, a blank behind; then the position
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
};

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

// ---- opening and closing ----

static const char *file;
static struct host host_of_test;

static int set_up(void **state) {
    struct host *host = *state = &host_of_test;
    void *library = dlopen(file, RTLD_NOW | RTLD_LOCAL);
    if (!library) {
        fail_msg("%s", dlerror());
    }
    const struct wshub_plugin *(*entry)(void) = NULL;
    *(void **)&entry = dlsym(library, "wshub_plugin_entry");
    assert_non_null(entry);
    *host = (struct host){.table = services, .plugin = entry(), .broker = entry()->broker};
    host->table.self = host;
    assert_int_equal(host->broker->open(&host->table, &host->self), WSHUB_OK);
    for (uint64_t end = now() + DEADLINE_MS; host->link != WSHUB_LINK_UP; turn(host)) {
        assert_true(now() < end);
    }
    return 0;
}

// Nothing stays behind. The library stays loaded, or LeakSanitizer could not name what it lost.
static int tear_down(void **state) {
    struct host *host = *state;
    host->broker->close(host->self);
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

static void test_check(void **state) {
    struct host *host = *state;
    if (!host->broker->check) {
        skip();
    }
    assert_int_equal(host->broker->check(&host->table), WSHUB_OK);
    assert_int_equal(host->refusals, 0);
    if (strcmp(host->plugin->name, "v1_0") == 0) {
        host->title = "";
        assert_int_equal(host->broker->check(&host->table), WSHUB_INVALID);
        assert_int_equal(host->refusals, 1);
    }
}

int main(int argc, char **argv) {
    if (argc != 2) {
        fprintf(stderr, "usage: %s FILE.so\n", argv[0]);
        return 2;
    }
    file = argv[1];
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_descriptor, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_messages, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_closes_in_the_middle, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_registry, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_heartbeat, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_last_value, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_history, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_check, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
