// SPDX-License-Identifier: MIT
// The table of all cases, gone through. Pure.
#pragma once

#include <stdbool.h>

#include "check.h"

struct case_at { // zeroed: in front of the first
    const struct check_group *group;
    const struct check_case *item;
};
bool cases_next(struct case_at *at); // false: there are no more

enum check_table cases_table(const struct check_case *item);

bool cases_knows(const char *name); // of a case, or of a group
bool cases_is_group(const char *name);
const char *cases_nearest(const char *name); // the one that was meant perhaps; NULL: none is near
