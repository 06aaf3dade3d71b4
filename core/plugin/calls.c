// SPDX-License-Identifier: MIT
#include <stdlib.h>

#include "plugin/broker_priv.h"
#include "util/clock.h"
#include "util/log.h"

const char *const broker_operation_names[BROKER_OPERATIONS] = {
    [BROKER_SUBSCRIBE] = "subscribe",
    [BROKER_UNSUBSCRIBE] = "unsubscribe",
    [BROKER_PUBLISH] = "publish",
    [BROKER_REGISTRY_SET] = "registry_set",
    [BROKER_REGISTRY_DELETE] = "registry_delete",
    [BROKER_REGISTRY_GET] = "registry_get",
    [BROKER_REGISTRY_LIST] = "registry_list",
    [BROKER_HEARTBEAT] = "heartbeat",
    [BROKER_HISTORY] = "history",
};
const double broker_bucket_bounds[BROKER_BUCKETS - 1] = {0.0001, 0.0005, 0.001, 0.005, 0.01, 0.05, 0.5, 5};

void calls_init(struct calls *calls) {
    calls->in_flight.next = calls->in_flight.previous = &calls->in_flight;
}

wshub_token calls_token(const struct call *call) {
    return (uint64_t)call->generation << 32 | (call->index + 1);
}

struct call *calls_find(struct broker *broker, wshub_token token) {
    uint32_t index = (uint32_t)token - 1;
    if ((uint32_t)token == 0 || index >= broker->calls.count) {
        return NULL;
    }
    struct call *call = broker->calls.all[index];
    return call->reply.done && call->generation == token >> 32 ? call : NULL;
}

// One more call object. The table of pointers doubles at powers of two.
static struct call *make(struct calls *calls) {
    uint32_t n = calls->count;
    if ((n & (n - 1)) == 0) {
        struct call **all = realloc(calls->all, (n ? n * 2 : 1) * sizeof *all);
        if (!all) {
            return NULL;
        }
        calls->all = all;
    }
    struct call *call = calloc(1, sizeof *call);
    if (call) {
        call->index = n;
        calls->all[calls->count++] = call;
    }
    return call;
}

struct call *calls_begin(struct broker *broker, enum broker_operation operation, size_t bytes,
                         struct broker_reply reply) {
    struct calls *calls = &broker->calls;
    struct call *call = calls->spare;
    if (call) {
        calls->spare = call->next;
    } else if (!(call = make(calls))) {
        reply.done(reply.context, reply.argument, WSHUB_NO_MEMORY);
        return NULL;
    }
    call->operation = operation;
    call->bytes = bytes;
    call->started = clock_ns();
    call->reply = reply;
    call->entry = NULL;
    call->message = NULL;
    call->position = NULL;
    call->next = &calls->in_flight;
    call->previous = calls->in_flight.previous;
    call->previous->next = call;
    calls->in_flight.previous = call;
    calls->in_flight_count++;
    calls->in_flight_bytes += bytes;
    return call;
}

static void count(struct broker *broker, const struct call *call, int status) {
    bool well = status == WSHUB_OK || status == WSHUB_NOT_FOUND;
    uint64_t took = clock_ns() - call->started;
    int bucket = 0;
    while (bucket < BROKER_BUCKETS - 1 && (double)took > broker_bucket_bounds[bucket] * 1e9) {
        bucket++;
    }
    counter_add(&broker->stats.operations[call->operation].buckets[bucket], 1);
    counter_add(&broker->stats.operations[call->operation].nanoseconds, (int64_t)took);
    broker->late_told &= ~((unsigned)well << call->operation);
    counter_add(well                      ? &broker->stats.operations[call->operation].succeeded
                : status == WSHUB_TIMEOUT ? &broker->stats.operations[call->operation].timed_out
                                          : &broker->stats.operations[call->operation].failed,
                1);
}

void calls_settle(struct broker *broker, struct call *call, int status) {
    struct calls *calls = &broker->calls;
    struct broker_reply reply = call->reply;
    count(broker, call, status);
    call->previous->next = call->next;
    call->next->previous = call->previous;
    call->generation++;
    call->reply.done = NULL;
    call->next = calls->spare;
    calls->spare = call;
    calls->in_flight_count--;
    calls->in_flight_bytes -= call->bytes;
    reply.done(reply.context, reply.argument, status);
}

// Its place was given up by its deadline, and since then by no other's.
static bool has_expired(const struct broker *broker, wshub_token token) {
    uint32_t index = (uint32_t)token - 1;
    return (uint32_t)token != 0 && index < broker->calls.count &&
           broker->calls.all[index]->expired == (token >> 32) + 1;
}

void calls_complete(struct broker *broker, wshub_token token, int status) {
    struct call *call = calls_find(broker, token);
    if (call) {
        calls_settle(broker, call,
                     broker->closing ? WSHUB_CLOSED : status); // what began now could never be ended
        return;
    }
    if (has_expired(broker, token)) {
        counter_add(&broker->stats.late_completions, 1); // the broker was slow, the plugin did its part
        return;
    }
    counter_add(&broker->stats.stray_completions, 1);
    if (counter_get(&broker->stats.stray_completions) == 1) {
        log_warn(
            broker->setup.log,
            "broker plugin completed an operation twice, or an unknown one; further ones are only counted",
            log_text("broker", broker->setup.name));
    }
}

// Once until such an operation succeeds again: a broker that hangs has thousands of calls under way.
static void tell_late(struct broker *broker, const struct call *call) {
    if (!(broker->late_told & 1u << call->operation)) {
        broker->late_told |= 1u << call->operation;
        log_warn(broker->setup.log, "broker did not answer in time", log_text("broker", broker->setup.name),
                 log_text("operation", broker_operation_names[call->operation]),
                 log_number("timeout_ms", broker->setup.timeout));
    }
}

static void tell_overrun(struct broker *broker) {
    if (atomic_load_explicit(&broker->overrun, memory_order_relaxed) &&
        atomic_exchange(&broker->overrun, false)) {
        log_error(broker->setup.log,
                  "broker plugin delivers faster than the hub can take: messages were lost",
                  log_text("broker", broker->setup.name));
        host_tell_loss(broker, (struct wshub_bytes){NULL, 0});
    }
}

// What was due when it was last called: if the whole process stood still since, the answers may lie unread.
void broker_expire(struct broker *broker) {
    uint64_t looked = broker->looked;
    struct call *head = &broker->calls.in_flight;
    tell_overrun(broker);
    broker->looked = clock_ns();
    while (head->next != head && head->next->started + broker->setup.timeout * 1000000 <= looked) {
        tell_late(broker, head->next);
        head->next->expired = head->next->generation + 1;
        calls_settle(broker, head->next, WSHUB_TIMEOUT);
    }
}

void calls_free(struct broker *broker) {
    struct calls *calls = &broker->calls;
    while (calls->in_flight.next != &calls->in_flight) {
        calls_settle(broker, calls->in_flight.next, WSHUB_CLOSED);
    }
    for (uint32_t i = 0; i < calls->count; i++) {
        free(calls->all[i]);
    }
    free(calls->all);
}
