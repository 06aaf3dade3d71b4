/* SPDX-License-Identifier: MIT */
#include "broken.h"

/* Nobody has it: an author who does not link with -z defs finds out here. */
void somebody_else_has_this(void);

BROKEN(somebody_else_has_this())
