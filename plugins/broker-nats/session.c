/* SPDX-License-Identifier: MIT */
#include "session.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "connect.h"
#include "wire.h"

enum { GONE_S = 3, FENCE_DIGITS = 24, EPOCH = 32 };

/* ---- threads of nats.c ---- */

/* Nothing of it is touched after that: it may be the last. */
static void leave(void *closure) {
    struct session *session = closure;
    pthread_mutex_lock(&session->lock);
    if (--session->alive == 0) {
        pthread_cond_signal(&session->gone);
    }
    pthread_mutex_unlock(&session->lock);
}

static void tell(struct session *session, enum job_kind kind, struct wshub_bytes channel, const char *text,
                 natsMsg *answer) {
    const struct wshub_message message = {
        .struct_size = sizeof message, .channel = channel, .payload = {text, text ? strlen(text) : 0}};
    struct job *job = job_new(kind, 0, &message);
    if (!job) {
        natsMsg_Destroy(answer);
        atomic_store(&session->broken, true);
        queue_wake(session->queue);
        return;
    }
    job->session = session->number;
    job->answer = answer;
    queue_push(session->queue, job);
}

/* One subscription to a channel, as the thread that delivers sees it. */
struct listener {
    struct session *session;
    struct order order;
    char epoch[EPOCH];     /* of its last message that was stored */
    struct listener *next; /* of those that hold messages */
    bool holding;
    int64_t dropped; /* by the library, that the hub was told of */
    int unaffected;  /* so many messages stand before any that was dropped since */
};

static void stop_holding(struct listener *listener) {
    struct listener **place = &listener->session->holding;
    while (listener->holding && *place != listener) {
        place = &(*place)->next;
    }
    if (listener->holding) {
        *place = listener->next;
        listener->holding = false;
    }
}

/* The driver's fences bring the time here. */
static void start_holding(struct listener *listener) {
    struct session *session = listener->session;
    if (!listener->holding) {
        listener->holding = true;
        listener->next = session->holding;
        session->holding = listener;
        atomic_store(&session->waiting, true);
        queue_wake(session->queue);
    }
}

static void hand_on(struct session *session, struct wshub_message *message) {
    if (message->offset == 0 || message->epoch.length == 0) { /* only both are a position */
        message->epoch = (struct wshub_bytes){NULL, 0};
        message->offset = message->previous = 0;
    }
    gate_deliver(session->gate, message);
}

/* The stream says where it has put what it republishes. What was not stored may carry a position that another
 * broker has given. Whether it was. */
static bool read_place(const struct session *session, natsMsg *from, struct wshub_message *message) {
    const char *subject;
    const uint64_t sequence = wire_number(from, "Nats-Sequence");
    if (sequence == 0 || natsMsgHeader_Get(from, "Nats-Subject", &subject) != NATS_OK || !subject) {
        return false;
    }
    message->epoch = subject_epoch(subject, session->stored);
    message->offset = sequence;
    message->previous = wire_number(from, "Nats-Last-Sequence");
    return message->epoch.length > 0;
}

/* What it points to lives in `from`, `channel` and *memory. */
static bool read_message(struct session *session, natsMsg *from, char channel[SUBJECT_NAME_MOST],
                         struct wshub_message *message, char **memory, bool *stored) {
    size_t length;
    *stored = false;
    if (!subject_read(natsMsg_GetSubject(from), session->head_length, channel, &length)) {
        return false;
    }
    const bool read = wire_read(from, message, memory);
    message->channel = (struct wshub_bytes){channel, length};
    if (!read) {
        gate_lose(session->gate, message->channel);
    } else {
        *stored = read_place(session, from, message);
    }
    return read;
}

static void deliver_held(struct listener *listener) {
    char channel[SUBJECT_NAME_MOST], *memory;
    struct wshub_message message;
    bool stored;
    for (natsMsg *from; (from = order_next(&listener->order));) {
        if (read_message(listener->session, from, channel, &message, &memory, &stored)) {
            hand_on(listener->session, &message);
            free(memory);
        }
        natsMsg_Destroy(from);
    }
    if (!listener->order.first) {
        stop_holding(listener);
    }
}

static void lose_channel(struct session *session, const char *subject) {
    char channel[SUBJECT_NAME_MOST];
    size_t length;
    if (subject_read(subject, session->head_length, channel, &length)) {
        gate_lose(session->gate, (struct wshub_bytes){channel, length});
    }
}

static void give_up(struct listener *listener) {
    while (listener->order.first) {
        lose_channel(listener->session, natsMsg_GetSubject(listener->order.first->message));
        order_give_up(&listener->order);
        deliver_held(listener);
    }
}

/* Another epoch: its offsets have nothing to do with those before. */
static void follow_epoch(struct listener *listener, const struct wshub_message *message) {
    char epoch[EPOCH];
    snprintf(epoch, sizeof epoch, "%.*s", (int)message->epoch.length, (const char *)message->epoch.data);
    if (strcmp(epoch, listener->epoch) != 0) {
        give_up(listener);
        listener->order.last = 0;
        memcpy(listener->epoch, epoch, sizeof epoch);
    }
}

/* Of one that was stored. Takes it unless its turn has come: false. */
static bool waits(struct listener *listener, natsMsg *from, const struct wshub_message *message) {
    follow_epoch(listener, message);
    switch (order_take(&listener->order, from, message->offset, message->previous)) {
    case ORDER_NOW:
        return false;
    case ORDER_HELD:
        start_holding(listener);
        return true;
    case ORDER_GIVE_UP:
        give_up(listener);
        return true;
    case ORDER_LATE:
        gate_lose(listener->session->gate, message->channel);
        natsMsg_Destroy(from);
        return true;
    }
    return false;
}

/* The library tells when it begins to drop, not when it ends: the hub is told again before it gets the first
 * message from behind a hole. What is dropped from now on stood behind those that wait now. */
static void look_at_dropped(struct listener *listener, natsSubscription *subscription) {
    int64_t dropped = 0;
    if (listener->unaffected > 0) {
        listener->unaffected--;
        return;
    }
    if (natsSubscription_GetPending(subscription, &listener->unaffected, NULL) == NATS_OK &&
        natsSubscription_GetDropped(subscription, &dropped) == NATS_OK && dropped != listener->dropped) {
        listener->dropped = dropped;
        lose_channel(listener->session, natsSubscription_GetSubject(subscription));
    }
}

static void on_message(natsConnection *connection, natsSubscription *subscription, natsMsg *from,
                       void *closure) {
    struct listener *listener = closure;
    char channel[SUBJECT_NAME_MOST], *memory = NULL;
    struct wshub_message message;
    bool stored;
    (void)connection;
    if (atomic_load(&listener->session->slow)) {
        look_at_dropped(listener, subscription);
    }
    const bool read = read_message(listener->session, from, channel, &message, &memory, &stored);
    if (stored && waits(listener, from, &message)) {
        free(memory);
        return;
    }
    if (read) {
        hand_on(listener->session, &message);
        free(memory);
    }
    natsMsg_Destroy(from);
    deliver_held(listener);
}

static void on_complete(void *closure) {
    struct listener *listener = closure;
    struct session *session = listener->session;
    stop_holding(listener);
    order_free(&listener->order);
    free(listener);
    leave(session);
}

static void look_at_held(struct session *session) {
    for (struct listener *listener = session->holding, *next; listener; listener = next) {
        next = listener->next;
        if (order_is_overdue(&listener->order)) {
            give_up(listener);
        }
    }
    atomic_store(&session->waiting, session->holding != NULL);
}

static void on_fenced(struct session *session, natsMsg *from) {
    char digits[FENCE_DIGITS] = "";
    const int length = natsMsg_GetDataLength(from);
    if (length > 0 && length < FENCE_DIGITS) {
        memcpy(digits, natsMsg_GetData(from), (size_t)length);
        look_at_held(session);
        atomic_store(&session->fenced, strtoull(digits, NULL, 10));
        queue_wake(session->queue);
    }
}

static void on_answer(natsConnection *connection, natsSubscription *subscription, natsMsg *from,
                      void *closure) {
    struct session *session = closure;
    (void)connection;
    (void)subscription;
    if (strcmp(natsMsg_GetSubject(from), session->fence) == 0) {
        on_fenced(session, from);
        natsMsg_Destroy(from);
    } else {
        tell(session, JOB_ANSWER, (struct wshub_bytes){NULL, 0}, NULL, from);
    }
}

static void on_slow(struct session *session, natsSubscription *subscription) {
    char channel[SUBJECT_NAME_MOST];
    size_t length;
    const char *subject = subscription ? natsSubscription_GetSubject(subscription) : NULL;
    if (subject && strncmp(subject, session->head, session->head_length) == 0 &&
        subject_read(subject, session->head_length, channel, &length)) {
        atomic_store(&session->slow, true);
        tell(session, JOB_LOST, (struct wshub_bytes){channel, length}, NULL, NULL);
    } else {
        atomic_store(&session->broken, true); /* an answer is missing: nobody knows which */
        queue_wake(session->queue);
    }
}

/* The library's words, without the place in its source that they begin with. */
static const char *words_of(natsStatus status, const char *text) {
    const char *rest = text && text[0] == '(' ? strstr(text, "): ") : NULL;
    text = rest ? rest + 3 : text;
    if (text && strstr(text, "got ''")) {
        return "the server closed the connection during the login";
    }
    if (status == NATS_NO_SERVER) {
        return "cannot connect: refused, not reachable, or no such name";
    }
    return text && *text ? text : natsStatus_GetText(status);
}

static void on_error(natsConnection *connection, natsSubscription *subscription, natsStatus status,
                     void *closure) {
    struct session *session = closure;
    const char *text = nats_GetLastError(NULL);
    (void)connection;
    if (status == NATS_SLOW_CONSUMER && subscription == session->marks) {
        tell(session, JOB_MARK, (struct wshub_bytes){NULL, 0}, NULL, NULL);
    } else if (status == NATS_SLOW_CONSUMER) {
        on_slow(session, subscription);
    } else if (status == NATS_NOT_PERMITTED) {
        tell(session, JOB_DENIED, (struct wshub_bytes){NULL, 0}, text ? text : "", NULL);
    } else {
        pthread_mutex_lock(&session->lock);
        snprintf(session->refusal, sizeof session->refusal, "%s", words_of(status, text));
        pthread_mutex_unlock(&session->lock);
    }
}

static const char *reason_of(natsStatus status, const char *text) {
    if (status == NATS_CONNECTION_CLOSED || status == NATS_OK) {
        return "the server closed the connection";
    }
    return status == NATS_STALE_CONNECTION ? "the server does not answer pings" : words_of(status, text);
}

static void on_closed(natsConnection *connection, void *closure) {
    struct session *session = closure;
    char why[SESSION_REASON];
    const char *text = NULL;
    const natsStatus status = natsConnection_GetLastError(connection, &text);
    pthread_mutex_lock(&session->lock);
    snprintf(why, sizeof why, "%s", session->refusal[0] ? session->refusal : reason_of(status, text));
    pthread_mutex_unlock(&session->lock);
    tell(session, JOB_CLOSED, (struct wshub_bytes){NULL, 0}, why, NULL);
    leave(session);
}

static void on_lame_duck(natsConnection *connection, void *closure) {
    (void)connection;
    tell(closure, JOB_LAME_DUCK, (struct wshub_bytes){NULL, 0}, NULL, NULL);
}

static void on_discovered(natsConnection *connection, void *closure) {
    struct session *session = closure;
    (void)connection;
    atomic_store(&session->discovered, true);
    queue_wake(session->queue);
}

/* ---- the driver's thread ---- */

static natsStatus set_hooks(natsOptions *options, struct session *session) {
    natsStatus status = natsOptions_SetErrorHandler(options, on_error, session);
    if (status == NATS_OK) {
        status = natsOptions_SetClosedCB(options, on_closed, session);
    }
    if (status == NATS_OK) {
        status = natsOptions_SetLameDuckModeCB(options, on_lame_duck, session);
    }
    if (status == NATS_OK) {
        status = natsOptions_SetDiscoveredServersCB(options, on_discovered, session);
    }
    return status;
}

static natsStatus dial(struct session *session, const struct settings *settings,
                       const struct server *server) {
    natsOptions *options = NULL;
    natsStatus status = connect_options(&options, settings, server, session->gate->host->instance_id);
    if (status == NATS_OK) {
        status = set_hooks(options, session);
    }
    session->alive = 1;
    if (status == NATS_OK) {
        status = natsConnection_Connect(&session->connection, options);
    }
    if (status != NATS_OK) {
        session->alive = 0; /* on_closed is not called */
        session->connection = NULL;
    }
    natsOptions_Destroy(options);
    /* the host may be gone meanwhile, and with it what settings point to */
    return queue_is_closed(session->queue) ? NATS_CONNECTION_CLOSED : status;
}

static natsStatus make_marks(struct session *session, const char *prefix, const char *random) {
    snprintf(session->mark, sizeof session->mark, "%s%s-mark", prefix, random);
    natsStatus status = natsConnection_SubscribeSync(&session->marks, session->connection, session->mark);
    return status == NATS_OK ? natsSubscription_SetPendingLimits(session->marks, 1, -1) : status;
}

static natsStatus make_inbox(struct session *session, const char *prefix) {
    char subject[SESSION_INBOX + 2] = "";
    natsInbox *inbox = NULL;
    natsStatus status = natsInbox_Create(&inbox);
    if (status == NATS_OK) {
        const char *random = strrchr(inbox, '.'); /* after the library's own prefix */
        random = random ? random : ".";
        snprintf(session->inbox, sizeof session->inbox, "%s%s.", prefix, random);
        status = make_marks(session, prefix, random);
        snprintf(session->fence, sizeof session->fence, "%sfence", session->inbox);
        snprintf(subject, sizeof subject, "%s>", session->inbox);
        natsInbox_Destroy(inbox);
        status =
            natsConnection_Subscribe(&session->answers, session->connection, subject, on_answer, session);
    }
    return status;
}

/* Whoever is told of the end of it is counted. */
static natsStatus count(struct session *session, natsSubscription *subscription, natsOnCompleteCB fn,
                        void *closure) {
    pthread_mutex_lock(&session->lock);
    session->alive++;
    pthread_mutex_unlock(&session->lock);
    natsStatus status = natsSubscription_SetOnCompleteCB(subscription, fn, closure);
    if (status != NATS_OK) {
        leave(session);
    }
    return status;
}

static struct session *session_new(struct gate *gate, const struct settings *settings, struct queue *queue,
                                   unsigned number) {
    struct session *session = calloc(1, sizeof *session);
    pthread_condattr_t attributes;
    if (!session) {
        return NULL;
    }
    session->gate = gate;
    session->queue = queue;
    session->number = number;
    session->head_length = (size_t)snprintf(session->head, sizeof session->head, "%s.", settings->prefix);
    snprintf(session->stored, sizeof session->stored, "%s" SUBJECT_HISTORY, settings->prefix);
    pthread_mutex_init(&session->lock, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&session->gone, &attributes);
    pthread_condattr_destroy(&attributes);
    return session;
}

struct session *session_open(struct gate *gate, const struct settings *settings, const struct server *server,
                             struct queue *queue, unsigned number, char why[SESSION_REASON]) {
    struct session *session = session_new(gate, settings, queue, number);
    if (!session) {
        snprintf(why, SESSION_REASON, "out of memory");
        return NULL;
    }
    server_print(server, session->place);
    natsStatus status = dial(session, settings, server);
    if (status == NATS_OK) {
        status = make_inbox(session, settings->inbox);
    }
    if (status == NATS_OK) {
        status = count(session, session->answers, leave, session);
    }
    if (status == NATS_OK && natsConnection_HasHeaderSupport(session->connection) != NATS_OK) {
        snprintf(why, SESSION_REASON, "%.200s: the server knows no headers; NATS 2.2 or newer is needed",
                 session->place);
        session_close(session);
        return NULL;
    }
    if (status != NATS_OK) {
        snprintf(why, SESSION_REASON, "%.120s: %.190s", session->place,
                 words_of(status, nats_GetLastError(NULL)));
        session_close(session);
        return NULL;
    }
    return session;
}

/* False: somebody is still in there. */
static bool wait_gone(struct session *session) {
    struct timespec until;
    int status = 0;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += GONE_S;
    pthread_mutex_lock(&session->lock);
    while (session->alive && status == 0) {
        status = pthread_cond_timedwait(&session->gone, &session->lock, &until);
    }
    const bool gone = session->alive == 0;
    pthread_mutex_unlock(&session->lock);
    return gone;
}

void session_close(struct session *session) {
    if (session->connection) {
        natsConnection_Close(session->connection);
        natsSubscription_Destroy(session->answers);
        natsSubscription_Destroy(session->marks);
        natsConnection_Destroy(session->connection);
    }
    if (!wait_gone(session)) { /* better a leak than a crash */
        gate_log(session->gate, WSHUB_LOG_ERROR,
                 "a thread of nats.c does not end: what it uses stays in memory");
        return;
    }
    pthread_cond_destroy(&session->gone);
    pthread_mutex_destroy(&session->lock);
    free(session);
}

natsStatus session_subscribe(struct session *session, const char *subject, natsSubscription **subscription) {
    struct listener *listener = calloc(1, sizeof *listener);
    if (!listener) {
        return NATS_NO_MEMORY;
    }
    listener->session = session;
    natsStatus status =
        natsConnection_Subscribe(subscription, session->connection, subject, on_message, listener);
    if (status != NATS_OK) {
        free(listener);
        return status;
    }
    status = count(session, *subscription, on_complete, listener);
    if (status != NATS_OK) { /* the listener stays: it may be listening */
        natsSubscription_Destroy(*subscription);
        *subscription = NULL;
    }
    return status;
}

natsStatus session_fence(struct session *session, uint64_t number) {
    char digits[FENCE_DIGITS];
    snprintf(digits, sizeof digits, "%llu", (unsigned long long)number);
    return natsConnection_PublishString(session->connection, session->fence, digits);
}

void session_why_stuck(struct session *session, char why[SESSION_REASON]) {
    const bool closed = natsConnection_IsClosed(session->connection);
    pthread_mutex_lock(&session->lock);
    const char *refusal = session->refusal[0] ? session->refusal : NULL;
    const char *else_why = closed ? "the server closed the connection" : "the server takes no more bytes";
    snprintf(why, SESSION_REASON, "%s", refusal ? refusal : else_why);
    pthread_mutex_unlock(&session->lock);
}

bool session_is_clean(struct session *session) {
    const char *text;
    if (!session->tainted) {
        session->tainted = natsConnection_GetLastError(session->connection, &text) != NATS_OK;
    }
    return !session->tainted;
}

/* The library tells of a subscription that runs over once, until it has room again. This one has room for one
 * message: it is emptied, and two are sent. */
natsStatus session_mark(struct session *session) {
    enum { TRIES = 3 }; /* the first may only say that it ran over */
    natsMsg *message = NULL;
    for (int i = 0; i < TRIES && !message; i++) {
        natsSubscription_NextMsg(&message, session->marks, 0);
    }
    natsMsg_Destroy(message);
    natsStatus status = natsConnection_PublishString(session->connection, session->mark, "");
    return status == NATS_OK ? natsConnection_PublishString(session->connection, session->mark, "") : status;
}
