// SPDX-License-Identifier: MIT
// A fake broker that is open, a listener that writes down what it hears, and the host that stands between.
// Included by the one .c file of a test program, behind cmocka.h.
#pragma once

#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "config/config.h"
#include "fake_plugin.h"
#include "log_fixture.h"
#include "loop_fixture.h"
#include "plugin/broker.h"
#include "plugin/options.h"
#include "util/clock.h"
#include "util/log.h"

enum { LONG = 60 * 1000, THREADS = 4, TEXT_MAX = 32 };

struct heard { // one delivery
    char channel[TEXT_MAX], payload[TEXT_MAX], sender[TEXT_MAX], user[TEXT_MAX], exclude[TEXT_MAX],
        epoch[TEXT_MAX];
    uint64_t offset;
    const void *where; // of the payload
};

struct fixture {
    struct loop *loop;
    struct fake_broker *fake;
    struct plugin plugin;
    struct options *options;
    struct broker *broker;
    struct log log;
    const struct wshub_host *host;
    pthread_t thread; // the hub's
    struct heard heard;
    int deliveries, deliver_status, losses, links;
    int settled, status;
    int posts[THREADS]; // that came from each thread
    int order[3], ordered;
    int fired;
    unsigned events;
    int wanted;
    struct wshub_timer *timer;
    struct wshub_watch *watch;
    int fds[2];
};

// ---- the hub's side

static inline void assert_hub_thread(const struct fixture *f) {
    assert_true(pthread_equal(pthread_self(), f->thread));
}

static inline void copy(char out[TEXT_MAX], struct wshub_bytes from) {
    snprintf(out, TEXT_MAX, "%.*s", (int)(from.length < TEXT_MAX ? from.length : TEXT_MAX - 1),
             from.length > 0 ? (const char *)from.data : "");
}

static inline void note(struct fixture *f, int what) {
    if (f->ordered < 3) {
        f->order[f->ordered++] = what;
    }
}

static inline int on_deliver(void *context, struct broker *broker, const struct wshub_message *message) {
    struct fixture *f = context;
    (void)broker;
    assert_hub_thread(f);
    assert_true(message->struct_size >= sizeof *message);
    copy(f->heard.channel, message->channel);
    copy(f->heard.payload, message->payload);
    copy(f->heard.sender, message->sender);
    copy(f->heard.user, message->sender_user);
    copy(f->heard.exclude, message->exclude);
    copy(f->heard.epoch, message->epoch);
    f->heard.offset = message->offset;
    f->heard.where = message->payload.data;
    f->deliveries++;
    note(f, 'd');
    return f->deliver_status;
}

static inline void on_link(void *context, struct broker *broker, enum wshub_link_state state,
                           const char *reason) {
    struct fixture *f = context;
    (void)broker;
    (void)state;
    (void)reason;
    f->links++;
}

static inline void on_loss(void *context, struct broker *broker, struct wshub_bytes channel) {
    struct fixture *f = context;
    assert_ptr_equal(broker, f->broker);
    assert_hub_thread(f);
    copy(f->heard.channel, channel);
    f->losses++;
}

static inline void on_done(void *context, void *argument, int status) {
    struct fixture *f = context;
    (void)argument;
    assert_hub_thread(f);
    f->settled++;
    f->status = status;
    note(f, 'c');
}

// ---- the fixture

static inline void prepare(struct fixture *f, const struct wshub_plugin *plugin) {
    static const struct config_plugin config = {.name = (char *)"main"};
    static const struct options_place place = {.file = "test", .entry = "brokers[0]"};
    struct buf why = {0};
    *f = (struct fixture){.loop = loop_new(),
                          .fake = fake_new(),
                          .thread = pthread_self(),
                          .log = {.fd = memfd_create("log", MFD_CLOEXEC), .level = LOG_DEBUG}};
    assert_true(plugin_adopt(&f->plugin, plugin, "/somewhere/keeper.so", &why));
    f->options = options_read(&f->plugin.about, &config, &place, &why);
    assert_non_null(f->options);
    buf_free(&why);
}

static inline void open_broker(struct fixture *f) {
    const struct broker_setup setup = {
        .name = "main",
        .instance_id = "me",
        .plugin = &f->plugin,
        .options = f->options,
        .loop = f->loop,
        .log = &f->log,
        .timeout = LONG,
        .listener = {f, on_deliver, on_link, on_loss},
    };
    f->broker = broker_open(&setup);
    f->host = f->fake->host;
}

static inline void set_up(struct fixture *f) {
    prepare(f, fake_keeper());
    open_broker(f);
    assert_non_null(f->broker);
}

static inline void tear_down(struct fixture *f) {
    broker_close(f->broker);
    options_free(f->options);
    plugin_unload(&f->plugin);
    fake_free(f->fake);
    loop_free(f->loop);
    close(f->log.fd);
}

static inline size_t count_logged(const struct fixture *f, const char *text) {
    return log_count(&f->log, text);
}

static inline void run_thread(void *(*fn)(void *), void *context) {
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, fn, context), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
}

static inline struct wshub_bytes bytes(const char *text) {
    return (struct wshub_bytes){text, strlen(text)};
}

static inline uint64_t dropped(const struct fixture *f) {
    return counter_get(&broker_stats(f->broker)->dropped);
}
