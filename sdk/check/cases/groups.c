// SPDX-License-Identifier: MIT
// Groups of registry entries: what stands before the '/' of a key. A hub asks for the members of a channel
// and the connections of a user all the time, and for few of them among many.
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cases/entries.h"
#include "cases/pair.h"

enum {
    BRIEF = 1000, // ms, of entries that expire
    GRACE = 3000, // ms after the end of its time that an entry may still be listed
    POLL = 50,
};

// ---- what is in one ----

static void listed(struct check *check) {
    static const char *const names[] = {"p:aa/1", "p:aa/10", "p:aa/2", "p:aab/1", "p:a/1", "p:aa", "p:aa:x"};
    enum { NAMES = sizeof names / sizeof names[0] };
    struct pair pair = pair_open(check);
    struct entries_key keys[NAMES];
    for (size_t i = 0; i < NAMES; i++) {
        keys[i] = entries_key(check, names[i]);
        entries_set_itself(i % 2 ? pair.from : pair.to, keys[i].text);
    }
    struct peer *const peers[] = {pair.from, pair.to};
    for (int i = 0; i < 2; i++) {
        entries_expect(peers[i], entries_key(check, "p:aa/").text, keys, 3);
        entries_expect(peers[i], entries_key(check, "p:aa/1").text, keys, 2);
        entries_expect(peers[i], entries_key(check, "p:aab/").text, &keys[3], 1);
        entries_expect(peers[i], entries_key(check, "p:a/").text, &keys[4], 1);
        entries_expect(peers[i], entries_key(check, "p:aaa/").text, NULL, 0);
        entries_expect(peers[i], entries_key(check, "p:").text, keys, NAMES);
    }
    entries_discard(pair.to, keys[0].text);
    entries_expect(pair.from, entries_key(check, "p:aa/").text, &keys[1], 2);
    entries_discard(pair.from, keys[4].text);
    entries_expect(pair.to, entries_key(check, "p:a/").text, NULL, 0);
    entries_set_itself(pair.to, keys[4].text);
    entries_expect(pair.from, entries_key(check, "p:a/").text, &keys[4], 1);
    for (size_t i = 0; i < NAMES; i++) {
        entries_discard(pair.from, keys[i].text);
    }
    entries_expect(pair.to, entries_key(check, "p:").text, NULL, 0);
}

// ---- who leaves one ----

static bool never(void *context) {
    (void)context;
    return false;
}

static size_t count(struct peer *peer, const char *prefix) {
    struct peer_entries entries = entries_list(peer, prefix);
    size_t count = entries.count;
    peer_entries_free(&entries);
    return count;
}

// What is renewed stays; what expires goes, by itself, and may come again.
static void expires(struct check *check) {
    struct pair pair = pair_open(check);
    struct entries_key stays = entries_key(check, "g/stays"), goes = entries_key(check, "g/goes"),
                       alone = entries_key(check, "h/goes");
    const struct entries_key group = entries_key(check, "g/"), other = entries_key(check, "h/");
    const uint64_t until = check_now() + (BRIEF + check_scaled(GRACE)) * 1000000;
    entries_set_itself(pair.from, stays.text);
    entries_set(pair.from, goes.text, "1", BRIEF);
    entries_set(pair.from, alone.text, "1", BRIEF);
    while (count(pair.to, group.text) > 1 || count(pair.to, other.text) > 0) {
        if (check_now() > until) {
            check_fail(check, "entries of groups that were set for %d ms are still listed %d ms after that",
                       BRIEF, GRACE);
        }
        check_wait_exactly(check, never, NULL, POLL);
    }
    entries_expect(pair.to, group.text, &stays, 1);
    entries_set_itself(pair.to, alone.text);
    entries_expect(pair.from, other.text, &alone, 1);
    entries_discard(pair.to, alone.text);
    entries_discard(pair.from, stays.text);
}

// ---- what one costs ----

enum { MEMBERS = 5, OTHERS = 2000, ROUNDS = 10, LISTS = 10 };

// The shortest time of some, in µs: whatever else the machine does makes the others longer.
static uint64_t cost_of(struct peer *peer, const char *prefix) {
    uint64_t least = UINT64_MAX;
    for (int round = 0; round < ROUNDS; round++) {
        const uint64_t start = check_now();
        for (int i = 0; i < LISTS; i++) {
            const size_t found = count(peer, prefix);
            if (found != MEMBERS) {
                check_fail(peer_check(peer), "list %s: expected %d entries, got %zu",
                           entries_shown(prefix).text, MEMBERS, found);
            }
        }
        const uint64_t took = (check_now() - start) / LISTS / 1000;
        least = took < least ? took : least;
    }
    return least;
}

static struct entries_key other_key(struct check *check, unsigned i) {
    char name[48];
    snprintf(name, sizeof name, i % 2 ? "other:%u/member" : "conn:%u", i);
    return entries_key(check, name);
}

static void set_others(struct peer *peer) {
    enum { AT_ONCE = 100 };
    peer_call calls[AT_ONCE];
    for (unsigned i = 0; i < OTHERS; i += AT_ONCE) {
        for (unsigned j = 0; j < AT_ONCE; j++) {
            struct entries_key key = other_key(peer_check(peer), i + j);
            calls[j] = peer_start_set(peer, key.text, "{\"instance\":\"one\"}", ENTRIES_KEEP);
        }
        for (unsigned j = 0; j < AT_ONCE; j++) {
            expect_status(peer_check(peer), WSHUB_OK,
                          calls[j] ? peer_finish(peer, calls[j]) : peer_refused(peer),
                          "set entry %u of %d, many under way", i + j + 1, OTHERS);
        }
    }
}

// An index is not free, and the machine may be busy just then: it has some chances.
static uint64_t cost_within(struct peer *peer, const char *prefix, uint64_t limit) {
    enum { CHANCES = 5 };
    uint64_t least = UINT64_MAX;
    for (int i = 0; i < CHANCES && least > limit; i++) {
        const uint64_t took = cost_of(peer, prefix);
        least = took < least ? took : least;
    }
    return least;
}

static void cost(struct check *check) {
    enum { RATIO = 2, SLACK_US = 100 };
    struct pair pair = pair_open(check);
    const struct entries_key group = entries_key(check, "g/");
    for (unsigned i = 0; i < MEMBERS; i++) {
        char name[16];
        snprintf(name, sizeof name, "g/%u", i);
        entries_set_itself(pair.from, entries_key(check, name).text);
    }
    const uint64_t before = cost_of(pair.to, group.text);
    set_others(pair.from);
    const uint64_t limit = before * RATIO + check_scaled(SLACK_US);
    const uint64_t after = cost_within(pair.to, group.text, limit);
    check_figure(check, "list of a small registry", (double)before, "us");
    check_figure(check, "list of a large one", (double)after, "us");
    for (unsigned i = 0; i < OTHERS; i++) {
        entries_discard(pair.from, other_key(check, i).text);
    }
    for (unsigned i = 0; i < MEMBERS; i++) {
        char name[16];
        snprintf(name, sizeof name, "g/%u", i);
        entries_discard(pair.from, entries_key(check, name).text);
    }
    if (after > limit) {
        check_fail(check,
                   "a group of %d entries is listed in %" PRIu64 " us, and in %" PRIu64
                   " us when %d others are "
                   "there: it must cost what is found, not all that there is",
                   MEMBERS, before, after, OTHERS);
    }
}

#define REGISTRY WSHUB_BROKER_REGISTRY, 0
const struct check_case cases_groups[] = {
    {"registry-group", "a group is listed exactly: by what stands before the '/'", listed, REGISTRY, 0},
    {"registry-group-expires", "an entry that expires is not listed with its group any more", expires,
     REGISTRY, 0},
    {"registry-group-cost", "2,000 other entries do not make the list of a group slow", cost, REGISTRY, 60},
    {0},
};
