// SPDX-License-Identifier: MIT
// What is known of a case when its process is gone. Stands in memory that the case's process and the runner's
// share, so that it is there after a crash too: written by the case, read by the runner once it has ended.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "check.h"

enum { OUTCOME_TEXT = 4096, OUTCOME_FIGURES = 24, OUTCOME_NAME = 48, OUTCOME_WHERE = 96 };

struct figure {
    char name[OUTCOME_NAME];
    char unit[OUTCOME_NAME];
    double value;
};

struct outcome {
    bool ended; // it came to its verdict; without this it crashed
    enum verdict verdict;
    char text[OUTCOME_TEXT];
    char breach[OUTCOME_TEXT]; // the first one, which a crash must not hide
    char where[OUTCOME_WHERE]; // the slot or callback of the plugin that was called last
    bool inside;               // which had not returned
    bool foreign;              // skipped: it is about a table that the plugin does not have
    bool unloadable;           // the loader has refused the plugin
    bool faulted;              // memory was touched at `address` that is not there
    bool lent;                 // which was lent to a slot
    uint64_t address;
    size_t figure_count;
    struct figure figures[OUTCOME_FIGURES];
    uint64_t milliseconds; // filled in by the runner
};

struct outcome *outcome_new(void); // NULL: no memory
void outcome_clear(struct outcome *outcome);
// What a plugin that writes anywhere may have done to it. False: it makes no sense any more, and was cleared.
bool outcome_is_sound(struct outcome *outcome);
void outcome_free(struct outcome *outcome);
