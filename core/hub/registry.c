// SPDX-License-Identifier: MIT
#include "hub/registry.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "config/config.h"
#include "hub/entries.h"
#include "hub/hub_priv.h"
#include "hub/instances.h"
#include "hub/own_claim.h"
#include "hub/send.h"
#include "hub/views.h"
#include "loop/loop.h"
#include "loop/timer.h"
#include "net/address.h"
#include "plugin/status.h"
#include "util/buf.h"
#include "util/log.h"
#include "util/random.h"

enum {
    UNABLE_BEATS = 6, // heartbeats between two tries of a broker that cannot keep a registry after all
};

struct registry {
    struct hub *hub;
    struct hub_broker *slot;
    struct timer *beat;
    struct entries *entries;
    struct entry_kind connections; // its sort of entries
    struct own_claim hears;        // on the channel of this instance, while there are connections
    struct buf scratch;
    counter count;             // of connections
    uint64_t beats;            // heartbeats so far
    uint64_t beat_at, well_at; // loop_now: when the last one was sent, and the last that was taken; 0: never
    uint64_t whole_since;      // loop_now: the broker may have forgotten something before
    bool is_beating;           // a heartbeat is in flight
    bool renewed;              // all was queued when the link came up, and no heartbeat has ended since
    bool stood_still; // as long as others wait for a heartbeat; told, and no heartbeat has ended since
    bool ending, gone, failing;
    bool unable; // the broker claims the capability, and says that it cannot: only heartbeats try it now
    unsigned in_flight; // beside those of the entries
    counter kept;
    uint64_t process; // random
    uint32_t incarnation;
    char key[sizeof WSHUB_INSTANCE_KEY + INSTANCE_ID_MAX];
};

struct registration *registration_of_leave(struct mail *leave) {
    return (struct registration *)(void *)((char *)leave - offsetof(struct registration, leave));
}

static struct registration *registration_of(const struct entry *entry) {
    return (struct registration *)(void *)((char *)entry - offsetof(struct registration, entry));
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

static void write_connection(void *context, const struct entry *entry, struct buf *out) {
    const struct registry *registry = context;
    const struct registration *registration = registration_of(entry);
    buf_printf(out, "{\"instance\":\"%s\",\"address\":", registry->hub->instance->id);
    put_address(out, &registration->address);
    put_user(out, registration);
    buf_puts(out, ",\"since\":");
    put_time(out, registration->since);
    buf_puts(out, "}");
}

static void write_key(void *context, const struct entry *entry, char text[ENTRY_KEY_MAX + 1]) {
    char id[RANDOM_ID_LENGTH + 1];
    (void)context;
    random_id_format(registration_of(entry)->id, id);
    snprintf(text, ENTRY_KEY_MAX + 1, REGISTRY_CONNECTION_KEY "%s", id);
}

static void forget_connection(void *context, struct entry *entry) {
    struct registry *registry = context;
    counter_add(&registry->count, -1);
    free(registration_of(entry));
}

static struct wshub_bytes write_instance(struct registry *registry) {
    struct buf *out = &registry->scratch;
    const struct instance *instance = registry->hub->instance;
    char incarnation[INCARNATION_SIZE];
    registry_incarnation(registry, incarnation);
    buf_clear(out);
    buf_printf(out, "{\"connections\":%llu,\"channels\":%llu,\"started\":",
               (unsigned long long)atomic_load(&instance->connections),
               (unsigned long long)counter_get(&registry->hub->stats.channels));
    put_time(out, instance->started);
    buf_printf(out, ",\"version\":\"%s\",\"incarnation\":\"%s\",\"beat\":%llu}", WSHUB_VERSION, incarnation,
               (unsigned long long)++registry->beats);
    return (struct wshub_bytes){out->data, out->failed ? 0 : out->length};
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
    entries_set_able(registry->entries, false);
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

static void on_written(void *context, int status) {
    tell_failure(context, status);
}

// ---- heartbeat ----

static void delete_own(struct registry *registry);

// A heartbeat has succeeded.
static void become_able(struct registry *registry) {
    registry->unable = false;
    entries_set_able(registry->entries, true);
    log_info(registry->hub->instance->log, "this broker can keep a registry now",
             log_text("broker", broker_name(registry->slot->broker)));
    entries_renew_all(registry->entries);
    uint64_t period = config_of(registry)->registry.heartbeat;
    timer_start(registry->beat, period, period);
}

// Others may believe that this instance is dead: what it has said so far does not count for them any more.
static void begin_incarnation(struct registry *registry) {
    registry->incarnation++;
    entries_announce_all(registry->entries);
}

// Heartbeats did not go on for as long as others wait for one, at the worst.
static void notice_gap(struct registry *registry) {
    uint64_t patience = instances_patience(config_of(registry)) - config_of(registry)->registry.heartbeat / 2;
    if (registry->hub->instances && registry->well_at > 0 && !registry->stood_still &&
        now(registry) - registry->well_at > patience && is_usable(registry)) {
        registry->stood_still = true;
        begin_incarnation(registry);
    }
}

static void take_beat(struct registry *registry, bool lost) {
    if (registry->unable) {
        become_able(registry);
    }
    if (lost || registry->well_at == 0) {
        registry->whole_since = now(registry);
    }
    if (lost &&
        registry->well_at > 0) { // the broker has lost its memory, or this instance was away for too long
        begin_incarnation(registry);
        if (registry->hub->instances) {
            instances_on_loss(registry->hub->instances);
        }
    }
    if (lost && !registry->renewed) {
        entries_renew_all(registry->entries);
    }
    registry->well_at = registry->beat_at;
    registry->stood_still = false;
    views_on_beat(registry->hub->views);
}

static void on_beat(void *context, void *argument, int status) {
    struct registry *registry = context;
    (void)argument;
    registry->in_flight--;
    registry->is_beating = false;
    if (registry->ending) {
        if (!registry->gone) {
            delete_own(registry); // not before: it would come back
        }
        return;
    }
    bool well = status == WSHUB_OK || status == WSHUB_NOT_FOUND;
    tell_failure(registry, well ? WSHUB_OK : status);
    counter_set(&registry->kept, well);
    if (well) {
        take_beat(registry, status == WSHUB_NOT_FOUND);
    }
    registry->renewed = false;
}

static void beat(void *context) {
    struct registry *registry = context;
    if (registry->is_beating || registry->ending || !is_up(registry)) {
        return;
    }
    notice_gap(registry); // before it says which incarnation it is
    struct wshub_bytes value = write_instance(registry);
    if (value.length == 0) {
        return; // no memory: the next one may have
    }
    registry->is_beating = true;
    registry->in_flight++;
    registry->beat_at = now(registry);
    broker_heartbeat(registry->slot->broker, (struct wshub_bytes){registry->key, strlen(registry->key)},
                     value, config_of(registry)->registry.instance_ttl,
                     (struct broker_reply){on_beat, registry, NULL});
}

static void start_beating(struct registry *registry) {
    uint64_t period = config_of(registry)->registry.heartbeat;
    timer_start(registry->beat, 0, registry->unable ? UNABLE_BEATS * period : period);
}

void registry_beat_soon(struct registry *registry) {
    uint64_t period = config_of(registry)->registry.heartbeat;
    if (!registry->ending && !registry->unable) {
        timer_start(registry->beat, 0, period);
    }
}

bool registry_has_beaten_since(const struct registry *registry, uint64_t moment) {
    return registry->well_at > 0 && registry->well_at >= moment;
}

bool registry_was_whole(const struct registry *registry, uint64_t from, uint64_t until, uint64_t grace) {
    return registry_has_beaten_since(registry, until) && registry->whole_since + grace <= from;
}

void registry_incarnation(const struct registry *registry, char text[INCARNATION_SIZE]) {
    snprintf(text, INCARNATION_SIZE, "%016llx.%lu", (unsigned long long)registry->process,
             (unsigned long)registry->incarnation);
}

// ---- events ----

void registry_enter(struct registry *registry, struct registration *registration) {
    counter_add(&registry->count, 1);
    own_claim_want(&registry->hears, !registry->ending);
    entries_enter(registry->entries, &registration->entry, &registry->connections);
}

void registry_leave(struct registry *registry, struct registration *registration) {
    entries_leave(registry->entries, &registration->entry);
}

void registry_on_link(struct registry *registry, const struct hub_broker *slot, enum wshub_link_state state) {
    if (slot == registry->slot && state == WSHUB_LINK_DOWN) {
        counter_set(&registry->kept, 0);
    } else if (slot == registry->slot && !registry->ending) {
        registry->renewed = true;
        registry->whole_since = now(registry);
        entries_renew_all(registry->entries);
        start_beating(registry);
    }
}

void registry_tick(struct registry *registry) {
    own_claim_want(&registry->hears, !registry->ending && counter_get(&registry->count) > 0);
}

void registry_proceed(struct registry *registry) {
    notice_gap(registry);
    entries_proceed(registry->entries);
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
    own_claim_want(&registry->hears, false);
    if (registry->unable) {
        registry->gone = true;
    } else if (!registry->is_beating) {
        delete_own(registry);
    }
}

bool registry_is_done(const struct registry *registry) {
    return registry->gone && (!entries_any(registry->entries) || !is_usable(registry));
}

unsigned registry_in_flight(const struct registry *registry) {
    return registry->in_flight + entries_in_flight(registry->entries);
}

struct entries *registry_queue(struct registry *registry) {
    return registry->entries;
}

struct hub_broker *registry_slot(const struct registry *registry) {
    return registry->slot;
}

bool registry_is_usable(const struct registry *registry) {
    return is_usable(registry);
}

uint64_t registry_entries(const struct registry *registry) {
    return counter_get(&registry->count);
}

bool registry_is_kept(const struct registry *registry) {
    return counter_get(&registry->kept) != 0;
}

// ---- life ----

static void on_heard(struct own_claim *claim, struct message *message) {
    send_hear(claim->hub, message);
}

struct registry *registry_new(struct hub *hub, struct hub_broker *slot) {
    struct registry *registry = calloc(1, sizeof *registry);
    if (!registry) {
        return NULL;
    }
    registry->hub = hub;
    registry->slot = slot;
    registry->process = random_u64();
    registry->incarnation = 1;
    registry->connections =
        (struct entry_kind){registry, write_key, write_connection, NULL, forget_connection};
    snprintf(registry->key, sizeof registry->key, WSHUB_INSTANCE_KEY "%s", hub->instance->id);
    own_claim_init(&registry->hears, hub, SEND_INSTANCE_PREFIX, hub->instance->id);
    registry->hears.on_message = on_heard;
    registry->beat = timer_new(hub->loop, beat, registry);
    registry->entries = entries_new(hub, slot->broker, on_written, registry);
    if (!registry->beat || !registry->entries) {
        registry_free(registry);
        return NULL;
    }
    return registry;
}

void registry_free(struct registry *registry) {
    if (registry) {
        entries_free(registry->entries);
        if (registry->beat) {
            timer_free(registry->beat);
        }
        buf_free(&registry->scratch);
        free(registry);
    }
}
