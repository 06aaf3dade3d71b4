// SPDX-License-Identifier: MIT
// What the kernel says about the server's process.
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum { PROC_THREADS_MAX = 32 };

struct proc_thread {
    pid_t id;
    char name[16];
    uint64_t cpu_ns;
};

// CPU of all threads, user and system, nanoseconds, up to this instant. -1 when there is no such process.
int proc_cpu_ns(pid_t pid, uint64_t *ns);
// The same per thread, from schedstat: right to a clock tick while a thread runs, exact when it sleeps.
// Returns how many threads were found.
size_t proc_threads(pid_t pid, struct proc_thread threads[PROC_THREADS_MAX]);
// VmRSS in KiB; -1 when there is no such process.
long proc_rss_kib(pid_t pid);
