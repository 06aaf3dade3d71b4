// SPDX-License-Identifier: MIT
#include "plugin/watchdog.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "plugin/host.h"
#include "plugin/plugin.h"
#include "util/log.h"

struct watchdog {
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t condition;
    bool over;
    const struct host_setup *setup;
    const char *slot;
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
    const struct host_setup *setup = watchdog->setup;
    const struct host_words *words = setup->words;
    bool is_open = strcmp(watchdog->slot, "open") == 0;
    char reason[128];
    snprintf(reason, sizeof reason, "%s() has not returned within %llu ms (%s): it must not block",
             watchdog->slot, (unsigned long long)setup->timeout, words->timeout);
    log_event(setup->log, LOG_ERROR, is_open ? words->unopened : words->unclosed,
              (const struct log_field[]){log_text(words->field, setup->name),
                                         log_text("plugin", setup->plugin->about.name),
                                         log_text("file", setup->plugin->file), log_text("reason", reason)},
              4);
    _exit(1);
}

static void *watch(void *context) {
    struct watchdog *watchdog = context;
    struct timespec end = in_future(watchdog->setup->timeout);
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

struct watchdog *watchdog_start(const struct host_setup *setup, const char *slot) {
    struct watchdog *watchdog = calloc(1, sizeof *watchdog);
    pthread_condattr_t attributes;
    if (!watchdog) {
        return NULL;
    }
    watchdog->setup = setup;
    watchdog->slot = slot;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&watchdog->condition, &attributes);
    pthread_condattr_destroy(&attributes);
    pthread_mutex_init(&watchdog->mutex, NULL);
    if (pthread_create(&watchdog->thread, NULL, watch, watchdog) != 0) {
        pthread_cond_destroy(&watchdog->condition);
        pthread_mutex_destroy(&watchdog->mutex);
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
