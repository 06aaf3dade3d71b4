/* SPDX-License-Identifier: MIT
 * Starts a thread when it is loaded, before anybody has asked for one. It sleeps in the C library for ever,
 * so that it does not miss this code when that is unloaded. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base.h"

static atomic_int thread_id;

static void *wait_for_ever(void *context) {
    atomic_store(&thread_id, gettid());
    for (;;) {
        pause();
    }
    return context;
}

static bool sleeps(void) {
    char path[64], line[256] = "";
    snprintf(path, sizeof path, "/proc/self/task/%d/syscall", atomic_load(&thread_id));
    FILE *file = fopen(path, "re");
    bool known = file && fgets(line, sizeof line, file);
    if (file) {
        fclose(file);
    }
    return known && strncmp(line, "running", 7) != 0;
}

static void start(void) {
    pthread_t thread;
    if (pthread_create(&thread, NULL, wait_for_ever, NULL) != 0) {
        return;
    }
    pthread_detach(thread);
    for (int i = 0; i < 1000 && (atomic_load(&thread_id) == 0 || !sleeps()); i++) {
        base_sleep(1);
    }
}

BAD(start())
