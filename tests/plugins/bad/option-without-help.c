/* SPDX-License-Identifier: MIT
 * Does not say what one of its options is for. */
#include "base.h"

BAD(base_options[3].help = "")
