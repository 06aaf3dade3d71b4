// SPDX-License-Identifier: MIT
// Asks a server on loopback whether it is ready, without ever waiting: the storm goes on meanwhile.
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct probe_words {
    const char *say, *expect; // both may be NULL: nothing to say; to be connected is enough
};

struct probe {
    int fd; // 0: none
    bool said;
    uint64_t since_ns, next_ns;
};

// One step; true when the answer has begun as expected. To be called every few ms until then.
bool probe_step(struct probe *probe, const char *address, uint16_t port, const struct probe_words *words,
                uint64_t now_ns);
void probe_end(struct probe *probe);
