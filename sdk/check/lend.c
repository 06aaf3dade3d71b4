// SPDX-License-Identifier: MIT
#include "lend.h"

#include <stdalign.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "check.h"

enum { POISON = 0xA5, KEPT = 64, KEPT_BYTES_MAX = 256 * 1024 };

// The process has one case, and memory that was lent belongs to nobody: so here it is.
static struct kept {
    unsigned char *memory;
    size_t size;
    const char *slot;
} kept[KEPT];
static unsigned next_kept;

static size_t page_size(void) {
    return (size_t)sysconf(_SC_PAGESIZE);
}

static size_t pages_of(size_t bytes) {
    size_t page = page_size();
    return (bytes + page - 1) / page * page;
}

bool lend_begin(struct lent *lent, size_t bytes, size_t pieces, bool strict) {
    *lent = (struct lent){.size = bytes + pieces * alignof(max_align_t), .strict = strict};
    if (!strict) {
        lent->memory = malloc(lent->size);
        return lent->memory;
    }
    // One page more, which nobody may touch, right behind the last byte.
    size_t size = pages_of(lent->size);
    char *pages = mmap(NULL, size + page_size(), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (pages == MAP_FAILED) {
        return false;
    }
    mprotect(pages + size, page_size(), PROT_NONE);
    lent->memory = pages;
    lent->used = (size - lent->size) / alignof(max_align_t) * alignof(max_align_t);
    lent->size = size;
    return true;
}

void *lend_copy(struct lent *lent, const void *data, size_t length) {
    size_t room = (length + alignof(max_align_t) - 1) / alignof(max_align_t) * alignof(max_align_t);
    char *copy = lent->memory + lent->used;
    lent->used += room;
    if (length > 0) {
        memcpy(copy, data, length);
    }
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
        // Unmapped, the addresses could be given to somebody else: they stay taken, and hold no memory.
        mmap(lent->memory, lent->size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE, -1,
             0);
        return;
    }
    memset(lent->memory, POISON, lent->size);
    if (lent->size <= KEPT_BYTES_MAX) {
        keep(check, (unsigned char *)lent->memory, lent->size, slot);
    } else {
        free(lent->memory);
    }
}
