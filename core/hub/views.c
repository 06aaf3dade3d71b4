// SPDX-License-Identifier: MIT
#include "hub/views_priv.h"

#include <stdlib.h>
#include <string.h>

#include "config/config.h"
#include "hub/asks.h"
#include "hub/instances.h"
#include "hub/message.h"
#include "hub/rules.h"
#include "protocol/json.h"
#include "util/log.h"
#include "wshub/status.h"

// ---- what those here are told ----

static void put_member(struct buf *out, const struct member *member) {
    bool as_user = member->view->per_user && member->user_length > 0;
    char id[RANDOM_ID_LENGTH + 1];
    if (!as_user) {
        random_id_format(member->id, id);
        buf_printf(out, "{\"connection\":\"%s\"", id);
    }
    if (member->user_length > 0) {
        buf_puts(out, as_user ? "{\"user\":" : ",\"user\":");
        buf_json_string(out, member->bytes, member->user_length);
    }
    if (member->info_length > 0) {
        buf_puts(out, ",\"info\":");
        buf_append(out, member->bytes + member->user_length, member->info_length);
    }
    buf_puts(out, "}");
}

static struct message *message_about(const struct member *member, enum message_kind kind) {
    const struct view *view = member->view;
    struct hub *hub = view->views->hub;
    struct buf *text = &view->views->scratch;
    char id[RANDOM_ID_LENGTH + 1];
    random_id_format(member->id, id);
    buf_clear(text);
    put_member(text, member);
    const struct wshub_message about = {
        .struct_size = sizeof about,
        .channel = {view->name.data, view->name.length},
        .payload = {text->data, text->length},
        .sender = {id, RANDOM_ID_LENGTH},
    };
    struct message *message = text->failed ? NULL : message_new(&about, hub->instance->worker_count);
    if (message) {
        message->kind = (uint8_t)kind;
        message->is_json = true;
    }
    return message;
}

// What there was no memory to tell is told as a gap, as soon as there is memory for that.
static void tell(const struct member *member, enum message_kind kind) {
    const struct view *view = member->view;
    struct hub *hub = view->views->hub;
    struct channel_ticket *claims = view->events ? channels_claims(hub, view->name) : NULL;
    struct message *message = claims ? message_about(member, kind) : NULL;
    if (message) {
        hub_fan_out(hub, message, claims, NULL);
        message_unref(message);
    } else if (claims) {
        channels_lose(&hub->brokers[rules_find(hub->instance->config, view->name).broker], view->name);
    }
}

// ---- how many of a user's connections are there ----

static uint32_t hash_of(const struct view *view, const void *bytes, size_t length) {
    return map_hash(bytes, length, view->views->hub->instance->hash_seed);
}

static struct user *find_user(const struct view *view, const struct member *member) {
    struct user *user = NULL;
    HASH_FIND_BYHASHVALUE(hh, view->users, member->bytes, member->user_length,
                          hash_of(view, member->bytes, member->user_length), user);
    return user;
}

static struct user *make_user(struct view *view, const struct member *member) {
    struct user *user = calloc(1, sizeof *user + member->user_length);
    if (!user) {
        return NULL;
    }
    memcpy(user->name, member->bytes, member->user_length);
    MAP_ADD(view->users, user->name, member->user_length, hash_of(view, user->name, member->user_length),
            user);
    if (!user->hh.tbl) {
        free(user);
        return NULL;
    }
    return user;
}

bool view_show(struct member *member, bool tell_it) {
    struct view *view = member->view;
    bool is_first = true;
    if (member->shown) {
        return true;
    }
    if (member->user_length > 0) {
        struct user *user = find_user(view, member);
        if (!user && !(user = make_user(view, member))) {
            return false;
        }
        is_first = user->count++ == 0;
    }
    member->shown = true;
    view->connections++;
    if (tell_it && (is_first || !view->per_user)) {
        tell(member, MESSAGE_JOIN);
    }
    return true;
}

void view_hide(struct member *member, bool tell_it) {
    struct view *view = member->view;
    bool is_last = true;
    if (!member->shown) {
        return;
    }
    if (member->user_length > 0) {
        struct user *user = find_user(view, member);
        is_last = --user->count == 0;
        if (is_last) {
            HASH_DEL(view->users, user);
            free(user);
        }
    }
    member->shown = false;
    view->connections--;
    if (tell_it && (is_last || !view->per_user)) {
        tell(member, MESSAGE_LEAVE);
    }
}

// ---- members ----

struct member *view_find(const struct view *view, const uint8_t *id) {
    struct member *member = NULL;
    HASH_FIND_BYHASHVALUE(hh, view->members, id, RANDOM_ID_BYTES, hash_of(view, id, RANDOM_ID_BYTES), member);
    return member;
}

void view_attach(struct member *member, struct peer *peer) {
    member->peer = peer;
    member->previous = NULL;
    member->next = peer->members;
    if (peer->members) {
        peer->members->previous = member;
    }
    peer->members = member;
}

void view_detach(struct member *member) {
    if (member->peer) {
        *(member->previous ? &member->previous->next : &member->peer->members) = member->next;
        if (member->next) {
            member->next->previous = member->previous;
        }
        member->peer = NULL;
    }
}

struct member *view_add(struct view *view, const struct person *person, struct peer *peer) {
    struct member *member = calloc(1, sizeof *member + person->user.length + person->info.length);
    if (!member) {
        return NULL;
    }
    memcpy(member->id, person->id, RANDOM_ID_BYTES);
    if (person->user.length > 0) {
        memcpy(member->bytes, person->user.data, person->user.length);
    }
    if (person->info.length > 0) {
        memcpy(member->bytes + person->user.length, person->info.data, person->info.length);
    }
    member->user_length = (uint8_t)person->user.length;
    member->info_length = (uint16_t)person->info.length;
    member->view = view;
    MAP_ADD(view->members, member->id, RANDOM_ID_BYTES, hash_of(view, member->id, RANDOM_ID_BYTES), member);
    if (!member->hh.tbl) {
        free(member);
        return NULL;
    }
    if (peer) {
        view_attach(member, peer);
    }
    return member;
}

void view_remove(struct member *member) {
    view_hide(member, true);
    view_detach(member);
    HASH_DEL(member->view->members, member);
    free(member);
}

static bool is_equal(struct span span, const char *bytes, size_t length) {
    return span.length == length && (length == 0 || memcmp(span.data, bytes, length) == 0);
}

bool view_is_same(const struct member *member, const struct person *person) {
    return is_equal(person->user, member->bytes, member->user_length) &&
           is_equal(person->info, member->bytes + member->user_length, member->info_length);
}

// ---- views ----

static struct view *find(struct views *views, struct span name) {
    struct view *view = NULL;
    uint32_t hash = map_hash(name.data, name.length, views->hub->instance->hash_seed);
    HASH_FIND_BYHASHVALUE(hh, views->views, name.data, name.length, hash, view);
    return view;
}

static struct view *make(struct views *views, struct span name) {
    struct view *view = calloc(1, sizeof *view + name.length);
    if (!view) {
        return NULL;
    }
    struct rule rule = rules_find(views->hub->instance->config, name);
    memcpy(view->bytes, name.data, name.length);
    view->name = (struct span){view->bytes, name.length};
    view->views = views;
    view->events = rule.presence_events;
    view->per_user = rule.presence_per_user;
    if (!feed_init(view)) {
        free(view);
        return NULL;
    }
    MAP_ADD(views->views, view->bytes, name.length, hash_of(view, name.data, name.length), view);
    if (!view->hh.tbl) {
        free(view);
        return NULL;
    }
    return view;
}

static struct view *find_or_make(struct views *views, struct span name) {
    struct view *view = find(views, name);
    return view ? view : make(views, name);
}

void view_free(struct view *view) {
    struct member *member, *next;
    view->events = false;
    HASH_ITER(hh, view->members, member, next) {
        view_remove(member);
    }
    wheel_disarm(&view->later);
    free(view);
}

static void close_if_unused(struct view *view) {
    if (view->locals == 0 && !view->waiting) {
        HASH_DEL(view->views->views, view);
        feed_close(view);
    }
}

// ---- this instance's members ----

// Another identity of the same connection is another member: the old one leaves.
static struct member *place_for(struct view *view, const struct person *person, const void *owner) {
    struct member *member = view_find(view, person->id);
    if (member && !member->peer && view_is_same(member, person)) {
        member->owner = owner;
        return member;
    }
    struct member *made = NULL;
    if (!member) {
        made = view_add(view, person, NULL);
    } else {
        view->locals -= member->peer == NULL;
        view_remove(member);
        made = view_add(view, person, NULL);
    }
    if (made) {
        made->owner = owner;
        made->announced = true;
        view->locals++;
    }
    return made;
}

bool views_enter(struct views *views, struct span channel, const struct person *person, const void *owner) {
    struct view *view = find_or_make(views, channel);
    if (!view) {
        return false;
    }
    struct member *member = place_for(view, person, owner);
    bool shown = member && view_show(member, true);
    if (member && !shown) {
        view->locals--;
        view_remove(member);
    }
    feed_follow(view);
    close_if_unused(view);
    return shown;
}

void views_leave(struct views *views, struct span channel, const uint8_t *id, const void *owner) {
    struct view *view = find(views, channel);
    struct member *member = view ? view_find(view, id) : NULL;
    if (!member || member->peer || member->owner != owner) {
        return;
    }
    view->locals--;
    view_remove(member);
    feed_follow(view);
    close_if_unused(view);
}

// ---- who asks ----

static bool put_all(struct buf *out, struct view *view) {
    struct member *member, *next;
    struct user *user, *next_user;
    const char *before = "[";
    HASH_ITER(hh, view->members, member, next) {
        struct user *known =
            view->per_user && member->shown && member->user_length > 0 ? find_user(view, member) : NULL;
        if (!member->shown || (known && known->told)) {
            continue;
        }
        if (known) {
            known->told = true;
        }
        buf_puts(out, before);
        put_member(out, member);
        before = ",";
    }
    HASH_ITER(hh, view->users, user, next_user) {
        user->told = false;
    }
    buf_puts(out, before[0] == '[' ? "[]" : "]");
    return !out->failed;
}

static int fill_in(struct view *view, struct ask *ask) {
    struct buf text = {0};
    ask->connections = view->connections;
    ask->users = HASH_COUNT(view->users);
    if (ask->count_only) {
        return WSHUB_OK;
    }
    bool filled = put_all(&text, view);
    size_t most = view->views->hub->instance->config->limits.outbox;
    if (!filled || text.length > most) {
        buf_free(&text);
        return filled ? WSHUB_TOO_LARGE : WSHUB_NO_MEMORY;
    }
    ask->members = text.data;
    ask->members_length = text.length;
    return WSHUB_OK;
}

static void answer(struct hub *hub, struct request *request, int status) {
    request->status = status;
    request->mail.kind = MAIL_ANSWERED;
    hub_post(hub, request->worker, &request->mail);
}

void view_answer(struct view *view, int status) {
    struct request *request = view->waiting;
    view->waiting = view->waiting_last = NULL;
    while (request) {
        struct request *next = request->next_waiting;
        answer(view->views->hub, request, status == WSHUB_OK ? fill_in(view, request->ask) : status);
        request = next;
    }
    if (!view->is_closing) {
        close_if_unused(view);
    }
}

void views_ask(struct views *views, struct request *request) {
    struct view *view = find_or_make(views, request->ask->channel);
    if (!view) {
        answer(views->hub, request, WSHUB_NO_MEMORY);
        return;
    }
    request->next_waiting = NULL;
    *(view->waiting_last ? &view->waiting_last->next_waiting : &view->waiting) = request;
    view->waiting_last = request;
    if (view->is_current && !feed_is_cut_off(view)) {
        view_answer(view, WSHUB_OK);
    } else {
        feed_list(view);
    }
}

// ---- life ----

struct views *views_new(struct hub *hub) {
    struct views *views = calloc(1, sizeof *views);
    if (!views) {
        return NULL;
    }
    views->hub = hub;
    views->json = json_reader_new();
    wheel_init(&views->wheel, loop_now(hub->loop));
    if (!views->json) {
        free(views);
        return NULL;
    }
    return views;
}

void views_free(struct views *views) {
    struct view *view, *next;
    if (!views) {
        return;
    }
    HASH_ITER(hh, views->views, view, next) {
        HASH_DEL(views->views, view);
        view->is_closing = true;
        view_answer(view, WSHUB_CLOSED);
        view_free(view);
    }
    while (views->closing) {
        view = views->closing;
        views->closing = view->next_closing;
        view_free(view);
    }
    json_reader_free(views->json);
    buf_free(&views->scratch);
    free(views);
}
