/* SPDX-License-Identifier: MIT
 * One connection to a Redis server: bytes out, replies in, each given to whoever waits for it; and the watch
 * over a server that has stopped answering. It knows no command but PING. Belongs to the hub thread.
 *
 * hiredis reads replies (and does TLS); its asynchronous half is not used. */
#ifndef REDIS_CONNECTION_H
#define REDIS_CONNECTION_H

#include <stdbool.h>
#include <stdint.h>

#include <hiredis/hiredis.h>

#include "address.h"
#include "buffer.h"
#include "pending.h"
#include "wshub/host.h"

struct tls;

#if HIREDIS_MAJOR >= 1
typedef size_t reply_count;
#else
typedef int reply_count; /* of hiredis' functions that make arrays */
#endif

enum { CONNECTION_REASON = 320 };                    /* bytes that hold any reason */
enum { CONNECTION_WAITING_MOST = 64 * 1024 * 1024 }; /* bytes to be written; more is refused */
enum { CONNECTION_ELEMENTS_MOST = 256 * 1024 };      /* in one reply */

struct connection_hooks {
    /* Connected, nothing said yet: time to send. */
    void (*on_open)(void *owner);
    /* A reply that nobody waits for, borrowed. True: it was one; false: to be given to whoever waits. NULL:
     * all replies are waited for. */
    bool (*on_push)(void *owner, const redisReply *reply);
    /* The end, unless connection_close was called: it is closed already and may be opened again. What was
     * pending has been dropped. */
    void (*on_lost)(void *owner, const char *reason);
};

struct connection {
    const struct wshub_host *host;
    const struct connection_hooks *hooks;
    void *owner;
    uint64_t timeout, keepalive; /* ms */
    const char *hint;            /* put behind "the server closed the connection"; NULL: nothing */

    /* private */
    struct wshub_timer *timer;
    struct wshub_watch *watch; /* NULL: closed */
    redisContext *context;     /* NULL: not connected yet */
    int fd;                    /* until the context has it */
    unsigned events;           /* that the watch is set to */
    unsigned generation;       /* counts closes: whoever called out can tell that his connection is gone */
    struct buffer out;         /* what hiredis was not given yet */
    bool unsent;               /* what it was given is not all written */
    struct pendings pendings;
    uint64_t heard, said, checked; /* ms: last bytes in, last command out, last look of the timer */
    struct tls *tls;               /* NULL: without */
    struct ssl_st *ssl;            /* the context's; NULL: none yet */
    const char *tls_name;
    char place[ADDRESS_TEXT];
    redisReplyObjectFunctions functions; /* hiredis', with a limit on the elements of a reply */
    void *(*create_array)(const redisReadTask *task, reply_count elements);
    size_t elements; /* of the reply that is being read */
    bool too_large;  /* that it was refused for */
};

/* A part of a command, made of two pieces so that nothing needs to be joined before. */
struct argument {
    struct wshub_bytes head, tail;
};

struct wshub_bytes connection_text(const char *text);
#define ARGUMENT(text)           \
    {                            \
        connection_text(text), { \
            NULL, 0              \
        }                        \
    }

/* Fills in a zeroed struct, whose first seven members are set. False: no memory. */
bool connection_init(struct connection *connection);
void connection_free(struct connection *connection); /* closes it first */

/* Begins to connect; on_open or on_lost follows, not before it returns. With tls, the server must prove to be
 * `name`; both are borrowed until the close. False: `why` says what is wrong. */
bool connection_open(struct connection *connection, const struct address *address, struct tls *tls,
                     const char *name, char *why, size_t size);
/* Drops what is pending. No hook is called. */
void connection_close(struct connection *connection);
/* Closes it, drops what is pending, and calls on_lost. */
void connection_lose(struct connection *connection, const char *reason);

/* Sends a command at the end of this round and waits for its reply: calls pending.fn once, unless an error is
 * returned: WSHUB_NO_MEMORY, or WSHUB_UNAVAILABLE when it is not open or too much is waiting. */
int connection_send(struct connection *connection, const struct argument *arguments, size_t count,
                    struct pending pending);

#endif
