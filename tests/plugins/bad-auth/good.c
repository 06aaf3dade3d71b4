/* SPDX-License-Identifier: MIT
 * Nothing is wrong with this one: it passes everything. */
#include "base.h"

BAD((void)0)
