// SPDX-License-Identifier: MIT
// The PROXY protocol header ahead of a connection's HTTP. While it is read, the connection's callbacks are
// ours: nothing else has to know of it, and nothing is left of it behind it.
#include <stdlib.h>

#include "net/proxy.h"
#include "ws/ws.h"

struct ws_prelude {
    const struct conn_handler *after; // the connection's own
    struct proxy_header header;
};

static struct ws *ws_of(struct conn *conn) {
    return (struct ws *)(void *)conn; // conn is the first member
}

static const struct conn_handler *end_prelude(struct conn *conn) {
    struct ws *ws = ws_of(conn);
    conn->handler = ws->prelude->after;
    free(ws->prelude);
    ws->prelude = NULL;
    return conn->handler;
}

// `source` NULL: the header is wrong, and `why` says how.
static void conclude(struct conn *conn, const struct in6_addr *source, const char *why) {
    struct ws *ws = ws_of(conn);
    end_prelude(conn);
    if (!ws->server->handler->on_proxied(ws, source, why) || !source) {
        conn_abort(conn);
    }
}

static void on_data(struct conn *conn, char *data, size_t length) {
    struct proxy_header *header = &ws_of(conn)->prelude->header;
    size_t used;
    enum proxy_result result = proxy_feed(header, data, length, &used);
    if (result == PROXY_WRONG) {
        conclude(conn, NULL, header->why);
    } else if (result == PROXY_DONE) {
        const struct in6_addr source = header->source;
        conclude(conn, &source, NULL);
        if (!conn->ended && used < length) {
            conn->handler->on_data(conn, data + used, length - used);
        }
    }
}

static void on_deadline(struct conn *conn) {
    conclude(conn, NULL, "Its PROXY protocol header did not arrive in time.");
}

static void on_end(struct conn *conn, enum conn_end reason) {
    end_prelude(conn)->on_end(conn, reason);
}

bool ws_expect_proxy(struct ws *ws) {
    static const struct conn_handler handler = {
        .on_data = on_data, .on_deadline = on_deadline, .on_end = on_end};
    struct ws_prelude *prelude = calloc(1, sizeof *prelude);
    if (!prelude) {
        return false;
    }
    prelude->after = ws->conn.handler;
    ws->prelude = prelude;
    ws->conn.handler = &handler;
    return true;
}
