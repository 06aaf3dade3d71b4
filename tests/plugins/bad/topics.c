/* SPDX-License-Identifier: MIT
 * The broker's channels: who has subscribed, and what is kept. A topic that nobody needs is gone. */
#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base.h"

static void *topics; /* of tsearch */

static int compare(const void *a, const void *b) {
    return ways.compare(((const struct topic *)a)->name, ((const struct topic *)b)->name);
}

struct topic *topics_find(struct wshub_bytes name) {
    const struct topic key = {.name = name};
    void *node = tfind(&key, &topics, compare);
    return node ? *(struct topic **)node : NULL;
}

static struct topic *make(struct wshub_bytes name) {
    struct topic *topic = calloc(1, sizeof *topic + name.length);
    if (!topic) {
        return NULL;
    }
    memcpy(topic->bytes, name.data, name.length);
    topic->name = (struct wshub_bytes){topic->bytes, name.length};
    if (!tsearch(topic, &topics, compare)) {
        free(topic);
        return NULL;
    }
    return topic;
}

static struct topic *find_or_make(struct wshub_bytes name) {
    struct topic *topic = topics_find(name);
    return topic ? topic : make(name);
}

/* One that had a history stays: its offsets must not begin anew. */
static void drop_unneeded(struct topic *topic) {
    if (!topic->subscriptions && !topic->last_value && topic->offset == 0) {
        tdelete(topic, &topics, compare);
        free(topic);
    }
}

/* ---- subscriptions ---- */

static struct subscription **find_subscription(struct topic *topic, const struct instance *instance) {
    struct subscription **at = &topic->subscriptions;
    while (*at && (*at)->instance != instance) {
        at = &(*at)->next;
    }
    return at;
}

static struct subscription *subscription_new(struct topic *topic, struct instance *instance) {
    struct subscription *subscription = calloc(1, sizeof *subscription);
    if (subscription) {
        subscription->topic = topic;
        subscription->instance = instance;
        subscription->after = instance->subscriptions;
        if (subscription->after) {
            subscription->after->before = subscription;
        }
        instance->subscriptions = subscription;
    }
    return subscription;
}

int topics_subscribe(struct instance *instance, struct work *work) {
    struct topic *topic = find_or_make(work->message.channel);
    if (!topic) {
        return WSHUB_NO_MEMORY;
    }
    struct subscription **at = find_subscription(topic, instance);
    if (*at || (*at = subscription_new(topic, instance))) {
        return WSHUB_OK;
    }
    drop_unneeded(topic);
    return WSHUB_NO_MEMORY;
}

static void leave(struct subscription *subscription) {
    struct instance *instance = subscription->instance;
    *find_subscription(subscription->topic, instance) = subscription->next;
    *(subscription->before ? &subscription->before->after : &instance->subscriptions) = subscription->after;
    if (subscription->after) {
        subscription->after->before = subscription->before;
    }
    drop_unneeded(subscription->topic);
    free(subscription);
}

int topics_unsubscribe(struct instance *instance, struct work *work) {
    struct topic *topic = topics_find(work->message.channel);
    struct subscription *subscription = topic ? *find_subscription(topic, instance) : NULL;
    if (subscription) {
        leave(subscription);
    }
    return WSHUB_OK;
}

void topics_leave(struct instance *instance) {
    while (instance->subscriptions) {
        leave(instance->subscriptions);
    }
}

/* ---- what is kept ---- */

static struct kept *kept_new(const struct wshub_message *message, uint64_t ttl) {
    struct wshub_message *copy = base_copy(message);
    struct kept *kept = copy ? calloc(1, sizeof *kept) : NULL;
    if (!kept) {
        free(copy);
        return NULL;
    }
    kept->message = copy;
    kept->expires = ttl == 0 || ttl > UINT64_MAX / 2 ? UINT64_MAX : base_now() + ttl;
    copy->flags = 0;
    copy->history_size = copy->history_ttl = copy->key_ttl = 0;
    copy->key.length = 0;
    return kept;
}

static void kept_free(struct kept *kept) {
    if (kept) {
        free(kept->message);
        free(kept);
    }
}

static void history_evict(struct topic *topic, uint64_t most) {
    uint64_t now = base_now();
    while (topic->oldest && (topic->count > most || topic->oldest->expires <= now)) {
        struct kept *oldest = topic->oldest;
        topic->oldest = oldest->next;
        *(topic->oldest ? &topic->oldest->previous : &topic->newest) = NULL;
        topic->count--;
        kept_free(oldest);
    }
}

static void history_append(struct topic *topic, struct kept *kept, uint64_t most) {
    kept->previous = topic->newest;
    *(topic->newest ? &topic->newest->next : &topic->oldest) = kept;
    topic->newest = kept;
    topic->count++;
    history_evict(topic, most);
}

/* The history is this process's: another process, another epoch. */
static struct wshub_bytes epoch(void) {
    static char text[32];
    if (!text[0]) {
        snprintf(text, sizeof text, "%d-%llu", (int)getpid(), (unsigned long long)base_now());
    }
    return base_bytes(text);
}

/* ---- publishing ---- */

static void deliver_to_topic(const struct topic *topic, const struct wshub_message *message) {
    struct wshub_message here = *message;
    here.channel = topic->name;
    for (struct subscription *at = topic->subscriptions; at; at = at->next) {
        ways.deliver(at->instance, &here);
    }
}

void topics_greet(struct instance *instance, struct work *work) {
    struct topic *topic = topics_find(work->message.channel);
    if (topic && topic->last_value) {
        struct wshub_message message = *topic->last_value->message;
        message.flags = WSHUB_MESSAGE_LAST_VALUE;
        ways.deliver(instance, &message);
    }
}

static void deliver_if_reached(const void *node, VISIT visit, void *context) {
    const struct topic *topic = *(struct topic *const *)node;
    const struct wshub_message *message = context;
    if ((visit == postorder || visit == leaf) && ways.reaches(topic->name, message->channel)) {
        deliver_to_topic(topic, message);
    }
}

static void deliver_all(struct topic *topic, struct wshub_message *message) {
    if (ways.reaches) {
        twalk_r(topics, deliver_if_reached, message);
    } else if (topic) {
        deliver_to_topic(topic, message);
    }
}

/* What is kept of it, before anybody hears of it: false is no memory. */
static bool keep(struct topic *topic, struct wshub_message *message) {
    uint64_t size = message->history_size;
    if (size > 0) {
        message->epoch = epoch();
        message->previous = topic->offset;
        message->offset = topic->offset + 1;
        struct kept *kept = kept_new(message, message->history_ttl);
        if (!kept) {
            return false;
        }
        topic->offset++;
        history_append(topic, kept, size);
    }
    if (message->flags & WSHUB_MESSAGE_LAST_VALUE) {
        struct kept *kept = kept_new(message, 0);
        if (!kept) {
            return false;
        }
        kept_free(topic->last_value);
        topic->last_value = kept;
    }
    return true;
}

/* ---- keys ---- */

/* NULL: it is not known. Those whose time is over go on the way. */
static const struct seen *find_seen(struct topic *topic, struct wshub_bytes key) {
    uint64_t now = base_now();
    for (struct seen **at = &topic->seen, *seen; (seen = *at);) {
        if (seen->expires <= now) {
            *at = seen->next;
            free(seen);
        } else if (seen->key.length == key.length && memcmp(seen->key.data, key.data, key.length) == 0) {
            return seen;
        } else {
            at = &seen->next;
        }
    }
    return NULL;
}

static struct seen *seen_new(const struct wshub_message *message) {
    struct seen *seen = malloc(sizeof *seen + message->key.length);
    if (seen) {
        memcpy(seen->bytes, message->key.data, message->key.length);
        seen->key = (struct wshub_bytes){seen->bytes, message->key.length};
        seen->expires = base_now() + message->key_ttl;
    }
    return seen;
}

/* Keeps it, under its key if it has one. */
static bool keep_once(struct topic *topic, struct wshub_message *message) {
    bool has_key = message->history_size > 0 && message->key.length > 0;
    struct seen *seen = has_key ? seen_new(message) : NULL;
    if ((has_key && !seen) || !keep(topic, message)) {
        free(seen);
        return false;
    }
    if (seen) {
        seen->offset = message->offset;
        seen->next = topic->seen;
        topic->seen = seen;
    }
    return true;
}

static void forget_seen(struct topic *topic) {
    while (topic->seen) {
        struct seen *seen = topic->seen;
        topic->seen = seen->next;
        free(seen);
    }
}

int topics_publish(struct instance *instance, struct work *work) {
    struct wshub_message *message = &work->message;
    bool has_history = message->history_size > 0;
    bool keeps = has_history || message->flags & WSHUB_MESSAGE_LAST_VALUE;
    struct topic *topic = keeps ? find_or_make(message->channel) : topics_find(message->channel);
    const struct seen *seen =
        topic && has_history && message->key.length > 0 ? find_seen(topic, message->key) : NULL;
    if (seen) {
        ways.positioned(instance, work, epoch(), 0, seen->offset);
        return WSHUB_OK;
    }
    if (keeps && (!topic || !keep_once(topic, message))) {
        return WSHUB_NO_MEMORY;
    }
    message->flags = 0;
    message->history_size = message->history_ttl = 0;
    deliver_all(topic, message);
    if (has_history) {
        ways.positioned(instance, work, epoch(), 0, message->offset);
    }
    return WSHUB_OK;
}

/* ---- reading the history ---- */

static bool is_asked_for(const struct wshub_history_query *query, const struct kept *kept) {
    bool backwards = query->flags & WSHUB_HISTORY_BACKWARDS;
    uint64_t offset = kept->message->offset;
    return query->after == 0 || (backwards ? offset < query->after : offset > query->after);
}

static void tell_messages(struct instance *instance, struct work *work, const struct topic *topic) {
    const struct wshub_history_query *query = &work->query;
    bool backwards = query->flags & WSHUB_HISTORY_BACKWARDS;
    uint64_t left = query->limit;
    const struct kept *kept = backwards ? topic->newest : topic->oldest;
    for (; kept && left > 0; kept = backwards ? kept->previous : kept->next) {
        if (is_asked_for(query, kept)) {
            ways.told(instance, work, kept->message);
            left--;
        }
    }
}

int topics_history(struct instance *instance, struct work *work) {
    struct topic *topic = topics_find(work->message.channel);
    uint64_t oldest = 0, newest = 0;
    if (topic) {
        history_evict(topic, work->query.size > 0 ? work->query.size : UINT64_MAX);
        tell_messages(instance, work, topic);
        oldest = topic->oldest ? topic->oldest->message->offset : 0;
        newest = topic->offset;
    }
    ways.positioned(instance, work, epoch(), oldest, newest);
    return WSHUB_OK;
}

/* ---- the end of the process ---- */

__attribute__((destructor)) static void forget(void) {
    while (topics) {
        struct topic *topic = *(struct topic **)topics;
        tdelete(topic, &topics, compare);
        history_evict(topic, 0);
        kept_free(topic->last_value);
        forget_seen(topic);
        free(topic);
    }
}
