// SPDX-License-Identifier: MIT
// A network for the storm alone: a namespace in which it and the hubs are, another one for each broker, and a
// veth pair in between that can be taken down. Nothing of it is seen outside, and it is gone with the
// processes.
#pragma once

#include <stdbool.h>

#include "storm/process.h"

struct netns {
    struct process holder; // keeps the broker's namespace while the broker is restarted
    unsigned number;
    char address[16]; // of the broker
    char pid[16];     // of the holder, for nsenter
};

// Puts this process into a namespace of its own. False: this machine does not let it.
bool netns_enter(void);
// Makes the broker's, with its end of the link. -1: it could not.
int netns_add(struct netns *netns, unsigned number);
void netns_link(const struct netns *netns, bool up);
void netns_remove(struct netns *netns);
