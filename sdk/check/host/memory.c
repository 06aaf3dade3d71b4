// SPDX-License-Identifier: MIT
// The blocks of the plugin stand in a set of addresses rather than behind headers of our own: what is given
// out is glibc's, so that malloc_usable_size and whatever else a library knows of it stay right.
#include "host/memory.h"

#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

static _Thread_local enum memory_side side;
static _Thread_local bool is_case;

// malloc has no context to be passed: this is the program's one.
static struct {
    atomic_ullong nth, asked;
    atomic_bool failed, threads, others;
#if MEMORY_IS_OURS
    pthread_mutex_t lock;
    void **slots; // open addressing; NULL: free
    size_t size;  // a power of two
    struct memory_live live;
#endif
} all = {
#if MEMORY_IS_OURS
    .lock = PTHREAD_MUTEX_INITIALIZER
#else
    .failed = false
#endif
};

enum memory_side memory_enter(enum memory_side next) {
    enum memory_side before = side;
    side = next;
    return before;
}

void memory_begin(void) {
    is_case = true;
}

void memory_fail_at(uint64_t nth) {
    atomic_store(&all.nth, 0);
    if (nth > 0) {
        atomic_store(&all.asked, 0);
        atomic_store(&all.failed, false);
        atomic_store(&all.nth, nth);
    }
}

void memory_fail_threads(bool too) {
    atomic_store(&all.threads, too);
}

bool memory_has_threads(void) {
    return atomic_load(&all.others);
}

void memory_forget_threads(void) {
    atomic_store(&all.others, false);
}

bool memory_failed(void) {
    return atomic_load(&all.failed);
}

uint64_t memory_asked(void) {
    return atomic_load(&all.asked);
}

#if MEMORY_IS_OURS

#pragma GCC visibility push(default) // so that shared libraries find them too
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *old, size_t size);
void *__libc_memalign(size_t alignment, size_t size);
void __libc_free(void *block);

// ---- the set of the plugin's blocks; under the lock ----

static size_t place_of(const void *block) {
    return (size_t)(((uintptr_t)block >> 4) * UINT64_C(0x9E3779B97F4A7C15) >> 20) & (all.size - 1);
}

static void put(void *block) {
    size_t i = place_of(block);
    while (all.slots[i]) {
        i = (i + 1) & (all.size - 1);
    }
    all.slots[i] = block;
}

// Large from the start, though hardly any of it is touched: growing takes a time that would be the plugin's.
enum { FIRST = 1 << 21 };

// False: no memory; then the block is not counted.
static bool grow(void) {
    size_t before = all.size;
    size_t size = before ? before * 2 : FIRST;
    void **old = all.slots, **slots = __libc_calloc(size, sizeof *slots);
    if (!slots) {
        return false;
    }
    all.slots = slots;
    all.size = size;
    for (size_t i = 0; i < before; i++) {
        if (old[i]) {
            put(old[i]);
        }
    }
    __libc_free(old);
    return true;
}

static void *take_in(void *block) {
    if (!block || side != MEMORY_OF_PLUGIN) {
        return block;
    }
    pthread_mutex_lock(&all.lock);
    if (all.live.blocks * 2 < all.size || grow()) {
        put(block);
        all.live.blocks++;
        all.live.bytes += malloc_usable_size(block);
    }
    pthread_mutex_unlock(&all.lock);
    return block;
}

// Closes the gap: what stands behind it in the same run moves up to where a search begins for it.
static void remove_at(size_t gap) {
    for (size_t i = (gap + 1) & (all.size - 1); all.slots[i]; i = (i + 1) & (all.size - 1)) {
        size_t home = place_of(all.slots[i]);
        if (((i - home) & (all.size - 1)) >= ((i - gap) & (all.size - 1))) {
            all.slots[gap] = all.slots[i];
            gap = i;
        }
    }
    all.slots[gap] = NULL;
}

// Whoever frees it: what the plugin allocated was the plugin's.
static bool take_out(void *block) {
    bool found = false;
    if (!block) {
        return false;
    }
    pthread_mutex_lock(&all.lock);
    for (size_t i = all.size ? place_of(block) : 0; all.size && all.slots[i]; i = (i + 1) & (all.size - 1)) {
        if (all.slots[i] == block) {
            remove_at(i);
            all.live.blocks--;
            all.live.bytes -= malloc_usable_size(block);
            found = true;
            break;
        }
    }
    pthread_mutex_unlock(&all.lock);
    return found;
}

struct memory_live memory_live(void) {
    pthread_mutex_lock(&all.lock);
    struct memory_live live = all.live;
    pthread_mutex_unlock(&all.lock);
    return live;
}

// ---- the family ----

static bool fails(void) {
    if (side == MEMORY_OF_PLUGIN && !is_case) {
        atomic_store_explicit(&all.others, true, memory_order_relaxed);
    }
    if (side != MEMORY_OF_PLUGIN || atomic_load_explicit(&all.nth, memory_order_relaxed) == 0 ||
        !(is_case || atomic_load(&all.threads))) {
        return false;
    }
    if (atomic_fetch_add(&all.asked, 1) + 1 != atomic_load(&all.nth)) {
        return false;
    }
    atomic_store(&all.failed, true);
    errno = ENOMEM;
    return true;
}

void *malloc(size_t size) {
    return fails() ? NULL : take_in(__libc_malloc(size));
}

void *calloc(size_t count, size_t size) {
    return fails() ? NULL : take_in(__libc_calloc(count, size));
}

void free(void *block) {
    int before = errno;
    take_out(block);
    __libc_free(block);
    errno = before;
}

void *realloc(void *old, size_t size) {
    if (!old) {
        return malloc(size);
    }
    if (size == 0) {
        free(old);
        return NULL;
    }
    if (fails()) {
        return NULL;
    }
    bool was_theirs = take_out(old);
    void *block = __libc_realloc(old, size);
    enum memory_side before = memory_enter(was_theirs ? MEMORY_OF_PLUGIN : side);
    take_in(block ? block : old);
    side = before;
    return block;
}

void *memalign(size_t alignment, size_t size) {
    return fails() ? NULL : take_in(__libc_memalign(alignment, size));
}

void *aligned_alloc(size_t alignment, size_t size) {
    return memalign(alignment, size);
}

int posix_memalign(void **out, size_t alignment, size_t size) {
    if (alignment % sizeof(void *) != 0 || (alignment & (alignment - 1)) != 0 || alignment == 0) {
        return EINVAL;
    }
    int before = errno;
    void *block = memalign(alignment, size);
    errno = before;
    if (!block) {
        return ENOMEM;
    }
    *out = block;
    return 0;
}
#pragma GCC visibility pop

bool memory_grants(void) {
    enum memory_side before = memory_enter(MEMORY_OF_PLUGIN);
    bool granted = !fails();
    memory_enter(before);
    return granted;
}

#else

struct memory_live memory_live(void) {
    return (struct memory_live){0};
}

bool memory_grants(void) {
    return true;
}

#endif
