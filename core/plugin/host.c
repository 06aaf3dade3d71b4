// SPDX-License-Identifier: MIT
// The services of wshub/host.h. What a plugin calls from a thread of its own becomes a mail to the hub
// thread; everything else is done at once.
#include <stdlib.h>
#include <string.h>

#include "loop/mailbox.h"
#include "loop/timer.h"
#include "loop/watch.h"
#include "plugin/broker_priv.h"
#include "plugin/options.h"
#include "plugin/plugin.h"
#include "util/log.h"
#include "wshub/abi.h"

enum { MAILED_MAX = 64 * 1024 * 1024 }; // bytes that the plugin's threads may be ahead of the hub thread

// ---- log and options: any thread ----

static void host_log(void *self, enum wshub_log_level level, const char *text) {
    struct broker *broker = self;
    bool known = level >= WSHUB_LOG_DEBUG && level <= WSHUB_LOG_ERROR;
    log_event(broker->setup.log, known ? (enum log_level)level : LOG_ERROR, text,
              &log_text("broker", broker->setup.name), 1);
}

static const char *host_option_text(void *self, const char *name) {
    struct broker *broker = self;
    return options_text(broker->setup.options, name);
}

static uint64_t host_option_number(void *self, const char *name) {
    struct broker *broker = self;
    return options_number(broker->setup.options, name);
}

// `wshub check` and `serve` have asked the plugin's check before: this one is found out only by opening.
static void host_option_refuse(void *self, const char *name, const char *expected) {
    struct broker *broker = self;
    log_error(broker->setup.log, "broker option cannot be used", log_text("broker", broker->setup.name),
              log_text("option", name), log_text("expected", expected));
}

// ---- from the plugin's threads ----

enum host_mail_kind { POSTED, DELIVERED, COMPLETED, LOST };

struct host_mail {
    struct mail mail;
    size_t size;
    union {
        struct {
            wshub_post_fn fn;
            void *context;
        } post;
        struct wshub_message message; // its bytes stand behind
        struct {
            wshub_token token;
            int status;
        } completion;
    };
    char bytes[];
};

static bool is_on_hub_thread(const struct broker *broker) {
    return pthread_equal(pthread_self(), broker->thread);
}

static struct host_mail *new_mail(enum host_mail_kind kind, size_t bytes) {
    struct host_mail *mail = malloc(sizeof *mail + bytes);
    if (mail) {
        mail->mail.kind = kind;
        mail->size = sizeof *mail + bytes;
    }
    return mail;
}

static void send(struct broker *broker, struct host_mail *mail) {
    atomic_fetch_add(&broker->mailed, mail->size);
    mailbox_post(broker->mailbox, &mail->mail);
}

static int host_post(void *self, wshub_post_fn fn, void *context) {
    struct broker *broker = self;
    struct host_mail *mail = new_mail(POSTED, 0);
    if (!mail) {
        return WSHUB_NO_MEMORY;
    }
    mail->post.fn = fn;
    mail->post.context = context;
    send(broker, mail);
    return WSHUB_OK;
}

// The parts of a message that are bytes: what a plugin of an older minor did not have is empty.
static size_t parts_of(struct wshub_message *message, struct wshub_bytes *parts[6]) {
    struct wshub_bytes *const all[] = {&message->channel,     &message->payload, &message->sender,
                                       &message->sender_user, &message->exclude, &message->epoch};
    size_t total = 0;
    for (size_t i = 0; i < 6; i++) {
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

static int deliver_by_mail(struct broker *broker, const struct wshub_message *theirs) {
    struct wshub_message message = widen(theirs);
    struct wshub_bytes *parts[6];
    size_t total = parts_of(&message, parts);
    struct host_mail *mail = atomic_load(&broker->mailed) < MAILED_MAX ? new_mail(DELIVERED, total) : NULL;
    if (!mail) {
        atomic_store(&broker->overrun, true); // the hub thread will look
        return WSHUB_NO_MEMORY;
    }
    char *next = mail->bytes;
    for (size_t i = 0; i < 6; i++) {
        if (parts[i]->length > 0) {
            memcpy(next, parts[i]->data, parts[i]->length);
        }
        parts[i]->data = next;
        next += parts[i]->length;
    }
    mail->message = message;
    send(broker, mail);
    return WSHUB_OK;
}

static int deliver(struct broker *broker, const struct wshub_message *message) {
    if (broker->closing) {
        return WSHUB_OK; // whom it was for has gone before
    }
    int status = broker->setup.listener.on_deliver(broker->setup.listener.context, broker, message);
    if (status != WSHUB_OK) {
        counter_add(&broker->stats.dropped, 1);
    }
    return status;
}

static int host_deliver(void *self, const struct wshub_message *message) {
    struct broker *broker = self;
    if (!is_on_hub_thread(broker)) {
        return deliver_by_mail(broker, message);
    }
    if (message->struct_size >= sizeof *message) {
        return deliver(broker, message);
    }
    struct wshub_message wide = widen(message);
    return deliver(broker, &wide);
}

// Without memory for the mail the deadline settles the call.
static void host_complete(void *self, wshub_token token, int status) {
    struct broker *broker = self;
    if (is_on_hub_thread(broker)) {
        calls_complete(broker, token, status);
        return;
    }
    struct host_mail *mail = new_mail(COMPLETED, 0);
    if (mail) {
        mail->completion.token = token;
        mail->completion.status = status;
        send(broker, mail);
    }
}

void host_tell_loss(struct broker *broker, struct wshub_bytes channel) {
    if (broker->closing) {
        return;
    }
    counter_add(&broker->stats.dropped, 1);
    if (broker->setup.listener.on_loss) {
        broker->setup.listener.on_loss(broker->setup.listener.context, broker, channel);
    }
}

static void host_lose(void *self, struct wshub_bytes channel) {
    struct broker *broker = self;
    if (is_on_hub_thread(broker)) {
        host_tell_loss(broker, channel);
        return;
    }
    struct host_mail *mail =
        atomic_load(&broker->mailed) < MAILED_MAX ? new_mail(LOST, channel.length) : NULL;
    if (!mail) {
        atomic_store(&broker->overrun, true);
        return;
    }
    if (channel.length > 0) {
        memcpy(mail->bytes, channel.data, channel.length);
    }
    mail->message.channel = (struct wshub_bytes){mail->bytes, channel.length};
    send(broker, mail);
}

static void on_mail(void *context, struct mail *mail) {
    struct broker *broker = context;
    struct host_mail *from = (struct host_mail *)(void *)mail; // mail is the first member
    atomic_fetch_sub(&broker->mailed, from->size);
    if (!broker->closing) {
        switch ((enum host_mail_kind)mail->kind) {
        case POSTED:
            from->post.fn(from->post.context);
            break;
        case DELIVERED:
            deliver(broker, &from->message);
            break;
        case LOST:
            host_tell_loss(broker, from->message.channel);
            break;
        case COMPLETED:
            calls_complete(broker, from->completion.token, from->completion.status);
            break;
        }
    }
    free(from);
}

// ---- what a registry and a history have found ----

// NULL: its answer is not awaited, or not any more.
static struct call *find_awaited(struct broker *broker, wshub_token token) {
    return broker->closing ? NULL : calls_find(broker, token);
}

static void host_entry(void *self, wshub_token token, struct wshub_bytes key, struct wshub_bytes value) {
    const struct call *call = find_awaited(self, token);
    if (call && call->entry) {
        call->entry(call->reply.context, call->reply.argument, key, value);
    }
}

static void host_message(void *self, wshub_token token, const struct wshub_message *theirs) {
    const struct call *call = find_awaited(self, token);
    if (call && call->message) {
        struct wshub_message message = widen(theirs);
        call->message(call->reply.context, call->reply.argument, &message);
    }
}

static void host_position(void *self, wshub_token token, struct wshub_bytes epoch, uint64_t oldest,
                          uint64_t newest) {
    struct call *call = find_awaited(self, token);
    if (call && call->position) {
        broker_position_fn position = call->position;
        call->position = NULL;
        position(call->reply.context, call->reply.argument, epoch, oldest, newest);
    }
}

// ---- the link ----

enum { REASONS_TOLD = 3 }; // of one outage

static void tell_link(const struct broker *broker, enum log_level level, const char *event,
                      const char *reason) {
    log_event(broker->setup.log, level, event,
              (const struct log_field[]){log_text("broker", broker->setup.name),
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
    if (broker->closing) {
        return;
    }
    tell_change(broker, up, reason);
    counter_add(&broker->stats.link_losses, broker->up && !up);
    broker->up = up;
    broker->link_told = true;
    counter_set(&broker->stats.link_up, up);
    broker->setup.listener.on_link(broker->setup.listener.context, broker, state, reason);
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
    struct broker *broker = self;
    struct host_timer *timer = calloc(1, sizeof *timer);
    if (!timer) {
        return NULL;
    }
    timer->timer = timer_new(broker->setup.loop, on_timer, timer);
    if (!timer->timer) {
        free(timer);
        return NULL;
    }
    timer->fn = fn;
    timer->context = context;
    LINK(broker->timers, timer);
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
    struct broker *broker = self;
    struct host_timer *timer = (struct host_timer *)(void *)theirs;
    if (timer) {
        UNLINK(broker->timers, timer);
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
    struct broker *broker = self;
    struct host_watch *watch = calloc(1, sizeof *watch);
    if (!watch) {
        return NULL;
    }
    if (watch_open(&watch->watch, broker->setup.loop, fd, on_watch, watch) != 0) {
        free(watch);
        return NULL;
    }
    watch->fn = fn;
    watch->context = context;
    LINK(broker->watches, watch);
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
    struct broker *broker = self;
    struct host_watch *watch = (struct host_watch *)(void *)theirs;
    if (watch) {
        UNLINK(broker->watches, watch);
        watch->closed = true;
        watch_close(&watch->watch, on_watch_closed);
    }
}

_Static_assert((int)WSHUB_WATCH_READ == WATCH_READ && (int)WSHUB_WATCH_WRITE == WATCH_WRITE,
               "events are passed through");

// ---- life ----

bool host_init(struct broker *broker) {
    broker->thread = pthread_self();
    broker->mailbox = mailbox_new(broker->setup.loop, on_mail, broker);
    broker->host = (struct wshub_host){
        .struct_size = sizeof broker->host,
        .abi_minor = WSHUB_ABI_MINOR,
        .self = broker,
        .instance_id = broker->setup.instance_id,
        .name = broker->setup.name,
        .log = host_log,
        .option_text = host_option_text,
        .option_number = host_option_number,
        .option_refuse = host_option_refuse,
        .post = host_post,
        .deliver = host_deliver,
        .complete = host_complete,
        .entry = host_entry,
        .link = host_link,
        .timer_new = host_timer_new,
        .timer_start = host_timer_start,
        .timer_stop = host_timer_stop,
        .timer_free = host_timer_free,
        .watch_new = host_watch_new,
        .watch_set = host_watch_set,
        .watch_free = host_watch_free,
        .lose = host_lose,
        .timeout = broker->setup.timeout,
        .message = host_message,
        .position = host_position,
    };
    return broker->mailbox != NULL;
}

void host_free(struct broker *broker) {
    bool left = broker->timers || broker->watches;
    while (broker->timers) {
        host_timer_free(broker, (struct wshub_timer *)(void *)broker->timers);
    }
    while (broker->watches) {
        host_watch_free(broker, (struct wshub_watch *)(void *)broker->watches);
    }
    if (left) {
        log_error(broker->setup.log, "broker plugin has left timers or watches behind",
                  log_text("broker", broker->setup.name), log_text("file", broker->setup.plugin->file));
    }
    if (broker->mailbox) {
        mailbox_free(broker->mailbox);
    }
}
