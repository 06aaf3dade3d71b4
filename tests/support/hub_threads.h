// SPDX-License-Identifier: MIT
// The hub and its workers in their threads, as core/serve.c makes them, with a fake broker behind and
// blocking clients over loopback in front. What the test asks of the fake broker happens on the hub's thread.
#pragma once

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "config/config.h"
#include "fake_plugin.h"
#include "hub/hub.h"
#include "hub/instance.h"
#include "hub/worker.h"
#include "loop/loop.h"
#include "loop/mailbox.h"
#include "net/address.h"
#include "net/listener.h"
#include "plugin/broker.h"
#include "util/buf.h"
#include "util/clock.h"
#include "util/random.h"

enum { DEADLINE_S = 30 };

#ifndef HUB_LOAD // a test may bring more plugins
#define HUB_LOAD fake_load
#endif

static const struct log no_log = {.fd = -1, .level = LOG_ERROR + 1};

// ---- the hub

struct setup {
    struct config config;
    struct instance instance;
    struct loop *loop;
    struct mailbox *remote; // what the test wants done on the hub's thread
    struct fake_broker *fake;
    pthread_t thread;
    sem_t opened, released; // by and for the hub's thread
    bool is_open;
    struct address address;
    sem_t ended;
    struct hub_ending ending;
};

struct errand {
    struct mail mail;
    int (*fn)(struct setup *setup, void *argument);
    void *argument;
    int result;
    sem_t done;
};

static inline void wait_for(sem_t *semaphore) {
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += DEADLINE_S;
    while (sem_timedwait(semaphore, &until) != 0) {
        assert_int_equal(errno, EINTR);
    }
}

static inline void on_errand(void *context, struct mail *mail) {
    struct errand *errand = (struct errand *)(void *)mail;
    errand->result = errand->fn(context, errand->argument);
    sem_post(&errand->done);
}

// Runs fn on the hub's thread and waits for its answer.
static inline int on_hub(struct setup *s, int (*fn)(struct setup *, void *), void *argument) {
    struct errand errand = {.fn = fn, .argument = argument};
    sem_init(&errand.done, 0, 0);
    mailbox_post(s->remote, &errand.mail);
    wait_for(&errand.done);
    sem_destroy(&errand.done);
    return errand.result;
}

// Asks again and again, on the hub's thread, until the answer is yes.
#define wait_until(setup_, fn_, argument_) wait_until_(setup_, fn_, argument_, #fn_, __FILE__, __LINE__)

static inline void wait_until_(struct setup *s, int (*fn)(struct setup *, void *), void *argument,
                               const char *what, const char *file, int line) {
    uint64_t until = clock_ns() + DEADLINE_S * UINT64_C(1000000000);
    while (!on_hub(s, fn, argument)) {
        if (clock_ns() > until) {
            print_error("not within %d s: %s\n", DEADLINE_S, what);
            _fail(file, line);
        }
        sched_yield();
    }
}

// The thread that opens the brokers is the one that runs them and closes them.
static inline void *run(void *context) {
    struct setup *s = context;
    s->is_open = hub_start(s->instance.hub, HUB_LOAD, NULL, NULL);
    sem_post(&s->opened);
    if (s->is_open) {
        loop_run(s->loop);
    }
    while (sem_wait(&s->released) != 0) {
    }
    hub_free(s->instance.hub);
    return NULL;
}

static inline int is_ready(struct setup *s, void *argument) {
    (void)argument;
    return atomic_load(&s->instance.readiness) == READINESS_READY;
}

// `plugin` is one that fake_load knows.
static inline void start_on(struct setup *s, const char *plugin, unsigned workers, const char *config) {
    struct buf text = {0}, errors = {0};
    char why[512];
    *s = (struct setup){.loop = loop_new(), .fake = fake_new()};
    buf_printf(&text, "brokers: [{name: main, plugin: %s}]\nunsubscribe_linger: 0s\n%s", plugin, config);
    if (!config_read(&s->config, "test", text.data, text.length, &errors)) {
        fail_msg("%.*s", (int)errors.length, errors.data);
    }
    buf_free(&text);
    sem_init(&s->ended, 0, 0);
    sem_init(&s->opened, 0, 0);
    sem_init(&s->released, 0, 0);
    s->instance =
        (struct instance){.config = &s->config, .log = &no_log, .id = "me", .connection_limit = 1000};
    s->instance.hash_seed = random_u64();
    s->remote = mailbox_new(s->loop, on_errand, s);
    s->instance.hub = hub_new(s->loop, &s->instance);
    for (unsigned i = 0; i < workers; i++) {
        s->instance.workers[i] = worker_new(&s->instance, i);
        s->instance.worker_count++;
    }
    assert_int_equal(pthread_create(&s->thread, NULL, run, s), 0);
    wait_for(&s->opened);
    assert_true(s->is_open);
    const char *wrong;
    assert_true(address_parse(&s->address, "127.0.0.1:0", &wrong));
    for (unsigned i = 0; i < workers; i++) {
        int fd = listener_bind(&s->address, i == 0, why, sizeof why);
        assert_true(fd >= 0);
        assert_true(worker_listen(s->instance.workers[i], fd));
    }
    for (unsigned i = 0; i < workers; i++) {
        assert_true(worker_start(s->instance.workers[i]));
    }
    wait_until(s, is_ready, NULL);
}

static inline void start_with(struct setup *s, unsigned workers, const char *config) {
    start_on(s, "fake", workers, config);
}

static inline void start(struct setup *s) {
    start_with(s, 2, "");
}

static inline int stop_loop(struct setup *s, void *argument) {
    (void)argument;
    loop_stop(s->loop);
    return 0;
}

static inline void stop(struct setup *s) {
    on_hub(s, stop_loop, NULL);
    for (unsigned i = 0; i < s->instance.worker_count; i++) {
        worker_join(s->instance.workers[i]);
    }
    sem_post(&s->released);
    pthread_join(s->thread, NULL);
    for (unsigned i = 0; i < s->instance.worker_count; i++) {
        worker_free(s->instance.workers[i]);
    }
    mailbox_free(s->remote);
    loop_free(s->loop);
    fake_free(s->fake);
    config_free(&s->config);
    sem_destroy(&s->ended);
    sem_destroy(&s->opened);
    sem_destroy(&s->released);
}

// ---- errands

struct behaviour {
    enum fake_slot slot;
    enum fake_answer answer;
    int status;
};

static inline int do_behave(struct setup *s, void *argument) {
    const struct behaviour *b = argument;
    fake_behave(s->fake, b->slot, b->answer, b->status);
    return 0;
}

static inline void behave(struct setup *s, enum fake_slot slot, enum fake_answer answer, int status) {
    on_hub(s, do_behave, &(struct behaviour){slot, answer, status});
}

static inline int held_count(struct setup *s, void *argument) {
    (void)argument;
    return (int)s->fake->held_count;
}

static inline int holds(struct setup *s, void *argument) {
    return s->fake->held_count >= *(size_t *)argument;
}

static inline void wait_held(struct setup *s, size_t count) {
    wait_until(s, holds, &count);
    assert_int_equal(on_hub(s, held_count, NULL), count);
}

static inline int do_complete(struct setup *s, void *argument) {
    return (int)fake_complete_all(s->fake, *(int *)argument);
}

static inline void complete(struct setup *s, int status) {
    assert_true(on_hub(s, do_complete, &status) > 0);
}

static inline int do_deliver(struct setup *s, void *argument) {
    (void)argument;
    return fake_deliver(s->fake, "room", "1");
}

static inline int counts(struct setup *s, void *argument) {
    return (int)s->fake->counts[*(enum fake_slot *)argument];
}

static inline int count_calls(struct setup *s, enum fake_slot slot) {
    return on_hub(s, counts, &slot);
}

// Sum over the workers of the counter that stands at `offset`.
static inline uint64_t total(const struct setup *s, size_t offset) {
    uint64_t sum = 0;
    for (unsigned i = 0; i < s->instance.worker_count; i++) {
        const char *stats = (const char *)worker_stats(s->instance.workers[i]);
        sum += counter_get((const counter *)(const void *)(stats + offset));
    }
    return sum;
}
#define TOTAL(setup_, field_) total(setup_, offsetof(struct worker_stats, field_))

static inline int has_connections(struct setup *s, void *argument) {
    return TOTAL(s, connections) == *(uint64_t *)argument;
}

static inline void wait_connections(struct setup *s, uint64_t count) {
    wait_until(s, has_connections, &count);
}

// Nothing is left of any channel: at the workers, at the hub, at the broker.
static inline int has_no_trace(struct setup *s, void *argument) {
    (void)argument;
    return TOTAL(s, channels) == 0 && TOTAL(s, subscriptions) == 0 &&
           counter_get(&hub_stats(s->instance.hub)->channels) == 0 && s->fake->subscribed_count == 0;
}

static inline void on_ended(void *context, const struct hub_ending *ending) {
    struct setup *s = context;
    s->ending = *ending;
    sem_post(&s->ended);
}

static inline int do_drain(struct setup *s, void *argument) {
    (void)argument;
    hub_on_drained(s->instance.hub, on_ended, s);
    hub_drain(s->instance.hub);
    return 0;
}

// ---- a client

struct client {
    int fd;
    char *data;
    size_t length, capacity, taken; // taken: given out by the last client_next
    char id[33];                    // connection_id
    char text[1024];                // the last payload, terminated
};

enum { TEXT = 1, CLOSE = 8 };

static inline void send_all(int fd, const void *data, size_t length) {
    for (const char *at = data; length > 0;) {
        ssize_t n = send(fd, at, length, MSG_NOSIGNAL);
        assert_true(n > 0);
        at += n;
        length -= (size_t)n;
    }
}

// False: the connection has ended.
static inline bool receive(struct client *c) {
    if (c->capacity - c->length < 4096) {
        c->capacity = c->capacity * 2 + 8192;
        c->data = realloc(c->data, c->capacity);
        assert_non_null(c->data);
    }
    ssize_t n;
    do { // with a time limit it is not begun again by itself, and the kernel's io_uring, where libuv uses it,
         // interrupts
        n = recv(c->fd, c->data + c->length, c->capacity - c->length - 1, 0);
    } while (n < 0 && errno == EINTR);
    if (n < 0 && errno == EAGAIN) {
        fail_msg("nothing came within %d s", DEADLINE_S);
    }
    if (n <= 0) {
        return false;
    }
    c->length += (size_t)n;
    c->data[c->length] = '\0';
    return true;
}

static inline void consume(struct client *c, size_t length) {
    memmove(c->data, c->data + length, c->length - length + 1);
    c->length -= length;
}

// Of the frame that begins the data, as far as can be told: never more than is needed.
static inline size_t frame_size(const struct client *c, size_t *header) {
    const unsigned char *bytes = (const unsigned char *)c->data;
    *header = 2;
    if (c->length < 2) {
        return 2;
    }
    size_t length = bytes[1];
    assert_true(length < 127); // no answer here is that long, and none is masked
    if (length == 126) {
        *header = 4;
        if (c->length < 4) {
            return 4;
        }
        length = (size_t)bytes[2] << 8 | bytes[3];
    }
    return *header + length;
}

// The next frame: its opcode, and its payload terminated until the next call. -1: the connection has ended.
static inline int client_next(struct client *c, const char **payload, size_t *length) {
    size_t header, size;
    if (c->taken > 0) {
        consume(c, c->taken);
        c->taken = 0;
    }
    while (c->length < frame_size(c, &header)) {
        if (!receive(c)) {
            return -1;
        }
    }
    size = frame_size(c, &header);
    assert_int_equal(c->data[0] & 0xf0, 0x80); // final, no extension
    *length = size - header;
    assert_true(*length < sizeof c->text);
    memcpy(c->text, c->data + header, *length);
    c->text[*length] = '\0';
    *payload = c->text;
    c->taken = size;
    return c->data[0] & 0x0f;
}

static inline size_t write_frame(char *out, int opcode, const void *payload, size_t length) {
    static const unsigned char mask[4] = {0x12, 0x34, 0x56, 0x78};
    assert_true(length < 126);
    out[0] = (char)(0x80 | opcode);
    out[1] = (char)(0x80 | length);
    memcpy(out + 2, mask, 4);
    for (size_t i = 0; i < length; i++) {
        out[6 + i] = (char)(((const unsigned char *)payload)[i] ^ mask[i % 4]);
    }
    return 6 + length;
}

static inline void client_send(struct client *c, const char *text) {
    char frame[6 + 126];
    send_all(c->fd, frame, write_frame(frame, TEXT, text, strlen(text)));
}

static inline void client_send_close(struct client *c) {
    char frame[6 + 126];
    send_all(c->fd, frame, write_frame(frame, CLOSE, "\x03\xe8", 2));
}

#define expect(client_, text_) expect_(client_, text_, __FILE__, __LINE__)

static inline void expect_(struct client *c, const char *text, const char *file, int line) {
    const char *payload = "";
    size_t length;
    int opcode = client_next(c, &payload, &length);
    if (opcode != TEXT || strcmp(payload, text) != 0) {
        print_error("expected %s\nbut got (opcode %d) %s\n", text, opcode, payload);
        _fail(file, line);
    }
}

static inline void expect_close(struct client *c, unsigned code) {
    const char *payload;
    size_t length;
    assert_int_equal(client_next(c, &payload, &length), CLOSE);
    assert_true(length >= 2);
    assert_int_equal((unsigned char)payload[0] << 8 | (unsigned char)payload[1], code);
}

static inline void expect_closing(struct client *c) {
    const char *payload = "";
    size_t length;
    assert_int_equal(client_next(c, &payload, &length), TEXT);
    assert_non_null(strstr(payload, "{\"op\":\"closing\",\"code\":\"drain\",\"reconnect_after_ms\":"));
    expect_close(c, 1001);
}

// The server has ended the connection, and so does the client.
static inline void expect_end(struct client *c) {
    const char *payload;
    size_t length;
    assert_int_equal(client_next(c, &payload, &length), -1);
    shutdown(c->fd, SHUT_WR);
}

static inline int connect_to(const struct setup *s) {
    const struct timeval deadline = {.tv_sec = DEADLINE_S};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &deadline, sizeof deadline);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &deadline, sizeof deadline);
    if (connect(fd, (const struct sockaddr *)&s->address.storage, s->address.length) != 0) {
        close(fd);
        return -1;
    }
    return fd;
}

static inline void client_open(struct setup *s, struct client *c) {
    static const char upgrade[] =
        "GET /ws HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";
    const char *end, *payload, *id;
    size_t length;
    *c = (struct client){.fd = connect_to(s)};
    assert_true(c->fd >= 0);
    send_all(c->fd, upgrade, sizeof upgrade - 1);
    do {
        assert_true(receive(c));
    } while (!(end = strstr(c->data, "\r\n\r\n")));
    assert_memory_equal(c->data, "HTTP/1.1 101 ", 13);
    consume(c, (size_t)(end + 4 - c->data));
    assert_int_equal(client_next(c, &payload, &length), TEXT);
    id = strstr(payload, "\"connection\":\"");
    assert_non_null(id);
    snprintf(c->id, sizeof c->id, "%.32s", id + strlen("\"connection\":\""));
}

static inline void client_free(struct client *c) {
    close(c->fd);
    free(c->data);
}

// Whatever was to be answered before this has been.
static inline void client_sync(struct client *c) {
    client_send(c, "{\"op\":\"ping\",\"id\":\"sync\"}");
    expect(c, "{\"op\":\"ok\",\"id\":\"sync\"}");
}
