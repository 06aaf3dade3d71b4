// SPDX-License-Identifier: MIT
#include "hub/hub_priv.h"

#include <stdlib.h>
#include <string.h>

#include "config/config.h"
#include "hub/message.h"
#include "hub/rules.h"
#include "hub/worker.h"
#include "loop/loop.h"
#include "loop/timer.h"
#include "plugin/builtin.h"
#include "plugin/probe.h"
#include "util/log.h"

enum { TICK_MS = 50 };

// The workers are rung once for all that a round has for them.
void hub_post(struct hub *hub, unsigned worker, struct mail *mail) {
    mailbox_push(worker_mailbox(hub->instance->workers[worker]), mail);
    hub->unrung |= UINT64_C(1) << worker;
}

static void ring_workers(struct hub *hub) {
    for (; hub->unrung; hub->unrung &= hub->unrung - 1) {
        mailbox_ring(worker_mailbox(hub->instance->workers[__builtin_ctzll(hub->unrung)]));
    }
}

struct hub_broker *hub_broker_for(struct hub *hub, struct span channel) {
    return &hub->brokers[rules_find(hub->instance->config, channel).broker];
}

// ---- publish: worker to broker, and the answer back ----

void hub_answer_publish(struct hub *hub, struct request *request, int status) {
    request->status = status;
    request->mail.kind = MAIL_PUBLISHED;
    hub_post(hub, request->worker, &request->mail);
}

static void on_published(void *context, void *argument, int status) {
    hub_answer_publish(context, argument, status);
}

static struct wshub_bytes bytes_of(struct span span) {
    return (struct wshub_bytes){span.data, span.length};
}

void hub_publish_now(struct hub *hub, struct request *request) {
    struct span channel = message_channel(request->message);
    struct wshub_message message = {
        .struct_size = sizeof message,
        .channel = bytes_of(channel),
        .payload = bytes_of(message_payload(request->message)),
        .sender = bytes_of(message_sender(request->message)),
    };
    // The plugin has it until its slot returns, though the request may be answered, and gone, before that.
    struct message *lent = request->message;
    message_ref(lent);
    hub->publishing = lent;
    broker_publish(hub_broker_for(hub, channel)->broker, &message, on_published, hub, request);
    hub->publishing = NULL;
    message_unref(lent);
}

static void publish(struct hub *hub, struct request *request) {
    if (congestion_park(hub, request)) {
        counter_add(&hub->stats.delayed, 1);
    } else {
        hub_publish_now(hub, request);
    }
}

// ---- deliver: broker to just the workers that have a subscriber ----

static bool is_same(struct wshub_bytes bytes, struct span span) {
    return bytes.data == span.data && bytes.length == span.length;
}

// A broker that delivers from within publish hands back the very bytes of the message being published: no
// copy then. All of them, or it is another message.
static struct message *message_for(struct hub *hub, const struct wshub_message *from) {
    struct message *published = hub->publishing;
    if (published && is_same(from->payload, message_payload(published)) &&
        is_same(from->channel, message_channel(published)) &&
        is_same(from->sender, message_sender(published))) {
        hub->publishing = NULL; // its deliveries can travel once
        message_ref(published);
        return published;
    }
    return message_new(from, hub->instance->worker_count);
}

static int on_deliver(void *context, struct broker *broker, const struct wshub_message *from) {
    struct hub_broker *slot = context;
    struct hub *hub = slot->hub;
    (void)broker;
    if (slot->probe && probe_take(slot->probe, from)) {
        return WSHUB_OK;
    }
    struct channel_ticket *claim =
        channels_claims(hub, (struct span){from->channel.data, from->channel.length});
    if (!claim) {
        return WSHUB_OK;
    }
    struct message *message = message_for(hub, from);
    if (!message) {
        return WSHUB_NO_MEMORY;
    }
    counter_add(&hub->stats.deliveries, 1);
    for (; claim; claim = claim->next_claim) {
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
    message_unref(message);
    return WSHUB_OK;
}

// ---- readiness: every broker's probe has come back lately ----

void hub_judge_readiness(struct hub *hub) {
    enum readiness verdict = READINESS_READY;
    for (unsigned i = 0; i < hub->broker_count; i++) {
        if (!hub->brokers[i].healthy) {
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
    slot->healthy = healthy;
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
    if (!slot->probe) {
        return; // still within open
    }
    if (state == WSHUB_LINK_DOWN) {
        probe_link_lost(slot->probe);
    } else {
        probe_kick(slot->probe);
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
    case MAIL_PUBLISH:
        publish(hub, (struct request *)(void *)mail);
        break;
    case MAIL_DRAINED:
        drain_on_worker(hub, (struct worker_notice *)(void *)mail);
        break;
    default:
        break; // the others go to workers
    }
}

static void on_tick(void *context) {
    struct hub *hub = context;
    uint64_t now = loop_now(hub->loop);
    counter_set(&hub->stats.lag_ms, now > hub->tick_due ? now - hub->tick_due : 0);
    hub->tick_due = now + TICK_MS;
    channels_tick(hub);
    congestion_expire(hub);
    for (unsigned i = 0; i < hub->broker_count; i++) {
        broker_expire(hub->brokers[i].broker);
        counter_set(&hub->brokers[i].probe_age_ms, probe_age(hub->brokers[i].probe));
    }
}

static void on_round_end(void *context) {
    congestion_resume(context);
    channels_reconcile(context);
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
    if (!hub->mailbox || !hub->tick || !hub->brokers || !drain_init(hub)) {
        hub_free(hub);
        return NULL;
    }
    wheel_init(&hub->wheel, loop_now(loop));
    return hub;
}

static bool open_broker(struct hub *hub, const struct config_broker *config, hub_find_fn find) {
    const struct log *log = hub->instance->log;
    const struct wshub_plugin *plugin = find(config->plugin);
    struct hub_broker *slot = &hub->brokers[hub->broker_count];
    if (!plugin) {
        log_error(log, "no such broker plugin", log_text("broker", config->name),
                  log_text("plugin", config->plugin), log_text("known", builtin_names()));
        return false;
    }
    slot->hub = hub;
    slot->broker = broker_open(config->name, plugin, hub->instance->config->timeouts.broker, log,
                               (struct broker_listener){slot, on_deliver, on_link});
    if (!slot->broker) {
        return false;
    }
    slot->probe = probe_new(hub->loop, slot->broker, hub->instance->id, on_probe, slot);
    if (!slot->probe) {
        log_error(log, "out of memory");
        broker_close(slot->broker);
        return false;
    }
    hub->broker_count++;
    return true;
}

bool hub_start(struct hub *hub, hub_find_fn find) {
    const struct config *config = hub->instance->config;
    for (size_t i = 0; i < config->brokers.count; i++) {
        if (!open_broker(hub, &config->brokers.items[i], find)) {
            return false;
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
    if (hub->mailbox) {
        mailbox_free(hub->mailbox);
    }
    for (unsigned i = 0; i < hub->broker_count; i++) {
        broker_close(hub->brokers[i].broker);
        probe_free(hub->brokers[i].probe);
    }
    congestion_free(hub);
    channels_free(hub);
    drain_free(hub);
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

uint64_t hub_probe_age_ms(const struct hub *hub, unsigned i) {
    return counter_get(&hub->brokers[i].probe_age_ms);
}
