// SPDX-License-Identifier: MIT
// The services of wshub/host.h, with every rule of it checked.
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "host/arrivals.h"
#include "host/peer_priv.h"
#include "plugin/options.h"
#include "plugin/reading.h"

// Of ABI 1.0, the smallest there is; and what no header will ever reach.
#define SMALLEST_MESSAGE (offsetof(struct wshub_message, offset) + sizeof(uint64_t))
enum { POSITIONS_SINCE = 3 }; // minor: of publishes
enum { LARGEST_MESSAGE = 4096, CHANNEL_MAX = 255, EXCLUDE_MAX = 4096 };

// ---- every service ----

// A plugin that passes its own self crashes here or is told: `self` is somebody else's memory then.
static bool is_ours(const struct peer *peer, const char *name) {
    if (peer && peer->magic == PEER_MAGIC) {
        return true;
    }
    check_breach(check_running(), "%s was called with a self that is not host->self", name);
    return false;
}

static bool is_at_work(const struct peer *peer, const char *name) {
    switch (atomic_load(&peer->state)) {
    case PEER_NEW:
        check_breach(peer->check, "%s was called before open", name);
        return false;
    case PEER_CLOSED:
        check_breach(peer->check, "%s was called after close had returned", name);
        return false;
    default:
        return true;
    }
}

bool service_begin(struct service *service, void *self, const char *name, enum service_rule rule) {
    struct peer *peer = self;
    *service = (struct service){.side = memory_enter(MEMORY_OF_KIT)};
    if (!is_ours(peer, name) || !is_at_work(peer, name)) {
        memory_enter(service->side);
        return false;
    }
    service->peer = peer;
    service->on_case_thread = pthread_equal(pthread_self(), peer->check->thread);
    if (service->on_case_thread) {
        service->began = check_now();
        service->excluded = peer->check->stopwatch.excluded;
    } else if (rule == HUB_THREAD) {
        check_breach(peer->check, "%s was called by a thread of the plugin's, only the hub thread may", name);
        memory_enter(service->side);
        return false;
    }
    return true;
}

void service_end(struct service *service) {
    if (service->on_case_thread) {
        service->peer->check->stopwatch.excluded = service->excluded + (check_now() - service->began);
    }
    memory_enter(service->side);
}

static bool is_closing(const struct peer *peer) {
    return atomic_load(&peer->state) == PEER_CLOSING;
}

// ---- log and options ----

static const struct options *options_of(const struct peer *peer) {
    return peer->own_options ? peer->own_options : peer->options;
}

static const char *find_secret_option(struct peer *peer, struct wshub_bytes text) {
    const struct wshub_plugin *about = &peer->check->plugin.about;
    for (uint32_t i = 0; text.length > 0 && i < about->option_count; i++) {
        const struct wshub_option *option = &about->options[i];
        const char *secret =
            option->flags & WSHUB_OPTION_SECRET ? options_text(options_of(peer), option->name) : NULL;
        if (secret && strlen(secret) >= 4 && memmem(text.data, text.length, secret, strlen(secret))) {
            return option->name;
        }
    }
    return NULL;
}

void services_look_for_secrets(struct peer *peer, struct wshub_bytes text, unsigned kinds, const char *where,
                               const char *what) {
    const char *option = find_secret_option(peer, text);
    const char *secret = secrets_find(&peer->secrets, text, kinds);
    if (option) {
        check_breach(peer->check, "the value of option %s, which is a secret, %s%s%s", option, where,
                     what[0] ? " " : "", what);
    }
    if (secret) {
        check_breach(peer->check, "%s, or 16 bytes of it, %s%s%s", secret, where, what[0] ? " " : "", what);
    }
}

static void host_log(void *self, enum wshub_log_level level, const char *text) {
    static const char *const levels[] = {"debug", "info", "warn", "error"};
    struct service service;
    if (!service_begin(&service, self, "log", ANY_THREAD)) {
        return;
    }
    struct peer *peer = service.peer;
    bool known = (int)level >= WSHUB_LOG_DEBUG && (int)level <= WSHUB_LOG_ERROR;
    if (!known) {
        check_breach(peer->check, "log was called with level %d, which is none of enum wshub_log_level",
                     (int)level);
    } else if (!text) {
        check_breach(peer->check, "log was called without a text");
    } else {
        services_look_for_secrets(peer, bytes_of(text), SECRETS_ONLY, "was logged", "");
        dprintf(STDERR_FILENO, "%s: %s: %s\n", peer->instance_id, levels[level], text);
        if (level >= WSHUB_LOG_WARN) {
            pthread_mutex_lock(&peer->lock);
            snprintf(peer->said, sizeof peer->said, "%s", text);
            pthread_mutex_unlock(&peer->lock);
        }
    }
    service_end(&service);
}

static bool is_declared(const struct peer *peer, const char *name, const char *service) {
    const struct wshub_plugin *about = &peer->check->plugin.about;
    for (uint32_t i = 0; name && i < about->option_count; i++) {
        if (strcmp(about->options[i].name, name) == 0) {
            return true;
        }
    }
    check_breach(peer->check, "%s was called for option %s, which the plugin does not declare", service,
                 name ? name : "NULL");
    return false;
}

static const char *host_option_text(void *self, const char *name) {
    struct service service;
    const char *text = NULL;
    if (service_begin(&service, self, "option_text", ANY_THREAD)) {
        text = is_declared(service.peer, name, "option_text") ? options_text(options_of(service.peer), name)
                                                              : NULL;
        service_end(&service);
    }
    return text;
}

static uint64_t host_option_number(void *self, const char *name) {
    struct service service;
    uint64_t number = 0;
    if (service_begin(&service, self, "option_number", ANY_THREAD)) {
        number = is_declared(service.peer, name, "option_number")
                     ? options_number(options_of(service.peer), name)
                     : 0;
        service_end(&service);
    }
    return number;
}

static void host_option_refuse(void *self, const char *name, const char *expected) {
    struct service service;
    if (!service_begin(&service, self, "option_refuse", HUB_THREAD)) {
        return;
    }
    struct peer *peer = service.peer;
    int state = atomic_load(&peer->state);
    if (state != PEER_CHECKING && state != PEER_OPENING) {
        check_breach(peer->check, "option_refuse was called outside of check and open");
    } else if (is_declared(peer, name, "option_refuse")) {
        size_t length = strlen(peer->refusals);
        snprintf(peer->refusals + length, sizeof peer->refusals - length, "%s: expected %s\n", name,
                 expected ? expected : "something else");
    }
    service_end(&service);
}

// ---- from the plugin's threads ----

struct errand {
    struct mail mail;
    struct peer *peer;
    union {
        struct {
            wshub_post_fn fn;
            void *context;
        } post;
        struct {
            uint64_t token;
            int status;
        } completion;
        struct wshub_message message; // its bytes stand behind
    };
    char bytes[];
};

static struct errand *errand_new(struct peer *peer, void (*fn)(struct mail *mail), size_t bytes) {
    struct errand *errand = malloc(sizeof *errand + bytes);
    if (errand) {
        errand->mail.fn = fn;
        errand->peer = peer;
    }
    return errand;
}

// The mail stands first. NULL: nothing may be called any more.
static struct errand *errand_of(struct mail *mail) {
    struct errand *errand = (struct errand *)(void *)mail;
    if (atomic_load(&errand->peer->state) != PEER_OPEN) {
        free(errand);
        return NULL;
    }
    return errand;
}

static void on_post(struct mail *mail) {
    struct errand *errand = errand_of(mail);
    if (errand) {
        struct visit visit = visit_begin(errand->peer, "a posted function", VISIT_LIMIT);
        errand->post.fn(errand->post.context);
        visit_end(errand->peer, &visit);
        free(errand);
    }
}

static int host_post(void *self, wshub_post_fn fn, void *context) {
    struct service service;
    if (!service_begin(&service, self, "post", ANY_THREAD)) {
        return WSHUB_CLOSED;
    }
    struct errand *errand = NULL;
    if (fn) {
        errand = memory_grants() ? errand_new(service.peer, on_post, 0) : NULL;
    } else {
        check_breach(service.peer->check, "post was called without a function");
    }
    if (errand) {
        errand->post.fn = fn;
        errand->post.context = context;
        reactor_mail(service.peer->check->reactor, &errand->mail);
    }
    service_end(&service);
    return errand ? WSHUB_OK : WSHUB_NO_MEMORY;
}

// ---- deliver ----

static bool check_bytes(struct peer *peer, const char *service, const char *name, struct wshub_bytes bytes) {
    if (bytes.length == 0 || bytes.data) {
        return true;
    }
    check_breach(peer->check, "%s was given a %s of %zu bytes at NULL", service, name, bytes.length);
    return false;
}

// Empty, or as wshub/message.h has it.
static bool check_epoch(struct peer *peer, const char *service, struct wshub_bytes epoch) {
    if (!check_bytes(peer, service, "epoch", epoch)) {
        return false;
    }
    if (epoch.length > 0 && !reading_is_epoch(epoch)) {
        check_breach(
            peer->check,
            "%s was given an epoch of %zu bytes that is not 1 to 64 of printable ASCII without blanks",
            service, epoch.length);
        return false;
    }
    return true;
}

// True: *wide is the message as far as this kit knows its members.
static bool take_message(struct peer *peer, const char *service, const struct wshub_message *theirs,
                         struct wshub_message *wide) {
    uint32_t size = theirs ? theirs->struct_size : 0;
    if (size < SMALLEST_MESSAGE || size > LARGEST_MESSAGE) {
        check_breach(peer->check,
                     "%s was given a message with struct_size %" PRIu32
                     ": set it to sizeof(struct wshub_message)",
                     service, size);
        return false;
    }
    *wide = (struct wshub_message){0};
    memcpy(wide, theirs, size < sizeof *wide ? size : sizeof *wide);
    wide->struct_size = sizeof *wide;
    if (wide->channel.length == 0 || wide->channel.length > CHANNEL_MAX ||
        wide->exclude.length > EXCLUDE_MAX) {
        check_breach(peer->check, "%s was given a channel of %zu bytes and an exclude of %zu", service,
                     wide->channel.length, wide->exclude.length);
        return false;
    }
    return check_bytes(peer, service, "channel", wide->channel) &&
           check_bytes(peer, service, "payload", wide->payload) &&
           check_bytes(peer, service, "sender", wide->sender) &&
           check_bytes(peer, service, "sender_user", wide->sender_user) &&
           check_bytes(peer, service, "exclude", wide->exclude) && check_epoch(peer, service, wide->epoch);
}

static void see_fence(struct peer *peer, const struct wshub_message *message) {
    char number[24] = "";
    size_t length = message->payload.length < sizeof number ? message->payload.length : sizeof number - 1;
    memcpy(number, message->payload.data ? message->payload.data : "", length);
    uint64_t seen = strtoull(number, NULL, 10);
    peer->fence_seen = seen > peer->fence_seen ? seen : peer->fence_seen;
}

static int arrive(struct peer *peer, const struct wshub_message *message) {
    stopwatch_carry(&peer->check->stopwatch, message->payload.length);
    const struct topic *topic = topics_find(&peer->topics, message->channel);
    if (!topic) {
        peer->strays++; // it is to be ignored, as a hub does: kept all the same, so that cases see it
    } else if (topic->hidden) {
        see_fence(peer, message);
        return WSHUB_OK;
    }
    if (peer->on_arrival) {
        peer->on_arrival(peer->on_arrival_context, peer, message);
        return WSHUB_OK;
    }
    return arrivals_add(&peer->arrivals, message) ? WSHUB_OK : WSHUB_NO_MEMORY;
}

static struct wshub_bytes put_bytes(char **next, struct wshub_bytes bytes) {
    struct wshub_bytes copy = {*next, bytes.length};
    if (bytes.length > 0) {
        memcpy(*next, bytes.data, bytes.length);
    }
    *next += bytes.length;
    return copy;
}

static void on_delivery(struct mail *mail) {
    struct errand *errand = errand_of(mail);
    if (errand) {
        arrive(errand->peer, &errand->message);
        free(errand);
    }
}

static int deliver_by_mail(struct peer *peer, const struct wshub_message *message) {
    size_t bytes = message->channel.length + message->payload.length + message->sender.length +
                   message->sender_user.length + message->exclude.length + message->epoch.length;
    struct errand *errand = errand_new(peer, on_delivery, bytes);
    if (!errand) {
        return WSHUB_NO_MEMORY;
    }
    char *next = errand->bytes;
    errand->message = *message;
    errand->message.channel = put_bytes(&next, message->channel);
    errand->message.payload = put_bytes(&next, message->payload);
    errand->message.sender = put_bytes(&next, message->sender);
    errand->message.sender_user = put_bytes(&next, message->sender_user);
    errand->message.exclude = put_bytes(&next, message->exclude);
    errand->message.epoch = put_bytes(&next, message->epoch);
    reactor_mail(peer->check->reactor, &errand->mail);
    return WSHUB_OK;
}

static int host_deliver(void *self, const struct wshub_message *theirs) {
    struct service service;
    struct wshub_message message;
    int status = WSHUB_OK;
    if (!service_begin(&service, self, "deliver", ANY_THREAD)) {
        return WSHUB_CLOSED;
    }
    if (!memory_grants()) {
        status = WSHUB_NO_MEMORY; // and a hub has told of the loss
        service.peer->losses++;
    } else if (take_message(service.peer, "deliver", theirs, &message) && !is_closing(service.peer)) {
        status =
            service.on_case_thread ? arrive(service.peer, &message) : deliver_by_mail(service.peer, &message);
    }
    service_end(&service);
    return status;
}

// ---- complete, entry, message, position ----

static void on_completion(struct mail *mail) {
    struct errand *errand = errand_of(mail);
    if (errand) {
        slots_complete(errand->peer, errand->completion.token, errand->completion.status);
        free(errand);
    }
}

static void host_complete(void *self, wshub_token token, int status) {
    struct service service;
    if (!service_begin(&service, self, "complete", ANY_THREAD)) {
        return;
    }
    struct peer *peer = service.peer;
    if (service.on_case_thread && !is_closing(peer)) {
        slots_complete(peer, token, status);
    } else if (!service.on_case_thread) {
        struct errand *errand = errand_new(peer, on_completion, 0);
        if (errand) {
            errand->completion.token = token;
            errand->completion.status = status;
            reactor_mail(peer->check->reactor, &errand->mail);
        }
    }
    service_end(&service);
}

// The call that an answer belongs to; NULL: the breach is told.
static struct call *find_call(struct peer *peer, wshub_token token, const char *service,
                              uint32_t operations) {
    const char *why = "";
    struct call *call = tokens_flying(&peer->tokens, token, &why);
    if (!call) {
        check_breach(peer->check, "%s was called for token %" PRIx64 ", %s", service, token, why);
    } else if (!(operations & 1u << call->operation)) {
        check_breach(peer->check, "%s was called for a token of %s", service,
                     operation_names[call->operation]);
        call = NULL;
    }
    return call;
}

static bool begins_with(struct wshub_bytes text, const char *prefix) {
    size_t length = strlen(prefix);
    return text.length >= length && memcmp(text.data, prefix, length) == 0;
}

// What was asked for: the key itself, or whatever begins with the prefix.
static void check_key(struct peer *peer, const struct call *call, struct wshub_bytes key) {
    bool exact = call->operation == OPERATION_GET;
    if (!begins_with(key, call->subject) || (exact && key.length != strlen(call->subject))) {
        check_breach(peer->check, "%s of \"%s\" was told an entry \"%.*s\"", operation_names[call->operation],
                     call->subject, (int)key.length, (const char *)key.data);
    } else if (exact && call->finds > 1) {
        check_breach(peer->check, "registry_get was told more than one entry");
    }
}

static bool keep_entry(struct peer_entries *entries, struct wshub_bytes key, struct wshub_bytes value) {
    struct peer_entry *items = realloc(entries->items, (entries->count + 1) * sizeof *items);
    if (!items) {
        return false;
    }
    entries->items = items;
    items[entries->count] = (struct peer_entry){arrivals_copy(key), arrivals_copy(value)};
    entries->count++;
    return items[entries->count - 1].key && items[entries->count - 1].value;
}

static void host_entry(void *self, wshub_token token, struct wshub_bytes key, struct wshub_bytes value) {
    struct service service;
    if (!service_begin(&service, self, "entry", HUB_THREAD)) {
        return;
    }
    struct peer *peer = service.peer;
    bool takes = !is_closing(peer) && check_bytes(peer, "entry", "key", key) &&
                 check_bytes(peer, "entry", "value", value);
    struct call *call =
        takes ? find_call(peer, token, "entry", 1u << OPERATION_GET | 1u << OPERATION_LIST) : NULL;
    if (call) {
        call->finds++;
        check_key(peer, call, key);
        if (call->entries && !keep_entry(call->entries, key, value)) {
            check_breach(peer->check, "the kit has no memory left");
        }
    }
    service_end(&service);
}

static void host_message(void *self, wshub_token token, const struct wshub_message *theirs) {
    struct service service;
    struct wshub_message message;
    if (!service_begin(&service, self, "message", HUB_THREAD)) {
        return;
    }
    struct peer *peer = service.peer;
    bool takes = !is_closing(peer) && take_message(peer, "message", theirs, &message);
    struct call *call = takes ? find_call(peer, token, "message", 1u << OPERATION_HISTORY) : NULL;
    if (call) {
        call->finds++;
        if (call->found && !arrivals_add(call->found, &message)) {
            check_breach(peer->check, "the kit has no memory left");
        }
    }
    service_end(&service);
}

// Where a history begins and ends, or what offset a publish has got.
static struct call *find_positioned(struct peer *peer, wshub_token token, uint64_t newest) {
    struct call *call = find_call(peer, token, "position", 1u << OPERATION_HISTORY | 1u << OPERATION_PUBLISH);
    if (!call || call->operation == OPERATION_HISTORY) {
        return call;
    }
    if (peer->host->abi_minor < POSITIONS_SINCE) {
        check_breach(peer->check,
                     "position was called for a publish of a hub of ABI 1.%" PRIu32
                     ", which expects it of histories alone",
                     peer->host->abi_minor);
    } else if (!call->has_history) {
        check_breach(peer->check, "position was called for a publish to a channel without a history");
    } else if (newest == 0) {
        check_breach(peer->check, "position was called for a publish with the offset 0");
    }
    return call;
}

static void keep_position(struct call *call, struct wshub_bytes epoch, uint64_t oldest, uint64_t newest) {
    call->positions++;
    if (call->position) {
        *call->position = (struct peer_position){.oldest = oldest, .newest = newest};
        memcpy(call->position->epoch, epoch.length ? epoch.data : "", epoch.length);
    }
}

static void host_position(void *self, wshub_token token, struct wshub_bytes epoch, uint64_t oldest,
                          uint64_t newest) {
    struct service service;
    if (!service_begin(&service, self, "position", HUB_THREAD)) {
        return;
    }
    struct peer *peer = service.peer;
    bool takes = !is_closing(peer) && check_epoch(peer, "position", epoch);
    struct call *call = takes ? find_positioned(peer, token, newest) : NULL;
    if (call) {
        keep_position(call, epoch, oldest, newest);
    }
    service_end(&service);
}

// ---- the link, and losses ----

static const char *wrong_link(const struct peer *peer, enum wshub_link_state state) {
    if ((int)state < WSHUB_LINK_DOWN || (int)state > WSHUB_LINK_RESUBSCRIBED) {
        return "which is none of enum wshub_link_state";
    }
    bool again = state == WSHUB_LINK_RESUMED || state == WSHUB_LINK_RESUBSCRIBED;
    if (again && peer->link.ups == 0) {
        return "before it was up for the first time: there is nothing to resume";
    }
    return state == WSHUB_LINK_RESUMED && peer->up ? "while it is up: nothing was missed" : NULL;
}

static void note_link(struct peer *peer, enum wshub_link_state state, const char *reason) {
    struct peer_link *link = &peer->link;
    unsigned *const counts[] = {&link->downs, &link->ups, &link->resumed, &link->resubscribed};
    ++*counts[state];
    link->changed = check_now();
    if (state == WSHUB_LINK_DOWN) {
        snprintf(link->reason, sizeof link->reason, "%s", reason ? reason : "");
    }
    peer->up = state != WSHUB_LINK_DOWN;
    peer->link_told = true;
}

static void host_link(void *self, enum wshub_link_state state, const char *reason) {
    static const char *const names[] = {"DOWN", "UP", "RESUMED", "RESUBSCRIBED"};
    struct service service;
    if (!service_begin(&service, self, "link", HUB_THREAD)) {
        return;
    }
    struct peer *peer = service.peer;
    const char *wrong = is_closing(peer) ? NULL : wrong_link(peer, state);
    if (wrong) {
        check_breach(peer->check, "link was called with %s (%d), %s",
                     (int)state >= 0 && (int)state < 4 ? names[state] : "a state", (int)state, wrong);
    } else if (!is_closing(peer)) {
        note_link(peer, state, reason);
        if (state == WSHUB_LINK_UP && atomic_load(&peer->state) == PEER_OPEN) {
            slots_restore(peer);
        }
    }
    service_end(&service);
}

static void on_loss(struct mail *mail) {
    struct errand *errand = errand_of(mail);
    if (errand) {
        errand->peer->losses++;
        free(errand);
    }
}

static void host_lose(void *self, struct wshub_bytes channel) {
    struct service service;
    if (!service_begin(&service, self, "lose", ANY_THREAD)) {
        return;
    }
    if (check_bytes(service.peer, "lose", "channel", channel) && service.on_case_thread) {
        service.peer->losses++;
    } else if (!service.on_case_thread) {
        struct errand *errand = errand_new(service.peer, on_loss, 0);
        if (errand) {
            reactor_mail(service.peer->check->reactor, &errand->mail);
        }
    }
    service_end(&service);
}

// ---- the tables ----

void services_fill_check(struct wshub_host *host, struct peer *peer) {
    *host = (struct wshub_host){
        .struct_size = sizeof *host,
        .abi_minor = WSHUB_ABI_MINOR,
        .self = peer,
        .log = host_log,
        .option_text = host_option_text,
        .option_number = host_option_number,
        .option_refuse = host_option_refuse,
    };
}

void services_fill(struct wshub_host *host, struct peer *peer) {
    services_fill_check(host, peer);
    host->post = host_post;
    host->deliver = host_deliver;
    host->complete = host_complete;
    host->entry = host_entry;
    host->link = host_link;
    host->lose = host_lose;
    host->message = host_message;
    host->position = host_position;
    descriptors_fill(host);
}
