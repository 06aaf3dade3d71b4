/* SPDX-License-Identifier: MIT
 * Channels: each its own subscription, all of them on the subscriber connection. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "redis.h"
#include "wshub/envelope.h"

/* The channel that a SUBSCRIBE or UNSUBSCRIBE was for, as Redis knows it. */
struct topic {
    size_t length;
    char name[];
};

/* How the two differ. */
static const struct verb {
    const char *command, *answer;
    enum complaint complaint;
} subscribe = {"SUBSCRIBE", "subscribe", COMPLAINT_SUBSCRIBE},
  unsubscribe = {"UNSUBSCRIBE", "unsubscribe", COMPLAINT_UNSUBSCRIBE};

static bool equal(struct wshub_bytes bytes, const char *data, size_t length) {
    return bytes.length == length && memcmp(bytes.data, data, length) == 0;
}

static bool confirms(const redisReply *reply, const struct verb *verb, const struct topic *topic) {
    return reply_is_array(reply, 3) && reply_says(reply->element[0], verb->answer) &&
           reply_is_string(reply->element[1]) &&
           equal(reply_bytes(reply->element[1]), topic->name, topic->length);
}

static bool settle(struct redis *redis, const struct verb *verb, const struct pending *pending,
                   const redisReply *reply) {
    struct topic *topic = pending->work;
    const bool confirmed = reply && confirms(reply, verb, topic);
    free(topic);
    if (confirmed) {
        redis_praise(redis, verb->complaint);
        redis_complete(redis, pending->token, WSHUB_OK);
        return true;
    }
    if (!reply || reply_is_error(reply)) {
        return redis_refused(redis, verb->complaint, verb->command, pending->token, reply);
    }
    return redis_confused(redis, pending->token);
}

static bool on_subscribed(void *owner, const struct pending *pending, const redisReply *reply) {
    return settle(owner, &subscribe, pending, reply);
}

static bool on_unsubscribed(void *owner, const struct pending *pending, const redisReply *reply) {
    return settle(owner, &unsubscribe, pending, reply);
}

static struct topic *new_topic(struct wshub_bytes prefix, struct wshub_bytes channel) {
    struct topic *topic = malloc(sizeof *topic + prefix.length + channel.length);
    if (topic) {
        topic->length = prefix.length + channel.length;
        if (prefix.length) {
            memcpy(topic->name, prefix.data, prefix.length);
        }
        memcpy(topic->name + prefix.length, channel.data, channel.length);
    }
    return topic;
}

static int ask(struct redis *redis, const struct verb *verb, struct wshub_bytes channel, pending_fn fn,
               wshub_token token) {
    const struct argument arguments[] = {ARGUMENT(verb->command), {redis->settings.prefix, channel}};
    if (!link_is_up(&redis->link)) {
        return WSHUB_UNAVAILABLE;
    }
    struct topic *topic = new_topic(redis->settings.prefix, channel);
    if (!topic) {
        return WSHUB_NO_MEMORY;
    }
    int status = connection_send(&redis->link.subscriber, arguments, 2,
                                 (struct pending){.fn = fn, .token = token, .work = topic});
    if (status != WSHUB_OK) {
        free(topic);
    }
    return status;
}

int redis_subscribe(void *self, struct wshub_bytes channel, wshub_token token) {
    return ask(self, &subscribe, channel, on_subscribed, token);
}

int redis_unsubscribe(void *self, struct wshub_bytes channel, wshub_token token) {
    return ask(self, &unsubscribe, channel, on_unsubscribed, token);
}

/* ---- publishing ---- */

static bool on_published(void *owner, const struct pending *pending, const redisReply *reply) {
    struct redis *redis = owner;
    if (!reply || reply_is_error(reply)) {
        return redis_refused(redis, COMPLAINT_PUBLISH, "PUBLISH", pending->token, reply);
    }
    if (!reply_is_integer(reply)) { /* how many have got it: of no use, more of them listen elsewhere */
        return redis_confused(redis, pending->token);
    }
    redis_praise(redis, COMPLAINT_PUBLISH);
    redis_complete(redis, pending->token, WSHUB_OK);
    return true;
}

static int send_publish(struct redis *redis, const struct wshub_message *message, struct wshub_bytes head,
                        wshub_token token) {
    const struct argument arguments[] = {
        ARGUMENT("PUBLISH"), {redis->settings.prefix, message->channel}, {head, message->payload}};
    return connection_send(&redis->link.publisher, arguments, 3,
                           (struct pending){.fn = on_published, .token = token});
}

/* The payload alone could not say what place another broker has given to it. */
static bool needs_envelope(const struct redis *redis, const struct wshub_message *message) {
    return redis->settings.envelope || message->offset > 0;
}

/* One that has a place already got it from another broker. */
static bool has_history(const struct wshub_message *message) {
    return REDIS_KNOWS(message, history_ttl) && message->history_size > 0 && message->offset == 0;
}

int redis_publish(void *self, const struct wshub_message *message, wshub_token token) {
    enum { USUAL = 512 };
    struct redis *redis = self;
    char usual[USUAL];
    const bool enveloped = needs_envelope(redis, message);
    const size_t size = enveloped ? wshub_envelope_size(message) : 0;
    if (!link_is_up(&redis->link)) {
        return WSHUB_UNAVAILABLE;
    }
    if (message->payload.length > REDIS_PAYLOAD_MOST || (enveloped && size == 0)) {
        return WSHUB_TOO_LARGE;
    }
    if (has_history(message)) {
        return history_publish(redis, message, token);
    }
    char *head = size <= USUAL ? usual : malloc(size);
    if (!head) {
        return WSHUB_NO_MEMORY;
    }
    if (size) {
        wshub_envelope_write(message, head, size);
    }
    int status = send_publish(redis, message, (struct wshub_bytes){head, size}, token);
    if (head != usual) {
        free(head);
    }
    return status;
}

/* ---- deliveries ---- */

static bool is_message(const redisReply *reply) {
    return reply_is_array(reply, 3) && reply->elements == 3 && reply_says(reply->element[0], "message") &&
           reply_is_string(reply->element[1]) && reply_is_string(reply->element[2]);
}

static void deliver(struct redis *redis, struct wshub_bytes channel, struct wshub_bytes content) {
    const struct wshub_bytes prefix = redis->settings.prefix;
    struct wshub_message message = {.struct_size = sizeof message};
    if (channel.length <= prefix.length ||
        (prefix.length && memcmp(channel.data, prefix.data, prefix.length) != 0)) {
        return; /* never subscribed to */
    }
    message.channel =
        (struct wshub_bytes){(const char *)channel.data + prefix.length, channel.length - prefix.length};
    if (wshub_envelope_read(content, &message) == WSHUB_ENVELOPE_BROKEN) {
        redis_complain(
            redis, COMPLAINT_ENVELOPE,
            "messages are dropped: their envelope is damaged, or of a version that this hub does not "
            "know; is another hub on this Redis newer?");
        redis->host->lose(redis->host->self, message.channel);
        return;
    }
    message.previous = message.offset ? message.offset - 1 : 0;
    redis->host->deliver(redis->host->self, &message);
}

bool redis_on_push(void *owner, const redisReply *reply) {
    if (!is_message(reply)) {
        return false;
    }
    deliver(owner, reply_bytes(reply->element[1]), reply_bytes(reply->element[2]));
    return true;
}
