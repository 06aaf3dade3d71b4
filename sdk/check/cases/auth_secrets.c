// SPDX-License-Identifier: MIT
// What clients show is nobody else's business: not the log's, not other clients', and not memory's.
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "auth/hostile.h"
#include "auth/search.h"
#include "cases/guard.h"
#include "check_priv.h"

// ---- words ----

static struct wshub_bytes random_text(struct check *check, const char *before) {
    char text[96];
    snprintf(text, sizeof text, "%s%016llx%016llx", before, (unsigned long long)check_random(check),
             (unsigned long long)check_random(check));
    return inquiry_keep(check, text, strlen(text));
}

// Everything in it is random, and is found wherever it is said.
static void make_told(struct check *check, struct inquiry *inquiry, enum wshub_token_source source) {
    inquiry_make(check, inquiry, random_text(check, "kit-token-"), source);
    inquiry->what = "a request that is full of secrets";
    inquiry_add_cookie(check, inquiry, bytes_of("session"), random_text(check, "kit-cookie-"));
    inquiry_add_header(check, inquiry, bytes_of("cookie"), random_text(check, "session=kit-cookie-"));
    inquiry_add_header(check, inquiry, bytes_of("authorization"), random_text(check, "Basic kit-"));
    inquiry_add_header(check, inquiry, bytes_of("x-api-key"), random_text(check, "kit-key-"));
    inquiry->request.path = random_text(check, "/kit-path-");
    if (source != WSHUB_TOKEN_QUERY) {
        inquiry->request.query = random_text(check, "session=kit-query-");
    }
}

// The host looks at every line, explanation and identity; here it has something to look for.
static void run_keeps(struct check *check) {
    struct peer *peer = guard_open(check);
    for (unsigned source = WSHUB_TOKEN_NONE; source <= WSHUB_TOKEN_MESSAGE; source++) {
        struct inquiry inquiry;
        make_told(check, &inquiry, (enum wshub_token_source)source);
        guard_ask(peer, &inquiry, "full of secrets");
        if (ask_can(peer, OPERATION_REFRESH)) {
            inquiry.slot = OPERATION_REFRESH;
            guard_ask(peer, &inquiry, "full of secrets");
        }
    }
    const struct guard *guard = guard_requests(check);
    for (size_t i = 0; i < guard->count; i++) {
        guard_ask(peer, &guard->items[i], "as configured");
        for (size_t index = 0; index < hostile_near_count(); index++) {
            struct inquiry inquiry;
            if (hostile_make_near(check, &guard->items[i], index, &inquiry)) {
                struct answer answer = ask(peer, &inquiry);
                answer_free(&answer);
            }
        }
    }
    ask_reload(peer);
    guard_do(peer, "after reload");
    peer_close(peer);
}

// ---- memory ----

static bool never(void *context) {
    (void)context;
    return false;
}

// A token that looks like one, with the marker at its end; on pages of its own that are wiped, since whatever
// the kit had copied would be found as well.
static void show_marker(struct check *check, struct peer *peer, const struct search_marker *marker,
                        const char *before) {
    const size_t length = strlen(before) + SEARCH_LENGTH;
    char *pages = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (pages == MAP_FAILED) {
        check_fail(check, "the kit has no memory left");
    }
    memcpy(pages, before, strlen(before));
    search_unveil(marker, pages + strlen(before));
    struct inquiry inquiry;
    inquiry_make(check, &inquiry, (struct wshub_bytes){0}, WSHUB_TOKEN_NONE);
    inquiry.what = "a random token";
    inquiry.secret = true;
    inquiry.request.token = (struct wshub_bytes){pages, length};
    inquiry.request.token_source = WSHUB_TOKEN_MESSAGE;
    struct answer answer = ask(peer, &inquiry);
    guard_expect(check, &inquiry, &answer, "a token that is looked for in memory");
    answer_free(&answer);
    memset(pages, 0, 4096);
    munmap(pages, 4096);
}

static unsigned count_marker(struct check *check, const struct search_marker *marker, char *where,
                             size_t size) {
    unsigned count;
    if (!search_count(marker, &count, where, size)) {
        check_skip(check, "the memory of the process cannot be read");
    }
    return count;
}

enum { LOOKS = 4, TOKENS = 2 };
static const unsigned waits[LOOKS] = {0, 10, 90, 900}; // ms

// The time of the last look that found it; -1: none did.
static int look_while_open(struct check *check, const struct search_marker *marker, unsigned *copies) {
    int last = -1;
    unsigned passed = 0;
    char where[256];
    for (int i = 0; i < LOOKS; i++) {
        check_wait_exactly(check, never, NULL, waits[i]);
        passed += waits[i];
        unsigned count = count_marker(check, marker, where, sizeof where);
        if (count == 0) {
            break;
        }
        *copies = count;
        last = (int)passed;
    }
    return last;
}

// Not a failure: a library may have made the copy, and a process that can read this memory can do worse.
static void run_forgets(struct check *check) {
    static const char *const before[TOKENS] = {"", "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiJhIn0."};
    char where[256] = "";
    struct peer *peer = guard_open(check);
    peer_set_strict(peer, true);
    guard_do(peer, "before");
    for (int i = 0; i < TOKENS; i++) {
        struct search_marker marker;
        unsigned copies = 0;
        search_make(check, &marker);
        show_marker(check, peer, &marker, before[i]);
        int last = look_while_open(check, &marker, &copies);
        if (i == TOKENS - 1) {
            peer_close(peer);
        }
        bool closed = i == TOKENS - 1 && count_marker(check, &marker, where, sizeof where) > 0;
        if (closed) {
            check_warn(
                check,
                "after close, the token of a client still stands in memory (%s): overwrite it before it "
                "is freed (explicit_bzero)",
                where[0] ? where : "a mapping without a name");
        } else if (last >= 0) {
            check_warn(check,
                       "%d ms after its decision, the token of a client still stands in memory (%u times): "
                       "keep a hash of it, if anything, and overwrite it before it is freed (explicit_bzero)",
                       last, copies);
        }
    }
}

const struct check_case cases_auth_secrets[] = {
    {"auth-keeps-secrets", "nothing that a client shows is logged, explained, or told to others", run_keeps,
     0, 0, 60},
    {"auth-forgets-tokens", "no token stays in memory when it is decided", run_forgets, 0, NEEDS_MALLOC, 60},
    {0},
};
