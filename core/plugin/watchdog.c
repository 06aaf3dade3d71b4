// SPDX-License-Identifier: MIT
#include "plugin/watchdog.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "util/log.h"

struct watchdog {
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t condition;
    bool over;
    const struct log *log;
    const char *what, *broker, *file;
    uint64_t milliseconds;
};

static struct timespec in_future(uint64_t milliseconds) {
    struct timespec when;
    clock_gettime(CLOCK_MONOTONIC, &when);
    when.tv_sec += (time_t)(milliseconds / 1000);
    when.tv_nsec += (long)(milliseconds % 1000) * 1000000;
    if (when.tv_nsec >= 1000000000) {
        when.tv_sec++;
        when.tv_nsec -= 1000000000;
    }
    return when;
}

static void give_up(const struct watchdog *watchdog) {
    char reason[128];
    snprintf(reason, sizeof reason,
             "%s() has not returned for %llu ms (timeouts.broker): it must never block", watchdog->what,
             (unsigned long long)watchdog->milliseconds);
    log_error(watchdog->log, "broker plugin hangs", log_text("broker", watchdog->broker),
              log_text("file", watchdog->file), log_text("reason", reason));
    _exit(1);
}

static void *watch(void *context) {
    struct watchdog *watchdog = context;
    struct timespec end = in_future(watchdog->milliseconds);
    int error = 0;
    pthread_mutex_lock(&watchdog->mutex);
    while (!watchdog->over && error != ETIMEDOUT) {
        error = pthread_cond_timedwait(&watchdog->condition, &watchdog->mutex, &end);
    }
    if (!watchdog->over) {
        give_up(watchdog);
    }
    pthread_mutex_unlock(&watchdog->mutex);
    return NULL;
}

struct watchdog *watchdog_start(const struct log *log, const char *what, const char *broker, const char *file,
                                uint64_t milliseconds) {
    struct watchdog *watchdog = calloc(1, sizeof *watchdog);
    pthread_condattr_t attributes;
    if (!watchdog) {
        return NULL;
    }
    watchdog->log = log;
    watchdog->what = what;
    watchdog->broker = broker;
    watchdog->file = file;
    watchdog->milliseconds = milliseconds;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&watchdog->condition, &attributes);
    pthread_condattr_destroy(&attributes);
    pthread_mutex_init(&watchdog->mutex, NULL);
    if (pthread_create(&watchdog->thread, NULL, watch, watchdog) != 0) {
        free(watchdog);
        return NULL;
    }
    return watchdog;
}

void watchdog_stop(struct watchdog *watchdog) {
    if (!watchdog) {
        return;
    }
    pthread_mutex_lock(&watchdog->mutex);
    watchdog->over = true;
    pthread_cond_signal(&watchdog->condition);
    pthread_mutex_unlock(&watchdog->mutex);
    pthread_join(watchdog->thread, NULL);
    pthread_cond_destroy(&watchdog->condition);
    pthread_mutex_destroy(&watchdog->mutex);
    free(watchdog);
}
