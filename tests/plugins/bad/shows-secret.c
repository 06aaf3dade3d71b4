/* SPDX-License-Identifier: MIT
 * Its password is an option like any other. */
#include "base.h"

BAD(base_options[6].flags = 0)
