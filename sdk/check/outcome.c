// SPDX-License-Identifier: MIT
#include "outcome.h"

#include <string.h>
#include <sys/mman.h>

struct outcome *outcome_new(void) {
    void *memory =
        mmap(NULL, sizeof(struct outcome), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    return memory == MAP_FAILED ? NULL : memory;
}

void outcome_clear(struct outcome *outcome) {
    memset(outcome, 0, sizeof *outcome);
}

void outcome_free(struct outcome *outcome) {
    if (outcome) {
        munmap(outcome, sizeof *outcome);
    }
}
