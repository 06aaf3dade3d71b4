// SPDX-License-Identifier: MIT
#include "hub/worker_priv.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "auth/query.h"
#include "config/config.h"
#include "hub/access.h"
#include "hub/hub.h"
#include "hub/message.h"
#include "hub/orders.h"
#include "loop/timer.h"
#include "net/listener.h"
#include "protocol/json.h"
#include "util/log.h"

const char *const worker_close_reasons[CLOSE_REASONS] = {
    [CLOSED_NORMAL] = "normal",
    [CLOSED_GOING_AWAY] = "going_away",
    [CLOSED_DRAIN] = "drain",
    [CLOSED_PROTOCOL] = "protocol",
    [CLOSED_UNSUPPORTED] = "unsupported",
    [CLOSED_INVALID] = "invalid",
    [CLOSED_TOO_BIG] = "too_big",
    [CLOSED_ABNORMAL] = "abnormal",
    [CLOSED_NO_PONG] = "no_pong",
    [CLOSED_SLOW] = "slow",
    [CLOSED_WRITE_TIMEOUT] = "write_timeout",
    [CLOSED_LIMIT] = "limit",
    [CLOSED_UNAUTHENTICATED] = "unauthenticated",
    [CLOSED_FORBIDDEN] = "forbidden",
    [CLOSED_TOKEN_EXPIRED] = "token_expired",
    [CLOSED_UNAVAILABLE] = "unavailable",
    [CLOSED_INTERNAL] = "internal",
    [CLOSED_OTHER] = "other",
};

struct mailbox *worker_mailbox(struct worker *worker) {
    return worker->mailbox;
}

struct worker_notice *worker_notice(struct worker *worker, enum mail_kind kind) {
    worker->notices[kind] = (struct worker_notice){.mail.kind = kind, .worker = worker->index};
    return &worker->notices[kind];
}

const struct worker_stats *worker_stats(const struct worker *worker) {
    return &worker->stats;
}

uint64_t worker_delivered_bytes(const struct worker *worker) {
    return counter_get(&worker->stats.delivered_bytes);
}

// ---- to the hub ----

enum { MAILS_PER_RING = 64 }; // the hub may begin with these while the round goes on

static void ring_hub(void *context) {
    struct worker *worker = context;
    if (worker->unrung > 0) {
        worker->unrung = 0;
        mailbox_ring(hub_mailbox(worker->instance->hub));
    }
}

void worker_tell_hub(struct worker *worker, struct mail *mail) {
    mailbox_push(hub_mailbox(worker->instance->hub), mail);
    if (++worker->unrung >= MAILS_PER_RING) {
        ring_hub(worker);
    }
}

// ---- the thread ----

static void on_mail(void *context, struct mail *mail) {
    struct worker *worker = context;
    switch ((enum mail_kind)mail->kind) {
    case MAIL_SUBSCRIBED:
        subscriptions_confirmed(worker, (struct channel_ticket *)(void *)mail);
        break;
    case MAIL_PUBLISHED:
        operations_published(worker, (struct request *)(void *)mail);
        break;
    case MAIL_DELIVER:
        fanout_deliver(worker, (struct delivery *)(void *)mail);
        break;
    case MAIL_RECOVERED:
        catchup_answered(worker, (struct recovery *)(void *)mail);
        break;
    case MAIL_ANSWERED:
        questions_answered((struct request *)(void *)mail);
        break;
    case MAIL_TRY:
        direct_try(worker, (struct request *)(void *)mail);
        break;
    case MAIL_AUTHENTICATED:
        access_answered((struct auth_query *)(void *)mail);
        break;
    case MAIL_REVOKED:
        access_revoked(worker, (struct revoke_notice *)(void *)mail);
        free(mail);
        break;
    case MAIL_RELEASED:
        subscriptions_released((struct channel_ticket *)(void *)mail);
        break;
    case MAIL_REVOKE_TAKEN:
        orders_taken((struct revoke_request *)(void *)mail);
        break;
    case MAIL_DRAIN:
        leaving_begin(worker, (struct worker_notice *)(void *)mail);
        break;
    case MAIL_RESUME:
        leaving_resume(worker);
        break;
    case MAIL_HURRY:
        leaving_hurry(worker);
        break;
    case MAIL_ABORT:
        leaving_abort(worker);
        break;
    case MAIL_STOP:
        leaving_stop(worker);
        break;
    case MAIL_DRAIN_ORDERED:
        orders_drained((struct drain_order *)(void *)mail);
        break;
    default:
        break; // the others go to the hub
    }
}

static void on_connection(void *context, int fd, const struct address *peer) {
    session_accept(context, fd, peer);
}

// The counters that others read follow the net's own once a round.
static void on_round_end(void *context) {
    struct worker *worker = context;
    ring_hub(worker); // what the flush has told it
    if (atomic_load_explicit(&worker->instance->congested, memory_order_relaxed)) {
        mailbox_ring(hub_mailbox(worker->instance->hub));
    }
    counter_set(&worker->stats.outbox_bytes, worker->net.outbox_bytes);
    counter_set(&worker->stats.bytes_received, worker->net.bytes_received);
    counter_set(&worker->stats.bytes_sent, worker->net.bytes_sent);
    counter_set(&worker->stats.sends, worker->net.sends);
    counter_set(&worker->stats.lag_ms, worker->net.lag_ms);
}

static void *run(void *context) {
    struct worker *worker = context;
    char name[16];
    snprintf(name, sizeof name, "worker-%u", worker->index);
    pthread_setname_np(pthread_self(), name);
    loop_run(worker->loop);
    return NULL;
}

// ---- life ----

static bool set_up(struct worker *worker) {
    const struct config *config = worker->instance->config;
    worker->loop = loop_new();
    if (!worker->loop) {
        return false;
    }
    loop_at_end_of_round(worker->loop, ring_hub,
                         worker); // first of all: the hub works while this thread flushes
    worker->mailbox = mailbox_new(worker->loop, on_mail, worker);
    worker->json = json_reader_new();
    if (config->auth.mode == CONFIG_AUTH_PLUGINS &&
        (!(worker->access_timers = access_timers_new(worker->loop)) ||
         !(worker->retry = timer_new(worker->loop, subscriptions_retry, worker)))) {
        return false;
    }
    if (!worker->mailbox || !leaving_init(worker) || !worker->json ||
        !net_init(&worker->net, worker->loop, config->timeouts.write)) {
        return false;
    }
    loop_at_end_of_round(worker->loop, on_round_end, worker);
    worker->server = (struct ws_server){
        .net = &worker->net,
        .handler = &session_handler,
        .http = {.head = config->limits.http_head, .body = HTTP_BODY_MAX},
        .outbox_max = config->limits.outbox,
        .handshake_timeout = config->timeouts.handshake,
        .ping_interval = config->timeouts.ping,
        .pong_timeout = config->timeouts.pong,
        .close_timeout = config->timeouts.close,
    };
    return ws_server_init(&worker->server, config->limits.message);
}

struct worker *worker_new(struct instance *instance, unsigned index) {
    struct worker *worker = calloc(1, sizeof *worker);
    if (worker) {
        worker->instance = instance;
        worker->index = index;
        if (set_up(worker)) {
            return worker;
        }
    }
    log_error(instance->log, "a worker cannot be made: out of memory or descriptors");
    worker_free(worker);
    return NULL;
}

bool worker_listen(struct worker *worker, int fd) {
    struct listener *listener = NULL;
    if (worker->listener_count < LISTENERS_MAX) {
        listener = listener_new(worker->loop, fd, worker->instance->log, &worker->instance->paused_listeners,
                                on_connection, worker);
    }
    if (!listener) {
        close(fd);
        return false;
    }
    worker->listeners[worker->listener_count++] = listener;
    return true;
}

bool worker_start(struct worker *worker) {
    if (pthread_create(&worker->thread, NULL, run, worker) != 0) {
        log_error(worker->instance->log, "a worker's thread cannot be started");
        return false;
    }
    return true;
}

void worker_join(struct worker *worker) {
    mailbox_post(worker->mailbox, &worker_notice(worker, MAIL_STOP)->mail);
    pthread_join(worker->thread, NULL);
}

void worker_free(struct worker *worker) {
    if (!worker) {
        return;
    }
    if (worker->loop) {
        if (worker->mailbox) {
            mailbox_free(worker->mailbox);
        }
        leaving_close_listeners(worker, false);
        access_timers_free(worker->access_timers);
        timer_free(worker->drain.timer);
        timer_free(worker->retry);
        net_free(&worker->net);
        loop_free(worker->loop);
    }
    subscriptions_free(worker);
    connections_free(&worker->connections);
    ws_server_free(&worker->server);
    json_reader_free(worker->json);
    buf_free(&worker->scratch);
    free(worker);
}
