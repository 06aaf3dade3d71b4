// SPDX-License-Identifier: MIT
#include "fake_broker.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static struct fake_broker *next_to_open; // linked by next_to_open

static struct wshub_bytes bytes_of(const char *text) {
    return (struct wshub_bytes){text, strlen(text)};
}

static void copy_text(char *out, size_t size, struct wshub_bytes from) {
    assert(from.length < size);
    if (from.length > 0) {
        memcpy(out, from.data, from.length);
    }
    out[from.length] = '\0';
}

// ---- what the broker believes ----

static size_t subscribed_index(const struct fake_broker *fake, const char *channel) {
    size_t i = 0;
    while (i < fake->subscribed_count && strcmp(fake->subscribed[i], channel) != 0) {
        i++;
    }
    return i;
}

bool fake_is_subscribed(const struct fake_broker *fake, const char *channel) {
    return subscribed_index(fake, channel) < fake->subscribed_count;
}

void fake_set_subscribed(struct fake_broker *fake, const char *channel, bool subscribed) {
    size_t i = subscribed_index(fake, channel);
    bool was = i < fake->subscribed_count;
    if (subscribed && !was) {
        fake->subscribed = realloc(fake->subscribed, (i + 1) * sizeof *fake->subscribed);
        assert(fake->subscribed);
        fake->subscribed[fake->subscribed_count++] = strdup(channel);
    } else if (!subscribed && was) {
        free(fake->subscribed[i]);
        fake->subscribed[i] = fake->subscribed[--fake->subscribed_count];
    }
}

static void forget_subscribed(struct fake_broker *fake) {
    while (fake->subscribed_count > 0) {
        fake_set_subscribed(fake, fake->subscribed[0], false);
    }
}

static void forget_kept(struct fake_broker *fake) {
    while (fake->kept_count > 0) {
        free(fake->kept[--fake->kept_count]);
    }
    free(fake->kept);
    fake->kept = NULL;
}

static void keep_subscribed(struct fake_broker *fake) {
    fake->kept = fake->subscribed;
    fake->kept_count = fake->subscribed_count;
    fake->subscribed = NULL;
    fake->subscribed_count = 0;
}

static void bring_back_kept(struct fake_broker *fake) {
    for (size_t i = 0; i < fake->kept_count; i++) {
        fake_set_subscribed(fake, fake->kept[i], true);
    }
    forget_kept(fake);
}

static int deliver(struct fake_broker *fake, struct wshub_bytes channel, struct wshub_bytes payload) {
    const struct wshub_message message = {
        .struct_size = sizeof message, .channel = channel, .payload = payload};
    return fake->host->deliver(fake->host->self, &message);
}

// What was published, with all that it had.
static void deliver_back(struct fake_broker *fake, const struct fake_call *call) {
    const struct wshub_message message = {
        .struct_size = sizeof message,
        .channel = bytes_of(call->channel),
        .payload = {call->payload, call->payload_length},
        .sender = bytes_of(call->sender),
        .exclude = bytes_of(call->exclude),
        .epoch = bytes_of(call->epoch),
        .offset = call->offset,
    };
    fake->host->deliver(fake->host->self, &message);
}

int fake_deliver(struct fake_broker *fake, const char *channel, const char *payload) {
    return fake_deliver_bytes(fake, channel, payload, strlen(payload));
}

int fake_deliver_last(struct fake_broker *fake, const char *channel, const char *payload) {
    const struct wshub_message message = {
        .struct_size = sizeof message,
        .flags = WSHUB_MESSAGE_LAST_VALUE,
        .channel = bytes_of(channel),
        .payload = bytes_of(payload),
    };
    return fake->host->deliver(fake->host->self, &message);
}

int fake_deliver_bytes(struct fake_broker *fake, const char *channel, const void *payload, size_t length) {
    return deliver(fake, bytes_of(channel), (struct wshub_bytes){payload, length});
}

// One that is published where a history is kept.
static void store(struct fake_broker *fake, const struct fake_call *call) {
    struct fake_past *past = fake_past(fake, call->channel);
    uint64_t offset = fake_store(fake, call->channel, call->payload);
    fake->host->position(fake->host->self, call->token, bytes_of(past->epoch), 0, offset);
    if (!fake->drops && fake_is_subscribed(fake, call->channel)) {
        fake_deliver_stored(fake, call->channel, offset);
    }
}

// ---- calls ----

static struct fake_call *record(struct fake_broker *fake, enum fake_slot slot, struct wshub_bytes channel,
                                wshub_token token, const struct wshub_message *message) {
    size_t length = message ? message->payload.length : 0;
    struct fake_call *call = calloc(1, sizeof *call + length + 1);
    size_t n = fake->call_count;
    assert(call);
    call->slot = slot;
    call->token = token;
    call->session = fake->session;
    copy_text(call->channel, sizeof call->channel, channel);
    if (message) {
        copy_text(call->sender, sizeof call->sender, message->sender);
        copy_text(call->exclude, sizeof call->exclude, message->exclude);
        copy_text(call->payload, length + 1, message->payload);
        call->payload_length = length;
        copy_text(call->epoch, sizeof call->epoch, message->epoch);
        copy_text(call->key, sizeof call->key, message->key);
        call->offset = message->offset;
        call->flags = message->flags;
        call->history_size = message->history_size;
        call->ttl = message->history_ttl;
    }
    if (slot == FAKE_HISTORY) {
        call->flags = fake->asked->flags;
        call->history_size = fake->asked->size;
        call->ttl = fake->asked->ttl;
        call->after = fake->asked->after;
        call->limit = fake->asked->limit;
    }
    if ((n & (n - 1)) == 0) { // the table doubles at powers of two
        fake->calls = realloc(fake->calls, (n ? n * 2 : 1) * sizeof(*fake->calls));
        assert(fake->calls);
    }
    fake->calls[fake->call_count++] = call;
    fake->counts[slot]++;
    return call;
}

static void hold(struct fake_broker *fake, struct fake_call *call) {
    *(fake->held_last ? &fake->held_last->next_held : &fake->held) = call;
    fake->held_last = call;
    fake->held_count++;
}

static void let_go(struct fake_broker *fake, struct fake_call *call) {
    struct fake_call *previous = NULL;
    for (struct fake_call *held = fake->held; held != call; held = held->next_held) {
        assert(held && "this call is not held");
        previous = held;
    }
    *(previous ? &previous->next_held : &fake->held) = call->next_held;
    if (fake->held_last == call) {
        fake->held_last = previous;
    }
    call->next_held = NULL;
    fake->held_count--;
}

static void tell_entries(struct fake_broker *fake, const struct fake_call *call) {
    if (fake->before_list) {
        fake->before_list(fake->list_context);
    }
    for (size_t i = 0; i < fake->entry_count; i++) {
        const struct fake_entry *entry = &fake->entries[i];
        if (strncmp(entry->key, call->channel, strlen(call->channel)) == 0) {
            fake->host->entry(fake->host->self, call->token, bytes_of(entry->key), bytes_of(entry->value));
        }
    }
}

static void complete(struct fake_broker *fake, const struct fake_call *call, int status) {
    bool is_done = status == WSHUB_OK && call->session == fake->session && !fake->down;
    if (is_done && call->slot == FAKE_PUBLISH && fake->keeps_pasts && call->history_size > 0) {
        store(fake, call);
    } else if (is_done && call->slot == FAKE_PUBLISH) {
        if (!fake->drops && fake_is_subscribed(fake, call->channel)) {
            deliver_back(fake, call);
        }
    } else if (is_done && (call->slot == FAKE_SUBSCRIBE || call->slot == FAKE_UNSUBSCRIBE)) {
        fake_set_subscribed(fake, call->channel, call->slot == FAKE_SUBSCRIBE);
    } else if (is_done && call->slot == FAKE_LIST) {
        tell_entries(fake, call);
    } else if (is_done && call->slot == FAKE_HISTORY && fake->keeps_pasts) {
        fake_tell_past(fake, call);
    }
    fake->host->complete(fake->host->self, call->token, status);
}

struct fake_call *fake_held(const struct fake_broker *fake, enum fake_slot slot, const char *channel) {
    struct fake_call *call = fake->held;
    while (call && (call->slot != slot || (channel && strcmp(call->channel, channel) != 0))) {
        call = call->next_held;
    }
    return call;
}

void fake_complete(struct fake_broker *fake, struct fake_call *call, int status) {
    let_go(fake, call);
    complete(fake, call, status);
}

size_t fake_complete_all(struct fake_broker *fake, int status) {
    size_t count = 0;
    for (; fake->held; count++) {
        fake_complete(fake, fake->held, status);
    }
    return count;
}

size_t fake_count(const struct fake_broker *fake, enum fake_slot slot, const char *channel) {
    size_t count = 0;
    for (size_t i = 0; i < fake->call_count; i++) {
        count += fake->calls[i]->slot == slot && strcmp(fake->calls[i]->channel, channel) == 0;
    }
    return count;
}

void fake_behave(struct fake_broker *fake, enum fake_slot slot, enum fake_answer answer, int status) {
    fake->slots[slot].answer = answer;
    fake->slots[slot].status = status;
}

// The probe's channel, always served when the test has no interest in it.
static bool serve_probe(struct fake_broker *fake, struct wshub_bytes channel, wshub_token token,
                        const struct wshub_message *message) {
    static const char prefix[] = "$wshub:probe:";
    if (fake->sees_probe || channel.length < sizeof prefix ||
        memcmp(channel.data, prefix, sizeof prefix - 1) != 0) {
        return false;
    }
    if (message) {
        fake->probes++;
        fake->host->deliver(fake->host->self, message);
    }
    fake->host->complete(fake->host->self, token, WSHUB_OK);
    return true;
}

static int act(struct fake_broker *fake, enum fake_slot slot, struct wshub_bytes channel, wshub_token token,
               const struct wshub_message *message) {
    assert(fake->host && "no slot is called after close");
    assert(!fake->down && "no slot but close is called while the link is down");
    if (serve_probe(fake, channel, token, message)) {
        return WSHUB_OK;
    }
    struct fake_call *call = record(fake, slot, channel, token, message);
    int status = fake->slots[slot].status;
    switch (fake->slots[slot].answer) {
    case FAKE_AT_ONCE:
        complete(fake, call, status);
        return WSHUB_OK;
    case FAKE_HOLD:
        hold(fake, call);
        return WSHUB_OK;
    case FAKE_BOTH:
        complete(fake, call, WSHUB_OK);
        return status;
    case FAKE_REFUSE:
        break;
    }
    return status;
}

// ---- the slots ----

static void forget_to_open(struct fake_broker *fake) {
    struct fake_broker **at = &next_to_open;
    while (*at && *at != fake) {
        at = &(*at)->next_to_open;
    }
    if (*at) {
        *at = fake->next_to_open;
        fake->next_to_open = NULL;
    }
}

static int on_open(const struct wshub_host *host, void **self) {
    struct fake_broker *fake = next_to_open;
    assert(fake && "fake_new comes first");
    if (fake->open_status != WSHUB_OK) {
        return fake->open_status;
    }
    forget_to_open(fake);
    fake->host = host;
    fake->opened++;
    *self = fake;
    fake->down = fake->opens_down || fake->opens_mute;
    if (fake->opens_with_a_loss) {
        host->lose(host->self, (struct wshub_bytes){NULL, 0});
    }
    if (!fake->opens_mute) {
        host->link(host->self, fake->opens_down ? WSHUB_LINK_DOWN : WSHUB_LINK_UP, NULL);
    }
    return WSHUB_OK;
}

static void on_close(void *self) {
    struct fake_broker *fake = self;
    if (fake->close_says_ok) {
        fake_complete_all(fake, WSHUB_OK);
    }
    fake->host = NULL;
    fake->closed++;
}

static int on_subscribe(void *self, struct wshub_bytes channel, wshub_token token) {
    return act(self, FAKE_SUBSCRIBE, channel, token, NULL);
}

static int on_unsubscribe(void *self, struct wshub_bytes channel, wshub_token token) {
    return act(self, FAKE_UNSUBSCRIBE, channel, token, NULL);
}

static int on_publish(void *self, const struct wshub_message *message, wshub_token token) {
    return act(self, FAKE_PUBLISH, message->channel, token, message);
}

static int keep(struct fake_broker *fake, enum fake_slot slot, struct wshub_bytes key,
                struct wshub_bytes value, uint64_t ttl, wshub_token token) {
    const struct wshub_message entry = {.payload = value};
    size_t index = fake->call_count; // an answer at once may bring the next call
    int status = act(fake, slot, key, token, &entry);
    fake->calls[index]->ttl = ttl;
    return status;
}

static int on_registry_set(void *self, struct wshub_bytes key, struct wshub_bytes value, uint64_t ttl,
                           wshub_token token) {
    return keep(self, FAKE_SET, key, value, ttl, token);
}

static int on_registry_delete(void *self, struct wshub_bytes key, wshub_token token) {
    return act(self, FAKE_DELETE, key, token, NULL);
}

// It finds the entry that a test has put there; where there are none at all, the key itself as the value.
static int on_registry_get(void *self, struct wshub_bytes key, wshub_token token) {
    struct fake_broker *fake = self;
    struct wshub_bytes value = fake->entry_count == 0 ? key : (struct wshub_bytes){NULL, 0};
    for (size_t i = 0; i < fake->entry_count; i++) {
        const char *name = fake->entries[i].key;
        if (strlen(name) == key.length && memcmp(name, key.data, key.length) == 0) {
            value = bytes_of(fake->entries[i].value);
        }
    }
    if (value.data) {
        fake->host->entry(fake->host->self, token, key, value);
    }
    fake->host->complete(fake->host->self, token, value.data ? WSHUB_OK : WSHUB_NOT_FOUND);
    return WSHUB_OK;
}

static int on_registry_list(void *self, struct wshub_bytes prefix, wshub_token token) {
    return act(self, FAKE_LIST, prefix, token, NULL);
}

static int on_heartbeat(void *self, struct wshub_bytes key, struct wshub_bytes value, uint64_t ttl,
                        wshub_token token) {
    return keep(self, FAKE_HEARTBEAT, key, value, ttl, token);
}

static int on_history(void *self, const struct wshub_history_query *query, wshub_token token) {
    struct fake_broker *fake = self;
    fake->asked = query;
    return act(fake, FAKE_HISTORY, query->channel, token, NULL);
}

void fake_link(struct fake_broker *fake, enum wshub_link_state state, const char *reason) {
    bool was_down = fake->down;
    fake->down = state == WSHUB_LINK_DOWN;
    if (fake->down && !was_down) {
        keep_subscribed(fake);
    } else if (state == WSHUB_LINK_UP) {
        fake->session++;
        forget_subscribed(fake);
        forget_kept(fake);
    } else if (!fake->down) {
        bring_back_kept(fake);
    }
    fake->host->link(fake->host->self, state, reason);
}

static const struct wshub_broker broker = {
    .struct_size = sizeof broker,
    .capabilities = WSHUB_BROKER_ORDERED,
    .max_payload = 1000 * 1000,
    .open = on_open,
    .close = on_close,
    .subscribe = on_subscribe,
    .unsubscribe = on_unsubscribe,
    .publish = on_publish,
};

#define KEEPING \
    (WSHUB_BROKER_ORDERED | WSHUB_BROKER_REGISTRY | WSHUB_BROKER_HISTORY | WSHUB_BROKER_LAST_VALUE)
#define SLOTS                                                                                  \
    .max_payload = 1000 * 1000, .open = on_open, .close = on_close, .subscribe = on_subscribe, \
    .unsubscribe = on_unsubscribe, .publish = on_publish, .registry_set = on_registry_set,     \
    .registry_delete = on_registry_delete, .registry_get = on_registry_get,                    \
    .registry_list = on_registry_list, .heartbeat = on_heartbeat, .history = on_history,

static const struct wshub_broker keeping_broker = {
    .struct_size = sizeof broker, .capabilities = KEEPING, SLOTS};
static const struct wshub_broker dense_broker = {.struct_size = sizeof broker,
                                                 .capabilities =
                                                     KEEPING | WSHUB_BROKER_DENSE | WSHUB_BROKER_IDEMPOTENT,
                                                 SLOTS};

static const struct wshub_plugin plugin = {
    .magic = WSHUB_PLUGIN_MAGIC,
    .abi_major = WSHUB_ABI_MAJOR,
    .struct_size = sizeof plugin,
    .name = "fake",
    .version = "0",
    .broker = &broker,
};

static const struct wshub_plugin keeper = {
    .magic = WSHUB_PLUGIN_MAGIC,
    .abi_major = WSHUB_ABI_MAJOR,
    .struct_size = sizeof keeper,
    .name = "keeper",
    .version = "0",
    .broker = &keeping_broker,
};

static const struct wshub_plugin dense = {
    .magic = WSHUB_PLUGIN_MAGIC,
    .abi_major = WSHUB_ABI_MAJOR,
    .struct_size = sizeof keeper,
    .name = "dense",
    .version = "0",
    .broker = &dense_broker,
};

const struct wshub_plugin *fake_plugin(void) {
    return &plugin;
}

const struct wshub_plugin *fake_keeper(void) {
    return &keeper;
}

const struct wshub_plugin *fake_dense(void) {
    return &dense;
}

// ---- life ----

struct fake_broker *fake_new(void) {
    struct fake_broker *fake = calloc(1, sizeof *fake), **end = &next_to_open;
    assert(fake);
    while (*end) {
        end = &(*end)->next_to_open;
    }
    *end = fake;
    return fake;
}

void fake_free(struct fake_broker *fake) {
    assert(!fake->host && "close it first");
    forget_to_open(fake);
    for (size_t i = 0; i < fake->call_count; i++) {
        free(fake->calls[i]);
    }
    free(fake->calls);
    forget_subscribed(fake);
    forget_kept(fake);
    fake_forget_pasts(fake);
    free(fake->subscribed);
    free(fake);
}
