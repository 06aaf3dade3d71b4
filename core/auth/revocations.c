// SPDX-License-Identifier: MIT
#include "auth/revocations.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "auth/identity.h"
#include "protocol/json.h"
#include "util/buf.h"
#include "util/map.h"

enum { LOOKS = 256 }; // entries that one call of revocations_expire looks at

struct entry {
    struct revocation revocation; // its id is the key, behind the kind
    uint32_t found;               // the last reading that has found it
    UT_hash_handle hh;
    char key[];
};

struct revocations {
    struct entry *entries;
    struct entry *cursor;  // the next to be looked at; NULL: from the start
    struct entry *missing; // the next that may be missing; NULL: none
    uint32_t reading;      // counts them; 0: there was none yet
    uint64_t hash_seed;
};

enum { KEY_MAX = 1 + IDENTITY_TEXT_MAX };

const char *const revocation_kind_names[REVOKE_KINDS] = {[REVOKE_USER] = "user", [REVOKE_TOKEN] = "token"};

struct revocations *revocations_new(uint64_t hash_seed) {
    struct revocations *revocations = calloc(1, sizeof *revocations);
    if (revocations) {
        revocations->hash_seed = hash_seed;
    }
    return revocations;
}

void revocations_free(struct revocations *revocations) {
    struct entry *entry, *next;
    if (!revocations) {
        return;
    }
    HASH_ITER(hh, revocations->entries, entry, next) {
        HASH_DEL(revocations->entries, entry);
        free(entry);
    }
    free(revocations);
}

size_t revocations_count(const struct revocations *revocations) {
    return HASH_COUNT(revocations->entries);
}

// ---- the table ----

static bool is_id(struct span id) {
    return id.length > 0 && id.length <= IDENTITY_TEXT_MAX;
}

// A user and a token may be called the same.
static size_t make_key(char key[KEY_MAX], enum revocation_kind kind, struct span id) {
    key[0] = (char)kind;
    memcpy(key + 1, id.data, id.length);
    return 1 + id.length;
}

static struct entry *find(const struct revocations *revocations, enum revocation_kind kind, struct span id) {
    struct entry *entry = NULL;
    char key[KEY_MAX];
    if (is_id(id)) {
        size_t length = make_key(key, kind, id);
        uint32_t hash = map_hash(key, length, revocations->hash_seed);
        HASH_FIND_BYHASHVALUE(hh, revocations->entries, key, length, hash, entry);
    }
    return entry;
}

const struct revocation *revocations_find(const struct revocations *revocations, enum revocation_kind kind,
                                          struct span id) {
    struct entry *entry = find(revocations, kind, id);
    return entry ? &entry->revocation : NULL;
}

static bool insert(struct revocations *revocations, const struct revocation *revocation) {
    struct entry *entry = calloc(1, sizeof *entry + 1 + revocation->id.length);
    if (!entry) {
        return false;
    }
    size_t length = make_key(entry->key, revocation->kind, revocation->id);
    entry->revocation = *revocation;
    entry->revocation.id.data = entry->key + 1;
    MAP_ADD(revocations->entries, entry->key, length, map_hash(entry->key, length, revocations->hash_seed),
            entry);
    if (!entry->hh.tbl) {
        free(entry);
        return false;
    }
    return true;
}

static uint64_t later(uint64_t a, uint64_t b) {
    return a > b ? a : b;
}

bool revocations_add(struct revocations *revocations, const struct revocation *revocation, size_t most) {
    struct entry *entry = find(revocations, revocation->kind, revocation->id);
    if (entry) {
        entry->revocation.at = later(entry->revocation.at, revocation->at);
        entry->revocation.until = later(entry->revocation.until, revocation->until);
        return true;
    }
    return is_id(revocation->id) && revocations_count(revocations) < most && insert(revocations, revocation);
}

void revocations_expire(struct revocations *revocations, uint64_t now) {
    struct entry *entry = revocations->cursor ? revocations->cursor : revocations->entries;
    for (int i = 0; entry && i < LOOKS; i++) {
        struct entry *next = entry->hh.next;
        if (entry->revocation.until <= now) {
            revocations->missing = revocations->missing == entry ? next : revocations->missing;
            HASH_DEL(revocations->entries, entry);
            free(entry);
        }
        entry = next;
    }
    revocations->cursor = entry;
}

// ---- what others know ----

void revocations_begin_reading(struct revocations *revocations) {
    revocations->reading++;
    revocations->missing = revocations->entries;
}

void revocations_found(struct revocations *revocations, const struct revocation *revocation) {
    struct entry *entry = find(revocations, revocation->kind, revocation->id);
    if (entry && entry->revocation.at <= revocation->at && entry->revocation.until <= revocation->until) {
        entry->found = revocations->reading;
    }
}

const struct revocation *revocations_next_missing(struct revocations *revocations) {
    struct entry *entry = revocations->missing;
    while (entry && entry->found == revocations->reading) {
        entry = entry->hh.next;
    }
    revocations->missing = entry ? entry->hh.next : NULL;
    return entry ? &entry->revocation : NULL;
}

// ---- whom it concerns ----

static bool is_same(struct span a, struct span b) {
    return a.length == b.length && memcmp(a.data, b.data, a.length) == 0;
}

bool revocation_concerns(const struct revocation *revocation, const struct identity *identity) {
    if (revocation->kind == REVOKE_TOKEN) {
        return is_same(revocation->id, identity_token_id(identity));
    }
    return is_same(revocation->id, identity_user(identity)) && identity_issued(identity) <= revocation->at;
}

static bool hits(const struct revocations *revocations, enum revocation_kind kind, struct span id,
                 const struct identity *identity, uint64_t now) {
    const struct revocation *found = revocations_find(revocations, kind, id);
    return found && found->until > now && revocation_concerns(found, identity);
}

bool revocations_hit(const struct revocations *revocations, const struct identity *identity, uint64_t now) {
    return hits(revocations, REVOKE_USER, identity_user(identity), identity, now) ||
           hits(revocations, REVOKE_TOKEN, identity_token_id(identity), identity, now);
}

// ---- as JSON ----

void revocation_write(struct buf *out, const struct revocation *revocation) {
    buf_printf(out, "{\"revoke\":{\"%s\":", revocation_kind_names[revocation->kind]);
    buf_json_string(out, revocation->id.data, revocation->id.length);
    buf_printf(out, "},\"at\":%" PRIu64 ",\"until\":%" PRIu64 "}", revocation->at, revocation->until);
}

// A whole number of at most 2^53, which every JSON can say.
static bool read_time(const struct json_member *member, uint64_t *time) {
    const uint64_t most = UINT64_C(1) << 53;
    uint64_t value = 0;
    for (size_t i = 0; i < member->raw_length && value <= most; i++) {
        if (member->raw[i] < '0' || member->raw[i] > '9') {
            return false;
        }
        value = value * 10 + (uint64_t)(member->raw[i] - '0');
    }
    *time = value;
    return member->type == JSON_NUMBER && value <= most;
}

// Exactly one of the kinds.
static bool read_target(struct json_reader *reader, struct span object, struct revocation *revocation,
                        char *scratch) {
    struct json_member targets[REVOKE_KINDS];
    if (json_read(reader, object.data, object.length, revocation_kind_names, REVOKE_KINDS, targets) !=
        JSON_OK) {
        return false;
    }
    enum revocation_kind kind = targets[REVOKE_TOKEN].type == JSON_ABSENT ? REVOKE_USER : REVOKE_TOKEN;
    const struct json_member *target = &targets[kind];
    bool alone = kind == REVOKE_USER || targets[REVOKE_USER].type == JSON_ABSENT;
    if (!alone || target->type != JSON_STRING || !target->text ||
        !is_id((struct span){target->text, target->text_length})) {
        return false;
    }
    memcpy(scratch, target->text, target->text_length);
    revocation->kind = kind;
    revocation->id = (struct span){scratch, target->text_length};
    return true;
}

bool revocation_read(struct revocation *revocation, struct span text, char *scratch) {
    enum { REVOKE, AT, UNTIL, NAMES };
    static const char *const names[NAMES] = {"revoke", "at", "until"};
    struct json_member members[NAMES];
    struct json_reader *reader = json_reader_new();
    bool well = reader && json_read(reader, text.data, text.length, names, NAMES, members) == JSON_OK &&
                members[REVOKE].type == JSON_OBJECT && read_time(&members[AT], &revocation->at) &&
                read_time(&members[UNTIL], &revocation->until) &&
                read_target(reader, (struct span){members[REVOKE].raw, members[REVOKE].raw_length},
                            revocation, scratch);
    json_reader_free(reader);
    return well;
}
