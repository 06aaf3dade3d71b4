// SPDX-License-Identifier: MIT
// The case in front of all cases: the plugin loads, the configuration is right for it, and its text is what
// the report says of the plugin.
#pragma once

#include <stdbool.h>

#include "check.h"

extern const struct check_case about_case;

void about_set(bool json); // how it shall say it; before the case runs
