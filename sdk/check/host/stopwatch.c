// SPDX-License-Identifier: MIT
#include "host/stopwatch.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "check_priv.h"

#define MILLISECOND UINT64_C(1000000)

// How much at once is not forgiven, and how many small ones are not: of many calls, some meet a busy machine.
enum { SURE = 50, OVERRUNS = 3, LAPS_FOR_ONE = 20000 };

void stopwatch_init(struct stopwatch *stopwatch) {
    *stopwatch = (struct stopwatch){.schedstat = open("/proc/thread-self/schedstat", O_RDONLY | O_CLOEXEC)};
}

static uint64_t queued(const struct stopwatch *stopwatch) {
    char text[80];
    char *end;
    ssize_t length = stopwatch->schedstat < 0 ? 0 : pread(stopwatch->schedstat, text, sizeof text - 1, 0);
    if (length <= 0) {
        return 0;
    }
    text[length] = '\0';
    strtoull(text, &end, 10);
    return strtoull(end, NULL, 10);
}

static long switches(void) {
    struct rusage usage;
    return getrusage(RUSAGE_THREAD, &usage) == 0 ? usage.ru_nvcsw : 0;
}

static uint64_t cpu(void) {
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (uint64_t)now.tv_sec * 1000 * MILLISECOND + (uint64_t)now.tv_nsec;
}

struct lap stopwatch_begin(struct stopwatch *stopwatch, const char *name, unsigned limit) {
    stopwatch->laps++;
    return (struct lap){
        .name = name,
        .cpu = cpu(),
        .queued = queued(stopwatch),
        .excluded = stopwatch->excluded,
        .carried = stopwatch->carried,
        .switches = switches(),
        .limit = limit + stopwatch->heavy,
        .wall = check_now(), // last: what stands above is not the plugin's
    };
}

static uint64_t less(uint64_t a, uint64_t b) {
    return a > b ? a - b : 0;
}

void stopwatch_carry(struct stopwatch *stopwatch, size_t bytes) {
    stopwatch->carried += bytes;
}

static unsigned limit_of(const struct check *check, const struct lap *lap) {
    return lap->limit + (unsigned)((check->stopwatch.carried - lap->carried) >> 20);
}

static void judge(struct check *check, const struct lap *lap, uint64_t took, const char *how) {
    const unsigned limit = limit_of(check, lap);
    uint64_t sure = check_scaled(limit > SURE ? limit : SURE) * MILLISECOND;
    if (took < check_scaled(limit) * MILLISECOND) {
        return;
    }
    check->stopwatch.overruns++;
    if (took >= sure || check->stopwatch.overruns >= OVERRUNS + check->stopwatch.laps / LAPS_FOR_ONE) {
        check_breach(check, "%s %s the hub thread for %.1f ms, %u are allowed", lap->name, how,
                     (double)took / 1e6, limit);
    }
}

void stopwatch_end(struct check *check, const struct lap *lap) {
    uint64_t own = check->stopwatch.excluded - lap->excluded;
    uint64_t wall = less(check_now() - lap->wall, own);
    double milliseconds = (double)wall / 1e6;
    if (milliseconds > check->stopwatch.slowest) {
        check->stopwatch.slowest = milliseconds;
    }
    if (wall < lap->limit * MILLISECOND) {
        return; // as nearly always
    }
    uint64_t used = less(cpu() - lap->cpu, own);
    uint64_t slept = less(wall, used + (queued(&check->stopwatch) - lap->queued));
    if (switches() == lap->switches) {
        slept = 0; // it was the machine
    }
    if (used >= slept) {
        judge(check, lap, used, "kept");
    } else {
        judge(check, lap, slept, "blocked");
    }
}
