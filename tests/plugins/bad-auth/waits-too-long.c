/* SPDX-License-Identifier: MIT
 * Waits longer for its backend than the hub does for it. */
#include "base.h"

BAD(ways.patience = 300)
