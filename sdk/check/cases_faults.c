// SPDX-License-Identifier: MIT
#include "check.h"

const struct check_case cases_faults[] = {
    {0},
};
