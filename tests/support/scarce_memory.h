// SPDX-License-Identifier: MIT
// Allocations that fail when a test says so. Include in the one .c file of a test program: malloc, calloc and
// realloc are then ours. Where a sanitizer owns them (or the C library is not glibc), SCARCE_MEMORY is 0 and
// the test skips.
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

#define SCARCE_MEMORY 1
#if !defined(__GLIBC__) || defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#undef SCARCE_MEMORY
#define SCARCE_MEMORY 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
#undef SCARCE_MEMORY
#define SCARCE_MEMORY 0
#endif
#endif

// Of this thread: those of the C library do not survive without memory.
static _Thread_local size_t memory_allowed = SIZE_MAX; // so many allocations succeed; SIZE_MAX: all
static _Thread_local size_t memory_largest;            // the largest single allocation asked for

static inline bool memory_take(size_t size) {
    memory_largest = size > memory_largest ? size : memory_largest;
    if (memory_allowed == 0) {
        return false;
    }
    memory_allowed -= memory_allowed != SIZE_MAX;
    return true;
}

#if SCARCE_MEMORY
#pragma GCC visibility push(default) // so that shared libraries find them too
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *old, size_t size);

void *malloc(size_t size) {
    return memory_take(size) ? __libc_malloc(size) : NULL;
}

void *calloc(size_t count, size_t size) {
    return memory_take(count * size) ? __libc_calloc(count, size) : NULL;
}

void *realloc(void *old, size_t size) {
    return memory_take(size) ? __libc_realloc(old, size) : NULL;
}
#pragma GCC visibility pop
#endif
