// SPDX-License-Identifier: MIT
#include "hub/instances.h"

#include <stdlib.h>
#include <string.h>

#include "config/config.h"
#include "hub/hub_priv.h"
#include "hub/reaper.h"
#include "hub/registry.h"
#include "hub/views.h"
#include "loop/loop.h"
#include "loop/timer.h"
#include "protocol/json.h"
#include "util/log.h"
#include "wshub/status.h"

enum {
    LISTS_PER_BEAT = 3, // the more, the sooner a standstill is seen
    MEMORY_TTLS = 10,   // for so many instance_ttl the dead are remembered, to ignore what they may still say
};

struct instances {
    struct hub *hub;
    struct timer *timer;
    struct peer *peers;
    struct json_reader *json;
    struct reaper *reaper;
    uint64_t round;     // counts the listings
    uint64_t listed_at; // loop_now: the last that succeeded
    bool is_fresh;      // since the broker may have lost its memory, nobody was judged
    bool is_listing, must_list, ending;
    bool is_incomplete; // there was no memory for all that was listed
};

static uint64_t now(const struct instances *instances) {
    return loop_now(instances->hub->loop);
}

static const struct config *config_of(const struct instances *instances) {
    return instances->hub->instance->config;
}

uint64_t instances_patience(const struct config *config) {
    uint64_t beat = config->registry.heartbeat, ttl = config->registry.instance_ttl;
    return ttl >= 3 * beat ? ttl - beat : 2 * beat;
}

bool incarnation_read(struct incarnation *incarnation, struct span text) {
    uint64_t number = 0;
    if (text.length < PROCESS_LENGTH + 2 || text.length > PROCESS_LENGTH + 11 ||
        text.data[PROCESS_LENGTH] != '.') {
        return false;
    }
    for (size_t i = PROCESS_LENGTH + 1; i < text.length; i++) {
        if (text.data[i] < '0' || text.data[i] > '9') {
            return false;
        }
        number = number * 10 + (uint64_t)(text.data[i] - '0');
    }
    incarnation->process = (struct span){text.data, PROCESS_LENGTH};
    incarnation->number = (uint32_t)number;
    return number > 0 && number <= UINT32_MAX;
}

// ---- peers ----

enum { KEY_MAX = INSTANCE_ID_MAX + PROCESS_LENGTH };

static struct peer *find(const struct instances *instances, struct span id, struct span process,
                         char key[KEY_MAX], size_t *length) {
    struct peer *peer = NULL;
    memcpy(key, id.data, id.length);
    memcpy(key + id.length, process.data, PROCESS_LENGTH);
    *length = id.length + PROCESS_LENGTH;
    HASH_FIND_BYHASHVALUE(hh, instances->peers, key, *length,
                          map_hash(key, *length, instances->hub->instance->hash_seed), peer);
    return peer;
}

static struct peer *find_or_make(struct instances *instances, struct span id, struct span process) {
    char key[KEY_MAX];
    size_t length;
    struct peer *peer = find(instances, id, process, key, &length);
    if (peer || !(peer = calloc(1, sizeof *peer + length))) {
        return peer;
    }
    memcpy(peer->bytes, key, length);
    peer->id_length = id.length;
    peer->seen = now(instances);
    MAP_ADD(instances->peers, peer->bytes, length, map_hash(key, length, instances->hub->instance->hash_seed),
            peer);
    if (!peer->hh.tbl) {
        free(peer);
        return NULL;
    }
    return peer;
}

struct span peer_id(const struct peer *peer) {
    return (struct span){peer->bytes, peer->id_length};
}

static struct span peer_process(const struct peer *peer) {
    return (struct span){peer->bytes + peer->id_length, PROCESS_LENGTH};
}

bool peer_counts(const struct peer *peer, uint32_t incarnation) {
    return peer->state == PEER_ALIVE && incarnation > peer->dead;
}

static bool is_same(struct span a, struct span b) {
    return a.length == b.length && memcmp(a.data, b.data, a.length) == 0;
}

// The dead that come back are looked for before they count.
struct peer *instances_meet(struct instances *instances, struct span id,
                            const struct incarnation *incarnation) {
    if (id.length == 0 || id.length > INSTANCE_ID_MAX) {
        return NULL;
    }
    struct peer *peer = find_or_make(instances, id, incarnation->process);
    if (!peer) {
        return NULL;
    }
    if (peer->state == PEER_DEAD && incarnation->number > peer->dead) {
        peer->state = PEER_UNSURE;
        peer->seen = now(instances);
    }
    if (incarnation->number > peer->incarnation) {
        peer->incarnation = incarnation->number;
    }
    if (peer->state == PEER_UNSURE) {
        instances_list_soon(instances);
    }
    return peer;
}

bool instances_is_dead(const struct instances *instances, struct span id) {
    struct peer *peer, *next;
    bool is_known = false;
    HASH_ITER(hh, instances->peers, peer, next) {
        if (is_same(peer_id(peer), id)) {
            is_known = true;
            if (peer->state != PEER_DEAD) {
                return false;
            }
        }
    }
    return is_known;
}

static void count(struct instances *instances) {
    struct peer *peer, *next;
    uint64_t alive = 1;
    HASH_ITER(hh, instances->peers, peer, next) {
        alive += peer->state == PEER_ALIVE;
    }
    counter_set(&instances->hub->stats.instances, alive);
}

// ---- death ----

// The same everywhere, and another one for each that dies.
static uint64_t rank(struct span id, const struct peer *dead) {
    char text[2 * KEY_MAX];
    memcpy(text, id.data, id.length);
    memcpy(text + id.length, dead->bytes, dead->id_length + PROCESS_LENGTH);
    return XXH3_64bits(text, id.length + dead->id_length + PROCESS_LENGTH);
}

// One of those that live clears away what the dead one has left in the registry.
static bool is_ours_to_reap(const struct instances *instances, const struct peer *dead) {
    const char *id = instances->hub->instance->id;
    uint64_t own = rank((struct span){id, strlen(id)}, dead);
    struct peer *peer, *next;
    HASH_ITER(hh, instances->peers, peer, next) {
        if (peer->state == PEER_ALIVE && rank(peer_id(peer), dead) < own) {
            return false;
        }
    }
    return true;
}

// Who has taken leave has deleted its entry, and its members' before. Else it is there, or has expired.
static bool has_crashed(const struct instances *instances, const struct peer *peer) {
    const struct config *config = config_of(instances);
    return peer->round == instances->round || peer->members ||
           peer->missed >= peer->seen + config->registry.instance_ttl - config->registry.heartbeat;
}

static void die(struct instances *instances, struct peer *peer, bool crashed) {
    bool was_alive = peer->state == PEER_ALIVE;
    struct span id = peer_id(peer);
    peer->state = PEER_DEAD;
    peer->dead = peer->incarnation;
    if (was_alive && crashed) {
        log_warn(instances->hub->instance->log, "an instance is dead: its heartbeat stands still",
                 log_bytes("which", id.data, id.length));
    }
    views_on_dead(instances->hub->views, peer);
    if (was_alive && crashed && is_ours_to_reap(instances, peer)) {
        reaper_add(instances->reaper, id, peer_process(peer), peer->dead);
    }
}

// Its instance was started anew, and stands in the registry with another process.
static bool is_replaced(const struct instances *instances, const struct peer *peer) {
    struct peer *other, *next;
    HASH_ITER(hh, instances->peers, other, next) {
        if (other != peer && other->round == instances->round && is_same(peer_id(other), peer_id(peer))) {
            return true;
        }
    }
    return false;
}

enum leniency { NO_LENIENCY, NEXT_BEAT, ALL_PATIENCE };

// Those that could not be seen, or could not say anything, get the time for it.
static void spare(struct instances *instances, struct peer *peer, enum leniency leniency) {
    uint64_t patience = instances_patience(config_of(instances));
    uint64_t time = leniency == ALL_PATIENCE ? patience : config_of(instances)->registry.heartbeat * 3 / 2;
    uint64_t until = now(instances) + time; // not dead before
    if (leniency != NO_LENIENCY && until > peer->seen + patience) {
        peer->seen = until - patience;
    }
}

static void judge(struct instances *instances, struct peer *peer, enum leniency leniency) {
    const struct config *config = config_of(instances);
    bool is_listed = peer->round == instances->round;
    uint64_t silent = now(instances) - peer->seen;
    if (peer->state == PEER_DEAD) {
        if (!peer->members && silent > MEMORY_TTLS * config->registry.instance_ttl) {
            HASH_DEL(instances->peers, peer);
            free(peer);
        }
        return;
    }
    if (is_listed) {
        peer->missed = 0;
    } else if (peer->missed == 0) {
        peer->missed = now(instances);
    }
    spare(instances, peer, leniency);
    if (!is_listed && is_replaced(instances, peer)) {
        die(instances, peer, false);
    } else if (now(instances) - peer->seen >= instances_patience(config)) {
        die(instances, peer, has_crashed(instances, peer));
    }
}

// ---- what the registry says ----

static void take(struct instances *instances, struct span id, const struct incarnation *incarnation,
                 uint64_t beat) {
    struct peer *peer = find_or_make(instances, id, incarnation->process);
    if (!peer) {
        instances->is_incomplete = true;
        return;
    }
    bool is_new = peer->round == 0;
    bool moves = is_new || peer->beat != beat || incarnation->number > peer->incarnation;
    peer->round = instances->round;
    peer->beat = beat;
    if (incarnation->number > peer->incarnation) {
        peer->incarnation = incarnation->number;
    }
    if (!moves) {
        return;
    }
    peer->seen = now(instances);
    bool was_dead = peer->state == PEER_DEAD;
    if (was_dead && incarnation->number <= peer->dead) {
        peer->dead = incarnation->number - 1; // a mistake: it has not noticed that it was taken for dead
    }
    if (peer->state != PEER_ALIVE && incarnation->number > peer->dead) {
        peer->state = PEER_ALIVE;
        views_on_alive(instances->hub->views, peer, was_dead);
    }
}

static bool read_number(const struct json_member *member, uint64_t *number) {
    *number = 0;
    if (member->type != JSON_NUMBER || member->raw_length > 19) {
        return false;
    }
    for (size_t i = 0; i < member->raw_length; i++) {
        if (member->raw[i] < '0' || member->raw[i] > '9') {
            return false;
        }
        *number = *number * 10 + (uint64_t)(member->raw[i] - '0');
    }
    return true;
}

// An instance of an older version says nothing of incarnations, and has no members.
static void on_entry(void *context, void *argument, struct wshub_bytes key, struct wshub_bytes value) {
    static const char *const names[] = {"incarnation", "beat"};
    struct instances *instances = context;
    struct json_member members[2];
    struct incarnation incarnation;
    const size_t prefix = sizeof WSHUB_INSTANCE_KEY - 1;
    uint64_t beat;
    (void)argument;
    struct span id = {(const char *)key.data + prefix, key.length - prefix};
    const char *own = instances->hub->instance->id;
    if (key.length <= prefix || id.length > INSTANCE_ID_MAX || is_same(id, (struct span){own, strlen(own)})) {
        return;
    }
    enum json_result result = json_read(instances->json, value.data, value.length, names, 2, members);
    instances->is_incomplete |= result == JSON_NO_MEMORY;
    if (result == JSON_OK && members[0].type == JSON_STRING && members[0].text &&
        incarnation_read(&incarnation, (struct span){members[0].text, members[0].text_length}) &&
        read_number(&members[1], &beat)) {
        take(instances, id, &incarnation, beat);
    }
}

// Where this instance or the broker has stood still, heartbeats may come right behind this list.
static enum leniency leniency_of(const struct instances *instances) {
    uint64_t patience = instances_patience(config_of(instances));
    bool stood_still = now(instances) - instances->listed_at > patience / 2;
    if (instances->is_fresh) {
        return ALL_PATIENCE;
    }
    return stood_still || instances->is_incomplete ? NEXT_BEAT : NO_LENIENCY;
}

static void on_listed(void *context, void *argument, int status) {
    struct instances *instances = context;
    struct peer *peer, *next;
    (void)argument;
    instances->is_listing = false;
    if ((status == WSHUB_OK || status == WSHUB_NOT_FOUND) && !instances->ending) {
        enum leniency leniency = leniency_of(instances);
        instances->is_fresh = false;
        instances->listed_at = now(instances);
        HASH_ITER(hh, instances->peers, peer, next) {
            judge(instances, peer, leniency);
        }
        count(instances);
    }
    views_on_peers(instances->hub->views, status == WSHUB_NOT_FOUND ? WSHUB_OK : status);
    if (instances->must_list || instances->is_incomplete) {
        instances_list_soon(instances);
    }
}

static void list(void *context) {
    struct instances *instances = context;
    struct registry *registry = instances->hub->registry;
    if (instances->is_listing) {
        instances->must_list = true;
        return;
    }
    if (instances->ending || !registry_is_usable(registry)) { // the next link, or the next time
        views_on_peers(instances->hub->views, WSHUB_UNAVAILABLE);
        return;
    }
    instances->must_list = instances->is_incomplete = false;
    instances->is_listing = true;
    instances->round++;
    broker_registry_list(registry_slot(registry)->broker,
                         (struct wshub_bytes){WSHUB_INSTANCE_KEY, sizeof WSHUB_INSTANCE_KEY - 1}, on_entry,
                         (struct broker_reply){on_listed, instances, NULL});
}

static void list_from(struct instances *instances, uint64_t delay) {
    uint64_t period = config_of(instances)->registry.heartbeat / LISTS_PER_BEAT;
    if (!instances->ending) {
        timer_start(instances->timer, delay, period);
    }
}

void instances_list_soon(struct instances *instances) {
    if (instances->is_listing) {
        instances->must_list = true;
    } else {
        list_from(instances, 0);
    }
}

void instances_proceed(struct instances *instances) {
    reaper_proceed(instances->reaper);
}

void instances_on_loss(struct instances *instances) {
    instances->is_fresh = true;
}

void instances_on_link_up(struct instances *instances) {
    instances_on_loss(instances);
    list_from(instances, 0);
}

void instances_end(struct instances *instances) {
    instances->ending = true;
    timer_stop(instances->timer);
    reaper_end(instances->reaper);
}

unsigned instances_in_flight(const struct instances *instances) {
    return instances->is_listing + reaper_in_flight(instances->reaper);
}

// ---- life ----

struct instances *instances_new(struct hub *hub) {
    struct instances *instances = calloc(1, sizeof *instances);
    if (!instances) {
        return NULL;
    }
    instances->hub = hub;
    instances->timer = timer_new(hub->loop, list, instances);
    instances->json = json_reader_new();
    instances->reaper = reaper_new(hub);
    counter_set(&hub->stats.instances, 1);
    if (!instances->timer || !instances->json || !instances->reaper) {
        instances_free(instances);
        return NULL;
    }
    return instances;
}

void instances_free(struct instances *instances) {
    struct peer *peer, *next;
    if (!instances) {
        return;
    }
    HASH_ITER(hh, instances->peers, peer, next) {
        HASH_DEL(instances->peers, peer);
        free(peer);
    }
    if (instances->timer) {
        timer_free(instances->timer);
    }
    if (instances->json) {
        json_reader_free(instances->json);
    }
    reaper_free(instances->reaper);
    free(instances);
}
