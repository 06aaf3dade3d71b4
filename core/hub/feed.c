// SPDX-License-Identifier: MIT
// What other instances say of a channel's members: on "$wshub:presence:DIGEST" who comes and goes, and in the
// registry's group "ws:presence:DIGEST/" who is there. A view first hears and then lists, so nobody is
// missed; what was announced while the list was read is newer than the list. Who is not found in a later list
// has gone only if the registry was whole at that time: else its instance has not had the time to write it
// anew.
#include "hub/views_priv.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "auth/identity.h"
#include "config/config.h"
#include "hub/digest.h"
#include "hub/instances.h"
#include "hub/message.h"
#include "hub/registry.h"
#include "protocol/json.h"
#include "wshub/status.h"

enum {
    RETRY_MS = 1000,
    LISTS = 16, // under way at a time
};

static struct view *view_of(struct own_claim *claim) {
    return (struct view *)(void *)((char *)claim - offsetof(struct view, claim));
}

static bool has_peers(const struct view *view) {
    return view->views->hub->instances != NULL;
}

static bool is_held(const struct view *view) {
    return view->claim.state == OWN_CLAIM_HELD && view->claim.wanted;
}

static void look_again(struct view *view, uint64_t milliseconds) {
    wheel_arm(&view->views->wheel, &view->later, views_now(view->views) + milliseconds);
}

// ---- somebody is heard of ----

struct word { // what an entry or an announcement says; all borrowed
    uint8_t id[RANDOM_ID_BYTES];
    struct span instance;
    struct incarnation incarnation;
    struct person person;
    bool announced;
};

static void attach(struct member *member, struct peer *peer, uint32_t incarnation) {
    member->incarnation = incarnation;
    if (member->peer != peer) {
        view_detach(member);
        view_attach(member, peer);
    }
}

// What it said before under this name is over.
static struct member *renewed(struct view *view, struct member *member, const struct word *word,
                              struct peer *peer) {
    if (member && view_is_same(member, &word->person)) {
        return member;
    }
    if (member) {
        view_remove(member);
    }
    member = view_add(view, &word->person, peer);
    if (member) {
        member->announced = word->announced;
    }
    return member;
}

// The entry of the list is older than what was announced meanwhile, or than what this instance knows at first
// hand.
static bool is_stale(const struct view *view, const struct member *member, const struct word *word,
                     const struct peer *peer) {
    if (word->incarnation.number <= peer->dead) {
        return true;
    }
    return member && (!member->peer || (!word->announced && member->round == view->round) ||
                      (member->peer == peer && word->incarnation.number < member->incarnation));
}

// False: no memory.
static bool on_there(struct view *view, const struct word *word) {
    struct member *member = view_find(view, word->id);
    struct peer *peer = instances_meet(view->views->hub->instances, word->instance, &word->incarnation);
    if (!peer) {
        return false;
    }
    if (is_stale(view, member, word, peer)) {
        return true;
    }
    member = renewed(view, member, word, peer);
    if (!member) {
        return false;
    }
    attach(member, peer, word->incarnation.number);
    member->gone = false;
    member->round = view->round;
    return !peer_counts(peer, member->incarnation) || view_show(member, view->is_whole || member->announced);
}

// While the list is read, it may still have who has gone: that is remembered until it is over.
static bool on_gone(struct view *view, const struct word *word) {
    struct member *member = view_find(view, word->id);
    struct peer *peer = instances_meet(view->views->hub->instances, word->instance, &word->incarnation);
    if (!peer) {
        return false;
    }
    if (member && (!member->peer || member->peer != peer || word->incarnation.number < member->incarnation)) {
        return true;
    }
    if (!view->is_listing) {
        if (member) {
            view_remove(member);
        }
        return true;
    }
    if (!member && !(member = view_add(view, &word->person, peer))) {
        return false;
    }
    view_hide(member, true);
    member->gone = true;
    member->round = view->round;
    return true;
}

// ---- reading ----

static int digit(char c) {
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool read_id(const char *text, size_t length, uint8_t id[RANDOM_ID_BYTES]) {
    for (size_t i = 0; length == RANDOM_ID_LENGTH && i < RANDOM_ID_BYTES; i++) {
        int high = digit(text[2 * i]), low = digit(text[2 * i + 1]);
        if (high < 0 || low < 0) {
            return false;
        }
        id[i] = (uint8_t)(high * 16 + low);
    }
    return length == RANDOM_ID_LENGTH;
}

static struct span text_of(const struct json_member *member) {
    return member->type == JSON_STRING && member->text ? (struct span){member->text, member->text_length}
                                                       : (struct span){0};
}

enum { INSTANCE, INCARNATION, USER, INFO, COMMON }; // what both have

// False: it is no member of another instance.
static bool read_common(const struct view *view, const struct json_member *members, struct word *word) {
    const char *own = view->views->hub->instance->id;
    struct span user = text_of(&members[USER]);
    struct span info = {members[INFO].raw, members[INFO].raw_length};
    word->instance = text_of(&members[INSTANCE]);
    word->person =
        (struct person){word->id, user, members[INFO].type == JSON_ABSENT ? (struct span){0} : info};
    bool is_own = word->instance.length == strlen(own) && memcmp(word->instance.data, own, strlen(own)) == 0;
    return !is_own && word->instance.length > 0 && user.length <= IDENTITY_TEXT_MAX &&
           word->person.info.length <= IDENTITY_INFO_MAX &&
           incarnation_read(&word->incarnation, text_of(&members[INCARNATION]));
}

static void on_entry(void *context, void *argument, struct wshub_bytes key, struct wshub_bytes value) {
    enum { CHANNEL = COMMON, COUNT };
    static const char *const names[COUNT] = {"instance", "incarnation", "user", "info", "channel"};
    struct views *views = context;
    struct view *view = argument;
    struct json_member members[COUNT];
    struct word word = {.announced = false};
    const size_t prefix = sizeof FEED_KEY_PREFIX - 1 + DIGEST_LENGTH + 1;
    if (view->is_closing || key.length < prefix ||
        !read_id((const char *)key.data + prefix, key.length - prefix, word.id)) {
        return;
    }
    enum json_result result = json_read(views->json, value.data, value.length, names, COUNT, members);
    view->was_missed |= result == JSON_NO_MEMORY;
    struct span channel = text_of(&members[CHANNEL]);
    if (result == JSON_OK && channel.length == view->name.length &&
        memcmp(channel.data, view->name.data, channel.length) == 0 && read_common(view, members, &word)) {
        view->was_missed |= !on_there(view, &word);
    }
}

static bool read_announcement(struct view *view, struct span text) {
    enum { JOIN = COMMON, LEAVE, COUNT };
    static const char *const names[COUNT] = {"instance", "incarnation", "user", "info", "join", "leave"};
    struct json_member members[COUNT];
    struct word word = {.announced = true};
    enum json_result result = json_read(view->views->json, text.data, text.length, names, COUNT, members);
    if (result != JSON_OK) {
        return result != JSON_NO_MEMORY;
    }
    bool joins = members[JOIN].type == JSON_STRING;
    struct span id = text_of(&members[joins ? JOIN : LEAVE]);
    if (!read_id(id.data, id.length, word.id) || !read_common(view, members, &word)) {
        return true; // of this instance, or nobody's
    }
    return joins ? on_there(view, &word) : on_gone(view, &word);
}

// ---- the list ----

static void enqueue(struct view *view) {
    struct views *views = view->views;
    if (!view->is_queued) {
        view->is_queued = true;
        view->next_queued = NULL;
        *(views->last ? &views->last->next_queued : &views->queue) = view;
        views->last = view;
    }
}

static struct view *take_first(struct views *views) {
    struct view *view = views->queue;
    views->queue = view->next_queued;
    if (!views->queue) {
        views->last = NULL;
    }
    view->is_queued = false;
    return view;
}

void feed_list(struct view *view) {
    if (!has_peers(view)) {
        return;
    }
    view->is_current = false;
    view->must_list = true;
    if (!view->is_listing) {
        enqueue(view);
    }
}

static void set_doubtful(struct view *view, bool doubtful) {
    struct views *views = view->views;
    if (view->has_doubts == doubtful) {
        return;
    }
    view->has_doubts = doubtful;
    if (doubtful) {
        view->previous_doubtful = NULL;
        view->next_doubtful = views->doubtful;
        if (views->doubtful) {
            views->doubtful->previous_doubtful = view;
        }
        views->doubtful = view;
    } else {
        *(view->previous_doubtful ? &view->previous_doubtful->next_doubtful : &views->doubtful) =
            view->next_doubtful;
        if (view->next_doubtful) {
            view->next_doubtful->previous_doubtful = view->previous_doubtful;
        }
    }
}

// Removes those who have left while the list was read. True: others were not found in it.
static bool sweep(struct view *view, bool *awaits_peers) {
    struct member *member, *next;
    bool missing = false;
    HASH_ITER(hh, view->members, member, next) {
        if (!member->peer) {
            continue;
        }
        if (member->gone) {
            view_remove(member);
            continue;
        }
        missing |= member->round != view->round;
        *awaits_peers |= member->peer->state == PEER_UNSURE;
    }
    return missing;
}

static void become_whole(struct view *view) {
    view->awaits_peers = false;
    view->is_whole = true;
    view->is_current = !view->must_list;
    view_answer(view, WSHUB_OK);
}

// Once in a while all are listed again without a cause: not all brokers tell what they lose.
static void look_after(struct view *view) {
    uint64_t period = view->views->hub->instance->config->registry.connection_ttl;
    if (view->locals > 0) {
        look_again(view, period - random_u64() % (period / 4 + 1));
    }
}

static void free_if_closed(struct view *view) {
    struct views *views = view->views;
    if (!view->is_closing || view->is_queued || view->is_listing || !own_claim_is_idle(&view->claim)) {
        return;
    }
    *(view->previous_closing ? &view->previous_closing->next_closing : &views->closing) = view->next_closing;
    if (view->next_closing) {
        view->next_closing->previous_closing = view->previous_closing;
    }
    view_free(view);
}

static void take_list(struct view *view) {
    bool awaits_peers = false;
    bool missing = sweep(view, &awaits_peers);
    look_after(view);
    set_doubtful(view, missing);
    if (missing) {
        registry_beat_soon(view->views->hub->registry);
    }
    if (awaits_peers) {
        view->awaits_peers = true;
        instances_list_soon(view->views->hub->instances);
    } else {
        become_whole(view);
    }
}

static void on_listed(void *context, void *argument, int status) {
    struct views *views = context;
    struct view *view = argument;
    bool none;
    views->listing--;
    view->is_listing = false;
    view->ended = views_now(views);
    if (view->is_closing) {
        free_if_closed(view);
        return;
    }
    if (status == WSHUB_OK && view->was_missed) {
        status = WSHUB_NO_MEMORY;
    }
    bool again = view->must_list;
    if (again) {
        enqueue(view);
    }
    if (status == WSHUB_OK || status == WSHUB_NOT_FOUND) {
        take_list(view); // may close it
        return;
    }
    sweep(view, &none);
    look_again(view, RETRY_MS);
    view_answer(view, status); // may close it
}

static void begin_list(struct view *view) {
    struct views *views = view->views;
    char prefix[sizeof FEED_KEY_PREFIX + DIGEST_LENGTH + 1];
    int length =
        snprintf(prefix, sizeof prefix, FEED_KEY_PREFIX "%s/", view->claim.name + sizeof FEED_PREFIX - 1);
    view->must_list = view->was_missed = false;
    view->is_listing = true;
    view->round++;
    view->began = views_now(views);
    views->listing++;
    broker_registry_list(registry_slot(views->hub->registry)->broker,
                         (struct wshub_bytes){prefix, (size_t)length}, on_entry,
                         (struct broker_reply){on_listed, views, view});
}

// ---- the claim ----

static void on_message(struct own_claim *claim, struct message *message) {
    struct view *view = view_of(claim);
    if (message->kind == MESSAGE_GAP || !read_announcement(view, message_payload(message))) {
        feed_list(view);
    }
}

static void on_state(struct own_claim *claim) {
    struct view *view = view_of(claim);
    if (view->is_closing) {
        free_if_closed(view);
    } else if (is_held(view)) {
        feed_list(view);
    } else if (claim->state == OWN_CLAIM_NONE && claim->wanted) {
        look_again(view, OWN_CLAIM_RETRY_MS);
    }
}

bool feed_init(struct view *view) {
    char digest[DIGEST_LENGTH + 1];
    if (!has_peers(view)) {
        view->is_whole = view->is_current = true;
        return true;
    }
    if (!digest_of(view->name, (struct span){0}, digest)) {
        return false;
    }
    own_claim_init(&view->claim, view->views->hub, FEED_PREFIX, digest);
    view->claim.on_state = on_state;
    view->claim.on_message = on_message;
    return true;
}

void feed_follow(struct view *view) {
    if (has_peers(view)) {
        own_claim_want(&view->claim, view->locals > 0);
    }
}

void feed_close(struct view *view) {
    struct views *views = view->views;
    view->is_closing = true;
    set_doubtful(view, false);
    wheel_disarm(&view->later);
    view->next_closing = views->closing;
    if (views->closing) {
        views->closing->previous_closing = view;
    }
    views->closing = view;
    feed_follow(view);
    free_if_closed(view);
}

// ---- the instances ----

void views_on_link_up(struct views *views) {
    struct view *view, *next;
    HASH_ITER(hh, views->views, view, next) {
        feed_follow(view); // one that is held already is told of the gap by its claim
    }
}

static void judge(struct view *view) {
    const struct registry *registry = view->views->hub->registry;
    uint64_t patience = instances_patience(view->views->hub->instance->config);
    struct member *member, *next;
    if (!registry_was_whole(registry, view->began, view->ended, patience)) {
        if (registry_has_beaten_since(registry, view->ended)) {
            set_doubtful(view, false);
            look_again(view, patience);
        }
        return;
    }
    set_doubtful(view, false);
    HASH_ITER(hh, view->members, member, next) {
        if (member->peer && member->round != view->round) {
            view_remove(member);
        }
    }
}

void views_on_beat(struct views *views) {
    struct view *view, *next;
    bool waits = false;
    for (view = views->doubtful; view; view = next) {
        next = view->next_doubtful;
        if (!view->is_listing) {
            judge(view);
            waits |= view->has_doubts;
        }
    }
    if (waits) {
        registry_beat_soon(views->hub->registry);
    }
}

// Where they could not be, it is still to be seen who counts; but nobody waits for that.
void views_on_peers(struct views *views, int status) {
    struct view *view, *next;
    HASH_ITER(hh, views->views, view, next) {
        if (!view->awaits_peers || view->is_listing) {
            continue;
        }
        if (status == WSHUB_OK) {
            become_whole(view); // may close it
        } else {
            view_answer(view, status); // so may this
        }
    }
}

void views_on_dead(struct views *views, struct peer *peer) {
    (void)views;
    while (peer->members) {
        view_remove(peer->members);
    }
}

void views_on_alive(struct views *views, struct peer *peer, bool was_dead) {
    struct view *view, *next;
    for (struct member *member = peer->members; member; member = member->next) {
        if (!member->gone && peer_counts(peer, member->incarnation) &&
            !view_show(member, member->view->is_whole || member->announced)) {
            feed_list(member->view);
        }
    }
    HASH_ITER(hh, views->views, view, next) {
        if (was_dead) {
            feed_list(view);
        }
    }
}

// ---- each round ----

static void on_later(void *context, struct wheel_entry *later) {
    struct view *view = (struct view *)(void *)((char *)later - offsetof(struct view, later));
    (void)context;
    feed_follow(view);
    feed_list(view);
}

static int state_of(const struct views *views) {
    const struct registry *registry = views->hub->registry;
    return registry_is_usable(registry)                    ? WSHUB_OK
           : broker_is_up(registry_slot(registry)->broker) ? WSHUB_UNSUPPORTED
                                                           : WSHUB_UNAVAILABLE;
}

bool feed_is_cut_off(const struct view *view) {
    return has_peers(view) && state_of(view->views) == WSHUB_UNAVAILABLE;
}

void views_proceed(struct views *views) {
    wheel_sweep(&views->wheel, views_now(views), on_later, views);
    while (views->queue && views->listing < LISTS) {
        struct view *view = take_first(views);
        int state = state_of(views);
        if (view->is_closing) {
            free_if_closed(view);
        } else if (state == WSHUB_OK) {
            begin_list(view);
        } else {
            look_again(view, RETRY_MS);
            view_answer(view, state); // may close it
        }
    }
}

unsigned views_in_flight(const struct views *views) {
    return views->listing;
}
