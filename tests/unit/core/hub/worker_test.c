// SPDX-License-Identifier: MIT
// The hub and its workers in their threads, as core/serve.c makes them, with a fake broker behind and
// blocking clients over loopback in front. What the test asks of the fake broker happens on the hub's thread.
// ThreadSanitizer runs this.
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "config/config.h"
#include "fake_broker.h"
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

static const struct log no_log = {.fd = -1, .level = LOG_ERROR + 1};

// ---- the hub

struct setup {
    struct config config;
    struct instance instance;
    struct loop *loop;
    struct mailbox *remote; // what the test wants done on the hub's thread
    struct fake_broker *fake;
    pthread_t thread;
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

static void wait_for(sem_t *semaphore) {
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += DEADLINE_S;
    while (sem_timedwait(semaphore, &until) != 0) {
        assert_int_equal(errno, EINTR);
    }
}

static void on_errand(void *context, struct mail *mail) {
    struct errand *errand = (struct errand *)(void *)mail;
    errand->result = errand->fn(context, errand->argument);
    sem_post(&errand->done);
}

// Runs fn on the hub's thread and waits for its answer.
static int on_hub(struct setup *s, int (*fn)(struct setup *, void *), void *argument) {
    struct errand errand = {.fn = fn, .argument = argument};
    sem_init(&errand.done, 0, 0);
    mailbox_post(s->remote, &errand.mail);
    wait_for(&errand.done);
    sem_destroy(&errand.done);
    return errand.result;
}

// Asks again and again, on the hub's thread, until the answer is yes.
#define wait_until(setup_, fn_, argument_) wait_until_(setup_, fn_, argument_, #fn_, __FILE__, __LINE__)

static void wait_until_(struct setup *s, int (*fn)(struct setup *, void *), void *argument, const char *what,
                        const char *file, int line) {
    uint64_t until = clock_ns() + DEADLINE_S * UINT64_C(1000000000);
    while (!on_hub(s, fn, argument)) {
        if (clock_ns() > until) {
            print_error("not within %d s: %s\n", DEADLINE_S, what);
            _fail(file, line);
        }
        sched_yield();
    }
}

static void *run(void *context) {
    struct setup *s = context;
    loop_run(s->loop);
    return NULL;
}

static int is_ready(struct setup *s, void *argument) {
    (void)argument;
    return atomic_load(&s->instance.readiness) == READINESS_READY;
}

static void start_with(struct setup *s, unsigned workers, const char *config) {
    struct buf text = {0}, errors = {0};
    char why[512];
    *s = (struct setup){.loop = loop_new(), .fake = fake_new()};
    buf_printf(&text, "brokers: [{name: main, plugin: fake}]\nunsubscribe_linger: 0s\n%s", config);
    if (!config_read(&s->config, "test", text.data, text.length, &errors)) {
        fail_msg("%.*s", (int)errors.length, errors.data);
    }
    buf_free(&text);
    sem_init(&s->ended, 0, 0);
    s->instance =
        (struct instance){.config = &s->config, .log = &no_log, .id = "me", .connection_limit = 1000};
    s->instance.hash_seed = random_u64();
    s->remote = mailbox_new(s->loop, on_errand, s);
    s->instance.hub = hub_new(s->loop, &s->instance);
    for (unsigned i = 0; i < workers; i++) {
        s->instance.workers[i] = worker_new(&s->instance, i);
        s->instance.worker_count++;
    }
    assert_true(hub_start(s->instance.hub, fake_find));
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
    assert_int_equal(pthread_create(&s->thread, NULL, run, s), 0);
    wait_until(s, is_ready, NULL);
}

static void start(struct setup *s) {
    start_with(s, 2, "");
}

static int stop_loop(struct setup *s, void *argument) {
    (void)argument;
    loop_stop(s->loop);
    return 0;
}

static void stop(struct setup *s) {
    on_hub(s, stop_loop, NULL);
    pthread_join(s->thread, NULL);
    for (unsigned i = 0; i < s->instance.worker_count; i++) {
        worker_join(s->instance.workers[i]);
    }
    hub_free(s->instance.hub);
    for (unsigned i = 0; i < s->instance.worker_count; i++) {
        worker_free(s->instance.workers[i]);
    }
    mailbox_free(s->remote);
    loop_free(s->loop);
    fake_free(s->fake);
    config_free(&s->config);
    sem_destroy(&s->ended);
}

// ---- errands

struct behaviour {
    enum fake_slot slot;
    enum fake_answer answer;
    int status;
};

static int do_behave(struct setup *s, void *argument) {
    const struct behaviour *b = argument;
    fake_behave(s->fake, b->slot, b->answer, b->status);
    return 0;
}

static void behave(struct setup *s, enum fake_slot slot, enum fake_answer answer, int status) {
    on_hub(s, do_behave, &(struct behaviour){slot, answer, status});
}

static int held_count(struct setup *s, void *argument) {
    (void)argument;
    return (int)s->fake->held_count;
}

static int holds(struct setup *s, void *argument) {
    return s->fake->held_count >= *(size_t *)argument;
}

static void wait_held(struct setup *s, size_t count) {
    wait_until(s, holds, &count);
    assert_int_equal(on_hub(s, held_count, NULL), count);
}

static int do_complete(struct setup *s, void *argument) {
    return (int)fake_complete_all(s->fake, *(int *)argument);
}

static void complete(struct setup *s, int status) {
    assert_true(on_hub(s, do_complete, &status) > 0);
}

static int do_deliver(struct setup *s, void *argument) {
    (void)argument;
    return fake_deliver(s->fake, "room", "1");
}

static int counts(struct setup *s, void *argument) {
    return (int)s->fake->counts[*(enum fake_slot *)argument];
}

static int count_calls(struct setup *s, enum fake_slot slot) {
    return on_hub(s, counts, &slot);
}

// Sum over the workers of the counter that stands at `offset`.
static uint64_t total(const struct setup *s, size_t offset) {
    uint64_t sum = 0;
    for (unsigned i = 0; i < s->instance.worker_count; i++) {
        const char *stats = (const char *)worker_stats(s->instance.workers[i]);
        sum += counter_get((const counter *)(const void *)(stats + offset));
    }
    return sum;
}
#define TOTAL(setup_, field_) total(setup_, offsetof(struct worker_stats, field_))

static int has_connections(struct setup *s, void *argument) {
    return TOTAL(s, connections) == *(uint64_t *)argument;
}

static void wait_connections(struct setup *s, uint64_t count) {
    wait_until(s, has_connections, &count);
}

// Nothing is left of any channel: at the workers, at the hub, at the broker.
static int has_no_trace(struct setup *s, void *argument) {
    (void)argument;
    return TOTAL(s, channels) == 0 && TOTAL(s, subscriptions) == 0 &&
           counter_get(&hub_stats(s->instance.hub)->channels) == 0 && s->fake->subscribed_count == 0;
}

static void on_ended(void *context, const struct hub_ending *ending) {
    struct setup *s = context;
    s->ending = *ending;
    sem_post(&s->ended);
}

static int do_drain(struct setup *s, void *argument) {
    (void)argument;
    hub_drain(s->instance.hub, on_ended, s);
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

static void send_all(int fd, const void *data, size_t length) {
    for (const char *at = data; length > 0;) {
        ssize_t n = send(fd, at, length, MSG_NOSIGNAL);
        assert_true(n > 0);
        at += n;
        length -= (size_t)n;
    }
}

// False: the connection has ended.
static bool receive(struct client *c) {
    if (c->capacity - c->length < 4096) {
        c->capacity = c->capacity * 2 + 8192;
        c->data = realloc(c->data, c->capacity);
        assert_non_null(c->data);
    }
    ssize_t n = recv(c->fd, c->data + c->length, c->capacity - c->length - 1, 0);
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

static void consume(struct client *c, size_t length) {
    memmove(c->data, c->data + length, c->length - length + 1);
    c->length -= length;
}

// Of the frame that begins the data, as far as can be told: never more than is needed.
static size_t frame_size(const struct client *c, size_t *header) {
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
static int client_next(struct client *c, const char **payload, size_t *length) {
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

static size_t write_frame(char *out, int opcode, const void *payload, size_t length) {
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

static void client_send(struct client *c, const char *text) {
    char frame[6 + 126];
    send_all(c->fd, frame, write_frame(frame, TEXT, text, strlen(text)));
}

static void client_send_close(struct client *c) {
    char frame[6 + 126];
    send_all(c->fd, frame, write_frame(frame, CLOSE, "\x03\xe8", 2));
}

#define expect(client_, text_) expect_(client_, text_, __FILE__, __LINE__)

static void expect_(struct client *c, const char *text, const char *file, int line) {
    const char *payload = "";
    size_t length;
    int opcode = client_next(c, &payload, &length);
    if (opcode != TEXT || strcmp(payload, text) != 0) {
        print_error("expected %s\nbut got (opcode %d) %s\n", text, opcode, payload);
        _fail(file, line);
    }
}

static void expect_close(struct client *c, unsigned code) {
    const char *payload;
    size_t length;
    assert_int_equal(client_next(c, &payload, &length), CLOSE);
    assert_true(length >= 2);
    assert_int_equal((unsigned char)payload[0] << 8 | (unsigned char)payload[1], code);
}

static void expect_closing(struct client *c) {
    const char *payload = "";
    size_t length;
    assert_int_equal(client_next(c, &payload, &length), TEXT);
    assert_non_null(strstr(payload, "{\"op\":\"closing\",\"code\":\"drain\",\"reconnect_after_ms\":"));
    expect_close(c, 1001);
}

// The server has ended the connection, and so does the client.
static void expect_end(struct client *c) {
    const char *payload;
    size_t length;
    assert_int_equal(client_next(c, &payload, &length), -1);
    shutdown(c->fd, SHUT_WR);
}

static int connect_to(const struct setup *s) {
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

static void client_open(struct setup *s, struct client *c) {
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

static void client_free(struct client *c) {
    close(c->fd);
    free(c->data);
}

// Whatever was to be answered before this has been.
static void client_sync(struct client *c) {
    client_send(c, "{\"op\":\"ping\",\"id\":\"sync\"}");
    expect(c, "{\"op\":\"ok\",\"id\":\"sync\"}");
}

#define SUBSCRIBE(id_) "{\"op\":\"subscribe\",\"id\":" #id_ ",\"channel\":\"room\"}"
#define UNSUBSCRIBE(id_) "{\"op\":\"unsubscribe\",\"id\":" #id_ ",\"channel\":\"room\"}"
#define PUBLISH(id_) "{\"op\":\"publish\",\"id\":" #id_ ",\"channel\":\"room\",\"data\":1}"
#define OK(id_) "{\"op\":\"ok\",\"id\":" #id_ ",\"channel\":\"room\"}"
#define ERROR(id_, code_, message_, retry_)                                            \
    "{\"op\":\"error\",\"id\":" #id_ ",\"code\":\"" code_ "\",\"message\":\"" message_ \
    "\",\"retry\":" retry_ "}"

// ---- publish

static void a_publish_is_answered_when_the_broker_has_taken_it(void **state) {
    struct setup s;
    struct client c;
    (void)state;
    start(&s);
    behave(&s, FAKE_PUBLISH, FAKE_HOLD, 0);
    client_open(&s, &c);
    client_send(&c, PUBLISH(1));
    wait_held(&s, 1);
    client_sync(&c); // nothing yet, and it does not block the rest
    complete(&s, WSHUB_OK);
    expect(&c, OK(1));
    assert_string_equal(s.fake->calls[0]->payload, "1");
    assert_string_equal(s.fake->calls[0]->sender, c.id);
    client_free(&c);
    stop(&s);
}

static void a_publish_that_fails_says_why(void **state) {
    static const struct {
        int status;
        const char *answer;
    } cases[] = {
        {WSHUB_NO_MEMORY, ERROR(1, "internal", "out of memory", "true")},
        {WSHUB_INVALID, ERROR(1, "bad_request", "the broker cannot take this", "false")},
        {WSHUB_UNAVAILABLE, ERROR(1, "broker_unavailable", "the broker is not reachable", "true")},
        {WSHUB_TIMEOUT, ERROR(1, "timeout", "the broker did not answer in time", "true")},
        {WSHUB_DENIED, ERROR(1, "denied", "the broker refused it", "false")},
        {WSHUB_TOO_LARGE, ERROR(1, "too_large", "larger than the broker takes", "false")},
        {WSHUB_UNSUPPORTED, ERROR(1, "unsupported", "the broker cannot do that", "false")},
        {WSHUB_INTERNAL, ERROR(1, "internal", "the broker plugin failed", "true")},
        {-99, ERROR(1, "internal", "the broker plugin failed", "true")},
        {7, ERROR(1, "internal", "the broker plugin failed", "true")},
    };
    struct setup s;
    struct client c;
    (void)state;
    start(&s);
    client_open(&s, &c);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        behave(&s, FAKE_PUBLISH, i % 2 ? FAKE_REFUSE : FAKE_AT_ONCE, cases[i].status);
        client_send(&c, PUBLISH(1));
        expect(&c, cases[i].answer);
    }
    client_sync(&c);
    client_free(&c);
    stop(&s);
}

static void a_publish_that_is_never_answered_times_out(void **state) {
    struct setup s;
    struct client c;
    (void)state;
    start_with(&s, 2, "timeouts: {broker: 100ms}\n");
    behave(&s, FAKE_PUBLISH, FAKE_HOLD, 0);
    client_open(&s, &c);
    client_send(&c, PUBLISH(1));
    expect(&c, ERROR(1, "timeout", "the broker did not answer in time", "true"));
    complete(&s, WSHUB_OK); // too late
    client_sync(&c);
    client_free(&c);
    stop(&s);
}

// ---- subscribe

static void a_subscribe_is_answered_when_the_broker_has_confirmed(void **state) {
    struct setup s;
    struct client c, other;
    char message[256];
    (void)state;
    start(&s);
    behave(&s, FAKE_SUBSCRIBE, FAKE_HOLD, 0);
    client_open(&s, &c);
    client_open(&s, &other);
    client_send(&c, SUBSCRIBE(1));
    wait_held(&s, 1);
    client_sync(&c);
    complete(&s, WSHUB_OK);
    expect(&c, OK(1));
    client_send(&c, SUBSCRIBE(2));
    expect(&c,
           ERROR(2, "already_subscribed", "this connection has subscribed to the channel already", "false"));
    client_send(&other, PUBLISH(1));
    expect(&other, OK(1));
    snprintf(message, sizeof message,
             "{\"op\":\"message\",\"channel\":\"room\",\"data\":1,\"from\":{\"connection\":\"%s\"}}",
             other.id);
    expect(&c, message);
    client_send(&c, UNSUBSCRIBE(3));
    expect(&c, OK(3));
    wait_until(&s, has_no_trace, NULL);
    client_free(&c);
    client_free(&other);
    stop(&s);
}

static void a_failed_subscribe_leaves_no_trace(void **state) {
    struct setup s;
    struct client c;
    (void)state;
    start(&s);
    client_open(&s, &c);
    behave(&s, FAKE_SUBSCRIBE, FAKE_HOLD, 0);
    client_send(&c, SUBSCRIBE(1));
    wait_held(&s, 1);
    complete(&s, WSHUB_DENIED);
    expect(&c, ERROR(1, "denied", "the broker refused it", "false"));
    wait_until(&s, has_no_trace, NULL);
    client_send(&c, UNSUBSCRIBE(2));
    expect(&c, ERROR(2, "not_subscribed", "this connection has not subscribed to the channel", "false"));
    on_hub(&s, do_deliver, NULL);
    client_sync(&c); // got nothing
    behave(&s, FAKE_SUBSCRIBE, FAKE_AT_ONCE, WSHUB_OK);
    client_send(&c, SUBSCRIBE(3));
    expect(&c, OK(3));
    client_free(&c);
    wait_until(&s, has_no_trace, NULL);
    stop(&s);
}

static void a_subscribe_that_times_out_is_taken_back(void **state) {
    struct setup s;
    struct client c;
    (void)state;
    start_with(&s, 2, "timeouts: {broker: 100ms}\n");
    behave(&s, FAKE_SUBSCRIBE, FAKE_HOLD, 0);
    client_open(&s, &c);
    client_send(&c, SUBSCRIBE(1));
    expect(&c, ERROR(1, "timeout", "the broker did not answer in time", "true"));
    wait_until(&s, has_no_trace, NULL);
    assert_int_equal(count_calls(&s, FAKE_UNSUBSCRIBE), 1);
    client_free(&c);
    stop(&s);
}

static void unsubscribing_while_it_is_pending_answers_both_once(void **state) {
    static const struct {
        int status;
        const char *first;
    } cases[] = {{WSHUB_OK, OK(1)}, {WSHUB_DENIED, ERROR(1, "denied", "the broker refused it", "false")}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct setup s;
        struct client c;
        start(&s);
        behave(&s, FAKE_SUBSCRIBE, FAKE_HOLD, 0);
        client_open(&s, &c);
        client_send(&c, SUBSCRIBE(1));
        client_send(&c, UNSUBSCRIBE(2));
        wait_held(&s, 1);
        client_sync(&c);
        complete(&s, cases[i].status);
        expect(&c, cases[i].first);
        expect(&c, OK(2));
        client_sync(&c);
        wait_until(&s, has_no_trace, NULL);
        on_hub(&s, do_deliver, NULL);
        client_sync(&c);
        client_free(&c);
        stop(&s);
    }
}

static void coming_back_while_it_is_pending_ends_subscribed(void **state) {
    struct setup s;
    struct client c;
    (void)state;
    start(&s);
    behave(&s, FAKE_SUBSCRIBE, FAKE_HOLD, 0);
    client_open(&s, &c);
    client_send(&c, SUBSCRIBE(1));
    client_send(&c, UNSUBSCRIBE(2));
    client_send(&c, SUBSCRIBE(3));
    client_sync(&c);
    wait_held(&s, 1);
    complete(&s, WSHUB_OK);
    expect(&c, OK(1));
    expect(&c, OK(2));
    expect(&c, OK(3));
    on_hub(&s, do_deliver, NULL);
    expect(&c, "{\"op\":\"message\",\"channel\":\"room\",\"data\":1}");
    assert_int_equal(count_calls(&s, FAKE_SUBSCRIBE), 1);
    client_free(&c);
    wait_until(&s, has_no_trace, NULL);
    stop(&s);
}

// ---- clients that go

enum way { WAY_FIN, WAY_RESET, WAY_CLOSE_FRAME, WAYS };

static void go(struct client *c, enum way way) {
    const struct linger reset = {.l_onoff = 1, .l_linger = 0};
    if (way == WAY_RESET) {
        setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    } else if (way == WAY_CLOSE_FRAME) {
        client_send_close(c);
        expect_close(c, 1000);
        expect_end(c);
    }
    client_free(c);
}

static void who_goes_with_work_pending_leaves_no_trace(void **state) {
    const int statuses[] = {WSHUB_OK, WSHUB_DENIED, WSHUB_TIMEOUT};
    (void)state;
    for (unsigned i = 0; i < WAYS * 3; i++) {
        struct setup s;
        struct client c;
        start(&s);
        behave(&s, FAKE_SUBSCRIBE, FAKE_HOLD, 0);
        behave(&s, FAKE_PUBLISH, FAKE_HOLD, 0);
        client_open(&s, &c);
        client_send(&c, SUBSCRIBE(1));
        client_send(&c, PUBLISH(2));
        client_send(&c, PUBLISH(3));
        wait_held(&s, 3);
        go(&c, i % WAYS);
        wait_connections(&s, 0);
        complete(&s, statuses[i / WAYS]);
        wait_until(&s, has_no_trace, NULL);
        assert_int_equal(count_calls(&s, FAKE_SUBSCRIBE), 1);
        assert_int_equal(count_calls(&s, FAKE_UNSUBSCRIBE), statuses[i / WAYS] == WSHUB_DENIED ? 0 : 1);
        stop(&s);
    }
}

static int let_close_say_ok(struct setup *s, void *argument) {
    s->fake->close_says_ok = argument != NULL;
    return 0;
}

// The plugin is closed with work in flight: each is settled once, whether the plugin says so itself or not.
static void stopping_settles_what_is_pending(void **state) {
    (void)state;
    for (int i = 0; i < 4; i++) {
        bool goes = i % 2, says_ok = i / 2;
        struct setup s;
        struct client c;
        start(&s);
        behave(&s, FAKE_SUBSCRIBE, FAKE_HOLD, 0);
        behave(&s, FAKE_PUBLISH, FAKE_HOLD, 0);
        on_hub(&s, let_close_say_ok, says_ok ? &s : NULL);
        client_open(&s, &c);
        client_send(&c, SUBSCRIBE(1));
        client_send(&c, PUBLISH(2));
        wait_held(&s, 2);
        if (goes) {
            go(&c, WAY_FIN);
            wait_connections(&s, 0);
        }
        stop(&s);
        if (!goes) {
            client_free(&c);
        }
    }
}

// ---- backpressure

enum { MANY = 10000 };

struct flood {
    int fd;
    size_t smallest; // bytes of a frame
    bool failed;
};

static void *pour(void *context) {
    struct flood *flood = context;
    char *all = malloc(MANY * 100), text[100];
    size_t length = 0;
    flood->smallest = SIZE_MAX;
    for (int i = 0; i < MANY; i++) {
        int n = snprintf(text, sizeof text, "{\"op\":\"publish\",\"id\":%d,\"channel\":\"room\",\"data\":%d}",
                         i, i);
        size_t size = write_frame(all + length, TEXT, text, (size_t)n);
        length += size;
        flood->smallest = size < flood->smallest ? size : flood->smallest;
    }
    for (size_t sent = 0; sent < length && !flood->failed;) {
        ssize_t n = send(flood->fd, all + sent, length - sent, MSG_NOSIGNAL);
        flood->failed = n <= 0;
        sent += n > 0 ? (size_t)n : 0;
    }
    free(all);
    return NULL;
}

static int let_publishes_go(struct setup *s, void *argument) {
    (void)argument;
    fake_behave(s->fake, FAKE_PUBLISH, FAKE_AT_ONCE, WSHUB_OK);
    return (int)fake_complete_all(s->fake, WSHUB_OK);
}

// The worker has been round its loop, and the hub has taken all that it had posted.
static void go_round(struct client *c) {
    for (int i = 0; i < 20; i++) {
        client_sync(c);
        client_send(c, "{\"op\":\"subscribe\",\"id\":1,\"channel\":\"other\"}");
        expect(c, "{\"op\":\"ok\",\"id\":1,\"channel\":\"other\"}");
        client_send(c, "{\"op\":\"unsubscribe\",\"id\":2,\"channel\":\"other\"}");
        expect(c, "{\"op\":\"ok\",\"id\":2,\"channel\":\"other\"}");
    }
}

static void who_publishes_faster_than_the_broker_is_held_back(void **state) {
    enum { REQUESTS = 256, READ = 64 * 1024 }; // what core/hub/session.c and core/net take at a time
    size_t begun = REQUESTS + 1;
    struct setup s;
    struct client c, other;
    struct flood flood;
    pthread_t thread;
    char text[100];
    (void)state;
    start_with(&s, 1, "");
    behave(&s, FAKE_PUBLISH, FAKE_HOLD, 0);
    client_open(&s, &c);
    client_open(&s, &other);
    flood = (struct flood){.fd = c.fd};
    assert_int_equal(pthread_create(&thread, NULL, pour, &flood), 0);
    wait_until(&s, holds, &begun);
    go_round(&other);
    int held = on_hub(&s, held_count, NULL);
    go_round(&other); // nobody else is held back
    assert_int_equal(on_hub(&s, held_count, NULL), held);
    assert_int_equal(on_hub(&s, let_publishes_go, NULL), held);
    for (int i = 0; i < MANY; i++) {
        snprintf(text, sizeof text, "{\"op\":\"ok\",\"id\":%d,\"channel\":\"room\"}", i);
        expect(&c, text);
    }
    pthread_join(thread, NULL);
    assert_false(flood.failed);
    assert_true((size_t)held <= REQUESTS + READ / flood.smallest + 1);
    assert_int_equal(count_calls(&s, FAKE_PUBLISH), MANY);
    client_sync(&c);
    client_free(&c);
    client_free(&other);
    stop(&s);
}

// ---- many at once

static void everybody_gets_everything_in_order(void **state) {
    enum { CLIENTS = 8, MESSAGES = 200 };
    struct client clients[CLIENTS];
    char text[200];
    struct setup s;
    (void)state;
    start(&s);
    for (int i = 0; i < CLIENTS; i++) {
        client_open(&s, &clients[i]);
        client_send(&clients[i], SUBSCRIBE(1));
        expect(&clients[i], OK(1));
    }
    assert_int_equal(count_calls(&s, FAKE_SUBSCRIBE), 1); // P1
    for (int i = 0; i < MESSAGES; i++) {
        snprintf(text, sizeof text, "{\"op\":\"publish\",\"channel\":\"room\",\"data\":%d}", i);
        client_send(&clients[0], text);
    }
    for (int c = 0; c < CLIENTS; c++) {
        for (int i = 0; i < MESSAGES; i++) {
            snprintf(text, sizeof text,
                     "{\"op\":\"message\",\"channel\":\"room\",\"data\":%d,\"from\":{\"connection\":\"%s\"}}",
                     i, clients[0].id);
            expect(&clients[c], text);
        }
    }
    for (int c = 0; c < CLIENTS; c++) {
        client_free(&clients[c]);
    }
    wait_until(&s, has_no_trace, NULL);
    assert_int_equal(count_calls(&s, FAKE_UNSUBSCRIBE), 1);
    stop(&s);
}

enum { CHURN_THREADS = 4, CHURN_TURNS = 60 };

static void *churn(void *context) {
    struct setup *s = context;
    for (int i = 0; i < CHURN_TURNS; i++) {
        struct client c;
        client_open(s, &c);
        client_send(&c, SUBSCRIBE(1));
        client_send(&c, PUBLISH(2));
        if (i % 3 == 0) {
            client_send(&c, UNSUBSCRIBE(3));
        }
        go(&c, i % 2 ? WAY_FIN : WAY_RESET); // whatever has been answered
    }
    return NULL;
}

static void coming_and_going_converges(void **state) {
    pthread_t threads[CHURN_THREADS];
    struct setup s;
    (void)state;
    start(&s);
    for (int i = 0; i < CHURN_THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, churn, &s), 0);
    }
    for (int i = 0; i < CHURN_THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
    wait_connections(&s, 0);
    wait_until(&s, has_no_trace, NULL);
    assert_int_equal(count_calls(&s, FAKE_SUBSCRIBE), count_calls(&s, FAKE_UNSUBSCRIBE));
    stop(&s);
}

// ---- P8

static void assert_ending(const struct setup *s, uint64_t drained, uint64_t forced, uint64_t lost,
                          uint64_t unsettled) {
    assert_int_equal(s->ending.drained, drained);
    assert_int_equal(s->ending.forced, forced);
    assert_int_equal(s->ending.lost_bytes, lost);
    assert_int_equal(s->ending.unsettled, unsettled);
}

// Until both workers have closed their listeners.
static void wait_refused(const struct setup *s) {
    uint64_t until = clock_ns() + DEADLINE_S * UINT64_C(1000000000);
    for (int fd; (fd = connect_to(s)) >= 0;) {
        close(fd);
        assert_true(clock_ns() < until);
    }
}

static void a_drain_waits_for_publishes_in_flight(void **state) {
    struct setup s;
    struct client c, other;
    (void)state;
    start_with(&s, 2, "drain: {window: 0s}\n");
    behave(&s, FAKE_PUBLISH, FAKE_HOLD, 0);
    client_open(&s, &c);
    client_open(&s, &other);
    client_send(&other, SUBSCRIBE(1));
    expect(&other, OK(1));
    client_send(&c, PUBLISH(1));
    client_send(&c, PUBLISH(2));
    wait_held(&s, 2);
    on_hub(&s, do_drain, NULL);
    wait_refused(&s);
    expect_closing(&other);
    client_send_close(&other);
    expect_end(&other);
    assert_int_equal(sem_trywait(&s.ended), -1);
    complete(&s, WSHUB_OK);
    expect(&c, OK(1));
    expect(&c, OK(2));
    expect_closing(&c);
    client_send_close(&c);
    expect_end(&c);
    wait_for(&s.ended);
    assert_ending(&s, 2, 0, 0, 0);
    assert_true(on_hub(&s, has_no_trace, NULL));
    client_free(&c);
    client_free(&other);
    stop(&s);
}

static void a_drain_settles_publishes_that_the_broker_never_answers(void **state) {
    struct setup s;
    struct client c;
    (void)state;
    start_with(&s, 2, "drain: {window: 0s}\ntimeouts: {broker: 200ms}\n");
    behave(&s, FAKE_PUBLISH, FAKE_HOLD, 0);
    client_open(&s, &c);
    client_send(&c, PUBLISH(1));
    wait_held(&s, 1);
    on_hub(&s, do_drain, NULL);
    expect(&c, ERROR(1, "timeout", "the broker did not answer in time", "true"));
    expect_closing(&c);
    client_send_close(&c);
    expect_end(&c);
    wait_for(&s.ended);
    assert_ending(&s, 1, 0, 0, 0);
    client_free(&c);
    stop(&s);
}

static void a_client_that_never_answers_its_close_frame_is_forced(void **state) {
    struct setup s;
    struct client c, other;
    (void)state;
    start_with(&s, 2, "drain: {window: 0s}\ntimeouts: {close: 200ms}\n");
    client_open(&s, &c);
    client_open(&s, &other);
    on_hub(&s, do_drain, NULL);
    expect_closing(&other);
    client_send_close(&other);
    expect_end(&other);
    expect_closing(&c);
    wait_for(&s.ended); // says nothing
    assert_ending(&s, 1, 1, 0, 0);
    client_free(&c);
    client_free(&other);
    stop(&s);
}

static void the_time_limit_cuts_what_is_left(void **state) {
    struct setup s;
    struct client c;
    (void)state;
    start_with(&s, 2, "drain: {window: 0s, timeout: 300ms}\ntimeouts: {broker: 60s}\n");
    behave(&s, FAKE_PUBLISH, FAKE_HOLD, 0);
    client_open(&s, &c);
    client_send(&c, PUBLISH(1));
    wait_held(&s, 1);
    on_hub(&s, do_drain, NULL);
    wait_for(&s.ended);
    assert_ending(&s, 0, 1, 0, 1);
    expect_end(&c);
    client_free(&c);
    stop(&s);
}

static void a_drain_without_clients_ends_at_once(void **state) {
    struct setup s;
    (void)state;
    start(&s);
    on_hub(&s, do_drain, NULL);
    wait_for(&s.ended);
    assert_ending(&s, 0, 0, 0, 0);
    stop(&s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_publish_is_answered_when_the_broker_has_taken_it),
        cmocka_unit_test(a_publish_that_fails_says_why),
        cmocka_unit_test(a_publish_that_is_never_answered_times_out),
        cmocka_unit_test(a_subscribe_is_answered_when_the_broker_has_confirmed),
        cmocka_unit_test(a_failed_subscribe_leaves_no_trace),
        cmocka_unit_test(a_subscribe_that_times_out_is_taken_back),
        cmocka_unit_test(unsubscribing_while_it_is_pending_answers_both_once),
        cmocka_unit_test(coming_back_while_it_is_pending_ends_subscribed),
        cmocka_unit_test(who_goes_with_work_pending_leaves_no_trace),
        cmocka_unit_test(stopping_settles_what_is_pending),
        cmocka_unit_test(who_publishes_faster_than_the_broker_is_held_back),
        cmocka_unit_test(everybody_gets_everything_in_order),
        cmocka_unit_test(coming_and_going_converges),
        cmocka_unit_test(a_drain_waits_for_publishes_in_flight),
        cmocka_unit_test(a_drain_settles_publishes_that_the_broker_never_answers),
        cmocka_unit_test(a_client_that_never_answers_its_close_frame_is_forced),
        cmocka_unit_test(the_time_limit_cuts_what_is_left),
        cmocka_unit_test(a_drain_without_clients_ends_at_once),
    };
    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
