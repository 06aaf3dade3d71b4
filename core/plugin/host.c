// SPDX-License-Identifier: MIT
// The services of wshub/host.h that every plugin has. What a plugin calls from a thread of its own becomes a
// mail to the hub thread; everything else is done at once.
#include "plugin/host.h"

#include <stdio.h>
#include <stdlib.h>

#include "loop/timer.h"
#include "loop/watch.h"
#include "plugin/options.h"
#include "plugin/plugin.h"
#include "plugin/status.h"
#include "util/log.h"
#include "wshub/abi.h"

enum { MAILED_MAX = 64 * 1024 * 1024 }; // bytes that the plugin's threads may be ahead of the hub thread

// ---- log and options: any thread ----

static struct log_field name_of(const struct plugin_host *host) {
    return log_text(host->setup.words->field, host->setup.name);
}

static void host_log(void *self, enum wshub_log_level level, const char *text) {
    struct plugin_host *host = self;
    bool known = level >= WSHUB_LOG_DEBUG && level <= WSHUB_LOG_ERROR;
    log_event(host->setup.log, known ? (enum log_level)level : LOG_ERROR, text,
              (const struct log_field[]){name_of(host)}, 1);
}

static const char *host_option_text(void *self, const char *name) {
    struct plugin_host *host = self;
    return options_text(host->setup.options, name);
}

static uint64_t host_option_number(void *self, const char *name) {
    struct plugin_host *host = self;
    return options_number(host->setup.options, name);
}

// `wshub check` and `serve` have asked the plugin's check before: this one is found out only by opening.
static void host_option_refuse(void *self, const char *name, const char *expected) {
    struct plugin_host *host = self;
    log_error(host->setup.log, host->setup.words->refused, name_of(host), log_text("option", name),
              log_text("expected", expected));
}

void host_tell_unopened(const struct plugin_host *host, const char *reason) {
    const struct plugin *plugin = host->setup.plugin;
    log_error(host->setup.log, host->setup.words->unopened, name_of(host),
              log_text("plugin", plugin->about.name), log_text("file", plugin->file),
              log_text("reason", reason));
}

void host_tell_status(const struct plugin_host *host, int status) {
    char reason[128];
    snprintf(reason, sizeof reason, "open() answered %d: %s", status, status_text(status));
    host_tell_unopened(host, reason);
}

// ---- from the plugin's threads ----

struct posted {
    struct host_mail head;
    wshub_post_fn fn;
    void *context;
};

struct completed {
    struct host_mail head;
    wshub_token token;
    int status;
};

bool host_is_here(const struct plugin_host *host) {
    return pthread_equal(pthread_self(), host->thread);
}

bool host_has_room(const struct plugin_host *host) {
    return atomic_load(&host->mailed) < MAILED_MAX;
}

void *host_mail_new(int kind, size_t size) {
    struct host_mail *mail = malloc(size);
    if (mail) {
        mail->mail.kind = kind;
        mail->size = size;
    }
    return mail;
}

void host_mail_send(struct plugin_host *host, struct host_mail *mail) {
    atomic_fetch_add(&host->mailed, mail->size);
    mailbox_post(host->mailbox, &mail->mail);
}

static int host_post(void *self, wshub_post_fn fn, void *context) {
    struct posted *posted = host_mail_new(HOST_MAIL_POSTED, sizeof *posted);
    if (!posted) {
        return WSHUB_NO_MEMORY;
    }
    posted->fn = fn;
    posted->context = context;
    host_mail_send(self, &posted->head);
    return WSHUB_OK;
}

// Without memory for the mail the deadline settles the call.
static void host_complete(void *self, wshub_token token, int status) {
    struct plugin_host *host = self;
    if (host_is_here(host)) {
        calls_complete(&host->calls, token, status);
        return;
    }
    struct completed *completed = host_mail_new(HOST_MAIL_COMPLETED, sizeof *completed);
    if (completed) {
        completed->token = token;
        completed->status = status;
        host_mail_send(host, &completed->head);
    }
}

static void take_posted(const struct host_mail *mail) {
    const struct posted *posted = (const struct posted *)(const void *)mail;
    posted->fn(posted->context);
}

static void take_completed(struct plugin_host *host, const struct host_mail *mail) {
    const struct completed *completed = (const struct completed *)(const void *)mail;
    calls_complete(&host->calls, completed->token, completed->status);
}

static void on_mail(void *context, struct mail *mail) {
    struct plugin_host *host = context;
    struct host_mail *from = (struct host_mail *)(void *)mail; // mail is the first member
    atomic_fetch_sub(&host->mailed, from->size);
    if (mail->kind >= HOST_MAIL_OWNERS) {
        host->on_mail(host, from);
    } else if (!host->closing && mail->kind == HOST_MAIL_POSTED) {
        take_posted(from);
    } else if (!host->closing) {
        take_completed(host, from);
    }
    free(from);
}

// ---- timers and watches ----

struct host_timer {
    struct timer *timer;
    wshub_timer_fn fn;
    void *context;
    struct host_timer *previous, *next;
};

struct host_watch {
    struct watch watch;
    wshub_watch_fn fn;
    void *context;
    unsigned events;
    bool closed;
    struct host_watch *previous, *next;
};

#define LINK(list, item)               \
    do {                               \
        (item)->previous = NULL;       \
        (item)->next = (list);         \
        if (list) {                    \
            (list)->previous = (item); \
        }                              \
        (list) = (item);               \
    } while (0)

#define UNLINK(list, item)                                                      \
    do {                                                                        \
        *((item)->previous ? &(item)->previous->next : &(list)) = (item)->next; \
        if ((item)->next) {                                                     \
            (item)->next->previous = (item)->previous;                          \
        }                                                                       \
    } while (0)

static void on_timer(void *context) {
    struct host_timer *timer = context;
    timer->fn(timer->context);
}

static struct wshub_timer *host_timer_new(void *self, wshub_timer_fn fn, void *context) {
    struct plugin_host *host = self;
    struct host_timer *timer = calloc(1, sizeof *timer);
    if (!timer) {
        return NULL;
    }
    timer->timer = timer_new(host->setup.loop, on_timer, timer);
    if (!timer->timer) {
        free(timer);
        return NULL;
    }
    timer->fn = fn;
    timer->context = context;
    LINK(host->timers, timer);
    return (struct wshub_timer *)(void *)timer;
}

static void host_timer_start(void *self, struct wshub_timer *timer, uint64_t delay) {
    (void)self;
    timer_start(((struct host_timer *)(void *)timer)->timer, delay, 0);
}

static void host_timer_stop(void *self, struct wshub_timer *timer) {
    (void)self;
    timer_stop(((struct host_timer *)(void *)timer)->timer);
}

static void host_timer_free(void *self, struct wshub_timer *theirs) {
    struct plugin_host *host = self;
    struct host_timer *timer = (struct host_timer *)(void *)theirs;
    if (timer) {
        UNLINK(host->timers, timer);
        timer_free(timer->timer);
        free(timer);
    }
}

// An error of the descriptor shows itself to whoever reads or writes, once all that came before it is read.
// The loop has stopped watching it by then.
static void on_watch(void *owner, int events, bool error) {
    struct host_watch *watch = owner;
    unsigned told = error ? watch->events : (unsigned)events & watch->events;
    if (error && !watch->closed) {
        watch_set(&watch->watch, (int)watch->events);
    }
    if (told && !watch->closed) {
        watch->fn(watch->context, told);
    }
}

static void on_watch_closed(void *owner) {
    free(owner);
}

static struct wshub_watch *host_watch_new(void *self, int fd, wshub_watch_fn fn, void *context) {
    struct plugin_host *host = self;
    struct host_watch *watch = calloc(1, sizeof *watch);
    if (!watch) {
        return NULL;
    }
    if (watch_open(&watch->watch, host->setup.loop, fd, on_watch, watch) != 0) {
        free(watch);
        return NULL;
    }
    watch->fn = fn;
    watch->context = context;
    LINK(host->watches, watch);
    return (struct wshub_watch *)(void *)watch;
}

static void host_watch_set(void *self, struct wshub_watch *theirs, unsigned events) {
    struct host_watch *watch = (struct host_watch *)(void *)theirs;
    (void)self;
    if (watch->events != events) {
        watch->events = events;
        watch_set(&watch->watch, (int)events);
    }
}

static void host_watch_free(void *self, struct wshub_watch *theirs) {
    struct plugin_host *host = self;
    struct host_watch *watch = (struct host_watch *)(void *)theirs;
    if (watch) {
        UNLINK(host->watches, watch);
        watch->closed = true;
        watch_close(&watch->watch, on_watch_closed);
    }
}

_Static_assert((int)WSHUB_WATCH_READ == WATCH_READ && (int)WSHUB_WATCH_WRITE == WATCH_WRITE,
               "events are passed through");

// ---- life ----

bool host_init(struct plugin_host *host, const struct host_setup *setup, host_mail_fn on_owners_mail) {
    host->setup = *setup;
    host->on_mail = on_owners_mail;
    host->thread = pthread_self();
    host->calls.host = host;
    calls_init(&host->calls);
    host->services = (struct wshub_host){
        .struct_size = sizeof host->services,
        .abi_minor = WSHUB_ABI_MINOR,
        .self = host,
        .instance_id = setup->instance_id,
        .name = setup->name,
        .log = host_log,
        .option_text = host_option_text,
        .option_number = host_option_number,
        .option_refuse = host_option_refuse,
        .post = host_post,
        .complete = host_complete,
        .timer_new = host_timer_new,
        .timer_start = host_timer_start,
        .timer_stop = host_timer_stop,
        .timer_free = host_timer_free,
        .watch_new = host_watch_new,
        .watch_set = host_watch_set,
        .watch_free = host_watch_free,
        .timeout = setup->timeout,
    };
    host->mailbox = mailbox_new(setup->loop, on_mail, host);
    if (!host->mailbox) {
        log_error(setup->log, "out of memory or descriptors");
    }
    return host->mailbox != NULL;
}

static void free_left(struct plugin_host *host) {
    if (host->timers || host->watches) {
        log_error(host->setup.log, host->setup.words->left, name_of(host),
                  log_text("file", host->setup.plugin->file));
    }
    while (host->timers) {
        host_timer_free(host, (struct wshub_timer *)(void *)host->timers);
    }
    while (host->watches) {
        host_watch_free(host, (struct wshub_watch *)(void *)host->watches);
    }
}

void host_free(struct plugin_host *host) {
    host->closing = true;
    calls_free(&host->calls);
    free_left(host);
    if (host->mailbox) {
        mailbox_free(host->mailbox);
    }
}
