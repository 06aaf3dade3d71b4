/* SPDX-License-Identifier: MIT
 * Questions to JetStream, and their answers, which come to the session's inbox. On the driver's thread. */
#ifndef NATS_REQUESTS_H
#define NATS_REQUESTS_H

#include <nats/nats.h>
#include <stdint.h>
#include <yajl_tree.h>

struct driver;
struct request; /* private */

/* What err_code of an answer may say. */
enum { JETSTREAM_NO_MESSAGE = 10037, JETSTREAM_NO_STREAM = 10059, JETSTREAM_OTHER_CONFIG = 10058 };

struct answer {
    int status;    /* of enum wshub_status; OK: json is there. UNSUPPORTED: nobody listens on the subject */
    unsigned code; /* err_code, or 0 */
    const char *text; /* the server's words, or NULL */
    yajl_val json;    /* NULL: none */
};

/* Called once for each question, whatever happens. Borrows the answer. */
typedef void (*request_fn)(struct driver *driver, void *context, const struct answer *answer);

struct requests {
    struct request *all; /* the oldest first */
    uint64_t last;       /* id */
};

/* Asks. Takes the message, whose reply subject is set by request_write; NULL for no memory. fn is not called
 * before this returns, unless it is asked in vain: then at once. */
void requests_send(struct driver *driver, natsMsg *message, request_fn fn, void *context);
/* A question with a body of text. */
void requests_ask(struct driver *driver, const char *subject, const char *body, request_fn fn, void *context);
/* For a message that is to be sent by requests_send next: where its answer goes. */
const char *requests_reply(struct driver *driver, char reply[160]);

/* An answer has arrived, with its subject behind the inbox. */
void requests_answer(struct driver *driver, const char *id, natsMsg *message);
/* Ends the question whose subject the server's words refuse. False: none. */
bool requests_deny(struct driver *driver, const char *text);
/* Ends all: the session does. */
void requests_fail(struct driver *driver, int status);
/* Ends those that are too old; returns when to look again, of clock_ms; UINT64_MAX: not before another is
 * asked. */
uint64_t requests_expire(struct driver *driver);

/* What status a failed answer means for a slot, with a line in the log if it is JetStream that is missing. */
int requests_status(struct driver *driver, const struct answer *answer);

#endif
