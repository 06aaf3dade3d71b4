// SPDX-License-Identifier: MIT
#include "cases/entries.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

struct entries_key entries_key(struct check *check, const char *name) {
    struct wshub_bytes stem = check_channel(check, "");
    struct entries_key key;
    snprintf(key.text, sizeof key.text, "%.*s%s", (int)stem.length, (const char *)stem.data, name);
    for (size_t i = 0; i < stem.length; i++) {
        key.text[i] =
            key.text[i] == '/' ? ':' : key.text[i]; // one may be in a key: whoever needs it, says it
    }
    return key;
}

struct shown entries_shown(const char *text) {
    return shown_bytes(bytes_of(text));
}

void entries_set(struct peer *peer, const char *key, const char *value, uint64_t ttl) {
    expect_status(peer_check(peer), WSHUB_OK, peer_registry_set(peer, key, value, ttl),
                  "set %s to %s for %" PRIu64 " ms", entries_shown(key).text, entries_shown(value).text, ttl);
}

void entries_discard(struct peer *peer, const char *key) {
    expect_status(peer_check(peer), WSHUB_OK, peer_registry_delete(peer, key), "delete %s",
                  entries_shown(key).text);
}

struct peer_entries entries_list(struct peer *peer, const char *prefix) {
    struct peer_entries entries = {0};
    expect_status(peer_check(peer), WSHUB_OK, peer_registry_list(peer, prefix, &entries), "list %s",
                  entries_shown(prefix).text);
    return entries;
}

static unsigned times_listed(const struct peer_entries *entries, const char *key) {
    unsigned times = 0;
    for (size_t i = 0; i < entries->count; i++) {
        times += strcmp(entries->items[i].key, key) == 0;
    }
    return times;
}

void entries_expect(struct peer *peer, const char *prefix, const struct entries_key *keys, size_t count) {
    struct check *check = peer_check(peer);
    struct peer_entries entries = entries_list(peer, prefix);
    for (size_t i = 0; i < count; i++) {
        unsigned times = times_listed(&entries, keys[i].text);
        if (times != 1) {
            check_fail(check, "list %s: expected %zu entries, %s once, and it came %u times among %zu",
                       entries_shown(prefix).text, count, entries_shown(keys[i].text).text, times,
                       entries.count);
        }
    }
    for (size_t i = 0; i < entries.count; i++) {
        const struct peer_entry *entry = &entries.items[i];
        if (strncmp(entry->key, prefix, strlen(prefix)) != 0) {
            check_fail(check, "list %s: %s came, which does not begin so", entries_shown(prefix).text,
                       entries_shown(entry->key).text);
        }
        size_t length = strlen(entry->key);
        if (strlen(entry->value) != length + 2 || memcmp(entry->value + 1, entry->key, length) != 0) {
            check_fail(check, "list %s: %s came with the value %s, which is not its own",
                       entries_shown(prefix).text, entries_shown(entry->key).text,
                       entries_shown(entry->value).text);
        }
    }
    if (entries.count != count) {
        check_fail(check, "list %s: expected %zu entries, got %zu", entries_shown(prefix).text, count,
                   entries.count);
    }
    peer_entries_free(&entries);
}

void entries_set_itself(struct peer *peer, const char *key) {
    char value[ENTRIES_KEY + 3];
    snprintf(value, sizeof value, "\"%.*s\"", ENTRIES_KEY, key);
    entries_set(peer, key, value, ENTRIES_KEEP);
}
