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

bool outcome_is_sound(struct outcome *outcome) {
    bool sound = (unsigned)outcome->verdict < VERDICTS && outcome->figure_count <= OUTCOME_FIGURES &&
                 memchr(outcome->text, '\0', sizeof outcome->text) &&
                 memchr(outcome->breach, '\0', sizeof outcome->breach) &&
                 memchr(outcome->where, '\0', sizeof outcome->where);
    for (size_t i = 0; sound && i < outcome->figure_count; i++) {
        const struct figure *figure = &outcome->figures[i];
        sound = memchr(figure->name, '\0', sizeof figure->name) &&
                memchr(figure->unit, '\0', sizeof figure->unit);
    }
    if (!sound) {
        outcome_clear(outcome);
    }
    return sound;
}

void outcome_free(struct outcome *outcome) {
    if (outcome) {
        munmap(outcome, sizeof *outcome);
    }
}
