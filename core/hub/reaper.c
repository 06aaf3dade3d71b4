// SPDX-License-Identifier: MIT
// One after the other: lists what there is of each sort, then deletes what it has found, some calls at a
// time.
#include "hub/reaper.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hub/hub_priv.h"
#include "hub/instances.h"
#include "hub/registry.h"
#include "util/buf.h"
#include "util/log.h"
#include "wshub/status.h"

enum { WINDOW = 64 }; // deletes under way

static const char *const prefixes[] = {"ws:presence:", "ws:user:", "ws:conn:"};
enum { PREFIXES = sizeof prefixes / sizeof *prefixes };

struct dead {
    struct dead *next;
    uint32_t incarnation;
    char process[PROCESS_LENGTH + 1];
    char id[INSTANCE_ID_MAX + 1];
};

struct reaper {
    struct hub *hub;
    struct dead *first; // the one at hand
    unsigned in_flight;
    unsigned prefix; // the next to be listed
    struct buf keys; // found, each terminated
    size_t deleted;  // bytes of them that were given to the broker
    uint64_t count;  // of them
    bool is_listing;
    bool is_over; // the one at hand is done with
    bool ending;
};

static struct broker *broker_of(const struct reaper *reaper) {
    return registry_slot(reaper->hub->registry)->broker;
}

// ---- what is its own: every entry begins with the instance, and a member's goes on with its incarnation
// ----

static bool begins_with(struct span text, const char *prefix, size_t length) {
    return text.length >= length && memcmp(text.data, prefix, length) == 0;
}

static bool is_incarnation(const struct dead *dead, struct span text) {
    static const char name[] = ",\"incarnation\":\"";
    struct incarnation incarnation;
    if (!begins_with(text, name, sizeof name - 1)) {
        return true; // a connection, or a user
    }
    text.data += sizeof name - 1;
    text.length -= sizeof name - 1;
    const char *end = memchr(text.data, '"', text.length);
    return end && incarnation_read(&incarnation, (struct span){text.data, (size_t)(end - text.data)}) &&
           memcmp(incarnation.process.data, dead->process, PROCESS_LENGTH) == 0 &&
           incarnation.number <= dead->incarnation;
}

static bool is_of(const struct dead *dead, struct span value) {
    char begin[sizeof "{\"instance\":\"\"" + INSTANCE_ID_MAX];
    size_t length = (size_t)snprintf(begin, sizeof begin, "{\"instance\":\"%s\"", dead->id);
    return begins_with(value, begin, length) &&
           is_incarnation(dead, (struct span){value.data + length, value.length - length});
}

static void on_entry(void *context, void *argument, struct wshub_bytes key, struct wshub_bytes value) {
    struct reaper *reaper = context;
    (void)argument;
    if (!reaper->keys.failed && is_of(reaper->first, (struct span){value.data, value.length})) {
        buf_append(&reaper->keys, key.data, key.length);
        buf_append(&reaper->keys, "", 1);
    }
}

// ---- one dead instance: the answers count, reaper_proceed goes on ----

static void on_gone(void *context, void *argument, int status) {
    struct reaper *reaper = context;
    (void)argument;
    (void)status;
    reaper->in_flight--;
    reaper->is_over = true;
}

static void delete_instance(struct reaper *reaper) {
    char key[sizeof WSHUB_INSTANCE_KEY + INSTANCE_ID_MAX];
    int length = snprintf(key, sizeof key, WSHUB_INSTANCE_KEY "%s", reaper->first->id);
    reaper->in_flight++;
    broker_registry_delete(broker_of(reaper), (struct wshub_bytes){key, (size_t)length},
                           (struct broker_reply){on_gone, reaper, NULL});
}

static void on_deleted(void *context, void *argument, int status) {
    struct reaper *reaper = context;
    (void)argument;
    reaper->in_flight--;
    if (status == WSHUB_OK) {
        reaper->count++;
        counter_add(&reaper->hub->stats.reaped, 1);
    }
}

// A list that fails, or for which there is no memory, is left to expire.
static void on_listed(void *context, void *argument, int status) {
    struct reaper *reaper = context;
    (void)argument;
    reaper->in_flight--;
    reaper->is_listing = false;
    if (status != WSHUB_OK || reaper->keys.failed) {
        buf_free(&reaper->keys);
    }
}

static void list(struct reaper *reaper) {
    const char *prefix = prefixes[reaper->prefix++];
    buf_clear(&reaper->keys);
    reaper->deleted = 0;
    reaper->is_listing = true;
    reaper->in_flight++;
    broker_registry_list(broker_of(reaper), (struct wshub_bytes){prefix, strlen(prefix)}, on_entry,
                         (struct broker_reply){on_listed, reaper, NULL});
}

static void delete_some(struct reaper *reaper) {
    while (reaper->deleted < reaper->keys.length && reaper->in_flight < WINDOW) {
        const char *key = reaper->keys.data + reaper->deleted;
        size_t length = strlen(key);
        reaper->deleted += length + 1;
        reaper->in_flight++;
        broker_registry_delete(broker_of(reaper), (struct wshub_bytes){key, length},
                               (struct broker_reply){on_deleted, reaper, NULL});
    }
}

static void begin(struct reaper *reaper) {
    reaper->is_over = false;
    reaper->prefix = 0;
    reaper->count = 0;
}

static void finish(struct reaper *reaper) {
    struct dead *dead = reaper->first;
    log_info(reaper->hub->instance->log, "what a dead instance had left is cleared away",
             log_text("which", dead->id), log_number("entries", reaper->count));
    reaper->first = dead->next;
    free(dead);
    begin(reaper);
}

void reaper_proceed(struct reaper *reaper) {
    while (reaper->first && !reaper->ending && registry_is_usable(reaper->hub->registry)) {
        if (!reaper->is_listing) {
            delete_some(reaper);
        }
        if (reaper->in_flight > 0) {
            return;
        }
        if (reaper->is_over) {
            finish(reaper);
        } else if (reaper->prefix < PREFIXES) {
            list(reaper);
        } else {
            delete_instance(reaper);
        }
    }
}

void reaper_add(struct reaper *reaper, struct span id, struct span process, uint32_t incarnation) {
    struct dead *dead = calloc(1, sizeof *dead);
    struct dead **end = &reaper->first;
    if (!dead) {
        return;
    }
    memcpy(dead->id, id.data, id.length);
    memcpy(dead->process, process.data, PROCESS_LENGTH);
    dead->incarnation = incarnation;
    while (*end) {
        end = &(*end)->next;
    }
    *end = dead;
}

void reaper_end(struct reaper *reaper) {
    reaper->ending = true;
}

unsigned reaper_in_flight(const struct reaper *reaper) {
    return reaper->in_flight;
}

// ---- life ----

struct reaper *reaper_new(struct hub *hub) {
    struct reaper *reaper = calloc(1, sizeof *reaper);
    if (reaper) {
        reaper->hub = hub;
    }
    return reaper;
}

void reaper_free(struct reaper *reaper) {
    if (!reaper) {
        return;
    }
    while (reaper->first) {
        struct dead *dead = reaper->first;
        reaper->first = dead->next;
        free(dead);
    }
    buf_free(&reaper->keys);
    free(reaper);
}
