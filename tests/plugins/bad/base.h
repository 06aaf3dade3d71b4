/* SPDX-License-Identifier: MIT
 * A broker that does everything right, for plugins that do one thing wrong. It lives in its own process: all
 * that is opened there sees each other. A bad plugin is a file of a few lines, which ends with
 *
 *     BAD(what it changes of `ways`, `base_broker` or `base_plugin`)
 *
 * Slots copy what they are given into a work, and a timer runs the works, a few at a time: so the answers
 * come later, as they do from a real broker. Everything belongs to the hub thread. */
#ifndef BASE_H
#define BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wshub/wshub.h"

enum verb { SUBSCRIBE, UNSUBSCRIBE, PUBLISH, SET, DELETE, GET, LIST, HEARTBEAT, HISTORY };

struct work { /* what a slot was given, copied */
    struct work *next;
    enum verb verb;
    wshub_token token;
    uint64_t ttl;
    struct wshub_bytes value;     /* of a registry entry */
    struct wshub_message message; /* its channel is the name of every verb: channel, key or prefix */
    struct wshub_history_query query;
    char bytes[];
};

struct instance { /* one hub that has opened this plugin */
    const struct wshub_host *host;
    struct wshub_timer *timer;
    struct work *works, **end; /* in the order of the slots */
    struct subscription *subscriptions;
    void *extra; /* of a bad plugin */
};

struct kept { /* a message that the broker keeps */
    struct kept *next, *previous;
    uint64_t expires;              /* base_now */
    struct wshub_message *message; /* of base_copy */
};

struct subscription {
    struct subscription *next;           /* of the topic */
    struct subscription *after, *before; /* of the instance */
    struct topic *topic;
    struct instance *instance;
};

struct seen { /* a message that came with a key */
    struct seen *next;
    uint64_t expires, offset;
    struct wshub_bytes key;
    char bytes[];
};

struct topic {
    struct wshub_bytes name;
    struct seen *seen;
    struct subscription *subscriptions;
    struct kept *last_value;
    struct kept *oldest, *newest; /* the history */
    uint64_t count, offset;       /* messages in it, and the newest that it ever had */
    char bytes[];
};

struct record { /* of the registry */
    struct wshub_bytes name;
    struct wshub_bytes value;
    uint64_t expires; /* base_now */
    char bytes[];
};

/* How it does what it does; at first, right. */
struct ways {
    /* The order of names: 0 for those that are one to the broker. */
    int (*compare)(struct wshub_bytes a, struct wshub_bytes b);
    /* NULL: a message reaches its own channel only. Otherwise every channel that this says. */
    bool (*reaches)(struct wshub_bytes subscribed, struct wshub_bytes published);
    void (*deliver)(struct instance *to, const struct wshub_message *message);
    /* Does a work, and says with which status it ends; called for each in turn. */
    int (*run)(struct instance *instance, struct work *work);
    void (*complete)(struct instance *instance, struct work *work, int status);
    void (*found)(struct instance *to, struct work *work, struct wshub_bytes key, struct wshub_bytes value);
    void (*told)(struct instance *to, struct work *work, const struct wshub_message *message);
    /* Of a history, and of a publish. */
    void (*positioned)(struct instance *to, struct work *work, struct wshub_bytes epoch, uint64_t oldest,
                       uint64_t newest);
};
extern struct ways ways;

extern struct wshub_option base_options[7];
extern struct wshub_broker base_broker;
extern struct wshub_plugin base_plugin; /* BAD gives it its name */

/* ---- base.c: slots and works ---- */

int base_check(const struct wshub_host *host);
int base_open(const struct wshub_host *host, void **self);
void base_close(void *self);
int base_subscribe(void *self, struct wshub_bytes channel, wshub_token token);
int base_unsubscribe(void *self, struct wshub_bytes channel, wshub_token token);
int base_publish(void *self, const struct wshub_message *message, wshub_token token);
int base_set(void *self, struct wshub_bytes key, struct wshub_bytes value, uint64_t ttl, wshub_token token);
int base_delete(void *self, struct wshub_bytes key, wshub_token token);
int base_get(void *self, struct wshub_bytes key, wshub_token token);
int base_list(void *self, struct wshub_bytes prefix, wshub_token token);
int base_heartbeat(void *self, struct wshub_bytes key, struct wshub_bytes value, uint64_t ttl,
                   wshub_token token);
int base_history(void *self, const struct wshub_history_query *query, wshub_token token);

int base_run(struct instance *instance, struct work *work);
void base_complete(struct instance *instance, struct work *work, int status);
void base_positioned(struct instance *to, struct work *work, struct wshub_bytes epoch, uint64_t oldest,
                     uint64_t newest);
void base_deliver(struct instance *to, const struct wshub_message *message);
int base_compare(struct wshub_bytes a, struct wshub_bytes b);
uint64_t base_now(void); /* ms, monotonic */

/* For those that are wrong now and then. */
/* A host to be changed and opened with: all that theirs has. */
struct wshub_host base_host(const struct wshub_host *host);
struct wshub_bytes base_bytes(const char *text);
void base_sleep(unsigned milliseconds);
struct wshub_message *
base_copy(const struct wshub_message *message); /* one block, for free; NULL: no memory */

/* ---- topics.c and registry.c: what the broker has; these are what base_run calls ---- */

int topics_subscribe(struct instance *instance, struct work *work);
int topics_unsubscribe(struct instance *instance, struct work *work);
int topics_publish(struct instance *instance, struct work *work);
int topics_history(struct instance *instance, struct work *work);
void topics_greet(struct instance *instance, struct work *work); /* the last value, after the subscribe */
void topics_leave(struct instance *instance);                    /* ends all of its subscriptions */
struct topic *topics_find(struct wshub_bytes name);              /* NULL: there is none */

int registry_set(struct instance *instance, struct work *work);
int registry_delete(struct instance *instance, struct work *work);
int registry_get(struct instance *instance, struct work *work);
int registry_list(struct instance *instance, struct work *work);
int registry_heartbeat(struct instance *instance, struct work *work);

#define BAD(what)                                         \
    __attribute__((constructor)) static void bad(void) {  \
        base_plugin.name = PLUGIN_NAME;                   \
        what;                                             \
    }                                                     \
    const struct wshub_plugin *wshub_plugin_entry(void) { \
        return &base_plugin;                              \
    }

#endif
