// SPDX-License-Identifier: MIT
// Peers: opened, waited for, closed. What the plugin sees of one stands on pages of its own, which outlive
// it.
#include "host/peer.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "asking.h"
#include "auth/ask.h"
#include "host/leftovers.h"
#include "host/peer_priv.h"
#include "plugin/options.h"
#include "util/buf.h"

enum { NAME_SIZE = 16, NEVER = 1000000000 };

// ---- visits ----

struct visit visit_begin(struct peer *peer, const char *name, unsigned limit) {
    struct check *check = peer->check;
    check_enter(check, name);
    return (struct visit){stopwatch_begin(&check->stopwatch, name, limit), memory_enter(MEMORY_OF_PLUGIN)};
}

void visit_end(struct peer *peer, const struct visit *visit) {
    memory_enter(visit->side);
    stopwatch_end(peer->check, &visit->lap);
    check_leave(peer->check);
}

// ---- what the plugin sees ----

// The table ends where its pages do, so that a plugin which does not look at struct_size crashes.
static struct wshub_host *map_host(struct check *check, size_t size) {
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    char *pages = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (pages == MAP_FAILED || mprotect(pages + page, page, PROT_NONE) != 0) {
        check_fail(check, "the kit has no memory left");
    }
    return (struct wshub_host *)(void *)(pages + page - size);
}

static void fill_host(struct peer *peer, const struct peer_settings *settings) {
    struct wshub_host whole;
    size_t size = settings->host_size ? settings->host_size : sizeof whole;
    services_fill(&whole, peer);
    if (peer->auth) {
        ask_fill(&whole);
    }
    whole.struct_size = (uint32_t)size;
    whole.abi_minor = settings->host_minor ? settings->host_minor - 1 : WSHUB_ABI_MINOR;
    whole.timeout = peer->timeout;
    whole.instance_id = peer->texts;
    whole.name = peer->texts + sizeof peer->instance_id;
    peer->host = map_host(peer->check, size);
    memset(peer->host, 0xA5,
           size); // a hub that is newer than this kit has more, which is not for this plugin
    memcpy(peer->host, &whole, size < sizeof whole ? size : sizeof whole);
}

static struct peer *peer_new(struct check *check, const struct peer_settings *settings) {
    static const char *const names[] = {"one", "two", "three", "four", "five", "six", "seven", "eight"};
    const bool is_auth = settings->auth || !check_broker(check);
    struct peer *peer = calloc(1, sizeof *peer);
    char *texts = calloc(1, sizeof peer->instance_id + NAME_SIZE);
    if (!peer || !texts) {
        check_fail(check, "the kit has no memory left");
    }
    *peer = (struct peer){.magic = PEER_MAGIC,
                          .check = check,
                          .texts = texts,
                          .texts_size = sizeof peer->instance_id + NAME_SIZE,
                          .timeout = settings->timeout ? settings->timeout : check_scaled(PEER_TIMEOUT),
                          .table = is_auth ? NULL : check_broker(check),
                          .auth = is_auth ? check_auth(check) : NULL,
                          .options = check->options,
                          .restores = true};
    if (is_auth && !secrets_init(&peer->secrets)) {
        check_fail(check, "the kit has no memory left");
    }
    unsigned index = check->peer_count++;
    if (settings->instance_id) {
        snprintf(peer->instance_id, sizeof peer->instance_id, "%s", settings->instance_id);
    } else {
        snprintf(peer->instance_id, sizeof peer->instance_id, "%s%.0u-%s", index < 8 ? names[index] : "peer",
                 index < 8 ? 0 : index + 1, check->own);
    }
    memcpy(texts, peer->instance_id, sizeof peer->instance_id);
    snprintf(texts + sizeof peer->instance_id, NAME_SIZE, "main");
    pthread_mutex_init(&peer->lock, NULL);
    peer->next = check->peers;
    check->peers = peer;
    return peer;
}

// ---- open ----

static void say_why(struct peer *peer, char *out, size_t size) {
    pthread_mutex_lock(&peer->lock);
    snprintf(out, size, "%s%s%s%s", peer->refusals[0] ? "; it refused " : "", peer->refusals,
             peer->said[0] ? "; it logged: " : "", peer->said);
    pthread_mutex_unlock(&peer->lock);
    for (char *end = out + strlen(out); end > out && end[-1] == '\n';) {
        *--end = '\0';
    }
}

static bool is_told(void *context) {
    const struct peer *peer = context;
    return peer->link_told;
}

static bool is_up(void *context) {
    const struct peer *peer = context;
    return peer->up && peer->restoring == 0;
}

static bool is_down(void *context) {
    const struct peer *peer = context;
    return peer->link_told && !peer->up;
}

static void wait_for_link(struct peer *peer, bool expects_down) {
    char why[2048];
    if (check_wait_exactly(peer->check, expects_down ? is_told : is_up, peer, peer->timeout)) {
        return;
    }
    say_why(peer, why, sizeof why);
    if (peer->link_told) {
        check_fail(peer->check, "the link did not come up within %" PRIu64 " ms: %s%s", peer->timeout,
                   peer->link.reason[0] ? peer->link.reason : "no reason was told", why);
    }
    check_fail(peer->check, "open was not followed by link, up or down, within %" PRIu64 " ms%s",
               peer->timeout, why);
}

static int call_open(struct peer *peer) {
    atomic_store(&peer->state, PEER_OPENING);
    struct visit visit = visit_begin(peer, "open", OPEN_LIMIT);
    int status = (peer->auth ? peer->auth->open : peer->table->open)(peer->host, &peer->self);
    if (peer->auth && status == WSHUB_OK) {
        peer->up = peer->link_told = true; // it has no link
    }
    atomic_store(&peer->state, status == WSHUB_OK ? PEER_OPEN : PEER_CLOSED);
    if (status != WSHUB_OK && peer->link_told && !peer->auth) {
        check_breach(peer->check, "link was called by an open that failed with %s", status_name(status));
    }
    visit_end(peer, &visit);
    reactor_look_again(peer->check->reactor);
    return status;
}

// What an open that failed must not have kept; the peer is no more.
static void refuse_open(struct peer *peer, int status, bool expected) {
    char why[2048];
    descriptors_close(peer);
    check_settle(peer->check);
    if (!expected || !is_status(status)) {
        say_why(peer, why, sizeof why);
        check_fail(peer->check, "open returned %d (%s)%s", status, status_name(status), why);
    }
}

static void change_option(struct peer *peer, const struct peer_settings *settings) {
    struct buf errors = {0};
    if (!settings->option) {
        return;
    }
    peer->own_options = asking_options(peer->check, settings->option, settings->value, &errors);
    if (!peer->own_options) {
        buf_append(&errors, "", 1);
        check_fail(peer->check, "option %s cannot be %s: %s", settings->option, settings->value,
                   errors.failed ? "no memory" : errors.data);
    }
}

struct peer *peer_open_with(struct check *check, const struct peer_settings *settings) {
    if (!check->before) {
        check->before = leftovers_new();
    }
    struct peer *peer = peer_new(check, settings);
    fill_host(peer, settings);
    change_option(peer, settings);
    int status = call_open(peer);
    if (status != WSHUB_OK) {
        refuse_open(peer, status, settings->expects_failure);
        options_free(peer->own_options);
        peer->own_options = NULL;
        return NULL;
    }
    check->open_count++;
    if (!settings->at_once) {
        wait_for_link(peer, settings->expects_down);
    }
    return peer;
}

struct peer *peer_open(struct check *check) {
    return peer_open_with(check, &(struct peer_settings){0});
}

// ---- close ----

void peer_close(struct peer *peer) {
    struct check *check = peer->check;
    assert(atomic_load(&peer->state) == PEER_OPEN);
    atomic_store(&peer->state, PEER_CLOSING);
    uint64_t limit = peer->timeout * 1000 / check_scaled(1000); // it is stretched already
    struct visit visit = visit_begin(peer, "close", (unsigned)limit);
    (peer->auth ? peer->auth->close : peer->table->close)(peer->self);
    atomic_store(&peer->state, PEER_CLOSED);
    memset(peer->texts, 0xA5, peer->texts_size - 1);
    options_free(peer->own_options);
    peer->own_options = NULL;
    descriptors_close(peer);
    reactor_timer_stop(check->reactor, &peer->again);
    visit_end(peer, &visit);
    reactor_look_again(check->reactor);
    check->open_count--;
    peer->up = false;
}

void peers_close_all(struct check *check) {
    for (struct peer *peer = check->peers; peer; peer = peer->next) {
        if (atomic_load(&peer->state) == PEER_OPEN) {
            peer_close(peer);
        }
    }
}

// ---- about one ----

const char *peer_instance_id(const struct peer *peer) {
    return peer->instance_id;
}

bool peer_has_complained(struct peer *peer) {
    pthread_mutex_lock(&peer->lock);
    bool complained = peer->said[0];
    pthread_mutex_unlock(&peer->lock);
    return complained;
}

struct check *peer_check(const struct peer *peer) {
    return peer->check;
}

const struct arrivals *peer_arrivals(const struct peer *peer) {
    return &peer->arrivals;
}

void peer_forget(struct peer *peer) {
    arrivals_free(&peer->arrivals);
}

void peer_set_on_arrival(struct peer *peer, peer_on_arrival fn, void *context) {
    peer->on_arrival = fn;
    peer->on_arrival_context = context;
}

uint64_t peer_losses(const struct peer *peer) {
    return peer->losses;
}

uint64_t peer_strays(const struct peer *peer) {
    return peer->strays;
}

bool peer_is_up(const struct peer *peer) {
    return peer->up;
}

const struct peer_link *peer_link(const struct peer *peer) {
    return &peer->link;
}

void peer_set_restores(struct peer *peer, bool restores) {
    peer->restores = restores;
}

void peer_set_strict(struct peer *peer, bool strict) {
    peer->strict = strict;
}

// ---- waiting ----

bool check_wait_exactly(struct check *check, peer_done done, void *context, uint64_t milliseconds) {
    uint64_t deadline = check_now() + milliseconds * 1000000;
    assert(!check_is_inside(check)); // a case that waits in a callback
    reactor_look_again(check->reactor);
    check_settle(check);
    while (!done(context)) {
        bool ran = reactor_step(check->reactor, deadline);
        check_settle(check);
        if (!ran && check_now() >= deadline) {
            return done(context);
        }
        if (check_now() >= deadline + milliseconds * 1000000) {
            return done(context); // there is always something to do, and never this
        }
    }
    return true;
}

bool check_wait(struct check *check, peer_done done, void *context, uint64_t milliseconds) {
    return check_wait_exactly(check, done, context, check_scaled(milliseconds));
}

struct arrivals_wanted {
    const struct peer *peer;
    size_t count;
};

static bool have_arrived(void *context) {
    const struct arrivals_wanted *wanted = context;
    return wanted->peer->arrivals.count >= wanted->count;
}

bool peer_wait_arrivals(struct peer *peer, size_t count, uint64_t milliseconds) {
    return check_wait(peer->check, have_arrived, &(struct arrivals_wanted){peer, count}, milliseconds);
}

bool peer_wait_up(struct peer *peer, uint64_t milliseconds) {
    return check_wait(peer->check, is_up, peer, milliseconds);
}

bool peer_wait_down(struct peer *peer, uint64_t milliseconds) {
    return check_wait(peer->check, is_down, peer, milliseconds);
}

static bool is_idle(void *context) {
    const struct peer *peer = context;
    return peer->tokens.flying == 0;
}

bool peer_wait_idle(struct peer *peer, uint64_t milliseconds) {
    return check_wait(peer->check, is_idle, peer, milliseconds);
}

// ---- fences ----

static bool has_seen_fence(void *context) {
    const struct peer *peer = context;
    return peer->fence_seen == peer->fences;
}

static void subscribe_fence(struct peer *peer, struct wshub_bytes channel) {
    struct topic *topic = topics_add(&peer->topics, channel);
    if (!topic) {
        check_fail(peer->check, "the kit has no memory left");
    }
    topic->hidden = true;
    if (!topic->subscribed) {
        int status = peer_subscribe(peer, channel);
        if (status != WSHUB_OK) {
            check_fail(peer->check, "subscribe of a channel more was completed with %s", status_name(status));
        }
    }
}

// Twice: a broker whose channels go different ways has had the time of a whole message more by then.
void peer_fence(struct peer *peer, struct peer *from) {
    char name[80], payload[24];
    snprintf(name, sizeof name, "fence of %s", peer->instance_id);
    struct wshub_bytes channel = check_channel(peer->check, name);
    subscribe_fence(peer, channel);
    for (int round = 0; round < 2; round++) {
        snprintf(payload, sizeof payload, "%" PRIu64, ++peer->fences);
        struct wshub_message message = message_of(channel, payload);
        int status = peer_publish(from, &message);
        if (status != WSHUB_OK) {
            check_fail(peer->check, "publish was completed with %s", status_name(status));
        }
        if (!check_wait_exactly(peer->check, has_seen_fence, peer, peer->timeout)) {
            check_fail(peer->check, "a message that was published last did not arrive within %" PRIu64 " ms",
                       peer->timeout);
        }
    }
}
