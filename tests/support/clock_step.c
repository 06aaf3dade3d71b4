// SPDX-License-Identifier: MIT
// To be preloaded: shifts the wall clock of a process by as many seconds as the file STORM_CLOCK says, from
// one moment to the next, as an operator or a virtual machine does it. CLOCK_MONOTONIC stays as it is. A
// program without libc (such as one in Go) does not notice.
#include <dlfcn.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/time.h>
#include <time.h>

enum { LOOK_NS = 20000000 }; // between two looks at the file

typedef int (*gettime_fn)(clockid_t clock, struct timespec *now);

#define EXPORT __attribute__((visibility("default")))
EXPORT int clock_gettime(clockid_t clock, struct timespec *now);
EXPORT int gettimeofday(struct timeval *restrict now, void *restrict zone);
EXPORT time_t time(time_t *now);

static int real_gettime(clockid_t clock, struct timespec *now) {
    static _Atomic(gettime_fn) found;
    gettime_fn gettime = atomic_load(&found);
    if (!gettime) {
        void *symbol = dlsym(RTLD_NEXT, "clock_gettime");
        __builtin_memcpy(&gettime, &symbol, sizeof gettime);
        atomic_store(&found, gettime);
    }
    return gettime(clock, now);
}

static long read_shift(long unsaid) {
    const char *path = getenv("STORM_CLOCK");
    FILE *file = path ? fopen(path, "re") : NULL;
    long shift = unsaid;
    if (!file)
        return unsaid;
    if (fscanf(file, "%ld", &shift) != 1)
        shift = unsaid;
    fclose(file);
    return shift;
}

static long shift_now(void) {
    static _Atomic long shift;
    static _Atomic int64_t looked_ns;
    struct timespec now;
    real_gettime(CLOCK_MONOTONIC, &now);
    int64_t now_ns = (int64_t)now.tv_sec * 1000000000 + now.tv_nsec, before_ns = atomic_load(&looked_ns);
    if (now_ns - before_ns >= LOOK_NS && atomic_compare_exchange_strong(&looked_ns, &before_ns, now_ns))
        atomic_store(&shift, read_shift(atomic_load(&shift)));
    return atomic_load(&shift);
}

int clock_gettime(clockid_t clock, struct timespec *now) {
    int result = real_gettime(clock, now);
    if (result == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
        now->tv_sec += shift_now();
    return result;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone) {
    struct timespec precise;
    (void)zone;
    clock_gettime(CLOCK_REALTIME, &precise);
    *now = (struct timeval){precise.tv_sec, precise.tv_nsec / 1000};
    return 0;
}

time_t time(time_t *now) {
    struct timespec precise;
    clock_gettime(CLOCK_REALTIME, &precise);
    if (now)
        *now = precise.tv_sec;
    return precise.tv_sec;
}
