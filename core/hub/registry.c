// SPDX-License-Identifier: MIT
#include "hub/registry.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "config/config.h"
#include "hub/hub_priv.h"
#include "loop/loop.h"
#include "loop/timer.h"
#include "loop/wheel.h"
#include "net/address.h"
#include "plugin/status.h"
#include "util/buf.h"
#include "util/log.h"
#include "util/random.h"

enum {
    WINDOW =
        512, // calls in flight: a broker that comes back is not flooded, and no call waits for its deadline
    RETRY_MS = 1000,     // of what the broker has refused
    RETRIES_DOUBLED = 5, // the later ones wait up to 32 times as long
    UNABLE_BEATS = 6,    // heartbeats between two tries of a broker that cannot keep a registry after all
};

struct registry {
    struct hub *hub;
    struct hub_broker *slot;
    struct timer *beat;
    struct wheel wheel;                // of renewals
    struct registration *first;        // all of them
    struct registration *queue, *last; // due: to be written or deleted
    struct buf scratch;
    counter entries;
    unsigned in_flight;
    bool beats;   // a heartbeat is in flight
    bool renewed; // all was queued when the link came up, and no heartbeat has ended since
    bool ending, gone, failing;
    bool unable; // the broker claims the capability, and says that it cannot: only heartbeats try it now
    counter kept;
    char key[sizeof WSHUB_INSTANCE_KEY + INSTANCE_ID_MAX];
};

struct registration *registration_of_leave(struct mail *leave) {
    return (struct registration *)(void *)((char *)leave - offsetof(struct registration, leave));
}

static uint64_t now(const struct registry *registry) {
    return loop_now(registry->hub->loop);
}

static const struct config *config_of(const struct registry *registry) {
    return registry->hub->instance->config;
}

static bool is_up(const struct registry *registry) {
    return broker_is_up(registry->slot->broker);
}

static bool is_usable(const struct registry *registry) {
    return is_up(registry) && !registry->unable;
}

// ---- what the entries say ----

static void put_time(struct buf *out, int64_t seconds) {
    char text[32];
    struct tm utc;
    time_t time = (time_t)seconds;
    strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&time, &utc));
    buf_printf(out, "\"%s\"", text);
}

// A UNIX socket's clients have none.
static void put_address(struct buf *out, const struct in6_addr *address) {
    char text[INET6_ADDRSTRLEN] = "unix";
    if (!IN6_IS_ADDR_UNSPECIFIED(address)) {
        address_ip_format(address, text, sizeof text);
    }
    buf_printf(out, "\"%s\"", text);
}

// No more of the identity than that: the registry is read by others.
static void put_user(struct buf *out, const struct registration *registration) {
    if (registration->user_length > 0) {
        buf_puts(out, ",\"user\":");
        buf_json_string(out, registration->user, registration->user_length);
    }
}

static struct wshub_bytes write_connection(struct registry *registry,
                                           const struct registration *registration) {
    struct buf *out = &registry->scratch;
    buf_clear(out);
    buf_printf(out, "{\"instance\":\"%s\",\"address\":", registry->hub->instance->id);
    put_address(out, &registration->address);
    put_user(out, registration);
    buf_puts(out, ",\"since\":");
    put_time(out, registration->since);
    buf_puts(out, "}");
    return (struct wshub_bytes){out->data, out->failed ? 0 : out->length};
}

static struct wshub_bytes write_instance(struct registry *registry) {
    struct buf *out = &registry->scratch;
    const struct instance *instance = registry->hub->instance;
    buf_clear(out);
    buf_printf(out, "{\"connections\":%llu,\"channels\":%llu,\"started\":",
               (unsigned long long)atomic_load(&instance->connections),
               (unsigned long long)counter_get(&registry->hub->stats.channels));
    put_time(out, instance->started);
    buf_printf(out, ",\"version\":\"%s\"}", WSHUB_VERSION);
    return (struct wshub_bytes){out->data, out->failed ? 0 : out->length};
}

enum { KEY_SIZE = sizeof "ws:conn:" + RANDOM_ID_LENGTH };

static struct wshub_bytes key_of(const struct registration *registration, char text[KEY_SIZE]) {
    char id[RANDOM_ID_LENGTH + 1];
    random_id_format(registration->id, id);
    int length = snprintf(text, KEY_SIZE, "ws:conn:%s", id);
    return (struct wshub_bytes){text, (size_t)length};
}

// ---- the queue ----

static void enqueue(struct registry *registry, struct registration *registration) {
    if (!registration->queued) {
        registration->queued = true;
        registration->next_queued = NULL;
        *(registry->last ? &registry->last->next_queued : &registry->queue) = registration;
        registry->last = registration;
    }
}

static struct registration *take_first(struct registry *registry) {
    struct registration *registration = registry->queue;
    registry->queue = registration->next_queued;
    if (!registry->queue) {
        registry->last = NULL;
    }
    registration->queued = false;
    return registration;
}

static void look_again(struct registry *registry, struct registration *registration, uint64_t milliseconds) {
    wheel_arm(&registry->wheel, &registration->later, now(registry) + milliseconds);
}

// Those that came together must not be renewed together for ever.
static uint64_t renewal(const struct registry *registry) {
    uint64_t half = config_of(registry)->registry.connection_ttl / 2;
    return half - random_u64() % (half / 4 + 1);
}

static void retry_later(struct registry *registry, struct registration *registration) {
    look_again(registry, registration, (uint64_t)RETRY_MS << registration->failures);
    if (registration->failures < RETRIES_DOUBLED) {
        registration->failures++;
    }
}

static void forget(struct registry *registry, struct registration *registration) {
    wheel_disarm(&registration->later);
    *(registration->previous ? &registration->previous->next : &registry->first) = registration->next;
    if (registration->next) {
        registration->next->previous = registration->previous;
    }
    counter_add(&registry->entries, -1);
    free(registration);
}

// ---- what the broker says ----

// A broker may have the slots, and no means: a server without the part that would keep entries. It is told
// once, and tried again by a heartbeat now and then, for somebody may add that part.
static void become_unable(struct registry *registry) {
    const struct config *config = config_of(registry);
    bool demanded = config->registry.enabled == CONFIG_REGISTRY_ON;
    uint64_t retry = UNABLE_BEATS * config->registry.heartbeat;
    if (registry->unable || registry->ending) {
        return;
    }
    registry->unable = true;
    counter_set(&registry->kept, 0);
    log_event(registry->hub->instance->log, demanded ? LOG_ERROR : LOG_WARN,
              "this broker cannot keep a registry after all: nobody can look up who is connected where; "
              "set its server up for it, or say registry: {enabled: off}",
              (const struct log_field[]){log_text("broker", broker_name(registry->slot->broker)),
                                         log_number("retry_ms", retry)},
              2);
    timer_start(registry->beat, retry, retry);
}

static void tell_failure(struct registry *registry, int status) {
    if (status == WSHUB_UNSUPPORTED) {
        become_unable(registry);
        return;
    }
    bool failing = status != WSHUB_OK && status != WSHUB_UNAVAILABLE && status != WSHUB_CLOSED;
    if (failing && !registry->failing) {
        log_error(registry->hub->instance->log, "registry cannot be written; it is tried again",
                  log_text("broker", broker_name(registry->slot->broker)),
                  log_text("reason", status_text(status)));
    }
    registry->failing = failing || (registry->failing && status != WSHUB_OK);
}

// While the link is down nothing is tried; when it comes up, everything is.
static void on_set(void *context, void *argument, int status) {
    struct registry *registry = context;
    struct registration *registration = argument;
    registry->in_flight--;
    registration->in_flight = false;
    tell_failure(registry, status);
    if (status == WSHUB_UNSUPPORTED) {
        registration->expires = 0; // there is nothing to take back
    }
    if (registration->leaving || registration->again) {
        enqueue(registry, registration);
    } else if (status == WSHUB_OK) {
        registration->failures = 0;
        look_again(registry, registration, renewal(registry));
    } else if (is_usable(registry)) {
        retry_later(registry, registration);
    }
}

static void on_deleted(void *context, void *argument, int status) {
    struct registry *registry = context;
    struct registration *registration = argument;
    registry->in_flight--;
    registration->in_flight = false;
    tell_failure(registry, status);
    if (status == WSHUB_OK || status == WSHUB_CLOSED || status == WSHUB_UNSUPPORTED) {
        registration->expires = 0; // the broker has it no more
    }
    if (registration->queued) {
        return; // looked at when its turn comes
    }
    if (registration->expires == 0) {
        forget(registry, registration);
    } else {
        look_again(registry, registration, RETRY_MS);
    }
}

static void set_entry(struct registry *registry, struct registration *registration) {
    char key[KEY_SIZE];
    uint64_t ttl = config_of(registry)->registry.connection_ttl;
    struct wshub_bytes value = write_connection(registry, registration);
    registration->expires = now(registry) + config_of(registry)->timeouts.broker + ttl;
    registration->in_flight = true;
    registry->in_flight++;
    if (value.length == 0) {
        on_set(registry, registration, WSHUB_NO_MEMORY);
        return;
    }
    broker_registry_set(registry->slot->broker, key_of(registration, key), value, ttl,
                        (struct broker_reply){on_set, registry, registration});
}

static void delete_entry(struct registry *registry, struct registration *registration) {
    char key[KEY_SIZE];
    registration->in_flight = true;
    registry->in_flight++;
    broker_registry_delete(registry->slot->broker, key_of(registration, key),
                           (struct broker_reply){on_deleted, registry, registration});
}

static void settle(struct registry *registry, struct registration *registration) {
    if (registration->in_flight) {
        registration->again = true; // its answer brings it here again
        return;
    }
    registration->again = false;
    if (!registration->leaving) {
        set_entry(registry, registration);
    } else if (registration->expires > now(registry)) {
        delete_entry(registry, registration);
    } else {
        forget(registry, registration); // the broker never had it, or has forgotten it by itself
    }
}

// ---- heartbeat ----

static void enqueue_all(struct registry *registry) {
    for (struct registration *registration = registry->first; registration;
         registration = registration->next) {
        enqueue(registry, registration);
    }
}

static void delete_own(struct registry *registry);

// A heartbeat has succeeded.
static void become_able(struct registry *registry) {
    registry->unable = false;
    log_info(registry->hub->instance->log, "this broker can keep a registry now",
             log_text("broker", broker_name(registry->slot->broker)));
    enqueue_all(registry);
    uint64_t period = config_of(registry)->registry.heartbeat;
    timer_start(registry->beat, period, period);
}

static void on_beat(void *context, void *argument, int status) {
    struct registry *registry = context;
    (void)argument;
    registry->in_flight--;
    registry->beats = false;
    if (registry->ending) {
        if (!registry->gone) {
            delete_own(registry); // not before: it would come back
        }
        return;
    }
    bool well = status == WSHUB_OK || status == WSHUB_NOT_FOUND;
    tell_failure(registry, well ? WSHUB_OK : status);
    counter_set(&registry->kept, well);
    if (well && registry->unable) {
        become_able(registry);
    } else if (status == WSHUB_NOT_FOUND && !registry->renewed) {
        enqueue_all(registry); // the broker has lost its memory, or this instance was away for too long
    }
    registry->renewed = false;
}

static void beat(void *context) {
    struct registry *registry = context;
    if (registry->beats || registry->ending || !is_up(registry)) {
        return;
    }
    struct wshub_bytes value = write_instance(registry);
    if (value.length == 0) {
        return; // no memory: the next one may have
    }
    registry->beats = true;
    registry->in_flight++;
    broker_heartbeat(registry->slot->broker, (struct wshub_bytes){registry->key, strlen(registry->key)},
                     value, config_of(registry)->registry.instance_ttl,
                     (struct broker_reply){on_beat, registry, NULL});
}

static void start_beating(struct registry *registry) {
    uint64_t period = config_of(registry)->registry.heartbeat;
    timer_start(registry->beat, 0, registry->unable ? UNABLE_BEATS * period : period);
}

// ---- events ----

void registry_enter(struct registry *registry, struct registration *registration) {
    registration->next = registry->first;
    if (registry->first) {
        registry->first->previous = registration;
    }
    registry->first = registration;
    counter_add(&registry->entries, 1);
    enqueue(registry, registration);
}

void registry_leave(struct registry *registry, struct registration *registration) {
    registration->leaving = true;
    enqueue(registry, registration);
}

void registry_on_link(struct registry *registry, const struct hub_broker *slot, enum wshub_link_state state) {
    if (slot == registry->slot && state == WSHUB_LINK_DOWN) {
        counter_set(&registry->kept, 0);
    } else if (slot == registry->slot && !registry->ending) {
        registry->renewed = true;
        enqueue_all(registry);
        start_beating(registry);
    }
}

static void on_later(void *context, struct wheel_entry *entry) {
    enqueue(context, (struct registration *)(void *)((char *)entry - offsetof(struct registration, later)));
}

// Who has left while the link is down is forgotten when the broker has done so too.
static void forget_expired(struct registry *registry, struct registration *registration) {
    if (registration->leaving && !registration->in_flight) {
        if (registration->expires <= now(registry)) {
            forget(registry, registration);
        } else {
            wheel_arm(&registry->wheel, &registration->later, registration->expires);
        }
    }
}

void registry_proceed(struct registry *registry) {
    wheel_sweep(&registry->wheel, now(registry), on_later, registry);
    while (registry->queue && registry->in_flight < WINDOW) {
        struct registration *registration = take_first(registry);
        if (is_usable(registry)) {
            settle(registry, registration);
        } else {
            forget_expired(registry, registration);
        }
    }
}

// ---- the end ----

static void on_gone(void *context, void *argument, int status) {
    struct registry *registry = context;
    (void)argument;
    registry->in_flight--;
    registry->gone = true;
    tell_failure(registry, status);
}

static void delete_own(struct registry *registry) {
    registry->in_flight++;
    broker_registry_delete(registry->slot->broker, (struct wshub_bytes){registry->key, strlen(registry->key)},
                           (struct broker_reply){on_gone, registry, NULL});
}

void registry_end(struct registry *registry) {
    registry->ending = true;
    timer_stop(registry->beat);
    if (registry->unable) {
        registry->gone = true;
    } else if (!registry->beats) {
        delete_own(registry);
    }
}

bool registry_is_done(const struct registry *registry) {
    return registry->gone && (!registry->first || !is_usable(registry));
}

unsigned registry_in_flight(const struct registry *registry) {
    return registry->in_flight;
}

uint64_t registry_entries(const struct registry *registry) {
    return counter_get(&registry->entries);
}

bool registry_is_kept(const struct registry *registry) {
    return counter_get(&registry->kept) != 0;
}

struct registry *registry_new(struct hub *hub, struct hub_broker *slot) {
    struct registry *registry = calloc(1, sizeof *registry);
    if (!registry) {
        return NULL;
    }
    registry->hub = hub;
    registry->slot = slot;
    registry->beat = timer_new(hub->loop, beat, registry);
    if (!registry->beat) {
        free(registry);
        return NULL;
    }
    snprintf(registry->key, sizeof registry->key, WSHUB_INSTANCE_KEY "%s", hub->instance->id);
    wheel_init(&registry->wheel, loop_now(hub->loop));
    return registry;
}

void registry_free(struct registry *registry) {
    if (!registry) {
        return;
    }
    while (registry->first) {
        forget(registry, registry->first);
    }
    timer_free(registry->beat);
    buf_free(&registry->scratch);
    free(registry);
}
