// SPDX-License-Identifier: MIT
// The case in front of all cases: the plugin loads, the configuration is right for it, and its text is what
// the report says of the plugin.
#pragma once

#include <stdbool.h>

#include "check.h"

extern const struct check_case about_case;
// The plugin itself takes what the configuration says. Only its refusal counts: what else is wrong is found
// by the cases.
extern const struct check_case about_options;

void about_set(bool json); // how it shall say it; before the case runs
