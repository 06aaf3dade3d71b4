// SPDX-License-Identifier: MIT
#include "plugin/broker.h"

#include <stdlib.h>
#include <string.h>

#include "util/clock.h"
#include "util/log.h"
#include "wshub/plugin.h"

const char *const broker_operation_names[BROKER_OPERATIONS] = {"subscribe", "unsubscribe", "publish"};
const double broker_bucket_bounds[BROKER_BUCKETS - 1] = {0.0001, 0.0005, 0.001, 0.005, 0.01, 0.05, 0.5, 5};

// A call that waits for its completion. Its token is generation << 32 | index + 1, so a token that comes late
// or twice is told from the one that has its place now.
struct call {
    uint32_t generation;
    uint32_t index;
    enum broker_operation operation;
    uint64_t started; // ns
    broker_done_fn done;
    void *context, *argument;
    struct call *previous,
        *next; // oldest first; all have the same timeout, so this is the order of deadlines too
};

struct broker {
    const struct wshub_broker *table;
    void *self; // the plugin's
    struct wshub_host host;
    struct broker_listener listener;
    struct broker_stats stats;
    const struct log *log;
    uint64_t timeout; // ns
    struct call **calls;
    uint32_t call_count;   // made so far, in use or not
    struct call *spare;    // linked by next
    struct call in_flight; // list head
    size_t in_flight_count;
    bool up, link_told;
    bool closing;
    char name[];
};

const char *broker_name(const struct broker *broker) {
    return broker->name;
}

bool broker_is_up(const struct broker *broker) {
    return broker->up;
}

size_t broker_in_flight(const struct broker *broker) {
    return broker->in_flight_count;
}

const struct broker_stats *broker_stats(const struct broker *broker) {
    return &broker->stats;
}

// ---- calls ----

static wshub_token token_of(const struct call *call) {
    return (uint64_t)call->generation << 32 | (call->index + 1);
}

static struct call *find_call(struct broker *broker, wshub_token token) {
    uint32_t index = (uint32_t)token - 1;
    if ((uint32_t)token == 0 || index >= broker->call_count) {
        return NULL;
    }
    struct call *call = broker->calls[index];
    return call->done && call->generation == token >> 32 ? call : NULL;
}

// One more call object. The table of pointers doubles at powers of two.
static struct call *make_call(struct broker *broker) {
    uint32_t n = broker->call_count;
    if ((n & (n - 1)) == 0) {
        struct call **calls = realloc(broker->calls, (n ? n * 2 : 1) * sizeof *calls);
        if (!calls) {
            return NULL;
        }
        broker->calls = calls;
    }
    struct call *call = calloc(1, sizeof *call);
    if (call) {
        call->index = n;
        broker->calls[broker->call_count++] = call;
    }
    return call;
}

static struct call *begin(struct broker *broker, enum broker_operation operation, broker_done_fn done,
                          void *context, void *argument) {
    struct call *call = broker->spare;
    if (call) {
        broker->spare = call->next;
    } else if (!(call = make_call(broker))) {
        done(context, argument, WSHUB_NO_MEMORY);
        return NULL;
    }
    call->operation = operation;
    call->started = clock_ns();
    call->done = done;
    call->context = context;
    call->argument = argument;
    call->next = &broker->in_flight;
    call->previous = broker->in_flight.previous;
    call->previous->next = call;
    broker->in_flight.previous = call;
    broker->in_flight_count++;
    return call;
}

static void count(struct broker *broker, const struct call *call, int status) {
    uint64_t took = clock_ns() - call->started;
    int bucket = 0;
    while (bucket < BROKER_BUCKETS - 1 && (double)took > broker_bucket_bounds[bucket] * 1e9) {
        bucket++;
    }
    counter_add(&broker->stats.operations[call->operation].buckets[bucket], 1);
    counter_add(&broker->stats.operations[call->operation].nanoseconds, (int64_t)took);
    counter_add(status == WSHUB_OK        ? &broker->stats.operations[call->operation].succeeded
                : status == WSHUB_TIMEOUT ? &broker->stats.operations[call->operation].timed_out
                                          : &broker->stats.operations[call->operation].failed,
                1);
}

static void settle(struct broker *broker, struct call *call, int status) {
    broker_done_fn done = call->done;
    count(broker, call, status);
    call->previous->next = call->next;
    call->next->previous = call->previous;
    call->generation++;
    call->done = NULL;
    call->next = broker->spare;
    broker->spare = call;
    broker->in_flight_count--;
    done(call->context, call->argument, status);
}

// What a slot answered at once: an error settles the call, unless the plugin has completed it in spite of
// that.
static void after_slot(struct broker *broker, struct call *call, wshub_token token, int status) {
    if (status != WSHUB_OK && find_call(broker, token) == call) {
        settle(broker, call, status);
    }
}

void broker_subscribe(struct broker *broker, struct wshub_bytes channel, broker_done_fn done, void *context,
                      void *argument) {
    struct call *call = begin(broker, BROKER_SUBSCRIBE, done, context, argument);
    if (call) {
        wshub_token token = token_of(call);
        after_slot(broker, call, token, broker->table->subscribe(broker->self, channel, token));
    }
}

void broker_unsubscribe(struct broker *broker, struct wshub_bytes channel, broker_done_fn done, void *context,
                        void *argument) {
    struct call *call = begin(broker, BROKER_UNSUBSCRIBE, done, context, argument);
    if (call) {
        wshub_token token = token_of(call);
        after_slot(broker, call, token, broker->table->unsubscribe(broker->self, channel, token));
    }
}

void broker_publish(struct broker *broker, const struct wshub_message *message, broker_done_fn done,
                    void *context, void *argument) {
    struct call *call = begin(broker, BROKER_PUBLISH, done, context, argument);
    if (!call) {
        return;
    }
    wshub_token token = token_of(call);
    int status = WSHUB_TOO_LARGE;
    if (broker->table->max_payload == 0 || message->payload.length <= broker->table->max_payload) {
        status = broker->table->publish(broker->self, message, token);
    }
    after_slot(broker, call, token, status);
}

void broker_expire(struct broker *broker) {
    uint64_t now = clock_ns();
    struct call *oldest = broker->in_flight.next;
    while (oldest != &broker->in_flight && oldest->started + broker->timeout <= now) {
        log_warn(broker->log, "broker did not answer in time", log_text("broker", broker->name),
                 log_text("operation", broker_operation_names[oldest->operation]));
        settle(broker, oldest, WSHUB_TIMEOUT);
        oldest = broker->in_flight.next;
    }
}

// ---- host services ----

static void host_log(void *self, enum wshub_log_level level, const char *text) {
    struct broker *broker = self;
    bool known = level >= WSHUB_LOG_DEBUG && level <= WSHUB_LOG_ERROR;
    log_event(broker->log, known ? (enum log_level)level : LOG_ERROR, text, &log_text("broker", broker->name),
              1);
}

static int host_deliver(void *self, const struct wshub_message *message) {
    struct broker *broker = self;
    return broker->listener.on_deliver(broker->listener.context, broker, message);
}

static void host_complete(void *self, wshub_token token, int status) {
    struct broker *broker = self;
    struct call *call = find_call(broker, token);
    if (call) {
        settle(broker, call, broker->closing ? WSHUB_CLOSED : status); // what began now could never be ended
        return;
    }
    counter_add(&broker->stats.stray_completions, 1);
    if (counter_get(&broker->stats.stray_completions) == 1) {
        log_warn(broker->log,
                 "broker plugin completed an operation late or twice; further ones are only counted",
                 log_text("broker", broker->name));
    }
}

static void host_link(void *self, enum wshub_link_state state, const char *reason) {
    struct broker *broker = self;
    bool up = state != WSHUB_LINK_DOWN;
    if (!broker->link_told || up != broker->up) {
        log_event(broker->log, up ? LOG_INFO : LOG_ERROR, up ? "broker up" : "broker down",
                  (const struct log_field[]){log_text("broker", broker->name),
                                             log_text("reason", reason ? reason : "")},
                  reason ? 2 : 1);
    }
    broker->up = up;
    broker->link_told = true;
    counter_set(&broker->stats.link_up, up);
    broker->listener.on_link(broker->listener.context, broker, state, reason);
}

// ---- opening and closing ----

static const char *const status_texts[] = {
#define STATUS_TEXT(value, name, text) [-(value)] = text,
    WSHUB_STATUS_MAP(STATUS_TEXT)
#undef STATUS_TEXT
};

struct broker *broker_open(const char *name, const struct wshub_plugin *plugin, uint64_t timeout,
                           const struct log *log, struct broker_listener listener) {
    size_t length = strlen(name) + 1;
    struct broker *broker = calloc(1, sizeof *broker + length);
    if (!broker) {
        log_error(log, "out of memory");
        return NULL;
    }
    memcpy(broker->name, name, length);
    broker->table = plugin->broker;
    broker->timeout = timeout * 1000000;
    broker->log = log;
    broker->listener = listener;
    broker->in_flight.next = broker->in_flight.previous = &broker->in_flight;
    broker->host = (struct wshub_host){
        .struct_size = sizeof broker->host,
        .abi_minor = WSHUB_ABI_MINOR,
        .self = broker,
        .log = host_log,
        .deliver = host_deliver,
        .complete = host_complete,
        .link = host_link,
    };
    int status = broker->table->open(&broker->host, &broker->self);
    if (status != WSHUB_OK) {
        bool known = status < 0 && (size_t)-status < sizeof status_texts / sizeof *status_texts;
        log_error(log, "broker cannot be opened", log_text("broker", name), log_text("plugin", plugin->name),
                  log_text("reason", known ? status_texts[-status] : "an unknown status"));
        free(broker);
        return NULL;
    }
    return broker;
}

void broker_close(struct broker *broker) {
    if (!broker) {
        return;
    }
    broker->closing = true;
    broker->table->close(broker->self);
    while (broker->in_flight.next != &broker->in_flight) {
        settle(broker, broker->in_flight.next, WSHUB_CLOSED);
    }
    for (uint32_t i = 0; i < broker->call_count; i++) {
        free(broker->calls[i]);
    }
    free(broker->calls);
    free(broker);
}
