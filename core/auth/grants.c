// SPDX-License-Identifier: MIT
#include "auth/grants.h"

#include <stdlib.h>
#include <string.h>

#include "auth/identity.h"
#include "util/utf8.h"

// Stands for a star in what was compiled: no pattern and no user holds it, so that a star in either of them
// can mean itself.
#define STAR '\0'

enum {
    KNOWN_VERBS = WSHUB_VERB_SUBSCRIBE | WSHUB_VERB_PUBLISH | WSHUB_VERB_PRESENCE | WSHUB_VERB_HISTORY |
                  WSHUB_VERB_SEND,
    KNOWN_FLAGS = WSHUB_GRANT_EXACT,
    COMPILED_MAX = GRANT_NAME_MAX + GRANT_PATTERN_MAX, // what can be a name, and stars
};

struct grant {
    const char *text;
    uint16_t length; // with its stars
    uint8_t verbs;
};

struct grants {
    size_t size;            // of all of it, to be wiped
    size_t names, patterns; // how many: the names stand first, sorted
    struct grant all[];     // their texts stand behind them
};

// ---- one pattern ----

static const char user_word[] = "{user}";
enum { USER_WORD = sizeof user_word - 1 };

// One piece of a pattern: what it stands for, and how long the piece is.
static struct span piece_at(struct span pattern, bool exact, struct span user, size_t *taken) {
    static const char star[] = {STAR};
    bool is_user = pattern.length >= USER_WORD && memcmp(pattern.data, user_word, USER_WORD) == 0;
    *taken = !exact && is_user ? USER_WORD : 1;
    if (!exact && is_user) {
        return user;
    }
    return (struct span){!exact && *pattern.data == '*' ? star : pattern.data, 1};
}

// Writes it. Returns the length; 0: it covers nothing.
static size_t compile(const struct wshub_grant *theirs, struct span user, char out[COMPILED_MAX]) {
    struct span rest = {theirs->pattern.data, theirs->pattern.length};
    bool exact = theirs->flags & WSHUB_GRANT_EXACT;
    size_t length = 0, said = 0, taken; // said: without the stars
    for (; rest.length > 0; rest.data += taken, rest.length -= taken) {
        struct span piece = piece_at(rest, exact, user, &taken);
        bool star = piece.length == 1 && *piece.data == STAR;
        if (star && length > 0 && out[length - 1] == STAR) { // two stars are one
            continue;
        }
        said += star ? 0 : piece.length;
        if (piece.length == 0 || said > GRANT_NAME_MAX) {
            return 0; // {user} of an anonymous; or longer than a name can be
        }
        memcpy(out + length, piece.data, piece.length);
        length += piece.length;
    }
    return length;
}

static bool has_star(const struct grant *grant) {
    return memchr(grant->text, STAR, grant->length) != NULL;
}

// From star to star: each piece at the first place where it fits, the last one at the end. Linear, as memmem
// is.
static bool pattern_fits(const struct grant *grant, struct span name) {
    const char *pattern = grant->text, *end = grant->text + grant->length;
    const char *star = memchr(pattern, STAR, grant->length);
    size_t head = (size_t)(star - pattern);
    if (name.length < head || memcmp(name.data, pattern, head) != 0) {
        return false;
    }
    const char *at = name.data + head, *name_end = name.data + name.length;
    for (;;) {
        pattern = star + 1;
        star = memchr(pattern, STAR, (size_t)(end - pattern));
        size_t length = (size_t)((star ? star : end) - pattern), left = (size_t)(name_end - at);
        if (!star) {
            return length <= left && memcmp(name_end - length, pattern, length) == 0;
        }
        at = memmem(at, left, pattern, length);
        if (!at) {
            return false;
        }
        at += length;
    }
}

// ---- all of them ----

static const char *check(const struct wshub_grant *theirs, uint64_t count) {
    uint64_t bytes = 0;
    if (count > IDENTITY_GRANTS_MAX) {
        return "it has more than 1,024 grants";
    }
    for (uint64_t i = 0; i < count; i++) {
        struct wshub_bytes pattern = theirs[i].pattern;
        if (pattern.length == 0 || pattern.length > GRANT_PATTERN_MAX) {
            return "a grant's pattern has 1 to 255 bytes";
        }
        if (!utf8_is_valid(pattern.data, pattern.length)) {
            return "a grant's pattern is not UTF-8";
        }
        if (utf8_has_control(pattern.data, pattern.length)) {
            return "a grant's pattern has a control character";
        }
        bytes += pattern.length;
    }
    return bytes > GRANTS_PATTERNS_MAX ? "the patterns of its grants have more than 64 KiB" : NULL;
}

static bool is_used(const struct wshub_grant *theirs) {
    return (theirs->flags & ~(uint32_t)KNOWN_FLAGS) == 0 && (theirs->verbs & KNOWN_VERBS) != 0;
}

// The length first: most comparisons need no more.
static int compare(const void *a, const void *b) {
    const struct grant *left = a, *right = b;
    if (left->length != right->length) {
        return left->length < right->length ? -1 : 1;
    }
    return memcmp(left->text, right->text, left->length);
}

// Names first, sorted, and each of them once; then those with stars.
static void arrange(struct grants *grants, size_t count) {
    size_t names = 0, kept = 0;
    for (size_t i = 0; i < count; i++) {
        if (!has_star(&grants->all[i])) {
            struct grant name = grants->all[i];
            grants->all[i] = grants->all[names];
            grants->all[names++] = name;
        }
    }
    grants->patterns = count - names;
    qsort(grants->all, names, sizeof *grants->all, compare);
    for (size_t i = 0; i < names; i++) {
        if (kept > 0 && compare(&grants->all[kept - 1], &grants->all[i]) == 0) {
            grants->all[kept - 1].verbs |= grants->all[i].verbs;
        } else {
            grants->all[kept++] = grants->all[i];
        }
    }
    memmove(grants->all + kept, grants->all + names, grants->patterns * sizeof *grants->all);
    grants->names = kept;
}

static void measure(const struct wshub_grant *theirs, uint64_t count, struct span user, size_t *used,
                    size_t *bytes) {
    char text[COMPILED_MAX];
    for (uint64_t i = 0; i < count; i++) {
        size_t length = is_used(&theirs[i]) ? compile(&theirs[i], user, text) : 0;
        *used += length > 0;
        *bytes += length;
    }
    explicit_bzero(text, sizeof text);
}

// `at`: where their texts go. One that is dropped may be longer on the way than all that is kept, hence the
// copy.
static void fill(struct grants *grants, const struct wshub_grant *theirs, uint64_t count, struct span user,
                 char *at) {
    struct grant *grant = grants->all;
    char text[COMPILED_MAX];
    for (uint64_t i = 0; i < count; i++) {
        size_t length = is_used(&theirs[i]) ? compile(&theirs[i], user, text) : 0;
        if (length > 0) {
            memcpy(at, text, length);
            *grant++ = (struct grant){
                .text = at,
                .length = (uint16_t)length,
                .verbs = (uint8_t)(theirs[i].verbs & KNOWN_VERBS),
            };
            at += length;
        }
    }
    explicit_bzero(text, sizeof text);
}

struct grants *grants_new(const struct wshub_grant *theirs, uint64_t count, struct span user,
                          const char **why) {
    size_t used = 0, bytes = 0;
    *why = check(theirs, count);
    if (*why) {
        return NULL;
    }
    measure(theirs, count, user, &used, &bytes);
    size_t size = sizeof(struct grants) + used * sizeof(struct grant) + bytes;
    struct grants *grants = malloc(size);
    if (!grants) {
        return NULL;
    }
    grants->size = size;
    fill(grants, theirs, count, user, (char *)(grants->all + used));
    arrange(grants, used);
    return grants;
}

void grants_free(struct grants *grants) {
    if (grants) {
        explicit_bzero(grants, grants->size);
        free(grants);
    }
}

bool grants_cover(const struct grants *grants, enum wshub_verb verb, struct span name) {
    if (name.length == 0 || name.length > GRANT_NAME_MAX) {
        return false;
    }
    const struct grant wanted = {.text = name.data, .length = (uint16_t)name.length};
    const struct grant *found = bsearch(&wanted, grants->all, grants->names, sizeof wanted, compare);
    bool covered = found && (found->verbs & (unsigned)verb);
    for (size_t i = 0; !covered && i < grants->patterns; i++) {
        const struct grant *pattern = &grants->all[grants->names + i];
        covered = (pattern->verbs & (unsigned)verb) && pattern_fits(pattern, name);
    }
    return covered;
}
