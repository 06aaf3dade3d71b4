// SPDX-License-Identifier: MIT
#include "cases/process.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "host/memory.h"

enum {
    SETTLING_MS = 2000, // as check.c waits for threads
    GROWTH = 256 * 1024 // bytes of one round: the kit has pages of its own for each host
};

static size_t count_entries(const char *path) {
    DIR *folder = opendir(path);
    size_t count = 0;
    while (folder && readdir(folder)) {
        count++;
    }
    if (folder) {
        closedir(folder);
    }
    return count;
}

// Pages that were written to, of the heap and of any mapping: what is only reserved costs nothing, and the C
// library reserves a lot for each thread. The sanitizers map as they like.
static size_t count_resident(void) {
    FILE *file = MEMORY_IS_OURS ? fopen("/proc/self/smaps_rollup", "re") : NULL;
    char line[256];
    unsigned long long kilobytes = 0;
    while (file && fgets(line, sizeof line, file) && sscanf(line, "Anonymous: %llu kB", &kilobytes) != 1) {
    }
    if (file) {
        fclose(file);
    }
    return (size_t)kilobytes * 1024;
}

struct process_use process_use(void) {
    struct memory_live live = memory_live();
    return (struct process_use){
        .descriptors = count_entries("/proc/self/fd"),
        .threads = count_entries("/proc/self/task"),
        .resident = count_resident(),
        .blocks = live.blocks,
        .bytes = live.bytes,
    };
}

void process_settle(size_t threads) {
    uint64_t end = check_now() + SETTLING_MS * UINT64_C(1000000);
    while (count_entries("/proc/self/task") > threads && check_now() < end) {
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    }
}

static size_t more(size_t before, size_t after) {
    return after > before ? after - before : 0;
}

void process_compare(struct check *check, const struct process_use *before, const struct process_use *after,
                     unsigned rounds, const char *what) {
    size_t descriptors = more(before->descriptors, after->descriptors);
    size_t threads = more(before->threads, after->threads);
    size_t blocks = more(before->blocks, after->blocks), bytes = more(before->bytes, after->bytes);
    size_t resident = more(before->resident, after->resident);
    if (descriptors > 0) {
        check_fail(check, "%zu descriptor%s more after %u times %s", descriptors, descriptors == 1 ? "" : "s",
                   rounds, what);
    }
    if (threads > 0) {
        check_fail(check, "%zu thread%s more after %u times %s", threads, threads == 1 ? "" : "s", rounds,
                   what);
    }
    if (blocks >= rounds) {
        check_fail(check, "%zu blocks of memory more (%zu bytes) after %u times %s", blocks, bytes, rounds,
                   what);
    }
    if (resident >= (size_t)rounds * GROWTH) {
        check_fail(check, "%zu KiB more are in use after %u times %s", resident / 1024, rounds, what);
    }
}
