/* SPDX-License-Identifier: MIT
 * Takes any text for an address. */
#include "base.h"

BAD(base_broker.check = NULL)
