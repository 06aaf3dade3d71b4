// SPDX-License-Identifier: MIT
#include "run_host.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <poll.h>
#include <time.h>

// ---- the host ----

uint64_t run_host_now(void) {
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
    timer->due = run_host_now() + delay;
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

const struct wshub_host run_host_services = {
    .struct_size = sizeof run_host_services,
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

void run_host_take_brokers(struct wshub_host *table) {
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
        if (timer->armed && timer->due <= run_host_now()) {
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

void run_host_turn(struct host *host) {
    for (unsigned i = 0; i < host->post_count; i++) {
        host->posts[i].fn(host->posts[i].context);
    }
    host->post_count = 0;
    turn_watches(host);
    turn_timers(host);
    poll(NULL, 0, 1); // not a wait for anything: only spares the processor
}
