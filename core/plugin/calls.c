// SPDX-License-Identifier: MIT
#include "plugin/calls.h"

#include <stdlib.h>

#include "plugin/host.h"
#include "util/clock.h"
#include "util/log.h"

static const double bounds[] = {CALLS_BOUNDS};
enum {
    BOUNDS = sizeof bounds / sizeof *bounds,
    EXPIRED_MAX = 4096, // that rest: so many of one plugin's late completions are told from wrong ones
};

size_t calls_bucket(uint64_t nanoseconds) {
    size_t bucket = 0;
    while (bucket < BOUNDS && (double)nanoseconds > bounds[bucket] * 1e9) {
        bucket++;
    }
    return bucket;
}

void calls_init(struct calls *calls) {
    calls->in_flight.next = calls->in_flight.previous = &calls->in_flight;
    calls->expired.next = calls->expired.previous = &calls->expired;
}

static void append(struct call *head, struct call *call) {
    call->next = head;
    call->previous = head->previous;
    call->previous->next = call;
    head->previous = call;
}

static void take_out(struct call *call) {
    call->previous->next = call->next;
    call->next->previous = call->previous;
}

static struct call *wake(struct calls *calls, struct call *call) {
    take_out(call);
    calls->expired_count--;
    call->expired = 0;
    return call;
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

static struct call *find_free(struct calls *calls) {
    struct call *call = calls->spare;
    if (call) {
        calls->spare = call->next;
    } else if (calls->expired_count < EXPIRED_MAX) {
        call = make(calls);
    }
    if (!call && calls->expired_count > 0) {
        call = wake(calls, calls->expired.next);
    }
    return call;
}

struct call *calls_begin(struct calls *calls, unsigned slot) {
    struct call *call = find_free(calls);
    if (!call) {
        return NULL;
    }
    call->slot = slot;
    call->waits = true;
    call->started = clock_ns();
    append(&calls->in_flight, call);
    calls->in_flight_count++;
    return call;
}

static void give_back(struct calls *calls, struct call *call) {
    call->next = calls->spare;
    calls->spare = call;
}

uint64_t calls_end(struct calls *calls, struct call *call, bool well) {
    calls->late_told &= ~((unsigned)well << call->slot);
    take_out(call);
    call->generation++;
    call->waits = false;
    calls->in_flight_count--;
    if (call->expired) {
        append(&calls->expired, call);
        calls->expired_count++;
    } else {
        give_back(calls, call);
    }
    return clock_ns() - call->started;
}

// The one that has given up waiting for this completion; NULL: there is none.
static struct call *find_expired(const struct calls *calls, wshub_token token) {
    uint32_t index = (uint32_t)token - 1;
    bool is_expired =
        (uint32_t)token != 0 && index < calls->count && calls->all[index]->expired == (token >> 32) + 1;
    return is_expired ? calls->all[index] : NULL;
}

void calls_stray(struct calls *calls, wshub_token token) {
    const struct host_setup *setup = &calls->host->setup;
    struct call *late = find_expired(calls, token);
    if (late) {
        counter_add(calls->lates, 1); // what it asks was slow, the plugin did its part
        give_back(calls, wake(calls, late));
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
