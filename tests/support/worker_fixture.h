// SPDX-License-Identifier: MIT
// One worker whose hub is the test: what the worker tells it is kept until the test takes it, and what it is
// answered the test posts. Everything runs in the test's thread, on the worker's loop. For the one .c file of
// a test program, behind cmocka.h.
#pragma once

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "auth/identity.h"
#include "auth/query.h"
#include "config/config.h"
#include "hub/asks.h"
#include "hub/hub_priv.h"
#include "hub/message.h"
#include "hub/worker_priv.h"
#include "loop/mailbox.h"
#include "loop_fixture.h"
#include "net/address.h"
#include "util/buf.h"
#include "wshub/status.h"

enum { TOLD_MAX = 1024, CLIENT_TEXT = 64 * 1024 };

static const struct log no_log = {.fd = -1, .level = LOG_ERROR + 1};

struct fixture {
    struct config config;
    struct instance instance;
    struct worker *worker;
    struct loop *loop;
    struct mail *told[TOLD_MAX]; // by the worker, oldest first
    size_t told_count;
    size_t wanted;
    bool (*on_told)(struct fixture *f, struct mail *mail); // true: it has taken it
};

// ---- the hub's place

static inline void on_told(void *context, struct mail *mail) {
    struct fixture *f = context;
    if (!f->on_told || !f->on_told(f, mail)) {
        assert_true(f->told_count < TOLD_MAX);
        f->told[f->told_count++] = mail;
    }
}

static inline bool has_told(void *context) {
    struct fixture *f = context;
    return f->told_count >= f->wanted;
}

// The oldest, which must be of this kind.
#define take(f_, kind_) take_(f_, kind_, #kind_, __FILE__, __LINE__)

static inline void *take_(struct fixture *f, enum mail_kind kind, const char *what, const char *file,
                          int line) {
    f->wanted = 1;
    run_until_(f->loop, has_told, f, what, file, line);
    struct mail *mail = f->told[0];
    memmove(f->told, f->told + 1, --f->told_count * sizeof *f->told);
    if (mail->kind != (int)kind) {
        print_error("expected %s but got mail %d\n", what, mail->kind);
        _fail(file, line);
    }
    return mail;
}

static inline void answer(struct fixture *f, struct mail *mail, enum mail_kind kind) {
    mail->kind = (int)kind;
    mailbox_post(f->worker->mailbox, mail);
}

static inline void assert_quiet(struct fixture *f) {
    run_rounds(f->loop);
    assert_int_equal(f->told_count, 0);
}

// ---- life

static inline void set_up_with(struct fixture *f, const char *text) {
    struct buf errors = {0};
    *f = (struct fixture){0};
    if (!config_read(&f->config, "test", text, strlen(text), &errors)) {
        fail_msg("%.*s", (int)errors.length, errors.data);
    }
    buf_free(&errors);
    f->instance = (struct instance){
        .config = &f->config, .log = &no_log, .id = "me", .connection_limit = 1000, .hash_seed = 7};
    f->instance.worker_count = 1;
    f->worker = worker_new(&f->instance, 0);
    assert_non_null(f->worker);
    f->loop = f->worker->loop;
    f->instance.workers[0] = f->worker;
    f->instance.hub = hub_new(f->loop, &f->instance);
    assert_non_null(f->instance.hub);
    mailbox_free(f->instance.hub->mailbox);
    f->instance.hub->mailbox = mailbox_new(f->loop, on_told, f);
}

// What is left when everybody goes.
static inline bool settle_told(struct fixture *f, struct mail *mail) {
    switch ((enum mail_kind)mail->kind) {
    case MAIL_UNSUBSCRIBE:
        answer(f, mail, MAIL_RELEASED);
        break;
    case MAIL_LEAVE:
        free(membership_of_leave(mail));
        break;
    default:
        fail_msg("mail %d is left", mail->kind);
    }
    return true;
}

static inline bool has_nobody(void *context) {
    const struct fixture *f = context;
    return !f->worker->sessions && !f->worker->channels;
}

static inline void tear_down(struct fixture *f) {
    f->on_told = settle_told;
    for (size_t i = 0; i < f->told_count; i++) {
        settle_told(f, f->told[i]);
    }
    run_until(f->loop, has_nobody, f);
    run_rounds(f->loop);
    assert_int_equal(counter_get(&f->worker->stats.subscriptions), 0);
    assert_int_equal(f->worker->connections.count, 0);
    hub_free(f->instance.hub);
    worker_free(f->worker);
    config_free(&f->config);
}

// ---- clients

struct client {
    struct fixture *f;
    struct inbox inbox;
    struct session *session;
    size_t taken; // bytes of the inbox that were looked at
    char text[CLIENT_TEXT];
};

static inline void client_write(struct client *c, const char *text) {
    unsigned char head[8] = {0x81}, mask[4] = {0};
    size_t length = strlen(text), size = 2;
    if (length < 126) {
        head[1] = (unsigned char)(0x80 | length);
    } else {
        head[1] = 0x80 | 126;
        head[2] = (unsigned char)(length >> 8);
        head[3] = (unsigned char)length;
        size = 4;
    }
    assert_int_equal(send(c->inbox.fd, head, size, MSG_NOSIGNAL), size);
    assert_int_equal(send(c->inbox.fd, mask, 4, MSG_NOSIGNAL), 4); // of zeros: as it is
    assert_int_equal(send(c->inbox.fd, text, length, MSG_NOSIGNAL), length);
}

// The next frame, if it is whole: its opcode, else 0.
static inline int client_frame(struct client *c) {
    const unsigned char *at = (const unsigned char *)c->inbox.data + c->taken;
    size_t left = c->inbox.length - c->taken, head = 2;
    if (left < 2) {
        return 0;
    }
    size_t length = at[1];
    if (length == 126 && left >= 4) {
        head = 4;
        length = (size_t)at[2] << 8 | at[3];
    } else if (length == 127 && left >= 10) {
        head = 10;
        length = (size_t)at[6] << 24 | (size_t)at[7] << 16 | (size_t)at[8] << 8 | at[9];
    }
    if (left < head + length) {
        return 0;
    }
    assert_true(length < CLIENT_TEXT);
    memcpy(c->text, at + head, length);
    c->text[length] = '\0';
    c->taken += head + length;
    return at[0] & 0x0f;
}

static inline bool has_frame(void *context) {
    struct client *c = context;
    inbox_read(&c->inbox, SIZE_MAX);
    size_t taken = c->taken;
    int opcode = client_frame(c);
    c->taken = taken;
    return opcode != 0 || c->inbox.fin || c->inbox.error;
}

// The next text; "closed CODE" for a close frame, "end" for the end.
static inline const char *client_next(struct client *c) {
    run_until(c->f->loop, has_frame, c);
    int opcode = client_frame(c);
    if (opcode == 8) {
        int code = (unsigned char)c->text[0] << 8 | (unsigned char)c->text[1];
        snprintf(c->text, sizeof c->text, "closed %d", code);
    } else if (opcode != 1) {
        snprintf(c->text, sizeof c->text, "end");
    }
    return c->text;
}

#define expect(client_, text_) expect_(client_, text_, __FILE__, __LINE__)

static inline void expect_(struct client *c, const char *text, const char *file, int line) {
    const char *got = client_next(c);
    if (strcmp(got, text) != 0) {
        print_error("expected %s\nbut got  %s\n", text, got);
        _fail(file, line);
    }
}

// Whatever was to come before this has come.
static inline void client_sync(struct client *c) {
    client_write(c, "{\"op\":\"ping\",\"id\":\"sync\"}");
    expect(c, "{\"op\":\"ok\",\"id\":\"sync\"}");
}

static inline bool has_answer(void *context) {
    struct client *c = context;
    inbox_read(&c->inbox, SIZE_MAX);
    char *end = memmem(c->inbox.data, c->inbox.length, "\r\n\r\n", 4);
    c->taken = end ? (size_t)(end + 4 - c->inbox.data) : 0;
    return end;
}

// Up to its welcome. `buffer`: bytes of the kernel's buffers, 0 for the usual.
static inline void client_begin(struct fixture *f, struct client *c, int buffer) {
    static const char upgrade[] =
        "GET /ws HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";
    struct address peer;
    const char *wrong;
    int fds[2];
    assert_true(address_parse(&peer, "127.0.0.1:1", &wrong));
    tcp_pair(fds, buffer);
    memset(c, 0, offsetof(struct client, text));
    c->f = f;
    c->inbox.fd = fds[1];
    session_accept(f->worker, fds[0], &peer);
    c->session = f->worker->sessions;
    assert_int_equal(send(fds[1], upgrade, sizeof upgrade - 1, MSG_NOSIGNAL), sizeof upgrade - 1);
}

static inline void client_welcomed(struct client *c) {
    run_until(c->f->loop, has_answer, c);
    assert_non_null(strstr(client_next(c), "\"op\":\"welcome\""));
}

static inline void client_open(struct fixture *f, struct client *c, int buffer) {
    client_begin(f, c, buffer);
    client_welcomed(c);
}

static inline void client_free(struct client *c) {
    inbox_free(&c->inbox);
}
