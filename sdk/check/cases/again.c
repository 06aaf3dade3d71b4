// SPDX-License-Identifier: MIT
// The connection ends while publishes are under way, and nobody knows which of them were taken. Whatever
// failed is published again with its key, until it is taken; then each is there once.
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "broker/commands.h"
#include "broker/relay.h"
#include "cases/once.h"

enum {
    MESSAGES = 800,
    AT_ONCE = 16,         // publishes under way
    CUTS = 12,            // at most
    BYTES = 1500,         // at most, that the broker sends between two of them
    KEEP = 600000,        // ms that keys are remembered
    PACE_MS = 1,          // between two looks
    CASE_MS = 120000,     // until all are taken
    PATIENCE = 10 * 1000, // ms until the last of them has arrived
};

struct attempt {
    peer_call call; // 0: none under way
    unsigned number;
    bool waits; // to be made again
    struct peer_position told;
};

struct again {
    struct check *check;
    struct relay *relay;
    struct peer *from;
    struct chapter chapter;
    struct attempt attempts[AT_ONCE];
    struct peer_position told[MESSAGES];
    unsigned next, taken, repeated, cuts, downs;
};

static void publish(struct again *again, struct attempt *attempt) {
    char payload[16], key[24];
    snprintf(payload, sizeof payload, "%u", attempt->number);
    snprintf(key, sizeof key, "message-%u", attempt->number);
    struct wshub_message message = once_message(&again->chapter, payload, key, KEEP);
    attempt->call = peer_start_publish_at(again->from, &message, &attempt->told);
    attempt->waits = attempt->call == 0;
}

static void finish(struct again *again, struct attempt *attempt) {
    const int status = peer_finish(again->from, attempt->call);
    attempt->call = 0;
    attempt->waits = status != WSHUB_OK;
    if (status == WSHUB_OK) {
        again->told[attempt->number] = attempt->told;
        again->taken++;
    }
}

static void go_on(struct again *again, struct attempt *attempt) {
    if (attempt->call && peer_is_done(again->from, attempt->call)) {
        finish(again, attempt);
    }
    if (attempt->call || !peer_is_up(again->from)) {
        return;
    }
    if (attempt->waits) {
        again->repeated++;
        publish(again, attempt);
    } else if (again->next < MESSAGES) {
        attempt->number = again->next++;
        publish(again, attempt);
    }
}

// The next cut, as soon as the last one is over.
static void cut(struct again *again) {
    const unsigned downs = peer_link(again->from)->downs;
    if (!peer_is_up(again->from) || (again->cuts > 0 && downs == again->downs)) {
        return;
    }
    again->downs = downs;
    if (again->cuts < CUTS) {
        again->cuts++;
        relay_cut_after(again->relay, 1 + check_random(again->check) % BYTES);
    }
}

static bool step(void *context) {
    struct again *again = context;
    for (size_t i = 0; i < AT_ONCE; i++) {
        go_on(again, &again->attempts[i]);
    }
    cut(again);
    return again->taken == MESSAGES;
}

static void publish_all(struct again *again) {
    const uint64_t until = check_now() + check_scaled(CASE_MS) * 1000000;
    while (!check_wait_exactly(again->check, step, again, PACE_MS)) {
        if (check_now() > until) {
            check_fail(
                again->check,
                "%u of %d messages were not taken within %d s, though each was published again and again",
                MESSAGES - again->taken, MESSAGES, CASE_MS / 1000);
        }
    }
}

// ---- the verdict ----

static void expect_each_once(const struct again *again, const struct arrivals *came, const char *where) {
    uint64_t first[MESSAGES] = {0};
    for (size_t i = 0; i < came->count; i++) {
        const struct arrival *one = &came->items[i];
        const unsigned long number = strtoul(one->payload, NULL, 10);
        if (number >= MESSAGES) {
            check_fail(again->check, "%s: a message came that nobody published", where);
        }
        if (first[number]) {
            check_fail(
                again->check,
                "%s: message %lu was published again with its key after the connection was cut, and is there "
                "twice, with the offsets %" PRIu64 " and %" PRIu64,
                where, number, first[number], one->offset);
        }
        first[number] = one->offset;
    }
    for (unsigned i = 0; i < MESSAGES; i++) {
        if (first[i] != again->told[i].newest) {
            check_fail(again->check,
                       "%s: message %u was told offset %" PRIu64
                       " when it was taken, and it has offset %" PRIu64 " (0: it is not there)",
                       where, i, again->told[i].newest, first[i]);
        }
    }
}

static void judge(struct again *again, struct peer *to) {
    struct page page = chapter_read_all(to, &again->chapter);
    peer_wait_arrivals(to, MESSAGES, PATIENCE);
    check_figure(again->check, "published", MESSAGES, "messages");
    check_figure(again->check, "published again", again->repeated, "");
    check_figure(again->check, "cuts", again->cuts, "");
    expect_each_once(again, &page.found, "in the history");
    expect_each_once(again, peer_arrivals(to), "at another instance");
    chapter_close(&page);
}

static void taken_once(struct check *check) {
    static struct again again; // the case is a process of its own
    commands_mend(check);
    again =
        (struct again){.check = check, .relay = relay_start(check), .chapter = chapter_of(check, "again")};
    again.from = peer_open(check);
    relay_lead(again.relay, false);
    struct peer *to = peer_open(check);
    expect_subscribed(to, again.chapter.channel);
    peer_forget(to);
    publish_all(&again);
    relay_heal(again.relay);
    judge(&again, to);
}

const struct check_case cases_again[] = {
    {"published-again", "what failed because of a cut and is published again with its key is taken once",
     taken_once, WSHUB_BROKER_HISTORY | WSHUB_BROKER_IDEMPOTENT, NEEDS_RELAY, 240},
    {0},
};
