// SPDX-License-Identifier: MIT
// The malloc family of this program: what the plugin allocates is counted, and can be made to fail. "The
// plugin" is whatever runs in its slots and callbacks, and on threads that are not the kit's; what the kit
// does for itself in between is neither counted nor made to fail.
//
// Where a sanitizer owns malloc (or the C library is not glibc), MEMORY_IS_OURS is 0, and nothing is counted:
// cases that need it say NEEDS_MALLOC.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h> // __GLIBC__

#define MEMORY_IS_OURS 1
#if !defined(__GLIBC__) || defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#undef MEMORY_IS_OURS
#define MEMORY_IS_OURS 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
#undef MEMORY_IS_OURS
#define MEMORY_IS_OURS 0
#endif
#endif

struct memory_live {
    size_t blocks;
    size_t bytes;
};

// What the plugin has allocated and not freed, since the process began. [any thread]
struct memory_live memory_live(void);

// From now on the nth allocation of the plugin fails (1: the next one), and no other; 0: none does any more,
// and what was counted stays.
void memory_fail_at(uint64_t nth);
// Whether allocations of threads other than the case's count too; at first they do not, because which one is
// the nth would be chance.
void memory_fail_threads(bool too);
// Whether a thread other than the case's has asked for memory since memory_forget_threads.
bool memory_has_threads(void);
void memory_forget_threads(void);
bool memory_failed(void); // between memory_fail_at and its end
// How many allocations were asked for in that time: a sweep is at its end when the nth did not fail.
uint64_t memory_asked(void);

// ---- the kit's own ----

// A service of the host that would need memory asks first, as if that were an allocation of the plugin's:
// false when it is the one that fails.
bool memory_grants(void);

// Whose allocations those of this thread are: threads begin as the plugin's. Returns what it was before.
enum memory_side { MEMORY_OF_PLUGIN, MEMORY_OF_KIT };
enum memory_side memory_enter(enum memory_side side);
void memory_begin(void); // on the case's thread: its allocations can be made to fail
