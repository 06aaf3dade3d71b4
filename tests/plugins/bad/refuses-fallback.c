/* SPDX-License-Identifier: MIT
 * Does not take what it says itself when nothing is said. */
#include "base.h"

BAD(base_options[0].fallback = "here")
