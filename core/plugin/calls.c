// SPDX-License-Identifier: MIT
#include "plugin/calls.h"

#include <stdlib.h>

#include "plugin/host.h"
#include "util/clock.h"
#include "util/log.h"

static const double bounds[] = {CALLS_BOUNDS};
enum { BOUNDS = sizeof bounds / sizeof *bounds };

size_t calls_bucket(uint64_t nanoseconds) {
    size_t bucket = 0;
    while (bucket < BOUNDS && (double)nanoseconds > bounds[bucket] * 1e9) {
        bucket++;
    }
    return bucket;
}

void calls_init(struct calls *calls) {
    calls->in_flight.next = calls->in_flight.previous = &calls->in_flight;
}

wshub_token calls_token(const struct call *call) {
    return (uint64_t)call->generation << 32 | (call->index + 1);
}

struct call *calls_find(const struct calls *calls, wshub_token token) {
    uint32_t index = (uint32_t)token - 1;
    if ((uint32_t)token == 0 || index >= calls->count) {
        return NULL;
    }
    struct call *call = calls->all[index];
    return call->waits && call->generation == token >> 32 ? call : NULL;
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
    struct call *call = calloc(1, calls->call_size);
    if (call) {
        call->index = n;
        calls->all[calls->count++] = call;
    }
    return call;
}

struct call *calls_begin(struct calls *calls, unsigned slot) {
    struct call *call = calls->spare;
    if (call) {
        calls->spare = call->next;
    } else if (!(call = make(calls))) {
        return NULL;
    }
    call->slot = slot;
    call->waits = true;
    call->started = clock_ns();
    call->next = &calls->in_flight;
    call->previous = calls->in_flight.previous;
    call->previous->next = call;
    calls->in_flight.previous = call;
    calls->in_flight_count++;
    return call;
}

uint64_t calls_end(struct calls *calls, struct call *call, bool well) {
    calls->late_told &= ~((unsigned)well << call->slot);
    call->previous->next = call->next;
    call->next->previous = call->previous;
    call->generation++;
    call->waits = false;
    call->next = calls->spare;
    calls->spare = call;
    calls->in_flight_count--;
    return clock_ns() - call->started;
}

// Its place was given up by its deadline, and since then by no other's.
static bool has_expired(const struct calls *calls, wshub_token token) {
    uint32_t index = (uint32_t)token - 1;
    return (uint32_t)token != 0 && index < calls->count && calls->all[index]->expired == (token >> 32) + 1;
}

void calls_stray(struct calls *calls, wshub_token token) {
    const struct host_setup *setup = &calls->host->setup;
    if (has_expired(calls, token)) {
        counter_add(calls->lates, 1); // what it asks was slow, the plugin did its part
        return;
    }
    counter_add(calls->strays, 1);
    if (counter_get(calls->strays) == 1) {
        log_warn(setup->log, setup->words->strays, log_text(setup->words->field, setup->name));
    }
}

// Once until such a call goes well again: a broker that hangs has thousands of them under way.
static void tell_late(struct calls *calls, const struct call *call) {
    const struct host_setup *setup = &calls->host->setup;
    if (!(calls->late_told & 1u << call->slot)) {
        calls->late_told |= 1u << call->slot;
        log_warn(setup->log, setup->words->late, log_text(setup->words->field, setup->name),
                 log_text(setup->words->slot, calls->names[call->slot]),
                 log_number("timeout_ms", setup->timeout));
    }
}

static bool is_due(const struct calls *calls, const struct call *call, uint64_t at) {
    return call->started + calls->host->setup.timeout * 1000000 <= at;
}

static void expire(struct calls *calls, struct call *call) {
    tell_late(calls, call);
    call->expired = call->generation + 1;
    calls->settle(calls, call, WSHUB_TIMEOUT);
}

void calls_complete(struct calls *calls, wshub_token token, int status) {
    struct call *call = calls_find(calls, token);
    if (call && calls->strict && !calls->host->closing && is_due(calls, call, clock_ns())) {
        expire(calls, call);
        call = NULL;
    }
    if (call) {
        calls->settle(calls, call, calls->host->closing ? WSHUB_CLOSED : status);
    } else {
        calls_stray(calls, token);
    }
}

void calls_expire(struct calls *calls) {
    uint64_t looked = calls->looked;
    struct call *head = &calls->in_flight;
    calls->looked = clock_ns();
    while (head->next != head && is_due(calls, head->next, looked)) {
        expire(calls, head->next);
    }
}

void calls_free(struct calls *calls) {
    while (calls->in_flight.next != &calls->in_flight) {
        calls->settle(calls, calls->in_flight.next, WSHUB_CLOSED);
    }
    for (uint32_t i = 0; i < calls->count; i++) {
        free(calls->all[i]);
    }
    free(calls->all);
}
