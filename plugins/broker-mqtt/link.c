/* SPDX-License-Identifier: MIT */
#include "link.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "clock.h"

/* The host wants a first word within its timeout, which is 5 s unless it says otherwise. */
enum { FIRST_WORD_MS = 4000 };

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
    snprintf(link->told[link->told_count++ % LINK_TOLD], CLIENT_REASON, "%s", reason);
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

static void lose(struct link *link, const char *reason) {
    const bool was_up = link->phase == LINK_UP;
    link->phase = LINK_WAITING;
    if (was_up && clock_ms() - link->up_since >= link->settings->reconnect_max) {
        link->failures = 0; /* else it comes and goes: the pause goes on growing */
    }
    tell_down(link, reason);
    link->host->timer_start(link->host->self, link->pause, next_pause(link));
    link->failures++;
}

/* ---- connecting ---- */

/* The addresses of the name in turn, until one can at least be tried. */
static void try_from(struct link *link, size_t at, const char *reason) {
    char why[CLIENT_REASON];
    snprintf(why, sizeof why, "%s", reason);
    for (link->at = at; link->at < link->count; link->at++) {
        if (client_open(&link->client, link->addresses[link->at].text, link->settings->url.port, why,
                        sizeof why)) {
            return;
        }
    }
    lose(link, why);
}

void link_on_lost(struct link *link, const char *reason) {
    if (link->phase == LINK_CONNECTING) {
        try_from(link, link->at + 1, reason);
    } else {
        lose(link, reason);
    }
}

void link_ready(struct link *link) {
    link->phase = LINK_UP;
    link->up_since = clock_ms();
    link->told_count = 0;
    link->said = true;
    link->host->link(link->host->self, WSHUB_LINK_UP, NULL);
}

static void on_resolved(void *context, const struct resolved *addresses, size_t count, const char *why) {
    struct link *link = context;
    if (count) {
        memcpy(link->addresses, addresses, count * sizeof *addresses);
    }
    link->count = count;
    link->phase = LINK_CONNECTING;
    try_from(link, 0, why ? why : "");
}

static void begin(void *context) {
    struct link *link = context;
    link->phase = LINK_RESOLVING;
    resolver_ask(link->resolver, link->settings->url.host, on_resolved, link);
}

/* ---- life ---- */

static int make_tls(struct link *link) {
    char why[CLIENT_REASON];
    if (!link->settings->url.tls) {
        return WSHUB_OK;
    }
    link->tls = tls_new(link->settings, why, sizeof why);
    if (!link->tls) {
        link->host->log(link->host->self, WSHUB_LOG_ERROR, why);
    } else if (!link->settings->tls_verify) {
        link->host->log(link->host->self, WSHUB_LOG_WARN, "tls_verify is false: anybody may be the server");
    }
    return link->tls ? WSHUB_OK : WSHUB_INVALID;
}

int link_init(struct link *link, const struct wshub_host *host, const struct settings *settings,
              const struct client_hooks *hooks, const char *will) {
    link->host = host;
    link->settings = settings;
    link->pause = host->timer_new(host->self, begin, link);
    link->first_word = host->timer_new(host->self, on_first_word, link);
    link->resolver = resolver_new(host, settings->timeout);
    int status = make_tls(link);
    if (status != WSHUB_OK) {
        return status;
    }
    link->client = (struct client){
        .host = host, .settings = settings, .hooks = hooks, .owner = link, .tls = link->tls, .will = will};
    status = client_init(&link->client);
    return link->pause && link->first_word && link->resolver ? status : WSHUB_NO_MEMORY;
}

void link_start(struct link *link) {
    link->host->timer_start(link->host->self, link->first_word, first_word_of(link->host));
    begin(link);
}

void link_free(struct link *link) {
    const struct wshub_host *host = link->host;
    link->phase = LINK_WAITING;
    client_free(&link->client);
    resolver_free(link->resolver);
    host->timer_free(host->self, link->pause);
    host->timer_free(host->self, link->first_word);
    tls_free(link->tls);
}
