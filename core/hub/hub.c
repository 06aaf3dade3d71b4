// SPDX-License-Identifier: MIT
#include "hub/hub_priv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "auth/chain.h"
#include "auth/query.h"
#include "config/config.h"
#include "hub/asks.h"
#include "hub/control.h"
#include "hub/digest.h"
#include "hub/history.h"
#include "hub/instances.h"
#include "hub/members.h"
#include "hub/message.h"
#include "hub/own_claim.h"
#include "hub/recovery.h"
#include "hub/registry.h"
#include "hub/send.h"
#include "hub/users.h"
#include "hub/via.h"
#include "hub/views.h"
#include "hub/worker.h"
#include "loop/loop.h"
#include "loop/timer.h"
#include "plugin/demands.h"
#include "plugin/options.h"
#include "plugin/probe.h"
#include "util/buf.h"
#include "util/log.h"

enum { TICK_MS = 50 };

// The workers are rung once for all that a round has for them.
void hub_post(struct hub *hub, unsigned worker, struct mail *mail) {
    if (worker == HUB_ITSELF) {
        if (hub->mailbox) {
            mailbox_post(hub->mailbox, mail);
        }
        return;
    }
    mailbox_push(worker_mailbox(hub->instance->workers[worker]), mail);
    hub->unrung |= UINT64_C(1) << worker;
}

static void ring_workers(struct hub *hub) {
    for (; hub->unrung; hub->unrung &= hub->unrung - 1) {
        mailbox_ring(worker_mailbox(hub->instance->workers[__builtin_ctzll(hub->unrung)]));
    }
}

// ---- publish: worker to broker, and the answer back ----

void hub_answer_publish(struct hub *hub, struct request *request, int status) {
    request->status = status;
    request->mail.kind = MAIL_PUBLISHED;
    hub_post(hub, request->worker, &request->mail);
}

static void publish(struct hub *hub, struct request *request) {
    if (congestion_park(hub, request)) {
        counter_add(&hub->stats.delayed, 1);
    } else {
        via_publish(hub, request);
    }
}

static void send_out(struct hub *hub, struct request *request) {
    if (congestion_park(hub, request)) {
        counter_add(&hub->stats.delayed, 1);
    } else {
        send_ask(hub, request);
    }
}

// ---- deliver: broker to just the workers that have a subscriber ----

static bool is_same(struct wshub_bytes bytes, struct span span) {
    return bytes.data == span.data && bytes.length == span.length;
}

// A broker that delivers from within publish hands back the very bytes of the message being published: no
// copy then. All of them, or it is another message; so it is with a position, which was not known then.
static struct message *message_for(struct hub *hub, const struct wshub_message *from) {
    struct message *published = hub->publishing;
    if (published && from->epoch.length == 0 && is_same(from->payload, message_payload(published)) &&
        is_same(from->channel, message_channel(published)) &&
        is_same(from->sender, message_sender(published)) &&
        is_same(from->sender_user, message_user(published)) &&
        is_same(from->exclude, message_exclude(published))) {
        hub->publishing = NULL; // its deliveries can travel once
        message_ref(published);
        return published;
    }
    return message_new(from, hub->instance->worker_count);
}

void hub_fan_out(struct hub *hub, struct message *message, struct channel_ticket *claims,
                 const struct channel_ticket *end) {
    for (struct channel_ticket *claim = claims; claim != end; claim = claim->next_claim) {
        if (claim->worker == HUB_ITSELF) {
            own_claim_deliver(claim, message);
            continue;
        }
        struct delivery *delivery = &message->deliveries[claim->worker];
        message_ref(message);
        *delivery = (struct delivery){
            .mail.kind = MAIL_DELIVER,
            .message = message,
            .ticket = claim,
        };
        congestion_count(hub, claim->worker, message);
        hub_post(hub, claim->worker, &delivery->mail);
    }
}

static bool is_for_user(struct span name) {
    return name.length == DIGEST_USER_LENGTH &&
           memcmp(name.data, DIGEST_USER_PREFIX, sizeof DIGEST_USER_PREFIX - 1) == 0;
}

static int on_deliver(void *context, struct broker *broker, const struct wshub_message *from) {
    struct hub_broker *slot = context;
    struct hub *hub = slot->hub;
    struct span name = {from->channel.data, from->channel.length};
    (void)broker;
    if (slot->probe && probe_take(slot->probe, from)) {
        return WSHUB_OK;
    }
    if (hub->control && control_take(hub->control, slot, from)) {
        return WSHUB_OK;
    }
    struct hub_channel *channel = channels_wanting(slot, from);
    if (!channel) {
        return WSHUB_OK;
    }
    if (from->payload.length > hub->instance->config->limits.outbox) { // nobody could take it
        channels_lose(slot, name);
        return WSHUB_TOO_LARGE;
    }
    struct message *message = message_for(hub, from);
    if (!message) {
        channels_lose(slot, name);
        return WSHUB_NO_MEMORY;
    }
    message->is_last = from->flags & WSHUB_MESSAGE_LAST_VALUE;
    if (is_for_user(name)) {
        message->kind = MESSAGE_DIRECT;
    }
    channels_take(hub, channel, message);
    message_unref(message);
    return WSHUB_OK;
}

// ---- authenticate: worker to the auth plugins, and the answer back ----

static void on_judged(void *context, struct auth_query *query) {
    struct hub *hub = context;
    control_judge(hub->control, query);
    query->mail.kind = MAIL_AUTHENTICATED;
    hub_post(hub, query->worker, &query->mail);
}

// ---- readiness: every broker's probe has come back lately, and the first one's tells who is revoked ----

void hub_judge_readiness(struct hub *hub) {
    enum readiness verdict = READINESS_READY;
    for (unsigned i = 0; i < hub->broker_count; i++) {
        if (!hub_broker_is_ready(hub, i)) {
            verdict = READINESS_BROKER;
        }
    }
    if (hub->drain.phase != DRAIN_NONE) {
        verdict = READINESS_DRAINING;
    }
    int before = atomic_load(&hub->instance->readiness);
    if (before == READINESS_STARTING && verdict == READINESS_BROKER) {
        return; // has not been ready yet
    }
    if (verdict != (enum readiness)before) {
        atomic_store(&hub->instance->readiness, verdict);
        if (verdict == READINESS_READY) {
            log_info(hub->instance->log, "ready", log_text("instance", hub->instance->id));
        }
    }
}

static void on_probe(void *context, struct broker *broker, bool healthy, const char *why) {
    struct hub_broker *slot = context;
    counter_set(&slot->healthy, healthy);
    if (!healthy) {
        log_error(slot->hub->instance->log, "not ready", log_text("broker", broker_name(broker)),
                  log_text("reason", why));
    }
    hub_judge_readiness(slot->hub);
}

static void on_link(void *context, struct broker *broker, enum wshub_link_state state, const char *reason) {
    struct hub_broker *slot = context;
    (void)broker;
    (void)reason;
    if (!slot->broker) {
        return; // still within open: hub_start comes back to it
    }
    if (state == WSHUB_LINK_DOWN) {
        probe_link_lost(slot->probe);
    } else {
        probe_link_up(slot->probe, state != WSHUB_LINK_UP);
    }
    channels_on_link(slot, state);
    if (slot->hub->registry) {
        registry_on_link(slot->hub->registry, slot, state);
    }
    if (slot->hub->instances && state != WSHUB_LINK_DOWN && slot == registry_slot(slot->hub->registry)) {
        instances_on_link_up(slot->hub->instances);
        views_on_link_up(slot->hub->views);
    }
    if (slot->hub->control) {
        control_on_link(slot->hub->control, slot, state);
    }
}

static void on_loss(void *context, struct broker *broker, struct wshub_bytes channel) {
    struct hub_broker *slot = context;
    (void)broker;
    if (slot->hub->control) {
        control_on_loss(slot->hub->control, slot, channel);
    }
    if (channel.length > 0) {
        channels_lose(slot, (struct span){channel.data, channel.length});
    } else {
        channels_lose_any(slot);
    }
}

// ---- the thread ----

static void on_mail(void *context, struct mail *mail) {
    struct hub *hub = context;
    switch ((enum mail_kind)mail->kind) {
    case MAIL_SUBSCRIBE:
        channels_subscribe(hub, (struct channel_ticket *)(void *)mail);
        break;
    case MAIL_UNSUBSCRIBE:
        channels_unsubscribe(hub, (struct channel_ticket *)(void *)mail);
        break;
    case MAIL_RECOVER:
        recovery_ask(hub, (struct recovery *)(void *)mail);
        break;
    case MAIL_HISTORY:
        history_ask(hub, (struct request *)(void *)mail);
        break;
    case MAIL_PUBLISH:
        publish(hub, (struct request *)(void *)mail);
        break;
    case MAIL_REGISTER:
        registry_enter(hub->registry, (struct registration *)(void *)mail);
        break;
    case MAIL_UNREGISTER:
        registry_leave(hub->registry, registration_of_leave(mail));
        break;
    case MAIL_JOIN:
        members_enter(hub->members, (struct membership *)(void *)mail);
        break;
    case MAIL_LEAVE:
        members_leave(hub->members, membership_of_leave(mail));
        break;
    case MAIL_PRESENCE:
        views_ask(hub->views, (struct request *)(void *)mail);
        break;
    case MAIL_SEND:
        send_out(hub, (struct request *)(void *)mail);
        break;
    case MAIL_TRIED:
        send_tried(hub, (struct request *)(void *)mail);
        break;
    case MAIL_SUBSCRIBED:
    case MAIL_RELEASED:
        own_claim_answered((struct channel_ticket *)(void *)mail);
        break;
    case MAIL_AUTHENTICATE:
        chain_ask(hub->chain, (struct auth_query *)(void *)mail, on_judged, hub);
        break;
    case MAIL_REVOKE:
        control_revoke(hub->control, (struct revoke_request *)(void *)mail);
        break;
    case MAIL_DRAINED:
        drain_on_worker(hub);
        break;
    case MAIL_RESUMED:
        drain_on_resumed(hub);
        break;
    case MAIL_DRAIN_ORDER:
        drain_order(hub, (struct drain_order *)(void *)mail);
        break;
    default:
        break; // the others go to workers
    }
}

// A broker that never says whether it is up would leave this instance starting for ever.
static void fail_if_mute(struct hub *hub) {
    for (unsigned i = 0; i < hub->broker_count && hub->on_failure; i++) {
        if (broker_is_mute(hub->brokers[i].broker)) {
            broker_tell_mute(hub->brokers[i].broker);
            hub->on_failure(hub->context);
            hub->on_failure = NULL;
        }
    }
}

static void on_tick(void *context) {
    struct hub *hub = context;
    uint64_t now = loop_now(hub->loop);
    counter_set(&hub->stats.lag_ms, now > hub->tick_due ? now - hub->tick_due : 0);
    hub->tick_due = now + TICK_MS;
    channels_tick(hub);
    tracks_tick(hub);
    congestion_expire(hub);
    members_tick(hub->members);
    if (hub->registry) {
        registry_tick(hub->registry);
        users_tick(hub->users);
    }
    for (unsigned i = 0; i < hub->broker_count; i++) {
        broker_expire(hub->brokers[i].broker);
        counter_set(&hub->brokers[i].probe_age_ms, probe_age(hub->brokers[i].probe));
    }
    if (hub->chain) {
        chain_expire(hub->chain);
        control_tick(hub->control);
    }
    fail_if_mute(hub);
}

static void on_round_end(void *context) {
    struct hub *hub = context;
    congestion_resume(context);
    channels_reconcile(context);
    tracks_proceed(context);
    if (hub->instances) {
        instances_proceed(hub->instances);
        views_proceed(hub->views);
    }
    if (hub->registry) {
        registry_proceed(hub->registry);
    }
    if (hub->control) {
        control_proceed(hub->control);
    }
    drain_proceed(context);
    ring_workers(context);
}

// ---- life ----

struct hub *hub_new(struct loop *loop, struct instance *instance) {
    struct hub *hub = calloc(1, sizeof *hub);
    if (!hub) {
        return NULL;
    }
    hub->loop = loop;
    hub->instance = instance;
    hub->mailbox = mailbox_new(loop, on_mail, hub);
    hub->tick = timer_new(loop, on_tick, hub);
    hub->brokers = calloc(instance->config->brokers.count, sizeof *hub->brokers);
    if (!hub->mailbox || !hub->tick || !hub->brokers || !drain_init(hub) || !tracks_init(hub)) {
        hub_free(hub);
        return NULL;
    }
    wheel_init(&hub->wheel, loop_now(loop));
    return hub;
}

static bool load(struct hub *hub, struct hub_broker *slot, const struct config_plugin *config, unsigned index,
                 hub_load_fn load_fn) {
    const struct log *log = hub->instance->log;
    struct buf why = {0};
    char entry[32];
    snprintf(entry, sizeof entry, "brokers[%u]", index);
    const struct options_place place = {"configuration", entry, config->line, config->column};
    bool loaded = load_fn(&slot->plugin, config->plugin, hub->instance->config, &why) &&
                  plugin_is(&slot->plugin, PLUGIN_BROKER, &why);
    slot->options = loaded ? options_read(&slot->plugin.about, config, &place, &why) : NULL;
    if (!slot->options) {
        buf_append(&why, "", 1);
        log_error(log, "broker plugin cannot be used", log_text("broker", config->name),
                  log_text("reason", why.failed ? "out of memory" : why.data));
    }
    buf_free(&why);
    return slot->options != NULL;
}

// The plugins were asked before, but their files may have changed since.
static bool meets_demands(const struct hub *hub) {
    struct demands_broker able[CONFIG_BROKERS_MAX];
    struct buf why = {0};
    for (unsigned i = 0; i < hub->broker_count; i++) {
        able[i] = demands_broker_of(&hub->brokers[i].plugin);
    }
    bool ok = demands_check(hub->instance->config, able, "configuration", &why);
    if (!ok) {
        why.length -= why.length > 0; // the line feed
        buf_append(&why, "", 1);
        log_error(hub->instance->log, "a rule for channels cannot be followed",
                  log_text("reason", why.failed ? "out of memory" : why.data));
    }
    buf_free(&why);
    return ok;
}

static bool open_broker(struct hub *hub, struct hub_broker *slot, const struct config_plugin *config) {
    const struct broker_setup setup = {
        .name = config->name,
        .instance_id = hub->instance->id,
        .plugin = &slot->plugin,
        .options = slot->options,
        .loop = hub->loop,
        .log = hub->instance->log,
        .timeout = hub->instance->config->timeouts.broker,
        .listener = {slot, on_deliver, on_link, on_loss},
    };
    slot->broker = broker_open(&setup);
    if (!slot->broker) {
        return false;
    }
    slot->reads = (struct reads){
        .broker = slot->broker,
        .most = (unsigned)hub->instance->config->recovery.reads,
        .count = &hub->stats.reads,
    };
    slot->probe = probe_new(hub->loop, slot->broker, hub->instance->id, on_probe, slot);
    if (!slot->probe) {
        log_error(setup.log, "out of memory");
    }
    return slot->probe != NULL;
}

// The registry is kept by the first broker that can. NULL: there is none.
static struct hub_broker *find_keeper(struct hub *hub) {
    bool wanted = hub->instance->config->registry.enabled != CONFIG_REGISTRY_OFF;
    for (unsigned i = 0; wanted && i < hub->broker_count; i++) {
        if (broker_can(hub->brokers[i].broker, WSHUB_BROKER_REGISTRY)) {
            return &hub->brokers[i];
        }
    }
    return NULL;
}

static bool make_registry(struct hub *hub, struct hub_broker *keeper) {
    const struct config *config = hub->instance->config;
    if (keeper) {
        hub->instance->directory = (unsigned)(keeper - hub->brokers);
        hub->registry = registry_new(hub, keeper);
        hub->users = users_new(hub);
        hub->instance->registers = true;
        if (!hub->registry || !hub->users) {
            log_error(hub->instance->log, "out of memory");
        }
        return hub->registry && hub->users;
    }
    if (config->registry.enabled == CONFIG_REGISTRY_ON) {
        log_error(hub->instance->log, "registry.enabled is on, but no broker can keep one",
                  log_text("expected", "a broker with the capability registry, or auto or off"));
    }
    return config->registry.enabled != CONFIG_REGISTRY_ON;
}

static bool has_presence(const struct config *config) {
    for (size_t i = 0; i < config->channels.count; i++) {
        if (config->channels.items[i].presence != CONFIG_PRESENCE_OFF) {
            return true;
        }
    }
    return false;
}

static bool make_presence(struct hub *hub) {
    bool follows = hub->registry && has_presence(hub->instance->config);
    hub->members = members_new(hub);
    hub->views = views_new(hub);
    hub->instances = follows ? instances_new(hub) : NULL;
    bool made = hub->members && hub->views && (!follows || hub->instances);
    if (!made) {
        log_error(hub->instance->log, "out of memory");
    }
    return made;
}

static bool open_auth(struct hub *hub, struct hub_broker *keeper, hub_load_fn load_fn) {
    struct instance *instance = hub->instance;
    if (instance->config->auth.mode != CONFIG_AUTH_PLUGINS) {
        return true;
    }
    hub->chain = chain_new(hub->loop, instance->log, instance->config, instance->id, load_fn);
    if (!hub->chain) {
        return false;
    }
    hub->control = control_new(hub, keeper);
    if (!hub->control) {
        log_error(instance->log, "out of memory");
    }
    return hub->control != NULL;
}

bool hub_start(struct hub *hub, hub_load_fn load_fn, void (*on_failure)(void *context), void *context) {
    const struct config *config = hub->instance->config;
    hub->on_failure = on_failure;
    hub->context = context;
    for (unsigned i = 0; i < config->brokers.count; i++) {
        struct hub_broker *slot = &hub->brokers[i];
        slot->hub = hub;
        hub->broker_count++;
        if (!load(hub, slot, &config->brokers.items[i], i, load_fn) ||
            !open_broker(hub, slot, &config->brokers.items[i])) {
            return false;
        }
    }
    struct hub_broker *keeper = find_keeper(hub);
    if (!meets_demands(hub) || !make_registry(hub, keeper) || !make_presence(hub) ||
        !open_auth(hub, keeper, load_fn)) {
        return false;
    }
    for (unsigned i = 0; i < hub->broker_count; i++) {
        struct hub_broker *slot = &hub->brokers[i];
        if (broker_is_up(slot->broker)) {
            on_link(slot, slot->broker, WSHUB_LINK_UP, NULL); // open has said so, when nobody could hear it
        }
    }
    loop_at_end_of_round(hub->loop, on_round_end, hub);
    hub->tick_due = loop_now(hub->loop) + TICK_MS;
    timer_start(hub->tick, TICK_MS, TICK_MS);
    return true;
}

void hub_free(struct hub *hub) {
    if (!hub) {
        return;
    }
    struct mailbox *mailbox = hub->mailbox;
    hub->mailbox = NULL; // what still lies in it may want to put more there
    if (mailbox) {
        mailbox_free(mailbox);
    }
    chain_free(hub->chain);
    for (unsigned i = 0; i < hub->broker_count; i++) {
        broker_close(hub->brokers[i].broker);
        probe_free(hub->brokers[i].probe);
    }
    congestion_free(hub);
    control_free(hub->control);
    registry_free(hub->registry);
    history_free(hub);
    channels_free(hub);
    tracks_free(hub);
    users_free(hub->users);
    members_free(hub->members);
    views_free(hub->views);
    instances_free(hub->instances);
    drain_free(hub);
    for (unsigned i = 0; i < hub->broker_count; i++) {
        options_free(hub->brokers[i].options);
        plugin_unload(&hub->brokers[i].plugin);
    }
    timer_free(hub->tick);
    free(hub->brokers);
    free(hub);
}

struct mailbox *hub_mailbox(struct hub *hub) {
    return hub->mailbox;
}

const struct hub_stats *hub_stats(const struct hub *hub) {
    return &hub->stats;
}

unsigned hub_broker_count(const struct hub *hub) {
    return hub->broker_count;
}

struct broker *hub_broker(const struct hub *hub, unsigned i) {
    return hub->brokers[i].broker;
}

bool hub_broker_is_ready(const struct hub *hub, unsigned i) {
    return counter_get(&hub->brokers[i].healthy) != 0 && counter_get(&hub->brokers[i].deaf) == 0;
}

size_t hub_reload(struct hub *hub) {
    return hub->chain ? chain_reload(hub->chain) : 0;
}

unsigned hub_auth_count(const struct hub *hub) {
    return hub->chain ? (unsigned)chain_count(hub->chain) : 0;
}

struct auth *hub_auth(const struct hub *hub, unsigned i) {
    return chain_plugin(hub->chain, i);
}

uint64_t hub_revocations(const struct hub *hub) {
    return hub->control ? control_revocations(hub->control) : 0;
}

bool hub_registry_is_kept(const struct hub *hub) {
    return hub->registry && registry_is_kept(hub->registry);
}

uint64_t hub_registry_entries(const struct hub *hub) {
    return hub->registry ? registry_entries(hub->registry) : 0;
}

uint64_t hub_probe_age_ms(const struct hub *hub, unsigned i) {
    return counter_get(&hub->brokers[i].probe_age_ms);
}
