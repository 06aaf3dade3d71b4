/* SPDX-License-Identifier: MIT
 * Wants to be asked, and has no slot for it. */
#include "base.h"

BAD(base_auth.authorize = NULL)
