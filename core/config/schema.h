// SPDX-License-Identifier: MIT
// Every key of a configuration: the one place that says its name, type, default, range and help.
#pragma once

#include "config/keys.h"

extern const struct key schema_keys[];
