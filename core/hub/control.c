// SPDX-License-Identifier: MIT
// The channel is subscribed before the registry is read, so that nothing comes between the two; spread.c does
// its part.
#include "hub/control_priv.h"

#include <stdlib.h>
#include <string.h>

#include "auth/identity.h"
#include "auth/query.h"
#include "plugin/status.h"
#include "util/clock.h"
#include "util/log.h"

// Whether the instance is ready hangs on it.
static void show_state(struct control *control) {
    bool deaf = control->subscription != SUBSCRIBED || !control->informed;
    if (counter_get(&control->slot->deaf) != deaf) {
        counter_set(&control->slot->deaf, deaf);
        hub_judge_readiness(control->hub);
    }
}

void control_read_later(struct control *control, uint64_t milliseconds) {
    uint64_t at = control_now(control) + milliseconds;
    control->read_at = control->must_read && control->read_at < at ? control->read_at : at;
    control->must_read = true;
}

// Once until it goes well again.
static void tell_failure(struct control *control, const struct hub_broker *slot, const char *event,
                         int status) {
    bool failing = status != WSHUB_UNAVAILABLE && status != WSHUB_CLOSED; // the link is told of elsewhere
    if (failing && !control->told) {
        control->told = true;
        log_error(control_log(control), event, log_text("broker", broker_name(slot->broker)),
                  log_text("reason", status_text(status)));
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

static bool is_over(const struct revocation *revocation) {
    return revocation->until <= clock_wall_ms();
}

static bool is_known(const struct control *control, const struct revocation *revocation) {
    const struct revocation *known = revocations_find(control->revocations, revocation->kind, revocation->id);
    return known && known->at >= revocation->at && known->until >= revocation->until;
}

// First the table and then the workers, in one go: whoever is let in from now on is measured by the table,
// and whoever was let in before is there when the workers look. Of enum wshub_status.
int control_follow(struct control *control, const struct revocation *revocation, size_t most) {
    if (is_known(control, revocation)) {
        return WSHUB_OK;
    }
    if (!tell_workers(control->hub, revocation)) {
        log_error(control_log(control), "a revocation was not followed: out of memory");
        return WSHUB_NO_MEMORY;
    }
    if (is_over(revocation)) {
        return WSHUB_OK; // by this machine's clock: a short one, and that clock is ahead
    }
    bool kept = revocations_add(control->revocations, revocation, most);
    counter_set(&control->count, revocations_count(control->revocations));
    if (!kept && throttle_pass(&control->unkept, control_now(control))) {
        log_error(control_log(control), "a revocation closes who is connected, but is not remembered",
                  log_text("reason", revocations_count(control->revocations) < most
                                         ? "out of memory"
                                         : "there are as many as can be kept"));
    }
    return kept ? WSHUB_OK : WSHUB_NO_MEMORY;
}

// ---- what others have revoked ----

static bool is_channel(struct wshub_bytes name) {
    return name.length == sizeof CONTROL_CHANNEL - 1 && memcmp(name.data, CONTROL_CHANNEL, name.length) == 0;
}

static bool read_revocation(struct control *control, struct wshub_bytes text, bool is_kept) {
    struct revocation revocation;
    char scratch[IDENTITY_TEXT_MAX];
    if (!revocation_read(&revocation, (struct span){text.data, text.length}, scratch)) {
        if (throttle_pass(&control->unreadable, control_now(control))) {
            log_warn(control_log(control), "what cannot be read as a revocation is ignored",
                     log_text("found_in", is_kept ? "registry" : "channel"));
        }
        return true; // there will never be more to it
    }
    if (is_kept && is_over(&revocation)) {
        return true; // an entry may outlive what it says, and who came since then came rightly
    }
    size_t most = is_kept ? REVOCATIONS_KEPT_MAX : REVOCATIONS_MAX;
    bool followed = control_follow(control, &revocation, most) == WSHUB_OK;
    if (is_kept) {
        revocations_found(control->revocations, &revocation);
    }
    return followed;
}

bool control_take(struct control *control, const struct hub_broker *slot,
                  const struct wshub_message *message) {
    if (slot != control->slot || !is_channel(message->channel)) {
        return false;
    }
    if (!read_revocation(control, message->payload, false)) {
        control_read_later(control, CONTROL_RETRY_MS); // the registry has it still
    }
    return true;
}

static void on_entry(void *context, void *argument, struct wshub_bytes key, struct wshub_bytes value) {
    struct control *control = context;
    (void)argument;
    (void)key;
    control->incomplete |= !read_revocation(control, value, true);
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
        control->spreading = control->keeper && status != WSHUB_UNSUPPORTED;
        show_state(control);
        return;
    }
    control_read_later(control, CONTROL_RETRY_MS);
    tell_failure(control, control->keeper, "the registry does not tell who was revoked; it is asked again",
                 status);
}

static void read_registry(struct control *control) {
    control->must_read = control->incomplete = false;
    control->reading = true;
    control->spreading = false;
    revocations_begin_reading(control->revocations);
    if (!control->keeper) {
        on_read(control, NULL, WSHUB_OK);
        return;
    }
    broker_registry_list(control->keeper->broker,
                         (struct wshub_bytes){CONTROL_KEY_PREFIX, sizeof CONTROL_KEY_PREFIX - 1}, on_entry,
                         (struct broker_reply){on_read, control, NULL});
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
    control->subscribe_at = control_now(control) + CONTROL_RETRY_MS;
    if (status == WSHUB_OK) {
        control_read_later(control, 0);
        show_state(control);
    } else {
        tell_failure(control, control->slot,
                     "the channel of the hubs cannot be subscribed; it is tried again", status);
    }
}

static void subscribe(struct control *control) {
    control->subscription = SUBSCRIBING;
    control->in_flight_subscribes++;
    broker_subscribe(control->slot->broker, (struct wshub_bytes){CONTROL_CHANNEL, sizeof CONTROL_CHANNEL - 1},
                     (struct broker_reply){on_subscribed, control, (void *)(uintptr_t)control->session});
}

void control_on_link(struct control *control, const struct hub_broker *slot, enum wshub_link_state state) {
    if (state == WSHUB_LINK_DOWN || (slot != control->slot && slot != control->keeper)) {
        return;
    }
    control_read_later(control, 0); // also of a link that misses nothing by itself: the registry costs little
    if (slot == control->slot && (state == WSHUB_LINK_UP || control->subscription == NOT_SUBSCRIBED)) {
        control->session++;
        control->subscription = NOT_SUBSCRIBED;
        control->subscribe_at = 0;
    }
    show_state(control);
}

void control_on_loss(struct control *control, const struct hub_broker *slot, struct wshub_bytes name) {
    if (slot == control->slot && (name.length == 0 || is_channel(name))) {
        control_read_later(control, 0);
    }
}

static void tell_untold(struct control *control, struct throttle *throttle, enum log_level level,
                        const char *event) {
    uint64_t untold = throttle_settle(throttle, control_now(control));
    if (untold > 0) {
        log_event(control_log(control), level, event,
                  (const struct log_field[]){log_number("not_logged", untold)}, 1);
    }
}

void control_tick(struct control *control) {
    revocations_expire(control->revocations, clock_wall_ms());
    counter_set(&control->count, revocations_count(control->revocations));
    tell_untold(control, &control->refused, LOG_INFO,
                "more was refused for being revoked than is logged one by one");
    tell_untold(control, &control->unreadable, LOG_WARN,
                "more could not be read as a revocation than is logged one by one");
    tell_untold(control, &control->unkept, LOG_ERROR,
                "more revocations are not remembered than is logged one by one");
}

void control_proceed(struct control *control) {
    uint64_t at = control_now(control);
    if (control->subscription == NOT_SUBSCRIBED && at >= control->subscribe_at &&
        broker_is_up(control->slot->broker)) {
        subscribe(control);
    }
    if (control->must_read && !control->reading && control->subscription == SUBSCRIBED &&
        at >= control->read_at && (!control->keeper || broker_is_up(control->keeper->broker))) {
        read_registry(control);
    }
    control_spread(control);
}

// ---- who is let in ----

static void tell_refused(struct control *control, const struct auth_query *query, const char *reason) {
    struct wshub_bytes address = query->request.address;
    if (throttle_pass(&control->refused, control_now(control))) {
        log_info(control_log(control), "credentials refused",
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
    } else if (revocations_hit(control->revocations, query->identity, clock_wall_ms())) {
        refuse(control, query, AUTH_REVOKED, "revoked");
    }
}

// ---- life ----

unsigned control_in_flight(const struct control *control, const struct hub_broker *slot) {
    unsigned count = 0;
    if (slot == control->slot) {
        count += control->in_flight_subscribes + control->in_flight_spread_publishes;
    }
    if (slot == control->keeper) {
        count += control->reading + control->in_flight_spread_sets;
    }
    return count;
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
