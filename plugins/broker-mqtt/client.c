/* SPDX-License-Identifier: MIT
 * The life of a connection, and what goes in and out. */
#include "client_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <mqtt_protocol.h>
#include <openssl/ssl.h>

#include "clock.h"

enum { TICK_MS = 500, SLICE_MS = 1, BATCH_MOST = 64, BUFFER = 512 * 1024 };

/* ---- sending and receiving ---- */

/* What a call has returned. errno is still the call's. */
static bool went_well(struct client *client, int code) {
    const int error = errno;
    if (code != MOSQ_ERR_SUCCESS || mosquitto_socket(client->mosq) < 0) {
        client_fail(client, code, error);
    }
    return !client->broken;
}

/* NULL without TLS. */
static SSL *ssl_of(const struct client *client) {
    return client->tls ? mosquitto_ssl_get(client->mosq) : NULL;
}

static bool in_handshake(const struct client *client) {
    const SSL *ssl = ssl_of(client);
    return ssl && !SSL_is_init_finished(ssl);
}

/* A server that does not set TCP_NODELAY (mosquitto: `set_tcp_nodelay`) keeps its next small packet until the
 * one before is acknowledged, which Linux likes to delay by 40 ms, unless told after each read. */
static void acknowledge(const struct client *client) {
    setsockopt(client->fd, IPPROTO_TCP, TCP_QUICKACK, &(int){1}, sizeof(int));
}

/* The first byte must be a CONNACK's. What else another protocol may say there, the library (2.0.11) might
 * take for one with a property that it does not know, on which it calls abort. */
static bool is_mqtt(struct client *client) {
    unsigned char first = CMD_CONNACK;
    if (!client->open && !client->tls && recv(client->fd, &first, 1, MSG_PEEK | MSG_DONTWAIT) == 1 &&
        first != CMD_CONNACK) {
        client_fail(client, MOSQ_ERR_PROTOCOL, 0);
    }
    return !client->broken;
}

/* The library reads one packet, or a few. While a read has not come to the socket's end, there may be more;
 * what TLS has decrypted already no watch will tell of. */
static void receive(struct client *client) {
    const uint64_t until = clock_ms() + SLICE_MS;
    bool more = is_mqtt(client);
    while (more) {
        errno = 0;
        if (!went_well(client, mosquitto_loop_read(client->mosq, 1))) {
            return;
        }
        more = errno != EAGAIN && errno != EWOULDBLOCK && !in_handshake(client) && clock_ms() < until;
        more = more || (ssl_of(client) && SSL_pending(ssl_of(client)) > 0);
    }
}

static bool is_connected(struct client *client) {
    int error = 0;
    socklen_t size = sizeof error;
    if (getsockopt(client->fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0 || error != 0) {
        client_break_with(client, "cannot connect to %s: %s", client->place, strerror(error ? error : errno));
        return false;
    }
    return client->connected = true;
}

static void arm(struct client *client) {
    unsigned events = WSHUB_WATCH_READ;
    bool write = mosquitto_want_write(client->mosq);
    if (!client->connected) {
        write = true;
    } else if (in_handshake(client)) {
        write = SSL_want_write(ssl_of(client)); /* the library would say yes all the time */
    } else if (client->open) {
        write = write || client->hooks->wants_room(client->owner);
    }
    events |= write || client->broken ? WSHUB_WATCH_WRITE : 0;
    if (events != client->events) {
        client->events = events;
        client->host->watch_set(client->host->self, client->watch, events);
    }
}

static void settle(struct client *client) {
    char why[CLIENT_REASON];
    if (!client->broken) {
        arm(client);
        return;
    }
    memcpy(why, client->why, sizeof why);
    client_close(client, false);
    client->hooks->on_lost(client->owner, why);
}

/* Whatever it was that the socket is ready for. */
static void move(struct client *client, unsigned events) {
    const bool was_open = client->open;
    const uint64_t now = clock_ms();
    if (mosquitto_want_write(client->mosq)) {
        client->moved = client->wrote = now;
    } else if (events & WSHUB_WATCH_READ) {
        client->moved = now;
    }
    if (events & WSHUB_WATCH_READ || in_handshake(client)) {
        receive(client);
        acknowledge(client);
    }
    if (!client->broken && events & WSHUB_WATCH_WRITE && !in_handshake(client)) {
        errno = 0;
        went_well(client, mosquitto_loop_write(client->mosq, 1));
    }
    if (!client->broken && client->open && !was_open) {
        client->hooks->on_open(client->owner);
    }
    if (!client->broken && client->open && client_has_room(client)) {
        client->hooks->on_room(client->owner);
    }
}

static void on_watch(void *context, unsigned events) {
    struct client *client = context;
    if (!client->broken && (client->connected || is_connected(client))) {
        move(client, events);
    }
    settle(client);
}

/* This process, not the server: what lies in the socket gets its chance first. */
static bool has_slept(struct client *client) {
    const uint64_t now = clock_ms(), late = now - client->ticked;
    const bool slept = late > TICK_MS + client->settings->timeout / 2;
    client->ticked = now;
    client->began += slept ? late : 0;
    return slept;
}

static void on_timer(void *context) {
    struct client *client = context;
    client->host->timer_start(client->host->self, client->timer, TICK_MS);
    if (has_slept(client)) {
        return;
    }
    if (client->open) {
        errno = 0;
        went_well(client, mosquitto_loop_misc(client->mosq));
        client->hooks->on_tick(client->owner);
    } else if (clock_ms() - client->began >= client->settings->timeout) {
        client_break_with(client, "%s %s within %g s", client->place,
                          client->connected ? "does not answer" : "cannot be reached",
                          (double)client->settings->timeout / 1000);
    }
    settle(client);
}

/* ---- life ---- */

/* mosquitto_lib_init keeps nothing but a count. Its counterpart is not called: it unloads the configuration
 * of OpenSSL, which other plugins of the process may be using. */
int client_init(struct client *client) {
    client->fd = -1;
    if (mosquitto_lib_init() != MOSQ_ERR_SUCCESS) {
        return WSHUB_INTERNAL;
    }
    client->timer = client->host->timer_new(client->host->self, on_timer, client);
    return client->timer ? WSHUB_OK : WSHUB_NO_MEMORY;
}

void client_free(struct client *client) {
    if (client->timer) {
        client_close(client, true);
        client->host->timer_free(client->host->self, client->timer);
    }
}

/* The library takes each by itself, and says whether it could. */
static int set_up(struct client *client) {
    struct mosquitto *mosq = client->mosq;
    const struct settings *settings = client->settings;
    client_listen(mosq);
    int code = mosquitto_int_option(mosq, MOSQ_OPT_PROTOCOL_VERSION, MQTT_PROTOCOL_V5);
    code = code ? code : mosquitto_int_option(mosq, MOSQ_OPT_TCP_NODELAY, 1);
    code = code ? code : mosquitto_int_option(mosq, MOSQ_OPT_SEND_MAXIMUM, CLIENT_WINDOW_MOST);
    code = code ? code : mosquitto_int_option(mosq, MOSQ_OPT_RECEIVE_MAXIMUM, UINT16_MAX);
    code = code ? code : mosquitto_username_pw_set(mosq, settings->username, settings->password);
    code = code ? code : mosquitto_will_set_v5(mosq, client->will, 0, NULL, settings->qos, true, NULL);
    if (!code && client->tls) {
        tls_begin(client->tls);
        code = mosquitto_int_option(mosq, MOSQ_OPT_SSL_CTX_WITH_DEFAULTS, 0);
        code = code ? code : mosquitto_void_option(mosq, MOSQ_OPT_SSL_CTX, tls_context(client->tls));
    }
    return code;
}

/* The library writes and reads until the kernel says no: its buffers are what one call may move. */
static void limit_buffers(const struct client *client) {
    const int size = BUFFER;
    setsockopt(client->fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
    setsockopt(client->fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
}

/* False, with errno. */
static bool watch_it(struct client *client) {
    client->fd = fcntl(mosquitto_socket(client->mosq), F_DUPFD_CLOEXEC, 0);
    if (client->fd < 0) {
        return false;
    }
    limit_buffers(client);
    client->watch = client->host->watch_new(client->host->self, client->fd, on_watch, client);
    errno = ENOMEM;
    return client->watch != NULL;
}

static int connect_to(struct client *client, const char *address, unsigned port) {
    int code = set_up(client);
    errno = 0;
    return code ? code
                : mosquitto_connect_async(client->mosq, address, (int)port,
                                          (int)(client->settings->keepalive / 1000));
}

bool client_open(struct client *client, const char *address, unsigned port, char *why, size_t size) {
    snprintf(client->place, sizeof client->place, strchr(address, ':') ? "[%s]:%u" : "%s:%u", address, port);
    client->broken = client->connected = client->open = false;
    client->events = 0;
    client->mosq = mosquitto_new(client->settings->client_id, true, client);
    if (!client->mosq) {
        snprintf(why, size, "out of memory");
        return false;
    }
    int code = connect_to(client, address, port);
    if (code != MOSQ_ERR_SUCCESS || !watch_it(client)) {
        snprintf(why, size, "cannot connect to %s: %s", client->place,
                 code == MOSQ_ERR_ERRNO || code == MOSQ_ERR_SUCCESS ? strerror(errno)
                                                                    : mosquitto_strerror(code));
        if (client->tls) { /* the handshake has begun already */
            tls_explain(client->tls, why, size);
        }
        client_close(client, false);
        return false;
    }
    client->began = client->moved = client->wrote = client->ticked = clock_ms();
    client->host->timer_start(client->host->self, client->timer, TICK_MS);
    arm(client);
    return true;
}

void client_close(struct client *client, bool goodbye) {
    if (!client->mosq) {
        return;
    }
    /* With the will, so that our entry is gone as after a crash. Sent at once or not at all: what waits to be
     * written is dropped, and the server notices the end of the connection by itself. */
    if (goodbye && client->open && !client->broken && !mosquitto_want_write(client->mosq)) {
        client->broken = true;
        mosquitto_disconnect_v5(client->mosq, MQTT_RC_DISCONNECT_WITH_WILL_MSG, NULL);
    }
    client->broken = true;
    client->open = false;
    client->host->timer_stop(client->host->self, client->timer);
    client->host->watch_free(client->host->self, client->watch);
    client->watch = NULL;
    mosquitto_destroy(client->mosq);
    client->mosq = NULL;
    if (client->fd >= 0) {
        close(client->fd);
        client->fd = -1;
    }
}

/* ---- sending ---- */

void client_want(struct client *client) {
    if (client->watch && client->open && !(client->events & WSHUB_WATCH_WRITE)) {
        client->events |= WSHUB_WATCH_WRITE;
        client->host->watch_set(client->host->self, client->watch, client->events);
    }
}

bool client_has_room(const struct client *client) {
    return client->open && !client->broken && !mosquitto_want_write(client->mosq);
}

static int send_publish(struct client *client, struct operation *operation) {
    return mosquitto_publish_v5(client->mosq, &operation->mid, operation->topic,
                                (int)operation->payload.length, operation->payload.data, operation->qos,
                                operation->retain, operation->metadata.list);
}

/* Live messages come without the retain flag, and what is kept comes with it: a subscription's options as
 * they are by default. */
static int send_topics(struct client *client, struct operation *const *operations, size_t count) {
    char *topics[BATCH_MOST];
    int mid = 0, code;
    for (size_t i = 0; i < count; i++) {
        topics[i] = operations[i]->topic;
    }
    if (operations[0]->kind == OPERATION_SUBSCRIBE) {
        code =
            mosquitto_subscribe_multiple(client->mosq, &mid, (int)count, topics, operations[0]->qos, 0, NULL);
    } else {
        code = mosquitto_unsubscribe_multiple(client->mosq, &mid, (int)count, topics, NULL);
    }
    for (size_t i = 0; i < count; i++) {
        operations[i]->mid = mid;
    }
    return code;
}

int client_send(struct client *client, struct operation *const *operations, size_t count) {
    errno = 0;
    int code = operations[0]->kind == OPERATION_PUBLISH ? send_publish(client, operations[0])
                                                        : send_topics(client, operations, count);
    const int error = errno;
    switch (code) {
    case MOSQ_ERR_SUCCESS:
        return WSHUB_OK;
    case MOSQ_ERR_NOMEM:
        if (operations[0]->kind == OPERATION_PUBLISH && operations[0]->qos > 0) {
            client_fail(client, code, error); /* it may keep what it could not send, until the end */
        }
        return WSHUB_NO_MEMORY;
    case MOSQ_ERR_OVERSIZE_PACKET:
    case MOSQ_ERR_PAYLOAD_SIZE:
        return WSHUB_TOO_LARGE;
    case MOSQ_ERR_INVAL:
    case MOSQ_ERR_MALFORMED_UTF8:
        return WSHUB_INVALID;
    default: /* the packet could not be written; the library has it still, and will not be asked again */
        client_fail(client, code, error);
        return WSHUB_UNAVAILABLE;
    }
}
