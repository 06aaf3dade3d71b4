// SPDX-License-Identifier: MIT
// A connection that leaves a channel and comes back has the same key in the registry: so there is one record
// for both, and what the broker has follows what was last wanted.
#include "hub/members.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hub/asks.h"
#include "hub/digest.h"
#include "hub/entries.h"
#include "hub/hub_priv.h"
#include "hub/registry.h"
#include "hub/views.h"
#include "hub/views_priv.h"
#include "loop/loop.h"
#include "util/buf.h"
#include "util/log.h"
#include "util/map.h"
#include "util/random.h"
#include "util/throttle.h"

enum { PLACE_LENGTH = DIGEST_LENGTH + 1 + RANDOM_ID_LENGTH };

struct place {          // of a connection in a channel, in the registry
    struct entry entry; // first
    struct members *members;
    const struct membership *membership; // NULL: it has left
    UT_hash_handle hh;                   // by name
    char name[PLACE_LENGTH + 1];         // DIGEST/CONNECTION
};

struct members {
    struct hub *hub;
    struct place *places;
    struct membership *unplaced; // there was no memory for them; linked by enter.next
    struct entry_kind kind;
    struct buf scratch;
    struct throttle too_long;
};

static struct place *place_of(const struct entry *entry) {
    return (struct place *)(void *)entry; // entry is the first member
}

static struct span channel_of(const struct membership *membership) {
    return (struct span){membership->bytes, membership->channel_length};
}

static struct span user_of(const struct membership *membership) {
    return (struct span){membership->bytes + membership->channel_length, membership->user_length};
}

static struct span info_of(const struct membership *membership) {
    return (struct span){membership->bytes + membership->channel_length + membership->user_length,
                         membership->shown_info_length};
}

// ---- what the registry and the others are told ----

static void put_instance(struct buf *out, const struct members *members) {
    char incarnation[INCARNATION_SIZE];
    registry_incarnation(members->hub->registry, incarnation);
    buf_printf(out, "\"instance\":\"%s\",\"incarnation\":\"%s\"", members->hub->instance->id, incarnation);
}

static void put_person(struct buf *out, const struct membership *membership) {
    struct span user = user_of(membership), info = info_of(membership);
    if (user.length > 0) {
        buf_puts(out, ",\"user\":");
        buf_json_string(out, user.data, user.length);
    }
    if (info.length > 0) {
        buf_puts(out, ",\"info\":");
        buf_append(out, info.data, info.length);
    }
}

static void put_entry(struct buf *out, const struct members *members, const struct membership *membership) {
    struct span channel = channel_of(membership);
    buf_puts(out, "{");
    put_instance(out, members);
    buf_puts(out, ",\"channel\":");
    buf_json_string(out, channel.data, channel.length);
    put_person(out, membership);
    buf_puts(out, "}");
}

static void write_key(void *context, const struct entry *entry, char text[ENTRY_KEY_MAX + 1]) {
    (void)context;
    snprintf(text, ENTRY_KEY_MAX + 1, FEED_KEY_PREFIX "%s", place_of(entry)->name);
}

static void write_value(void *context, const struct entry *entry, struct buf *out) {
    put_entry(out, context, place_of(entry)->membership);
}

static void announce(void *context, struct entry *entry, bool there, struct broker_reply reply) {
    struct members *members = context;
    const struct place *place = place_of(entry);
    struct buf *out = &members->scratch;
    char channel[sizeof FEED_PREFIX + DIGEST_LENGTH];
    int length = snprintf(channel, sizeof channel, FEED_PREFIX "%.*s", DIGEST_LENGTH, place->name);
    buf_clear(out);
    buf_puts(out, "{");
    put_instance(out, members);
    buf_printf(out, ",\"%s\":\"%s\"", there ? "join" : "leave", place->name + DIGEST_LENGTH + 1);
    if (there) {
        put_person(out, place->membership);
    }
    buf_puts(out, "}");
    if (out->failed) {
        reply.done(reply.context, reply.argument, WSHUB_NO_MEMORY);
        return;
    }
    const struct wshub_message message = {
        .struct_size = sizeof message,
        .channel = {channel, (size_t)length},
        .payload = {out->data, out->length},
    };
    broker_publish(registry_slot(members->hub->registry)->broker, &message, NULL, reply);
}

static void forget(void *context, struct entry *entry) {
    struct members *members = context;
    struct place *place = place_of(entry);
    HASH_DEL(members->places, place);
    free(place);
}

// ---- places ----

static bool name_of(const struct membership *membership, char name[PLACE_LENGTH + 1]) {
    name[DIGEST_LENGTH] = '/';
    random_id_format(membership->id, name + DIGEST_LENGTH + 1);
    bool named = digest_of(channel_of(membership), (struct span){0}, name);
    name[DIGEST_LENGTH] = '/';
    return named;
}

static struct place *find_or_make(struct members *members, const struct membership *membership) {
    char name[PLACE_LENGTH + 1];
    struct place *place = NULL;
    if (!name_of(membership, name)) {
        return NULL;
    }
    uint32_t hash = map_hash(name, PLACE_LENGTH, members->hub->instance->hash_seed);
    HASH_FIND_BYHASHVALUE(hh, members->places, name, PLACE_LENGTH, hash, place);
    if (place || !(place = calloc(1, sizeof *place))) {
        return place;
    }
    memcpy(place->name, name, sizeof name);
    MAP_ADD(members->places, place->name, PLACE_LENGTH, hash, place);
    if (!place->hh.tbl) {
        free(place);
        return NULL;
    }
    return place;
}

// A registry takes values up to a limit; then the info is left out, here as elsewhere, so that all see the
// same. The worker still has the membership as it made it, to compare it with the next identity.
static void shorten(struct members *members, struct membership *membership) {
    struct buf *out = &members->scratch;
    membership->shown_info_length = membership->info_length;
    if (membership->info_length == 0 || !members->hub->registry) {
        return;
    }
    buf_clear(out);
    put_entry(out, members, membership);
    if (out->length + INCARNATION_SIZE > ENTRY_VALUE_MAX) { // the incarnation may grow longer
        membership->shown_info_length = 0;
        if (throttle_pass(&members->too_long, loop_now(members->hub->loop))) {
            log_warn(members->hub->instance->log,
                     "a member is shown without its info, which is too long for the registry",
                     log_number("bytes", out->length), log_number("at_most", ENTRY_VALUE_MAX));
        }
    }
}

// ---- coming and going ----

// False: no memory; nothing has changed.
static bool settle(struct members *members, struct membership *membership) {
    const struct person person = {membership->id, user_of(membership), info_of(membership)};
    struct registry *registry = members->hub->instances ? members->hub->registry : NULL;
    struct place *made = registry ? find_or_make(members, membership) : NULL;
    if (registry && !made) {
        return false;
    }
    if (made) {
        made->membership = membership;
        membership->entry = made;
        entries_enter(registry_queue(registry), &made->entry, &members->kind);
    }
    if (views_enter(members->hub->views, channel_of(membership), &person, membership)) {
        return true;
    }
    return false;
}

void members_enter(struct members *members, struct membership *membership) {
    membership->entry = NULL;
    counter_add(&members->hub->stats.members, 1);
    shorten(members, membership);
    if (!settle(members, membership)) {
        membership->enter.next = members->unplaced ? &members->unplaced->enter : NULL;
        members->unplaced = membership;
    }
}

static struct membership *next_of(const struct membership *membership) {
    return (struct membership *)(void *)membership->enter.next; // enter is the first member
}

static void drop_unplaced(struct members *members, const struct membership *membership) {
    struct membership *before = NULL;
    for (struct membership *at = members->unplaced; at; before = at, at = next_of(at)) {
        if (at == membership && before) {
            before->enter.next = at->enter.next;
        } else if (at == membership) {
            members->unplaced = next_of(at);
        }
    }
}

void members_leave(struct members *members, struct membership *membership) {
    struct place *place = membership->entry;
    counter_add(&members->hub->stats.members, -1);
    drop_unplaced(members, membership);
    views_leave(members->hub->views, channel_of(membership), membership->id, membership);
    if (place && place->membership == membership) {
        place->membership = NULL;
        entries_leave(registry_queue(members->hub->registry), &place->entry);
    }
    free(membership);
}

void members_tick(struct members *members) {
    struct membership *membership = members->unplaced;
    members->unplaced = NULL;
    while (membership) {
        struct membership *next = next_of(membership);
        if (!settle(members, membership)) {
            membership->enter.next = members->unplaced ? &members->unplaced->enter : NULL;
            members->unplaced = membership;
        }
        membership = next;
    }
}

// ---- life ----

struct members *members_new(struct hub *hub) {
    struct members *members = calloc(1, sizeof *members);
    if (members) {
        members->hub = hub;
        members->kind = (struct entry_kind){members, write_key, write_value, announce, forget};
    }
    return members;
}

void members_free(struct members *members) {
    if (members) {
        buf_free(&members->scratch);
        free(members);
    }
}
