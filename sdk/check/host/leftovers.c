// SPDX-License-Identifier: MIT
#include "host/leftovers.h"

#include <dirent.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"
#include "util/buf.h"

enum { DESCRIPTORS = 1024 }; // those beyond are not told apart

struct leftovers {
    bool process; // a child, in the group of this process
    unsigned threads;
    unsigned char open[DESCRIPTORS];
};

// The kit's own children have groups of their own.
static bool has_process(void) {
    siginfo_t info;
    return waitid(P_PGID, (id_t)getpgrp(), &info, WEXITED | WNOHANG | WNOWAIT) == 0;
}

static bool take(struct leftovers *now) {
    DIR *tasks = opendir("/proc/self/task"), *files = opendir("/proc/self/fd");
    bool ok = tasks && files;
    *now = (struct leftovers){.process = has_process()};
    for (struct dirent *entry; ok && (entry = readdir(tasks));) {
        now->threads += entry->d_name[0] != '.';
    }
    for (struct dirent *entry; ok && (entry = readdir(files));) {
        int fd = entry->d_name[0] == '.' ? -1 : atoi(entry->d_name);
        if (fd >= 0 && fd < DESCRIPTORS && fd != dirfd(tasks) && fd != dirfd(files)) {
            now->open[fd] = 1;
        }
    }
    if (tasks) {
        closedir(tasks);
    }
    if (files) {
        closedir(files);
    }
    return ok;
}

struct leftovers *leftovers_new(void) {
    struct leftovers *now = malloc(sizeof *now);
    if (now && !take(now)) {
        free(now);
        now = NULL;
    }
    return now;
}

void leftovers_free(struct leftovers *leftovers) {
    free(leftovers);
}

static unsigned more_descriptors(const struct leftovers *before, const struct leftovers *now) {
    unsigned count = 0;
    for (int fd = 0; fd < DESCRIPTORS; fd++) {
        count += now->open[fd] && !before->open[fd];
    }
    return count;
}

static void put_descriptors(const struct leftovers *before, const struct leftovers *now, unsigned count,
                            struct buf *out) {
    const char *between = " (";
    buf_printf(out, "%u descriptor%s", count, count == 1 ? "" : "s");
    for (int fd = 0; fd < DESCRIPTORS; fd++) {
        char link[32], target[PATH_MAX];
        if (!now->open[fd] || before->open[fd]) {
            continue;
        }
        snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
        ssize_t length = readlink(link, target, sizeof target - 1);
        buf_printf(out, "%s%d: %.*s", between, fd, length > 0 ? (int)length : 1, length > 0 ? target : "?");
        between = ", ";
    }
    buf_puts(out, ")");
}

static bool has_more(const struct leftovers *before, const struct leftovers *now) {
    return now->threads > before->threads || now->process > before->process ||
           more_descriptors(before, now) > 0;
}

static void put(const struct leftovers *before, const struct leftovers *now, struct buf *out) {
    unsigned threads = now->threads > before->threads ? now->threads - before->threads : 0;
    unsigned descriptors = more_descriptors(before, now);
    if (threads > 0) {
        buf_printf(out, "%u thread%s", threads, threads == 1 ? "" : "s");
    }
    if (descriptors > 0) {
        buf_puts(out, threads > 0 ? " and " : "");
        put_descriptors(before, now, descriptors, out);
    }
    if (now->process > before->process) {
        buf_puts(out, threads > 0 || descriptors > 0 ? " and a process" : "a process");
    }
}

void leftovers_compare(const struct leftovers *before, unsigned milliseconds, struct buf *out) {
    struct leftovers now;
    uint64_t deadline = check_now() + milliseconds * UINT64_C(1000000);
    while (take(&now) && has_more(before, &now)) {
        if (check_now() >= deadline) {
            put(before, &now, out);
            return;
        }
        poll(NULL, 0, 2); // the kernel tells nobody when it has cleared away a thread
    }
}

int leftovers_closed(const struct leftovers *before) {
    struct leftovers now;
    bool ok = take(&now);
    for (int fd = 0; ok && fd < DESCRIPTORS; fd++) {
        if (before->open[fd] && !now.open[fd]) {
            return fd;
        }
    }
    return -1;
}
