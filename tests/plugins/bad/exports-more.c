/* SPDX-License-Identifier: MIT
 * Exports a second symbol. */
#include "base.h"

WSHUB_EXPORT int helper(int number);

int helper(int number) {
    return number + 1;
}

BAD((void)0)
