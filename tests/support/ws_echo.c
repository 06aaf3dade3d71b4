// SPDX-License-Identifier: MIT
// ws-echo PORT: our net and ws code behind an echo on loopback, and nothing else, so that any WebSocket
// conformance suite can be pointed at it. Text comes back as text, binary as binary.
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "loop/loop.h"
#include "net/listener.h"
#include "net/net.h"
#include "util/log.h"
#include "ws/upgrade.h"
#include "ws/ws.h"

enum {
    MESSAGE_MAX = 16 * 1024 * 1024,
    OUTBOX_MAX = 4 * MESSAGE_MAX, // a suite may send a few before it reads
};

struct echo {
    struct loop *loop;
    struct net net;
    struct ws_server server;
    struct listener *listener;
    atomic_uint paused;
    struct client *clients;
};

struct client {
    struct ws ws; // first
    struct echo *echo;
    struct client *previous, *next;
};

static void on_request(struct ws *ws, const struct http_request *request) {
    static const char *const origins[] = {"*"};
    const struct upgrade_settings settings = {.origins = origins, .origin_count = 1};
    struct upgrade_answer answer;
    upgrade_check(request, &settings, &answer);
    if (answer.status == 101) {
        ws_accept(ws, &answer);
    } else {
        const char *headers =
            answer.status == 426 ? "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n" : "";
        ws_refuse(ws, answer.status, headers, answer.code, answer.message);
    }
}

static void on_message(struct ws *ws, enum ws_opcode opcode, const uint8_t *data, size_t length) {
    struct frame *frame = ws_frame_new(opcode, data, length);
    if (!frame) {
        ws_close(ws, WS_CLOSE_INTERNAL, "out of memory");
        return;
    }
    ws_send(ws, frame);
    frame_unref(frame);
}

static void on_close(struct ws *ws, uint16_t code, const char *reason) {
    (void)ws;
    (void)code;
    (void)reason;
}

static void on_end(struct ws *ws, bool orderly, size_t unsent) {
    struct client *client = (struct client *)(void *)ws;
    (void)orderly;
    (void)unsent;
    *(client->previous ? &client->previous->next : &client->echo->clients) = client->next;
    if (client->next) {
        client->next->previous = client->previous;
    }
}

static const struct ws_handler handler = {
    .size = sizeof(struct client),
    .on_request = on_request,
    .on_message = on_message,
    .on_close = on_close,
    .on_end = on_end,
};

static void on_accepted(void *context, int fd, const struct address *peer) {
    struct echo *echo = context;
    struct client *client = (struct client *)(void *)ws_open(&echo->server, fd);
    (void)peer;
    if (client) {
        client->echo = echo;
        client->next = echo->clients;
        if (client->next) {
            client->next->previous = client;
        }
        echo->clients = client;
    }
}

static void on_signal(void *context) {
    struct echo *echo = context;
    listener_close(&echo->listener, false);
    while (echo->clients) {
        ws_abort(&echo->clients->ws);
    }
    net_flush(&echo->net); // forgets those that it still had listed
    loop_stop(echo->loop);
}

static bool listen_on(struct echo *echo, const struct log *log, const char *port) {
    char text[ADDRESS_TEXT_SIZE];
    char why[512];
    const char *wrong;
    struct address address;
    snprintf(text, sizeof text, "127.0.0.1:%s", port);
    if (!address_parse(&address, text, &wrong)) {
        fprintf(stderr, "ws-echo: %s: %s\n", text, wrong);
        exit(2);
    }
    int fd = listener_bind(&address, true, why, sizeof why);
    if (fd < 0) {
        fprintf(stderr, "ws-echo: %s\n", why);
        return false;
    }
    echo->listener = listener_new(echo->loop, fd, log, &echo->paused, on_accepted, echo);
    address_format(&address, text, sizeof text);
    printf("listening on %s\n", text);
    fflush(stdout);
    return echo->listener != NULL;
}

int main(int argc, char **argv) {
    static struct echo echo;
    const struct log log = {.fd = STDERR_FILENO, .level = LOG_INFO, .format = LOG_LOGFMT};
    if (argc != 2 || strspn(argv[1], "0123456789") != strlen(argv[1])) {
        fprintf(stderr, "usage: ws-echo PORT\n");
        return 2;
    }
    signal(SIGPIPE, SIG_IGN);
    echo.loop = loop_new();
    echo.server = (struct ws_server){
        .net = &echo.net,
        .handler = &handler,
        .http = {.head = 16384, .body = 0},
        .outbox_max = OUTBOX_MAX,
        .handshake_timeout = 10000,
        .ping_interval = 54000,
        .pong_timeout = 10000,
        .close_timeout = 5000,
    };
    if (!echo.loop || !net_init(&echo.net, echo.loop, 10000) || !ws_server_init(&echo.server, MESSAGE_MAX) ||
        loop_on_signal(echo.loop, SIGTERM, on_signal, &echo) != 0 ||
        loop_on_signal(echo.loop, SIGINT, on_signal, &echo) != 0 || !listen_on(&echo, &log, argv[1])) {
        return 1;
    }
    loop_run(echo.loop);
    ws_server_free(&echo.server);
    net_free(&echo.net);
    loop_free(echo.loop);
    return 0;
}
