// SPDX-License-Identifier: MIT
// An entry has at most one call under way. When its turn comes, settle looks at what is wanted and makes the
// next call towards it; the answer arms it for later, or puts it into the queue again.
#include "hub/entries.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "config/config.h"
#include "hub/hub_priv.h"
#include "loop/loop.h"
#include "util/buf.h"
#include "util/random.h"
#include "wshub/status.h"

enum {
    WINDOW =
        512, // calls in flight: a broker that comes back is not flooded, and no call waits for its deadline
    RETRY_MS = 1000,     // of what the broker has refused
    RETRIES_DOUBLED = 5, // the later ones wait up to 32 times as long
};

struct entries {
    struct hub *hub;
    struct broker *broker;
    void (*told)(void *context, int status);
    void *context;
    struct wheel wheel;         // of renewals
    struct entry *first;        // all of them
    struct entry *queue, *last; // due: to be written or deleted
    struct buf scratch;
    unsigned in_flight;
    bool unable;
};

static uint64_t now(const struct entries *entries) {
    return loop_now(entries->hub->loop);
}

static const struct config *config_of(const struct entries *entries) {
    return entries->hub->instance->config;
}

static bool is_usable(const struct entries *entries) {
    return broker_is_up(entries->broker) && !entries->unable;
}

// ---- the queue ----

static void enqueue(struct entries *entries, struct entry *entry) {
    if (!entry->queued) {
        entry->queued = true;
        entry->next_queued = NULL;
        *(entries->last ? &entries->last->next_queued : &entries->queue) = entry;
        entries->last = entry;
    }
}

static struct entry *take_first(struct entries *entries) {
    struct entry *entry = entries->queue;
    entries->queue = entry->next_queued;
    if (!entries->queue) {
        entries->last = NULL;
    }
    entry->queued = false;
    return entry;
}

static void look_again(struct entries *entries, struct entry *entry, uint64_t milliseconds) {
    wheel_arm(&entries->wheel, &entry->later, now(entries) + milliseconds);
}

// Those that came together must not be renewed together for ever.
static uint64_t renewal(const struct entries *entries) {
    uint64_t half = config_of(entries)->registry.connection_ttl / 2;
    return half - random_u64() % (half / 4 + 1);
}

static void retry_later(struct entries *entries, struct entry *entry) {
    look_again(entries, entry, (uint64_t)RETRY_MS << entry->failures);
    if (entry->failures < RETRIES_DOUBLED) {
        entry->failures++;
    }
}

static void forget(struct entries *entries, struct entry *entry) {
    wheel_disarm(&entry->later);
    *(entry->previous ? &entry->previous->next : &entries->first) = entry->next;
    if (entry->next) {
        entry->next->previous = entry->previous;
    }
    entry->kind->forget(entry->kind->context, entry);
}

// ---- what the broker says: while the link is down nothing is tried; when it comes up, everything is ----

static void answered(struct entries *entries, struct entry *entry) {
    entries->in_flight--;
    entry->in_flight = false;
}

static void is_there(struct entries *entries, struct entry *entry, int status) {
    if (entry->leaving || entry->again) {
        enqueue(entries, entry);
    } else if (status == WSHUB_OK) {
        entry->failures = 0;
        look_again(entries, entry, renewal(entries));
    } else if (is_usable(entries)) {
        retry_later(entries, entry);
    }
}

static void on_announced(void *context, void *argument, int status) {
    struct entries *entries = context;
    struct entry *entry = argument;
    answered(entries, entry);
    entry->announced = status == WSHUB_OK && !entry->again;
    is_there(entries, entry, status);
}

static void announce(struct entries *entries, struct entry *entry, bool there, broker_done_fn done) {
    entry->in_flight = true;
    entries->in_flight++;
    entry->kind->announce(entry->kind->context, entry, there, (struct broker_reply){done, entries, entry});
}

static void on_set(void *context, void *argument, int status) {
    struct entries *entries = context;
    struct entry *entry = argument;
    answered(entries, entry);
    entries->told(entries->context, status);
    if (status == WSHUB_UNSUPPORTED) {
        entry->expires = 0; // there is nothing to take back
    }
    bool is_news = entry->kind->announce && !entry->announced && !entry->leaving && !entry->again;
    if (status == WSHUB_OK && is_news) {
        announce(entries, entry, true, on_announced);
    } else {
        is_there(entries, entry, status);
    }
}

static void is_gone(struct entries *entries, struct entry *entry);

static void on_farewell(void *context, void *argument, int status) {
    struct entries *entries = context;
    struct entry *entry = argument;
    answered(entries, entry);
    if (status == WSHUB_OK || status == WSHUB_CLOSED) {
        entry->may_be_known = false;
    }
    is_gone(entries, entry);
}

// As far as the broker goes; what is left to do is done when its turn comes.
static void is_gone(struct entries *entries, struct entry *entry) {
    if (entry->queued) {
        return;
    }
    if (!entry->leaving) {
        enqueue(entries, entry); // it has come back meanwhile
    } else if (entry->expires == 0 && !entry->may_be_known) {
        forget(entries, entry);
    } else {
        look_again(entries, entry, RETRY_MS);
    }
}

static void on_deleted(void *context, void *argument, int status) {
    struct entries *entries = context;
    struct entry *entry = argument;
    answered(entries, entry);
    entries->told(entries->context, status);
    if (status == WSHUB_OK || status == WSHUB_CLOSED || status == WSHUB_UNSUPPORTED) {
        entry->expires = 0; // the broker has it no more
    }
    if (entry->expires == 0 && entry->leaving && entry->may_be_known) {
        announce(entries, entry, false, on_farewell);
    } else {
        is_gone(entries, entry);
    }
}

// ---- towards what is wanted ----

static struct wshub_bytes key_of(const struct entry *entry, char text[ENTRY_KEY_MAX + 1]) {
    entry->kind->key(entry->kind->context, entry, text);
    return (struct wshub_bytes){text, strlen(text)};
}

static void set(struct entries *entries, struct entry *entry) {
    char key[ENTRY_KEY_MAX + 1];
    uint64_t ttl = config_of(entries)->registry.connection_ttl;
    struct buf *value = &entries->scratch;
    buf_clear(value);
    entry->kind->value(entry->kind->context, entry, value);
    entry->expires = now(entries) + config_of(entries)->timeouts.broker + ttl;
    entry->may_be_known = entry->kind->announce != NULL;
    entry->in_flight = true;
    entries->in_flight++;
    if (value->failed) {
        on_set(entries, entry, WSHUB_NO_MEMORY);
        return;
    }
    broker_registry_set(entries->broker, key_of(entry, key), (struct wshub_bytes){value->data, value->length},
                        ttl, (struct broker_reply){on_set, entries, entry});
}

static void delete (struct entries *entries, struct entry *entry) {
    char key[ENTRY_KEY_MAX + 1];
    entry->in_flight = true;
    entries->in_flight++;
    broker_registry_delete(entries->broker, key_of(entry, key),
                           (struct broker_reply){on_deleted, entries, entry});
}

static void settle(struct entries *entries, struct entry *entry) {
    if (entry->in_flight) {
        entry->again = true; // its answer brings it here again
        return;
    }
    entry->again = false;
    if (!entry->leaving) {
        set(entries, entry);
    } else if (entry->expires > now(entries)) {
        delete (entries, entry);
    } else if (entry->may_be_known) {
        entry->expires = 0;
        announce(entries, entry, false, on_farewell);
    } else {
        forget(entries, entry); // the broker never had it, or has forgotten it by itself
    }
}

// Who has left while the link is down is forgotten when the broker has done so too.
static void forget_expired(struct entries *entries, struct entry *entry) {
    if (entry->leaving && !entry->in_flight) {
        if (entry->expires <= now(entries)) {
            forget(entries, entry);
        } else {
            wheel_arm(&entries->wheel, &entry->later, entry->expires);
        }
    }
}

static void on_later(void *context, struct wheel_entry *later) {
    enqueue(context, (struct entry *)(void *)((char *)later - offsetof(struct entry, later)));
}

void entries_proceed(struct entries *entries) {
    wheel_sweep(&entries->wheel, now(entries), on_later, entries);
    while (entries->queue && entries->in_flight < WINDOW) {
        struct entry *entry = take_first(entries);
        if (is_usable(entries)) {
            settle(entries, entry);
        } else {
            forget_expired(entries, entry);
        }
    }
}

// ---- events ----

static bool is_listed(const struct entries *entries, const struct entry *entry) {
    return entry->previous || entries->first == entry;
}

void entries_enter(struct entries *entries, struct entry *entry, const struct entry_kind *kind) {
    if (!is_listed(entries, entry)) {
        entry->kind = kind;
        entry->next = entries->first;
        if (entries->first) {
            entries->first->previous = entry;
        }
        entries->first = entry;
    }
    entry->leaving = entry->announced = false;
    entry->again |= entry->in_flight; // what is under way may say what it said before
    enqueue(entries, entry);
}

void entries_leave(struct entries *entries, struct entry *entry) {
    entry->leaving = true;
    enqueue(entries, entry);
}

void entries_renew_all(struct entries *entries) {
    for (struct entry *entry = entries->first; entry; entry = entry->next) {
        enqueue(entries, entry);
    }
}

void entries_announce_all(struct entries *entries) {
    for (struct entry *entry = entries->first; entry; entry = entry->next) {
        if (entry->kind->announce) {
            entry->announced = false;
            entry->again |= entry->in_flight; // it says what it said before
            enqueue(entries, entry);
        }
    }
}

void entries_set_able(struct entries *entries, bool able) {
    entries->unable = !able;
}

bool entries_any(const struct entries *entries) {
    return entries->first != NULL;
}

unsigned entries_in_flight(const struct entries *entries) {
    return entries->in_flight;
}

// ---- life ----

struct entries *entries_new(struct hub *hub, struct broker *broker, void (*told)(void *context, int status),
                            void *context) {
    struct entries *entries = calloc(1, sizeof *entries);
    if (entries) {
        entries->hub = hub;
        entries->broker = broker;
        entries->told = told;
        entries->context = context;
        wheel_init(&entries->wheel, loop_now(hub->loop));
    }
    return entries;
}

void entries_free(struct entries *entries) {
    if (entries) {
        while (entries->first) {
            forget(entries, entries->first);
        }
        buf_free(&entries->scratch);
        free(entries);
    }
}
