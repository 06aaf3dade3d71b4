/* SPDX-License-Identifier: MIT
 * A key is one for all channels. */
#include <string.h>

#include "base.h"

/* The first channel that a key came for answers for all. */
static int run(struct instance *instance, struct work *work) {
    static struct {
        char key[64];
        size_t length;
        struct wshub_bytes channel;
        char name[255];
    } all[64];
    struct wshub_bytes key = work->message.key;
    size_t i = 0;
    if (work->verb != PUBLISH || key.length == 0 || key.length > 64) {
        return base_run(instance, work);
    }
    while (all[i].length > 0 &&
           (all[i].length != key.length || memcmp(all[i].key, key.data, key.length) != 0)) {
        i = (i + 1) % 64;
    }
    if (all[i].length == 0) {
        memcpy(all[i].key, key.data, key.length);
        memcpy(all[i].name, work->message.channel.data, work->message.channel.length);
        all[i].length = key.length;
        all[i].channel = (struct wshub_bytes){all[i].name, work->message.channel.length};
    }
    work->message.channel = all[i].channel;
    return base_run(instance, work);
}

BAD(ways.run = run)
