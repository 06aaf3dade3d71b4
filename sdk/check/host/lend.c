// SPDX-License-Identifier: MIT
#include "host/lend.h"

#include <stdalign.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "check.h"
#include "host/memory.h"

enum { POISON = 0xA5, KEPT = 64, KEPT_BYTES_MAX = 256 * 1024 };
#define ARENA_SIZE ((size_t)1 << 30) // of addresses; memory is only what is lent right now

// The process has one case, and memory that was lent belongs to nobody: so here it is.
static struct kept {
    unsigned char *memory;
    size_t size;
    const char *slot;
} kept[KEPT];
static unsigned next_kept;

// Where everything stands that is lent strictly; what was lent stays out of reach until it is all used up.
static struct {
    char *start;
    size_t used;
} arena;

static size_t page_size(void) {
    return (size_t)sysconf(_SC_PAGESIZE);
}

static size_t pages_of(size_t bytes) {
    size_t page = page_size();
    return (bytes + page - 1) / page * page;
}

// Whole pages, behind which is one that nobody may touch. NULL: no memory.
static char *take_pages(size_t size) {
    if (!arena.start) {
        void *start = mmap(NULL, ARENA_SIZE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (start == MAP_FAILED) {
            return NULL;
        }
        arena.start = start;
    }
    if (arena.used + size + page_size() > ARENA_SIZE) {
        arena.used = 0;
    }
    char *pages = arena.start + arena.used;
    if (size + page_size() > ARENA_SIZE || mprotect(pages, size, PROT_READ | PROT_WRITE) != 0) {
        return NULL;
    }
    arena.used += size + page_size();
    return pages;
}

bool lend_owns(const void *address) {
    const char *at = address;
    return arena.start && at >= arena.start && at < arena.start + ARENA_SIZE;
}

bool lend_begin(struct lent *lent, size_t bytes, size_t pieces, bool strict) {
    if (!strict) {
        size_t size = bytes + pieces * alignof(max_align_t);
        *lent = (struct lent){.size = size, .memory = malloc(size)};
        return lent->memory;
    }
    size_t size = pages_of(bytes) + pieces * 2 * page_size();
    *lent = (struct lent){.size = size, .memory = take_pages(size), .strict = true};
    return lent->memory;
}

// It ends where its pages do: whoever reads on, as if it were terminated, crashes there.
static void *copy_strictly(struct lent *lent, const void *data, size_t length) {
    size_t size = pages_of(length);
    char *end = lent->memory + lent->used + size;
    mprotect(end, page_size(), PROT_NONE);
    lent->used += size + page_size();
    if (length > 0) {
        memcpy(end - length, data, length);
    }
    mprotect(end - size, size, PROT_READ); // lent is not given
    return end - length;
}

void *lend_copy(struct lent *lent, const void *data, size_t length) {
    if (lent->strict) {
        return copy_strictly(lent, data, length);
    }
    size_t room = (length + alignof(max_align_t) - 1) / alignof(max_align_t) * alignof(max_align_t);
    char *copy = lent->memory + lent->used;
    lent->used += room;
    if (length > 0) {
        memcpy(copy, data, length);
    }
    memset(copy + length, POISON, room - length); // it is not terminated
    return copy;
}

struct wshub_bytes lend_bytes(struct lent *lent, struct wshub_bytes bytes) {
    return (struct wshub_bytes){lend_copy(lent, bytes.data, bytes.length), bytes.length};
}

static void look_at(struct check *check, const struct kept *one) {
    for (size_t i = 0; i < one->size; i++) {
        if (one->memory[i] != POISON) {
            check_breach(check, "memory that was lent to %s was written to after it had returned", one->slot);
            return;
        }
    }
}

static void keep(struct check *check, unsigned char *memory, size_t size, const char *slot) {
    struct kept *place = &kept[next_kept++ % KEPT];
    if (place->memory) {
        look_at(check, place);
        free(place->memory);
    }
    *place = (struct kept){memory, size, slot};
}

void lend_end(struct check *check, struct lent *lent, const char *slot) {
    if (lent->strict) {
        madvise(lent->memory, lent->size, MADV_DONTNEED);
        mprotect(lent->memory, lent->size, PROT_NONE);
        return;
    }
    memset(lent->memory, POISON, lent->size);
    if (lent->size <= KEPT_BYTES_MAX && MEMORY_IS_OURS) { // a sanitizer knows what was freed
        keep(check, (unsigned char *)lent->memory, lent->size, slot);
    } else {
        free(lent->memory);
    }
}
