// SPDX-License-Identifier: MIT
// The services of wshub/host.h that brokers alone have.
#include <stdlib.h>
#include <string.h>

#include "plugin/broker_priv.h"
#include "util/log.h"

enum { MAIL_DELIVERED = HOST_MAIL_OWNERS, MAIL_LOST };
enum { PARTS = 7 }; // of a message that are bytes

struct delivered {
    struct host_mail head;
    struct wshub_message message; // its bytes stand behind
    char bytes[];
};

struct lost {
    struct host_mail head;
    size_t length;
    char channel[];
};

// ---- messages, and their losses: any thread ----

// What a plugin of an older minor did not have is empty.
static size_t parts_of(struct wshub_message *message, struct wshub_bytes *parts[PARTS]) {
    struct wshub_bytes *const all[PARTS] = {&message->channel,     &message->payload, &message->sender,
                                            &message->sender_user, &message->exclude, &message->epoch,
                                            &message->key};
    size_t total = 0;
    for (size_t i = 0; i < PARTS; i++) {
        parts[i] = all[i];
        total += all[i]->length;
    }
    return total;
}

static struct wshub_message widen(const struct wshub_message *theirs) {
    struct wshub_message message = {0};
    memcpy(&message, theirs, theirs->struct_size < sizeof message ? theirs->struct_size : sizeof message);
    message.struct_size = sizeof message;
    return message;
}

// NULL: the plugin's threads are too far ahead, or there is no memory; the hub thread will look.
static void *new_mail(struct broker *broker, int kind, size_t size) {
    void *mail = host_has_room(&broker->host) ? host_mail_new(kind, size) : NULL;
    if (!mail) {
        atomic_store(&broker->overrun, true);
    }
    return mail;
}

static int deliver_by_mail(struct broker *broker, const struct wshub_message *theirs) {
    struct wshub_message message = widen(theirs);
    struct wshub_bytes *parts[PARTS];
    size_t total = parts_of(&message, parts);
    struct delivered *mail = new_mail(broker, MAIL_DELIVERED, sizeof *mail + total);
    if (!mail) {
        return WSHUB_NO_MEMORY;
    }
    char *next = mail->bytes;
    for (size_t i = 0; i < PARTS; i++) {
        if (parts[i]->length > 0) {
            memcpy(next, parts[i]->data, parts[i]->length);
        }
        parts[i]->data = next;
        next += parts[i]->length;
    }
    mail->message = message;
    host_mail_send(&broker->host, &mail->head);
    return WSHUB_OK;
}

static int deliver(struct broker *broker, const struct wshub_message *message) {
    if (broker->host.closing) {
        return WSHUB_OK; // whom it was for has gone before
    }
    int status = broker->listener.on_deliver(broker->listener.context, broker, message);
    if (status != WSHUB_OK) {
        counter_add(&broker->stats.dropped, 1);
    }
    return status;
}

static int host_deliver(void *self, const struct wshub_message *message) {
    struct broker *broker = self;
    if (!host_is_here(&broker->host)) {
        return deliver_by_mail(broker, message);
    }
    if (message->struct_size >= sizeof *message) {
        return deliver(broker, message);
    }
    struct wshub_message wide = widen(message);
    return deliver(broker, &wide);
}

void broker_tell_loss(struct broker *broker, struct wshub_bytes channel) {
    if (broker->host.closing) {
        return;
    }
    counter_add(&broker->stats.dropped, 1);
    if (broker->listener.on_loss) {
        broker->listener.on_loss(broker->listener.context, broker, channel);
    }
}

static void host_lose(void *self, struct wshub_bytes channel) {
    struct broker *broker = self;
    if (host_is_here(&broker->host)) {
        broker_tell_loss(broker, channel);
        return;
    }
    struct lost *mail = new_mail(broker, MAIL_LOST, sizeof *mail + channel.length);
    if (!mail) {
        return;
    }
    mail->length = channel.length;
    if (channel.length > 0) {
        memcpy(mail->channel, channel.data, channel.length);
    }
    host_mail_send(&broker->host, &mail->head);
}

void broker_host_take(struct plugin_host *host, struct host_mail *mail) {
    struct broker *broker = (struct broker *)(void *)host; // host is the first member
    if (mail->mail.kind == MAIL_DELIVERED) {
        deliver(broker, &((struct delivered *)(void *)mail)->message);
    } else {
        const struct lost *lost = (const struct lost *)(void *)mail;
        broker_tell_loss(broker, (struct wshub_bytes){lost->channel, lost->length});
    }
}

// ---- what a registry and a history have found ----

// NULL: its answer is not awaited, or not any more.
static struct broker_call *find_awaited(struct broker *broker, wshub_token token) {
    struct calls *calls = &broker->host.calls;
    return broker->host.closing ? NULL : (struct broker_call *)(void *)calls_find(calls, token);
}

static void host_entry(void *self, wshub_token token, struct wshub_bytes key, struct wshub_bytes value) {
    const struct broker_call *call = find_awaited(self, token);
    if (call && call->entry) {
        call->entry(call->reply.context, call->reply.argument, key, value);
    }
}

static void host_message(void *self, wshub_token token, const struct wshub_message *theirs) {
    const struct broker_call *call = find_awaited(self, token);
    if (call && call->message) {
        struct wshub_message message = widen(theirs);
        if (!reading_take_message(call->reading, &message)) {
            return;
        }
        call->message(call->reply.context, call->reply.argument, &message);
    }
}

// What a publish has got is told of a message that was taken already: it is as good as not told if it cannot
// be.
static bool take_position(struct broker *broker, struct broker_call *call, struct wshub_bytes epoch,
                          uint64_t oldest, uint64_t newest) {
    if (call->reading) {
        return reading_take_position(call->reading, epoch, oldest, newest);
    }
    if (!reading_is_epoch(epoch) || newest == 0) {
        broker_tell_untrue(broker, BROKER_PUBLISH, "a position without an epoch or an offset");
        return false;
    }
    return true;
}

static void host_position(void *self, wshub_token token, struct wshub_bytes epoch, uint64_t oldest,
                          uint64_t newest) {
    struct broker_call *call = find_awaited(self, token);
    broker_position_fn position = call ? call->position : NULL;
    if (!position) {
        return;
    }
    call->position = NULL;
    if (take_position(self, call, epoch, oldest, newest)) {
        position(call->reply.context, call->reply.argument, epoch, oldest, newest);
    }
}

// ---- the link ----

enum { REASONS_TOLD = 3 }; // of one outage

static void tell_link(const struct broker *broker, enum log_level level, const char *event,
                      const char *reason) {
    log_event(broker->host.setup.log, level, event,
              (const struct log_field[]){log_text("broker", broker->host.setup.name),
                                         log_text("reason", reason ? reason : "")},
              reason ? 2 : 1);
}

static void tell_change(struct broker *broker, bool up, const char *reason) {
    if (!broker->link_told || up != broker->up) {
        tell_link(broker, up ? LOG_INFO : LOG_ERROR, up ? "broker up" : "broker down", reason);
        broker->reasons_told = 0;
    } else if (!up && reason && broker->reasons_told++ < REASONS_TOLD) {
        tell_link(broker, LOG_WARN, "broker still down",
                  reason); // for another reason, or it would not say so
    }
}

static void host_link(void *self, enum wshub_link_state state, const char *reason) {
    struct broker *broker = self;
    bool up = state != WSHUB_LINK_DOWN;
    if (broker->host.closing) {
        return;
    }
    tell_change(broker, up, reason);
    counter_add(&broker->stats.link_losses, broker->up && !up);
    broker->up = up;
    broker->link_told = true;
    counter_set(&broker->stats.link_up, up);
    broker->listener.on_link(broker->listener.context, broker, state, reason);
}

void broker_host_init(struct broker *broker) {
    struct wshub_host *services = &broker->host.services;
    services->deliver = host_deliver;
    services->entry = host_entry;
    services->link = host_link;
    services->lose = host_lose;
    services->message = host_message;
    services->position = host_position;
}
