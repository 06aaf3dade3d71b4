// SPDX-License-Identifier: MIT
// A hub with a fake broker and workers that are only mailboxes on the hub's own loop: this header puts them
// in the place of core/hub/worker.c, so it is included by the one .c file of a test program. Everything runs
// in the test's thread.
#pragma once

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "config/config.h"
#include "fake_plugin.h"
#include "hub/hub.h"
#include "hub/instance.h"
#include "hub/mails.h"
#include "hub/message.h"
#include "hub/worker.h"
#include "log_fixture.h"
#include "loop/loop.h"
#include "loop_fixture.h"
#include "plugin/broker.h"
#include "util/buf.h"
#include "util/clock.h"
#include "util/map.h"
#include "util/random.h"

enum { LONG = 60 * 1000, WORKERS = 3 };

struct fixture;

struct worker {
    struct fixture *fixture;
    struct mailbox *mailbox;
    unsigned index;
    unsigned deliveries;
    unsigned gaps;
    // Of its deliveries: d for a message, l for one that is its channel's last value, g for a gap, f for one
    // that forgets the last value, j and v for a join and a leave, s for what was sent to somebody.
    char story[64];
    char last_payload[256]; // of the message delivered last
    char last_channel[64];  // of the message delivered last
    char known[32];         // the last value that it would give to who comes later; "" for none
    bool is_told;           // since its claim was confirmed, or a gap, it was sent a message
    unsigned repeats;       // last values that came in spite of that
    uint64_t delivered;     // bytes that it says it is done with
    struct worker_notice notices[MAIL_KINDS];
};

struct fixture {
    struct loop *loop;
    struct config config;
    struct log log;
    struct instance instance;
    struct fake_broker *fake;
    struct worker workers[WORKERS];
    unsigned claims;       // that exist
    unsigned failures;     // of a broker that turned out unusable
    unsigned ended;        // how often the drain was over
    bool keeps_clients;    // the workers do not answer MAIL_DRAIN: on_other gets it
    unsigned published[2]; // publishes that were answered: with an error, with WSHUB_OK
    int last_status;
    struct position last_position; // of the publish that was answered last
    struct hub_ending ending;
    void (*on_delivery)(struct worker *worker, const struct channel_ticket *ticket,
                        const struct message *message); // of each; may be NULL
    void (*on_other)(struct worker *worker,
                     struct mail *mail); // what the workers here do not know; may be NULL
    void (*on_message)(struct worker *worker,
                       const struct message *message); // what is delivered; may be NULL
    void *test;                                        // the test's own
    // what run_until waits for
    size_t wanted;
    enum fake_slot slot;
    uint64_t until;
};

// A worker's claim on a channel.
struct claim {
    struct channel_ticket ticket; // first
    struct fixture *fixture;
    unsigned answers;
    int status;
    char name[64];
};

// ---- the workers' place

struct mailbox *worker_mailbox(struct worker *worker) {
    return worker->mailbox;
}

uint64_t worker_delivered_bytes(const struct worker *worker) {
    return worker->delivered;
}

struct worker_notice *worker_notice(struct worker *worker, enum mail_kind kind) {
    worker->notices[kind] = (struct worker_notice){.mail.kind = kind, .worker = worker->index};
    return &worker->notices[kind];
}

static inline void free_claim(struct claim *claim) {
    claim->fixture->claims--;
    free(claim);
}

// As core/hub/subscriptions.c does.
static inline void keep_known(struct worker *worker, const struct message *message) {
    if (message->kind != MESSAGE_GAP) {
        snprintf(worker->known, sizeof worker->known, "%.*s", (int)message_payload(message).length,
                 message_payload(message).data);
    } else if (message->forgets_last) {
        worker->known[0] = '\0';
    }
    worker->repeats += message->is_last && worker->is_told;
    worker->is_told = message->kind != MESSAGE_GAP;
}

static inline void on_worker_mail(void *context, struct mail *mail) {
    struct worker *worker = context;
    if (mail->kind == MAIL_SUBSCRIBED) {
        struct claim *claim = (struct claim *)(void *)mail;
        assert_int_equal(claim->ticket.worker, worker->index);
        claim->answers++;
        claim->status = claim->ticket.status;
        worker->known[0] = '\0';
        worker->is_told = false;
    } else if (mail->kind == MAIL_PUBLISHED) {
        struct request *request = (struct request *)(void *)mail;
        worker->fixture->published[request->status == WSHUB_OK]++;
        worker->fixture->last_status = request->status;
        worker->fixture->last_position = request->position;
        message_unref(request->message);
        free(request);
    } else if (mail->kind == MAIL_RELEASED) {
        free_claim((struct claim *)(void *)mail);
    } else if (mail->kind == MAIL_DELIVER) {
        const struct claim *claim = (const void *)((struct delivery *)(void *)mail)->ticket;
        const struct message *message = ((struct delivery *)(void *)mail)->message;
        if (claim) {
            assert_int_equal(claim->ticket.worker, worker->index);
            assert_int_equal(claim->answers, 1); // nothing comes before the confirmation
        } else {
            assert_int_equal(message->kind, MESSAGE_DIRECT);
        }
        if (worker->fixture->on_message) {
            worker->fixture->on_message(worker, message);
        }
        keep_known(worker, message);
        if (worker->fixture->on_delivery) {
            worker->fixture->on_delivery(worker, claim ? &claim->ticket : NULL, message);
        }
        worker->deliveries += message->kind != MESSAGE_GAP;
        worker->gaps += message->kind == MESSAGE_GAP;
        size_t told = strlen(worker->story);
        if (told + 1 < sizeof worker->story) {
            worker->story[told] = message->forgets_last             ? 'f'
                                  : message->kind == MESSAGE_GAP    ? 'g'
                                  : message->is_last                ? 'l'
                                  : message->kind == MESSAGE_JOIN   ? 'j'
                                  : message->kind == MESSAGE_LEAVE  ? 'v'
                                  : message->kind == MESSAGE_DIRECT ? 's'
                                                                    : 'd';
        }
        snprintf(worker->last_payload, sizeof worker->last_payload, "%.*s",
                 (int)message_payload(message).length, message_payload(message).data);
        struct span channel = message_channel(message);
        snprintf(worker->last_channel, sizeof worker->last_channel, "%.*s", (int)channel.length,
                 channel.data);
        message_unref(((struct delivery *)(void *)mail)->message);
    } else if (mail->kind == MAIL_DRAIN && !worker->fixture->keeps_clients) {
        mailbox_post(hub_mailbox(worker->fixture->instance.hub), &worker_notice(worker, MAIL_DRAINED)->mail);
    } else if (worker->fixture->on_other) {
        worker->fixture->on_other(worker, mail);
    }
}

// ---- the fixture

static inline void on_ended(void *context, const struct hub_ending *ending) {
    struct fixture *f = context;
    f->ended++;
    f->ending = *ending;
}

#define ONE_BROKER "brokers: [{name: main, plugin: fake}]\n"

static inline void make(struct fixture *f, const char *config) {
    struct buf errors = {0};
    *f = (struct fixture){.loop = loop_new(), .fake = fake_new()};
    if (!config_read(&f->config, "test", config, strlen(config), &errors)) {
        fail_msg("%.*s", (int)errors.length, errors.data);
    }
    buf_free(&errors);
    f->config.unsubscribe_linger = LONG;
    f->config.timeouts.broker = LONG;
    f->log = (struct log){.fd = memfd_create("log", MFD_CLOEXEC), .level = LOG_INFO};
    f->instance =
        (struct instance){.config = &f->config, .log = &f->log, .id = "me", .worker_count = WORKERS};
    f->instance.hash_seed = random_u64();
    f->instance.hub = hub_new(f->loop, &f->instance);
    assert_non_null(f->instance.hub);
    hub_on_drained(f->instance.hub, on_ended, f);
    for (unsigned i = 0; i < WORKERS; i++) {
        f->workers[i] = (struct worker){.fixture = f, .index = i};
        f->workers[i].mailbox = mailbox_new(f->loop, on_worker_mail, &f->workers[i]);
        f->instance.workers[i] = &f->workers[i];
    }
}

static inline void on_failure(void *context) {
    ((struct fixture *)context)->failures++;
}

static inline void set_up(struct fixture *f) {
    make(f, ONE_BROKER);
    assert_true(hub_start(f->instance.hub, fake_load, on_failure, f));
}

static inline void tear_down(struct fixture *f) {
    hub_free(f->instance.hub);
    for (unsigned i = 0; i < WORKERS; i++) {
        mailbox_free(f->workers[i].mailbox);
    }
    loop_free(f->loop);
    fake_free(f->fake);
    config_free(&f->config);
    close(f->log.fd);
}

static inline void assert_logged(const struct fixture *f, const char *text) {
    if (log_count(&f->log, text) == 0) {
        fail_msg("not logged: %s", text);
    }
}

// ---- what a worker does

static inline struct claim *come(struct fixture *f, unsigned worker, const char *name) {
    struct claim *claim = calloc(1, sizeof *claim);
    assert_non_null(claim);
    claim->fixture = f;
    snprintf(claim->name, sizeof claim->name, "%s", name);
    claim->ticket = (struct channel_ticket){
        .mail.kind = MAIL_SUBSCRIBE,
        .hash = map_hash(name, strlen(name), f->instance.hash_seed),
        .worker = worker,
        .name = {claim->name, strlen(claim->name)},
    };
    f->claims++;
    mailbox_post(hub_mailbox(f->instance.hub), &claim->ticket.mail);
    return claim;
}

// One that was confirmed; it is freed when the hub has released it.
static inline void leave(struct claim *claim) {
    assert_int_equal(claim->answers, 1);
    assert_int_equal(claim->status, WSHUB_OK);
    claim->ticket.mail.kind = MAIL_UNSUBSCRIBE;
    mailbox_post(hub_mailbox(claim->fixture->instance.hub), &claim->ticket.mail);
}

// One that was refused.
static inline void drop(struct claim *claim) {
    assert_int_not_equal(claim->status, WSHUB_OK);
    free_claim(claim);
}

// ---- waiting

static inline bool is_answered(void *context) {
    return ((struct claim *)context)->answers > 0;
}

static inline void wait_answered(struct claim *claim, int status) {
    run_until(claim->fixture->loop, is_answered, claim);
    run_rounds(claim->fixture->loop);
    assert_int_equal(claim->answers, 1);
    assert_int_equal(claim->status, status);
}

static inline bool has_calls(void *context) {
    struct fixture *f = context;
    return f->fake->counts[f->slot] >= f->wanted;
}

static inline void wait_calls(struct fixture *f, enum fake_slot slot, size_t count) {
    f->slot = slot;
    f->wanted = count;
    run_until(f->loop, has_calls, f);
    assert_int_equal(f->fake->counts[slot], count);
}

static inline bool has_channels(void *context) {
    struct fixture *f = context;
    return counter_get(&hub_stats(f->instance.hub)->channels) == f->wanted;
}

static inline void wait_channels(struct fixture *f, size_t count) {
    f->wanted = count;
    run_until(f->loop, has_channels, f);
}

static inline bool is_late(void *context) {
    struct fixture *f = context;
    return clock_ns() > f->until;
}

// For what must not happen within a time.
static inline void let_pass(struct fixture *f, uint64_t milliseconds) {
    f->until = clock_ns() + milliseconds * 1000000;
    run_until(f->loop, is_late, f);
}

static inline bool is_ready(void *context) {
    struct fixture *f = context;
    return atomic_load(&f->instance.readiness) == READINESS_READY;
}

static inline bool is_red(void *context) {
    struct fixture *f = context;
    return atomic_load(&f->instance.readiness) == READINESS_BROKER;
}

static inline bool has_ended(void *context) {
    return ((struct fixture *)context)->ended > 0;
}

static inline void assert_calls(const struct fixture *f, size_t subscribes, size_t unsubscribes) {
    assert_int_equal(f->fake->counts[FAKE_SUBSCRIBE], subscribes);
    assert_int_equal(f->fake->counts[FAKE_UNSUBSCRIBE], unsubscribes);
}

// ---- links

static inline const struct hub_stats *stats(const struct fixture *f) {
    return hub_stats(f->instance.hub);
}

static inline struct claim *subscribed(struct fixture *f, unsigned worker, const char *name) {
    struct claim *claim = come(f, worker, name);
    wait_answered(claim, WSHUB_OK);
    return claim;
}

static inline void link_is(struct fixture *f, enum wshub_link_state state) {
    fake_link(f->fake, state, state == WSHUB_LINK_DOWN ? "gone" : NULL);
    run_rounds(f->loop);
}

static inline bool is_lost(const struct claim *claim) {
    return atomic_load(&claim->ticket.lost);
}
