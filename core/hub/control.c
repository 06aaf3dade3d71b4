// SPDX-License-Identifier: MIT
// Nothing is missed between the two ways: the channel is subscribed before the registry is read, and who
// revokes publishes once more when the registry has the entry. So whoever subscribed too late for the first
// message finds the entry, or gets the second message.
#include "hub/control.h"

#include <inttypes.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "auth/identity.h"
#include "auth/query.h"
#include "auth/revocations.h"
#include "hub/hub_priv.h"
#include "loop/loop.h"
#include "plugin/probe.h"
#include "util/buf.h"
#include "util/log.h"
#include "util/random.h"
#include "util/throttle.h"

#define CHANNEL PROBE_RESERVED_PREFIX ":control"
#define KEY_PREFIX "ws:revoke:"

enum { RETRY_MS = 1000, KEY_SIZE = sizeof KEY_PREFIX + RANDOM_ID_LENGTH };

enum subscription { NOT_SUBSCRIBED, SUBSCRIBING, SUBSCRIBED };

struct control {
    struct hub *hub;
    struct hub_broker *slot;   // the first broker
    struct hub_broker *keeper; // NULL: no registry
    struct revocations *revocations;
    counter count;
    enum subscription subscription;
    uint64_t session;               // of the link: what was subscribed in an earlier one is gone
    uint64_t subscribe_at, read_at; // loop_now; not before
    bool must_read;                 // the registry may have what was not heard here
    bool reading;                   // now
    bool incomplete;                // something of what was read could not be taken
    bool informed;                  // it was read once: this instance knows who was revoked before it came
    bool told;                      // of a failure, since it last went well
    unsigned in_flight_subscribes;
    struct throttle refused, unreadable;
};

// Somebody's order to revoke, on its way to the broker and the registry.
struct order {
    struct control *control;
    struct revoke_request *request;
    struct buf text;
    unsigned pending; // calls in flight, and whoever is about to make some
    int status;       // the first failure
};

static uint64_t wall_clock(void) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static uint64_t now(const struct control *control) {
    return loop_now(control->hub->loop);
}

static const struct log *log_of(const struct control *control) {
    return control->hub->instance->log;
}

static struct wshub_bytes channel(void) {
    return (struct wshub_bytes){CHANNEL, sizeof CHANNEL - 1};
}

// Whether the instance is ready hangs on it.
static void show_state(struct control *control) {
    bool deaf = control->subscription != SUBSCRIBED || !control->informed;
    if (counter_get(&control->slot->deaf) != deaf) {
        counter_set(&control->slot->deaf, deaf);
        hub_judge_readiness(control->hub);
    }
}

// Once until it goes well again.
static void tell_failure(struct control *control, const struct hub_broker *slot, const char *event,
                         int status) {
    bool failing = status != WSHUB_UNAVAILABLE && status != WSHUB_CLOSED; // the link is told of elsewhere
    if (failing && !control->told) {
        control->told = true;
        log_error(log_of(control), event, log_text("broker", broker_name(slot->broker)),
                  log_text("reason", broker_status_text(status)));
    }
}

// ---- this instance follows a revocation ----

static struct revoke_notice *make_notice(const struct revocation *revocation) {
    struct revoke_notice *notice = malloc(sizeof *notice + revocation->id.length);
    if (notice) {
        *notice = (struct revoke_notice){.mail.kind = MAIL_REVOKED, .revocation = *revocation};
        memcpy(notice->id, revocation->id.data, revocation->id.length);
        notice->revocation.id.data = notice->id;
    }
    return notice;
}

// To all workers or to none.
static bool tell_workers(struct hub *hub, const struct revocation *revocation) {
    struct revoke_notice *notices[WORKERS_MAX];
    unsigned count = hub->instance->worker_count, made = 0;
    while (made < count && (notices[made] = make_notice(revocation))) {
        made++;
    }
    for (unsigned i = 0; i < made; i++) {
        if (made == count) {
            hub_post(hub, i, &notices[i]->mail);
        } else {
            free(notices[i]);
        }
    }
    return made == count;
}

static bool is_known(const struct control *control, const struct revocation *revocation) {
    const struct revocation *known = revocations_find(control->revocations, revocation->kind, revocation->id);
    return known && known->at >= revocation->at && known->until >= revocation->until;
}

// First the table and then the workers, in one go: whoever is let in from now on is measured by the table,
// and whoever was let in before is there when the workers look. Of enum wshub_status.
static int follow(struct control *control, const struct revocation *revocation) {
    if (revocation->until <= wall_clock() || is_known(control, revocation)) {
        return WSHUB_OK;
    }
    if (!tell_workers(control->hub, revocation)) {
        log_error(log_of(control), "a revocation was not followed: out of memory");
        return WSHUB_NO_MEMORY;
    }
    bool kept = revocations_add(control->revocations, revocation);
    counter_set(&control->count, revocations_count(control->revocations));
    if (!kept && throttle_pass(&control->refused, now(control))) {
        log_error(log_of(control), "a revocation closes who is connected, but is not remembered",
                  log_text("reason", revocations_count(control->revocations) < REVOCATIONS_MAX
                                         ? "out of memory"
                                         : "there are as many as can be kept"));
    }
    return kept ? WSHUB_OK : WSHUB_NO_MEMORY;
}

// ---- what others have revoked ----

static bool is_channel(struct wshub_bytes name) {
    return name.length == sizeof CHANNEL - 1 && memcmp(name.data, CHANNEL, name.length) == 0;
}

static bool read_revocation(struct control *control, struct wshub_bytes text, const char *place) {
    struct revocation revocation;
    char scratch[IDENTITY_TEXT_MAX];
    if (!revocation_read(&revocation, (struct span){text.data, text.length}, scratch)) {
        if (throttle_pass(&control->unreadable, now(control))) {
            log_warn(log_of(control), "what cannot be read as a revocation is ignored",
                     log_text("found_in", place));
        }
        return true; // there will never be more to it
    }
    return follow(control, &revocation) == WSHUB_OK;
}

bool control_take(struct control *control, const struct hub_broker *slot,
                  const struct wshub_message *message) {
    if (slot != control->slot || !is_channel(message->channel)) {
        return false;
    }
    if (!read_revocation(control, message->payload, CHANNEL)) {
        control->must_read = true; // the registry has it still
        control->read_at = now(control) + RETRY_MS;
    }
    return true;
}

static void on_entry(void *context, void *argument, struct wshub_bytes key, struct wshub_bytes value) {
    struct control *control = context;
    (void)argument;
    (void)key;
    control->incomplete |= !read_revocation(control, value, KEY_PREFIX);
}

static void on_read(void *context, void *argument, int status) {
    struct control *control = context;
    (void)argument;
    control->reading = false;
    if (status == WSHUB_OK && control->incomplete) {
        status = WSHUB_NO_MEMORY;
    }
    if (status == WSHUB_OK || status == WSHUB_NOT_FOUND || status == WSHUB_UNSUPPORTED) {
        control->informed = true;
        control->told = false;
        show_state(control);
        return;
    }
    control->must_read = true;
    control->read_at = now(control) + RETRY_MS;
    tell_failure(control, control->keeper, "the registry does not tell who was revoked; it is asked again",
                 status);
}

static void read_registry(struct control *control) {
    control->must_read = control->incomplete = false;
    control->reading = true;
    if (!control->keeper) {
        on_read(control, NULL, WSHUB_OK);
        return;
    }
    broker_registry_list(control->keeper->broker, (struct wshub_bytes){KEY_PREFIX, sizeof KEY_PREFIX - 1},
                         on_entry, (struct broker_reply){on_read, control, NULL});
}

// ---- the channel ----

// `argument` is the session.
static void on_subscribed(void *context, void *argument, int status) {
    struct control *control = context;
    control->in_flight_subscribes--;
    if ((uintptr_t)argument != (uintptr_t)control->session) {
        return;
    }
    control->subscription = status == WSHUB_OK ? SUBSCRIBED : NOT_SUBSCRIBED;
    control->subscribe_at = now(control) + RETRY_MS;
    if (status == WSHUB_OK) {
        control->must_read = true;
        control->read_at = 0;
        show_state(control);
    } else {
        tell_failure(control, control->slot,
                     "the channel of the hubs cannot be subscribed; it is tried again", status);
    }
}

static void subscribe(struct control *control) {
    control->subscription = SUBSCRIBING;
    control->in_flight_subscribes++;
    broker_subscribe(control->slot->broker, channel(),
                     (struct broker_reply){on_subscribed, control, (void *)(uintptr_t)control->session});
}

void control_on_link(struct control *control, const struct hub_broker *slot, enum wshub_link_state state) {
    if (state == WSHUB_LINK_DOWN || (slot != control->slot && slot != control->keeper)) {
        return;
    }
    control->must_read = true; // also of a link that misses nothing by itself: the registry costs little
    control->read_at = 0;
    if (slot == control->slot && (state == WSHUB_LINK_UP || control->subscription == NOT_SUBSCRIBED)) {
        control->session++;
        control->subscription = NOT_SUBSCRIBED;
        control->subscribe_at = 0;
    }
    show_state(control);
}

void control_on_loss(struct control *control, const struct hub_broker *slot, struct wshub_bytes name) {
    if (slot == control->slot && (name.length == 0 || is_channel(name))) {
        control->must_read = true;
    }
}

void control_proceed(struct control *control) {
    uint64_t at = now(control);
    if (control->subscription == NOT_SUBSCRIBED && at >= control->subscribe_at &&
        broker_is_up(control->slot->broker)) {
        subscribe(control);
    }
    if (control->must_read && !control->reading && control->subscription == SUBSCRIBED &&
        at >= control->read_at && (!control->keeper || broker_is_up(control->keeper->broker))) {
        read_registry(control);
    }
}

void control_tick(struct control *control) {
    uint64_t untold = throttle_settle(&control->refused, now(control));
    uint64_t unread = throttle_settle(&control->unreadable, now(control));
    revocations_expire(control->revocations, wall_clock());
    counter_set(&control->count, revocations_count(control->revocations));
    if (untold > 0) {
        log_info(log_of(control), "more was refused for being revoked than is logged one by one",
                 log_number("not_logged", untold));
    }
    if (unread > 0) {
        log_warn(log_of(control), "more could not be read as a revocation than is logged one by one",
                 log_number("not_logged", unread));
    }
}

// ---- this instance revokes ----

// Of what is revoked, for the id may hold anything and be long. A hash that nobody can find collisions of: an
// entry must not take another's place.
static struct wshub_bytes key_of(const struct revocation *revocation, char text[KEY_SIZE]) {
    uint8_t digest[EVP_MAX_MD_SIZE];
    char bytes[1 + IDENTITY_TEXT_MAX], id[RANDOM_ID_LENGTH + 1];
    bytes[0] = (char)revocation->kind;
    memcpy(bytes + 1, revocation->id.data, revocation->id.length);
    if (EVP_Digest(bytes, 1 + revocation->id.length, digest, NULL, EVP_sha256(), NULL) != 1) {
        return (struct wshub_bytes){NULL, 0};
    }
    random_id_format(digest, id); // its first 128 bits
    int length = snprintf(text, KEY_SIZE, KEY_PREFIX "%s", id);
    return (struct wshub_bytes){text, (size_t)length};
}

static void answer(struct control *control, struct revoke_request *request, int status) {
    request->status = status;
    request->mail.kind = MAIL_REVOKE_TAKEN;
    hub_post(control->hub, request->worker, &request->mail);
}

static void forget(struct order *order) {
    if (order) {
        buf_free(&order->text);
        free(order);
    }
}

static void release(struct order *order, int status) {
    order->status = order->status == WSHUB_OK ? status : order->status;
    if (--order->pending > 0) {
        return;
    }
    answer(order->control, order->request, order->status);
    forget(order);
}

static void on_published(void *context, void *argument, int status) {
    (void)context;
    release(argument, status);
}

static void publish(struct order *order) {
    const struct wshub_message message = {
        .struct_size = sizeof message,
        .channel = channel(),
        .payload = {order->text.data, order->text.length},
    };
    order->pending++;
    broker_publish(order->control->slot->broker, &message,
                   (struct broker_reply){on_published, order->control, order});
}

static void on_kept(void *context, void *argument, int status) {
    (void)context;
    if (status == WSHUB_OK) {
        publish(argument); // for who has read the registry just before
    }
    release(argument, status == WSHUB_UNSUPPORTED ? WSHUB_OK : status);
}

static void keep(struct order *order, const struct revocation *revocation) {
    char text[KEY_SIZE];
    struct wshub_bytes key = key_of(revocation, text);
    uint64_t at = wall_clock();
    order->pending++;
    if (key.length == 0 || revocation->until <= at) {
        on_kept(order->control, order, key.length == 0 ? WSHUB_INTERNAL : WSHUB_OK);
        return;
    }
    broker_registry_set(order->control->keeper->broker, key,
                        (struct wshub_bytes){order->text.data, order->text.length}, revocation->until - at,
                        (struct broker_reply){on_kept, order->control, order});
}

static void tell_log(const struct control *control, const struct revocation *revocation) {
    log_info(log_of(control), "revoked",
             log_bytes(revocation_kind_names[revocation->kind], revocation->id.data, revocation->id.length),
             log_number("for_ms", revocation->until - revocation->at));
}

void control_revoke(struct control *control, struct revoke_request *request) {
    struct order *order = calloc(1, sizeof *order);
    int status = follow(control, &request->revocation);
    // As it is known here by now: one that is longer already must not be made shorter elsewhere.
    const struct revocation *known =
        revocations_find(control->revocations, request->revocation.kind, request->revocation.id);
    const struct revocation *revocation = known ? known : &request->revocation;
    tell_log(control, &request->revocation);
    if (order) {
        revocation_write(&order->text, revocation);
    }
    if (!order || order->text.failed) {
        answer(control, request, WSHUB_NO_MEMORY);
        forget(order);
        return;
    }
    order->control = control;
    order->request = request;
    order->pending = 1;
    if (control->keeper) {
        keep(order, revocation);
    }
    publish(order);
    release(order, status);
}

// ---- who is let in ----

static void tell_refused(struct control *control, const struct auth_query *query, const char *reason) {
    struct wshub_bytes address = query->request.address;
    if (throttle_pass(&control->refused, now(control))) {
        log_info(log_of(control), "credentials refused",
                 log_bytes("address", address.length > 0 ? address.data : "unix",
                           address.length > 0 ? address.length : 4),
                 log_text("reason", reason));
    }
}

static void refuse(struct control *control, struct auth_query *query, enum auth_verdict verdict,
                   const char *reason) {
    query->verdict = verdict;
    if (query->question == AUTH_CONNECT) {
        identity_unref(query->identity);
        query->identity = NULL;
    }
    if (query->question != AUTH_OPERATION) {
        tell_refused(control, query, reason);
    }
}

void control_judge(struct control *control, struct auth_query *query) {
    if (query->verdict != AUTH_YES) {
        return;
    }
    if (!control->informed) {
        refuse(control, query, AUTH_FAILED, "it is not known yet who was revoked");
    } else if (revocations_hit(control->revocations, query->identity, wall_clock())) {
        refuse(control, query, AUTH_REVOKED, "revoked");
    }
}

// ---- life ----

unsigned control_in_flight(const struct control *control, const struct hub_broker *slot) {
    return (slot == control->slot ? control->in_flight_subscribes : 0) +
           (slot == control->keeper && control->reading);
}

uint64_t control_revocations(const struct control *control) {
    return counter_get(&control->count);
}

struct control *control_new(struct hub *hub, struct hub_broker *keeper) {
    struct control *control = calloc(1, sizeof *control);
    struct revocations *revocations = revocations_new(hub->instance->hash_seed);
    if (!control || !revocations) {
        free(control);
        revocations_free(revocations);
        return NULL;
    }
    *control = (struct control){
        .hub = hub,
        .slot = &hub->brokers[0],
        .keeper = keeper,
        .revocations = revocations,
    };
    counter_set(&control->slot->deaf, 1);
    return control;
}

void control_free(struct control *control) {
    if (control) {
        revocations_free(control->revocations);
        free(control);
    }
}
