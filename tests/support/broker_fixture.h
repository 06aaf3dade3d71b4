// SPDX-License-Identifier: MIT
// A broker on the fake plugin, called by the test in the hub's place. Included by the one .c file of a test
// program.
#pragma once

#include "fake_plugin.h"
#include "log_fixture.h"
#include "loop/loop.h"
#include "plugin/broker.h"
#include "scarce_memory.h"
#include "util/clock.h"
#include "util/log.h"

static const struct wshub_bytes KEY = {"k", 1}, VALUE = {"{}", 2};
enum { LONG = 60 * 1000, SOON = 20, DEADLINE_MS = 20000 };

struct settled { // what one call was told
    int times, status;
    int entries; // that came before that
};

struct fixture {
    struct loop *loop;
    struct fake_broker *fake;
    struct plugin plugin;
    struct broker *broker;
    struct log log;
    int deliveries, deliver_status;
    int links;
    enum wshub_link_state link;
    char reason[64];
};

static inline int on_deliver(void *context, struct broker *broker, const struct wshub_message *message) {
    struct fixture *f = context;
    (void)message;
    assert_ptr_equal(broker, f->broker);
    f->deliveries++;
    return f->deliver_status;
}

static inline void on_link(void *context, struct broker *broker, enum wshub_link_state state,
                           const char *reason) {
    struct fixture *f = context;
    (void)broker;
    f->links++;
    f->link = state;
    snprintf(f->reason, sizeof f->reason, "%s", reason ? reason : "");
}

static inline struct broker *open_named(struct fixture *f, uint64_t timeout) {
    return fake_open(&f->plugin, f->loop, &f->log, timeout,
                     (struct broker_listener){f, on_deliver, on_link, NULL});
}

// All but the broker.
static inline void prepare(struct fixture *f) {
    *f = (struct fixture){.loop = loop_new(),
                          .log = {.fd = memfd_create("log", MFD_CLOEXEC), .level = LOG_DEBUG}};
    f->fake = fake_new();
}

static inline void set_up(struct fixture *f, uint64_t timeout) {
    prepare(f);
    f->broker = open_named(f, timeout);
    assert_non_null(f->broker);
}

static inline void tear_down(struct fixture *f) {
    if (f->broker) {
        broker_close(f->broker);
        plugin_unload(&f->plugin);
    }
    fake_free(f->fake);
    loop_free(f->loop);
    close(f->log.fd);
}

static inline size_t count_logged(const struct fixture *f, const char *text) {
    return log_count(&f->log, text);
}

static inline void assert_logged(const struct fixture *f, const char *text) {
    if (count_logged(f, text) == 0) {
        fail_msg("not logged: %s", text);
    }
}

static inline void on_done(void *context, void *argument, int status) {
    struct settled *settled = argument;
    (void)context;
    settled->times++;
    settled->status = status;
}

static inline void publish_bytes(struct fixture *f, size_t length, struct settled *settled) {
    char *payload = malloc(length + 1);
    assert_non_null(payload);
    memset(payload, '1', length);
    const struct wshub_message message = {
        .struct_size = sizeof message,
        .channel = {"room", 4},
        .payload = {payload, length},
    };
    broker_publish(f->broker, &message, NULL, (struct broker_reply){on_done, NULL, settled});
    free(payload);
}

static inline void publish(struct fixture *f, struct settled *settled) {
    publish_bytes(f, 1, settled);
}

static inline void subscribe(struct fixture *f, struct settled *settled) {
    broker_subscribe(f->broker, (struct wshub_bytes){"room", 4},
                     (struct broker_reply){on_done, NULL, settled});
}

static inline void unsubscribe(struct fixture *f, struct settled *settled) {
    broker_unsubscribe(f->broker, (struct wshub_bytes){"room", 4},
                       (struct broker_reply){on_done, NULL, settled});
}

static inline void assert_settled(const struct settled *settled, int status) {
    assert_int_equal(settled->times, 1);
    assert_int_equal(settled->status, status);
}

static inline uint64_t strays(const struct fixture *f) {
    return counter_get(&broker_stats(f->broker)->stray_completions);
}

static inline void expire_until_settled(struct fixture *f, const struct settled *settled) {
    uint64_t until = clock_ns() + DEADLINE_MS * UINT64_C(1000000);
    while (settled->times == 0) {
        assert_true(clock_ns() < until);
        broker_expire(f->broker);
    }
}
