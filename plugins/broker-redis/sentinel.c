/* SPDX-License-Identifier: MIT */
#include "sentinel.h"

#include <stdio.h>
#include <stdlib.h>

#include "reply.h"

static void ask_next(struct sentinel *sentinel, const char *why);

static const struct endpoint *current(const struct sentinel *sentinel) {
    return &sentinel->settings->sentinels[sentinel->at];
}

/* This one has no answer. */
static void pass_on(struct sentinel *sentinel, const char *reason) {
    char why[CONNECTION_REASON];
    snprintf(why, sizeof why, "Sentinel %s: %.200s", current(sentinel)->host, reason);
    connection_close(&sentinel->connection);
    sentinel_distrust(sentinel);
    ask_next(sentinel, why);
}

static bool take_master(struct sentinel *sentinel, const redisReply *reply) {
    char text[600];
    struct endpoint master = {0};
    if (!reply_is_array(reply, 2) || !reply_is_string(reply->element[0]) ||
        !reply_is_string(reply->element[1])) {
        return false;
    }
    struct wshub_bytes host = reply_bytes(reply->element[0]), port = reply_bytes(reply->element[1]);
    int length = snprintf(text, sizeof text, "[%.*s]:%.*s", (int)(host.length < 256 ? host.length : 256),
                          (const char *)host.data, (int)(port.length < 16 ? port.length : 16),
                          (const char *)port.data);
    if (!url_read_place(text, (size_t)length, 0, &master.host, &master.port)) {
        return false;
    }
    free(sentinel->master.host);
    sentinel->master = master;
    return true;
}

static bool on_master(void *owner, const struct pending *pending, const redisReply *reply) {
    struct sentinel *sentinel = owner;
    char why[CONNECTION_REASON];
    (void)pending;
    if (!reply) {
        return true;
    }
    if (reply_is_error(reply)) {
        reply_error_text(reply, "SENTINEL", why, sizeof why);
        pass_on(sentinel, why);
        return true;
    }
    if (reply_is_nil(reply)) {
        snprintf(why, sizeof why, "it knows no master named %.100s", sentinel->settings->sentinel_master);
        pass_on(sentinel, why);
        return true;
    }
    if (!take_master(sentinel, reply)) {
        return false;
    }
    connection_close(&sentinel->connection);
    sentinel->fn(sentinel->context, &sentinel->master, NULL);
    return true;
}

static void on_ready(void *owner) {
    struct sentinel *sentinel = owner;
    const struct argument arguments[] = {ARGUMENT("SENTINEL"), ARGUMENT("get-master-addr-by-name"),
                                         ARGUMENT(sentinel->settings->sentinel_master)};
    if (connection_send(&sentinel->connection, arguments, 3, (struct pending){.fn = on_master}) != WSHUB_OK) {
        connection_lose(&sentinel->connection, "out of memory");
    }
}

static void on_open(void *owner) {
    handshake_begin(&((struct sentinel *)owner)->handshake);
}

static void on_lost(void *owner, const char *reason) {
    dial_again(&((struct sentinel *)owner)->dial, reason);
}

static void on_failed(void *owner, const char *reason) {
    pass_on(owner, reason);
}

static void ask_next(struct sentinel *sentinel, const char *why) {
    if (sentinel->tried++ == sentinel->settings->sentinel_count) {
        sentinel->fn(sentinel->context, NULL, why);
    } else {
        dial_begin(&sentinel->dial, current(sentinel));
    }
}

bool sentinel_init(struct sentinel *sentinel, const struct wshub_host *host, const struct settings *settings,
                   struct resolver *resolver, struct tls *tls) {
    static const struct connection_hooks hooks = {.on_open = on_open, .on_lost = on_lost};
    enum { SHARE = 4 }; /* of the timeout: another Sentinel may know while this one hangs */
    *sentinel = (struct sentinel){
        .settings = settings,
        .connection = {.host = host,
                       .hooks = &hooks,
                       .owner = sentinel,
                       .timeout = settings->timeout / SHARE,
                       .keepalive = settings->keepalive},
        .dial = {.resolver = resolver,
                 .connection = &sentinel->connection,
                 .tls = tls,
                 .on_failed = on_failed},
        .handshake = {.connection = &sentinel->connection,
                      .account = &settings->sentinel_account,
                      .on_ready = on_ready},
    };
    return connection_init(&sentinel->connection);
}

void sentinel_free(struct sentinel *sentinel) {
    connection_free(&sentinel->connection);
    free(sentinel->master.host);
    sentinel->master.host = NULL;
}

void sentinel_ask(struct sentinel *sentinel, sentinel_fn fn, void *context) {
    sentinel->fn = fn;
    sentinel->context = context;
    sentinel->tried = 0;
    ask_next(sentinel, "");
}

void sentinel_distrust(struct sentinel *sentinel) {
    if (sentinel->settings->sentinel_count) {
        sentinel->at = (sentinel->at + 1) % sentinel->settings->sentinel_count;
    }
}
