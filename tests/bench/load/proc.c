// SPDX-License-Identifier: MIT
#include "load/proc.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

int proc_cpu_ns(pid_t pid, uint64_t *ns) {
    clockid_t clock;
    struct timespec cpu;
    // The CPU clock of another process: no ticks, and unlike schedstat it counts the slice that is running
    // now.
    if (clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &cpu) != 0)
        return -1;
    *ns = (uint64_t)cpu.tv_sec * 1000000000u + (uint64_t)cpu.tv_nsec;
    return 0;
}

static int read_line(pid_t pid, const char *thread, const char *file, char *line, int room) {
    char path[300];
    snprintf(path, sizeof path, "/proc/%d/task/%s/%s", (int)pid, thread, file);
    FILE *in = fopen(path, "re");
    if (!in)
        return -1;
    char *got = fgets(line, room, in);
    fclose(in);
    if (!got)
        return -1;
    line[strcspn(line, "\n")] = '\0';
    return 0;
}

static int read_thread(pid_t pid, const char *id, struct proc_thread *thread) {
    char line[96];
    if (read_line(pid, id, "schedstat", line, sizeof line) < 0 ||
        read_line(pid, id, "comm", thread->name, sizeof thread->name) < 0)
        return -1;
    thread->id = (pid_t)strtol(id, NULL, 10);
    thread->cpu_ns = strtoull(line, NULL, 10);
    return 0;
}

size_t proc_threads(pid_t pid, struct proc_thread threads[PROC_THREADS_MAX]) {
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/task", (int)pid);
    DIR *tasks = opendir(path);
    if (!tasks)
        return 0;
    size_t count = 0;
    struct dirent *entry;
    while (count < PROC_THREADS_MAX && (entry = readdir(tasks)))
        if (entry->d_name[0] != '.' && read_thread(pid, entry->d_name, &threads[count]) == 0)
            count++;
    closedir(tasks);
    return count;
}

long proc_rss_kib(pid_t pid) {
    char path[64], line[128];
    snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
    FILE *in = fopen(path, "re");
    if (!in)
        return -1;
    long kib = -1;
    while (kib < 0 && fgets(line, sizeof line, in))
        if (strncmp(line, "VmRSS:", 6) == 0)
            kib = strtol(line + 6, NULL, 10);
    fclose(in);
    return kib;
}
