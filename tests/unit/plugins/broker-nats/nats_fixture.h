// SPDX-License-Identifier: MIT
// The plugin under a host of its own, with a real server behind it. This plugin has threads: what they call
// becomes a mail to the test's loop.
#pragma once

#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "loop/mailbox.h"
#include "nats_server.h"
#include "plugin_host.h"
#include "util/clock.h"

#define OPTIONS(...) ((const char *const[]){__VA_ARGS__, NULL})

enum { FOUND_MOST = 4096 };

struct nats_host {
    struct plugin_host *host; // first: the services are given it
    struct mailbox *mailbox;
    pthread_t thread;
    pthread_mutex_t gate;    // deliveries wait while a test holds it
    struct wshub_host plain; // what plugin_host does on the loop's thread
    struct {
        char payload[64], epoch[32];
        uint64_t offset, previous;
    } found[FOUND_MOST]; // by the slot history
    size_t found_count;
    char epoch[32];
    uint64_t oldest, newest;
    unsigned positions;
};

static struct nats_host *nats_of_host(void *self); // by what the services are given

// ---- what the plugin's threads say ----

struct threaded_mail {
    struct mail mail;
    wshub_post_fn fn;
    void *context;
    wshub_token token;
    int status;
    struct wshub_message message;
    char bytes[];
};

enum { MAIL_POST, MAIL_COMPLETE, MAIL_DELIVER, MAIL_LOSE, MAIL_LOG };

static inline struct threaded_mail *threaded_mail_new(int kind, const struct wshub_message *from) {
    const struct wshub_bytes *parts[] = {&from->channel,     &from->payload, &from->sender,
                                         &from->sender_user, &from->exclude, &from->epoch};
    size_t total = 0;
    for (size_t i = 0; i < 6; i++) {
        total += parts[i]->length;
    }
    struct threaded_mail *mail = calloc(1, sizeof *mail + total + 1);
    assert_non_null(mail);
    mail->mail.kind = kind;
    mail->message = *from;
    struct wshub_bytes *copies[] = {&mail->message.channel,     &mail->message.payload, &mail->message.sender,
                                    &mail->message.sender_user, &mail->message.exclude, &mail->message.epoch};
    char *next = mail->bytes;
    for (size_t i = 0; i < 6; i++) {
        if (parts[i]->length) {
            memcpy(next, parts[i]->data, parts[i]->length);
        }
        copies[i]->data = next;
        next += parts[i]->length;
    }
    return mail;
}

static inline int threaded_post(void *self, wshub_post_fn fn, void *context) {
    struct threaded_mail *mail = threaded_mail_new(MAIL_POST, &(struct wshub_message){0});
    mail->fn = fn;
    mail->context = context;
    mailbox_post(nats_of_host(self)->mailbox, &mail->mail);
    return WSHUB_OK;
}

static inline void threaded_complete(void *self, wshub_token token, int status) {
    struct threaded_mail *mail = threaded_mail_new(MAIL_COMPLETE, &(struct wshub_message){0});
    mail->token = token;
    mail->status = status;
    mailbox_post(nats_of_host(self)->mailbox, &mail->mail);
}

static inline int threaded_deliver(void *self, const struct wshub_message *message) {
    pthread_mutex_lock(&nats_of_host(self)->gate);
    pthread_mutex_unlock(&nats_of_host(self)->gate);
    mailbox_post(nats_of_host(self)->mailbox, &threaded_mail_new(MAIL_DELIVER, message)->mail);
    return WSHUB_OK;
}

static inline void threaded_lose(void *self, struct wshub_bytes channel) {
    mailbox_post(nats_of_host(self)->mailbox,
                 &threaded_mail_new(MAIL_LOSE, &(struct wshub_message){.channel = channel})->mail);
}

static inline void threaded_log(void *self, enum wshub_log_level level, const char *text) {
    struct threaded_mail *mail =
        threaded_mail_new(MAIL_LOG, &(struct wshub_message){.payload = {text, strlen(text)}});
    mail->status = (int)level;
    mailbox_post(nats_of_host(self)->mailbox, &mail->mail);
}

static inline void on_threaded_mail(void *context, struct mail *received) {
    struct nats_host *nats = context;
    struct threaded_mail *mail = (struct threaded_mail *)(void *)received;
    const bool open = nats->host->self != NULL;
    switch (received->kind) {
    case MAIL_POST:
        if (open) { // what waits when close returns is dropped
            mail->fn(mail->context);
        }
        break;
    case MAIL_COMPLETE:
        if (open) {
            nats->plain.complete(nats->host, mail->token, mail->status);
        }
        break;
    case MAIL_DELIVER:
        nats->plain.deliver(nats->host, &mail->message);
        break;
    case MAIL_LOSE:
        nats->plain.lose(nats->host, mail->message.channel);
        break;
    case MAIL_LOG:
        nats->plain.log(nats->host, (enum wshub_log_level)mail->status, mail->message.payload.data);
        break;
    }
    free(mail);
}

// ---- what it says on the loop's thread alone ----

static inline void assert_loops_thread(void *self) {
    assert_true(pthread_equal(pthread_self(), nats_of_host(self)->thread));
}

static inline void checked_link(void *self, enum wshub_link_state state, const char *reason) {
    assert_loops_thread(self);
    nats_of_host(self)->plain.link(self, state, reason);
}

static inline void checked_entry(void *self, wshub_token token, struct wshub_bytes key,
                                 struct wshub_bytes value) {
    assert_loops_thread(self);
    nats_of_host(self)->plain.entry(self, token, key, value);
}

static inline void copy_text(char *out, size_t size, struct wshub_bytes bytes) {
    snprintf(out, size, "%.*s", (int)bytes.length, bytes.length ? (const char *)bytes.data : "");
}

static inline void checked_message(void *self, wshub_token token, const struct wshub_message *message) {
    struct nats_host *nats = nats_of_host(self);
    assert_loops_thread(self);
    assert_false(nats->host->calls[token].done);
    assert_true(nats->found_count < FOUND_MOST);
    copy_text(nats->found[nats->found_count].payload, 64, message->payload);
    copy_text(nats->found[nats->found_count].epoch, 32, message->epoch);
    nats->found[nats->found_count].offset = message->offset;
    nats->found[nats->found_count++].previous = message->previous;
}

static inline void checked_position(void *self, wshub_token token, struct wshub_bytes epoch, uint64_t oldest,
                                    uint64_t newest) {
    struct nats_host *nats = nats_of_host(self);
    assert_loops_thread(self);
    assert_false(nats->host->calls[token].done);
    copy_text(nats->epoch, sizeof nats->epoch, epoch);
    nats->oldest = oldest;
    nats->newest = newest;
    nats->positions++;
}

// ---- life ----

enum { NATS_HOSTS = 8 };
static struct nats_host *nats_hosts[NATS_HOSTS];

static inline struct nats_host *nats_of_host(void *self) {
    for (size_t i = 0; i < NATS_HOSTS; i++) {
        if (nats_hosts[i] && nats_hosts[i]->host == self) {
            return nats_hosts[i];
        }
    }
    fail_msg("a host that is not there");
    return NULL;
}

// Opens the plugin; says nothing of the link. `timeout`: of the hub, ms; 0: the usual one.
static inline struct nats_host *nats_open_within(uint64_t timeout, const char *const *options) {
    struct nats_host *nats = calloc(1, sizeof *nats);
    size_t place = 0;
    assert_non_null(nats);
    while (nats_hosts[place]) {
        assert_true(++place < NATS_HOSTS);
    }
    nats_hosts[place] = nats;
    nats->host = plugin_host_new(wshub_plugin_entry(), options);
    nats->thread = pthread_self();
    pthread_mutex_init(&nats->gate, NULL);
    nats->mailbox = mailbox_new(nats->host->loop, on_threaded_mail, nats);
    struct wshub_host *table = &nats->host->table;
    nats->plain = *table;
    table->log = threaded_log;
    table->post = threaded_post;
    table->deliver = threaded_deliver;
    table->complete = threaded_complete;
    table->lose = threaded_lose;
    table->link = checked_link;
    table->entry = checked_entry;
    table->message = checked_message;
    table->position = checked_position;
    table->timeout = timeout ? timeout : table->timeout;
    assert_int_equal(plugin_host_open(nats->host), WSHUB_OK);
    return nats;
}

static inline struct nats_host *nats_open(const char *const *options) {
    return nats_open_within(0, options);
}

static inline struct nats_host *nats_open_up(const char *const *options) {
    struct nats_host *nats = nats_open(options);
    plugin_host_wait_link(nats->host, WSHUB_LINK_UP);
    return nats;
}

static inline void nats_close(struct nats_host *nats) {
    if (nats->host->self) {
        plugin_host_close(nats->host);
    }
    pthread_mutex_destroy(&nats->gate);
    mailbox_free(nats->mailbox);
    plugin_host_free(nats->host);
    for (size_t i = 0; i < NATS_HOSTS; i++) {
        nats_hosts[i] = nats_hosts[i] == nats ? NULL : nats_hosts[i];
    }
    free(nats);
}

// ---- asking ----

static inline void assert_ends(struct nats_host *nats, wshub_token token, int status) {
    assert_int_equal(plugin_host_wait(nats->host, token), status);
}

static inline void assert_says(const char *text, const char *part) {
    if (!strstr(text, part)) {
        fail_msg("\"%s\" does not say \"%s\"", text, part);
    }
}

// Asks for the history of a channel; its messages are in `found`.
static inline int nats_history(struct nats_host *nats, const char *channel,
                               struct wshub_history_query query) {
    nats->found_count = 0;
    nats->positions = 0;
    query.struct_size = sizeof query;
    query.channel = (struct wshub_bytes){channel, strlen(channel)};
    const wshub_token token = ++nats->host->last;
    nats->host->pending++;
    const int status = nats->host->plugin->broker->history(nats->host->self, &query, token);
    return status == WSHUB_OK ? plugin_host_wait(nats->host, token) : status;
}

static inline int nats_publish_kept(struct nats_host *nats, const char *channel, const char *payload,
                                    uint64_t size, uint64_t ttl) {
    return plugin_host_wait(nats->host,
                            plugin_host_publish_message(nats->host, &(struct wshub_message){
                                                                        .channel = {channel, strlen(channel)},
                                                                        .payload = {payload, strlen(payload)},
                                                                        .history_size = size,
                                                                        .history_ttl = ttl,
                                                                    }));
}
