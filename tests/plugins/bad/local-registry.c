/* SPDX-License-Identifier: MIT
 * Each instance has a registry of its own. */
#include <stdio.h>
#include <string.h>

#include "base.h"

static struct wshub_bytes own_name(struct instance *instance, struct work *work, char name[256]) {
    int length = snprintf(name, 256, "%.*s@%p", (int)work->message.channel.length,
                          (const char *)work->message.channel.data, (void *)instance);
    return (struct wshub_bytes){name, (size_t)length};
}

static int run(struct instance *instance, struct work *work) {
    char name[256];
    if (work->verb == SET || work->verb == GET || work->verb == DELETE || work->verb == HEARTBEAT) {
        work->message.channel = own_name(instance, work, name);
    }
    return base_run(instance, work);
}

static void found(struct instance *to, struct work *work, struct wshub_bytes key, struct wshub_bytes value) {
    const char *at = memchr(key.data, '@', key.length);
    key.length = (size_t)(at - (const char *)key.data);
    to->host->entry(to->host->self, work->token, key, value);
}

BAD((ways.run = run, ways.found = found))
