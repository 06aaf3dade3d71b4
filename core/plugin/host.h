// SPDX-License-Identifier: MIT
// What the hub keeps for every plugin that it has opened, whatever its kind: the services of wshub/host.h
// that are the same for all, the way in for the plugin's threads, and its calls. The first member of a struct
// broker and of a struct auth. For broker*.c and auth*.c; nobody else's.
#pragma once

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "loop/mailbox.h"
#include "plugin/calls.h"
#include "wshub/host.h"

struct host_timer;
struct host_watch;
struct log;
struct loop;
struct options;
struct plugin;

// What its log lines call it. Events are complete phrases, so that they can be searched for.
struct host_words {
    const char *field;   // that carries its name
    const char *slot;    // the field that carries the name of a slot
    const char *timeout; // the configuration's key
    const char *unopened, *unclosed, *refused, *left, *late, *strays;
};

struct host_setup { // all borrowed
    const struct host_words *words;
    const char *name, *instance_id;
    const struct plugin *plugin;
    const struct options *options;
    struct loop *loop;
    const struct log *log;
    uint64_t timeout; // ms: of every call, of open and of close
};

// From a thread of the plugin's to the hub thread; the first member of what is sent.
struct host_mail {
    struct mail mail; // its kind: the owner's begin at HOST_MAIL_OWNERS
    size_t size;
};

enum { HOST_MAIL_POSTED, HOST_MAIL_COMPLETED, HOST_MAIL_OWNERS };

// Takes what is in a mail of the owner's kinds, but not the mail. Also while the host closes.
typedef void (*host_mail_fn)(struct plugin_host *host, struct host_mail *mail);

struct plugin_host {
    struct host_setup setup;
    struct wshub_host services; // its self is this host
    struct calls calls;
    host_mail_fn on_mail;
    pthread_t thread; // the hub's
    struct mailbox *mailbox;
    atomic_size_t mailed; // bytes in it
    struct host_timer *timers;
    struct host_watch *watches;
    bool closing;
};

// Sets up a zeroed one with the services that are common to all. Its calls are ready but for those members
// that are their owner's. False: no memory or descriptors, and host_free is to be called all the same.
bool host_init(struct plugin_host *host, const struct host_setup *setup, host_mail_fn on_mail);
// Settles the calls that are left. Drops what the plugin's threads have posted, and what the plugin has left
// behind, with a logged complaint.
void host_free(struct plugin_host *host);

void host_tell_unopened(const struct plugin_host *host, const char *reason);
void host_tell_status(const struct plugin_host *host, int status); // that open has answered

// ---- any thread ----

bool host_is_here(const struct plugin_host *host);  // on the hub thread
bool host_has_room(const struct plugin_host *host); // for more mail
// `size` of all of it, a struct host_mail being its first member. NULL: no memory.
void *host_mail_new(int kind, size_t size);
void host_mail_send(struct plugin_host *host, struct host_mail *mail);
