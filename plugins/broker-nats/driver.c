/* SPDX-License-Identifier: MIT */
#include "driver.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "clock.h"
#include "history.h"
#include "library.h"
#include "live.h"
#include "registry.h"
#include "storing.h"

enum {
    COMPLAINT_MS = 60 * 1000,
    AGAIN_MS = 100,
    POKE_MS = 50,
    IDLE_MS = 3600 * 1000,
    TIMEOUT_MS = 5000, /* of a hub that does not say its own */
};

/* ---- telling ---- */

void driver_complete(struct driver *driver, struct job *job, int status) {
    if (!driver->closing) { /* what is in flight then is the hub's to settle */
        gate_complete(&driver->gate, job->token, status);
    }
    queue_drop(&driver->queue, job);
}

void driver_finish(struct driver *driver, struct job *job, int status) {
    const bool told = outbox_flush(&driver->outbox);
    driver_complete(driver, job, told ? status : WSHUB_NO_MEMORY);
}

void driver_complain(struct driver *driver, enum complaint complaint, const char *text) {
    const uint64_t now = clock_ms(), last = driver->complained[complaint];
    if (last == 0 || now - last >= COMPLAINT_MS) {
        driver->complained[complaint] = now;
        gate_log(&driver->gate, WSHUB_LOG_WARN, text);
    }
}

int driver_written(struct driver *driver, natsStatus status) {
    switch (status) {
    case NATS_OK:
        return WSHUB_OK;
    case NATS_NO_MEMORY:
        return WSHUB_NO_MEMORY;
    case NATS_MAX_PAYLOAD:
        return WSHUB_TOO_LARGE;
    default:
        driver->stuck = true;
        return WSHUB_UNAVAILABLE;
    }
}

static bool was_told(const struct driver *driver, const char *reason) {
    const unsigned count = driver->told_count < DRIVER_TOLD ? driver->told_count : DRIVER_TOLD;
    for (unsigned i = 0; i < count; i++) {
        if (strcmp(driver->told[i], reason) == 0) {
            return true;
        }
    }
    return false;
}

/* A note is made before it is needed: there may be no memory then. */
static bool reserve_note(struct note **note) {
    static const char room[SESSION_REASON];
    const struct wshub_message message = {.payload = {room, sizeof room}};
    *note = *note ? *note : note_new(NOTE_LINK, 0, &message);
    return *note != NULL;
}

static void put_link(struct driver *driver, struct note **reserved, enum wshub_link_state state,
                     const char *reason) {
    struct note *note = *reserved;
    *reserved = NULL;
    note->state = state;
    note->message.payload.length = (size_t)snprintf(note->bytes, SESSION_REASON, "%s", reason ? reason : "");
    outbox_put(&driver->outbox, note);
}

/* Each reason once in an outage, even when two take turns. */
static void tell_down(struct driver *driver, const char *reason) {
    if (was_told(driver, reason) || !reserve_note(&driver->down)) {
        return;
    }
    snprintf(driver->told[driver->told_count++ % DRIVER_TOLD], SESSION_REASON, "%s", reason);
    put_link(driver, &driver->down, WSHUB_LINK_DOWN, reason);
}

/* ---- losing ---- */

static uint64_t next_pause(const struct driver *driver, bool round_over) {
    const uint64_t jitter = driver->settings.reconnect_jitter;
    uint64_t random = 0;
    if (getrandom(&random, sizeof random, GRND_NONBLOCK) != sizeof random) {
        random = clock_ms();
    }
    return (round_over ? driver->settings.reconnect_wait : 0) + random % (jitter + 1);
}

static void rest(struct driver *driver, bool round_over) {
    driver->phase = PHASE_PAUSED;
    driver->until = clock_ms() + next_pause(driver, round_over);
}

static bool end_subscription(void *context, struct wshub_bytes name, natsSubscription **subscription) {
    (void)context;
    (void)name;
    natsSubscription_Destroy(*subscription);
    *subscription = NULL;
    return true;
}

static void end_session(struct driver *driver) {
    struct session *session = driver->session;
    driver->session = NULL;
    atomic_store(&driver->max_payload, 0);
    natsConnection_Close(session->connection); /* its subscriptions end at once, instead of one by one */
    channels_each(&driver->channels, end_subscription, NULL);
    session_close(session);
}

/* A channel whose subscription was not confirmed is the hub's to ask for again. */
static void settle_all(struct driver *driver) {
    for (struct job *job; (job = unconfirmed_pop(&driver->unconfirmed, UINT64_MAX));) {
        if (job->kind == JOB_SUBSCRIBE) {
            channels_remove(&driver->channels, job->message.channel);
        }
        driver_complete(driver, job, WSHUB_UNAVAILABLE);
    }
    requests_fail(driver, WSHUB_UNAVAILABLE);
    reading_fail(driver, WSHUB_UNAVAILABLE);
    streams_on_lost(driver);
}

void driver_lose(struct driver *driver, const char *reason) {
    char why[SESSION_REASON];
    const bool was_up = driver->phase == PHASE_UP;
    snprintf(why, sizeof why, "%s", reason);
    driver->phase = PHASE_PAUSED;
    settle_all(driver);
    tell_down(driver, why);
    outbox_flush(&driver->outbox); /* before it blocks */
    end_session(driver);
    rest(driver, !was_up); /* one that lets in and throws out is not asked again at once */
}

static void lose_place(struct driver *driver, const char *reason) {
    char why[SESSION_REASON];
    snprintf(why, sizeof why, "%.120s: %.190s", driver->session->place, reason);
    driver_lose(driver, why);
}

/* ---- connecting ---- */

static bool resubscribe(void *context, struct wshub_bytes name, natsSubscription **subscription) {
    struct driver *driver = context;
    return live_subscribe(driver, name, subscription) == NATS_OK;
}

static void learn_servers(struct driver *driver) {
    char **urls = NULL;
    int count = 0;
    if (natsConnection_GetDiscoveredServers(driver->session->connection, &urls, &count) != NATS_OK) {
        return;
    }
    for (int i = 0; i < count; i++) {
        servers_add(&driver->settings.servers, urls[i]);
        free(urls[i]);
    }
    free(urls);
}

/* Everything is asked for again; the fence behind it tells when the server has it. */
static bool prove(struct driver *driver) {
    driver->lacking = driver->stuck = false;
    if (!channels_each(&driver->channels, resubscribe, driver)) {
        return false;
    }
    driver->proof = ++driver->fence;
    driver->progress = clock_ms();
    driver->marked = driver->mark = 0;
    driver->phase = PHASE_PROVING;
    return session_fence(driver->session, driver->proof) == NATS_OK;
}

static void connect_next(struct driver *driver) {
    char why[SESSION_REASON] = "out of memory";
    bool last = true;
    if (!reserve_note(&driver->up) || !reserve_note(&driver->down)) {
        rest(driver, true);
        return;
    }
    const struct server *server = servers_take(&driver->settings.servers, &last);
    driver->session =
        session_open(&driver->gate, &driver->settings, server, &driver->queue, ++driver->sessions, why);
    if (!driver->session) {
        tell_down(driver, why);
        rest(driver, last);
        return;
    }
    atomic_store(&driver->session->fenced, driver->fence);
    learn_servers(driver);
    if (!prove(driver)) {
        lose_place(driver, "cannot subscribe");
    }
}

static void on_proven(struct driver *driver) {
    char text[SERVER_PLACE + 32];
    const bool kept = driver->was_up && !driver->lacking;
    snprintf(text, sizeof text, "connected to %s", driver->session->place);
    gate_log(&driver->gate, WSHUB_LOG_INFO, text);
    atomic_store(&driver->max_payload, (size_t)natsConnection_GetMaxPayload(driver->session->connection));
    driver->phase = PHASE_UP;
    driver->was_up = true;
    driver->told_count = 0;
    put_link(driver, &driver->up, kept ? WSHUB_LINK_RESUBSCRIBED : WSHUB_LINK_UP, NULL);
}

/* ---- confirming ---- */

/* Up to which fence all refusals are known. Once the server has refused something, they may be under way on
 * another thread than the fence: a mark follows them. */
static uint64_t known(struct driver *driver) {
    const uint64_t fenced = atomic_load(&driver->session->fenced);
    if (fenced <= driver->marked || session_is_clean(driver->session)) {
        return fenced;
    }
    if (driver->mark == 0) {
        driver->mark = fenced;
        driver->progress = clock_ms();
        session_mark(driver->session); /* if that fails, the timeout ends the session */
    }
    return driver->marked;
}

static void on_mark(struct driver *driver, struct job *job) {
    queue_drop(&driver->queue, job);
    driver->marked = driver->mark;
    driver->mark = 0;
}

static bool is_waiting(const struct driver *driver) {
    return driver->phase == PHASE_PROVING || driver->unconfirmed.first;
}

static void confirm(struct driver *driver) {
    const uint64_t fence = is_waiting(driver) ? known(driver) : 0;
    for (struct job *job; (job = unconfirmed_pop(&driver->unconfirmed, fence));) {
        driver->progress = clock_ms();
        live_confirm(driver, job);
    }
    if (driver->phase == PHASE_PROVING && fence >= driver->proof) {
        on_proven(driver);
    }
}

/* One fence stands behind all that this round has sent. */
static void fence(struct driver *driver) {
    const uint64_t now = clock_ms();
    const bool poke = atomic_load(&driver->session->waiting) && now >= driver->poke;
    if ((!driver->unconfirmed.open && !poke) || driver->stuck) {
        return;
    }
    driver->poke = now + POKE_MS;
    if (atomic_load(&driver->session->fenced) >= driver->fence) {
        driver->progress = clock_ms(); /* none was out */
    }
    unconfirmed_seal(&driver->unconfirmed, ++driver->fence);
    driver_written(driver, session_fence(driver->session, driver->fence));
}

/* ---- jobs ---- */

static void on_denied(struct driver *driver, struct job *job) {
    char text[SESSION_REASON];
    snprintf(text, sizeof text, "%.*s", (int)job->message.payload.length,
             (const char *)job->message.payload.data);
    queue_drop(&driver->queue, job);
    if (denial_is_below(text,
                        driver->session->inbox)) { /* no fence comes back; its random name is for nobody */
        snprintf(text, sizeof text, "permissions: the user may not publish and subscribe to %s.>",
                 driver->settings.inbox);
        lose_place(driver, text);
    } else if (requests_deny(driver, text) || !live_deny(driver, text)) {
        driver_complain(driver, COMPLAINT_DENIED, text);
    }
}

static void on_lost(struct driver *driver, struct job *job) {
    driver_complain(driver, COMPLAINT_SLOW,
                    "messages are lost: more came for a channel than this hub could take in");
    gate_lose(&driver->gate, job->message.channel);
    queue_drop(&driver->queue, job);
}

static void on_lame_duck(struct driver *driver, struct job *job) {
    queue_drop(&driver->queue, job);
    if (driver->settings.servers.count > 1) {
        lose_place(driver, "the server is about to stop (lame duck mode)");
    }
}

static void on_closed(struct driver *driver, struct job *job) {
    char text[SESSION_REASON];
    snprintf(text, sizeof text, "%.*s", (int)job->message.payload.length,
             (const char *)job->message.payload.data);
    queue_drop(&driver->queue, job);
    lose_place(driver, text);
}

static void on_answer(struct driver *driver, struct job *job) {
    if (!reading_take(driver, job->answer)) {
        requests_answer(driver, natsMsg_GetSubject(job->answer) + strlen(driver->session->inbox),
                        job->answer);
    }
    queue_drop(&driver->queue, job);
}

static void on_publish(struct driver *driver, struct job *job) {
    if (job->message.history_size && driver->settings.jetstream) {
        storing_on_publish(driver, job);
    } else if (job->message.history_size) {
        driver_complete(driver, job, WSHUB_UNSUPPORTED); /* not without its history, as if it had one */
    } else {
        live_on_publish(driver, job);
    }
}

/* Each takes its job. Those of the hub are only called while there is a session that is up, those of a
 * session only while it is the one that is. */
static void (*const handlers[JOB_KINDS])(struct driver *driver, struct job *job) = {
    [JOB_SUBSCRIBE] = live_on_subscribe,
    [JOB_UNSUBSCRIBE] = live_on_unsubscribe,
    [JOB_PUBLISH] = on_publish,
    [JOB_SET] = registry_on_set,
    [JOB_HEARTBEAT] = registry_on_heartbeat,
    [JOB_DELETE] = registry_on_delete,
    [JOB_GET] = registry_on_get,
    [JOB_LIST] = registry_on_list,
    [JOB_HISTORY] = history_on_query,
    [JOB_ANSWER] = on_answer,
    [JOB_DENIED] = on_denied,
    [JOB_MARK] = on_mark,
    [JOB_LOST] = on_lost,
    [JOB_LAME_DUCK] = on_lame_duck,
    [JOB_CLOSED] = on_closed,
};

static bool needs_jetstream(enum job_kind kind) {
    return kind >= JOB_SET && kind <= JOB_HISTORY;
}

static void work(struct driver *driver, struct job *job) {
    const bool of_session = job->kind >= JOB_ANSWER;
    if (of_session && (!driver->session || job->session != driver->session->number)) {
        queue_drop(&driver->queue, job);
    } else if (!of_session && (driver->phase != PHASE_UP || driver->stuck)) {
        driver_complete(driver, job, WSHUB_UNAVAILABLE);
    } else if (needs_jetstream(job->kind) && !driver->settings.jetstream) {
        driver_complete(driver, job, WSHUB_UNSUPPORTED);
    } else {
        handlers[job->kind](driver, job);
    }
}

/* ---- time ---- */

static uint64_t earlier(uint64_t a, uint64_t b) {
    return a < b ? a : b;
}

static bool fences_are_out(const struct driver *driver) {
    return driver->mark || atomic_load(&driver->session->fenced) < driver->fence;
}

static void look_at_session(struct driver *driver) {
    char why[SESSION_REASON];
    if (atomic_exchange(&driver->session->discovered, false)) {
        learn_servers(driver);
    }
    confirm(driver);
    fence(driver);
    driver->due = requests_expire(driver);
    driver->due = earlier(driver->due, reading_expire(driver));
    if (driver->stuck) {
        session_why_stuck(driver->session, why);
        lose_place(driver, why);
    } else if (atomic_load(&driver->session->broken)) {
        lose_place(driver, "an answer of the server was lost: no memory, or too many at once");
    } else if (fences_are_out(driver) && clock_ms() - driver->progress >= driver->settings.timeout) {
        snprintf(why, sizeof why, "no answer for %llu ms", (unsigned long long)driver->settings.timeout);
        lose_place(driver, why);
    }
}

static uint64_t deadline(const struct driver *driver, bool told) {
    uint64_t until = clock_ms() + (told ? IDLE_MS : AGAIN_MS);
    if (driver->phase == PHASE_PAUSED) {
        return earlier(driver->until, until);
    }
    until = earlier(driver->due, until);
    until = atomic_load(&driver->session->waiting) ? earlier(driver->poke, until) : until;
    return fences_are_out(driver) ? earlier(driver->progress + driver->settings.timeout, until) : until;
}

static void round_of(struct driver *driver, struct job *jobs) {
    while (jobs) {
        struct job *next = jobs->next;
        if (queue_is_closed(&driver->queue)) { /* what is in flight then is the hub's to settle */
            queue_drop(&driver->queue, jobs);
        } else {
            work(driver, jobs);
        }
        jobs = next;
    }
    if (queue_is_closed(&driver->queue)) {
        return;
    }
    if (driver->session) {
        look_at_session(driver);
    } else if (clock_ms() >= driver->until) {
        connect_next(driver);
    }
}

static void drop_all(struct driver *driver, struct job *jobs) {
    while (jobs) {
        struct job *next = jobs->next;
        queue_drop(&driver->queue, jobs);
        jobs = next;
    }
}

static void driver_free_rest(struct driver *driver) {
    for (struct job *job; (job = unconfirmed_pop(&driver->unconfirmed, UINT64_MAX));) {
        job_free(job);
    }
    channels_clear(&driver->channels);
    streams_free(&driver->streams);
    free(driver->up);
    free(driver->down);
    free(driver);
}

/* On the thread that leaves last. */
static void driver_free(struct driver *driver) {
    servers_free(&driver->settings.servers);
    outbox_free(&driver->outbox);
    queue_free(&driver->queue);
    sem_destroy(&driver->ended);
    gate_free(&driver->gate);
    driver_free_rest(driver);
}

static void *run(void *context) {
    struct driver *driver = context;
    struct job *jobs = NULL;
    bool told = true;
    const bool entered = library_enter();
    if (!entered) {
        tell_down(driver, "nats.c cannot start: no memory, or no threads");
        told = outbox_flush(&driver->outbox);
        driver->until = UINT64_MAX;
    }
    while (queue_take(&driver->queue, deadline(driver, told), &jobs)) {
        round_of(driver, jobs);
        told = outbox_flush(&driver->outbox);
    }
    driver->closing = true;
    driver->phase = PHASE_PAUSED;
    drop_all(driver, jobs);
    settle_all(driver);
    if (driver->session) {
        end_session(driver);
    }
    queue_take(&driver->queue, 0, &jobs);
    drop_all(driver, jobs); /* messages of nats.c cannot be freed after it is gone */
    if (entered) {
        library_leave();
    }
    sem_post(&driver->ended);
    if (atomic_exchange(&driver->left, true)) {
        driver_free(driver);
    }
    return NULL;
}

/* ---- life, on the hub thread ---- */

struct driver *driver_start(const struct wshub_host *host, const struct settings *settings) {
    struct driver *driver = calloc(1, sizeof *driver);
    if (!driver) {
        return NULL;
    }
    driver->settings = *settings;
    channels_init(&driver->channels);
    servers_shuffle(&driver->settings.servers, (unsigned)driver->channels.seed);
    if (!gate_init(&driver->gate, host)) {
        goto no_gate;
    }
    if (sem_init(&driver->ended, 0, 0) != 0) {
        goto no_ended;
    }
    if (!queue_init(&driver->queue)) {
        goto no_queue;
    }
    if (!outbox_init(&driver->outbox, &driver->gate)) {
        goto no_outbox;
    }
    if (pthread_create(&driver->thread, NULL, run, driver) != 0) {
        goto no_thread;
    }
    return driver;
no_thread:
    outbox_free(&driver->outbox);
no_outbox:
    queue_free(&driver->queue);
no_queue:
    sem_destroy(&driver->ended);
no_ended:
    gate_free(&driver->gate);
no_gate:
    driver_free_rest(driver);
    return NULL;
}

uint64_t driver_patience(const struct wshub_host *host) {
    const bool told = host->struct_size >= offsetof(struct wshub_host, timeout) + sizeof host->timeout;
    return told && host->timeout ? host->timeout : TIMEOUT_MS;
}

/* Three quarters of what the hub gives to close: it ends the process otherwise. */
static struct timespec end_of_patience(const struct wshub_host *host) {
    const uint64_t end = clock_ms() + driver_patience(host) / 4 * 3;
    return (struct timespec){(time_t)(end / 1000), (long)(end % 1000) * 1000000};
}

static bool wait_ended(struct driver *driver) {
    const struct timespec end = end_of_patience(driver->gate.host);
    int status;
    do {
        status = sem_clockwait(&driver->ended, CLOCK_MONOTONIC, &end);
    } while (status != 0 && errno == EINTR);
    return status == 0;
}

void driver_stop(struct driver *driver) {
    queue_close(&driver->queue);
    if (wait_ended(driver)) {
        pthread_join(driver->thread, NULL);
        driver_free(driver);
        return;
    }
    gate_log(&driver->gate, WSHUB_LOG_WARN,
             "nats.c does not come back from a server or a name in time: its thread is left alone");
    gate_shut(&driver->gate);
    pthread_detach(driver->thread);
    if (atomic_exchange(&driver->left, true)) {
        driver_free(driver);
    }
}
