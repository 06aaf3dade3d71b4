/* SPDX-License-Identifier: MIT */
#include "connection.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "reply.h"
#include "tls.h"

enum {
    READS = 8,                 /* in one round; the hub has other work too */
    READ_SIZE = 16 * 1024,     /* what hiredis reads at once */
    CHUNK = 256 * 1024,        /* hiredis moves all that is left after each write: never give it much */
    CHUNKS = 16,               /* in one round */
    BUFFERED_MOST = 520 << 20, /* Redis has no string of more than 512 MiB */
    LINE_MOST = 64 * 1024,     /* hiredis looks for a line's end from its start, after each read */
    DEPTH_MOST = 8,            /* arrays in arrays; hiredis frees them by recursion */
    PATIENCE = 4,              /* timeouts until a reply is overdue though bytes come */
    CHECKS = 4,                /* looks of the timer in a timeout or keepalive */
    CHECK_LEAST = 10,          /* ms */
};

static void on_timer(void *context);
static void on_event(void *context, unsigned events);

bool connection_init(struct connection *connection) {
    connection->fd = -1;
    connection->timer = connection->host->timer_new(connection->host->self, on_timer, connection);
    return connection->timer != NULL;
}

void connection_free(struct connection *connection) {
    if (connection->timer) {
        connection_close(connection);
        connection->host->timer_free(connection->host->self, connection->timer);
        connection->timer = NULL;
    }
}

struct wshub_bytes connection_text(const char *text) {
    return (struct wshub_bytes){text, strlen(text)};
}

/* ---- the end ---- */

static void drop_pendings(struct connection *connection) {
    struct pendings gone = connection->pendings;
    connection->pendings = (struct pendings){0};
    while (gone.count) {
        struct pending pending = pendings_pop(&gone);
        pending.fn(connection->owner, &pending, NULL);
    }
    pendings_free(&gone);
}

void connection_close(struct connection *connection) {
    const struct wshub_host *host = connection->host;
    connection->generation++;
    host->timer_stop(host->self, connection->timer);
    host->watch_free(host->self, connection->watch);
    connection->watch = NULL;
    if (connection->context) {
        redisFree(connection->context); /* and its descriptor */
        connection->context = NULL;
        connection->ssl = NULL;
    }
    if (connection->fd >= 0) {
        close(connection->fd);
        connection->fd = -1;
    }
    buffer_free(&connection->out);
    connection->unsent = false;
    drop_pendings(connection);
}

void connection_lose(struct connection *connection, const char *reason) {
    connection_close(connection);
    connection->hooks->on_lost(connection->owner, reason);
}

static void lose_connect(struct connection *connection, const char *why) {
    char reason[CONNECTION_REASON];
    snprintf(reason, sizeof reason, "cannot connect to %s: %s", connection->place, why);
    connection_lose(connection, reason);
}

/* The context has found an error. */
static void lose_broken(struct connection *connection, int error, const char *text) {
    char reason[CONNECTION_REASON], why[160];
    snprintf(why, sizeof why, "%s", text);
    if (connection->ssl) {
        tls_explain(connection->ssl, why, sizeof why);
    }
    if (error == REDIS_ERR_EOF) {
        snprintf(reason, sizeof reason, "the server closed the connection%s%s", connection->hint ? " " : "",
                 connection->hint ? connection->hint : "");
    } else if (error == REDIS_ERR_PROTOCOL) {
        snprintf(reason, sizeof reason, "what the server sends is not Redis' protocol: %s", text);
    } else if (error == REDIS_ERR_OOM && connection->too_large) {
        snprintf(reason, sizeof reason, "a reply with more than %d elements, or more than %d deep",
                 CONNECTION_ELEMENTS_MOST, DEPTH_MOST);
    } else {
        snprintf(reason, sizeof reason, "the connection broke: %s", why);
    }
    connection_lose(connection, reason);
}

/* ---- replies ---- */

static unsigned depth_of(const redisReadTask *task) {
    unsigned depth = 0;
    while (task && depth <= DEPTH_MOST) {
        task = task->parent;
        depth++;
    }
    return depth;
}

/* hiredis makes an array as large as the peer says before it has seen a single element. And from 1.0 on,
 * until that was mended in 2026, it nests them as deep as the peer likes, then overflows the stack freeing
 * them. */
static void *create_array(const redisReadTask *task, reply_count elements) {
    struct connection *connection = task->privdata;
    connection->elements += (size_t)elements;
    connection->too_large = connection->elements > CONNECTION_ELEMENTS_MOST || depth_of(task) > DEPTH_MOST;
    return connection->too_large ? NULL : connection->create_array(task, elements);
}

static void limit_replies(struct connection *connection) {
    redisReader *reader = connection->context->reader;
    connection->functions = *reader->fn;
    connection->create_array = connection->functions.createArray;
    connection->functions.createArray = create_array;
    connection->elements = 0;
    connection->too_large = false;
    reader->fn = &connection->functions;
    reader->privdata = connection;
}

static void handle_reply(struct connection *connection, const redisReply *reply) {
    char reason[CONNECTION_REASON];
    const unsigned generation = connection->generation;
    if (connection->hooks->on_push && connection->hooks->on_push(connection->owner, reply)) {
        return;
    }
    if (connection->generation != generation) {
        return;
    }
    if (connection->pendings.count == 0) {
        if (reply_is_error(reply)) {
            reply_error_text(reply, "the server says", reason, sizeof reason);
        } else {
            snprintf(reason, sizeof reason, "the server sent a reply that nobody has asked for");
        }
        connection_lose(connection, reason);
        return;
    }
    struct pending pending = pendings_pop(&connection->pendings);
    if (!pending.fn(connection->owner, &pending, reply) && connection->generation == generation) {
        connection_lose(connection, "the server sent a reply that is no answer to the command");
    }
}

/* False: there is no whole reply any more, or no connection. */
static bool take_reply(struct connection *connection) {
    const unsigned generation = connection->generation;
    void *reply = NULL;
    if (redisGetReplyFromReader(connection->context, &reply) != REDIS_OK) {
        lose_broken(connection, connection->context->err, connection->context->errstr);
        return false;
    }
    if (!reply) {
        return false;
    }
    connection->elements = 0;
    handle_reply(connection, reply);
    freeReplyObject(reply);
    return connection->generation == generation;
}

static size_t unread(const struct connection *connection) {
    const redisReader *reader = connection->context->reader;
    return reader->len - reader->pos;
}

/* What the reader waits for, after the last whole reply, begins with a line. */
static bool is_endless(const struct connection *connection) {
    const redisReader *reader = connection->context->reader;
    return unread(connection) > LINE_MOST && !memchr(reader->buf + reader->pos, '\n', LINE_MOST);
}

static void read_replies(struct connection *connection) {
    const unsigned generation = connection->generation;
    size_t got = READ_SIZE;
    for (int i = 0; i < READS && got >= READ_SIZE; i++) {
        size_t before = unread(connection);
        if (redisBufferRead(connection->context) != REDIS_OK) {
            lose_broken(connection, connection->context->err, connection->context->errstr);
            return;
        }
        got = unread(connection) - before;
        if (got) {
            connection->heard = clock_ms();
        }
        while (take_reply(connection)) {
        }
        if (connection->generation != generation) {
            return;
        }
        if (unread(connection) > BUFFERED_MOST) {
            connection_lose(connection, "a reply of more than 512 MiB");
            return;
        }
        if (is_endless(connection)) {
            connection_lose(connection, "the server sent a line of more than 64 KiB");
            return;
        }
    }
}

/* ---- commands ---- */

/* A write under TLS may wait for the peer rather than for room; then being writable says nothing. */
static bool wants_write(const struct connection *connection) {
    if (connection->unsent) {
        return !connection->ssl || !tls_wants_read(connection->ssl);
    }
    return connection->out.length > 0;
}

static void set_events(struct connection *connection, bool write) {
    unsigned events = WSHUB_WATCH_READ | (write ? WSHUB_WATCH_WRITE : 0);
    if (events != connection->events) {
        connection->events = events;
        connection->host->watch_set(connection->host->self, connection->watch, events);
    }
}

/* A server that refuses a connection says why and closes; the reason may lie there unread. */
static void lose_write(struct connection *connection) {
    const unsigned generation = connection->generation;
    char text[sizeof connection->context->errstr];
    snprintf(text, sizeof text, "%s", connection->context->errstr);
    connection->context->err = 0;
    read_replies(connection);
    if (connection->generation == generation) {
        lose_broken(connection, REDIS_ERR_IO, text);
    }
}

/* Gives hiredis its next piece. False: no memory. */
static bool feed(struct connection *connection) {
    size_t length = connection->out.length < CHUNK ? connection->out.length : CHUNK;
    if (redisAppendFormattedCommand(connection->context, buffer_front(&connection->out), length) !=
        REDIS_OK) {
        return false;
    }
    buffer_take(&connection->out, length);
    connection->unsent = true;
    return true;
}

/* hiredis makes a new buffer after each write, and before 1.1 it does not ask whether there was memory for
 * it: what needs no TLS goes without it. */
static void write_plainly(struct connection *connection) {
    redisContext *context = connection->context;
    for (int i = 0; i < CHUNKS && connection->out.length; i++) {
        const size_t length = connection->out.length < CHUNK ? connection->out.length : CHUNK;
        ssize_t n = send(context->fd, buffer_front(&connection->out), length, MSG_NOSIGNAL);
        if (n < 0 && errno != EAGAIN && errno != EINTR) {
            snprintf(context->errstr, sizeof context->errstr, "%s", strerror(errno));
            lose_write(connection);
            return;
        }
        if (n < 0) {
            break;
        }
        buffer_take(&connection->out, (size_t)n);
    }
    set_events(connection, wants_write(connection));
}

static void write_by_tls(struct connection *connection) {
    for (int i = 0; i < CHUNKS && (connection->unsent || connection->out.length); i++) {
        int done = 0;
        if (!connection->unsent && !feed(connection)) {
            connection_lose(connection, "out of memory");
            return;
        }
        if (redisBufferWrite(connection->context, &done) != REDIS_OK) {
            lose_write(connection);
            return;
        }
        connection->unsent = !done;
        if (!done) {
            break;
        }
    }
    set_events(connection, wants_write(connection));
}

static size_t put_head(char *out, char kind, size_t number) {
    return (size_t)sprintf(out, "%c%zu\r\n", kind, number);
}

enum { HEAD = 24 }; /* bytes that hold any head */

static size_t command_size(const struct argument *arguments, size_t count) {
    size_t size = HEAD;
    for (size_t i = 0; i < count; i++) {
        size += HEAD + arguments[i].head.length + arguments[i].tail.length + 2;
    }
    return size;
}

/* Into room that was made. */
static void put_command(struct buffer *out, const struct argument *arguments, size_t count) {
    char head[HEAD];
    buffer_put(out, head, put_head(head, '*', count));
    for (size_t i = 0; i < count; i++) {
        const struct argument *argument = &arguments[i];
        buffer_put(out, head, put_head(head, '$', argument->head.length + argument->tail.length));
        buffer_put(out, argument->head.data, argument->head.length);
        buffer_put(out, argument->tail.data, argument->tail.length);
        buffer_put(out, "\r\n", 2);
    }
}

int connection_send(struct connection *connection, const struct argument *arguments, size_t count,
                    struct pending pending) {
    const size_t size = command_size(arguments, count);
    if (!connection->context || connection->out.length + size > CONNECTION_WAITING_MOST) {
        return WSHUB_UNAVAILABLE;
    }
    if (!pendings_reserve(&connection->pendings) || !buffer_reserve(&connection->out, size)) {
        return WSHUB_NO_MEMORY;
    }
    put_command(&connection->out, arguments, count);
    connection->said = pending.since = clock_ms();
    pendings_push(&connection->pendings, pending);
    if (!connection->unsent) { /* else a write is awaited already */
        set_events(connection, true);
    }
    return WSHUB_OK;
}

/* ---- the watch over the server ---- */

/* Any answer is a sign of life; a subscriber's is an array. */
static bool on_pong(void *owner, const struct pending *pending, const redisReply *reply) {
    (void)owner;
    (void)pending;
    return !reply || reply_is_status(reply, "PONG") || reply_is_error(reply) ||
           (reply_is_array(reply, 1) && reply_says(reply->element[0], "pong"));
}

static void check_alive(struct connection *connection, uint64_t now) {
    const struct argument ping[] = {ARGUMENT("PING")};
    const struct pending *first = pendings_first(&connection->pendings);
    char reason[CONNECTION_REASON];
    if (!first) {
        if (now - connection->said >= connection->keepalive &&
            connection_send(connection, ping, 1, (struct pending){.fn = on_pong}) != WSHUB_OK) {
            connection_lose(connection, "out of memory");
        }
        return;
    }
    uint64_t since = first->since > connection->heard ? first->since : connection->heard;
    if (now - since >= connection->timeout || now - first->since >= PATIENCE * connection->timeout) {
        uint64_t waited =
            now - since >= connection->timeout ? connection->timeout : PATIENCE * connection->timeout;
        bool whole = waited % 1000 == 0;
        snprintf(reason, sizeof reason, "no answer for %llu%s",
                 (unsigned long long)(whole ? waited / 1000 : waited), whole ? "s" : "ms");
        connection_lose(connection, reason);
    }
}

static uint64_t check_period(const struct connection *connection) {
    uint64_t least =
        connection->timeout < connection->keepalive ? connection->timeout : connection->keepalive;
    return least / CHECKS < CHECK_LEAST ? CHECK_LEAST : least / CHECKS;
}

static void on_timer(void *context) {
    struct connection *connection = context;
    const unsigned generation = connection->generation;
    const uint64_t now = clock_ms();
    const bool slept = now - connection->checked > check_period(connection) + connection->timeout / 2;
    connection->checked = now;
    if (slept) { /* this process, not the server: what lies in the socket gets its chance first */
        connection->heard = now;
    } else if (connection->context) {
        check_alive(connection, now);
    } else if (now - connection->heard >= connection->timeout) {
        lose_connect(connection, "no answer");
    }
    if (connection->generation == generation) {
        connection->host->timer_start(connection->host->self, connection->timer, check_period(connection));
    }
}

/* ---- the beginning ---- */

/* A socket that begins to connect, or -1 with errno. Not hiredis': that one asks the resolver even for
 * numbers, and leaves its sockets to the children of this process. */
static int dial(const struct address *address) {
    int fd = socket(address->storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return -1;
    }
    if (address->storage.ss_family != AF_UNIX) {
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    }
    if (connect(fd, (const struct sockaddr *)&address->storage, address->length) != 0 &&
        errno != EINPROGRESS) {
        int error = errno;
        close(fd);
        errno = error;
        return -1;
    }
    return fd;
}

bool connection_open(struct connection *connection, const struct address *address, struct tls *tls,
                     const char *name, char *why, size_t size) {
    const struct wshub_host *host = connection->host;
    address_print(address, connection->place, sizeof connection->place);
    connection->fd = dial(address);
    if (connection->fd < 0) {
        snprintf(why, size, "cannot connect to %s: %s", connection->place, strerror(errno));
        return false;
    }
    connection->watch = host->watch_new(host->self, connection->fd, on_event, connection);
    if (!connection->watch) {
        close(connection->fd);
        connection->fd = -1;
        snprintf(why, size, "out of memory");
        return false;
    }
    connection->tls = tls;
    connection->tls_name = name;
    connection->heard = connection->said = connection->checked = clock_ms();
    connection->events = WSHUB_WATCH_WRITE;
    host->watch_set(host->self, connection->watch, connection->events);
    host->timer_start(host->self, connection->timer, check_period(connection));
    return true;
}

/* False: the connection is lost. */
static bool begin_tls(struct connection *connection) {
    char why[160];
    connection->ssl = tls_begin(connection->tls, connection->context, connection->tls_name, why, sizeof why);
    if (!connection->ssl) {
        lose_connect(connection, why);
    }
    return connection->ssl != NULL;
}

static void on_connected(struct connection *connection) {
    int error = 0;
    socklen_t length = sizeof error;
    if (getsockopt(connection->fd, SOL_SOCKET, SO_ERROR, &error, &length) != 0 || error) {
        lose_connect(connection, strerror(error ? error : errno));
        return;
    }
    connection->context = redisConnectFd(connection->fd);
    if (!connection->context) {
        connection_lose(connection, "out of memory");
        return;
    }
    connection->fd = -1;
    connection->context->flags &= ~REDIS_BLOCK;
    limit_replies(connection);
    if (connection->tls && !begin_tls(connection)) {
        return;
    }
    connection->heard = clock_ms();
    set_events(connection, false);
    connection->hooks->on_open(connection->owner);
}

static void on_event(void *context, unsigned events) {
    struct connection *connection = context;
    const unsigned generation = connection->generation;
    if (!connection->context) {
        on_connected(connection);
        return;
    }
    if (events & WSHUB_WATCH_READ) {
        read_replies(connection);
    }
    if (connection->generation == generation && (events & WSHUB_WATCH_WRITE || connection->tls)) {
        (connection->ssl ? write_by_tls : write_plainly)(connection);
    }
}
