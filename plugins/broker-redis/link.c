/* SPDX-License-Identifier: MIT */
#include "link.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "clock.h"

/* The host wants a first word within its timeout, which is 5 s unless it says otherwise. */
enum { FIRST_WORD_MS = 4000 };

#define SLOW_READER "(stopped, or this reader was too slow for client-output-buffer-limit pubsub)"

static void begin(void *context);

/* ---- telling ---- */

static bool was_told(const struct link *link, const char *reason) {
    unsigned count = link->told_count < LINK_TOLD ? link->told_count : LINK_TOLD;
    for (unsigned i = 0; i < count; i++) {
        if (strcmp(link->told[i], reason) == 0) {
            return true;
        }
    }
    return false;
}

/* Each reason once in an outage, even when two take turns. */
static void tell_down(struct link *link, const char *reason) {
    if (was_told(link, reason)) {
        return;
    }
    snprintf(link->told[link->told_count++ % LINK_TOLD], CONNECTION_REASON, "%s", reason);
    link->said = true;
    link->host->link(link->host->self, WSHUB_LINK_DOWN, reason);
}

/* However patient the options are. */
static uint64_t first_word_of(const struct wshub_host *host) {
    const bool says = host->struct_size >= offsetof(struct wshub_host, timeout) + sizeof host->timeout;
    const uint64_t due = says ? host->timeout - host->timeout / 5 : 0;
    return due && due < FIRST_WORD_MS ? due : FIRST_WORD_MS;
}

static void on_first_word(void *context) {
    struct link *link = context;
    if (!link->said) {
        tell_down(link, "no answer from the server yet");
    }
}

/* ---- losing ---- */

/* Anything up to the pause that doubles with each failure, so that many hubs do not come back as one. */
static uint64_t next_pause(struct link *link) {
    uint64_t most = link->settings->reconnect_min;
    uint64_t random = 0;
    for (unsigned i = 0; i < link->failures && most < link->settings->reconnect_max; i++) {
        most *= 2;
    }
    most = most < link->settings->reconnect_max ? most : link->settings->reconnect_max;
    if (getrandom(&random, sizeof random, GRND_NONBLOCK) != sizeof random) {
        random = clock_ms();
    }
    return 1 + random % most;
}

void link_lose(struct link *link, const char *reason) {
    char why[CONNECTION_REASON]; /* the reason may be of what is closed here */
    const bool was_up = link_is_up(link);
    snprintf(why, sizeof why, "%s", reason);
    link->phase = LINK_WAITING;
    link->publisher_ready = false;
    connection_close(&link->publisher);
    connection_close(&link->subscriber);
    sentinel_distrust(&link->sentinel);
    if (was_up && clock_ms() - link->up_since >= link->settings->reconnect_max) {
        link->failures = 0; /* else it comes and goes: the pause goes on growing */
    }
    tell_down(link, why);
    link->host->timer_start(link->host->self, link->pause, next_pause(link));
    link->failures++;
}

void link_lose_master(struct link *link, const char *reason) {
    link->publisher_handshake.master = link->subscriber_handshake.master = true;
    link_lose(link, reason);
}

static void on_failed(void *owner, const char *reason) {
    link_lose(owner, reason);
}

/* Before it is ready, another address may be better. */
static void on_publisher_lost(void *owner, const char *reason) {
    struct link *link = owner;
    if (link->phase == LINK_CONNECTING && !link->publisher_ready) {
        dial_again(&link->dial, reason);
    } else {
        link_lose(link, reason);
    }
}

/* ---- connecting ---- */

static void on_publisher_open(void *owner) {
    handshake_begin(&((struct link *)owner)->publisher_handshake);
}

static void on_subscriber_open(void *owner) {
    handshake_begin(&((struct link *)owner)->subscriber_handshake);
}

static void on_publisher_ready(void *owner) {
    struct link *link = owner;
    char why[CONNECTION_REASON];
    link->publisher_ready = true;
    if (!connection_open(&link->subscriber, dial_address(&link->dial), link->tls, link->dial.name, why,
                         sizeof why)) {
        link_lose(link, why);
    }
}

static void on_subscriber_ready(void *owner) {
    struct link *link = owner;
    link->phase = LINK_UP;
    link->up_since = clock_ms();
    link->told_count = 0;
    link->said = true;
    link->on_up(link);
    link->host->link(link->host->self, WSHUB_LINK_UP, NULL);
}

static void on_master(void *context, const struct endpoint *master, const char *why) {
    struct link *link = context;
    if (!master) {
        link_lose(link, why);
        return;
    }
    link->phase = LINK_CONNECTING;
    dial_begin(&link->dial, master);
}

static void begin(void *context) {
    struct link *link = context;
    if (link->settings->sentinel_count) {
        link->phase = LINK_SEEKING;
        sentinel_ask(&link->sentinel, on_master, link);
    } else {
        link->phase = LINK_CONNECTING;
        dial_begin(&link->dial, &link->settings->server);
    }
}

/* ---- life ---- */

static void set_connections(struct link *link) {
    const struct settings *settings = link->settings;
    link->publisher = (struct connection){
        .host = link->host,
        .hooks = &link->publisher_hooks,
        .owner = link,
        .timeout = settings->timeout,
        .keepalive = settings->keepalive,
    };
    link->subscriber = link->publisher;
    link->subscriber.hooks = &link->subscriber_hooks;
    link->subscriber.hint = SLOW_READER;
}

static void set_handshakes(struct link *link) {
    link->publisher_handshake = (struct handshake){
        .connection = &link->publisher,
        .account = &link->settings->account,
        .master = link->settings->sentinel_count > 0,
        .sentinel = link->settings->sentinel_count > 0,
        .on_ready = on_publisher_ready,
    };
    link->subscriber_handshake = link->publisher_handshake;
    link->subscriber_handshake.connection = &link->subscriber;
    link->subscriber_handshake.on_ready = on_subscriber_ready;
    snprintf(link->publisher_handshake.name, sizeof link->publisher_handshake.name, "wshub-%s-pub",
             link->host->instance_id);
    snprintf(link->subscriber_handshake.name, sizeof link->subscriber_handshake.name, "wshub-%s-sub",
             link->host->instance_id);
}

static int make_tls(struct link *link) {
    char why[CONNECTION_REASON];
    if (!link->settings->tls) {
        return WSHUB_OK;
    }
    link->tls = tls_new(link->settings, why, sizeof why);
    if (!link->tls) {
        link->host->log(link->host->self, WSHUB_LOG_ERROR, why);
    }
    return link->tls ? WSHUB_OK : WSHUB_INVALID;
}

int link_init(struct link *link, const struct wshub_host *host, const struct settings *settings,
              bool (*on_push)(void *link, const redisReply *reply), void (*on_up)(struct link *link)) {
    link->host = host;
    link->settings = settings;
    link->on_up = on_up;
    link->publisher_hooks =
        (struct connection_hooks){.on_open = on_publisher_open, .on_lost = on_publisher_lost};
    link->subscriber_hooks =
        (struct connection_hooks){.on_open = on_subscriber_open, .on_push = on_push, .on_lost = on_failed};
    set_connections(link);
    set_handshakes(link);
    link->pause = host->timer_new(host->self, begin, link);
    link->first_word = host->timer_new(host->self, on_first_word, link);
    link->resolver = resolver_new(host, settings->timeout);
    int status = make_tls(link);
    if (status != WSHUB_OK) {
        return status;
    }
    link->dial = (struct dial){
        .resolver = link->resolver, .connection = &link->publisher, .tls = link->tls, .on_failed = on_failed};
    bool made = link->pause && link->first_word && link->resolver && connection_init(&link->publisher) &&
                connection_init(&link->subscriber) &&
                sentinel_init(&link->sentinel, host, settings, link->resolver, link->tls);
    return made ? WSHUB_OK : WSHUB_NO_MEMORY;
}

void link_start(struct link *link) {
    link->host->timer_start(link->host->self, link->first_word, first_word_of(link->host));
    begin(link);
}

void link_free(struct link *link) {
    const struct wshub_host *host = link->host;
    link->phase = LINK_WAITING;
    connection_free(&link->publisher);
    connection_free(&link->subscriber);
    sentinel_free(&link->sentinel);
    resolver_free(link->resolver);
    host->timer_free(host->self, link->pause);
    host->timer_free(host->self, link->first_word);
    tls_free(link->tls);
}
