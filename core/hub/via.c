// SPDX-License-Identifier: MIT
#include "hub/via.h"

#include "hub/hub_priv.h"
#include "hub/message.h"
#include "hub/rules.h"

static void on_published(void *context, void *argument, int status) {
    hub_answer_publish(context, argument, status);
}

static void on_position(void *context, void *argument, struct wshub_bytes epoch, uint64_t oldest,
                        uint64_t newest) {
    struct request *request = argument;
    (void)context;
    (void)oldest;
    position_set(&request->position, (struct span){epoch.data, epoch.length}, newest);
}

static struct wshub_message lend(const struct request *request, const struct rule *rule) {
    struct wshub_message message = message_lend(request->message);
    message.flags = rule->last_value ? WSHUB_MESSAGE_LAST_VALUE : 0;
    message.history_size = rule->history_size;
    message.history_ttl = rule->history_ttl;
    message.key_ttl = message.key.length > 0 ? rule->key_window : 0;
    return message;
}

// The plugin has the message until its slot returns, though the request may be answered, and gone, before
// that.
static void publish(struct hub *hub, size_t broker, const struct wshub_message *message,
                    struct request *request, broker_done_fn done) {
    struct message *lent = request->message;
    message_ref(lent);
    hub->publishing = lent;
    broker_publish(hub->brokers[broker].broker, message, on_position,
                   (struct broker_reply){done, hub, request});
    hub->publishing = NULL;
    message_unref(lent);
}

// ---- the history elsewhere ----

// The position is in the history's broker's words; it is carried as it is. Of the live broker nothing is kept
// but what the rule says of last values.
static void pass_on(struct hub *hub, struct request *request) {
    struct rule rule = rules_find(hub->instance->config, message_channel(request->message));
    struct position position = request->position; // the request may go while the slot still has its bytes
    struct wshub_message message = lend(request, &rule);
    struct span epoch = position_epoch(&position);
    message.history_size = message.history_ttl = message.key_ttl = 0;
    message.key = (struct wshub_bytes){NULL, 0};
    message.epoch = (struct wshub_bytes){epoch.data, epoch.length};
    message.offset = position.offset;
    message.previous = position.offset - 1; // it is dense
    publish(hub, rule.broker, &message, request, on_published);
}

static void on_appended(void *context, void *argument, int status) {
    struct request *request = argument;
    if (status == WSHUB_OK && request->position.offset == 0) {
        status = WSHUB_INTERNAL; // it has not said where
    }
    if (status == WSHUB_OK) {
        pass_on(context, request);
    } else {
        on_published(context, request, status);
    }
}

void via_publish(struct hub *hub, struct request *request) {
    struct rule rule = rules_find(hub->instance->config, message_channel(request->message));
    struct wshub_message message = lend(request, &rule);
    bool is_elsewhere = rule.history_size > 0 && rule.history_broker != rule.broker;
    if (is_elsewhere) {
        message.flags = 0;
        publish(hub, rule.history_broker, &message, request, on_appended);
    } else {
        publish(hub, rule.broker, &message, request, on_published);
    }
}
