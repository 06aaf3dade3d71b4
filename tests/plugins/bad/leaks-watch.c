/* SPDX-License-Identifier: MIT
 * Closes a descriptor, and leaves its watch behind. */
#include <sys/eventfd.h>
#include <unistd.h>

#include "base.h"

static void nothing(void *context, unsigned events) {
    (void)context, (void)events;
}

static int open_and_watch(const struct wshub_host *host, void **self) {
    int status = base_open(host, self);
    if (status == WSHUB_OK) {
        struct instance *instance = *self;
        int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        instance->extra = (void *)(intptr_t)fd;
        host->watch_new(host->self, fd, nothing, NULL);
    }
    return status;
}

static void close_descriptor(void *self) {
    struct instance *instance = self;
    close((int)(intptr_t)instance->extra);
    base_close(self);
}

BAD((base_broker.open = open_and_watch, base_broker.close = close_descriptor))
