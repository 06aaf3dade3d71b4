// SPDX-License-Identifier: MIT
// What the capabilities of a broker are called: one line for each that the ABI has.
#pragma once

#include <stdint.h>

struct capability {    // the table ends with one without a name
    uint32_t bit;      // of enum wshub_broker_capability
    const char *name;  // as people see it
    const char *macro; // as authors of plugins write it
};

extern const struct capability capabilities[];
