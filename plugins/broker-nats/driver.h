/* SPDX-License-Identifier: MIT
 * One open broker. The hub thread fills `queue`, and hears through `outbox`; everything else belongs to the
 * driver's own thread, the only one that calls nats.c, because most of its calls may block. */
#ifndef NATS_DRIVER_H
#define NATS_DRIVER_H

#include "channels.h"
#include "gate.h"
#include "outbox.h"
#include "queue.h"
#include "reading.h"
#include "requests.h"
#include "session.h"
#include "settings.h"
#include "streams.h"
#include "unconfirmed.h"

/* What can be complained about: once in a minute. */
enum complaint {
    COMPLAINT_DENIED,
    COMPLAINT_SLOW,
    COMPLAINT_JETSTREAM, /* it is missing, or refuses */
    COMPLAINT_STREAM,    /* one that is not as it should be */
    COMPLAINTS
};

enum phase {
    PHASE_PAUSED,  /* until the next attempt to connect */
    PHASE_PROVING, /* connected and subscribed; the first fence is out */
    PHASE_UP
};

enum { DRIVER_TOLD = 4, DRIVER_WAITING_MOST = 64 << 20 /* bytes of jobs that are not done */ };

struct driver {
    struct gate gate;
    struct settings settings;
    struct queue queue;
    struct outbox outbox;
    pthread_t thread;
    sem_t ended;               /* the thread has, but for its leaving */
    atomic_bool left;          /* by the hub or by the thread: the second frees it */
    atomic_size_t max_payload; /* of the server, headers included; 0: not known */

    /* ---- of the driver's thread ---- */
    enum phase phase;
    uint64_t until; /* PAUSED: its end, clock_ms */
    bool closing;
    bool stuck;              /* the connection takes no more bytes, or a part of a message: it is given up */
    uint64_t due;            /* of the next question that has no answer; clock_ms */
    struct session *session; /* NULL while PAUSED */
    unsigned sessions;       /* that were ever made */
    bool was_up;             /* the hub has subscribed in an earlier session */
    bool lacking;            /* not all that it has subscribed could be subscribed again */
    struct note *up;         /* so that no lack of memory keeps the hub from hearing it */
    struct note *down;
    struct channels channels;

    struct unconfirmed unconfirmed;
    uint64_t fence, proof; /* the last that was sent; the one that the link waits for */
    uint64_t poke;         /* when the next fence is due only because the session is waiting; clock_ms */
    uint64_t progress;     /* when the fences last got on, or were none out */
    uint64_t marked,
        mark; /* refusals of what is up to that fence are known; a mark is out for that one, or 0 */

    struct requests requests;
    struct streams streams;
    struct reading *readings;

    char told[DRIVER_TOLD][SESSION_REASON]; /* reasons, since it was last up */
    unsigned told_count;
    uint64_t complained[COMPLAINTS]; /* when; 0: never */
};

/* NULL: no memory, or no thread; its settings are read. */
struct driver *driver_start(const struct wshub_host *host, const struct settings *settings);
/* Waits for the thread within the host's timeout, and frees all but the settings' texts. A thread that does
 * not come back from nats.c by then is left alone, and frees what it uses when it does. */
void driver_stop(struct driver *driver);
/* `timeouts.broker`: how long the hub waits for a first word, and for close; ms. */
uint64_t driver_patience(const struct wshub_host *host);

/* ---- for its parts, on its thread ---- */

/* Ends a job of the hub. */
void driver_complete(struct driver *driver, struct job *job, int status);
/* Likewise, after what was put into the outbox for it. */
void driver_finish(struct driver *driver, struct job *job, int status);
void driver_complain(struct driver *driver, enum complaint complaint, const char *text);
/* What a call that writes has answered, as a status for a slot. One that could not write ends the session,
 * soon. */
int driver_written(struct driver *driver, natsStatus status);
/* Ends the session, settles what was in flight, tells why, and connects anew. */
void driver_lose(struct driver *driver, const char *reason);

#endif
