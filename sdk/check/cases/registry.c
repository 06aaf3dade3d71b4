// SPDX-License-Identifier: MIT
// The registry: who is connected where. All keys but those of one byte begin with this run's random part.
// There are few different times to live, as in a hub: some brokers keep a store for each.
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cases/entries.h"
#include "cases/pair.h"
#include "cases/shown.h"

enum {
    KEEP = ENTRIES_KEEP,
    LONGER = 90000,    // ms, of entries whose time to live is changed
    BRIEF = 1000,      // ms, of those that must
    GRACE = 3000,      // ms after the end of its time that an entry may still be seen
    CLOCKS = 100,      // ms by which clocks may differ in what a time to live is
    POLL = 50,         // ms between two looks
    VALUE_MOST = 4096, // bytes
};

// ---- what is expected of one entry ----

// The status; anything but OK and NOT_FOUND fails the case, and so does another value.
static int look(struct peer *peer, const char *key, const char *expected, const char *when) {
    struct check *check = peer_check(peer);
    char *value = NULL;
    int status = peer_registry_get(peer, key, &value);
    if (status == WSHUB_NOT_FOUND) {
        free(value);
        return status;
    }
    expect_status(check, WSHUB_OK, status, "%s, get %s", when, entries_shown(key).text);
    if (!value) {
        check_fail(check, "%s, get %s: completed with OK, and no entry was given", when,
                   entries_shown(key).text);
    }
    if (expected && strcmp(value, expected) != 0) {
        check_fail(check, "%s, get %s: another value than was set: %s", when, entries_shown(key).text,
                   shown_difference(bytes_of(expected), bytes_of(value)).text);
    }
    free(value);
    return status;
}

static void expect_value(struct peer *peer, const char *key, const char *value, const char *when) {
    expect_status(peer_check(peer), WSHUB_OK, look(peer, key, value, when), "%s, get %s", when,
                  entries_shown(key).text);
}

static void expect_none(struct peer *peer, const char *key, const char *when) {
    expect_status(peer_check(peer), WSHUB_NOT_FOUND, look(peer, key, NULL, when), "%s, get %s", when,
                  entries_shown(key).text);
}

// ---- time ----

static bool never(void *context) {
    (void)context;
    return false;
}

static void pause_between_looks(struct check *check) {
    check_wait_exactly(check, never, NULL, POLL);
}

static uint64_t ms_since(uint64_t start) {
    return (check_now() - start) / 1000000;
}

// The entry was set at `start` with this time to live. It must be there until then, and gone soon after.
static void expect_to_expire(struct peer *peer, const char *key, const char *value, uint64_t start,
                             uint64_t ttl) {
    struct check *check = peer_check(peer);
    for (;;) {
        int status = look(peer, key, value, "while its time to live runs");
        uint64_t age = ms_since(start);
        if (status == WSHUB_NOT_FOUND && age + CLOCKS < ttl) {
            check_fail(check, "set %s for %" PRIu64 " ms: it was gone after %" PRIu64 " ms",
                       entries_shown(key).text, ttl, age);
        }
        if (status == WSHUB_NOT_FOUND) {
            return;
        }
        if (age > ttl + check_scaled(GRACE)) {
            check_fail(check, "set %s for %" PRIu64 " ms: it is still there after %" PRIu64 " ms",
                       entries_shown(key).text, ttl, age);
        }
        pause_between_looks(check);
    }
}

// ---- set, get, delete ----

static void set_get(struct check *check) {
    struct pair pair = pair_open(check);
    struct entries_key key = entries_key(check, "conn:1"), other = entries_key(check, "conn:2");
    entries_set(pair.from, key.text, "{\"n\":1}", KEEP);
    entries_set(pair.from, other.text, "{\"n\":2}", KEEP);
    expect_value(pair.from, key.text, "{\"n\":1}", "by the instance that set it");
    expect_value(pair.to, key.text, "{\"n\":1}", "by another instance");
    expect_value(pair.to, other.text, "{\"n\":2}", "by another instance");
    entries_discard(pair.from, key.text);
    entries_discard(pair.from, other.text);
}

static void get_nothing(struct check *check) {
    struct pair pair = pair_open(check);
    struct entries_key key = entries_key(check, "conn:1"), shorter = entries_key(check, "conn:"),
                       longer = entries_key(check, "conn:12");
    entries_set(pair.from, key.text, "1", KEEP);
    expect_none(pair.to, entries_key(check, "nobody").text, "never set");
    expect_none(pair.to, shorter.text, "the beginning of a key that is there");
    expect_none(pair.to, longer.text, "more than a key that is there");
    entries_discard(pair.from, key.text);
}

static void replace(struct check *check) {
    struct pair pair = pair_open(check);
    struct entries_key key = entries_key(check, "conn:1");
    char value[32];
    for (int i = 0; i < 20; i++) {
        struct peer *setter = i % 3 ? pair.from : pair.to;
        snprintf(value, sizeof value, "{\"n\":%d}", i);
        entries_set(setter, key.text, value, i % 4 < 2 ? KEEP : LONGER);
        expect_value(i % 2 ? pair.from : pair.to, key.text, value, "after it was replaced");
    }
    struct peer_entries entries = entries_list(pair.to, key.text);
    if (entries.count != 1) {
        check_fail(check, "set %s 20 times: expected one entry in the list, got %zu",
                   entries_shown(key.text).text, entries.count);
    }
    peer_entries_free(&entries);
    entries_discard(pair.from, key.text);
    expect_none(pair.to, key.text, "after it was replaced and deleted");
}

static void delete_entry(struct check *check) {
    struct pair pair = pair_open(check);
    struct entries_key key = entries_key(check, "conn:1"), other = entries_key(check, "conn:10");
    entries_discard(pair.from, entries_key(check, "nobody").text);
    entries_set(pair.from, key.text, "1", KEEP);
    entries_set(pair.from, other.text, "10", KEEP);
    entries_discard(pair.to, key.text);
    expect_none(pair.from, key.text, "deleted by another instance");
    expect_none(pair.to, key.text, "deleted");
    expect_value(pair.to, other.text, "10", "after its neighbour was deleted");
    entries_discard(pair.to, key.text);
    entries_set(pair.from, key.text, "2", KEEP);
    expect_value(pair.to, key.text, "2", "set again after it was deleted");
    entries_discard(pair.from, key.text);
    entries_discard(pair.from, other.text);
}

static void values(struct check *check) {
    static const char *const texts[] = {"{}",
                                        "0",
                                        "\"\"",
                                        "\"Zo\xC3\xAB \xF0\x9F\x90\x98\"",
                                        "\"\\u0000 \\\" \\\\ %s %20\"",
                                        "{\"a\":[1,2,{\"b\":null}],\"c\":\"x y\"}",
                                        " [1, 2] "};
    struct pair pair = pair_open(check);
    struct entries_key key = entries_key(check, "conn:1");
    char big[VALUE_MOST + 1];
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        entries_set(pair.from, key.text, texts[i], KEEP);
        expect_value(pair.to, key.text, texts[i], "by another instance");
    }
    for (size_t size = 16; size <= VALUE_MOST; size *= 2) {
        memset(big, 'v', size);
        big[0] = big[size - 1] = '"';
        big[size] = '\0';
        entries_set(pair.from, key.text, big, KEEP);
        expect_value(pair.to, key.text, big, "by another instance");
    }
    entries_discard(pair.from, key.text);
}

// ---- keys ----

// Every character, in front (1 byte), inside, and at the end; and the longest.
static size_t nasty_keys(struct check *check, struct entries_key *keys) {
    size_t count = 0;
    for (int c = 0x21; c < 0x7F; c++) {
        const char inside[] = {'k', (char)c, 'k', '\0'}, last[] = {'k', (char)c, '\0'},
                   two[] = {(char)c, (char)c, '\0'};
        keys[count++] = entries_key(check, inside);
        keys[count++] = entries_key(check, last);
        if (c == '/') { // there is one in a key, and something before it
            continue;
        }
        if (c != 'k') { // that was the one before
            keys[count++] = entries_key(check, two);
        }
        keys[count++] = (struct entries_key){{(char)c, '\0'}};
        keys[count] = entries_key(check, "");
        size_t length = strlen(keys[count].text);
        memset(keys[count].text + length, c, ENTRIES_KEY - length);
        keys[count++].text[ENTRIES_KEY] = '\0';
    }
    return count;
}

static void keys_one_to_one(struct check *check) {
    enum { KEYS = 5 * 94 };
    struct pair pair = pair_open(check);
    struct entries_key *keys = expect_memory(check, KEYS, sizeof *keys);
    char value[32];
    size_t count = nasty_keys(check, keys);
    for (size_t i = 0; i < count; i++) {
        snprintf(value, sizeof value, "%zu", i);
        entries_set(pair.from, keys[i].text, value, KEEP);
    }
    for (size_t i = 0; i < count; i++) {
        snprintf(value, sizeof value, "%zu", i);
        expect_value(pair.to, keys[i].text, value, "among many keys");
    }
    for (size_t i = 0; i < count; i += 2) {
        entries_discard(pair.from, keys[i].text);
    }
    for (size_t i = 0; i < count; i++) {
        snprintf(value, sizeof value, "%zu", i);
        if (i % 2) {
            expect_value(pair.to, keys[i].text, value, "after its neighbours were deleted");
            entries_discard(pair.to, keys[i].text);
        } else {
            expect_none(pair.to, keys[i].text, "deleted");
        }
    }
    free(keys);
}

static void patterns(struct check *check) {
    static const char *const literal[] = {"ax", "ay", "bx", "a.b", "a/b", "a.b.c", "a/b.c", "AX", "a%2Fb"};
    static const char *const looks[] = {"a*", "a?",  "*",    "?x",  "[ab]x", "a.*",   "a.>",
                                        ">",  "a/#", "a/+",  "+/b", "#",     "%",     "a_",
                                        "_x", "a\\", "\\ax", "^a",  ".x",    "a=2Fb", "{ax,ay}"};
    struct pair pair = pair_open(check);
    struct entries_key keys[sizeof literal / sizeof literal[0]];
    for (size_t i = 0; i < sizeof literal / sizeof literal[0]; i++) {
        keys[i] = entries_key(check, literal[i]);
        entries_set_itself(pair.from, keys[i].text);
    }
    for (size_t i = 0; i < sizeof looks / sizeof looks[0]; i++) {
        struct entries_key pattern = entries_key(check, looks[i]);
        expect_none(pair.to, pattern.text, "never set, and no pattern");
        entries_expect(pair.to, pattern.text, NULL, 0);
        entries_discard(pair.to, pattern.text);
    }
    entries_expect(pair.to, entries_key(check, "").text, keys, sizeof keys / sizeof keys[0]);
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        entries_discard(pair.from, keys[i].text);
    }
}

// ---- list ----

static void list_prefix(struct check *check) {
    static const char *const names[] = {"conn:1", "conn:10", "conn:11", "conn:2", "connection", "instance:1"};
    struct pair pair = pair_open(check);
    struct entries_key keys[6], moved[6];
    for (size_t i = 0; i < 6; i++) {
        keys[i] = entries_key(check, names[i]);
        entries_set_itself(pair.from, keys[i].text);
    }
    struct peer *const peers[] = {pair.from, pair.to};
    for (int i = 0; i < 2; i++) {
        entries_expect(peers[i], entries_key(check, "").text, keys, 6);
        entries_expect(peers[i], entries_key(check, "conn").text, keys, 5);   // ends in the middle of a word
        entries_expect(peers[i], entries_key(check, "conn:").text, keys, 4);  // ends at a separator
        entries_expect(peers[i], entries_key(check, "conn:1").text, keys, 3); // is a key itself
        entries_expect(peers[i], entries_key(check, "conn:10").text, &keys[1], 1);
        entries_expect(peers[i], entries_key(check, "connection").text, &keys[4], 1);
        entries_expect(peers[i], entries_key(check, "i").text, &keys[5], 1);
        entries_expect(peers[i], entries_key(check, "conn:3").text, NULL, 0);
        entries_expect(peers[i], entries_key(check, "CONN").text, NULL, 0);
        entries_expect(peers[i], entries_key(check, "connections").text, NULL, 0);
    }
    memcpy(moved, keys, sizeof moved);
    entries_discard(pair.to, keys[0].text);
    entries_expect(pair.from, entries_key(check, "conn:").text, &moved[1], 3);
    for (size_t i = 1; i < 6; i++) {
        entries_discard(pair.from, keys[i].text);
    }
}

static int compare_keys(const void *left, const void *right) {
    return strcmp(((const struct peer_entry *)left)->key, ((const struct peer_entry *)right)->key);
}

static void expect_thousand(struct peer *peer, const char *prefix, unsigned count) {
    struct check *check = peer_check(peer);
    struct peer_entries entries = entries_list(peer, prefix);
    if (entries.count > 0) {
        qsort(entries.items, entries.count, sizeof *entries.items, compare_keys);
    }
    for (unsigned i = 0; i < count; i++) {
        char expected[ENTRIES_KEY + 1];
        snprintf(expected, sizeof expected, "%s%06u", prefix, i);
        if (i >= entries.count || strcmp(entries.items[i].key, expected) > 0) {
            check_fail(check, "set %u entries: the list does not have %s, and has %zu entries", count,
                       entries_shown(expected).text, entries.count);
        }
        if (strcmp(entries.items[i].key, expected) < 0) {
            bool again = i > 0 && strcmp(entries.items[i].key, entries.items[i - 1].key) == 0;
            check_fail(check, "set %u entries: the list has %s %s", count,
                       entries_shown(entries.items[i].key).text,
                       again ? "more than once" : "too, which was not set");
        }
    }
    if (entries.count > count) {
        check_fail(check, "set %u entries: the list has %zu, the last one %s", count, entries.count,
                   entries_shown(entries.items[entries.count - 1].key).text);
    }
    peer_entries_free(&entries);
}

static void finish_sets(struct peer *peer, const peer_call *calls, unsigned count) {
    for (unsigned i = 0; i < count; i++) {
        int status = calls[i] ? peer_finish(peer, calls[i]) : peer_refused(peer);
        expect_status(peer_check(peer), WSHUB_OK, status, "set entry %u of %u, all under way at once", i + 1,
                      count);
    }
}

static void list_many(struct check *check) {
    enum { ENTRIES = 1000 };
    struct pair pair = pair_open(check);
    struct entries_key stem = entries_key(check, "many:");
    peer_call *calls = expect_memory(check, ENTRIES, sizeof *calls);
    for (unsigned i = 0; i < ENTRIES; i++) {
        char key[ENTRIES_KEY + 8];
        snprintf(key, sizeof key, "%s%06u", stem.text, i);
        calls[i] = peer_start_set(pair.from, key, "{\"instance\":\"one\"}", KEEP);
        if (!calls[i]) {
            expect_status(check, WSHUB_OK, peer_refused(pair.from),
                          "set entry %u of %d, all under way at once", i + 1, ENTRIES);
        }
    }
    finish_sets(pair.from, calls, ENTRIES);
    free(calls);
    expect_thousand(pair.from, stem.text, ENTRIES);
    expect_thousand(pair.to, stem.text, ENTRIES);
    for (unsigned i = 0; i < ENTRIES; i++) {
        char key[ENTRIES_KEY + 8];
        snprintf(key, sizeof key, "%s%06u", stem.text, i);
        entries_discard(pair.from, key);
    }
    entries_expect(pair.to, stem.text, NULL, 0);
}

// ---- time to live ----

// Not whole seconds: rounded down, an entry would be gone while its owner lives.
static void expires(struct check *check) {
    enum { ODD = 1700 };
    struct pair pair = pair_open(check);
    struct entries_key key = entries_key(check, "brief"), other = entries_key(check, "long");
    entries_set(pair.from, other.text, "2", KEEP);
    uint64_t start = check_now();
    entries_set(pair.from, key.text, "1", ODD);
    expect_to_expire(pair.to, key.text, "1", start, ODD);
    entries_expect(pair.to, key.text, NULL, 0);
    expect_value(pair.to, other.text, "2", "after its neighbour expired");
    entries_discard(pair.from, other.text);
}

static void replace_shorter(struct check *check) {
    struct pair pair = pair_open(check);
    struct entries_key key = entries_key(check, "shorter");
    entries_set(pair.from, key.text, "\"long\"", KEEP);
    uint64_t start = check_now();
    entries_set(pair.from, key.text, "\"brief\"", BRIEF);
    expect_to_expire(pair.to, key.text, "\"brief\"", start, BRIEF);
    for (int i = 0; i < 10; i++) { // what was replaced must not come up again
        expect_none(pair.to, key.text, "after a value with a shorter time to live expired");
        entries_expect(pair.from, key.text, NULL, 0);
        pause_between_looks(check);
    }
}

static void replace_longer(struct check *check) {
    struct pair pair = pair_open(check);
    struct entries_key key = entries_key(check, "longer");
    uint64_t start = check_now();
    entries_set(pair.from, key.text, "\"brief\"", BRIEF);
    entries_set(pair.from, key.text, "\"long\"", KEEP);
    while (ms_since(start) < BRIEF + GRACE) {
        expect_value(pair.to, key.text, "\"long\"", "replaced by a value with a longer time to live");
        pause_between_looks(check);
    }
    entries_discard(pair.from, key.text);
}

static void renewal(struct check *check) {
    struct pair pair = pair_open(check);
    struct entries_key key = entries_key(check, "renewed");
    uint64_t ttl = check_scaled(BRIEF), start = check_now(), renewed = 0;
    while (ms_since(start) < 3 * ttl) {
        if (renewed == 0 || ms_since(renewed) > ttl / 3) {
            renewed = check_now();
            entries_set(pair.from, key.text, "1", ttl);
        }
        expect_value(pair.to, key.text, "1", "renewed three times in its time to live");
        pause_between_looks(check);
    }
    expect_to_expire(pair.to, key.text, "1", renewed, ttl);
}

// ---- the instance's own entry ----

static struct entries_key own_key(const struct peer *peer) {
    struct entries_key key;
    snprintf(key.text, sizeof key.text, WSHUB_INSTANCE_KEY "%s", peer_instance_id(peer));
    return key;
}

static void beat(struct peer *peer, const char *value, uint64_t ttl, int expected, const char *when) {
    struct entries_key key = own_key(peer);
    expect_status(peer_check(peer), expected, peer_heartbeat(peer, key.text, value, ttl),
                  "%s, heartbeat of %s", when, entries_shown(key.text).text);
}

static void heartbeat(struct check *check) {
    struct pair pair = pair_open(check);
    struct entries_key key = own_key(pair.from);
    char value[32];
    beat(pair.from, "{\"beat\":0}", KEEP, WSHUB_NOT_FOUND, "the first time");
    for (int i = 1; i <= 10; i++) {
        expect_value(i % 2 ? pair.to : pair.from, key.text, i > 1 ? value : "{\"beat\":0}",
                     "after a heartbeat");
        snprintf(value, sizeof value, "{\"beat\":%d}", i);
        beat(pair.from, value, KEEP, WSHUB_OK, "its entry being there");
    }
    if (!pair.is_alone) {
        beat(pair.to, "{}", KEEP, WSHUB_NOT_FOUND, "the first time of another instance");
        beat(pair.from, value, KEEP, WSHUB_OK, "its entry being there beside another's");
        entries_discard(pair.to, own_key(pair.to).text);
    }
    entries_discard(pair.from, key.text);
}

static void heartbeat_deleted(struct check *check) {
    struct pair pair = pair_open(check);
    struct entries_key key = own_key(pair.from);
    for (int i = 0; i < 5; i++) {
        beat(pair.from, "{\"a\":1}", KEEP, WSHUB_NOT_FOUND,
             i ? "deleted by another instance" : "the first time");
        beat(pair.from, "{\"a\":2}", KEEP, WSHUB_OK, "its entry being there");
        entries_discard(pair.to, key.text);
        expect_none(pair.from, key.text, "deleted");
    }
}

static void heartbeat_expired(struct check *check) {
    struct pair pair = pair_open(check);
    struct entries_key key = own_key(pair.from);
    uint64_t start = check_now();
    beat(pair.from, "{}", BRIEF, WSHUB_NOT_FOUND, "the first time");
    expect_to_expire(pair.to, key.text, "{}", start, BRIEF);
    beat(pair.from, "{}", KEEP, WSHUB_NOT_FOUND, "expired");
    beat(pair.from, "{}", KEEP, WSHUB_OK, "made anew");
    entries_discard(pair.from, key.text);
}

static void heartbeat_replaces(struct check *check) {
    static const uint64_t ttls[] = {KEEP, LONGER, LONGER, KEEP};
    struct pair pair = pair_open(check);
    struct entries_key key = own_key(pair.from);
    char value[32];
    beat(pair.from, "{}", KEEP, WSHUB_NOT_FOUND, "the first time");
    for (size_t i = 0; i < 8; i++) {
        snprintf(value, sizeof value, "{\"beat\":%zu}", i);
        beat(pair.from, value, ttls[i % 4], WSHUB_OK, "its entry being there with another time to live");
        expect_value(pair.to, key.text, value, "after a heartbeat with another time to live");
    }
    uint64_t start = check_now();
    beat(pair.from, "{}", BRIEF, WSHUB_OK, "its entry being there with a longer time to live");
    expect_to_expire(pair.to, key.text, "{}", start, BRIEF);
}

static void heartbeat_renews(struct check *check) {
    struct pair pair = pair_open(check);
    struct entries_key key = own_key(pair.from);
    uint64_t ttl = check_scaled(BRIEF), start = check_now(), renewed = check_now();
    beat(pair.from, "{}", ttl, WSHUB_NOT_FOUND, "the first time");
    while (ms_since(start) < 3 * ttl) {
        if (ms_since(renewed) > ttl / 3) {
            renewed = check_now();
            beat(pair.from, "{}", ttl, WSHUB_OK, "three times in its time to live");
        }
        expect_value(pair.to, key.text, "{}", "renewed three times in its time to live");
        pause_between_looks(check);
    }
    entries_discard(pair.from, key.text);
}

// An instance that has gone does not take its connections' entries along: the hub deletes them, or they
// expire.
static void closed(struct check *check) {
    struct pair pair = pair_open_two(check);
    struct entries_key key = entries_key(check, "conn:1"), own = own_key(pair.to);
    entries_set(pair.to, key.text, "{\"n\":1}", KEEP);
    beat(pair.to, "{}", KEEP, WSHUB_NOT_FOUND, "the first time");
    peer_close(pair.to);
    expect_value(pair.from, key.text, "{\"n\":1}", "after the instance that set it was closed");
    check_figure(check, "own entry kept after close",
                 look(pair.from, own.text, "{}", "after close") == WSHUB_OK, "");
    entries_discard(pair.from, key.text);
    entries_discard(pair.from, own.text);
    struct peer *late = peer_open(check);
    expect_none(late, key.text, "deleted before this instance was opened");
}

#define REGISTRY WSHUB_BROKER_REGISTRY, 0
const struct check_case cases_registry[] = {
    {"registry-set-get", "what one instance sets, another gets", set_get, REGISTRY, 0},
    {"registry-get-nothing", "what nobody has set is NOT_FOUND", get_nothing, REGISTRY, 0},
    {"registry-replace", "set again, an entry has the new value, and there is one", replace, REGISTRY, 0},
    {"registry-delete", "deleted, an entry is gone for all; one that is not there is deleted", delete_entry,
     REGISTRY, 0},
    {"registry-values", "values up to 4 KiB come back as they were", values, REGISTRY, 0},
    {"registry-keys", "every printable character, 1 to 128 bytes: one to one", keys_one_to_one, REGISTRY, 60},
    {"registry-patterns", "keys and prefixes are no patterns", patterns, REGISTRY, 0},
    {"registry-list", "a list has what begins with the prefix, and nothing else", list_prefix, REGISTRY, 0},
    {"registry-list-many", "1,000 entries, each in the list once", list_many, REGISTRY, 60},
    {"registry-expires", "an entry is there for its time to live, and gone soon after", expires, REGISTRY, 0},
    {"registry-shorter", "the time to live may be made shorter; what was replaced stays away",
     replace_shorter, REGISTRY, 0},
    {"registry-longer", "the time to live may be made longer", replace_longer, REGISTRY, 0},
    {"registry-renewal", "an entry that is set again in time stays", renewal, REGISTRY, 0},
    {"registry-closed", "entries outlive the instance that set them", closed, REGISTRY, 0},
    {"heartbeat", "NOT_FOUND at first, OK then", heartbeat, REGISTRY, 0},
    {"heartbeat-deleted", "NOT_FOUND when somebody has deleted the entry", heartbeat_deleted, REGISTRY, 0},
    {"heartbeat-expired", "NOT_FOUND when the entry has expired", heartbeat_expired, REGISTRY, 0},
    {"heartbeat-replaces", "a heartbeat may change the value and the time to live", heartbeat_replaces,
     REGISTRY, 0},
    {"heartbeat-renews", "a heartbeat in time keeps the entry", heartbeat_renews, REGISTRY, 0},
    {0},
};
