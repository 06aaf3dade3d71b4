// SPDX-License-Identifier: MIT
// The channels that a peer has ever asked for, and what of them is subscribed.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "util/map.h"

#include "wshub/message.h"

struct topic {
    bool subscribed; // confirmed, and not unsubscribed since
    bool hidden;     // the kit's own: cases do not see what arrives
    bool restoring;  // asked for anew after a new session, and not confirmed yet
    bool again;      // that failed
    size_t length;
    UT_hash_handle hh;
    char name[];
};

struct topics { // zeroed: none
    struct topic *all;
};

struct topic *topics_find(const struct topics *topics, struct wshub_bytes name); // NULL: not there
struct topic *topics_add(struct topics *topics, struct wshub_bytes name); // or finds it. NULL: no memory
void topics_free(struct topics *topics);
